// A real CometD NodeJS server (long-polling only); see ../README.md.
'use strict';
const http = require('http');
const cometd = require('cometd-nodejs-server');
const { control, denied, listen, maxInterval, timeout } = require('./common.cjs');

const path = '/cometd';
const bayeux = cometd.createCometDServer({ timeout, maxInterval });
const allow = (callback, allowed) => callback(undefined, allowed);
bayeux.policy = {
  canCreate: (session, message, channel, callback) => allow(callback, !denied(channel)),
  canSubscribe: (session, message, channel, callback) => allow(callback, !denied(channel.name)),
  canPublish: (session, message, channel, callback) => allow(callback, !denied(channel.name)),
};

const sessions = new Set();
bayeux.addListener('sessionAdded', (session) => sessions.add(session));
bayeux.addListener('sessionRemoved', (session) => sessions.delete(session));

/** What happens with the messages that clients publish on this channel. */
const service = (name, answer) => {
  bayeux.createServerChannel(name).addListener('message', (session, channel, message, callback) => {
    answer(session, message);
    callback();
  });
};
service('/service/echo', (session, message) => session.deliver(null, message.channel, message.data));
// As the Java server answers remote calls: with the id of the message.
service('/service/call', (session, message) =>
  session._deliver(null, { channel: message.channel, id: message.id, data: message.data }));
service('/requests', (session, message) =>
  bayeux.createServerChannel(message.data.response).publish(null, message.data));

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
