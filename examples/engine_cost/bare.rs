//! The bare loop: epoll, and a framing of HTTP/1.1, with nothing on top.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::framing::Framing;
use crate::{Result, cpu_time};

/// A publish as a load generator sends it: 150 bytes.
pub(crate) const PUBLISH: &[u8] = br#"[{"channel":"/bench/0","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","id":"1234567","data":{"p":17,"n":123456,"t":1764000000123456,"x":"................"}}]"#;

/// How many events are taken at once.
const EVENTS: usize = 1024;

pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) n_connections: usize,
    pub(crate) n_requests: u32,
}

/// Microseconds of CPU for each request: each connection sends its next one when the last was
/// answered.
pub(crate) fn run(load: &Load, framing: impl Framing) -> Result<f64> {
    let mut bare = Bare::connect(load, framing)?;
    for index in 0..bare.connections.len() {
        bare.send(index)?;
    }
    bare.exchange(load.n_requests / 10)?;
    let before = cpu_time()?;
    bare.exchange(load.n_requests)?;
    let took = cpu_time()? - before;
    Ok(took.as_secs_f64() * 1e6 / f64::from(load.n_requests.max(1)))
}

struct Bare<F> {
    framing: F,
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    input: Vec<u8>,
    output: Vec<u8>,
    body: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    /// A response of which not all has come.
    begun: Vec<u8>,
}

impl<F: Framing> Bare<F> {
    fn connect(load: &Load, framing: F) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for index in 0..load.n_connections {
            let socket = TcpStream::connect(load.address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let data = EventData::new_u64(u64::try_from(index)?);
            epoll::add(&epoll, &socket, data, EventFlags::IN)?;
            connections.push(Connection {
                socket,
                begun: Vec::new(),
            });
        }
        Ok(Self {
            framing,
            epoll,
            connections,
            input: vec![0; 16 * 1024],
            output: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Goes on until this many responses have come.
    fn exchange(&mut self, n_requests: u32) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        let mut n_answered = 0;
        while n_answered < n_requests {
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), None)?;
            for event in &events {
                let index = usize::try_from(event.data.u64())?;
                if self.receive(index)? {
                    n_answered += 1;
                    self.send(index)?;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, index: usize) -> Result<()> {
        self.output.clear();
        self.framing.write(PUBLISH, &mut self.output)?;
        // An empty socket takes a few hundred bytes at once.
        let written = self.connections[index].socket.write(&self.output)?;
        if written != self.output.len() {
            return Err("a socket took a part of a request".into());
        }
        Ok(())
    }

    /// Whether a response is complete.
    fn receive(&mut self, index: usize) -> Result<bool> {
        let connection = &mut self.connections[index];
        let length = match connection.socket.read(&mut self.input) {
            Ok(0) => return Err("the responder closed a connection".into()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut input = &self.input[..length];
        if !connection.begun.is_empty() {
            connection.begun.extend_from_slice(input);
            input = &connection.begun;
        }
        self.body.clear();
        match self.framing.read(input, &mut self.body)? {
            Some(end) if end == input.len() => {
                connection.begun.clear();
                Ok(true)
            }
            Some(_) => Err("more than one response to a request".into()),
            None => {
                if connection.begun.is_empty() {
                    connection.begun = input.to_vec();
                }
                Ok(false)
            }
        }
    }
}
