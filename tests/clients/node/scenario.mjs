// What every client has to do, in Node and in a browser. `session` is the client, `ask` has the runner do something:
// `publish` three messages from elsewhere, or `lose` every session by a new server at the same address.
export async function scenario(session, ask) {
  const received = [];
  const room = (data) => received.push(data.n);
  await within('the handshake', session.connect());
  await within('the subscribe', session.subscribe('/room', room));
  for (const n of [0, 1, 2]) await within('a publish', session.publish('/room', { n }));
  await until('its own messages', () => received.length >= 3);
  await ask('publish');
  await until("another's messages", () => received.length >= 6);
  await within('a publish', session.publish('/room', { n: 6 }));
  await until('the last message', () => received.length >= 7);
  equal(received, [0, 1, 2, 3, 4, 5, 6]);

  let refusal = 'nothing';
  await within('the refusal', session.publish('/denied/x', {}).catch((it) => (refusal = String(it))));
  if (!/403|denied/.test(refusal)) throw new Error(`a publish that is refused said ${refusal}`);

  let fenced = false;
  await within('the unsubscribe', session.unsubscribe('/room'));
  await within('the subscribe', session.subscribe('/fence', () => (fenced = true)));
  await within('a publish', session.publish('/room', { n: 7 }));
  await within('a publish', session.publish('/fence', {}));
  await until('the message behind', () => fenced);
  equal(received, [0, 1, 2, 3, 4, 5, 6]);

  await within('the subscribe', session.subscribe('/room', room));
  await ask('lose');
  await until('a message in a new session', () => {
    session.publish('/room', { n: 8 }).catch(() => {});
    return received.includes(8);
  }, 60_000);
  await within('the disconnect', session.disconnect());
}

async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} is not answered`)), 20_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function until(what, condition, patience = 20_000) {
  const end = Date.now() + patience;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function equal(found, expected) {
  if (String(found) !== String(expected)) throw new Error(`expected ${expected}, found ${found}`);
}
