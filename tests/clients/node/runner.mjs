// The conversation with the runner: a line out, a line in.
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function ask(what) {
  console.log(what);
  const { value } = await lines.next();
  if (value !== 'done') throw new Error(`the runner could not ${what}`);
}

// Ends the program: clients leave timers and sockets behind.
export async function report(outcome) {
  try {
    await outcome;
    process.exit(0);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
