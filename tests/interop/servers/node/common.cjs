// What both Node servers share: options, denied channels, the two extra requests, and starting to listen.
'use strict';
const fs = require('fs');

/** How long a /meta/connect is held, in milliseconds. */
exports.timeout = Number(process.env.PEER_TIMEOUT || '5000');

/** How long a session may be without one, in milliseconds. */
exports.maxInterval = Number(process.env.PEER_MAX_INTERVAL || '2000');

exports.denied = (channel) =>
  typeof channel === 'string' && (channel === '/denied' || channel.startsWith('/denied/'));

/** Answers GET /sessions and POST /forget; false when the request is another one. */
exports.control = (request, response, sessions, forget) => {
  const answer = (value) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(value));
    return true;
  };
  if (request.method === 'GET' && request.url === '/sessions') return answer({ sessions: sessions.size });
  if (request.method === 'POST' && request.url === '/forget') {
    const known = [...sessions];
    known.forEach(forget);
    return answer({ forgotten: known.length });
  }
  return false;
};

exports.listen = (server, path) => {
  server.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.listen({ port: Number(process.env.PEER_PORT), host: '127.0.0.1' }, () => {
    // Renamed into place: whoever waits for the file never reads half a line.
    const ready = process.env.PEER_READY_FILE;
    fs.writeFileSync(ready + '.tmp', `http://127.0.0.1:${server.address().port}${path}\n`);
    fs.renameSync(ready + '.tmp', ready);
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
};
