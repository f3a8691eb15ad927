//! A raw connection: bytes go out as they are given, and responses are read as any client does.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// No answer takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Wire {
    socket: TcpStream,
    input: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.body).unwrap()
    }
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            input: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends as much as the server takes; whether that was all. It may have closed before.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Sends what the socket takes at once, up to all of it. How much that was.
    pub(crate) fn send_without_waiting(&mut self, bytes: &[u8]) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let sent = match self.socket.write(bytes) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        };
        self.socket.set_nonblocking(false).unwrap();
        sent
    }

    /// Says that nothing more comes.
    pub(crate) fn shut(&mut self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn response(&mut self) -> Response {
        self.try_response().expect("the server closed instead")
    }

    /// The next response; nothing if the server closed without.
    pub(crate) fn try_response(&mut self) -> Option<Response> {
        let end =
            self.until(|input| Some(input.windows(4).position(|it| it == b"\r\n\r\n")? + 4))?;
        let head: Vec<u8> = self.input.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .filter_map(|it| it.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.trim().parse().unwrap());
        self.until(|input| (input.len() >= length).then_some(()))?;
        let body = self.input.drain(..length).collect();
        Some(Response { status, head, body })
    }

    /// The next bytes, exactly so many.
    pub(crate) fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        self.until(|input| (input.len() >= length).then_some(()))?;
        Some(self.input.drain(..length).collect())
    }

    /// Everything up to the end of the connection, which has to come.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let end = self.until(|_| None::<()>);
        assert!(end.is_none());
        std::mem::take(&mut self.input)
    }

    /// Reads until there is what is looked for; nothing if the connection ends before.
    fn until<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(found) = found(&self.input) {
                return Some(found);
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.input.extend_from_slice(&buffer[..length]),
                Err(error) if is_end(error.kind()) => return None,
                Err(error) => panic!("neither an answer nor an end: {error}"),
            }
        }
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// A POST to the endpoint.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "POST /cometd HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The head of a POST whose body is yet to come.
pub(crate) fn head(headers: &str) -> Vec<u8> {
    format!("POST /cometd HTTP/1.1\r\nHost: a\r\n{headers}\r\n").into_bytes()
}
