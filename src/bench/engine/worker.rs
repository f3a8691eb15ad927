//! One poll loop with its share of the sessions.

mod turnover;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use super::super::board::{Board, Order};
use super::super::pacer::Due;
use super::super::participant::{Participant, Role};
use super::super::progress::Told;
use super::super::recorder::{Recorder, Share};
use super::super::settings::Settings;
use super::alarm::Alarm;
use super::link::{Context, Counts, Input, SLOTS};
use super::member::Member;
use super::rendezvous::Rendezvous;
use crate::protocol::Kind;
use crate::transport::nonblocking::{Shared, Target};

/// The longest sleep: what the run's conductor changes is seen by then.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);
/// Events that are taken before anything is sent because of them: a server that sleeps is woken once
/// for all of it. With many more, what a session needs would have left the processor's cache by then.
const MOST_HEARD: usize = 32;
/// How often publishers are asked whether they are done.
const BETWEEN_COUNTS: Duration = Duration::from_millis(20);

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// One poll loop.
pub(super) struct Worker {
    settings: Arc<Settings>,
    board: Arc<Board>,
    poll: Poll,
    alarm: Alarm,
    shared: Shared,
    /// Which of the threads this is, and of how many.
    thread: usize,
    n_threads: usize,
    members: Vec<Member>,
    /// How many places among the members are wanted to be taken.
    n_wanted: usize,
    /// How many of them are left to those who have them: the others were asked to leave.
    n_kept: usize,
    /// Places of those that are to be opened.
    absent: BTreeSet<usize>,
    /// And of those that are not yet.
    rests: BinaryHeap<Reverse<(Instant, usize)>>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    turns: BinaryHeap<Reverse<(Instant, usize)>>,
    inputs: VecDeque<Input>,
    unfinished: Vec<usize>,
    /// Places of those that something came for, and that may have to send something now.
    heard: Vec<usize>,
    counts: Counts,
    recorder: Recorder,
    /// Until the accounting is done.
    shares: Option<Sender<Share>>,
    n_opening: usize,
    n_leaving: usize,
    counted_at: Instant,
    next_opening: Instant,
    next_churn: Option<Instant>,
    /// The client that leaves next, by its place among the members.
    churn_place: usize,
    /// What the board knows of this thread's counts.
    told: Told,
    /// Tempos that the publishers know.
    n_tempos: usize,
    is_publishing: bool,
}

/// What a session has taken.
#[derive(Clone, Copy, Debug)]
enum Taken {
    /// Deliveries over a websocket, and nothing else.
    Deliveries,
    Others,
}

impl Worker {
    pub(super) fn new(
        settings: Arc<Settings>,
        board: Arc<Board>,
        target: Arc<Target>,
        thread: usize,
        n_threads: usize,
        shares: Sender<Share>,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let shared = Shared::new(target, poll.registry())?;
        let begun = board.begun;
        let mut worker = Self {
            settings,
            poll,
            alarm,
            shared,
            thread,
            n_threads,
            members: Vec::new(),
            n_wanted: 0,
            n_kept: 0,
            absent: BTreeSet::new(),
            rests: BinaryHeap::new(),
            timers: BinaryHeap::new(),
            turns: BinaryHeap::new(),
            inputs: VecDeque::new(),
            unfinished: Vec::new(),
            heard: Vec::with_capacity(MOST_HEARD),
            counts: Counts::default(),
            recorder: Recorder::new(begun),
            shares: Some(shares),
            n_opening: 0,
            n_leaving: 0,
            counted_at: begun,
            next_opening: begun,
            next_churn: None,
            churn_place: 0,
            told: Told::default(),
            n_tempos: 1,
            is_publishing: false,
            board,
        };
        worker.follow();
        worker.members.reserve(worker.n_wanted);
        Ok((worker, waker))
    }

