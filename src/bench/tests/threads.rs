//! The engine with a thread for each session, held against the poll loops.

use std::thread;

use super::*;

fn with_threads(settings: Settings) -> Settings {
    Settings {
        engine: Engine::Threads,
        ..settings
    }
}

/// What must be the same whoever drives the sessions.
#[derive(Debug, PartialEq)]
struct Counts {
    sessions: [u64; 5],
    messages: Messages,
    published: u64,
    acknowledged: u64,
    delivered: u64,
    latencies: [u64; 6],
    errors: Vec<String>,
}

fn counts(run: &Run) -> Counts {
    let Sessions {
        wanted,
        up,
        up_ms: _,
        handshakes,
        renewed,
        ended,
        churned: _,
    } = run.sessions;
    let sum = |of: fn(&Interval) -> u64| run.intervals.iter().map(of).sum();
    let latency = &run.latency;
    Counts {
        sessions: [wanted, up, handshakes, renewed, ended],
        // The last few come a moment before the end or after it.
        messages: Messages {
            published_late: 0,
            delivered_late: 0,
            ..run.messages.clone()
        },
        published: sum(|it| it.published),
        acknowledged: sum(|it| it.acknowledged),
        delivered: sum(|it| it.delivered),
        latencies: [
            latency.handshake.count(),
            latency.subscribe.count(),
            latency.publish.count(),
            latency.delivery.count(),
            latency.delivery_from_send.count(),
            run.intervals
                .iter()
                .map(|it| it.delivery.unpack().count())
                .sum(),
        ],
        errors: run.errors.iter().map(|it| it.kind.clone()).collect(),
    }
}

/// Several of everything.
fn varied() -> Plan {
    Plan {
        n_clients: 12,
        n_publishers: 3,
        n_channels: 4,
        n_per_client: 2,
        batch: 5,
        ..short()
    }
}

/// What has to hold whatever happened.
fn assert_accounted(run: &Run) {
    let messages = &run.messages;
    let settled = messages.acknowledged + messages.rejected + messages.unacknowledged;
    assert_eq!(messages.published, settled, "{messages:?}");
    assert_eq!(messages.expected, messages.delivered + messages.lost);
    assert_eq!(messages.intended, messages.published + messages.unsent);
    let sum = |of: fn(&Interval) -> u64| run.intervals.iter().map(of).sum::<u64>();
    assert_eq!(sum(|it| it.published), messages.published);
    assert_eq!(sum(|it| it.delivered), messages.delivered);
    assert_eq!(run.latency.delivery.count(), messages.delivered);
}

#[test]
fn both_engines_report_the_same_counts() {
    let server = server();
    for rate in [Rate::Fixed(500.0), Rate::Max] {
        let plan = Plan { rate, ..varied() };
        let by_loop = run(&settings(&server, plan.clone()));
        let by_threads = run(&with_threads(settings(&server, plan)));
        assert_eq!(counts(&by_loop), counts(&by_threads));
        assert_accounted(&by_threads);
        let messages = &by_threads.messages;
        assert_eq!((messages.published, messages.delivered), (100, 600));
        assert_eq!((messages.lost, messages.undecided), (0, 0));
        assert_eq!(by_threads.config.engine, "threads");
    }
    assert_eq!(server.n_sessions(), 0, "all have left");
}

#[test]
fn threads_work_over_every_transport() {
    use ConnectionType::{CallbackPolling, LongPolling, WebSocket};
    let server = server();
    for connection_type in [LongPolling, CallbackPolling, WebSocket] {
        let settings = Settings {
            connection_type,
            ..with_threads(settings(&server, varied()))
        };
        let run = run(&settings);
        let messages = &run.messages;
        assert_eq!(run.errors, [], "{connection_type}");
        assert_eq!((messages.acknowledged, messages.delivered), (100, 600));
        assert_eq!(messages.expected, 600);
        let traffic = &run.traffic;
        // A handshake and a connect of each, and what is published in batches of 5.
        assert!(traffic.requests >= 15 + 15 + 20, "{traffic:?}");
        assert!(traffic.connects >= 15 && traffic.connections >= 15);
        assert!((1..=600).contains(&traffic.batches), "{traffic:?}");
        let has_bytes = connection_type != WebSocket;
        assert_eq!(traffic.bytes_in > 0, has_bytes);
        assert_eq!(traffic.bytes_out > 0, has_bytes);
        assert_eq!(server.n_sessions(), 0, "all have left");
    }
}

#[test]
fn clients_that_come_and_go_lose_nothing() {
    let server = server();
    let plan = Plan {
        n_clients: 10,
        churn: 100.0,
        rate: Rate::Fixed(300.0),
        stop: Stop::After(500 * MS),
        ..short()
    };
    for connection_type in [ConnectionType::LongPolling, ConnectionType::WebSocket] {
        let began = Instant::now();
        let settings = Settings {
            connection_type,
            ..with_threads(settings(&server, plan.clone()))
        };
        let mut n_owed = 0;
        let run = observed(&settings, &mut |progress| n_owed = progress.n_expected).unwrap();
        assert_accounted(&run);
        let (sessions, messages) = (&run.sessions, &run.messages);
        assert!(sessions.churned >= 10, "{sessions:?}");
        // Whoever left at the very end may not have come back.
        let n_back = sessions.handshakes - sessions.up;
        assert!(sessions.churned - n_back <= 10, "{sessions:?}");
        assert_eq!(messages.lost, 0, "{messages:?} {:?}", run.errors);
        let is_prompt = began.elapsed() < Duration::from_secs(4);
        assert!(is_prompt, "the drain ends when all is there: {messages:?}");
        // What was owed when it was published, less those who left, is what was expected in the end.
        assert_eq!(
            (n_owed, messages.expected),
            (messages.delivered, messages.delivered)
        );
        assert!(messages.delivered > 0, "{messages:?}");
        assert_eq!(server.n_sessions(), 0, "all have left");
    }
}

#[test]
fn an_interrupt_ends_a_run_and_keeps_its_results() {
    let server = server();
    let plan = Plan {
        stop: Stop::After(Duration::from_secs(60)),
        ..varied()
    };
    let settings = with_threads(settings(&server, plan));
    let interrupt = Interrupt::default();
    let began = Instant::now();
    let run = run_with(&settings, &interrupt, &mut |progress| {
        if progress.n_delivered > 100 {
            interrupt.interrupt();
        }
    });
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(run.client.interrupted && run.messages.delivered > 100);
    assert_accounted(&run);
    assert_eq!(server.n_sessions(), 0, "all have left");
}

#[test]
fn a_server_that_is_gone_in_the_middle_is_accounted_for() {
    let server = server();
    let plan = Plan {
        // Long before its end, even where a sleep takes much longer than it should.
        stop: Stop::After(2000 * MS),
        drain: 200 * MS,
        ..varied()
    };
    let settings = with_threads(settings(&server, plan));
    let runner = thread::spawn(move || run(&settings));
    while server.n_sessions() < 15 {
        thread::sleep(5 * MS);
    }
    thread::sleep(300 * MS);
    let began = Instant::now();
    server.stop();
    let run = runner.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_accounted(&run);
    assert!(!run.errors.is_empty());
    assert_eq!(run.messages.intended, 1000, "{:?}", run.messages);
    assert!(run.messages.unsent > 0);
}

#[test]
fn a_server_that_is_not_there_ends_the_run() {
    let server = server();
    let settings = with_threads(settings(&server, varied()));
    server.stop();
    let error = super::super::run(&settings, &Interrupt::default(), &mut |_| {});
    assert!(matches!(error, Err(BenchError::NoSession { .. })));
}
