//! Conversations with a master, in simulated time.

use std::time::{Duration, Instant, SystemTime};

use super::super::message::Options;
use super::*;

/// A worker, and what has been said.
struct Conversation {
    worker: Worker,
    begun: Instant,
    now: Instant,
}

const SECOND: Duration = Duration::from_secs(1);

impl Conversation {
    /// With a worker that is not connected.
    fn new() -> Self {
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + 1000 * SECOND;
        Self {
            worker: Worker::new("box".to_owned(), 7, now, wall),
            begun: now,
            now,
        }
    }

    /// With one that the master has taken in.
    fn registered() -> Self {
        let mut it = Self::new();
        it.worker.handle_connected(it.now);
        it.hears(FromMaster::Ack { index: Some(3) });
        assert_eq!(it.said(), ["ready"]);
        assert_eq!(it.happened(), ["registered 3"]);
        it
    }

    /// With one that has so many users.
    fn running(users: u64) -> Self {
        let mut it = Self::registered();
        it.hears(spawn(1.0, users));
        assert_eq!(it.said(), ["spawning".to_owned(), format!("users {users}")]);
        assert_eq!(it.happened().len(), 1);
        it
    }

    fn hears(&mut self, message: FromMaster) {
        self.worker.handle_message(self.now, message);
    }

    /// A run has measured so many deliveries.
    fn measures(&mut self, n_deliveries: u64) {
        let mut run = Run::default();
        for _ in 0..n_deliveries {
            run.latency.delivery.record(Duration::from_millis(2));
        }
        run.config.channel = "/bench".to_owned();
        self.worker.handle_portion(self.now, &run);
    }

    fn ends(&mut self) {
        self.worker.handle_ended(self.now);
    }

    /// Lets time pass, as whoever drives the worker does: what is due is done when it is due.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.worker.poll_timeout().filter(|it| *it <= end) {
            assert!(at >= self.now, "a timeout that has passed stays due");
            self.now = at;
            self.worker.handle_timeout(at);
            assert_ne!(self.worker.poll_timeout(), Some(at), "a timeout stays due");
        }
        self.now = end;
    }

    /// Lets time pass with a master that answers heartbeats.
    fn passes_in_company(&mut self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.passes(SECOND);
            self.hears(FromMaster::Heartbeat);
        }
    }

    /// What the worker has said to the master since the last time, heartbeats left out.
    fn said(&mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.worker.poll_transmit());
        said.filter_map(|it| told(&it)).collect()
    }

    /// What it has asked for since the last time.
    fn happened(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.worker.poll_event());
        let told = |event| match event {
            Event::Registered { index } => format!("registered {index}"),
            Event::Begin { users, .. } => format!("begin {} of {}", users.own, users.total),
            Event::Steer { users, .. } => format!("steer {} of {}", users.own, users.total),
            Event::Stop { .. } => "stop".to_owned(),
            Event::Quit => "quit".to_owned(),
            Event::Reconnect => "reconnect".to_owned(),
            Event::Silent { after } => format!("silent {after:?}"),
            Event::MasterGone { after } => format!("gone {after:?}"),
            Event::Note(note) => note,
        };
        events.map(told).collect()
    }
}

fn told(message: &ToMaster) -> Option<String> {
    Some(match message {
        ToMaster::Ready => "ready".to_owned(),
        ToMaster::Spawning => "spawning".to_owned(),
        ToMaster::SpawningComplete(users) => format!("users {}", users.user_count),
        ToMaster::Heartbeat { .. } => return None,
        ToMaster::Stats(report) => format!("stats {}", report.n_requests()),
        ToMaster::Stopped => "stopped".to_owned(),
        ToMaster::Exception(exception) => exception.msg.clone(),
        ToMaster::Quit => "quit".to_owned(),
    })
}

fn spawn(timestamp: f64, users: u64) -> FromMaster {
    let class = "BayeuxUser".to_owned();
    FromMaster::Spawn(Box::new(Spawn {
        timestamp,
        user_classes_count: [(class, users)].into(),
        host: None,
        options: Options {
            num_users: Some(40),
            ..Options::default()
        },
    }))
}

#[test]
fn a_worker_says_that_it_is_ready_until_it_is_taken_in() {
    let mut it = Conversation::new();
    assert_eq!(it.said(), [""; 0]);
    it.worker.handle_connected(it.now);
    it.passes(14 * SECOND);
    assert_eq!(it.said(), ["ready", "ready", "ready"]);
    it.hears(FromMaster::Ack { index: Some(0) });
    it.passes_in_company(20 * SECOND);
    assert!(!it.said().contains(&"ready".to_owned()));
    assert_eq!(it.happened(), ["registered 0"]);
}

