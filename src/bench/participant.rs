//! What a session is there for, and what its events mean for the measurement: the same for
//! every engine.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::protocol::{Channel, ChannelPattern, Json, Message};
use crate::session::{
    Connects, Credentials, End, Event, LossReason, PublishId, Recovery, Refusal,
    Settings as SessionSettings,
};

use super::board::{Board, Order};
use super::engine::FIRST_HANDSHAKE;
use super::kinds;
use super::pacer::{Due, Pacer, Phase};
use super::payload::Stamp;
use super::plan::Plan;
use super::reception::{Arrival, Reception};
use super::recorder::{Delivered, Recorder};
use super::settings::Settings;

/// One session's part in a run.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) role: Role,
    life: Life,
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

/// Everybody of a plan. Publishers come first: the run begins when they are up.
pub(super) fn everybody(plan: &Plan) -> impl Iterator<Item = Who> + use<> {
    let publishers = (0..plan.n_publishers).map(Who::Publisher);
    publishers.chain((0..plan.n_clients).map(Who::Client))
}

/// What a session is there for.
#[derive(Debug)]
pub(super) enum Role {
    Client(Subscriber),
    Publisher(Box<Publisher>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Opening,
    Up,
    Ended,
}

/// A client: what it subscribes to, and what it received.
#[derive(Debug)]
pub(super) struct Subscriber {
    number: usize,
    /// The channels whose subscription was ever confirmed.
    joined: Vec<usize>,
    /// Whether it is on its way out, so that what comes is counted already.
    has_left: bool,
    /// By channel and publisher.
    receptions: HashMap<(usize, u32), Reception>,
    /// What it missed before it left: only at the end is it known what of it was rejected.
    past: Vec<(usize, usize, Reception)>,
    /// Whether the server has forgotten its session, and there is no other yet.
    is_without_session: bool,
}

/// A publisher: its turns, and what it waits for.
#[derive(Debug)]
pub(super) struct Publisher {
    number: usize,
    pacer: Pacer,
    /// Messages so far, the warm-up's included.
    n_messages: u64,
    outstanding: VecDeque<(PublishId, Outstanding)>,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    channel: usize,
    intended: Duration,
    /// Its number, if it counts.
    sequence: Option<u64>,
    n_expecting: usize,
}

impl Participant {
    /// Nobody yet: its handshake is asked for now.
    pub(super) fn new(who: Who, board: &Board, now: Instant) -> Self {
        let role = match who {
            Who::Client(number) => Role::Client(Subscriber {
                number,
                joined: Vec::new(),
                has_left: false,
                receptions: HashMap::new(),
                past: Vec::new(),
                is_without_session: false,
            }),
            Who::Publisher(number) => Role::Publisher(Box::new(Publisher {
                number,
                pacer: Pacer::new(&board.plan, number),
                n_messages: 0,
                outstanding: VecDeque::new(),
            })),
        };
        Self {
            role,
            life: Life::Opening,
            since: now,
            confirmed: None,
        }
    }

    /// Its handshake is asked for now.
    pub(super) fn opens(&mut self, now: Instant) {
        self.since = now;
        self.life = Life::Opening;
        if let Role::Client(subscriber) = &mut self.role {
            subscriber.has_left = false;
            subscriber.is_without_session = false;
        }
    }

