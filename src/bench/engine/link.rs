//! A session's connections: over long polling up to two, over a websocket one.

mod polling;
mod web_socket;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event;

use crate::protocol::{ConnectionType, Message};
use crate::session::{ExchangeId, Transmit};
use crate::transport::TransportError;
use crate::transport::nonblocking::Shared;
use polling::Polling;
use web_socket::WebSocket;

/// What comes to a session from its connections.
#[derive(Debug)]
pub(super) enum Input {
    /// The response of an exchange.
    Answered(ExchangeId, Vec<Message>),
    /// Why an exchange has none.
    Failed(ExchangeId, Arc<TransportError>),
    /// A request that never left, given back by a connection that is gone.
    Unsent(ExchangeId, Arc<TransportError>),
    /// A request left over the websocket.
    Sent(ExchangeId),
    /// Messages came over the websocket.
    Messages(Vec<Message>),
    /// The websocket is gone.
    Disconnected(Arc<TransportError>),
}

/// What a connection needs from its thread.
pub(super) struct Context<'a> {
    pub(super) shared: &'a mut Shared,
    pub(super) inputs: &'a mut VecDeque<Input>,
    pub(super) counts: &'a mut Counts,
    /// Where connections come from.
    pub(super) source: Option<IpAddr>,
    /// The session's place among those of its thread.
    pub(super) place: usize,
    /// Places whose socket has to be asked again, although no event will tell.
    pub(super) unfinished: &'a mut Vec<usize>,
}

impl Context<'_> {
    fn token(&self, slot: usize) -> Token {
        Token(self.place * SLOTS + slot)
    }
}

/// What the thread's connections did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) n_requests: u64,
    pub(super) n_connections: u64,
}

/// Tokens of each session.
pub(super) const SLOTS: usize = 2;

/// A session's connections.
pub(super) enum Link {
    Polling(Box<Polling>),
    Socket(Box<WebSocket>),
}

impl Link {
    pub(super) fn new(connection_type: ConnectionType) -> Self {
        match connection_type {
            ConnectionType::WebSocket => Self::Socket(Box::default()),
            ConnectionType::LongPolling | ConnectionType::CallbackPolling => {
                Self::Polling(Box::default())
            }
        }
    }

    /// Sends a request, over a new connection if none is free.
    pub(super) fn send(&mut self, now: Instant, transmit: &Transmit, context: &mut Context<'_>) {
        context.counts.n_requests += 1;
        match self {
            Self::Polling(polling) => polling.send(now, transmit, context),
            Self::Socket(socket) => socket.send(now, transmit, context),
        }
    }

    /// Notes what the system says about a connection.
    pub(super) fn note(&mut self, slot: usize, event: &Event) {
        match self {
            Self::Polling(polling) => polling.note(slot, event),
            Self::Socket(socket) => socket.note(event),
        }
    }

    /// Takes what a connection has become ready for, once that is noted.
    pub(super) fn handle_ready(&mut self, now: Instant, slot: usize, context: &mut Context<'_>) {
        match self {
            Self::Polling(polling) => polling.handle_ready(now, slot, context),
            Self::Socket(socket) => socket.take(context),
        }
    }

    /// Goes on with what was left unfinished.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Polling(_) => {}
            Self::Socket(socket) => socket.take(context),
        }
    }

    /// Breaks an exchange off.
    pub(super) fn cancel(&mut self, exchange: ExchangeId) {
        if let Self::Polling(polling) = self {
            polling.cancel(exchange);
        }
    }

    /// Breaks off what is held, so that its connection is free. The session waits for anything
    /// else before it leaves.
    pub(super) fn release(&mut self) {
        if let Self::Polling(polling) = self {
            polling.release();
        }
    }

    /// Closes all connections; a websocket says goodbye.
    pub(super) fn close(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Polling(polling) => polling.close(),
            Self::Socket(socket) => socket.close(context),
        }
    }

    /// When something is overdue.
    pub(super) fn deadline(&self, connect: Duration, network: Duration) -> Option<Instant> {
        match self {
            Self::Polling(polling) => polling.deadline(connect, network),
            Self::Socket(socket) => socket.deadline(connect, network),
        }
    }

    /// Gives up what is overdue.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        connect: Duration,
        network: Duration,
        context: &mut Context<'_>,
    ) {
        match self {
            Self::Polling(polling) => polling.expire(now, connect, network, context),
            Self::Socket(socket) => socket.expire(now, connect, network, context),
        }
    }
}
