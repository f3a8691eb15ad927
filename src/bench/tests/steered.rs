//! Runs that somebody else steers: sessions come and go, rates change, and every count is exact.

use super::faults::{PAGE, within};
use super::scripted::{Handshake, Published, Reaction, Script, Scripted};
use super::*;

/// A steered run, and its portions. `steer` gets each of them, and says whether to go on.
fn steered(
    settings: &Settings,
    steering: &Steering,
    mut steer: impl FnMut(&Portion, usize) -> bool,
) -> (Run, Vec<Portion>) {
    let interrupt = Interrupt::default();
    let mut portions = Vec::new();
    let run = super::steered(settings, steering, &interrupt, &mut |portion| {
        if !steer(&portion, portions.len()) {
            interrupt.interrupt();
        }
        portions.push(portion);
    });
    let run = run.unwrap();
    adds_up(&run);
    assert_eq!(counts(&run), counts(&sum(&portions)));
    (run, portions)
}

fn sum(portions: &[Portion]) -> Run {
    let mut sum = portions[0].measured.clone();
    for portion in &portions[1..] {
        sum.add(&portion.measured);
    }
    sum
}

/// Everything that is a count, or made of counts.
fn counts(run: &Run) -> Run {
    Run {
        config: Config::default(),
        client: ClientUse {
            lag: run.client.lag.clone(),
            ..ClientUse::default()
        },
        ..run.clone()
    }
}

#[test]
fn clients_come_and_go_while_messages_are_published() {
    for connection_type in [ConnectionType::LongPolling, ConnectionType::WebSocket] {
        let server = server();
        let plan = Plan {
            n_publishers: 2,
            ..short()
        };
        let settings = Settings {
            connection_type,
            engine: Engine::Loop { n_threads: 2 },
            ..settings(&server, plan)
        };
        let steering = Steering::new(0, Rate::Fixed(100.0));
        let wanted = [20, 50, 10, 30];
        let mut nth = 0;
        let (run, portions) = steered(&settings, &steering, |portion, _| {
            if portion.progress.n_up < portion.progress.n_wanted {
                return true;
            }
            let Some(&n_clients) = wanted.get(nth) else {
                return false;
            };
            nth += 1;
            steering.steer(n_clients, Rate::Fixed(100.0));
            true
        });
        let messages = &run.messages;
        assert_eq!((run.sessions.up, run.sessions.wanted), (52, 52));
        assert_eq!(run.sessions.churned, 20, "{:?}", run.sessions);
        assert_eq!((messages.lost, messages.duplicates), (0, 0), "{messages:?}");
        assert_eq!(messages.foreign, 0, "{messages:?}");
        assert!(messages.delivered > 1000, "{messages:?}");
        // What was owed when it was published, less those who left, is what was expected.
        let owed = portions[portions.len() - 1].progress.n_expected;
        assert_eq!(owed, messages.expected, "{messages:?}");
        assert_eq!((run.sessions.ended, &run.errors[..]), (0, &[][..]));
        assert!(portions.len() >= 5);
        assert_eq!(run.config.clients, 50);
        assert_eq!(server.n_sessions(), 0, "all have left");
    }
}

#[test]
fn publishers_become_faster_and_slower_and_rest() {
    let server = Scripted::new(Script::default());
    let plan = Plan {
        n_publishers: 3,
        ..short()
    };
    let settings = settings_for(&server.url(), plan);
    let steering = Steering::new(5, Rate::Fixed(50.0));
    let rates = [0.0, 400.0, 0.0].map(Rate::Fixed);
    let mut rates = rates.into_iter().chain([Rate::Max]);
    let mut rate = Rate::Fixed(50.0);
    let (run, portions) = steered(&settings, &steering, |portion, nth| {
        let n_published = portion.measured.messages.published;
        let is_as_wanted = match rate {
            Rate::Fixed(rate) => (n_published == 0) == (rate == 0.0),
            Rate::Max => n_published > 0,
        };
        if nth == 0 || !is_as_wanted {
            return nth < 20;
        }
        match rates.next() {
            Some(next) => rate = next,
            None => return false,
        }
        steering.steer(5, rate);
        true
    });
    assert!(portions.len() < 20, "a rate was never reached");
    let messages = &run.messages;
    assert_eq!(messages.published, server.counts().n_publishes);
    assert_eq!((messages.rejected, messages.lost), (0, 0), "{messages:?}");
    assert_eq!(run.config.rate, None);
    assert_eq!(run.errors, []);
}

#[test]
fn a_server_that_is_not_there_is_waited_for() {
    let address = server().address();
    let settings = within(
        1000 * MS,
        settings_for(&format!("http://{address}/cometd"), short()),
    );
    let mut late = None;
    let (run, portions) = steered(
        &settings,
        &Steering::new(4, Rate::Fixed(100.0)),
        |portion, _| {
            if !portion.measured.errors.is_empty() && late.is_none() {
                let again = Server::bind(address.to_string(), ServerSettings::default());
                late = again.ok();
            }
            portion.measured.messages.delivered == 0
        },
    );
    assert!(portions[0].measured.errors[0].kind.contains("refused"));
    for error in &run.errors {
        assert_eq!(error.request, Some(Request::Handshake), "{error:?}");
    }
    assert_eq!((run.sessions.up, run.sessions.ended), (5, 0));
    assert_eq!(run.messages.lost, 0, "{:?}", run.messages);
}