#[test]
fn a_worker_that_is_not_taken_in_says_so() {
    let mut it = Conversation::new();
    it.worker.handle_connected(it.now);
    let id = it.worker.id().to_owned();
    it.passes(29 * SECOND);
    assert_eq!(it.happened(), [""; 0]);
    it.passes_in_company(SECOND);
    assert_eq!(it.happened(), ["silent 30s"]);
    assert_ne!(it.worker.id(), id, "it may be another's");
    it.worker.handle_connected(it.now);
    it.passes_in_company(30 * SECOND);
    assert_eq!(it.happened(), ["silent 30s"], "and again");
}

#[test]
fn a_worker_is_alive_each_second_and_reports_each_third() {
    let mut it = Conversation::running(5);
    it.worker.usage(31.5, 1 << 20);
    it.measures(7);
    it.passes(6 * SECOND);
    let said: Vec<_> = std::iter::from_fn(|| it.worker.poll_transmit()).collect();
    let heartbeat = ToMaster::Heartbeat {
        state: State::Running,
        cpu_percent: 31.5,
        memory: 1 << 20,
    };
    assert_eq!(said.iter().filter(|it| **it == heartbeat).count(), 6);
    let stats: Vec<_> = said.iter().filter_map(told).collect();
    assert_eq!(stats, ["stats 7", "stats 0"]);
}

#[test]
fn a_worker_waits_for_users_in_state_ready() {
    let mut it = Conversation::registered();
    it.passes(SECOND);
    let Some(ToMaster::Heartbeat { state, .. }) = it.worker.poll_transmit() else {
        panic!("no heartbeat");
    };
    assert_eq!(state, State::Ready);
}

#[test]
fn users_begin_and_change_while_the_run_goes_on() {
    let mut it = Conversation::registered();
    for (nth, users) in [10, 20, 5, 0].into_iter().enumerate() {
        it.hears(spawn(nth as f64, users));
        assert_eq!(it.said(), ["spawning".to_owned(), format!("users {users}")]);
    }
    let expected = [
        "begin 10 of 40",
        "steer 20 of 40",
        "steer 5 of 40",
        "steer 0 of 40",
    ];
    assert_eq!(it.happened(), expected);
}

#[test]
fn the_whole_is_never_less_than_the_own_share() {
    let mut it = Conversation::registered();
    it.hears(spawn(1.0, 60));
    assert_eq!(it.happened(), ["begin 60 of 60"]);
}

#[test]
fn users_that_were_asked_for_earlier_do_not_count() {
    let mut it = Conversation::running(10);
    it.hears(spawn(1.0, 20));
    it.hears(spawn(0.5, 20));
    assert_eq!(it.said(), [""; 0]);
    let note = "a number of users came after a newer one, and does not count";
    assert_eq!(it.happened(), [note, note]);
}

#[test]
fn a_master_that_was_restarted_may_have_an_earlier_clock() {
    let mut it = Conversation::running(10);
    it.worker.handle_disconnected(it.now);
    it.ends();
    it.worker.handle_connected(it.now);
    it.hears(spawn(0.1, 4));
    assert_eq!(it.happened(), ["stop", "begin 4 of 40"]);
}

#[test]
fn what_a_master_says_of_options_that_are_of_no_use_is_passed_on() {
    let mut it = Conversation::registered();
    let mut spawned = Spawn::default();
    spawned.options.odd = vec!["rate: fast".to_owned()];
    it.hears(FromMaster::Spawn(Box::new(spawned)));
    let happened = it.happened();
    assert_eq!(
        happened[0],
        "the master's options have something of no use: rate: fast"
    );
    assert_eq!(happened[1], "begin 0 of 0");
    assert_eq!(it.said()[0], happened[0], "to who filled it in as well");
}

#[test]
fn the_last_figures_go_before_the_word_that_it_has_stopped() {
    let mut it = Conversation::running(10);
    it.measures(3);
    it.hears(FromMaster::Stop);
    assert_eq!(it.happened(), ["stop"]);
    assert_eq!(it.said(), [""; 0]);
    it.measures(4);
    it.ends();
    assert_eq!(it.said(), ["stats 7", "stopped", "ready"]);
    it.passes(SECOND);
    let Some(ToMaster::Heartbeat { state, .. }) = it.worker.poll_transmit() else {
        panic!("no heartbeat");
    };
    assert_eq!(state, State::Ready);
}

