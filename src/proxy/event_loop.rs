//! The one thread of a proxy: it waits for the system and for the time, and gives each pair of
//! connections its turn. Nothing here blocks but waiting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::event::What;
use super::hub::Hub;
use super::pair::{Pair, Turn};
use crate::server::acceptor::Acceptor;
use crate::server::alarms::Alarms;
use crate::server::connection::pipe::Pipe;
use crate::server::connection::wire::Wire;
use crate::server::slab::Slab;

const LISTENER: Token = Token(usize::MAX);
const COMMANDS: Token = Token(usize::MAX - 1);

/// Events that are taken from the system at once.
const MOST_EVENTS: usize = 1024;

/// Connections that are accepted before others have their turn.
const MOST_AT_ONCE: usize = 64;

/// What is read at once, by all connections into the same place.
const SCRATCH: usize = 64 * 1024;

pub(super) struct EventLoop {
    poll: Poll,
    acceptor: Acceptor,
    pairs: Slab<Pair>,
    alarms: Alarms,
    hub: Hub,
    is_stopping: Arc<AtomicBool>,
    /// Connections that were accepted so far.
    n_accepted: u64,
    /// Pairs that can go on, and let others come first.
    unfinished: Vec<Token>,
    scratch: Box<[u8]>,
}

impl EventLoop {
    /// A loop, and what wakes it when it is to stop.
    pub(super) fn new(
        mut acceptor: Acceptor,
        poll: Poll,
        hub: Hub,
        is_stopping: Arc<AtomicBool>,
    ) -> io::Result<(Self, Waker)> {
        let waker = Waker::new(poll.registry(), COMMANDS)?;
        let listener = acceptor.listener_mut();
        poll.registry()
            .register(listener, LISTENER, Interest::READABLE)?;
        let event_loop = Self {
            poll,
            acceptor,
            pairs: Slab::new(),
            alarms: Alarms::default(),
            hub,
            is_stopping,
            n_accepted: 0,
            unfinished: Vec::new(),
            scratch: vec![0; SCRATCH].into(),
        };
        Ok((event_loop, waker))
    }

    /// Relays until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MOST_EVENTS);
        while !self.is_stopping.load(Ordering::Acquire) {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                // None of what poll fails with can happen to a descriptor that is open.
                break;
            }
            let mut unfinished = std::mem::take(&mut self.unfinished);
            for event in &events {
                match event.token() {
                    LISTENER => self.acceptor.note_ready(),
                    COMMANDS => {}
                    Token(number) => {
                        let token = Token(number / 2);
                        if let Some(pair) = self.pairs.get_mut(token) {
                            match number % 2 {
                                0 => pair.note_client(event),
                                _ => pair.note_server(event),
                            }
                            self.serve(token);
                        }
                    }
                }
            }
            unfinished.sort_unstable();
            unfinished.dedup();
            for token in unfinished {
                self.serve(token);
            }
            self.accept();
            self.look_at_the_clock();
        }
        for pair in self.pairs.drain() {
            pair.stop(&self.hub);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() || self.acceptor.is_ready() {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.alarms.next(), self.acceptor.paused_until()];
        let next = deadlines.into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Gives a pair its turn.
    fn serve(&mut self, token: Token) {
        self.hub.now = Instant::now();
        let Some(pair) = self.pairs.get_mut(token) else {
            return;
        };
        match pair.turn(&self.hub, &mut self.scratch) {
            Turn::Waits => {}
            Turn::Unfinished => self.unfinished.push(token),
            Turn::Over => return self.end(token),
        }
        let deadline = pair.deadline(&self.hub);
        self.alarms.set(token, &mut pair.alarm, deadline);
    }

    fn end(&mut self, token: Token) {
        if let Some(mut pair) = self.pairs.remove(token) {
            pair.end(&self.hub);
            self.alarms.clear(token, &mut pair.alarm);
        }
    }

    fn accept(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            self.hub.now = Instant::now();
            let taken = match self.acceptor.accept(self.hub.now) {
                None => return,
                Some(Ok((socket, peer))) => self.take(socket, peer),
                Some(Err(error)) => Err(error),
            };
            if let Err(error) = &taken
                && self.acceptor.is_worth_telling(self.hub.now)
            {
                let reason = error.to_string();
                self.hub.tell(0, What::AcceptFailed { reason });
            }
        }
    }

    fn take(&mut self, mut socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let n_pairs = self.pairs.len();
        if n_pairs >= self.hub.settings.max_connections {
            let reason = format!("{n_pairs} connections are open, and no more are taken");
            return Err(io::Error::other(reason));
        }
        // A client that is gone already is its own affair.
        let _ = socket.set_nodelay(true);
        let token = self.pairs.next_token();
        let [of_client, of_server] = [Token(token.0 * 2), Token(token.0 * 2 + 1)];
        // Both once and for all: that a socket takes more is told only after it took nothing.
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, of_client, interest)?;
        let wire = Wire::new(socket, self.hub.tls.as_ref()).map_err(io::Error::other)?;
        self.n_accepted += 1;
        let pipe = Pipe::new(wire);
        let mut pair = Pair::new(self.n_accepted, pipe, peer, of_server, &self.hub);
        let deadline = pair.deadline(&self.hub);
        self.alarms.set(token, &mut pair.alarm, deadline);
        self.pairs.insert(pair);
        Ok(())
    }

    /// Does what is due.
    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        self.hub.now = now;
        while let Some(token) = self.alarms.due(now) {
            let Some(pair) = self.pairs.get_mut(token) else {
                // Whoever goes takes their alarm along; an endless loop would be worse.
                self.alarms.clear(token, &mut Default::default());
                return;
            };
            self.alarms.clear(token, &mut pair.alarm);
            let deadline = pair.deadline(&self.hub);
            if deadline.is_none_or(|it| it > now) {
                self.alarms.set(token, &mut pair.alarm, deadline);
            } else if pair.handle_timeout(&self.hub) {
                self.serve(token);
            } else {
                self.end(token);
            }
        }
    }
}