    /// Whether it is up or never will be.
    pub(super) fn is_settled(&self) -> bool {
        self.life != Life::Opening
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
            Role::Client(subscriber) => subscriber.number,
            Role::Publisher(publisher) => board.plan.n_clients + publisher.number,
        };
        SessionSettings {
            connection_type: settings.connection_type,
            connects: Connects::Held,
            recovery: Recovery::Always,
            credentials: Credentials::Fixed,
            first_handshake: FIRST_HANDSHAKE,
            network_timeout: settings.transport.network_timeout,
            max_batch: board.plan.batch,
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
                self.settle(publish, |_, outstanding| {
                    if outstanding.sequence.is_some() {
                        let latency = board.clock(now).saturating_sub(outstanding.intended);
                        recorder.acknowledged(latency);
                    }
                });
            }
            Event::Rejected { publish, reply } => {
                let text = kinds::of_reply(&reply);
                recorder.error(
                    now,
                    &format!("publish rejected: {text}"),
                    &reply_text(&reply),
                );
                self.settle(publish, |publisher, outstanding| {
                    if let Some(sequence) = outstanding.sequence {
                        recorder.messages.rejected += 1;
                        board.rejected(publisher, outstanding.channel, sequence);
                        // Clients that left meanwhile no longer expect it, and nobody knows how
                        // many did: rather wait for too much at the end than for too little.
                        if board.plan.churn == 0.0 {
                            board.unexpect(outstanding.n_expecting as u64);
                        }
                    }
                });
            }
            Event::Unacknowledged { publish, failure } => {
                let kind = kinds::of_failure(&failure);
                let kind = format!("publish without acknowledgement: {kind}");
                recorder.error(now, &kind, &failure);
                self.settle(publish, |publisher, outstanding| {
                    if let Some(sequence) = outstanding.sequence {
                        recorder.messages.unacknowledged += 1;
                        board.unacknowledged(publisher, outstanding.channel, sequence);
                    }
                });
            }
            Event::Handshaken { .. } => {
                recorder.sessions.handshakes += 1;
                recorder.latency.handshake.record(now - self.since);
                self.since = now;
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
                    Refusal::Reply(reply) => (kinds::of_reply(reply), reply_text(reply)),
                    Refusal::Failure(failure) => (kinds::of_failure(failure), failure.to_string()),
                };
                let sample = format!("{pattern}: {sample}");
                recorder.error(now, &format!("subscribe refused: {text}"), &sample);
            }
            Event::Connected => {
                let since = self.confirmed.take().unwrap_or(self.since);
                recorder.latency.connect.record(now - since);
                if self.life == Life::Opening {
                    self.life = Life::Up;
                }
            }
            Event::Reconnecting { failure, .. } => {
                if self.life == Life::Opening {
                    board.hindered(&failure);
                }
                recorder.error(now, &kinds::of_failure(&failure), &failure);
            }
            Event::SessionLost { reason, .. } => {
                let (text, sample) = loss(&reason);
                recorder.error(now, &format!("session lost: {text}"), &sample);
                self.since = now;
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.is_without_session = true;
                }
            }
            Event::SessionRenewed { .. } => {
                recorder.sessions.renewed += 1;
                if let Role::Client(subscriber) = &mut self.role {
                    subscriber.renewed(board);
                    subscriber.is_without_session = false;
                }
            }
            Event::Ended(end) => self.ended(now, &end, board, recorder),
            Event::Duplicate { .. }
            | Event::Unsubscribed { .. }
            | Event::Reconnected { .. }
            | Event::ConnectedLate { .. }
            | Event::ReplayRefused { .. }
            | Event::ExtensionUnknown { .. }
            | Event::Synchronised { .. }
            | Event::Unauthorised { .. }
            | Event::Unmatched { .. }
            | Event::ContradictoryAdvice
            | Event::MultipleClients { .. }
            | Event::HoldCut { .. } => {}
        }
    }

    fn ended(&mut self, now: Instant, end: &End, board: &Board, recorder: &mut Recorder) {
        let was_up = self.life == Life::Up;
        self.life = Life::Ended;
        if matches!(end, End::Disconnected) {
            return;
        }
        board.ended(end);
        recorder.sessions.ended += u64::from(was_up);
        let (text, sample) = ending(end);
        recorder.error(now, &text, &sample);
        match &mut self.role {
            // What is published from now on finds no session.
            Role::Client(subscriber) => subscriber.is_without_session = true,
            Role::Publisher(publisher) => {
                while let Some((_, outstanding)) = publisher.outstanding.pop_front() {
                    if let Some(sequence) = outstanding.sequence {
                        recorder.messages.unacknowledged += 1;
                        board.unacknowledged(publisher.number, outstanding.channel, sequence);
                    }
                }
            }
        }
    }

    /// Takes what a publisher waited for; replies come in order, or nearly.
    fn settle(&mut self, publish: PublishId, settled: impl FnOnce(usize, Outstanding)) {
        let Role::Publisher(publisher) = &mut self.role else {
            return;
        };
        let at = publisher.outstanding.iter().position(|it| it.0 == publish);
        if let Some((_, outstanding)) = at.and_then(|it| publisher.outstanding.remove(it)) {
            settled(publisher.number, outstanding);
        }
    }

    /// The accounting at the end of the run, or where a client leaves.
    pub(super) fn close(&mut self, now: Instant, board: &Board, recorder: &mut Recorder) {
        match &mut self.role {
            Role::Client(subscriber) => subscriber.close(board, recorder),
            Role::Publisher(publisher) => {
                if self.life == Life::Up && !publisher.outstanding.is_empty() {
                    recorder.error(
                        now,
                        "publish without acknowledgement: still waiting at the end",
                        &"no reply until the end of the run",
                    );
                }
                for (_, outstanding) in publisher.outstanding.drain(..) {
                    if let Some(sequence) = outstanding.sequence {
                        recorder.messages.unacknowledged += 1;
                        board.unacknowledged(publisher.number, outstanding.channel, sequence);
                    }
                }
                // Of what was due after an interrupt nobody speaks.
                let clock = board.clock(board.stopped_or(now));
                recorder.messages.unsent += publisher.pacer.n_unsent(clock);
            }
        }
    }
}

