//! What a run says is what happened: figures held against a server that does as its script says.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::scripted::{Published, Script, Scripted};
use super::*;

/// Everything counts, from the first message on. The drain is for a busy machine: it ends when all
/// is there, and where something never comes the test has to say when it is over.
pub(super) fn exact(n_messages: u64) -> Plan {
    Plan {
        n_clients: 3,
        rate: Rate::Fixed(200.0),
        stop: Stop::Count(n_messages),
        warmup: Duration::ZERO,
        drain: 10_000 * MS,
        ..plan()
    }
}

/// A run against a server with a conduct for each published message.
pub(super) fn published(plan: Plan, publish: fn(u64) -> Published) -> Run {
    let server = Scripted::new(Script {
        publish,
        ..Script::default()
    });
    run(&settings_for(&server.url(), plan))
}

/// The same for a run in which something never comes, so that it is over when this has.
pub(super) fn published_until(
    plan: Plan,
    publish: fn(u64) -> Published,
    is_enough: fn(&Progress) -> bool,
) -> Run {
    let server = Scripted::new(Script {
        publish,
        ..Script::default()
    });
    drained(&settings_for(&server.url(), plan), is_enough)
}

#[test]
fn a_stall_shows_from_the_intended_time_and_hides_from_the_actual_send() {
    let plan = Plan {
        rate: Rate::Fixed(100.0),
        ..exact(200)
    };
    let run = published(plan, |nth| match nth {
        50 => Published::AfterStall(1000 * MS),
        _ => Published::Deliver,
    });
    assert_eq!((run.messages.published, run.messages.lost), (200, 0));
    // A hundred messages were due within the second, and waited for half of it on average.
    let latency = &run.latency;
    for (name, distribution) in [
        ("delivery", &latency.delivery),
        ("publish", &latency.publish),
    ] {
        let p90 = distribution.percentile(90.0).unwrap();
        assert!(p90 > 500 * MS, "{name}: {p90:?}");
        assert!(distribution.max().unwrap() > 900 * MS, "{name}");
    }
    // One message was under way, and the rest was sent afterwards: whoever measures from there
    // sees a fast server.
    let intended = latency.delivery.percentile(90.0).unwrap();
    let sent = latency.delivery_from_send.percentile(90.0).unwrap();
    assert!(sent < intended / 2, "{sent:?} and {intended:?}");
}

#[test]
fn duplicates_losses_refusals_and_another_order_are_counted_exactly() {
    let publish = |nth| match nth % 10 {
        1 => Published::Twice,
        3 => Published::BehindTheNext,
        5 => Published::Lose,
        7 => Published::Reject,
        _ => Published::Deliver,
    };
    let run = published_until(exact(100), publish, |progress| {
        (progress.n_delivered, progress.n_errors) == (240, 10)
    });
    let messages = &run.messages;
    assert_eq!((messages.published, messages.unsent), (100, 0));
    assert_eq!((messages.acknowledged, messages.rejected), (90, 10));
    assert_eq!((messages.expected, messages.delivered), (270, 240));
    assert_eq!((messages.lost, messages.lost_by.unexplained), (30, 30));
    assert_eq!((messages.duplicates, messages.out_of_order), (30, 30));
    assert_eq!((messages.undecided, messages.foreign), (0, 0));
    assert_eq!(run.errors.len(), 1, "{:?}", run.errors);
    let error = &run.errors[0];
    assert_eq!(error.kind, "publish rejected: 403 create_denied");
    assert_eq!(error.count, 10);
    assert!(error.first.contains("403:/bench,9:create_denied"));
}

#[test]
fn a_delivery_before_its_acknowledgement_is_a_delivery() {
    let plan = Plan {
        rate: Rate::Fixed(50.0),
        ..exact(20)
    };
    let run = published(plan, |_| Published::AcknowledgeLate(5 * MS));
    let messages = &run.messages;
    assert_eq!((messages.acknowledged, messages.delivered), (20, 60));
    assert_eq!(messages.out_of_order, 0);
    assert_eq!(run.errors, []);
}

#[test]
fn what_is_rejected_and_delivered_all_the_same_still_adds_up() {
    let run = published(exact(40), |nth| match nth {
        // Nobody waits for as many as there are, so the last reply waits for them.
        39 => Published::AcknowledgeLate(500 * MS),
        _ if nth % 4 == 0 => Published::RejectAndDeliver,
        _ => Published::Deliver,
    });
    let messages = &run.messages;
    assert_eq!((messages.rejected, messages.delivered), (10, 120));
    assert_eq!((messages.expected, messages.lost), (120, 0));
}

