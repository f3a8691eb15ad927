// npm cometd for the scenario, in Node and in a browser.
import { CometD } from 'cometd';

export function open(url, transport) {
  const client = new CometD();
  client.configure({ url, logLevel: 'error' });
  for (const type of client.getTransportTypes()) {
    if (type !== transport) client.unregisterTransport(type);
  }
  // The application's part of recovering: subscriptions are made anew after each handshake.
  const channels = new Map();
  let subscriptions = new Map();
  client.addListener('/meta/handshake', (reply) => {
    if (!reply.successful || !subscriptions.size) return;
    subscriptions = new Map();
    for (const [channel, received] of channels) {
      subscriptions.set(channel, client.subscribe(channel, (message) => received(message.data)));
    }
  });
  const answered = (send) => new Promise((resolve, reject) => {
    const handle = send((reply) => {
      if (reply.successful) resolve(handle);
      else reject(new Error(reply.error ?? JSON.stringify(reply)));
    });
  });
  return {
    connect: () => answered((done) => client.handshake(done)),
    subscribe: async (channel, received) => {
      channels.set(channel, received);
      const deliver = (message) => received(message.data);
      subscriptions.set(channel, await answered((done) => client.subscribe(channel, deliver, done)));
    },
    unsubscribe: (channel) => {
      channels.delete(channel);
      return answered((done) => client.unsubscribe(subscriptions.get(channel), done));
    },
    publish: (channel, data) => answered((done) => client.publish(channel, data, done)),
    disconnect: () => answered((done) => client.disconnect(done)),
  };
}