impl Subscriber {
    fn received(
        &mut self,
        now: Instant,
        message: &Message,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        let stamp = message.data().and_then(Stamp::read);
        let Some(stamp) = stamp.filter(|it| it.run == board.run) else {
            recorder.messages.foreign += 1;
            return;
        };
        if Phase::at(stamp.intended, board.plan.warmup) == Phase::Warmup {
            return;
        }
        let Some(channel) = board.plan.channel_number(message.channel()) else {
            recorder.messages.foreign += 1;
            return;
        };
        let publisher = stamp.publisher as usize;
        if publisher >= board.plan.n_publishers {
            recorder.messages.foreign += 1;
            return;
        }
        let reception = match self.receptions.entry((channel, stamp.publisher)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) if self.joined.contains(&channel) => {
                vacant.insert(Reception::default())
            }
            // The server was faster than its confirmation of the subscribe, or slower than that
            // of the disconnect.
            Entry::Vacant(_) => {
                recorder.messages.undecided += u64::from(!self.has_left);
                return;
            }
        };
        let is_ahead = stamp.sequence > reception.next();
        if is_ahead && stamp.sequence >= board.n_published(publisher, channel) {
            // A number that nobody has used.
            recorder.messages.foreign += 1;
            return;
        }
        match reception.arrived(stamp.sequence) {
            Arrival::Duplicate => recorder.messages.duplicates += 1,
            Arrival::Early => recorder.messages.undecided += 1,
            arrival @ (Arrival::InOrder | Arrival::OutOfOrder) => {
                recorder.messages.out_of_order += u64::from(arrival == Arrival::OutOfOrder);
                let clock = board.clock(now);
                let delivered = Delivered {
                    client: self.number,
                    publisher: stamp.publisher,
                    sequence: stamp.sequence,
                    latency: clock.saturating_sub(stamp.intended),
                    latency_from_send: clock.saturating_sub(stamp.sent),
                };
                recorder.delivered(now, delivered);
            }
        }
    }

    fn subscribed(&mut self, channel: usize, board: &Board) {
        if self.joined.contains(&channel) {
            return;
        }
        self.joined.push(channel);
        board.joined(channel, |publisher, n_published| {
            if n_published > 0 {
                let reception = Reception::since(n_published);
                self.receptions
                    .insert((channel, publisher as u32), reception);
            }
        });
    }

    fn renewed(&mut self, board: &Board) {
        for &channel in &self.joined {
            for publisher in 0..board.plan.n_publishers {
                let n_published = board.n_published(publisher, channel);
                if n_published > 0 {
                    let key = (channel, publisher as u32);
                    self.receptions.entry(key).or_default().renewed(n_published);
                }
            }
        }
    }

    /// It leaves: what is still on its way to it is nobody's loss.
    pub(super) fn leave(&mut self, board: &Board, recorder: &mut Recorder) {
        self.has_left = true;
        let mut n_undecided = 0;
        for channel in std::mem::take(&mut self.joined) {
            board.left(channel, |publisher, n_published| {
                let key = (channel, publisher as u32);
                let mut reception = self.receptions.remove(&key).unwrap_or_default();
                match self.is_without_session {
                    // Nothing is on its way to a session that is no more.
                    true => {
                        reception.renewed(n_published);
                        reception.ends_at(n_published);
                    }
                    false => n_undecided += reception.n_on_their_way(n_published),
                }
                match reception.is_complete() {
                    true => recorder.messages.expected += reception.n_arrived(),
                    false => self.past.push((channel, publisher, reception)),
                }
            });
        }
        self.is_without_session = false;
        recorder.messages.undecided += n_undecided;
        board.unexpect(n_undecided);
    }

    fn close(&mut self, board: &Board, recorder: &mut Recorder) {
        if self.is_without_session {
            self.renewed(board);
        }
        for (channel, publisher, reception) in self.past.drain(..) {
            let n_published = reception.next();
            account(&reception, publisher, channel, n_published, board, recorder);
        }
        for &channel in &self.joined {
            for publisher in 0..board.plan.n_publishers {
                let n_published = board.n_published(publisher, channel);
                let key = (channel, publisher as u32);
                let reception = self.receptions.remove(&key).unwrap_or_default();
                account(&reception, publisher, channel, n_published, board, recorder);
            }
        }
    }
}