#[test]
fn deliveries_that_nobody_published_are_foreign() {
    let run = published(exact(30), |nth| match nth {
        // A publisher that there is not, a number that nobody used, and no stamp at all.
        5 => Published::WithData(r#"{"bench":"RUN.99.0.0.0."}"#),
        10 => Published::WithData(r#"{"bench":"RUN.0.3w5e11264sgsf.0.0."}"#),
        15 => Published::WithData(r#"{"bench":"RUN.0.zzzz.zzzzzzzzzz.zzzzzzzz."}"#),
        20 => Published::WithData(r#"{"bench":17}"#),
        _ => Published::Deliver,
    });
    let messages = &run.messages;
    assert_eq!((messages.expected, messages.delivered), (90, 90));
    assert_eq!((messages.foreign, messages.duplicates), (12, 0));
}

#[test]
fn what_a_slow_server_did_not_let_out_is_unsent() {
    let plan = Plan {
        n_publishers: 2,
        rate: Rate::Fixed(200.0),
        stop: Stop::After(1000 * MS),
        drain: 50 * MS,
        // Two of these are too many for one request that catches up.
        payload: Payload::of_size(150_000).unwrap(),
        ..exact(1)
    };
    // Each of the two gets twenty through in a second.
    let run = published(plan, |_| Published::AcknowledgeLate(50 * MS));
    let messages = &run.messages;
    assert_eq!(messages.intended, 200);
    assert!(messages.published < 60, "{messages:?}");
    assert_eq!(messages.unsent, 200 - messages.published);
    let is_late = run.client.lag.percentile(99.0) > Some(50 * MS);
    let expected = match is_late {
        true => Shortfall::SchedulerLag,
        false => Shortfall::ServerBackPressure,
    };
    // The whole test program's processor time counts as this run's.
    if run.client.shortfall != Some(Shortfall::GeneratorCpu) {
        assert_eq!(run.client.shortfall, Some(expected));
    }
}

/// What comes in the drain comes too late to have been a rate.
#[test]
fn what_a_slow_server_lets_out_in_the_drain_is_in_no_rate() {
    let plan = Plan {
        n_publishers: 2,
        rate: Rate::Fixed(100.0),
        stop: Stop::After(1000 * MS),
        ..exact(1)
    };
    let run = published(plan, |_| Published::AcknowledgeLate(50 * MS));
    let messages = &run.messages;
    assert_eq!((messages.published, messages.unsent), (100, 0));
    assert_eq!(messages.delivered, 3 * 100);
    // How many of them depends on how many go in each request, and that on how busy the machine is.
    assert!(messages.published_late > 10, "{messages:?}");
    assert!(
        messages.delivered_late >= 3 * messages.published_late,
        "{messages:?}"
    );
    let summary = run.summary();
    let rates = [
        ("publish_rate", messages.published_in_time()),
        ("delivery_rate", messages.delivered_in_time()),
    ];
    for (name, n) in rates {
        let rate = n as f64 / run.client.seconds;
        assert!((summary[name] - rate).abs() < 1e-6, "{name}: {summary:?}");
    }
    assert!(run.client.shortfall.is_some());
}

#[test]
fn a_publisher_that_had_to_wait_sends_at_once_what_has_become_due() {
    let plan = Plan {
        rate: Rate::Fixed(500.0),
        ..exact(100)
    };
    let run = published(plan, |_| Published::AcknowledgeLate(5 * MS));
    let messages = &run.messages;
    assert_eq!((messages.published, messages.acknowledged), (100, 100));
    let traffic = &run.traffic;
    let n_others = traffic.requests - traffic.connects;
    assert!(
        n_others < 60,
        "handshakes, subscribes and publishes: {traffic:?}"
    );
}

#[test]
fn without_a_schedule_nothing_is_unsent() {
    let plan = Plan {
        rate: Rate::Max,
        stop: Stop::After(200 * MS),
        ..exact(1)
    };
    let run = published(plan, |_| Published::Deliver);
    assert_eq!(run.messages.unsent, 0);
    assert!(run.messages.published > 0);
    assert_eq!(run.messages.lost, 0);
}

#[test]
fn clients_that_come_and_go_lose_nothing() {
    let server = Scripted::new(Script {
        // What is published meanwhile comes before the confirmation.
        subscribe_delay: 20 * MS,
        ..Script::default()
    });
    let plan = Plan {
        n_clients: 8,
        n_publishers: 2,
        churn: 30.0,
        rate: Rate::Fixed(400.0),
        stop: Stop::After(1500 * MS),
        ..exact(1)
    };
    let mut n_owed = 0;
    let run = observed(&settings_for(&server.url(), plan), &mut |progress| {
        n_owed = progress.n_expected;
    });
    let run = run.unwrap();
    let messages = &run.messages;
    assert!(run.sessions.churned > 10, "{:?}", run.sessions);
    assert_eq!((messages.lost, messages.duplicates), (0, 0), "{messages:?}");
    assert!(messages.undecided > 0, "{messages:?}");
    // What was owed when it was published, less those who left, is what was expected in the end.
    assert_eq!(n_owed, messages.expected, "{messages:?}");
    // And no more than the server sent: the rest went to those who came or left.
    assert!(
        messages.delivered <= server.counts().n_deliveries,
        "{messages:?}"
    );
    assert!(messages.delivered > 0, "{messages:?}");
    assert_eq!((run.sessions.ended, run.errors.len()), (0, 0), "{run:?}");
}

/// Of this thread, as proc_pid_stat(5) tells: the 41st field, of which the second, in brackets, may have spaces.
#[cfg(target_os = "linux")]
fn scheduling_policy() -> String {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(38).unwrap().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn the_loops_take_the_processor_from_nobody() {
    const SCHED_OTHER: &str = "0";
    const SCHED_BATCH: &str = "3";
    let server = server();
    let policies = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&policies);
    let witness = move |_: Heard<'_>| {
        seen.lock().unwrap().insert(scheduling_policy());
    };
    run(&Settings {
        witness: Some(Arc::new(witness)),
        ..settings(&server, short())
    });
    let expected = BTreeSet::from([SCHED_BATCH.to_owned()]);
    assert_eq!(*policies.lock().unwrap(), expected);
    assert_eq!(scheduling_policy(), SCHED_OTHER, "of who started them");
}
