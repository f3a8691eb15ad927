// The chat: everybody's messages on /demo, each {"from": NAME, "text": TEXT}.

import { Bayeux } from "./bayeux.js";

const CHANNEL = "/demo";
// A page that is left open must not grow for ever.
const MOST_SHOWN = 2000;

const [form, name, message, log, error, session] = ["form", "name", "message", "log", "error", "session"].map((id) =>
  document.getElementById(id),
);

// Only text ever comes out of a message: whoever sends markup sees it as text.
const textOf = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function line(data) {
  const isChat = data !== null && typeof data === "object" && "text" in data;
  const made = document.createElement("p");
  const time = element("time", "time", new Date().toLocaleTimeString());
  const from = element("b", "from", isChat ? textOf(data.from ?? "somebody") : CHANNEL);
  made.append(time, " ", from, ": ", element("span", "text", textOf(isChat ? data.text : data)));
  return made;
}

function show(messages) {
  if (messages.length === 0) return;
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const lines = document.createDocumentFragment();
  lines.append(...messages.map((it) => line(it.data)));
  log.append(lines);
  while (log.childElementCount > MOST_SHOWN) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function complain(text, field) {
  error.textContent = text;
  for (const it of [name, message]) it.toggleAttribute("aria-invalid", false);
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

// A server that wants a token takes it from the page's own address: http://localhost:8080/#token=TOKEN
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const bayeux = new Bayeux(document.documentElement.dataset.endpoint, CHANNEL, token);
bayeux.onDelivery = show;
bayeux.onState = (state, text) => {
  session.dataset.state = state;
  session.textContent = `${state}: ${text}`;
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const empty = [name, message].find((it) => it.value.trim() === "");
  if (empty) return complain("Please enter some text", empty);
  complain("");
  const text = message.value;
  message.value = "";
  message.focus();
  try {
    await bayeux.publish(CHANNEL, { from: name.value, text });
  } catch (failure) {
    complain(`Not sent: ${failure.message}`);
    // What was written meanwhile stays.
    if (message.value === "") message.value = text;
  }
});

addEventListener("pagehide", () => bayeux.leave());
// A page that comes back out of the browser's memory has left its session.
addEventListener("pageshow", (event) => event.persisted && location.reload());

name.focus();
bayeux.run();
