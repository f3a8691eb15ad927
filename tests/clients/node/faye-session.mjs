// npm faye for the scenario, in Node and in a browser. It subscribes anew by itself.
const TYPES = ['websocket', 'eventsource', 'long-polling', 'cross-origin-long-polling', 'callback-polling'];

export function open(faye, url, transport) {
  // `retry` in seconds, when nobody answers.
  const client = new faye.Client(url, { retry: 1 });
  for (const type of TYPES) {
    // Its first handshake is over long-polling or callback-polling whatever comes later.
    if (type !== transport && !(transport === 'websocket' && type.endsWith('polling'))) client.disable(type);
  }
  const subscriptions = new Map();
  return {
    connect: () => new Promise((resolve) => client.connect(resolve)),
    subscribe: async (channel, received) => {
      subscriptions.set(channel, client.subscribe(channel, received));
      await subscriptions.get(channel);
    },
    unsubscribe: async (channel) => subscriptions.get(channel).cancel(),
    publish: async (channel, data) => {
      await client.publish(channel, data);
    },
    disconnect: async () => client.disconnect(),
  };
}
