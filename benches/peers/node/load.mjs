// The workload of ../README.md with npm cometd or npm faye; prints one JSON line.
import { Accounting } from './accounting.mjs';
import { workload } from './workload.mjs';

const HANDSHAKES_AT_ONCE = 50;
const SECONDS_TO_GET_READY = 60;

const load = workload(process.argv.slice(2));
const { open } = await import(`./${load.library}.mjs`);
const accounting = new Accounting(load);

/** Takes the next client until there is none left; several of these run at once. */
async function subscribe(clients) {
  for (const i of clients) {
    const subscriber = accounting.subscriber();
    const session = await open(load, accounting);
    await session.subscribe(load.channel(i), (data) => subscriber.received(data.n));
  }
}

/** Publishes on the absolute schedule: a late batch does not move the ones after it. */
async function publish(session) {
  const filler = 'x'.repeat(load.size);
  accounting.start();
  for (let first = 0; first < load.messages; first += load.batch) {
    await until(accounting.intended(first));
    const batch = [];
    for (let n = first; n < first + load.batch; n++) {
      batch.push([load.channel(n), { n, x: filler.slice(load.frame(n)) }]);
    }
    session.publish(batch);
  }
  await until(accounting.intended(load.messages));
}

async function until(time) {
  accounting.look();
  for (let left = time - performance.now(); left > 0; left = time - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, left));
  }
  accounting.look();
}

const giveUp = setTimeout(() => {
  console.error(`the clients did not get ready: ${accounting.json()}`);
  process.exit(1);
}, SECONDS_TO_GET_READY * 1000);
const clients = Array(load.clients).keys();
await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, () => subscribe(clients)));
const publisher = await open(load, accounting);
clearTimeout(giveUp);
await publish(publisher);
await accounting.drain();
console.log(accounting.json());
// The sessions, which the server is told to forget, must not hold it up.
process.exit(0);