    /// Drives the sessions until the run is over. The loops wait for each other between the
    /// accounting of the publishers and that of the clients, which looks at what all published.
    pub(super) fn run(mut self, rendezvous: Rendezvous) {
        let mut events = Events::with_capacity(1024);
        while self.board.order() != Order::Leave {
            self.turn(&mut events);
        }
        let now = Instant::now();
        self.tell(now);
        self.close(now, |it| matches!(it, Role::Publisher(_)));
        // What the publishers that were never opened would have sent.
        for place in self.members.len()..self.n_wanted {
            let mut participant = Participant::new(self.who(place), &self.board, now);
            participant.close(now, &self.board, &mut self.recorder);
        }
        rendezvous.meet();
        self.close(now, |it| matches!(it, Role::Client(_)));
        self.hand_over(now);
        self.shares = None;
        self.leave(&mut events);
    }

    fn close(&mut self, now: Instant, is_it: impl Fn(&Role) -> bool) {
        for member in &mut self.members {
            if is_it(&member.participant.role) {
                member
                    .participant
                    .close(now, &self.board, &mut self.recorder);
            }
        }
    }

    /// One turn of the loop.
    fn turn(&mut self, events: &mut Events) {
        let now = self.wait(events);
        match self.board.order() {
            Order::Open => {}
            Order::Publish => {
                self.begin_publishing(now);
                self.follow();
                self.change_tempo(now);
                self.let_go(now);
            }
            Order::Listen => self.begin_publishing(now),
            Order::Leave => return,
        }
        self.publish_due(now);
        self.open_some(now);
        self.churn(now);
        self.tell(now);
    }

    /// Waits for what comes next, and takes it.
    fn wait(&mut self, events: &mut Events) -> Instant {
        let now = Instant::now();
        let turn = self.turns.peek().map(|it| it.0.0);
        let timer = self.timers.peek().map(|it| it.0.0);
        let opening = (self.may_open()).then_some(self.next_opening);
        let others = [timer, opening, self.next_churn]
            .into_iter()
            .flatten()
            .min();
        let mut timeout = others
            .map_or(LONGEST_SLEEP, |it| it.saturating_duration_since(now))
            .min(LONGEST_SLEEP);
        if let Some(turn) = turn {
            timeout = timeout.min(self.alarm.set(turn, now));
        }
        if !self.unfinished.is_empty() {
            timeout = Duration::ZERO;
        }
        // An interrupted wait has no events, and is simply over.
        if self.poll.poll(events, Some(timeout)).is_err() {
            events.clear();
        }
        let woken = Instant::now();
        if let Some(turn) = turn.filter(|it| *it <= woken) {
            self.recorder.lag.record(woken - turn);
        }
        if self.recorder.is_second_over(woken) {
            self.hand_over(woken);
        }
        // None of these waits for another's memory to come out of the cache, as they would below.
        for event in events.iter() {
            let Token(token) = event.token();
            if let Some(member) = self.members.get_mut(token / SLOTS) {
                member.link.note(token % SLOTS, event);
            }
        }
        let mut events = events.iter().peekable();
        while events.peek().is_some() {
            for event in events.by_ref().take(MOST_HEARD) {
                let Token(token) = event.token();
                let (at, slot) = (token / SLOTS, token % SLOTS);
                if at < self.members.len() {
                    let now = Instant::now();
                    self.drain_heard(now, at);
                    let (member, mut context) = self.parts(at);
                    member.link.handle_ready(now, slot, &mut context);
                    self.hear(now, at);
                }
            }
            self.go_on();
        }
        for at in std::mem::take(&mut self.unfinished) {
            let now = Instant::now();
            self.drain_heard(now, at);
            let (member, mut context) = self.parts(at);
            member.link.go_on(&mut context);
            self.hear(now, at);
        }
        self.go_on();
        let now = Instant::now();
        self.fire_timers(now);
        now
    }

