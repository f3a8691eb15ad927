//! What a session is there for, and what its events mean for the measurement: the same for
//! every engine.

use std::time::Instant;

use crate::protocol::ChannelPattern;
use crate::session::{
    Connects, Credentials, End, Event, Recovery, Refusal, Settings as SessionSettings,
};

use super::board::Board;
use super::engine::FIRST_HANDSHAKE;
use super::kinds;
use super::plan::Plan;
use super::publisher::Publisher;
use super::recorder::Recorder;
use super::run::Request;
use super::settings::Settings;
use super::subscriber::Subscriber;

/// One session's part in a run.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) role: Role,
    life: Life,
    /// Whether it has ever been up.
    was_up: bool,
    /// Whether it has a session, as far as it knows.
    has_session: bool,
    /// When what is under way was begun: the handshake, the subscribe, or the first connect.
    since: Instant,
    /// When its last subscription was confirmed, until its first connect is answered.
    confirmed: Option<Instant>,
}

/// A session's part and its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Who {
    Client(usize),
    Publisher(usize),
}

impl Who {
    /// Everybody has a number. Publishers come first: the run begins when they are up.
    pub(super) fn nth(number: usize, plan: &Plan) -> Self {
        match number.checked_sub(plan.n_publishers) {
            None => Self::Publisher(number),
            Some(client) => Self::Client(client),
        }
    }
}

/// What a session is there for.
#[derive(Debug)]
pub(super) enum Role {
    Client(Subscriber),
    Publisher(Box<Publisher>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    /// It has never been up.
    Opening,
    Up,
    /// It was up, has left, and comes back.
    Returning,
    Ended,
}

impl Participant {
    /// Nobody yet: its handshake is asked for now.
    pub(super) fn new(who: Who, board: &Board, now: Instant) -> Self {
        let role = match who {
            Who::Client(number) => Role::Client(Subscriber::new(number)),
            Who::Publisher(number) => {
                let mut publisher = Publisher::new(number, &board.plan);
                publisher.follow(board);
                Role::Publisher(Box::new(publisher))
            }
        };
        Self {
            role,
            life: Life::Opening,
            was_up: false,
            has_session: false,
            since: now,
            confirmed: None,
        }
    }

    /// It is a client that leaves: what is on its way to it is nobody's loss.
    pub(super) fn leave(&mut self, board: &Board, recorder: &mut Recorder) {
        if let Role::Client(subscriber) = &mut self.role {
            subscriber.leave(board, recorder);
        }
    }

    /// It has left or ended, and the handshake of its next session is asked for now.
    pub(super) fn returns(&mut self, now: Instant) {
        self.since = now;
        self.has_session = false;
        self.life = match self.was_up {
            true => Life::Returning,
            false => Life::Opening,
        };
        if let Role::Client(subscriber) = &mut self.role {
            subscriber.returns();
        }
    }

    /// Whether it is up or never will be.
    pub(super) fn is_settled(&self) -> bool {
        match self.life {
            Life::Opening | Life::Returning => false,
            Life::Up | Life::Ended => true,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.life == Life::Up
    }

    /// Whether it is a publisher that will send nothing more and wait for nothing more. Once
    /// done, done for ever.
    pub(super) fn is_done(&self, now: Instant, board: &Board) -> bool {
        match &self.role {
            Role::Publisher(publisher) => self.life == Life::Ended || publisher.is_done(now, board),
            Role::Client(_) => false,
        }
    }

    /// The settings of its session.
    pub(super) fn session_settings(&self, settings: &Settings, board: &Board) -> SessionSettings {
        let number = match &self.role {
            Role::Client(subscriber) => board.plan.n_publishers + subscriber.number,
            Role::Publisher(publisher) => publisher.number,
        };
        SessionSettings {
            connection_type: settings.connection_type,
            connects: Connects::Held,
            recovery: Recovery::Always,
            credentials: Credentials::Fixed,
            first_handshake: FIRST_HANDSHAKE,
            network_timeout: settings.transport.network_timeout,
            max_batch: board.most_at_once,
            max_encoded: None,
            extensions: (settings.extensions)(),
            seed: settings.seed.wrapping_add(number as u64),
        }
    }

    /// What its session subscribes to.
    pub(super) fn patterns<'a>(
        &self,
        board: &'a Board,
    ) -> impl Iterator<Item = &'a ChannelPattern> + use<'a> {
        let channels = match &self.role {
            Role::Client(subscriber) => Some(board.plan.channels_of(subscriber.number)),
            Role::Publisher(_) => None,
        };
        let channels = channels.into_iter().flatten();
        channels.map(|it| &board.patterns[it])
    }

