//! A worker: when it registers, begins with users, reports, stops and gives up. No socket, no
//! clock: time is a parameter, and what it wants to say and to be done is polled.
//!
//! ```text
//! away --connected--> registering --ack--> registered --spawn--> running --stop--> registering
//!   ^                      |                    |                   |
//!   +----------------------+--------------------+-------------------+
//!     disconnected, a silent master, `reconnect`: users stop, figures are dropped
//! ```

mod event;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use super::message::{Exception, FromMaster, Spawn, State, ToMaster};
use super::stats::{Figures, UserCounts};
use crate::bench::Run;

pub use event::{Event, Users};

/// A worker, from its first connection to its end.
#[derive(Debug)]
pub struct Worker {
    name: String,
    id: String,
    random: u64,
    clock: Clock,
    link: Link,
    run: Phase,
    /// The users that the master wants.
    users: UserCounts,
    /// A spawn that came while the last run had not ended.
    next: Option<Box<Spawn>>,
    figures: Figures,
    departure: Departure,
    cpu_percent: f64,
    memory: u64,
    to_send: VecDeque<ToMaster>,
    events: VecDeque<Event>,
}

/// The wall clock at one moment.
#[derive(Clone, Copy, Debug)]
struct Clock {
    at: Instant,
    wall: SystemTime,
}

#[derive(Debug)]
enum Link {
    Away,
    Up(Up),
}

#[derive(Debug)]
struct Up {
    /// Since when the master has not acknowledged that the worker is ready; it has, where there
    /// is no such time.
    unacknowledged_since: Option<Instant>,
    is_registered: bool,
    /// The last time that anything came.
    heard: Instant,
    /// The newest spawn, by the master's clock.
    spawned: f64,
    next_ready: Instant,
    next_heartbeat: Instant,
    next_stats: Instant,
}

/// Where the run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// There is none.
    Idle,
    Running,
    /// It was told to stop, and what it still measures counts.
    Stopping,
    /// It was told to stop, and what it measures belongs to a master that is gone.
    Abandoned,
}

/// Whether the worker leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Departure {
    /// Nobody wants it to.
    None,
    /// When the run has ended, or by the time when the master waits no longer.
    Awaited { until: Option<Instant> },
    /// All is said.
    Over,
}

const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
const STATS_EVERY: Duration = Duration::from_secs(3);
const READY_AGAIN: Duration = Duration::from_secs(5);
const NOT_TAKEN_IN: Duration = Duration::from_secs(30);
const MASTER_GONE: Duration = Duration::from_secs(60);
/// A master that quits waits half a second for the last figures: so long for what is on its way,
/// and so long for the run to end.
const HURRY: Duration = Duration::from_millis(200);
const LAST_WORDS: Duration = Duration::from_millis(400);

impl Worker {
    /// A worker that is not connected. Its name, a machine's for instance, is what people see of it
    /// at the master; the wall clock's time goes into statistics.
    pub fn new(name: String, seed: u64, now: Instant, wall: SystemTime) -> Self {
        let clock = Clock { at: now, wall };
        let mut worker = Self {
            name,
            id: String::new(),
            random: seed,
            clock,
            link: Link::Away,
            run: Phase::Idle,
            users: UserCounts::default(),
            next: None,
            figures: Figures::new(clock.unix(now)),
            departure: Departure::None,
            cpu_percent: 0.0,
            memory: 0,
            to_send: VecDeque::new(),
            events: VecDeque::new(),
        };
        worker.take_fresh_id();
        worker
    }

    /// There is a connection, under this worker's [`id`](Self::id).
    pub fn handle_connected(&mut self, now: Instant) {
        self.to_send.clear();
        self.link = Link::Up(Up {
            unacknowledged_since: Some(now),
            is_registered: false,
            heard: now,
            spawned: f64::NEG_INFINITY,
            next_ready: now + READY_AGAIN,
            next_heartbeat: now + HEARTBEAT_EVERY,
            next_stats: now + STATS_EVERY,
        });
        self.to_send.push_back(ToMaster::Ready);
    }

    /// There is no connection any more: the users stop, and what was measured and not told is
    /// dropped, since another master would count it. The next connection is under another id: a
    /// master gives no users to one that it takes for dead.
    pub fn handle_disconnected(&mut self, now: Instant) {
        if matches!(self.link, Link::Up(_)) {
            self.drop_link(now);
        }
    }

