//! What the threads of a run share: its clock, what has been published, and how far it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::payload::RunId;
use super::plan::{Plan, Rate};
use super::progress::Counters;
use super::tempo::Tempo;
use crate::protocol::{Channel, ChannelPattern, ConnectionType};
use crate::session::{End, Failure};

/// What the threads of a run share.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) plan: Plan,
    pub(super) control: Control,
    /// How many clients are wanted now.
    n_clients: AtomicUsize,
    /// How fast is published, one after the other.
    tempos: Mutex<Vec<Tempo>>,
    n_tempos: AtomicUsize,
    pub(super) channels: Vec<Channel>,
    pub(super) patterns: Vec<ChannelPattern>,
    pub(super) run: RunId,
    /// The most messages that a publisher sends in one request when it is behind its schedule.
    pub(super) most_at_once: usize,
    /// Since when sessions are being opened.
    pub(super) begun: Instant,
    /// When the first message is due.
    started: OnceLock<Instant>,
    order: AtomicU8,
    /// When publishing was ended before its time.
    stopped: OnceLock<Instant>,
    /// Messages that count, by publisher and channel.
    published: Box<[AtomicU64]>,
    /// Subscribers of each channel at this moment. Whoever publishes or comes or goes holds the
    /// lock while numbering, so that exactly those who are counted expect a message.
    members: Box<[Mutex<usize>]>,
    unpublished: Mutex<Unpublished>,
    /// How the first session ended that did.
    first_end: OnceLock<End>,
    /// What was first in the way of a session that was coming up.
    first_hindrance: OnceLock<Failure>,
    /// And what was last.
    last_hindrance: Mutex<Option<Failure>>,
    /// Extensions that the server is known not to know.
    unknown_extensions: Mutex<Vec<&'static str>>,
    pub(super) progress: Counters,
}

/// In whose hands a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Control {
    /// The plan's: it says who is there, and for how long.
    Plan,
    /// Somebody's who changes it while it goes on. Sessions that end come back.
    Steering,
}

/// What the sessions have to do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Order {
    /// Come up.
    Open,
    /// Publish what is due.
    Publish,
    /// Publish no more, and wait for what is on its way.
    Listen,
    /// Disconnect.
    Leave,
}

/// Messages with a number that may not have reached anybody.
#[derive(Debug, Default)]
pub(super) struct Unpublished {
    /// Rejected by the server.
    rejected: BTreeMap<usize, Vec<u64>>,
    /// Without a reply.
    unacknowledged: BTreeMap<usize, Vec<u64>>,
}

impl Board {
    pub(super) fn new(
        plan: Plan,
        control: Control,
        connection_type: ConnectionType,
        run: RunId,
        begun: Instant,
    ) -> Self {
        let n_streams = plan.n_publishers * plan.n_channels;
        let n_channels = plan.n_channels;
        let tempo = Tempo::first(plan.rate, plan.batch);
        Self {
            control,
            n_clients: AtomicUsize::new(plan.n_clients),
            tempos: Mutex::new(vec![tempo]),
            n_tempos: AtomicUsize::new(1),
            most_at_once: plan.most_at_once(connection_type),
            channels: plan.channels(),
            patterns: plan.patterns(),
            plan,
            run,
            begun,
            started: OnceLock::new(),
            order: AtomicU8::new(Order::Open as u8),
            stopped: OnceLock::new(),
            published: (0..n_streams).map(|_| AtomicU64::new(0)).collect(),
            members: (0..n_channels).map(|_| Mutex::new(0)).collect(),
            unpublished: Mutex::default(),
            first_end: OnceLock::new(),
            first_hindrance: OnceLock::new(),
            last_hindrance: Mutex::default(),
            unknown_extensions: Mutex::default(),
            progress: Counters::default(),
        }
    }

    /// Lets publishing begin at this time.
    pub(super) fn start(&self, at: Instant) {
        // Called once.
        let _ = self.started.set(at);
        self.give(Order::Publish);
    }