#[test]
fn after_a_stop_it_is_ready_until_it_is_taken_in_again() {
    let mut it = Conversation::running(10);
    it.hears(FromMaster::Stop);
    it.ends();
    it.said();
    it.passes(5 * SECOND);
    assert_eq!(it.said(), ["stats 0", "ready"]);
    it.hears(FromMaster::Ack { index: Some(3) });
    it.hears(spawn(2.0, 8));
    assert_eq!(it.said(), ["spawning", "users 8"]);
    assert_eq!(it.happened(), ["stop", "begin 8 of 40"]);
}

#[test]
fn a_stop_without_a_run_is_answered() {
    let mut it = Conversation::registered();
    it.hears(FromMaster::Stop);
    assert_eq!(it.said(), ["stopped", "ready"]);
    assert_eq!(it.happened(), [""; 0]);
}

#[test]
fn figures_of_the_last_run_are_not_in_the_next_one() {
    let mut it = Conversation::running(10);
    it.hears(FromMaster::Stop);
    it.ends();
    it.measures(100);
    it.hears(spawn(2.0, 10));
    it.said();
    it.measures(1);
    it.passes(3 * SECOND);
    assert_eq!(it.said(), ["stats 1"]);
}

#[test]
fn when_the_master_quits_the_last_figures_come_within_half_a_second() {
    let mut it = Conversation::running(10);
    it.measures(3);
    it.hears(FromMaster::Quit);
    let hurry = Some(it.now + Duration::from_millis(200));
    assert_eq!(it.worker.poll_event(), Some(Event::Stop { hurry }));
    it.passes(Duration::from_millis(200));
    it.measures(2);
    it.ends();
    assert_eq!(it.said(), ["stats 5", "quit"]);
    assert_eq!(it.happened(), ["quit"]);
}

#[test]
fn when_the_master_quits_and_the_run_does_not_end_what_is_known_is_told() {
    let mut it = Conversation::running(10);
    it.measures(3);
    it.hears(FromMaster::Quit);
    it.passes(Duration::from_millis(499));
    assert_eq!(it.said(), ["stats 3", "quit"]);
    assert_eq!(it.happened(), ["stop", "quit"]);
    it.measures(2);
    it.ends();
    assert_eq!(it.said(), [""; 0]);
    assert_eq!(it.happened(), [""; 0], "it has quit once");
}

#[test]
fn a_run_that_stops_already_has_to_hurry_when_the_master_quits() {
    let mut it = Conversation::running(10);
    it.hears(FromMaster::Stop);
    assert_eq!(it.worker.poll_event(), Some(Event::Stop { hurry: None }));
    it.hears(FromMaster::Quit);
    let hurry = Some(it.now + Duration::from_millis(200));
    assert_eq!(it.worker.poll_event(), Some(Event::Stop { hurry }));
}

#[test]
fn a_worker_without_a_run_quits_at_once() {
    let mut it = Conversation::registered();
    it.hears(FromMaster::Quit);
    assert_eq!(it.said(), ["quit"]);
    assert_eq!(it.happened(), ["quit"]);
}

#[test]
fn a_worker_that_is_to_leave_waits_for_its_last_figures() {
    let mut it = Conversation::running(10);
    it.worker.leave();
    it.passes_in_company(2 * SECOND);
    it.hears(spawn(2.0, 20));
    assert_eq!(it.happened(), ["stop"], "and takes no users any more");
    it.measures(2);
    it.ends();
    assert_eq!(it.said(), ["stats 2", "quit"]);
    assert_eq!(it.happened(), ["quit"]);
}

#[test]
fn a_worker_that_leaves_without_a_connection_waits_for_its_run_all_the_same() {
    let mut it = Conversation::running(10);
    it.worker.leave();
    it.worker.handle_disconnected(it.now);
    it.ends();
    assert_eq!(it.happened(), ["stop", "quit"]);
    assert_eq!(it.said(), [""; 0]);
    let mut idle = Conversation::new();
    idle.worker.leave();
    assert_eq!(idle.happened(), ["quit"]);
}

