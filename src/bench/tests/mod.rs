//! Whole runs against the embedded server and against scripted ones: every message is accounted
//! for.

mod faults;
mod scripted;
mod steered;
mod threads;
mod truth;
mod web_socket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plan::tests::plan;
use super::*;
use crate::client::Settings as ClientSettings;
use crate::protocol::ConnectionType;
use crate::server::{Server, Settings as ServerSettings};
use crate::session::extension::Ack;

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
    settings_for(&server.url(), plan)
}

fn settings_for(url: &str, plan: Plan) -> Settings {
    let client = ClientSettings::new(url.parse().unwrap());
    Settings {
        plan,
        transport: client.transport,
        connection_type: ConnectionType::LongPolling,
        engine: Engine::Loop { n_threads: 1 },
        extensions: Arc::new(Vec::new),
        sources: Vec::new(),
        seed: 7,
        witness: None,
    }
}

fn run(settings: &Settings) -> Run {
    observed(settings, &mut |_| {}).unwrap()
}

fn run_with(settings: &Settings, interrupt: &Interrupt, observe: &mut dyn FnMut(&Progress)) -> Run {
    super::run(settings, interrupt, observe).unwrap()
}

/// A run that ends in its drain: once there is enough, and nothing has come since the look before.
/// So it waits as long as a busy machine needs, and on an idle one hardly at all.
fn drained(settings: &Settings, mut is_enough: impl FnMut(&Progress) -> bool) -> Run {
    let interrupt = Interrupt::default();
    let mut before = None;
    let run = observed_with(settings, &interrupt, &mut |progress| {
        let seen = (
            progress.n_published,
            progress.n_delivered,
            progress.n_errors,
        );
        let is_quiet = before.replace(seen) == Some(seen);
        if is_enough(progress) && is_quiet && progress.stage == Stage::Draining {
            interrupt.interrupt();
        }
    });
    run.unwrap()
}

fn observed(settings: &Settings, observe: &mut dyn FnMut(&Progress)) -> Result<Run, BenchError> {
    observed_with(settings, &Interrupt::default(), observe)
}

/// A run that has to end on time, and whose figures have to fit each other, whatever they are.
fn observed_with(
    settings: &Settings,
    interrupt: &Interrupt,
    observe: &mut dyn FnMut(&Progress),
) -> Result<Run, BenchError> {
    let plan = &settings.plan;
    let opening = settings.transport.connect_timeout + settings.transport.network_timeout;
    let publishing = match (plan.stop, plan.rate) {
        (Stop::After(duration), _) => duration,
        (Stop::Count(count), Rate::Fixed(rate)) => Duration::from_secs_f64(count as f64 / rate),
        (Stop::Count(_), Rate::Max) | (Stop::Interrupt, _) => Duration::from_secs(10),
    };
    // Leaving takes some seconds where nobody answers, and so may a busy machine.
    let limit = opening + plan.warmup + publishing + plan.drain + Duration::from_secs(20);
    let began = Instant::now();
    let result = super::run(settings, interrupt, observe);
    let took = began.elapsed();
    assert!(took < limit, "{took:?} and not {limit:?}: {result:?}");
    let run = result?;
    adds_up(&run);
    Ok(run)
}

/// Whatever happened, the figures of a run fit each other.
fn adds_up(run: &Run) {
    let messages = &run.messages;
    assert_eq!(
        messages.expected,
        messages.delivered + messages.lost,
        "{messages:?}"
    );
    let lost_by = &messages.lost_by;
    assert_eq!(
        messages.lost,
        lost_by.no_session + lost_by.unacknowledged + lost_by.unexplained,
        "{messages:?}"
    );
    assert_eq!(
        messages.published,
        messages.acknowledged + messages.rejected + messages.unacknowledged,
        "{messages:?}"
    );
    assert_eq!(messages.intended, messages.published + messages.unsent);
    assert_eq!(run.latency.delivery.count(), messages.delivered);
    assert_eq!(run.latency.publish.count(), messages.acknowledged);
    let sum = |of: fn(&Interval) -> u64| run.intervals.iter().map(of).sum::<u64>();
    assert_eq!(sum(|it| it.published), messages.published);
    assert_eq!(sum(|it| it.delivered), messages.delivered);
    for error in &run.errors {
        assert!(error.count > 0 && !error.first.is_empty(), "{error:?}");
    }
}

/// How often something of this kind went wrong.
fn n_errors(run: &Run, kind: &str) -> u64 {
    let of_kind = run.errors.iter().filter(|it| it.kind.contains(kind));
    of_kind.map(|it| it.count).sum()
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

#[test]
fn a_run_ends_while_some_of_many_clients_are_on_their_way_out_already() {
    let server = server();
    let plan = Plan {
        n_clients: 300,
        churn: 20_000.0,
        rate: Rate::Fixed(20.0),
        stop: Stop::After(200 * MS),
        ..short()
    };
    let run = run(&settings(&server, plan));
    assert!(run.sessions.churned > 10, "{:?}", run.sessions);
    assert_eq!(server.n_sessions(), 0, "all have left");
}

#[test]
fn the_results_say_whether_the_ack_extension_was_asked_for() {
    let server = server();
    let plain = settings(&server, short());
    let acknowledging = Settings {
        extensions: Arc::new(|| vec![Box::new(Ack::new())]),
        ..plain.clone()
    };
    assert!(!run(&plain).config.ack);
    assert!(run(&acknowledging).config.ack);
}
