//! One connection of a client's and the one to the server that belongs to it.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event as Readiness;

use super::answers;
use super::event::{Side, What};
use super::hub::Hub;
use super::outgoing::Outgoing;
use super::talk::{Talk, Ways};
use crate::server::alarms::Alarm;
use crate::server::connection::pipe::{Advance, Pipe};
use crate::traffic::Seen;
use crate::transport::TransportError;
use crate::transport::nonblocking::Link;

/// Pieces that are read before others have their turn.
const MOST_AT_ONCE: u32 = 32;

/// What waits for one side before the other is read no more.
const MOST_WAITING: usize = 256 * 1024;

/// How long a connection is kept over which the client has sent nothing yet.
const IDLE: Duration = Duration::from_secs(75);

/// How long the server has for what it still owes to a client that sends nothing more: most of
/// those have left.
const GRACE: Duration = Duration::from_secs(10);

/// How long a connection is kept that has fallen silent by a fault.
const SILENCE: Duration = Duration::from_secs(600);

/// How long we wait for the end of a client to which all was said.
const LINGER: Duration = Duration::from_secs(2);

pub(super) struct Pair {
    number: u64,
    pub(super) alarm: Alarm,
    /// For events of the connection to the server.
    server_token: Token,
    client: Pipe,
    server: Server,
    to_server: Outgoing,
    talk: Talk,
    /// Whether the client sends nothing more, and whether the server does.
    client_end: End,
    server_end: End,
    /// Who ended it first.
    ended_by: Option<Side>,
    /// When something last moved.
    moved: Instant,
    /// Since when what the client sends is thrown away: the server is gone.
    lingers_since: Option<Instant>,
    /// Until when it is kept by a fault, with nothing sent any more.
    silent_until: Option<Instant>,
}

enum Server {
    /// The client has sent nothing yet.
    None,
    Connecting(Box<Link>, Instant),
    Open(Box<Link>),
    Gone,
}

/// How far the end of a direction has got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Open,
    /// Nothing more comes.
    Ended,
    /// And the other side was told.
    PassedOn,
}

/// What a pair needs after its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// An event, or its deadline.
    Waits,
    /// Another turn soon.
    Unfinished,
    /// Nothing any more.
    Over,
}

impl Pair {
    pub(super) fn new(
        number: u64,
        client: Pipe,
        peer: SocketAddr,
        server_token: Token,
        hub: &Hub,
    ) -> Self {
        hub.tell(number, What::Connected { peer });
        Self {
            number,
            alarm: Alarm::default(),
            server_token,
            client,
            server: Server::None,
            to_server: Outgoing::default(),
            talk: Talk::new(number, hub),
            client_end: End::Open,
            server_end: End::Open,
            ended_by: None,
            moved: hub.now,
            lingers_since: None,
            silent_until: None,
        }
    }

    /// Notes what the system says about the client's socket.
    pub(super) fn note_client(&mut self, event: &Readiness) {
        self.client.wire_mut().note(event);
    }

    /// Notes what the system says about the server's socket.
    pub(super) fn note_server(&mut self, event: &Readiness) {
        match &mut self.server {
            Server::Connecting(link, _) | Server::Open(link) => link.note(event),
            Server::None | Server::Gone => {}
        }
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self, hub: &Hub, scratch: &mut [u8]) -> Turn {
        for _ in 0..MOST_AT_ONCE {
            match self.step(hub, scratch) {
                Ok(true) => self.moved = hub.now,
                Ok(false) if self.is_over() => return Turn::Over,
                Ok(false) => return Turn::Waits,
                Err(_) => return Turn::Over,
            }
        }
        Turn::Unfinished
    }

    /// When something has to be done, whatever happens.
    pub(super) fn deadline(&mut self, hub: &Hub) -> Option<Instant> {
        let patience = hub.settings.patience;
        let since_moved = |time| self.moved.checked_add(time);
        let ending = match (self.client_end, self.server_end) {
            (_, End::PassedOn) => match self.lingers_since {
                Some(since) => since.checked_add(LINGER),
                None => since_moved(LINGER),
            },
            (End::PassedOn, _) => since_moved(GRACE.min(patience)),
            _ => None,
        };
        let server = match &self.server {
            Server::None => since_moved(IDLE),
            Server::Connecting(_, since) => since.checked_add(hub.settings.connect_timeout),
            Server::Open(_) if self.to_server.is_blocked() => since_moved(patience),
            Server::Open(_) if self.talk.awaits_request() => since_moved(patience),
            Server::Open(_) | Server::Gone => None,
        };
        let client = self.client.deadline(hub.now, patience);
        if let Some(until) = self.silent_until {
            return Some(until);
        }
        [ending, server, client].into_iter().flatten().min()
    }

