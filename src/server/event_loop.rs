//! The one thread of a server: it waits for the system, for the time and for commands, and
//! gives each connection its turn.
//!
//! Nothing here blocks but waiting, so nobody waits for a client; nothing is shared, so there is
//! no lock.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Event;
use super::acceptor::Acceptor;
use super::alarms::Alarms;
use super::connection::{Caller, Connection, Turn};
use super::hub::{Due, Hub};
use super::slab::Slab;

const LISTENER: Token = Token(usize::MAX);
const COMMANDS: Token = Token(usize::MAX - 1);

/// Events that are taken from the system at once.
const MOST_EVENTS: usize = 1024;

/// Connections that are accepted, and commands that are carried out, before others have their
/// turn.
const MOST_AT_ONCE: usize = 64;

/// What is read at once, by all connections into the same place.
const SCRATCH: usize = 64 * 1024;

/// What another thread wants done.
pub(super) enum Command {
    Change {
        change: Box<dyn FnOnce(&mut Hub) + Send>,
        /// Dropped when it was done and everybody concerned was sent what follows from it.
        done: Sender<()>,
    },
    Stop,
}

pub(super) struct EventLoop {
    poll: Poll,
    acceptor: Acceptor,
    commands: Receiver<Command>,
    connections: Slab<Connection>,
    alarms: Alarms,
    hub: Hub,
    /// Those who tell commands may go before the commands are carried out; without a waker
    /// nobody would look for them.
    _waker: Arc<Waker>,
    /// Connections that can go on, and let others come first.
    unfinished: Vec<Token>,
    scratch: Box<[u8]>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Going {
    On,
    /// There may be more commands, of which nobody will tell.
    OnAtOnce,
    Stopped,
}

impl EventLoop {
    /// A loop, and what wakes it when there is a command.
    pub(super) fn new(
        mut acceptor: Acceptor,
        commands: Receiver<Command>,
        hub: Hub,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), COMMANDS)?);
        let listener = acceptor.listener_mut();
        poll.registry()
            .register(listener, LISTENER, Interest::READABLE)?;
        let event_loop = Self {
            poll,
            acceptor,
            commands,
            connections: Slab::new(),
            alarms: Alarms::default(),
            hub,
            _waker: Arc::clone(&waker),
            unfinished: Vec::new(),
            scratch: vec![0; SCRATCH].into(),
        };
        Ok((event_loop, waker))
    }

    /// Serves until it is told to stop, or nobody is left to tell it.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MOST_EVENTS);
        let mut going = Going::On;
        while going != Going::Stopped {
            let timeout = self.timeout(going);
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                // None of what poll fails with can happen to a descriptor that is open.
                break;
            }
            // The machine may have slept.
            self.hub.look_at_the_clock();
            let mut unfinished = std::mem::take(&mut self.unfinished);
            for event in &events {
                match event.token() {
                    LISTENER => self.acceptor.note_ready(),
                    COMMANDS => going = Going::OnAtOnce,
                    token => {
                        if let Some(connection) = self.connections.get_mut(token) {
                            connection.note(event);
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
            // Only now, so that what several clients publish at once leaves in one piece.
            self.settle();
            self.accept();
            self.do_what_is_due();
            if going == Going::OnAtOnce {
                going = self.carry_out();
            }
        }
        for connection in self.connections.drain() {
            connection.stop();
        }
    }

    fn timeout(&self, going: Going) -> Option<Duration> {
        let is_done = self.unfinished.is_empty() && !self.hub.is_anything_due();
        if going == Going::OnAtOnce || !is_done || self.acceptor.is_ready() {
            return Some(Duration::ZERO);
        }
        let deadlines = [
            self.hub.poll_timeout(),
            self.alarms.next(),
            self.acceptor.paused_until(),
        ];
        let next = deadlines.into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Gives a connection its turn, of which others may have to be told.
    fn serve(&mut self, token: Token) {
        self.hub.now = Instant::now();
        self.take_turn(token);
    }

    /// Sends what followed from a change to those whom it concerns. What follows from that waits for
    /// the next time: who always has more to say would keep the others from hearing it.
    fn settle(&mut self) {
        for (token, due) in self.hub.take_due() {
            if let Due::Response(hold, answer) = due
                && let Some(connection) = self.connections.get_mut(token)
            {
                connection.answer_held(&mut self.hub, hold, answer);
            }
            self.take_turn(token);
        }
    }

    fn take_turn(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        match connection.turn(&mut self.hub, &mut self.scratch) {
            Turn::Waits => {}
            Turn::Unfinished => self.unfinished.push(token),
            Turn::Over => {
                connection.end(&mut self.hub);
                self.alarms.clear(token, &mut connection.alarm);
                self.connections.remove(token);
                return;
            }
        }
        let deadline = connection.deadline(&self.hub.settings, self.hub.now);
        self.alarms.set(token, &mut connection.alarm, deadline);
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
                self.hub.observe(&Event::AcceptFailed { error });
            }
        }
    }

    fn take(&mut self, mut socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let n_connections = self.connections.len();
        if n_connections >= self.hub.settings.max_connections {
            let reason = format!("{n_connections} connections are open, and no more are taken");
            return Err(io::Error::other(reason));
        }
        // A client that is gone already is its own affair.
        let _ = socket.set_nodelay(true);
        let token = self.connections.next_token();
        // Both once and for all: that a socket takes more is told only after it took nothing.
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, token, interest)?;
        let caller = Caller { token, peer };
        let mut connection = Connection::new(socket, caller, &self.hub)?;
        let deadline = connection.deadline(&self.hub.settings, self.hub.now);
        self.alarms.set(token, &mut connection.alarm, deadline);
        self.connections.insert(connection);
        Ok(())
    }

    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        self.hub.now = now;
        while let Some(token) = self.alarms.due(now) {
            let Some(connection) = self.connections.get_mut(token) else {
                // Whoever goes takes their alarm along; an endless loop would be worse.
                self.alarms.clear(token, &mut Default::default());
                return;
            };
            self.alarms.clear(token, &mut connection.alarm);
            let deadline = connection.deadline(&self.hub.settings, now);
            if deadline.is_some_and(|it| it <= now) {
                connection.handle_timeout(&mut self.hub);
                self.take_turn(token);
                self.settle();
            } else {
                self.alarms.set(token, &mut connection.alarm, deadline);
            }
        }
        if self.hub.poll_timeout().is_some_and(|at| at <= now) {
            self.hub.handle_timeout();
            self.settle();
        }
    }

    fn carry_out(&mut self) -> Going {
        for _ in 0..MOST_AT_ONCE {
            match self.commands.try_recv() {
                Ok(Command::Change { change, done }) => {
                    self.hub.now = Instant::now();
                    change(&mut self.hub);
                    self.settle();
                    drop(done);
                }
                Ok(Command::Stop) => return Going::Stopped,
                Err(TryRecvError::Empty) => return Going::On,
                Err(TryRecvError::Disconnected) => return Going::Stopped,
            }
        }
        Going::OnAtOnce
    }
}