    /// Hands over what was measured.
    fn hand_over(&mut self, now: Instant) {
        let Some(shares) = &self.shares else {
            return;
        };
        let wire = std::mem::take(&mut self.shared.traffic);
        let counts = std::mem::take(&mut self.counts);
        let traffic = &mut self.recorder.traffic;
        traffic.bytes_out += wire.sent;
        traffic.bytes_in += wire.received;
        traffic.requests += counts.n_requests;
        traffic.connections += counts.n_connections;
        // The conductor listens until all threads are done.
        let _ = shares.send(self.recorder.hand_over(now));
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some(&Reverse((at, place))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            let member = &mut self.members[place];
            if member.timer != Some(at) {
                continue;
            }
            member.timer = None;
            let (connect, network) = self.timeouts();
            let (member, mut context) = self.parts(place);
            member.link.expire(now, connect, network, &mut context);
            member.session.handle_timeout(now);
            self.drive(now, place);
        }
    }

    /// Lets a session take what came from its connections.
    fn hear(&mut self, now: Instant, at: usize) {
        match self.take_inputs(now, at) {
            // Nothing is to be sent because of these, and no deadline comes nearer.
            Taken::Deliveries => {}
            Taken::Others => self.heard.push(at),
        }
    }

    /// Lets those go on who have heard something.
    fn go_on(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        for at in heard.drain(..) {
            self.drive(Instant::now(), at);
        }
        self.heard = heard;
    }

    /// Lets a session that was told something send what is due.
    fn drive(&mut self, now: Instant, at: usize) {
        loop {
            self.drain(now, at);
            if !self.inputs.is_empty() {
                self.take_inputs(now, at);
            } else if !self.publish(now, at) {
                break;
            }
        }
        self.look_after(now, at);
    }

    fn publish(&mut self, now: Instant, at: usize) -> bool {
        self.is_publishing && self.members[at].publish(now, &self.board, &mut self.recorder)
    }

    /// Tells a session what came, and takes what it makes of it.
    fn take_inputs(&mut self, now: Instant, at: usize) -> Taken {
        let mut taken = match self.inputs.is_empty() {
            true => Taken::Others,
            false => Taken::Deliveries,
        };
        while let Some(input) = self.inputs.pop_front() {
            self.drain_heard(now, at);
            note(&mut self.recorder, &input);
            let member = &mut self.members[at];
            if !(matches!(member.participant.role, Role::Client(_)) && is_deliveries(&input)) {
                member.has_heard = true;
                taken = Taken::Others;
            }
            member.take(now, input);
            member.hear(now, &self.board, &mut self.recorder);
        }
        taken
    }

    /// What a session makes of one input comes before the next.
    fn drain_heard(&mut self, now: Instant, at: usize) {
        if self.members[at].has_heard {
            self.drain(now, at);
        }
    }

    fn look_after(&mut self, now: Instant, at: usize) {
        self.schedule(now, at);
        self.settle(now, at);
        self.set_timer(now, at);
    }

    fn drain(&mut self, now: Instant, at: usize) {
        let (member, mut context) = parts(
            &mut self.members,
            &mut self.shared,
            &mut self.inputs,
            &mut self.unfinished,
            &mut self.counts,
            &self.settings,
            at,
        );
        member.drain(now, &self.board, &mut self.recorder, &mut context);
    }

    /// Puts a publisher's next turn on the list. One whose time has passed waits for the session.
    fn schedule(&mut self, now: Instant, at: usize) {
        let member = &mut self.members[at];
        if let (true, Some(started)) = (self.is_publishing, self.board.started())
            && let Role::Publisher(publisher) = &member.participant.role
            && member.turn.is_none()
            && let Due::At(due) = publisher.due()
            && started + due > now
        {
            member.turn = Some(started + due);
            self.turns.push(Reverse((started + due, at)));
        }
    }

