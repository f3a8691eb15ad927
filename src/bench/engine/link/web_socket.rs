//! The connection of a session over a websocket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;

use super::{Context, Input};
use crate::protocol::Body;
use crate::session::{ExchangeId, Transmit};
use crate::transport::TransportError;
use crate::transport::nonblocking::{Incoming, Jar, Sent, Socket};

/// The connection of a websocket.
#[derive(Default)]
pub(in crate::bench::engine) struct WebSocket {
    /// And since when it is being opened.
    socket: Option<(Socket, Instant)>,
    /// Requests that have not left.
    waiting: VecDeque<ExchangeId>,
    jar: Jar,
}

/// A socket that is not open yet.
struct Opening<'a> {
    socket: &'a Socket,
    since: Instant,
}

impl WebSocket {
    pub(super) fn send(&mut self, now: Instant, transmit: &Transmit, context: &mut Context<'_>) {
        if self.socket.is_none() {
            context.counts.n_connections += 1;
            let token = context.token(0);
            match Socket::connect(context.shared, context.source, token) {
                Ok(socket) => self.socket = Some((socket, now)),
                Err(error) => {
                    let input = Input::Unsent(transmit.exchange, Arc::new(error));
                    return context.inputs.push_back(input);
                }
            }
        }
        let Some((socket, _)) = &mut self.socket else {
            return;
        };
        match socket.send(context.shared, &transmit.messages) {
            Ok(Sent::Left) => context.inputs.push_back(Input::Sent(transmit.exchange)),
            Ok(Sent::Waiting) => self.waiting.push_back(transmit.exchange),
            Err(error) => {
                self.waiting.push_back(transmit.exchange);
                self.closed(error, context);
            }
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        if let Some((socket, _)) = &mut self.socket {
            socket.note(event);
        }
    }

    pub(super) fn take(&mut self, context: &mut Context<'_>) {
        while let Some(incoming) = self
            .socket
            .as_mut()
            .and_then(|(it, _)| it.next(context.shared, &mut self.jar))
        {
            match incoming {
                Incoming::Opened => {}
                Incoming::Left => {
                    if let Some(exchange) = self.waiting.pop_front() {
                        context.inputs.push_back(Input::Sent(exchange));
                    }
                }
                Incoming::Messages(Body { messages, .. }) => {
                    context.inputs.push_back(Input::Messages(messages));
                }
                // Others have waited long enough for their turn.
                Incoming::Pings => return context.unfinished.push(context.place),
                Incoming::Closed(error) => self.closed(error, context),
            }
        }
    }

    pub(super) fn expire(
        &mut self,
        now: Instant,
        connect: Duration,
        network: Duration,
        context: &mut Context<'_>,
    ) {
        let is_overdue = self.deadline(connect, network).is_some_and(|it| it <= now);
        if let (true, Some(Opening { socket, since })) = (is_overdue, self.opening()) {
            let waited = now.saturating_duration_since(since);
            let error = socket.expire(context.shared.target(), waited, Duration::ZERO);
            self.closed(error, context);
        }
    }

    pub(super) fn close(&mut self, context: &mut Context<'_>) {
        if let Some((mut socket, _)) = self.socket.take() {
            socket.close(context.shared);
        }
    }

    pub(super) fn deadline(&self, connect: Duration, network: Duration) -> Option<Instant> {
        let Opening { socket, since } = self.opening()?;
        match socket.is_connected() {
            true => Some(since + connect + network),
            false => Some(since + connect),
        }
    }

    fn closed(&mut self, error: TransportError, context: &mut Context<'_>) {
        let error = Arc::new(error);
        self.socket = None;
        for exchange in std::mem::take(&mut self.waiting) {
            context
                .inputs
                .push_back(Input::Unsent(exchange, Arc::clone(&error)));
        }
        context.inputs.push_back(Input::Disconnected(error));
    }

    /// The socket, while it is not open.
    fn opening(&self) -> Option<Opening<'_>> {
        let (socket, since) = self.socket.as_ref()?;
        (!socket.is_open()).then_some(Opening {
            socket,
            since: *since,
        })
    }
}
