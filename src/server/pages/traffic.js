// The list of what went to and fro: what is kept, and what of it is shown.

// What is kept is what a filter can bring back.
const MOST_KEPT = 5000;
const MOST_SHOWN = 1000;

export class Traffic {
  #log;
  #entries = [];
  #wanted = "";
  #withConnects = false;
  #n_missed = 0;

  constructor(log) {
    this.#log = log;
  }

  // What to show from now on: all that contains the text.
  filter(text, withConnects) {
    this.#wanted = text.trim().toLowerCase();
    this.#withConnects = withConnects;
    this.#log.replaceChildren();
    this.#show(this.#entries);
  }

  add(lines, n_missed) {
    const entries = lines.map((it) => ({ it, text: words(it), isConnect: it.channel === "/meta/connect" }));
    this.#n_missed += n_missed;
    this.#entries.push(...entries);
    this.#entries.splice(0, this.#entries.length - MOST_KEPT);
    this.#show(entries);
  }

  clear() {
    this.#entries = [];
    this.#n_missed = 0;
    this.#log.replaceChildren();
  }

  get counts() {
    const missed = this.#n_missed > 0 ? `, ${this.#n_missed} came too fast to be kept` : "";
    return `${this.#log.childElementCount} of ${this.#entries.length} shown${missed}`;
  }

  #show(entries) {
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const wanted = entries.filter((it) => this.#isWanted(it)).slice(-MOST_SHOWN);
    if (wanted.length === 0) return;
    const lines = document.createDocumentFragment();
    lines.append(...wanted.map(line));
    this.#log.append(lines);
    while (this.#log.childElementCount > MOST_SHOWN) this.#log.firstElementChild.remove();
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #isWanted({ text, isConnect }) {
    return (this.#withConnects || !isConnect) && text.toLowerCase().includes(this.#wanted);
  }
}

function words(line) {
  if (line.type === "remark") return `~ ${line.text}`;
  const arrow = line.dir === "in" ? "<" : ">";
  const message = line.text ?? `${line.bytes} bytes, too long to be kept`;
  return `${arrow} ${line.channel} ${line.peer} ${line.transport} ${message}`;
}

function line({ it, text }) {
  const made = document.createElement("p");
  const time = document.createElement("time");
  time.className = "time";
  time.dateTime = it.time;
  time.textContent = new Date(it.time).toLocaleTimeString();
  const what = document.createElement("span");
  what.className = it.type === "remark" ? "remark" : it.dir;
  what.textContent = text.slice(0, text.indexOf(" ", 2) + 1 || undefined);
  const rest = document.createElement("span");
  rest.textContent = text.slice(what.textContent.length);
  made.append(time, " ", what, rest);
  return made;
}
