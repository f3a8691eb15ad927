// Sessions of npm faye.
import faye from 'faye';

export async function open(load, accounting) {
  // In seconds, and longer than any backlog here: a slow server is to be measured, not given up.
  const session = new faye.Client(load.url, { timeout: 60 });
  // Faye always shakes hands over long-polling, then prefers a websocket where the server offers one.
  if (load.transport !== 'websocket') session.disable('websocket');
  session.on('transport:down', () => accounting.failed('the transport went down'));
  await new Promise((resolve) => session.connect(resolve));
  return {
    subscribe: (channel, received) => session.subscribe(channel, received),
    publish: (batch) => {
      for (const [channel, data] of batch) {
        session.publish(channel, data).then(undefined, (refusal) => accounting.failed(String(refusal)));
      }
    },
  };
}