    fn set_timer(&mut self, now: Instant, at: usize) {
        let (connect, network) = self.timeouts();
        let member = &mut self.members[at];
        if member.session.is_ended() {
            return;
        }
        // A session that rests does not say when it is free again.
        let is_late = self.is_publishing
            && member.turn.is_none()
            && matches!(&member.participant.role, Role::Publisher(it) if it.is_kept_waiting());
        let deadlines = [
            member.session.poll_timeout(),
            member.link.deadline(connect, network),
            is_late.then(|| now + LONGEST_SLEEP),
        ];
        if let Some(deadline) = deadlines.into_iter().flatten().min()
            && member.timer.is_none_or(|it| deadline < it)
        {
            member.timer = Some(deadline);
            self.timers.push(Reverse((deadline, at)));
        }
    }

    fn begin_publishing(&mut self, now: Instant) {
        let (false, Some(from)) = (self.is_publishing, self.board.measured_from()) else {
            return;
        };
        self.is_publishing = true;
        let time = self.board.plan.measured_time();
        self.recorder.measure(from, time);
        self.next_churn = self.between_churns().map(|it| now + it);
        for at in 0..self.members.len() {
            if matches!(self.members[at].participant.role, Role::Publisher(_)) {
                self.drive(now, at);
            }
        }
    }

    /// Lets the publishers know how fast they are to be now.
    fn change_tempo(&mut self, now: Instant) {
        let n_tempos = self.board.n_tempos();
        if n_tempos == self.n_tempos {
            return;
        }
        self.n_tempos = n_tempos;
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            if let Role::Publisher(publisher) = &mut member.participant.role {
                publisher.follow(&self.board);
                member.turn = None;
                self.drive(now, at);
            }
        }
    }

    fn publish_due(&mut self, now: Instant) {
        while let Some(&Reverse((at, place))) = self.turns.peek() {
            if at > now {
                break;
            }
            self.turns.pop();
            let member = &mut self.members[place];
            if member.turn == Some(at) {
                member.turn = None;
                self.drive(now, place);
            }
        }
    }

    /// Lets the run's conductor know what was counted.
    fn tell(&mut self, now: Instant) {
        self.told.tell(&self.recorder, &self.board);
        if self.is_publishing && now >= self.counted_at + BETWEEN_COUNTS {
            self.counted_at = now;
            let participants = self.members.iter().map(|it| &it.participant);
            let is_done = |it: &&Participant| it.is_done(now, &self.board);
            let n_done = participants.filter(is_done).count();
            self.told.tell_done(n_done, &self.board);
        }
    }

    fn timeouts(&self) -> (Duration, Duration) {
        let transport = &self.settings.transport;
        (transport.connect_timeout, transport.network_timeout)
    }

    fn parts(&mut self, at: usize) -> (&mut Member, Context<'_>) {
        parts(
            &mut self.members,
            &mut self.shared,
            &mut self.inputs,
            &mut self.unfinished,
            &mut self.counts,
            &self.settings,
            at,
        )
    }
}

fn parts<'a>(
    members: &'a mut [Member],
    shared: &'a mut Shared,
    inputs: &'a mut VecDeque<Input>,
    unfinished: &'a mut Vec<usize>,
    counts: &'a mut Counts,
    settings: &Settings,
    at: usize,
) -> (&'a mut Member, Context<'a>) {
    let sources = &settings.sources;
    let context = Context {
        shared,
        inputs,
        unfinished,
        counts,
        source: (!sources.is_empty()).then(|| sources[at % sources.len()]),
        place: at,
    };
    (&mut members[at], context)
}

/// Whether it brings deliveries and nothing else, as most of what comes over a websocket does.
fn is_deliveries(input: &Input) -> bool {
    let Input::Messages(messages) = input else {
        return false;
    };
    messages.iter().all(|it| it.kind() == Kind::Delivery)
}

/// Counts what came, before the session takes it.
fn note(recorder: &mut Recorder, input: &Input) {
    let (Input::Answered(_, messages) | Input::Messages(messages)) = input else {
        return;
    };
    recorder.arrived(messages);
}
