// A real Faye server; see ../README.md.
'use strict';
const http = require('http');
const faye = require('faye');
const { control, denied, listen, timeout } = require('./common.cjs');

const path = '/faye';
// Faye counts seconds.
const bayeux = new faye.NodeAdapter({ mount: path, timeout: timeout / 1000 });
bayeux.addExtension({
  incoming(message, callback) {
    const target = message.channel === '/meta/subscribe' ? message.subscription : message.channel;
    const refused = [].concat(target).find(denied);
    // Faye has no words for it; these are its own for channels that it refuses itself.
    if (refused) message.error = `403:${refused}:Forbidden channel`;
    // The public way, `bayeux.getClient()`, would be one more session.
    if (message.channel === '/requests') {
      bayeux._server._engine.publish({ channel: message.data.response, data: message.data });
    }
    callback(message);
  },
});

const sessions = new Set();
bayeux.on('handshake', (clientId) => sessions.add(clientId));
bayeux.on('disconnect', (clientId) => sessions.delete(clientId));

const server = http.createServer((request, response) => {
  // Faye has no public way to end a client's session from the server.
  const forget = (clientId) => bayeux._server._engine._engine.destroyClient(clientId);
  if (control(request, response, sessions, forget)) return;
  response.writeHead(404);
  response.end();
});
bayeux.attach(server);
listen(server, path);
