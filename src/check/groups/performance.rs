//! `perf`: how long things take, with one or two sessions: no load test.

use std::time::{Duration, Instant};

use crate::check::groups::pair::Pair;
use crate::check::session::Session;
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Stage, Subject};

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "perf.rtt",
        "a publish is answered within a second",
        "",
        round_trip,
    )
    .stage(Stage::Last),
    Check::information(
        "perf.fanout",
        "a message is delivered within a second",
        "",
        fan_out,
    )
    .stage(Stage::Last),
];

const N_PUBLISHES: usize = 30;
const SLOW: Duration = Duration::from_secs(1);

fn round_trip(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut session = subject.connected()?;
    let mut times = Vec::new();
    while times.len() < N_PUBLISHES {
        let started = Instant::now();
        session.publish(&channel, "{\"n\":1}")?;
        times.push(started.elapsed());
        if started.elapsed() > SLOW {
            break;
        }
    }
    Ok(judged(times, "an acknowledgement"))
}

fn fan_out(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut pair = Pair::new(subject)?;
    pair.receiver.subscribe(&channel)?;
    let mut times = Vec::new();
    while times.len() < N_PUBLISHES {
        let time = delivery(&mut pair.receiver, &mut pair.publisher, &channel)?;
        times.push(time);
        if time > SLOW {
            break;
        }
    }
    Ok(judged(times, "a delivery"))
}

/// From a publish until another session, whose connect is held, has the message.
fn delivery(
    receiver: &mut Session,
    publisher: &mut Session,
    channel: &str,
) -> Result<Duration, Obstacle> {
    let n_before = receiver.deliveries.len();
    let held = receiver.held(PROMPTLY * 2)?;
    let started = Instant::now();
    publisher.publish(channel, "{\"n\":1}")?;
    match held {
        Some(held) => receiver.replies_to(&held, PROMPTLY * 2).map(drop)?,
        None => receiver.listen(PROMPTLY * 2, n_before)?,
    }
    if receiver.deliveries.len() > n_before {
        return Ok(started.elapsed());
    }
    Err(Obstacle::Unusable(format!(
        "nothing was delivered within {} s",
        (PROMPTLY * 2).as_secs()
    )))
}

fn judged(mut times: Vec<Duration>, what: &str) -> Finding {
    times.sort();
    let rank =
        |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
    let ms = |it: Option<&Duration>| it.map_or(0.0, |it| it.as_secs_f64() * 1000.0);
    let seen = format!(
        "{what} takes {:.1} ms, one in ten {:.1} ms",
        ms(rank(50)),
        ms(rank(90))
    );
    match times.last() {
        Some(slowest) if *slowest > SLOW => {
            Finding::deviates(format!("{what} took {:.0} ms", ms(Some(slowest))))
        }
        Some(_) | None => Finding::holds_as(seen),
    }
}
