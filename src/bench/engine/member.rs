//! One simulated session: the session machine, its connections and its part in the run.

use std::time::Instant;

use crate::protocol::Channel;
use crate::session::{Session, Stage};

use super::super::board::Board;
use super::super::participant::{Participant, Role, Who};
use super::super::recorder::Recorder;
use super::super::settings::{Heard, Settings, Witness};
use super::link::{Context, Input, Link};

/// One simulated session.
pub(super) struct Member {
    pub(super) session: Session,
    pub(super) link: Link,
    pub(super) participant: Participant,
    /// When the thread looks at it at the latest.
    pub(super) timer: Option<Instant>,
    /// Its next turn that is on the thread's list.
    pub(super) turn: Option<Instant>,
    pub(super) standing: Standing,
    /// Whether it is asked to leave.
    pub(super) is_leaving: bool,
    /// Whether it waits to come back.
    pub(super) is_resting: bool,
    /// Whether it was told something since it was drained.
    pub(super) has_heard: bool,
    /// How often in a row its session ended before it was asked to.
    pub(super) n_ends: u32,
    /// Who is told what it says and hears.
    witness: Option<Witness>,
}

/// Where a session stands in the counts of the run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It is not wanted.
    Away,
    Opening,
    Up,
    /// It has ended, or has not come up.
    Failed,
}

impl Member {
    /// A session that begins now.
    pub(super) fn open(settings: &Settings, board: &Board, who: Who, now: Instant) -> Self {
        let is_witnessed = match who {
            Who::Client(nth) => nth == 0,
            Who::Publisher(nth) => nth == 0 && settings.plan.n_clients == 0,
        };
        let participant = Participant::new(who, board, now);
        let mut member = Self {
            session: session(settings, board, &participant),
            link: Link::new(settings.connection_type),
            participant,
            timer: None,
            turn: None,
            standing: Standing::Away,
            is_leaving: false,
            is_resting: false,
            has_heard: false,
            n_ends: 0,
            witness: settings.witness.clone().filter(|_| is_witnessed),
        };
        member.session.handshake(now);
        member
    }

    /// Comes back, as a new session.
    pub(super) fn open_again(&mut self, settings: &Settings, board: &Board, now: Instant) {
        self.participant.returns(now);
        self.session = session(settings, board, &self.participant);
        self.link = Link::new(settings.connection_type);
        self.is_leaving = false;
        self.session.handshake(now);
    }

    /// Asks to disconnect; what the server holds is broken off first, for its connection.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
        self.link.release();
        self.session.disconnect();
    }

    /// Hands one input to the session.
    pub(super) fn take(&mut self, now: Instant, input: Input) {
        if let (Some(witness), Input::Answered(_, messages) | Input::Messages(messages)) =
            (&self.witness, &input)
        {
            witness(Heard::Received(messages));
        }
        let session = &mut self.session;
        match input {
            Input::Answered(exchange, messages) => session.handle_response(now, exchange, messages),
            Input::Failed(exchange, error) => {
                session.handle_failure(now, exchange, &error.failure());
            }
            Input::Unsent(exchange, error) => {
                let mut failure = error.failure();
                failure.stage = Stage::Unsent;
                session.handle_failure(now, exchange, &failure);
            }
            Input::Sent(exchange) => session.handle_sent(now, exchange),
            Input::Messages(messages) => session.handle_messages(now, messages),
            Input::Disconnected(error) => session.handle_disconnected(now, &error.failure()),
        }
    }

    /// Drains the session: requests into the connections, events into the accounting.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        board: &Board,
        recorder: &mut Recorder,
        context: &mut Context<'_>,
    ) {
        self.has_heard = false;
        while let Some(transmit) = self.session.poll_transmit(now) {
            if let Some(witness) = &self.witness {
                witness(Heard::Sent(&transmit.messages));
            }
            self.link.send(now, &transmit, context);
        }
        while let Some(exchange) = self.session.poll_cancel() {
            self.link.cancel(exchange);
        }
        self.hear(now, board, recorder);
    }

    /// Takes the session's events into the accounting.
    pub(super) fn hear(&mut self, now: Instant, board: &Board, recorder: &mut Recorder) {
        while let Some(event) = self.session.poll_event() {
            self.participant.handle(now, event, board, recorder);
        }
    }

    /// Publishes what is due, if the session is free for it; whether anything was.
    pub(super) fn publish(&mut self, now: Instant, board: &Board, recorder: &mut Recorder) -> bool {
        let Role::Publisher(publisher) = &mut self.participant.role else {
            return false;
        };
        if !self.session.is_free_to_publish(now) {
            return false;
        }
        let session = &mut self.session;
        publisher.publish_due(now, board, recorder, |channel: Channel, data| {
            session.publish(channel, data)
        })
    }
}

fn session(settings: &Settings, board: &Board, participant: &Participant) -> Session {
    let mut session = Session::new(participant.session_settings(settings, board));
    for pattern in participant.patterns(board) {
        session.subscribe(pattern.clone());
    }
    session
}
