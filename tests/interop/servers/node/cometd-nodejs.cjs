// A real CometD NodeJS server (long-polling only); see ../README.md.
'use strict';
const http = require('http');
const cometd = require('cometd-nodejs-server');
const { control, denied, listen, timeout } = require('./common.cjs');

const path = '/cometd';
const bayeux = cometd.createCometDServer({ timeout, maxInterval: 2000 });
const allow = (callback, allowed) => callback(undefined, allowed);
bayeux.policy = {
  canCreate: (session, message, channel, callback) => allow(callback, !denied(channel)),
  canSubscribe: (session, message, channel, callback) => allow(callback, !denied(channel.name)),
  canPublish: (session, message, channel, callback) => allow(callback, !denied(channel.name)),
};

const sessions = new Set();
bayeux.addListener('sessionAdded', (session) => sessions.add(session));
bayeux.addListener('sessionRemoved', (session) => sessions.delete(session));

const server = http.createServer((request, response) => {
  // The server's public way, `session.disconnect()`, would tell the client.
  const forget = (session) => bayeux._removeServerSession(session, true);
  if (control(request, response, sessions, forget)) return;
  if (request.url.startsWith(path)) {
    bayeux.handle(request, response);
    return;
  }
  response.writeHead(404);
  response.end();
});
listen(server, path);