    /// The master has said something.
    pub fn handle_message(&mut self, now: Instant, message: FromMaster) {
        let Link::Up(up) = &mut self.link else {
            return;
        };
        up.heard = now;
        match message {
            FromMaster::Ack { index } => {
                up.unacknowledged_since = None;
                if !std::mem::replace(&mut up.is_registered, true) {
                    let index = index.unwrap_or_default();
                    self.events.push_back(Event::Registered { index });
                }
            }
            FromMaster::Spawn(spawn) => self.handle_spawn(now, spawn),
            FromMaster::Stop => self.handle_stop(now),
            FromMaster::Quit => self.handle_quit(Some(now)),
            FromMaster::Reconnect => {
                self.drop_link(now);
                self.events.push_back(Event::Reconnect);
            }
            FromMaster::Heartbeat | FromMaster::SpawningComplete => {}
            FromMaster::Other(kind) => {
                let note = format!("the master said `{kind}`, which means nothing to a worker");
                self.events.push_back(Event::Note(note));
            }
        }
    }

    /// The run has measured something more.
    pub fn handle_portion(&mut self, now: Instant, portion: &Run) {
        match self.run {
            Phase::Running | Phase::Stopping => self.figures.add(portion, self.clock.unix(now)),
            Phase::Idle | Phase::Abandoned => {}
        }
    }

    /// The run has ended, and its last portion was handed in: as it was told to, or for a reason of
    /// its own.
    pub fn handle_ended(&mut self, now: Instant) {
        let phase = std::mem::replace(&mut self.run, Phase::Idle);
        self.users.clear();
        let is_up = matches!(self.link, Link::Up(_));
        match phase {
            Phase::Running | Phase::Stopping if is_up => self.report(now),
            Phase::Running | Phase::Stopping | Phase::Idle | Phase::Abandoned => {}
        }
        match self.departure {
            Departure::None if phase == Phase::Stopping && is_up => self.say_stopped(now),
            Departure::Awaited { .. } => self.depart(),
            Departure::None | Departure::Over => {}
        }
        if let Some(spawn) = self.next.take() {
            self.begin(now, spawn);
        }
    }

    /// The run cannot do as the master's options say, or has failed: the master's people are told.
    pub fn handle_exception(&mut self, exception: Exception) {
        if matches!(self.link, Link::Up(_)) {
            self.to_send.push_back(ToMaster::Exception(exception));
        }
    }

    /// The worker is to leave: its last figures are told when the run has ended.
    pub fn leave(&mut self) {
        self.handle_quit(None);
    }

