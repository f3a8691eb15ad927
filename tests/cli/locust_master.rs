//! A Locust master that says what a test tells it to: the other side of ZeroMQ's protocol, and as
//! much of MessagePack as that takes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Where workers come to.
pub(crate) struct Master(TcpListener);

/// One that has come.
pub(crate) struct Worker(TcpStream);

/// Nothing takes longer, on a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(20);

impl Master {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// The next connection, of which nothing has been read.
    pub(crate) fn accept(&self) -> TcpStream {
        let (stream, _) = self.0.accept().expect("somebody comes");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// The next worker, greeted as ZeroMQ has it.
    pub(crate) fn worker(&self) -> Worker {
        let mut stream = self.accept();
        let mut greeting = [0; 64];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting).expect("it is taken");
        stream.read_exact(&mut greeting).expect("a greeting");
        assert_eq!(greeting[10], 3, "ZMTP 3");
        let mut worker = Worker(stream);
        let ready = worker.frame();
        assert!(ready.starts_with(b"\x05READY"), "{ready:?}");
        let is_dealer = ready.windows(6).any(|it| it == b"DEALER");
        assert!(is_dealer, "{ready:?}");
        worker.write_frame(4, b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER");
        worker
    }

    /// The next worker, taken in under this number, below 128.
    pub(crate) fn taken_in(&self, index: u8) -> Worker {
        let mut worker = self.worker();
        worker.expect("client_ready");
        worker.say("ack", &[b"\x81\xa5index".as_slice(), &[index]].concat());
        worker
    }

    /// Takes a worker in, gives it users until it reports, and quits.
    #[allow(dead_code, reason = "not every test program has a use for it")]
    pub(crate) fn give_a_short_run(&self) {
        let mut worker = self.taken_in(0);
        worker.say("spawn", &spawn(1, 2, &[]));
        worker.expect("spawning_complete");
        worker.expect("heartbeat");
        worker.say("quit", b"\xc0");
        worker.expect("quit");
    }
}

impl Worker {
    /// Waits for a message of this type.
    pub(crate) fn expect(&mut self, kind: &str) {
        let mut heard = Vec::new();
        loop {
            let message = self.frame();
            let (name, _) = string(&message[1..]).expect("a type");
            if name == kind {
                return;
            }
            heard.push(name);
            assert!(heard.len() < 1000, "no {kind} among {heard:?}");
        }
    }

    /// Says something, of which this is the data in MessagePack.
    pub(crate) fn say(&mut self, kind: &str, data: &[u8]) {
        let mut message = vec![0x93];
        message.extend(text(kind));
        message.extend(data);
        message.extend(text("worker"));
        self.write_frame(0, &message);
    }

    /// Writes what may be no frame.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it is taken");
    }

    /// Whether the worker closes the connection.
    pub(crate) fn is_left(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame");
        let mut length = u64::from(head[1]);
        if head[0] & 2 != 0 {
            let mut rest = [0; 7];
            self.0.read_exact(&mut rest).expect("a length");
            length = rest
                .iter()
                .fold(length, |sum, it| sum << 8 | u64::from(*it));
        }
        let mut body = vec![0; usize::try_from(length).expect("a length")];
        self.0.read_exact(&mut body).expect("a whole frame");
        body
    }

    fn write_frame(&mut self, flags: u8, body: &[u8]) {
        let mut frame = vec![flags | 2];
        frame.extend((body.len() as u64).to_be_bytes());
        frame.extend(body);
        self.write(&frame);
    }
}

/// The data of a `spawn`: so many users, and the options of the master's page.
pub(crate) fn spawn(timestamp: u8, n_users: u8, options: &[(&str, &str)]) -> Vec<u8> {
    let mut data = vec![0x83];
    data.extend(text("timestamp"));
    data.push(timestamp);
    data.extend(text("user_classes_count"));
    data.push(0x81);
    data.extend(text("BayeuxClient"));
    data.push(n_users);
    data.extend(text("parsed_options"));
    data.push(0x80 | u8::try_from(options.len() + 1).expect("few options"));
    data.extend(text("num_users"));
    data.push(n_users);
    for (name, value) in options {
        data.extend(text(name));
        data.extend(text(value));
    }
    data
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    let mut bytes = vec![0xd9, length];
    bytes.extend(text.as_bytes());
    bytes
}

fn string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = match *bytes.first()? {
        it @ 0xa0..=0xbf => (usize::from(it & 0x1f), &bytes[1..]),
        0xd9 => (usize::from(*bytes.get(1)?), &bytes[2..]),
        _ => return None,
    };
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some((name.to_owned(), &rest[length..]))
}