    /// The deadline has passed; whether it goes on all the same.
    pub(super) fn handle_timeout(&mut self, hub: &Hub) -> bool {
        if self.client.is_pause_over(hub.now) {
            return true;
        }
        if self.silent_until.is_some() {
            return false;
        }
        let connection = self.number;
        if let Server::Connecting(link, _) = &self.server {
            // Others begin with the next address.
            link.avoid(hub.shared.target());
            let reason = "no connection in time".to_owned();
            hub.tell(connection, What::Unreachable { reason });
            self.answer(hub, answers::late(hub.settings.upstream.origin()));
            return true;
        }
        let reason = match (self.client_end, self.server_end) {
            (End::PassedOn, _) | (_, End::PassedOn) => return false,
            _ if self.talk.awaits_request() => {
                self.answer(hub, answers::slow());
                "a request took too long to arrive"
            }
            _ if self.client.is_blocked() => "the client takes nothing of what is sent to it",
            _ if self.to_server.is_blocked() => "the server takes nothing of what is sent to it",
            _ => "the client sent nothing",
        };
        let reason = reason.to_owned();
        hub.tell(connection, What::Dropped { reason });
        matches!(self.server, Server::Gone) && !self.is_all_said()
    }

    /// It is over: tells what was left.
    pub(super) fn end(&mut self, hub: &Hub) {
        self.talk.end(hub);
        let connection_type = self.talk.connection_type();
        hub.tell_seen(self.number, connection_type, Seen::Closed);
        let ended = What::Ended {
            by: self.ended_by.unwrap_or(Side::Client),
            n_unanswered: self.talk.n_unanswered(),
        };
        hub.tell(self.number, ended);
    }

    /// The proxy stops.
    pub(super) fn stop(mut self, hub: &Hub) {
        self.talk.end(hub);
        self.client.shut_down(Shutdown::Both);
    }

    /// Moves something; whether anything did move.
    fn step(&mut self, hub: &Hub, scratch: &mut [u8]) -> io::Result<bool> {
        let mut has_moved = false;
        let waiting = self.client.n_waiting();
        if self.client.advance(hub.now)? == Advance::Silent {
            self.fall_silent(hub);
        }
        self.client.send_waiting()?;
        has_moved |= self.client.n_waiting() < waiting;
        has_moved |= self.read_client(hub, scratch)?;
        has_moved |= self.open(hub);
        if let Server::Open(link) = &mut self.server {
            match self.to_server.send(link) {
                Ok(has_sent) => has_moved |= has_sent,
                // It may have answered before it closed.
                Err(_) => {
                    self.to_server = Outgoing::default();
                    self.lingers_since.get_or_insert(hub.now);
                }
            }
        }
        has_moved |= self.read_server(hub, scratch)?;
        self.pass_ends_on();
        Ok(has_moved)
    }

    fn read_client(&mut self, hub: &Hub, scratch: &mut [u8]) -> io::Result<bool> {
        let is_wanted = self.to_server.n_waiting() < MOST_WAITING && !self.talk.holds_back();
        if self.client_end != End::Open || !is_wanted && self.lingers_since.is_none() {
            return Ok(false);
        }
        let n_bytes = match self.client.read(scratch) {
            Ok(n_bytes) => n_bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => {
                self.ended_by.get_or_insert(Side::Client);
                return Err(error);
            }
        };
        if n_bytes == 0 {
            self.ended_by.get_or_insert(Side::Client);
            self.client_end = End::Ended;
            return Ok(true);
        }
        if self.lingers_since.is_some() {
            return Ok(true);
        }
        let mut ways = Ways {
            client: &mut self.client,
            server: &mut self.to_server,
        };
        self.talk.client_sent(hub, &scratch[..n_bytes], &mut ways)?;
        if let Server::None = self.server {
            match Link::connect(&hub.shared, None, self.server_token) {
                Ok(link) => self.server = Server::Connecting(Box::new(link), hub.now),
                Err(error) => self.refuse(hub, &error),
            }
        }
        Ok(true)
    }

