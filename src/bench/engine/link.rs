//! A session's connections: over long polling up to two, over a websocket one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event;

use crate::protocol::{Body, ConnectionType, Message};
use crate::session::{ExchangeId, Transmit};
use crate::transport::TransportError;
use crate::transport::nonblocking::{Http, Incoming, Jar, Progress, Sent, Shared, Socket};

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

/// How long a connection may be idle for a publish, which must not be sent twice: a server that
/// closes idle connections (Node.js after 5 s) may do so just when the publish leaves.
const MAX_IDLE_FOR_PUBLISH: Duration = Duration::from_secs(4);

/// A session's connections.
pub(super) enum Link {
    Polling(Box<Polling>),
    Socket(Box<WebSocket>),
}

/// Connections for long polling. One is enough for whoever only listens: what is sent before the
/// connect goes through it as well.
#[derive(Default)]
pub(super) struct Polling {
    connections: [Option<Connection>; SLOTS],
    jar: Jar,
}

struct Connection {
    http: Http,
    exchange: Option<Exchange>,
    /// Since when there is no exchange.
    idle_since: Instant,
}

#[derive(Clone, Copy)]
struct Exchange {
    id: ExchangeId,
    since: Instant,
    hold: Duration,
}

/// A socket that is not open yet.
struct Opening<'a> {
    socket: &'a Socket,
    since: Instant,
}

/// The connection of a websocket.
#[derive(Default)]
pub(super) struct WebSocket {
    /// And since when it is being opened.
    socket: Option<(Socket, Instant)>,
    /// Requests that have not left.
    waiting: VecDeque<ExchangeId>,
    jar: Jar,
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

    /// Takes what a connection has become ready for.
    pub(super) fn handle_ready(
        &mut self,
        now: Instant,
        slot: usize,
        event: &Event,
        context: &mut Context<'_>,
    ) {
        match self {
            Self::Polling(polling) => polling.handle_ready(now, slot, event, context),
            Self::Socket(socket) => socket.handle_ready(event, context),
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
            for slot in &mut polling.connections {
                slot.take_if(|it| it.exchange.is_some_and(|it| it.id == exchange));
            }
        }
    }

    /// Breaks off what is held, so that its connection is free. The session waits for anything
    /// else before it leaves.
    pub(super) fn release(&mut self) {
        if let Self::Polling(polling) = self {
            for slot in &mut polling.connections {
                slot.take_if(|it| it.exchange.is_some_and(|it| !it.hold.is_zero()));
            }
        }
    }

    /// Closes all connections; a websocket says goodbye.
    pub(super) fn close(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Polling(polling) => polling.connections = Default::default(),
            Self::Socket(web_socket) => {
                if let Some((mut socket, _)) = web_socket.socket.take() {
                    socket.close(context.shared);
                }
            }
        }
    }

    /// When something is overdue.
    pub(super) fn deadline(&self, connect: Duration, network: Duration) -> Option<Instant> {
        match self {
            Self::Polling(polling) => {
                let of = |it: &Connection| Some(it.exchange?.deadline(&it.http, connect, network));
                polling.connections.iter().flatten().filter_map(of).min()
            }
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
            Self::Socket(socket) => {
                if socket
                    .deadline(connect, network)
                    .is_some_and(|it| it <= now)
                {
                    socket.expire(now, context);
                }
            }
        }
    }
}

impl Exchange {
    fn deadline(&self, http: &Http, connect: Duration, network: Duration) -> Instant {
        match http.is_connected() {
            true => self.since + self.hold + network,
            false => self.since + connect,
        }
    }
}

