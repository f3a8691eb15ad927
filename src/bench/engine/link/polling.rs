//! The connections of a session over long polling.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;

use super::{Context, Input, SLOTS};
use crate::protocol::Body;
use crate::session::{ExchangeId, Transmit};
use crate::transport::nonblocking::{Http, Jar, Progress};

/// How long a connection may be idle for a publish, which must not be sent twice: a server that
/// closes idle connections (Node.js after 5 s) may do so just when the publish leaves.
const MAX_IDLE_FOR_PUBLISH: Duration = Duration::from_secs(4);

/// Connections for long polling. One is enough for whoever only listens: what is sent before the
/// connect goes through it as well.
#[derive(Default)]
pub(in crate::bench::engine) struct Polling {
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

impl Polling {
    pub(super) fn send(&mut self, now: Instant, transmit: &Transmit, context: &mut Context<'_>) {
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

    pub(super) fn note(&mut self, slot: usize, event: &Event) {
        // The event may be of a connection that is gone.
        if let Some(connection) = &mut self.connections[slot] {
            connection.http.note(event);
        }
    }

    pub(super) fn handle_ready(&mut self, now: Instant, slot: usize, context: &mut Context<'_>) {
        let Some(connection) = &mut self.connections[slot] else {
            return;
        };
        let progress = connection.http.handle_ready(context.shared, &mut self.jar);
        self.progressed(now, slot, progress, context);
    }

    pub(super) fn expire(
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

    pub(super) fn cancel(&mut self, exchange: ExchangeId) {
        for slot in &mut self.connections {
            slot.take_if(|it| it.exchange.is_some_and(|it| it.id == exchange));
        }
    }

    pub(super) fn release(&mut self) {
        for slot in &mut self.connections {
            slot.take_if(|it| it.exchange.is_some_and(|it| !it.hold.is_zero()));
        }
    }

    pub(super) fn close(&mut self) {
        self.connections = Default::default();
    }

    pub(super) fn deadline(&self, connect: Duration, network: Duration) -> Option<Instant> {
        let of = |it: &Connection| Some(it.exchange?.deadline(&it.http, connect, network));
        self.connections.iter().flatten().filter_map(of).min()
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
}

impl Exchange {
    fn deadline(&self, http: &Http, connect: Duration, network: Duration) -> Instant {
        match http.is_connected() {
            true => self.since + self.hold + network,
            false => self.since + connect,
        }
    }
}
