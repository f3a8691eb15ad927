//! The language that the conversations are written in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::{ConnectionType, Json, Message, meta};
use crate::session::{
    Connects, Credentials, End, Event, Failure, Lane, Permanence, Recovery, Session, Settings,
    Stage, Transmit,
};

pub(super) struct Scenario {
    pub(super) session: Session,
    pub(super) now: Instant,
    in_flight: Vec<Transmit>,
    events: Vec<Event>,
}

/// A message of the server; the id of what it answers is filled in.
pub(super) struct Reply {
    channel: &'static str,
    fields: String,
    id: Id,
}

/// Which id a reply carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Id {
    /// That of the request, if there is one on its channel.
    Asked,
    /// None, whatever was asked.
    None,
}

pub(super) fn settings() -> Settings {
    Settings {
        connection_type: ConnectionType::LongPolling,
        connects: Connects::Held,
        recovery: Recovery::Always,
        credentials: Credentials::Fixed,
        first_handshake: Duration::ZERO,
        network_timeout: Duration::from_secs(10),
        max_batch: 16,
        max_encoded: None,
        extensions: Vec::new(),
        seed: 7,
    }
}

pub(super) fn accepted(channel: &'static str) -> Reply {
    Reply {
        channel,
        fields: r#""successful":true"#.to_owned(),
        id: Id::Asked,
    }
}

