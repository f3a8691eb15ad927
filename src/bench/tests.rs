//! Whole runs against the embedded server: every message is accounted for.

mod threads;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plan::tests::plan;
use super::*;
use crate::client::Settings as ClientSettings;
use crate::protocol::ConnectionType;
use crate::server::{Server, Settings as ServerSettings};

const MS: Duration = Duration::from_millis(1);

fn server() -> Server {
    Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap()
}

/// Short, and still with a warm-up.
fn short() -> Plan {
    Plan {
        rate: Rate::Fixed(500.0),
        stop: Stop::Count(100),
        warmup: 50 * MS,
        drain: 5000 * MS,
        ..plan()
    }
}

fn settings(server: &Server, plan: Plan) -> Settings {
    let client = ClientSettings::new(server.url().parse().unwrap());
    Settings {
        plan,
        transport: client.transport,
        connection_type: ConnectionType::LongPolling,
        engine: Engine::Loop { n_threads: 1 },
        extensions: Arc::new(Vec::new),
        sources: Vec::new(),
        seed: 7,
    }
}

fn run(settings: &Settings) -> Run {
    run_with(settings, &Interrupt::default(), &mut |_| {})
}

fn run_with(settings: &Settings, interrupt: &Interrupt, observe: &mut dyn FnMut(&Progress)) -> Run {
    super::run(settings, interrupt, observe).unwrap()
}

#[test]
fn everything_that_is_published_is_delivered_to_everybody() {
    let server = server();
    let plan = Plan {
        n_clients: 20,
        n_publishers: 3,
        n_channels: 4,
        n_per_client: 2,
        batch: 5,
        ..short()
    };
    let began = Instant::now();
    let run = run(&settings(&server, plan));
    assert_eq!(
        (run.sessions.up, run.sessions.ended),
        (23, 0),
        "{:?}",
        run.errors
    );
    let messages = &run.messages;
    assert_eq!((messages.published, messages.acknowledged), (100, 100));
    assert_eq!((messages.expected, messages.delivered), (1000, 1000));
    assert_eq!(
        (messages.lost, messages.duplicates, messages.out_of_order),
        (0, 0, 0)
    );
    assert_eq!(run.latency.delivery.count(), 1000);
    assert_eq!(run.latency.publish.count(), 100);
    assert_eq!(run.latency.handshake.count(), 23);
    assert_eq!(run.errors, []);
    assert_eq!(
        run.intervals.iter().map(|it| it.delivered).sum::<u64>(),
        1000
    );
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "the drain ends when all is there"
    );
    assert_eq!(server.n_sessions(), 0, "all have left");
}