fn account(
    reception: &Reception,
    publisher: usize,
    channel: usize,
    n_published: u64,
    board: &Board,
    recorder: &mut Recorder,
) {
    let balance = board.with_unpublished(publisher, channel, |rejected, unacknowledged| {
        reception.balance(n_published, rejected, unacknowledged)
    });
    let messages = &mut recorder.messages;
    messages.expected += balance.n_expected;
    messages.lost += balance.n_lost;
    messages.lost_by.no_session += balance.n_lost_without_session;
    messages.lost_by.unacknowledged += balance.n_lost_unacknowledged;
    messages.lost_by.unexplained +=
        balance.n_lost - balance.n_lost_without_session - balance.n_lost_unacknowledged;
}

impl Publisher {
    /// When its next turn comes.
    pub(super) fn due(&self) -> Due {
        self.pacer.due()
    }

    /// Whether it has nothing more to send or to wait for.
    /// Whether it has something to publish and waits for no reply, so that nothing wakes it.
    pub(super) fn is_kept_waiting(&self) -> bool {
        self.outstanding.is_empty() && self.pacer.due() != Due::Never
    }

    fn is_done(&self, now: Instant, board: &Board) -> bool {
        let is_over = board.order() > Order::Publish || self.pacer.is_over(board.clock(now));
        self.outstanding.is_empty() && is_over
    }

    /// Publishes the messages of the turn that is due, if there is one.
    pub(super) fn take_turn(
        &mut self,
        now: Instant,
        board: &Board,
        recorder: &mut Recorder,
        mut publish: impl FnMut(Channel, Json) -> PublishId,
    ) -> bool {
        if board.order() != Order::Publish {
            return false;
        }
        let clock = board.clock(now);
        // Without a schedule the next turn waits for the last one's acknowledgements.
        if self.pacer.due() == Due::WhenReady && !self.outstanding.is_empty() {
            return false;
        }
        let Some(turn) = self.pacer.take(clock) else {
            return false;
        };
        for _ in 0..turn.n_messages {
            let channel = board.plan.channel_of(self.number, self.n_messages);
            self.n_messages += 1;
            let (sequence, n_expecting) = match turn.phase {
                Phase::Warmup => (None, 0),
                Phase::Measured => {
                    let (sequence, n_members) = board.publish(self.number, channel);
                    (Some(sequence), n_members)
                }
            };
            let stamp = Stamp {
                run: board.run,
                publisher: self.number as u32,
                sequence: sequence.unwrap_or_default(),
                intended: turn.intended,
                sent: clock,
            };
            let data = board.plan.payload.data(&stamp);
            let id = publish(board.channels[channel].clone(), data);
            let outstanding = Outstanding {
                channel,
                intended: turn.intended,
                sequence,
                n_expecting,
            };
            self.outstanding.push_back((id, outstanding));
        }
        if turn.phase == Phase::Measured {
            recorder.published(turn.n_messages);
        }
        true
    }
}

fn reply_text(reply: &Message) -> String {
    reply.raw().chars().take(400).collect()
}

fn loss(reason: &LossReason) -> (String, String) {
    match reason {
        LossReason::Reply(reply) => (kinds::of_reply(reply), reply_text(reply)),
        LossReason::Silence(failure) => (kinds::of_failure(failure), failure.to_string()),
    }
}

fn ending(end: &End) -> (String, String) {
    match end {
        End::Disconnected => ("disconnected".to_owned(), String::new()),
        End::HandshakeRefused(reply) => {
            let text = format!("handshake refused: {}", kinds::of_reply(reply));
            (text, reply_text(reply))
        }
        End::Unreachable(failure) => (
            format!("unreachable: {}", kinds::of_failure(failure)),
            failure.to_string(),
        ),
        End::AdvisedNone(reply) => {
            let text = format!("session ended by advice none: {}", kinds::of_reply(reply));
            (text, reply_text(reply))
        }
        End::DisconnectedByServer(reply) => {
            ("disconnected by the server".to_owned(), reply_text(reply))
        }
        End::Lost(reason) => {
            let (text, sample) = loss(reason);
            (format!("session lost: {text}"), sample)
        }
        End::NotKept { reason, .. } => {
            let (text, sample) = loss(reason);
            (format!("session never kept: {text}"), sample)
        }
        End::TooManyHandshakes { n_handshakes } => (
            "too many handshakes".to_owned(),
            format!("{n_handshakes} handshakes within a minute"),
        ),
        End::TightLoop { n_connects, within } => (
            "connects return at once".to_owned(),
            format!("{n_connects} connects in a row within {within:?} brought nothing"),
        ),
    }
}
