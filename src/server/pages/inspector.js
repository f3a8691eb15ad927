// The inspector: asks the server what there is, and tells it what to do wrong.

import { Traffic } from "./traffic.js";

const API = "/inspector/api/";
const STATE_EVERY = 1000;
const TRAFFIC_EVERY = 400;

const at = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const traffic = new Traffic(at("traffic"));
let last = 0;
let isPaused = false;

// The token is kept for this tab alone, and does not stay in the address.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const token = given ?? sessionStorage.getItem("token");

async function ask(path, method = "GET") {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const signal = AbortSignal.timeout(10_000);
  let response;
  try {
    response = await fetch(API + path, { method, headers, signal });
  } catch {
    throw new Error("the server does not answer");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

// Does what a button says, and shows at once what came of it.
async function change(path, method) {
  at("error").textContent = "";
  try {
    await ask(path, method);
    await refresh();
  } catch (failure) {
    at("error").textContent = failure.message;
  }
}

// Gives a table or list its rows. A row stays as long as its key does, so that the focus does, too.
function rows(parent, items, keyOf, make, update) {
  const before = new Map([...parent.children].map((it) => [it.dataset.key, it]));
  const now = items.map((item) => {
    const key = String(keyOf(item));
    const row = before.get(key) ?? make(item);
    before.delete(key);
    row.dataset.key = key;
    update(row, item);
    return row;
  });
  for (const gone of before.values()) gone.remove();
  now.forEach((row, place) => {
    if (parent.children[place] !== row) parent.insertBefore(row, parent.children[place] ?? null);
  });
}

function cells(row, texts) {
  texts.forEach((text, place) => {
    if (row.cells[place].textContent !== text) row.cells[place].textContent = text;
  });
}

function tableRow(classes) {
  const row = document.createElement("tr");
  for (const className of classes) row.append(Object.assign(document.createElement("td"), { className }));
  return row;
}

function button(text, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", onClick);
  return made;
}

function age(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

const more = (n, listed) => (n > listed ? `${n - listed} more` : n === 0 ? "None." : "");

function showSessions({ sessions, n_sessions }) {
  const make = ({ session }) => {
    const row = tableRow(["number", "", "", "", "", "number", "number", "number", ""]);
    const end = button("End", () => change(`sessions/${session}`, "DELETE"));
    end.setAttribute("aria-label", `End session ${session}`);
    row.lastElementChild.append(end);
    return row;
  };
  rows(at("sessions"), sessions, (it) => it.session, make, (row, it) => {
    const queue = it.queue.messages === 0 ? "0" : `${it.queue.messages} (${it.queue.bytes} B)`;
    const client = it.client || "unknown";
    const { session, client_id, transport, stage, subscriptions } = it;
    cells(row, [`${session}`, client_id, client, transport, stage, age(it.age_ms), queue, `${subscriptions}`]);
  });
  at("more-sessions").textContent = more(n_sessions, sessions.length);
}

function showChannels({ channels, n_channels }) {
  rows(at("channels"), channels, (it) => it.channel, () => tableRow(["", "number", ""]), (row, it) => {
    const rest = it.n_subscribers > it.subscribers.length ? ", …" : "";
    cells(row, [it.channel, `${it.n_subscribers}`, it.subscribers.join(", ") + rest]);
  });
  at("more-channels").textContent = more(n_channels, channels.length);
}

// Those that show and those that are offered: one button each.
function showFaults({ faults, known_faults }) {
  const offered = known_faults.map((it) => it.fault);
  const all = [...known_faults, ...faults.filter((it) => !offered.includes(it)).map((fault) => ({ fault, does: "" }))];
  const make = ({ fault, does }) => {
    const item = document.createElement("li");
    const toggle = button(fault, () => {
      const isOn = toggle.getAttribute("aria-pressed") === "true";
      change(`faults/${encodeURIComponent(fault)}`, isOn ? "DELETE" : "PUT");
    });
    const explanation = document.createElement("span");
    explanation.textContent = does;
    item.append(toggle, " ", explanation);
    return item;
  };
  rows(at("faults"), all, (it) => it.fault, make, (item, { fault }) => {
    item.firstElementChild.setAttribute("aria-pressed", String(faults.includes(fault)));
  });
}

async function refresh() {
  const state = await ask("state");
  at("facts").textContent = `${state.server} as ${state.flavor}, endpoint ${state.endpoint}`;
  showSessions(state);
  showChannels(state);
  showFaults(state);
}

// One request after the other, and none while nobody looks.
async function repeat(every, work) {
  for (;;) {
    if (!document.hidden) await work();
    await sleep(every);
  }
}

function tell(state, text) {
  const said = at("session");
  said.dataset.state = state;
  // Said once: it is read out.
  if (said.textContent !== text) said.textContent = text;
}

at("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const spec = at("fault").value.trim();
  if (spec === "") {
    at("error").textContent = "Please enter a fault";
    return at("fault").focus();
  }
  change(`faults/${encodeURIComponent(spec)}`, "PUT");
});
at("forget").addEventListener("click", () => change("sessions", "DELETE"));
at("pause").addEventListener("click", (event) => {
  isPaused = !isPaused;
  event.target.setAttribute("aria-pressed", String(isPaused));
});
at("clear").addEventListener("click", () => {
  traffic.clear();
  at("counts").textContent = traffic.counts;
});
const filter = () => {
  traffic.filter(at("filter").value, at("connects").checked);
  at("counts").textContent = traffic.counts;
};
at("filter").addEventListener("input", filter);
at("connects").addEventListener("change", filter);

repeat(STATE_EVERY, async () => {
  try {
    await refresh();
    tell("connected", "The server answers.");
  } catch (failure) {
    tell("lost", `No news: ${failure.message}.`);
  }
});
repeat(TRAFFIC_EVERY, async () => {
  if (isPaused) return;
  try {
    const told = await ask(`traffic?after=${last}`);
    if (isPaused) return;
    last = told.last;
    traffic.add(told.traffic, told.missed);
    at("counts").textContent = traffic.counts;
  } catch {
    // The state says so.
  }
});
