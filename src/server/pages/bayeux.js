// A small client of Bayeux over long-polling: a session that is opened again whenever it is lost.
//
//     handshake -> subscribe -> connect -> connect -> ...
//         ^                        |
//         +---- the server does not know the session any more (402), or asks for a handshake
//
// What it does not do: other transports, extensions, batches. Real clients are for that.

const SHORTEST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
// How long a response may take beyond the time that the server may hold it.
const PATIENCE = 10_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Why a request came to nothing. `isFinal`: another attempt would, too.
class Failure extends Error {
  constructor(message, isFinal) {
    super(message);
    this.isFinal = isFinal;
  }
}

export class Bayeux {
  #endpoint;
  #token;
  #channel;
  #clientId = null;
  #isConnected = false;
  #lastId = 0;
  #advice = {};

  // `channel` is subscribed to in every session. Set `onDelivery(messages)` and
  // `onState(state, text)`; the states are connecting, connected, lost and refused.
  constructor(endpoint, channel, token) {
    this.#endpoint = endpoint;
    this.#channel = channel;
    this.#token = token;
  }

  onDelivery = () => {};
  onState = () => {};

  // Keeps a session until the server refuses for good.
  async run() {
    let pause = SHORTEST_PAUSE;
    for (;;) {
      try {
        if (this.#clientId === null) await this.#open();
        await this.#connect();
        pause = SHORTEST_PAUSE;
      } catch (failure) {
        this.#isConnected = false;
        if (failure.isFinal) {
          this.onState("refused", failure.message);
          return;
        }
        this.onState("lost", `${failure.message}; trying again`);
        // Not all pages at once, when a server comes back.
        await sleep(pause * (0.75 + Math.random() / 2));
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  // Resolves when the server has acknowledged the message, and fails with what it says otherwise.
  async publish(channel, data) {
    if (this.#clientId === null) throw new Error("there is no session");
    const reply = await this.#send({ channel, data });
    if (!reply.successful) throw new Error(reply.error ?? "rejected");
  }

  // Tells the server that nobody is here any more. The page may be gone before it answers.
  leave() {
    if (this.#clientId === null) return;
    const message = { channel: "/meta/disconnect", clientId: this.#clientId };
    this.#fetch([message], { keepalive: true }).catch(() => {});
    this.#clientId = null;
  }

  async #open() {
    this.onState("connecting", "handshake");
    const handshake = await this.#send({
      channel: "/meta/handshake",
      version: "1.0",
      minimumVersion: "1.0",
      supportedConnectionTypes: ["long-polling"],
    });
    if (!handshake.successful) {
      const isFinal = (handshake.advice?.reconnect ?? "none") === "none";
      throw new Failure(`the handshake was refused: ${handshake.error ?? "no reason given"}`, isFinal);
    }
    this.#clientId = handshake.clientId;
    const subscribe = await this.#send({ channel: "/meta/subscribe", subscription: this.#channel });
    if (!subscribe.successful) {
      const isFinal = !this.#isLost(subscribe);
      throw new Failure(`the subscribe was refused: ${subscribe.error ?? "no reason given"}`, isFinal);
    }
    this.#tellConnected();
  }

  async #connect() {
    const message = { channel: "/meta/connect", connectionType: "long-polling" };
    // After a failure the server is not to hold it: the reply tells whether the session is still there.
    if (!this.#isConnected) message.advice = { timeout: 0 };
    const reply = await this.#send(message);
    if (!reply.successful) {
      const isFinal = !this.#isLost(reply) && reply.advice?.reconnect === "none";
      throw new Failure(reply.error ?? "the connect was refused", isFinal);
    }
    this.#tellConnected();
    await sleep(this.#advice.interval ?? 0);
  }

  #tellConnected() {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.onState("connected", `session ${this.#clientId.slice(0, 4)}…`);
  }

  // Whether the server asks for another session; then this one is gone.
  #isLost(reply) {
    const isLost = reply.advice?.reconnect === "handshake" || String(reply.error).startsWith("402");
    if (isLost) this.#clientId = null;
    return isLost;
  }

  // Sends a message and gives its reply; what was delivered along with it is handed on.
  async #send(message) {
    message.id = String(++this.#lastId);
    if (this.#clientId !== null) message.clientId = this.#clientId;
    const isConnect = message.channel === "/meta/connect";
    const hold = isConnect ? (this.#advice.timeout ?? 60_000) : 0;
    const messages = await this.#fetch([message], { signal: AbortSignal.timeout(hold + PATIENCE) });
    const isReply = (it) => it.id === message.id && "successful" in it;
    this.onDelivery(messages.filter((it) => !isReply(it) && !it.channel?.startsWith("/meta/")));
    const reply = messages.find(isReply);
    if (reply === undefined) throw new Failure("the server did not answer a message", false);
    if (reply.advice) Object.assign(this.#advice, reply.advice);
    return reply;
  }

  async #fetch(messages, options) {
    const headers = { "Content-Type": "application/json" };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    let response;
    try {
      response = await fetch(this.#endpoint, { method: "POST", headers, body: JSON.stringify(messages), ...options });
    } catch {
      throw new Failure("the server does not answer", false);
    }
    if (!response.ok) {
      const isFinal = [401, 403, 404].includes(response.status);
      throw new Failure(`the server says HTTP ${response.status}`, isFinal);
    }
    try {
      return await response.json();
    } catch {
      throw new Failure("what the server says breaks off, or is no JSON", false);
    }
  }
}