pub(super) fn refused(channel: &'static str, error: &str) -> Reply {
    Reply {
        channel,
        fields: format!(r#""successful":false,"error":{}"#, Json::string(error)),
        id: Id::Asked,
    }
}

pub(super) fn handshake_accepted(client_id: &str) -> Reply {
    accepted(meta::HANDSHAKE).with("clientId", &format!("\"{client_id}\""))
}

/// A delivery; it carries an id only if given one by [`Reply::with`].
pub(super) fn delivery(channel: &'static str, data: &str) -> Reply {
    Reply {
        channel,
        fields: format!(r#""data":{data}"#),
        id: Id::Asked,
    }
}

impl Reply {
    pub(super) fn with(mut self, name: &str, json: &str) -> Self {
        self.fields.push_str(&format!(r#","{name}":{json}"#));
        self
    }

    /// Though there may be a request on its channel.
    pub(super) fn without_id(mut self) -> Self {
        self.id = Id::None;
        self
    }

    pub(super) fn advice(self, advice: &str) -> Self {
        self.with("advice", advice)
    }
}

pub(super) fn failure(stage: Stage) -> Failure {
    let cause = Arc::new(std::io::Error::other("wire cut"));
    Failure {
        stage,
        permanence: Permanence::Transient,
        retry_after: None,
        is_gateway_timeout: false,
        cause,
    }
}

pub(super) fn permanent(stage: Stage) -> Failure {
    Failure {
        permanence: Permanence::Permanent,
        ..failure(stage)
    }
}

impl Scenario {
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let mut session = Session::new(settings);
        session.handshake(now);
        Self {
            session,
            now,
            in_flight: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A session that is subscribed and whose connect is held.
    pub(super) fn connected(channel: &str) -> Self {
        Self::connected_with(settings(), channel)
    }

    pub(super) fn connected_with(settings: Settings, channel: &str) -> Self {
        let mut scenario = Self::new(settings);
        scenario.session.subscribe(channel.parse().unwrap());
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([handshake_accepted("one")
            .advice(r#"{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}"#)]);
        scenario.expect_sent([format!("/meta/subscribe {channel}").as_str()]);
        scenario.server_replies([accepted(meta::SUBSCRIBE)]);
        scenario.expect_sent(["/meta/connect at once"]);
        scenario.server_replies([accepted(meta::CONNECT)]);
        scenario.expect_sent(["/meta/connect"]);
        scenario.expect_events(["handshaken", &format!("subscribed {channel}"), "connected"]);
        scenario
    }

    /// Asserts what is sent now, message by message.
    pub(super) fn expect_sent<const N: usize>(&mut self, expected: [&str; N]) {
        let mut sent = Vec::new();
        while let Some(transmit) = self.session.poll_transmit(self.now) {
            let of_lane = |it: &&Transmit| it.lane == transmit.lane;
            assert!(
                self.in_flight.iter().find(of_lane).is_none(),
                "two in {:?}",
                transmit.lane
            );
            sent.extend(
                transmit
                    .messages
                    .iter()
                    .map(|it| describe(it, transmit.hold)),
            );
            self.in_flight.push(transmit);
        }
        assert_eq!(sent, expected);
    }

    /// Answers the request in which the first reply's channel was asked.
    pub(super) fn server_replies<const N: usize>(&mut self, replies: [Reply; N]) {
        let asks = |it: &Transmit| replies.iter().any(|reply| asks(it, reply.channel));
        let at = self
            .in_flight
            .iter()
            .position(asks)
            .expect("something to reply to");
        self.answer(at, replies);
    }

    /// Answers in a lane, whatever the replies say.
    pub(super) fn server_responds<const N: usize>(&mut self, lane: Lane, replies: [Reply; N]) {
        let at = self
            .in_flight
            .iter()
            .position(|it| it.lane == lane)
            .expect("a request");
        self.answer(at, replies);
    }

    fn answer<const N: usize>(&mut self, at: usize, replies: [Reply; N]) {
        let transmit = self.in_flight.remove(at);
        let mut asked = transmit.messages.clone();
        let messages = replies.into_iter().map(|reply| {
            let is_asked = |it: &Message| it.channel() == reply.channel;
            let is_delivery = reply.fields.starts_with("\"data\"");
            let may_answer = !is_delivery && reply.id == Id::Asked;
            let answered = asked.iter().position(is_asked).filter(|_| may_answer);
            let id = match answered.map(|at| asked.remove(at)) {
                Some(message) if !reply.fields.contains("\"id\":") => {
                    format!(r#""id":"{}","#, message.id().unwrap())
                }
                _ => String::new(),
            };
            let raw = format!(r#"{{"channel":"{}",{id}{}}}"#, reply.channel, reply.fields);
            Message::parse(&raw).unwrap()
        });
        let messages = messages.collect();
        self.session
            .handle_response(self.now, transmit.exchange, messages);
        self.drain();
    }

    pub(super) fn exchange_fails(&mut self, lane: Lane, failure: &Failure) {
        let at = self
            .in_flight
            .iter()
            .position(|it| it.lane == lane)
            .expect("a request");
        let transmit = self.in_flight.remove(at);
        self.session
            .handle_failure(self.now, transmit.exchange, failure);
        self.drain();
    }

    pub(super) fn passes(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.drain();
    }

    /// Lets time pass until the session wants to do something.
    pub(super) fn passes_until_due(&mut self) -> Duration {
        let due = self.session.poll_timeout().expect("something is due");
        let time = due.saturating_duration_since(self.now);
        self.passes(time);
        time
    }

    pub(super) fn drain(&mut self) {
        while let Some(cancelled) = self.session.poll_cancel() {
            self.in_flight.retain(|it| it.exchange != cancelled);
        }
        self.events
            .extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    /// Asserts all events since the last call.
    pub(super) fn expect_events<const N: usize>(&mut self, expected: [&str; N]) {
        self.drain();
        let events: Vec<String> = self.events.drain(..).map(|it| name(&it)).collect();
        assert_eq!(events, expected);
    }

    pub(super) fn take_events(&mut self, names: &mut Vec<String>) {
        self.drain();
        names.extend(self.events.drain(..).map(|it| name(&it)));
    }

    pub(super) fn put_in_flight(&mut self, transmit: Transmit) {
        self.in_flight.push(transmit);
    }

    /// The `ext` of each message that waits for its reply; "-" where there is none.
    pub(super) fn ext_in_flight(&self, channel: &str) -> Vec<&str> {
        let messages = self.in_flight.iter().flat_map(|it| &it.messages);
        let asked = messages.filter(|it| it.channel() == channel);
        asked.map(|it| it.ext().unwrap_or("-")).collect()
    }

    pub(super) fn data_in_flight(&self) -> Vec<&str> {
        let messages = self.in_flight.iter().flat_map(|it| &it.messages);
        messages.filter_map(Message::data).collect()
    }
}

fn asks(transmit: &Transmit, channel: &str) -> bool {
    transmit.messages.iter().any(|it| it.channel() == channel)
}

fn describe(message: &Message, hold: Duration) -> String {
    let subscriptions = message.subscriptions().join(",");
    match message.channel() {
        meta::CONNECT if hold.is_zero() => {
            assert_eq!(message.advice(), Some(r#"{"timeout":0}"#));
            format!("{} at once", meta::CONNECT)
        }
        meta::CONNECT => {
            let advice = message.advice().map(|it| format!(" {it}"));
            format!("{}{}", meta::CONNECT, advice.unwrap_or_default())
        }
        channel if subscriptions.is_empty() => channel.to_owned(),
        channel => format!("{channel} {subscriptions}"),
    }
}

fn name(event: &Event) -> String {
    match event {
        Event::Handshaken { .. } => "handshaken".to_owned(),
        Event::Connected => "connected".to_owned(),
        Event::Subscribed { pattern } => format!("subscribed {pattern}"),
        Event::SubscribeRefused { pattern, .. } => format!("refused {pattern}"),
        Event::Unsubscribed { pattern } => format!("unsubscribed {pattern}"),
        Event::Received { message } => format!("received {}", message.data().unwrap_or("-")),
        Event::Duplicate { message } => format!("duplicate {}", message.data().unwrap_or("-")),
        Event::ReplayRefused { id, instead, .. } => format!("no replay from {id} but {instead}"),
        Event::ExtensionUnknown { name } => format!("unknown {name}"),
        Event::Synchronised { lag, offset } => format!("lag {lag} offset {offset}"),
        Event::Acknowledged { publish, .. } => format!("acknowledged {}", publish.0),
        Event::Rejected { publish, .. } => format!("rejected {}", publish.0),
        Event::Unacknowledged { publish, .. } => format!("unacknowledged {}", publish.0),
        Event::Reconnecting { attempt, .. } => format!("reconnecting {attempt}"),
        Event::Reconnected { gap } => format!("reconnected after {gap:?}"),
        Event::SessionLost { .. } => "session lost".to_owned(),
        Event::ConnectedLate { by, allowed } => format!("late by {by:?} of {allowed:?}"),
        Event::SessionRenewed {
            n_restored,
            n_subscriptions,
            replays,
            ..
        } => {
            let replays = replays.iter().map(|it| format!(" from {}", it.from));
            let replays: String = replays.collect();
            format!("session renewed {n_restored}/{n_subscriptions}{replays}")
        }
        Event::Unauthorised { .. } => "unauthorised".to_owned(),
        Event::Unmatched { .. } => "unmatched".to_owned(),
        Event::ContradictoryAdvice => "contradictory advice".to_owned(),
        Event::MultipleClients { .. } => "multiple clients".to_owned(),
        Event::HoldCut {
            after,
            advised,
            asked,
        } => format!("hold cut after {after:?} of {advised:?}, asking for {asked:?}"),
        Event::Ended(end) => match end {
            End::Disconnected => "ended: disconnected".to_owned(),
            End::HandshakeRefused(_) => "ended: handshake refused".to_owned(),
            End::Unreachable(failure) => format!("ended: {failure}"),
            End::AdvisedNone(_) => "ended: advised none".to_owned(),
            End::DisconnectedByServer(_) => "ended: by server".to_owned(),
            End::Lost(_) => "ended: lost".to_owned(),
            End::NotKept { n_handshakes, .. } => format!("ended: not kept {n_handshakes}"),
            End::TooManyHandshakes { .. } => "ended: too many handshakes".to_owned(),
            End::TightLoop { n_connects, .. } => format!("ended: tight loop {n_connects}"),
        },
    }
}

/// CometD disconnects a session without being asked: no id.
pub(super) fn disconnect_by_server() -> Reply {
    Reply {
        channel: meta::DISCONNECT,
        fields: r#""reason":"kicked""#.to_owned(),
        id: Id::Asked,
    }
}

pub(super) fn scenario_events(scenario: &mut Scenario) -> Vec<String> {
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    events
}