    /// Takes an event of its session.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        event: Event,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        match event {
            Event::Received { message } => {
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.received(now, &message, board, recorder);
                }
            }
            Event::Acknowledged { publish, .. } => {
                if let Role::Publisher(publisher) = &mut self.role {
                    publisher.acknowledged(now, publish, board, recorder);
                }
            }
            Event::Rejected { publish, reply } => {
                let text = kinds::of_reply(&reply);
                let kind = format!("publish rejected: {text}");
                recorder.error(now, Request::Publish, &kind, &kinds::in_full(&reply));
                if let Role::Publisher(publisher) = &mut self.role {
                    publisher.rejected(publish, board, recorder);
                }
            }
            Event::Unacknowledged { publish, failure } => {
                let kind = kinds::of_failure(&failure);
                let kind = format!("publish without acknowledgement: {kind}");
                recorder.error(now, Request::Publish, &kind, &failure);
                if let Role::Publisher(publisher) = &mut self.role {
                    publisher.unacknowledged(publish, board, recorder);
                }
            }
            Event::Handshaken { .. } => {
                recorder.sessions.handshakes += 1;
                recorder.latency.handshake.record(now - self.since);
                self.since = now;
                self.has_session = true;
            }
            Event::Subscribed { pattern } => {
                recorder.latency.subscribe.record(now - self.since);
                self.confirmed = Some(now);
                if let Role::Client(subscriber) = &mut self.role
                    && let Some(channel) = board.plan.channel_number(pattern.as_str())
                {
                    subscriber.subscribed(channel, board);
                }
            }
            Event::SubscribeRefused { pattern, refusal } => {
                let (text, sample) = match &refusal {
                    Refusal::Reply(reply) => (kinds::of_reply(reply), kinds::in_full(reply)),
                    Refusal::Failure(failure) => (kinds::of_failure(failure), failure.to_string()),
                };
                let sample = format!("{pattern}: {sample}");
                let kind = format!("subscribe refused: {text}");
                recorder.error(now, Request::Subscribe, &kind, &sample);
            }
            Event::Connected => {
                let since = self.confirmed.take().unwrap_or(self.since);
                recorder.latency.connect.record(now - since);
                match self.life {
                    Life::Opening | Life::Returning => self.life = Life::Up,
                    Life::Up | Life::Ended => {}
                }
                recorder.sessions.up += u64::from(!self.was_up);
                self.was_up = true;
            }
            Event::Reconnecting { failure, .. } => {
                if self.life == Life::Opening {
                    board.hindered(&failure);
                }
                let kind = kinds::of_failure(&failure);
                recorder.error(now, self.request(), &kind, &failure);
            }
            Event::SessionLost { reason, .. } => {
                let (text, sample) = kinds::of_loss(&reason);
                let kind = format!("session lost: {text}");
                recorder.error(now, Request::Connect, &kind, &sample);
                self.since = now;
                self.has_session = false;
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.loses_session();
                }
            }
            Event::SessionRenewed { .. } => {
                recorder.sessions.renewed += 1;
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.renewed(board);
                }
            }
            Event::Duplicate { message } => {
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.repeated(&message, board, recorder);
                }
            }
            Event::ExtensionUnknown { name } => {
                // Of a server it is true once, and not once for each session.
                if board.is_news(name) {
                    let kind = format!("extension unknown to the server: {name}");
                    let sample = format!("no ext.{name} in the reply to the handshake");
                    recorder.error(now, Request::Handshake, &kind, &sample);
                }
            }
            Event::Ended(end) => self.ended(now, &end, board, recorder),
            Event::Unsubscribed { .. }
            | Event::Reconnected { .. }
            | Event::ConnectedLate { .. }
            | Event::ReplayRefused { .. }
            | Event::Synchronised { .. }
            | Event::Unauthorised { .. }
            | Event::Unmatched { .. }
            | Event::ContradictoryAdvice
            | Event::MultipleClients { .. }
            | Event::HoldCut { .. } => {}
        }
    }

    fn ended(&mut self, now: Instant, end: &End, board: &Board, recorder: &mut Recorder) {
        let was_up = match self.life {
            Life::Up | Life::Returning => true,
            Life::Opening | Life::Ended => false,
        };
        self.life = Life::Ended;
        if matches!(end, End::Disconnected) {
            return;
        }
        board.ended(end);
        recorder.sessions.ended += u64::from(was_up);
        let (text, sample) = kinds::of_end(end);
        recorder.error(now, self.request(), &text, &sample);
        match &mut self.role {
            Role::Client(subscriber) => subscriber.loses_session(),
            Role::Publisher(publisher) => publisher.give_up(board, recorder),
        }
    }

    /// What it asks for, or is held by, apart from what it publishes and subscribes to.
    fn request(&self) -> Request {
        match self.has_session {
            true => Request::Connect,
            false => Request::Handshake,
        }
    }

    /// The accounting at the end of the run.
    pub(super) fn close(&mut self, now: Instant, board: &Board, recorder: &mut Recorder) {
        match &mut self.role {
            Role::Client(subscriber) => subscriber.close(board, recorder),
            Role::Publisher(publisher) => {
                if self.life == Life::Up && publisher.is_waiting() {
                    recorder.error(
                        now,
                        Request::Publish,
                        "publish without acknowledgement: still waiting at the end",
                        &"no reply until the end of the run",
                    );
                }
                publisher.give_up(board, recorder);
                publisher.follow(board);
                // Of what was due after an interrupt nobody speaks.
                let clock = board.clock(board.stopped_or(now));
                recorder.messages.unsent += publisher.n_unsent(clock);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::board::Control;
    use super::super::payload::{Payload, RunId, SMALLEST, Stamp};
    use super::super::plan::tests::plan;
    use super::*;
    use crate::protocol::{ConnectionType, Message};
    use crate::session::Permanence;

    fn board(now: Instant) -> Board {
        let connection_type = ConnectionType::LongPolling;
        Board::new(plan(), Control::Plan, connection_type, RunId::new(1), now)
    }

    fn unreachable() -> Event {
        Event::Ended(End::Unreachable(crate::session::Failure {
            stage: crate::session::Stage::Unsent,
            permanence: Permanence::Permanent,
            retry_after: None,
            is_gateway_timeout: false,
            cause: std::sync::Arc::new(std::io::Error::other("gone")),
        }))
    }

    #[test]
    fn a_client_that_does_not_come_back_has_ended() {
        let now = Instant::now();
        let board = board(now);
        let mut recorder = Recorder::new(now);
        let mut client = Participant::new(Who::Client(0), &board, now);
        client.handle(now, Event::Connected, &board, &mut recorder);
        client.returns(now);
        assert!(!client.is_up());
        client.handle(now, unreachable(), &board, &mut recorder);
        assert_eq!(recorder.sessions.ended, 1);

        let mut other = Participant::new(Who::Client(1), &board, now);
        other.handle(now, unreachable(), &board, &mut recorder);
        assert_eq!(recorder.sessions.ended, 1, "it never came up");
    }

    #[test]
    fn what_the_session_knows_to_have_come_before_is_a_duplicate() {
        let now = Instant::now();
        let board = board(now);
        let mut recorder = Recorder::new(now);
        let mut client = Participant::new(Who::Client(0), &board, now);
        let mut comes_again = |run, intended| {
            let stamp = Stamp {
                run: RunId::new(run),
                publisher: 0,
                sequence: 0,
                intended,
                sent: intended,
            };
            let data = Payload::Size(SMALLEST).data(&stamp);
            let message = Message::builder("/bench").json("data", &data).build();
            client.handle(now, Event::Duplicate { message }, &board, &mut recorder);
            recorder.messages.duplicates
        };
        let measured = board.plan.warmup + Duration::from_secs(1);
        assert_eq!(comes_again(1, measured), 1);
        assert_eq!(comes_again(2, measured), 1, "of another run");
        assert_eq!(comes_again(1, Duration::ZERO), 1, "in the warm-up");
    }
}
