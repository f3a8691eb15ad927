// subscriber.mjs URL TRANSPORT CHANNEL ack|plain: prints `subscribed`, then the data of each message, one a line,
// until it is "end".
import { CometD } from 'cometd';
import { AckExtension } from 'cometd/AckExtension.js';
import { adapt } from 'cometd-nodejs-client';

const [url, transport, channel, mode] = process.argv.slice(2);

adapt();
const session = new CometD();
session.configure({ url, logLevel: 'error', backoffIncrement: 200 });
for (const type of session.getTransportTypes()) {
  if (type !== transport) session.unregisterTransport(type);
}
if (mode === 'ack') session.registerExtension('ack', new AckExtension());
let handshakes = 0;
session.addListener('/meta/handshake', (reply) => {
  handshakes += 1;
  if (!reply.successful || handshakes > 1) fail(`handshake ${handshakes}: ${JSON.stringify(reply)}`);
});
session.handshake((reply) => {
  if (!reply.successful) return;
  session.subscribe(channel, ({ data }) => {
    console.log(JSON.stringify(data));
    if (data === 'end') session.disconnect(() => process.exit(0));
  }, (subscribed) => {
    if (subscribed.successful) console.log('subscribed');
    else fail(JSON.stringify(subscribed));
  });
});

function fail(what) {
  console.error(what);
  process.exit(1);
}
