//! Publishing without a session: one request (Bayeux 1.0, "Unconnected operation"). Faye takes
//! it; CometD and cometd-nodejs refuse it as an unknown session.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bayeux::client::{Settings, Traffic};
use bayeux::filter::Filter;
use bayeux::protocol::{Channel, Json, Message};
use bayeux::recording::Direction;
use bayeux::session::extension::{self, Outgoing};
use bayeux::session::{Permanence, Stage};
use bayeux::transport::{Endpoint, Exchange, Polling, TransportError};

use super::conversation::{REAUTHORISED, http_heads, record, tell_exchange};
use super::exit::{Exit, Stop};
use super::explain;
use super::signals::{Ends, Signals};
use crate::output::{Printer, words};

/// One message to publish without a session.
pub(super) struct Unconnected {
    pub(super) channel: Channel,
    pub(super) data: Json,
    pub(super) filter: Option<Filter>,
    pub(super) timeout: Option<Duration>,
}

impl Unconnected {
    pub(super) fn publish(
        self,
        mut settings: Settings,
        endpoint: &Endpoint,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        let extensions = &mut settings.session.extensions;
        let publish = Outgoing::Publish(&self.channel);
        let ext = extension::members(extensions, Instant::now(), publish);
        let message = Message::builder(self.channel.as_str())
            .id("1")
            .json("data", &self.data)
            .json_if("ext", ext.to_json().as_ref())
            .build();
        let is_shown = settings.traffic == Traffic::Shown;
        if let Some(proxy) = &settings.transport.proxy {
            printer.note_in_traffic(&format!("via proxy {proxy}"));
        }
        let connection_type = settings.session.connection_type;
        let shown =
            |direction, message| record(SystemTime::now(), direction, connection_type, message);
        let transport = Polling::new(connection_type, settings.transport)
            .map_err(|error| Stop::usage("cannot use these options").cause(error))?;
        let transport = Arc::new(transport);
        let under_way = Arc::clone(&transport);
        let signals = Signals::listen(move || under_way.abort(), Ends::Goal)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        if is_shown {
            let sent = shown(Direction::Out, message.clone());
            printer.traffic(&sent, None)?;
        }
        let until = self.timeout.map(|it| Instant::now() + it);
        let Exchange { outcome, trace } =
            transport.exchange(std::slice::from_ref(&message), Duration::ZERO, until);
        http_heads(&trace).iter().for_each(|it| printer.http(it));
        match &outcome {
            Ok(body) => tell_exchange(printer, &trace, &body.messages, None),
            Err(error) => tell_exchange(printer, &trace, &[], Some(&error.to_string())),
        }
        if trace.refused.is_some() {
            printer.warning(REAUTHORISED);
        }
        let body = outcome.map_err(|error| match signals.received() {
            Some(signal) => Stop::silent(Exit::Signal(signal)),
            None => self.failed(error, endpoint, until),
        })?;
        for reply in &body.messages {
            printer.traffic(&shown(Direction::In, reply.clone()), Some(trace.total))?;
        }
        let is_reply =
            |it: &&Message| it.successful().is_some() && it.channel() == self.channel.as_str();
        let Some(reply) = body.messages.iter().find(is_reply) else {
            let error = format!("no reply to the publish from {endpoint}");
            return Err(Stop::new(Exit::Unreachable, error).hint("-v shows what it answered"));
        };
        if reply.successful() != Some(true) {
            return Err(explain::publish_rejected(&self.channel, reply)
                .hint("this server wants a session: leave --no-handshake out"));
        }
        let round_trip = words::duration(trace.total);
        printer.note(&format!(
            "published without a session, acknowledged in {round_trip}"
        ));
        if let Some(filter) = &self.filter {
            let outputs = filter
                .apply(reply.raw())
                .map_err(|error| Stop::usage("--jq fails on the reply").cause(error))?;
            printer.filtered(&outputs)?;
        }
        Ok(())
    }

    /// Unless nothing of it left, or the address is plainly wrong, it may have been delivered.
    fn failed(&self, error: TransportError, endpoint: &Endpoint, until: Option<Instant>) -> Stop {
        if let Some(timeout) = self
            .timeout
            .filter(|_| until.is_some_and(|it| it <= Instant::now()))
        {
            let timeout = words::duration(timeout);
            let error = format!("no answer from {endpoint} within {timeout}");
            return Stop::new(Exit::Timeout, error)
                .hint("the message may have been delivered; -vv shows how far it gets");
        }
        let failure = Arc::new(error).failure();
        match (failure.stage, failure.permanence) {
            (Stage::Unsent, _) | (_, Permanence::Permanent) => {
                explain::unreachable(&failure, endpoint)
            }
            (Stage::Unanswered | Stage::Interrupted, Permanence::Transient) => {
                explain::outcome_unknown(&self.channel, &failure)
            }
        }
    }
}
