"""Bayeux over bare sockets: as little client as it takes to measure a server."""

import json
import select
import socket
from urllib.parse import urlsplit

PATIENCE = 60


class Connection:
    """One HTTP connection, and the session that is on it."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.path = parts.path
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.cookie = ""
        self.client_id = None

    def close(self):
        self.socket.close()

    def send(self, **message):
        """Sends a message, with the client id if there is one."""
        if self.client_id:
            message["clientId"] = self.client_id
        body = json.dumps([message])
        head = f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json;charset=UTF-8\r\n"
        if self.cookie:
            head += f"Cookie: {self.cookie}\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def receive(self):
        """What came of a response with one read; its body once it is whole."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise SystemExit("the server closed a connection")
        self.input += chunk
        head, ended, body = self.input.partition(b"\r\n\r\n")
        if not ended or (whole := body_of(head.lower(), body)) is None:
            return None
        self.input = b""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"set-cookie":
                self.cookie = value.split(b";")[0].strip().decode()
        return whole

    def response(self):
        while (body := self.receive()) is None:
            pass
        return body

    def ask(self, **message):
        """Sends a message and gives its reply, which has to be successful."""
        self.send(**message)
        body = self.response()
        for reply in json.loads(body):
            if reply.get("channel") == message["channel"] and reply.get("successful"):
                return reply
        raise SystemExit(f"{message} was answered {body[:300]!r}")

    def handshake(self):
        types = ["long-polling", "websocket"]
        reply = self.ask(channel="/meta/handshake", id="1", version="1.0", supportedConnectionTypes=types)
        self.client_id = reply["clientId"]

    def subscribe(self, channel):
        self.ask(channel="/meta/subscribe", id="2", subscription=channel)

    def send_connect(self, **fields):
        self.send(channel="/meta/connect", id="3", connectionType="long-polling", **fields)


def body_of(head, rest):
    """The body of a response, if all of it is there."""
    if b"transfer-encoding: chunked" in head:
        return dechunked(rest) if rest.endswith(b"0\r\n\r\n") else None
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return rest if len(rest) >= length else None


def dechunked(rest):
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        size = int(size.split(b";")[0], 16)
        body, rest = body + rest[:size], rest[size + 2 :]
    return body


def parked(url, channel, n):
    """So many sessions, each on a connection of its own and with a connect that is held."""
    connections = []
    for _ in range(n):
        connection = Connection(url)
        connection.handshake()
        connection.subscribe(channel)
        # CometD answers the first connect at once; Faye and cometd-nodejs hold it unless they are told not to.
        connection.send_connect(advice={"timeout": 0})
        connection.response()
        connection.send_connect()
        connections.append(connection)
    return connections


def all_answered(connections, mark):
    """Reads until every connection has a response with this in it."""
    poll = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    while by_number:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise SystemExit(f"{len(by_number)} of {len(connections)} got nothing within {PATIENCE} s")
        for number, _ in ready:
            connection = by_number[number]
            body = connection.receive()
            if body is None:
                continue
            if mark in body:
                poll.unregister(number)
                del by_number[number]
            else:
                # It was held long enough.
                connection.send_connect()
    poll.close()
