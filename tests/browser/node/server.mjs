// `bayeux serve` as a process.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const PROGRAM = process.env.BAYEUX;
const run = promisify(execFile);

export class Server {
  #process;

  // Port 0 takes a free one; the one of a server that was stopped brings that one back.
  static async start(port = 0, options = []) {
    const server = new Server();
    const listen = ["serve", "--listen", `127.0.0.1:${port}`, "--max-interval", "5s"];
    server.#process = spawn(PROGRAM, [...listen, ...options, "-q"], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: server.#process.stdout });
    const [line] = await Promise.race([
      once(lines, "line"),
      once(server.#process, "exit").then(() => Promise.reject(new Error("bayeux serve ended at once"))),
    ]);
    server.url = new URL(line);
    return server;
  }

  page(path) {
    return new URL(path, this.url).href;
  }

  async stop() {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await ended;
  }

  async restart() {
    await this.stop();
    const next = await Server.start(this.url.port);
    this.#process = next.#process;
  }

  // A proxy before this server that records what passes; what it returns ends it.
  async recorded(file, ...rest) {
    const words = ["proxy", this.url.href, "--listen", "127.0.0.1:0", "--record", file, "-q", ...rest];
    const process = spawn(PROGRAM, words, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(process, "exit");
    const lines = createInterface({ input: process.stdout });
    const failed = ended.then(() => Promise.reject(new Error("bayeux proxy ended at once")));
    const [url] = await Promise.race([once(lines, "line"), failed]);
    failed.catch(() => {});
    const stop = async () => {
      process.kill("SIGTERM");
      await ended;
    };
    return { url, stop };
  }

  // The program as a client of this server.
  async bayeux(command, ...rest) {
    return this.through(this.url.href, command, ...rest);
  }

  async through(url, command, ...rest) {
    const { stdout } = await run(PROGRAM, [command, url, ...rest], { timeout: 20_000 });
    return stdout;
  }

  // And one that goes on until it is awaited.
  background(command, ...rest) {
    return this.bayeux(command, ...rest);
  }
}