    /// From now on so many clients are wanted.
    pub(super) fn want(&self, n_clients: usize) {
        self.n_clients.store(n_clients, Ordering::Relaxed);
    }

    /// How many sessions are wanted now.
    pub(super) fn n_wanted(&self) -> usize {
        self.plan.n_publishers + self.n_clients.load(Ordering::Relaxed)
    }

    /// From now on the publishers are so fast.
    pub(super) fn change_rate(&self, now: Instant, rate: Rate) {
        let mut tempos = lock(&self.tempos);
        if let Some(last) = tempos.last() {
            let tempo = last.then(self.clock(now), rate, self.plan.batch);
            tempos.push(tempo);
        }
        self.n_tempos.store(tempos.len(), Ordering::Release);
    }

    /// How many tempos there have been.
    pub(super) fn n_tempos(&self) -> usize {
        self.n_tempos.load(Ordering::Acquire)
    }

    /// Calls back with each tempo that followed these.
    pub(super) fn tempos_after(&self, n_known: usize, call: impl FnMut(Tempo)) -> usize {
        let tempos = lock(&self.tempos);
        tempos.iter().skip(n_known).copied().for_each(call);
        tempos.len()
    }

    /// Whether clients may leave before the run is over.
    pub(super) fn may_leave(&self) -> bool {
        self.plan.churn > 0.0 || self.control == Control::Steering
    }

    /// Ends publishing before its time.
    pub(super) fn stop(&self, at: Instant) {
        // Called once.
        let _ = self.stopped.set(at);
        self.give(Order::Listen);
    }

    /// When the last message may have been due.
    pub(super) fn stopped_or(&self, now: Instant) -> Instant {
        self.stopped.get().copied().unwrap_or(now)
    }