    /// Goes on connecting; whether that has come to its end.
    fn open(&mut self, hub: &Hub) -> bool {
        let Server::Connecting(link, _) = &mut self.server else {
            return false;
        };
        match link.open(&hub.shared) {
            Ok(false) => return false,
            Ok(true) => {
                let connecting = std::mem::replace(&mut self.server, Server::Gone);
                if let Server::Connecting(link, _) = connecting {
                    self.server = Server::Open(link);
                }
            }
            Err(error) => self.refuse(hub, &error),
        }
        true
    }

    fn read_server(&mut self, hub: &Hub, scratch: &mut [u8]) -> io::Result<bool> {
        let Server::Open(link) = &mut self.server else {
            return Ok(false);
        };
        if self.server_end != End::Open || self.client.is_blocked() {
            return Ok(false);
        }
        match link.read(scratch) {
            Ok(0) => {}
            Ok(n_bytes) => {
                let mut ways = Ways {
                    client: &mut self.client,
                    server: &mut self.to_server,
                };
                self.talk.server_sent(hub, &scratch[..n_bytes], &mut ways)?;
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            // Many end TLS without a word; HTTP and frames say themselves where they end.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            // What came before a reset may still be on its way to the client.
            Err(_) => {
                self.ended_by.get_or_insert(Side::Server);
                self.server_end = End::Ended;
                return Ok(true);
            }
        }
        self.ended_by.get_or_insert(Side::Server);
        self.server_end = End::Ended;
        let mut ways = Ways {
            client: &mut self.client,
            server: &mut self.to_server,
        };
        self.talk.server_ended(hub, &mut ways)?;
        Ok(true)
    }

    /// Tells each side that the other sends nothing more, once all before has left.
    fn pass_ends_on(&mut self) {
        if self.server_end == End::Ended && self.is_all_said() {
            self.client.shut_down(Shutdown::Write);
            self.server_end = End::PassedOn;
        }
        if self.client_end == End::Ended && !self.to_server.is_blocked() {
            match &mut self.server {
                Server::Open(link) => {
                    // Of a socket that is gone already nothing is wanted.
                    let _ = link.shut_down(Shutdown::Write);
                    self.client_end = End::PassedOn;
                }
                Server::Connecting(..) => {}
                Server::None | Server::Gone => self.client_end = End::PassedOn,
            }
        }
    }

    fn is_over(&self) -> bool {
        let is_told = self.client_end == End::PassedOn;
        match self.server {
            // There was nothing, or there will be nothing.
            Server::None => is_told,
            Server::Gone => is_told && self.is_all_said(),
            Server::Connecting(..) => false,
            Server::Open(_) => is_told && self.server_end == End::PassedOn,
        }
    }

    /// A fault ends all that is sent to the client, which may wait for it as long as it likes.
    fn fall_silent(&mut self, hub: &Hub) {
        self.server = Server::Gone;
        self.to_server = Outgoing::default();
        self.lingers_since.get_or_insert(hub.now);
        self.silent_until = hub.now.checked_add(SILENCE);
    }

    /// Whether nothing waits for the client.
    fn is_all_said(&self) -> bool {
        self.client.n_waiting() == 0 && !self.client.is_blocked()
    }

    /// The server cannot be reached.
    fn refuse(&mut self, hub: &Hub, error: &TransportError) {
        let reason = answers::cause(error);
        let response = answers::unreachable(hub.settings.upstream.origin(), &reason);
        self.answer(hub, response);
        hub.tell(self.number, What::Unreachable { reason });
    }

    /// Says the last that there is to say to the client.
    fn answer(&mut self, hub: &Hub, response: Vec<u8>) {
        self.server = Server::Gone;
        self.ended_by.get_or_insert(Side::Server);
        if self.talk.awaits_response() || self.talk.awaits_request() {
            self.talk.answered_here(hub, &response);
            self.client.push(response);
        }
        self.to_server = Outgoing::default();
        self.lingers_since.get_or_insert(hub.now);
        self.server_end = End::Ended;
    }
}