impl Polling {
    fn send(&mut self, now: Instant, transmit: &Transmit, context: &mut Context<'_>) {
        let has_publish = transmit
            .messages
            .iter()
            .any(|it| !it.channel().starts_with("/meta/"));
        let is_fit = |it: &Connection| {
            it.exchange.is_none()
                && it.http.is_reusable()
                && !(has_publish
                    && now.saturating_duration_since(it.idle_since) > MAX_IDLE_FOR_PUBLISH)
        };
        let fit = self
            .connections
            .iter()
            .position(|it| it.as_ref().is_some_and(is_fit));
        let slot = match fit {
            Some(slot) => slot,
            None => {
                // Each lane has at most one request in flight, so that one of two is free.
                let is_free =
                    |it: &Option<Connection>| it.as_ref().is_none_or(|it| it.exchange.is_none());
                let slot = self.connections.iter().position(is_free).unwrap_or(0);
                self.connections[slot] = None;
                context.counts.n_connections += 1;
                let token = context.token(slot);
                match Http::connect(context.shared, context.source, token) {
                    Ok(http) => {
                        self.connections[slot] = Some(Connection {
                            http,
                            exchange: None,
                            idle_since: now,
                        });
                    }
                    Err(error) => {
                        let input = Input::Failed(transmit.exchange, Arc::new(error));
                        return context.inputs.push_back(input);
                    }
                }
                slot
            }
        };
        let Some(connection) = &mut self.connections[slot] else {
            return;
        };
        connection.exchange = Some(Exchange {
            id: transmit.exchange,
            since: now,
            hold: transmit.hold,
        });
        let progress = connection
            .http
            .send(context.shared, &mut self.jar, &transmit.messages);
        self.progressed(now, slot, progress, context);
    }

    fn handle_ready(
        &mut self,
        now: Instant,
        slot: usize,
        event: &Event,
        context: &mut Context<'_>,
    ) {
        // The event may be of a connection that is gone.
        let Some(connection) = &mut self.connections[slot] else {
            return;
        };
        let progress = connection
            .http
            .handle_ready(context.shared, &mut self.jar, event);
        self.progressed(now, slot, progress, context);
    }

    fn progressed(
        &mut self,
        now: Instant,
        slot: usize,
        progress: Progress,
        context: &mut Context<'_>,
    ) {
        match progress {
            Progress::Pending => {}
            Progress::Closed => self.connections[slot] = None,
            Progress::Answered(outcome) => {
                let Some(connection) = &mut self.connections[slot] else {
                    return;
                };
                let exchange = connection.exchange.take();
                connection.idle_since = now;
                if !connection.http.is_reusable() {
                    self.connections[slot] = None;
                }
                if let Some(Exchange { id, .. }) = exchange {
                    context.inputs.push_back(match outcome {
                        Ok(Body { messages, .. }) => Input::Answered(id, messages),
                        Err(error) => Input::Failed(id, Arc::new(error)),
                    });
                }
            }
        }
    }

    fn expire(
        &mut self,
        now: Instant,
        connect: Duration,
        network: Duration,
        context: &mut Context<'_>,
    ) {
        for slot in &mut self.connections {
            let is_overdue = |it: &mut Connection| {
                it.exchange
                    .is_some_and(|exchange| exchange.deadline(&it.http, connect, network) <= now)
            };
            if let Some(Connection {
                http,
                exchange: Some(exchange),
                ..
            }) = slot.take_if(is_overdue)
            {
                let waited = now.saturating_duration_since(exchange.since);
                let error = http.expire(context.shared.target(), waited, exchange.hold);
                context
                    .inputs
                    .push_back(Input::Failed(exchange.id, Arc::new(error)));
            }
        }
    }
}

impl WebSocket {
    fn send(&mut self, now: Instant, transmit: &Transmit, context: &mut Context<'_>) {
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

    fn handle_ready(&mut self, event: &Event, context: &mut Context<'_>) {
        if let Some((socket, _)) = &mut self.socket {
            socket.handle_ready(event);
            self.take(context);
        }
    }

    fn take(&mut self, context: &mut Context<'_>) {
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

    fn deadline(&self, connect: Duration, network: Duration) -> Option<Instant> {
        let Opening { socket, since } = self.opening()?;
        match socket.is_connected() {
            true => Some(since + connect + network),
            false => Some(since + connect),
        }
    }

    /// The socket, while it is not open.
    fn opening(&self) -> Option<Opening<'_>> {
        let (socket, since) = self.socket.as_ref()?;
        (!socket.is_open()).then_some(Opening {
            socket,
            since: *since,
        })
    }

    fn expire(&mut self, now: Instant, context: &mut Context<'_>) {
        if let Some(Opening { socket, since }) = self.opening() {
            let waited = now.saturating_duration_since(since);
            let error = socket.expire(context.shared.target(), waited, Duration::ZERO);
            self.closed(error, context);
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
}