    pub(super) fn give(&self, order: Order) {
        self.order.store(order as u8, Ordering::Release);
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Open,
            1 => Order::Publish,
            2 => Order::Listen,
            _ => Order::Leave,
        }
    }

    /// When the run's clock started.
    pub(super) fn started(&self) -> Option<Instant> {
        self.started.get().copied()
    }

    /// Since when messages count.
    pub(super) fn measured_from(&self) -> Option<Instant> {
        self.started().map(|it| it + self.plan.warmup)
    }

    /// The run's clock.
    pub(super) fn clock(&self, now: Instant) -> Duration {
        self.started()
            .map_or(Duration::ZERO, |it| now.saturating_duration_since(it))
    }

    /// Numbers the next message that counts, and says how many subscribers expect it.
    pub(super) fn publish(&self, publisher: usize, channel: usize) -> (u64, usize) {
        let stream = self.stream(publisher, channel);
        let n_members = lock(&self.members[channel]);
        let sequence = self.published[stream].fetch_add(1, Ordering::Relaxed);
        let sum = &self.progress.n_expected;
        sum.fetch_add(*n_members as u64, Ordering::Relaxed);
        (sequence, *n_members)
    }

    /// How many messages that count have been published.
    pub(super) fn n_published(&self, publisher: usize, channel: usize) -> u64 {
        self.published[self.stream(publisher, channel)].load(Ordering::Relaxed)
    }

    /// Whether all publishers have sent everything and have every reply.
    pub(super) fn is_published(&self) -> bool {
        let n_done = self.progress.n_done.load(Ordering::Relaxed);
        n_done >= self.plan.n_publishers
    }

    /// Whether everything that is to be delivered is.
    pub(super) fn is_delivered(&self) -> bool {
        let n_delivered = self.progress.n_delivered.load(Ordering::Relaxed);
        n_delivered >= self.progress.n_expected.load(Ordering::Relaxed)
    }

    /// A session ended before it was asked to.
    pub(super) fn ended(&self, end: &End) {
        // Only the first one is kept.
        let _ = self.first_end.set(end.clone());
    }

    /// A session that is coming up tries again.
    pub(super) fn hindered(&self, failure: &Failure) {
        // Only the first one is kept.
        let _ = self.first_hindrance.set(failure.clone());
        *lock(&self.last_hindrance) = Some(failure.clone());
    }

    /// What was last in the way of a session that was coming up.
    pub(super) fn last_hindrance(&self) -> Option<Failure> {
        lock(&self.last_hindrance).clone()
    }

    /// The server does not know an extension: whether nobody has said so before.
    pub(super) fn is_news(&self, extension: &'static str) -> bool {
        let mut known = lock(&self.unknown_extensions);
        let is_news = !known.contains(&extension);
        if is_news {
            known.push(extension);
        }
        is_news
    }

    /// How the first session ended that did, or why it has not come up.
    pub(super) fn first_end(&self) -> Option<End> {
        let hindrance = || Some(End::Unreachable(self.first_hindrance.get()?.clone()));
        self.first_end.get().cloned().or_else(hindrance)
    }

    /// So many deliveries will not come, and nobody expects them to. A message that is rejected
    /// after its client has left is taken off twice: then it must not fall below zero.
    pub(super) fn unexpect(&self, n_deliveries: u64) {
        let sum = &self.progress.n_expected;
        let less = |it: u64| Some(it.saturating_sub(n_deliveries));
        // It is never refused.
        let _ = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// A client is subscribed from now on. Calls back with each publisher, and how many messages
    /// it has published on the channel.
    pub(super) fn joined(&self, channel: usize, joined: impl FnMut(usize, u64)) {
        let mut n_members = lock(&self.members[channel]);
        *n_members += 1;
        self.for_each_publisher(channel, joined);
    }

    /// A client is no longer subscribed. Calls back as [`joined`](Self::joined) does.
    pub(super) fn left(&self, channel: usize, left: impl FnMut(usize, u64)) {
        let mut n_members = lock(&self.members[channel]);
        *n_members -= 1;
        self.for_each_publisher(channel, left);
    }

    fn for_each_publisher(&self, channel: usize, mut call: impl FnMut(usize, u64)) {
        for publisher in 0..self.plan.n_publishers {
            call(publisher, self.n_published(publisher, channel));
        }
    }

    pub(super) fn rejected(&self, publisher: usize, channel: usize, sequence: u64) {
        let stream = self.stream(publisher, channel);
        let mut unpublished = lock(&self.unpublished);
        insert(&mut unpublished.rejected, stream, sequence);
    }

    pub(super) fn unacknowledged(&self, publisher: usize, channel: usize, sequence: u64) {
        let stream = self.stream(publisher, channel);
        let mut unpublished = lock(&self.unpublished);
        insert(&mut unpublished.unacknowledged, stream, sequence);
    }

    /// Calls back with what was rejected of a publisher's messages on a channel, and what was not
    /// acknowledged, each in order.
    pub(super) fn with_unpublished<T>(
        &self,
        publisher: usize,
        channel: usize,
        call: impl FnOnce(&[u64], &[u64]) -> T,
    ) -> T {
        let stream = self.stream(publisher, channel);
        let unpublished = lock(&self.unpublished);
        call(
            of(&unpublished.rejected, stream),
            of(&unpublished.unacknowledged, stream),
        )
    }

    fn stream(&self, publisher: usize, channel: usize) -> usize {
        publisher * self.plan.n_channels + channel
    }
}

fn of(map: &BTreeMap<usize, Vec<u64>>, stream: usize) -> &[u64] {
    map.get(&stream).map_or(&[], Vec::as_slice)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn insert(map: &mut BTreeMap<usize, Vec<u64>>, stream: usize, sequence: u64) {
    let sequences = map.entry(stream).or_default();
    let at = sequences.partition_point(|&it| it < sequence);
    sequences.insert(at, sequence);
}