#[test]
fn a_refused_first_session_comes_back_after_a_while() {
    let server = Scripted::new(Script {
        handshake: |nth| match nth {
            0..2 => Handshake::Refuse,
            _ => Handshake::Accept,
        },
        ..Script::default()
    });
    let settings = settings_for(&server.url(), short());
    let (run, _) = steered(
        &settings,
        &Steering::new(4, Rate::Fixed(100.0)),
        |portion, _| portion.measured.messages.delivered == 0,
    );
    assert_eq!(n_errors(&run, "handshake refused"), 2, "{:?}", run.errors);
    assert_eq!((run.sessions.up, run.sessions.wanted), (5, 5));
    assert!(run.client.seconds > 3.0, "it rests a second, and then two");
    assert_eq!(server.counts().n_handshakes, 7);
}

#[test]
fn a_session_that_ends_comes_back_and_has_lost_what_came_meanwhile() {
    let server = Scripted::new(Script {
        request: |counts, channel| match counts.n_publishes {
            100.. if counts.n_raw == 0 && channel == "/meta/connect" => Reaction::Raw(PAGE),
            _ => Reaction::Serve,
        },
        ..Script::default()
    });
    let settings = settings_for(&server.url(), short());
    let (run, portions) = steered(
        &settings,
        &Steering::new(4, Rate::Fixed(200.0)),
        |portion, _| {
            let progress = &portion.progress;
            progress.n_errors == 0 || progress.n_up < progress.n_wanted
        },
    );
    let last = &portions[portions.len() - 1].progress;
    assert_eq!((last.n_up, last.n_wanted), (5, 5));
    assert_eq!(
        (run.sessions.up, run.sessions.ended),
        (5, 1),
        "{:?}",
        run.errors
    );
    assert_eq!((run.sessions.handshakes, run.sessions.churned), (6, 0));
    // A client has lost messages, or the publisher has sent them later.
    let lost = run.messages.lost;
    assert_eq!(run.messages.lost_by.no_session, lost, "{:?}", run.messages);
}

#[test]
fn clients_that_are_no_longer_wanted_leave_while_they_come_up() {
    let server = Scripted::new(Script {
        subscribe_delay: 300 * MS,
        ..Script::default()
    });
    let plan = Plan {
        ramp: 40.0,
        ..short()
    };
    let settings = settings_for(&server.url(), plan);
    let steering = Steering::new(100, Rate::Fixed(100.0));
    let (run, _) = steered(&settings, &steering, |portion, nth| {
        match nth {
            0 => steering.steer(3, Rate::Fixed(100.0)),
            2 => steering.steer(6, Rate::Fixed(100.0)),
            _ => {}
        }
        nth < 3 || portion.progress.n_up < 7
    });
    assert_eq!(run.sessions.wanted, 101);
    assert!(run.sessions.up < 60, "{:?}", run.sessions);
    assert_eq!(run.messages.lost, 0, "{:?}", run.messages);
    assert_eq!(run.errors, []);
}

#[test]
fn a_run_that_is_interrupted_while_it_opens_ends_at_once() {
    let silent = Scripted::new(Script {
        request: |_, _| Reaction::Silence,
        ..Script::default()
    });
    let plan = Plan {
        ramp: 5.0,
        ..short()
    };
    let open = server();
    for url in [silent.url(), open.url()] {
        let settings = settings_for(&url, plan.clone());
        let began = Instant::now();
        let (run, portions) = steered(&settings, &Steering::new(100, Rate::Max), |_, _| false);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "{took:?}");
        assert_eq!((run.sessions.wanted, portions.len()), (101, 2));
        assert!(run.sessions.up < 30, "{:?}", run.sessions);
    }
}

#[test]
fn clients_that_do_not_fit_are_told() {
    let server = server();
    let plan = Plan {
        ramp: 20.0,
        ..short()
    };
    let settings = settings(&server, plan);
    let n_fitting = capacity(&settings).n_sessions;
    let n_wanted = n_fitting as u64 + 10;
    let steering = Steering::new(2, Rate::Fixed(100.0));
    let (run, _) = steered(&settings, &steering, |_, nth| {
        match nth {
            0 => steering.steer(n_fitting + 5, Rate::Fixed(100.0)),
            1 => steering.steer(n_fitting + 9, Rate::Fixed(100.0)),
            _ => {}
        }
        nth < 3
    });
    assert_eq!(n_errors(&run, "no room for more sessions"), 10);
    assert_eq!(run.sessions.wanted, n_wanted - 10);
    assert!(run.sessions.up < 200, "{:?}", run.sessions);
}

#[test]
fn only_the_loops_can_be_steered() {
    let server = server();
    let settings = Settings {
        engine: Engine::Threads,
        ..settings(&server, short())
    };
    let steering = Steering::new(1, Rate::Max);
    let refused = super::steered(&settings, &steering, &Interrupt::default(), &mut |_| {});
    assert!(matches!(refused, Err(BenchError::NotSteerable)));
}

#[test]
fn a_run_that_is_hurried_does_not_wait_for_what_is_on_its_way() {
    let server = Scripted::new(Script {
        publish: |_| Published::Lose,
        ..Script::default()
    });
    let plan = Plan {
        drain: Duration::from_secs(60),
        ..short()
    };
    let settings = settings_for(&server.url(), plan);
    let interrupt = Interrupt::default();
    let steering = Steering::new(2, Rate::Fixed(100.0));
    let mut interrupted = None;
    let mut waited = Duration::MAX;
    let run = super::steered(
        &settings,
        &steering,
        &interrupt,
        &mut |portion| match interrupted {
            None if portion.progress.n_published > 0 => {
                interrupted = Some(Instant::now());
                interrupt.interrupt();
                interrupt.hurry();
            }
            None => {}
            Some(at) => waited = at.elapsed(),
        },
    );
    assert!(run.unwrap().messages.lost > 0, "they are on their way");
    // What is not hurried takes a second.
    assert!(waited < Duration::from_millis(900), "{waited:?}");
}
