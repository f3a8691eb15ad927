// roundtrip.mjs cometd|faye URL TRANSPORT: publishes to a channel that it subscribed to, and prints what came.
const [name, url, transport] = process.argv.slice(2);
if (name === 'cometd') {
  // Faye would take what this makes for a browser.
  const { adapt } = await import('cometd-nodejs-client');
  adapt();
}
const { open } = await import(`./${name}-session.mjs`);
const N_MESSAGES = 50;

const client = name === 'faye'
  ? open((await import('faye')).default, url, transport)
  : open(url, transport);
const received = [];
let done;
const all = new Promise((resolve) => { done = resolve; });
await client.connect();
await client.subscribe('/roundtrip', (data) => {
  received.push(data.n);
  if (received.length === N_MESSAGES) done();
});
for (let n = 0; n < N_MESSAGES; n += 1) {
  await client.publish('/roundtrip', { n, text: 'é "quoted" 😀'.repeat(n) });
}
await all;
await client.disconnect();
console.log(received.join(' '));
process.exit(0);