#[test]
fn a_lost_link_stops_the_users_drops_the_figures_and_takes_another_id() {
    let mut it = Conversation::running(10);
    let id = it.worker.id().to_owned();
    assert!(id.starts_with("box_"), "{id}");
    it.measures(3);
    it.worker.handle_disconnected(it.now);
    assert_eq!(it.happened(), ["stop"]);
    assert_ne!(it.worker.id(), id);
    // Its run has not ended, and the new master has users for it already.
    it.worker.handle_connected(it.now);
    it.hears(FromMaster::Ack { index: Some(0) });
    it.measures(4);
    it.hears(spawn(9.0, 6));
    it.passes(3 * SECOND);
    assert_eq!(it.said(), ["ready", "stats 0"]);
    assert_eq!(it.happened(), ["registered 0"]);
    it.measures(5);
    it.ends();
    assert_eq!(it.said(), ["spawning", "users 6"]);
    assert_eq!(it.happened(), ["begin 6 of 40"]);
    it.measures(1);
    it.passes(3 * SECOND);
    assert_eq!(it.said(), ["stats 1"]);
}

#[test]
fn nothing_is_said_without_a_connection() {
    let mut it = Conversation::running(10);
    it.measures(3);
    it.passes(2 * SECOND);
    it.worker.handle_disconnected(it.now);
    it.measures(3);
    it.ends();
    it.passes(100 * SECOND);
    it.worker.handle_exception(exception());
    assert_eq!(it.said(), [""; 0]);
    assert_eq!(it.worker.poll_timeout(), None);
}

fn exception() -> Exception {
    Exception {
        msg: "no such channel".to_owned(),
        traceback: String::new(),
    }
}

#[test]
fn a_master_that_says_nothing_for_a_minute_is_given_up() {
    let mut it = Conversation::running(10);
    it.passes(59 * SECOND);
    assert_eq!(it.happened(), [""; 0]);
    it.passes(SECOND);
    assert_eq!(it.happened(), ["stop", "gone 60s"]);
    it.worker.handle_disconnected(it.now);
    assert_eq!(it.happened(), [""; 0]);
    assert_eq!(it.said(), [""; 0]);
    assert_eq!(it.now, it.begun + 60 * SECOND);
}

#[test]
fn any_word_of_the_master_keeps_it() {
    let mut it = Conversation::running(10);
    it.passes_in_company(300 * SECOND);
    assert_eq!(it.happened(), [""; 0]);
}

#[test]
fn a_master_that_asks_for_it_gets_a_new_connection_under_another_id() {
    let mut it = Conversation::running(10);
    let id = it.worker.id().to_owned();
    it.hears(FromMaster::Reconnect);
    assert_eq!(it.happened(), ["stop", "reconnect"]);
    assert_ne!(it.worker.id(), id);
    let id = it.worker.id().to_owned();
    it.worker.handle_disconnected(it.now);
    assert_eq!(it.worker.id(), id, "one connection, one change");
}

#[test]
fn a_run_that_ends_by_itself_leaves_its_figures_and_no_users() {
    let mut it = Conversation::running(10);
    it.worker.handle_exception(exception());
    it.measures(3);
    it.ends();
    assert_eq!(it.said(), ["no such channel", "stats 3"]);
    it.hears(spawn(2.0, 20));
    assert_eq!(it.happened(), ["begin 20 of 40"], "the next try");
}

#[test]
fn a_stop_while_an_abandoned_run_ends_is_answered_at_once() {
    let mut it = Conversation::running(10);
    it.worker.handle_disconnected(it.now);
    it.worker.handle_connected(it.now);
    it.hears(spawn(1.0, 10));
    it.hears(FromMaster::Stop);
    assert_eq!(it.said(), ["ready", "stopped", "ready"]);
    it.ends();
    assert_eq!(it.said(), [""; 0]);
    assert_eq!(it.happened(), ["stop"], "and nothing begins");
}

#[test]
fn unknown_words_are_told_of() {
    let mut it = Conversation::registered();
    it.hears(FromMaster::Other("set_rate".to_owned()));
    let note = "the master said `set_rate`, which means nothing to a worker";
    assert_eq!(it.happened(), [note]);
}

#[test]
fn ids_are_as_random_as_their_seed() {
    let wall = SystemTime::UNIX_EPOCH;
    let id = |seed| {
        let worker = Worker::new("box".to_owned(), seed, Instant::now(), wall);
        worker.id().to_owned()
    };
    assert_ne!(id(1), id(2));
    assert_eq!(id(1), id(1));
}
