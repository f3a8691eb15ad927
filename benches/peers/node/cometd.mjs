// Sessions of npm cometd, with the package that makes it run in Node.
import { CometD } from 'cometd';
import { adapt } from 'cometd-nodejs-client';

// Each session needs cookies of its own, as each browser has: CometD allows few sessions with the same. By itself the
// adapter keeps one jar for all; it hands both functions the same `uri` for one request, and `context` to the first.
adapt({
  cookies: {
    retrieveCookies(context, uri, callback) {
      uri.jar = context.jar;
      callback(null, [...context.jar.values()]);
    },
    storeCookie(uri, header, callback) {
      const [pair] = header.split(';');
      uri.jar.set(pair.split('=')[0], pair);
      callback();
    },
  },
});

export function open(load, accounting) {
  const session = new CometD();
  session.configure({
    url: load.url,
    logLevel: 'error',
    // Longer than any backlog here: a slow server is to be measured, not given up.
    maxNetworkDelay: 60_000,
    // What waits for the one request at a time goes out in one.
    autoBatch: true,
  });
  for (const type of session.getTransportTypes()) {
    if (type !== load.transport) session.unregisterTransport(type);
  }
  const polling = session.findTransport('long-polling');
  if (polling) polling.context = { jar: new Map() };
  return new Promise((resolve, reject) => {
    let shaken = false;
    session.handshake((reply) => {
      if (shaken) accounting.failed('a session was renewed');
      else if (reply.successful) resolve({ subscribe, publish });
      else reject(new Error(`handshake: ${JSON.stringify(reply)}`));
      shaken = true;
    });
  });

  function subscribe(channel, received) {
    return new Promise((resolve, reject) => {
      session.subscribe(channel, (message) => received(message.data), (reply) => {
        if (reply.successful) resolve();
        else reject(new Error(`subscribe: ${JSON.stringify(reply)}`));
      });
    });
  }

  function publish(batch) {
    session.batch(() => {
      for (const [channel, data] of batch) {
        session.publish(channel, data, (reply) => reply.successful || accounting.failed(reply));
      }
    });
  }
}
