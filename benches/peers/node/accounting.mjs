// Who received what and when, and what this process used meanwhile.
import fs from 'node:fs';
import { createHistogram } from 'node:perf_hooks';

export class Accounting {
  // Node's histogram is HdrHistogram in C, three times as fast as its JavaScript port.
  #latency = createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 });
  #load;
  #start = 0;
  #begin;
  #end;
  #arrived = 0;
  #received = 0;
  #duplicates = 0;
  #failures = 0;
  #firstFailure = '';

  constructor(load) {
    this.#load = load;
  }

  start() {
    this.#start = performance.now();
  }

  /** When message n is to be sent, as of performance.now(): a batch has one time. */
  intended(n) {
    const { batch, rate } = this.#load;
    return this.#start + (Math.floor(n / batch) * batch * 1000) / rate;
  }

  /** Called before and after each wait of the pacer: takes what was used at the ends of the measured window. */
  look() {
    const now = performance.now();
    if (!this.#begin && now >= this.intended(this.#load.firstMeasured)) this.#begin = this.#usage();
    if (!this.#end && now >= this.intended(this.#load.messages)) this.#end = this.#usage();
  }

  failed(what) {
    this.#failures += 1;
    this.#firstFailure ||= typeof what === 'string' ? what : JSON.stringify(what);
  }

  /** One client's share. */
  subscriber() {
    const { firstMeasured, messages } = this.#load;
    const seen = new Uint8Array(messages);
    return {
      received: (n) => {
        const now = performance.now();
        this.#arrived += 1;
        if (n < firstMeasured) return;
        if (seen[n]) {
          this.#duplicates += 1;
          return;
        }
        seen[n] = 1;
        this.#received += 1;
        this.#latency.record(Math.max(1, Math.round((now - this.intended(n)) * 1000)));
      },
    };
  }

  async drain() {
    const deadline = performance.now() + this.#load.drain * 1000;
    while (this.#received < this.#expected() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  json() {
    const expected = this.#expected();
    const [begin, end] = [this.#begin ?? this.#usage(), this.#end ?? this.#usage()];
    return JSON.stringify({
      cpu_seconds: end.cpu - begin.cpu,
      arrived_in_window: end.arrived - begin.arrived,
      expected,
      received: this.#received,
      lost: expected - this.#received,
      duplicates: this.#duplicates,
      p50_us: this.#latency.percentile(50),
      p99_us: this.#latency.percentile(99),
      max_us: this.#latency.max,
      rss_mib_end: end.rss,
      rss_mib_peak: mib('VmHWM'),
      failures: this.#failures,
      first_failure: this.#firstFailure,
    });
  }

  /** Message n goes to room n % channels, client i is in room i % channels. */
  #expected() {
    const { clients, channels, firstMeasured, messages } = this.#load;
    let expected = 0;
    for (let n = firstMeasured; n < messages; n++) {
      expected += Math.ceil((clients - (n % channels)) / channels);
    }
    return expected;
  }

  #usage() {
    const { user, system } = process.cpuUsage();
    return { cpu: (user + system) / 1e6, arrived: this.#arrived, rss: mib('VmRSS') };
  }
}

function mib(field) {
  const line = fs.readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${field}:\\s+(\\d+)`, 'm'));
  return Math.round(Number(line[1]) / 102.4) / 10;
}