    /// What the time that has passed asks for.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Departure::Awaited { until: Some(until) } = self.departure
            && now >= until
        {
            if self.run == Phase::Stopping {
                self.report(now);
                self.run = Phase::Abandoned;
            }
            self.depart();
        }
        let state = self.state();
        let Link::Up(up) = &mut self.link else {
            return;
        };
        if now >= up.heard + MASTER_GONE {
            let after = MASTER_GONE;
            self.drop_link(now);
            self.events.push_back(Event::MasterGone { after });
            return;
        }
        if let Some(since) = up.unacknowledged_since
            && now >= up.next_ready
        {
            if now >= since + NOT_TAKEN_IN {
                let after = NOT_TAKEN_IN;
                self.drop_link(now);
                self.events.push_back(Event::Silent { after });
                return;
            }
            up.next_ready = now + READY_AGAIN;
            self.to_send.push_back(ToMaster::Ready);
        }
        if now >= up.next_heartbeat {
            up.next_heartbeat = now + HEARTBEAT_EVERY;
            self.to_send.push_back(ToMaster::Heartbeat {
                state,
                cpu_percent: self.cpu_percent,
                memory: self.memory,
            });
        }
        if now >= up.next_stats {
            up.next_stats = now + STATS_EVERY;
            if up.is_registered {
                self.report(now);
            }
        }
    }

    /// What the process needs of the machine: percent of one processor, and bytes. The next
    /// heartbeat says so.
    pub fn usage(&mut self, cpu_percent: f64, memory: u64) {
        self.cpu_percent = cpu_percent;
        self.memory = memory;
    }

    /// What is to be said to the master next, if there is a connection.
    pub fn poll_transmit(&mut self) -> Option<ToMaster> {
        self.to_send.pop_front()
    }

    /// What is to be done next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, unless something else
    /// happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let until = match self.departure {
            Departure::Awaited { until } => until,
            Departure::None | Departure::Over => None,
        };
        let Link::Up(up) = &self.link else {
            return until;
        };
        let next_ready = up.unacknowledged_since.map(|_| up.next_ready);
        let times = [
            until,
            next_ready,
            Some(up.heard + MASTER_GONE),
            Some(up.next_heartbeat),
            Some(up.next_stats),
        ];
        times.into_iter().flatten().min()
    }

    /// What the master is to know this worker's connection by.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn handle_spawn(&mut self, now: Instant, spawn: Box<Spawn>) {
        let Link::Up(up) = &mut self.link else {
            return;
        };
        if self.departure != Departure::None {
            return;
        }
        let is_newer = spawn.timestamp > up.spawned;
        if !is_newer {
            let note = "a number of users came after a newer one, and does not count";
            self.events.push_back(Event::Note(note.to_owned()));
            return;
        }
        up.spawned = spawn.timestamp;
        // Who is given users is taken in.
        up.unacknowledged_since = None;
        for odd in &spawn.options.odd {
            let note = format!("the master's options have something of no use: {odd}");
            if self.run == Phase::Idle {
                // Who filled it in looks at the master, and the run goes on without it.
                self.to_send.push_back(ToMaster::Exception(Exception {
                    msg: note.clone(),
                    traceback: "numbers are plain: 1000, 0.5; the rate may be max".to_owned(),
                }));
            }
            self.events.push_back(Event::Note(note));
        }
        match self.run {
            Phase::Idle => self.begin(now, spawn),
            Phase::Running => {
                let users = self.spawn(&spawn);
                let options = spawn.into_options();
                self.events.push_back(Event::Steer { users, options });
            }
            Phase::Stopping | Phase::Abandoned => self.next = Some(spawn),
        }
    }

    fn begin(&mut self, now: Instant, spawn: Box<Spawn>) {
        self.run = Phase::Running;
        self.figures = Figures::new(self.clock.unix(now));
        let users = self.spawn(&spawn);
        let options = spawn.into_options();
        self.events.push_back(Event::Begin { users, options });
    }

    /// Takes the number of users, and says so. To Locust, a user that has been begun with is
    /// there, whether its server answers or not.
    fn spawn(&mut self, spawn: &Spawn) -> Users {
        self.users = UserCounts::new(spawn.user_classes_count.clone());
        self.to_send.push_back(ToMaster::Spawning);
        let counts = self.users.clone();
        self.to_send.push_back(ToMaster::SpawningComplete(counts));
        let own = usize::try_from(self.users.user_count).unwrap_or(usize::MAX);
        let total = spawn.options.num_users.unwrap_or(own).max(own);
        Users { own, total }
    }

    fn handle_stop(&mut self, now: Instant) {
        self.next = None;
        match self.run {
            Phase::Running => {
                self.run = Phase::Stopping;
                self.events.push_back(Event::Stop { hurry: None });
            }
            // It has ended by itself, or is none of this master's.
            Phase::Idle | Phase::Abandoned => self.say_stopped(now),
            Phase::Stopping => {}
        }
    }

    /// The worker leaves: since this time its master quits, or by itself.
    fn handle_quit(&mut self, since: Option<Instant>) {
        if self.departure != Departure::None {
            return;
        }
        self.next = None;
        self.departure = Departure::Awaited {
            until: since.map(|it| it + LAST_WORDS),
        };
        let hurry = since.map(|it| it + HURRY);
        match self.run {
            Phase::Running => {
                self.run = Phase::Stopping;
                self.events.push_back(Event::Stop { hurry });
            }
            Phase::Stopping if hurry.is_some() => self.events.push_back(Event::Stop { hurry }),
            Phase::Stopping | Phase::Abandoned => {}
            Phase::Idle => self.depart(),
        }
    }

    fn depart(&mut self) {
        self.departure = Departure::Over;
        if matches!(self.link, Link::Up(_)) {
            self.to_send.push_back(ToMaster::Quit);
        }
        self.events.push_back(Event::Quit);
    }

    fn drop_link(&mut self, now: Instant) {
        self.link = Link::Away;
        self.figures = Figures::new(self.clock.unix(now));
        self.to_send.clear();
        self.next = None;
        self.users.clear();
        self.take_fresh_id();
        match self.run {
            Phase::Running => {
                self.run = Phase::Abandoned;
                self.events.push_back(Event::Stop { hurry: None });
            }
            Phase::Stopping => self.run = Phase::Abandoned,
            Phase::Idle | Phase::Abandoned => {}
        }
    }

    /// Says that it has stopped, and is ready again. The last figures have gone before: in between
    /// the master knows no such worker.
    fn say_stopped(&mut self, now: Instant) {
        self.to_send.push_back(ToMaster::Stopped);
        self.to_send.push_back(ToMaster::Ready);
        if let Link::Up(up) = &mut self.link {
            up.unacknowledged_since = Some(now);
            up.next_ready = now + READY_AGAIN;
        }
    }

    fn report(&mut self, now: Instant) {
        let report = self.figures.take(self.users.clone(), self.clock.unix(now));
        self.to_send.push_back(ToMaster::Stats(Box::new(report)));
    }

    fn state(&self) -> State {
        match self.run {
            Phase::Running | Phase::Stopping => State::Running,
            Phase::Idle | Phase::Abandoned => State::Ready,
        }
    }

    fn take_fresh_id(&mut self) {
        let (one, other) = (self.random(), self.random());
        self.id = format!("{}_{one:016x}{other:016x}", self.name);
    }

    /// The next number of SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Clock {
    /// Seconds since 1970.
    fn unix(self, at: Instant) -> f64 {
        let wall = self.wall + at.saturating_duration_since(self.at);
        wall.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64()
    }
}
