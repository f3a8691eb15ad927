//! What the clients talk to: one thread that answers at once, and holds connects for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use bayeux::protocol::decode;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::Result;
use crate::reply::{content_length, is_held, reply};

/// What stands for the listener among the numbers of the connections.
const LISTENER: u64 = u64::MAX;

/// Prints its URL and answers until the standard input ends.
pub(crate) fn respond() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The standard library's backlog of 128 would let thousands of clients wait for a second.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    writeln!(io::stdout(), "http://{}/cometd", listener.local_addr()?)?;
    std::thread::spawn(move || {
        if let Err(error) = serve(&listener) {
            let _ = writeln!(io::stderr(), "the responder ended: {error}");
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn serve(listener: &TcpListener) -> Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, listener, data, EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let mut input = vec![0; 16 * 1024];
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            if event.data.u64() == LISTENER {
                while let Ok((socket, _)) = listener.accept() {
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    let index = free.pop().unwrap_or_else(|| {
                        connections.push(None);
                        connections.len() - 1
                    });
                    let data = EventData::new_u64(u64::try_from(index)?);
                    epoll::add(&epoll, &socket, data, EventFlags::IN)?;
                    let begun = Vec::new();
                    connections[index] = Some(Connection { socket, begun });
                }
                continue;
            }
            let index = usize::try_from(event.data.u64())?;
            // An error is the client going away.
            if let Some(connection) = &mut connections[index]
                && connection.answer(&mut input).is_err()
            {
                connections[index] = None;
                free.push(index);
            }
        }
    }
}

struct Connection {
    socket: TcpStream,
    /// A request of which not all has come.
    begun: Vec<u8>,
}

impl Connection {
    fn answer(&mut self, input: &mut [u8]) -> Result<()> {
        let length = match self.socket.read(input) {
            Ok(0) => return Err("the client is gone".into()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut request = &input[..length];
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(request);
            request = &self.begun;
        }
        let Some(body) = body(request)? else {
            if self.begun.is_empty() {
                self.begun = request.to_vec();
            }
            return Ok(());
        };
        let response = response(body)?;
        self.begun.clear();
        if let Some(response) = response {
            self.socket.write_all(response.as_bytes())?;
        }
        Ok(())
    }
}

/// The body of a request, once it is all there: a client sends the next one when this one was
/// answered.
fn body(request: &[u8]) -> Result<Option<&str>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(request)? else {
        return Ok(None);
    };
    let end = start + content_length(head.headers)?;
    match request.get(start..end) {
        Some(body) => Ok(Some(std::str::from_utf8(body)?)),
        None => Ok(None),
    }
}

/// Nothing for a connect that is held.
fn response(request: &str) -> Result<Option<String>> {
    if is_held(request) {
        return Ok(None);
    }
    let messages = decode(request.as_bytes())?.messages;
    let body = match &messages[..] {
        [message] => reply(message.raw()),
        messages => {
            let replies: Vec<_> = messages.iter().map(|it| reply(it.raw())).collect();
            // Each is an array of one.
            let elements: Vec<_> = replies.iter().map(|it| &it[1..it.len() - 1]).collect();
            format!("[{}]", elements.join(","))
        }
    };
    // The headers are those of Jetty.
    Ok(Some(format!(
        "HTTP/1.1 200 OK\r\nServer: Jetty(12.0.15)\r\nDate: Sun, 22 Nov 2026 18:50:33 GMT\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )))
}
