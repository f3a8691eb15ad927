//! How long a connect is held, and what ends it.

use std::time::{Duration, Instant};

use crate::check::session::Session;
use crate::check::subject::PROMPTLY;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Advice, Message, meta};

/// A hold that is waited for to its end; a longer one is asked to be this long.
const LONGEST_HOLD: Duration = Duration::from_secs(4);
const SHORT_HOLD: Duration = Duration::from_secs(2);

/// What a response needs on its way, beside the hold.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

pub(super) fn first_immediate(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let connect = session.connect(None);
    let begun = session.begin(vec![connect])?;
    Ok(match session.replies_to(&begun, PROMPTLY)? {
        Some(_) => Finding::holds(),
        None => Finding::deviates(
            "it is held: a client that waits for its reply before it does anything else is mute \
             until then, unless it asks with advice.timeout 0",
        )
        .at("advice.timeout"),
    })
}

pub(super) fn timeout_honoured(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    // Some answer the first one at once, and some hold it.
    for asked in [Duration::ZERO, Duration::ZERO, Duration::from_secs(1)] {
        let held = held(&mut session, Some(asked), asked + Duration::from_secs(1))?;
        let problem = match held {
            Some(held) if held + Duration::from_millis(200) < asked => {
                format!(
                    "asked for {} ms, it was held for {} ms",
                    ms(asked),
                    ms(held)
                )
            }
            Some(_) => continue,
            None => format!(
                "asked for {} ms, it was still held after {} ms",
                ms(asked),
                ms(asked) + 1000
            ),
        };
        return Ok(Finding::deviates(problem).at("advice.timeout"));
    }
    Ok(Finding::holds())
}

pub(super) fn hold(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.open()?;
    let connect = session.connect_at_once()?;
    let advised = [&connect, &handshake]
        .into_iter()
        .find_map(|it| timeout(subject, it));
    let (asked, expected) = match advised {
        Some(advised) if advised <= LONGEST_HOLD => (None, advised),
        Some(_) | None => (Some(SHORT_HOLD), SHORT_HOLD),
    };
    let most = expected + expected / 10 + ON_ITS_WAY;
    let said = if asked.is_some() {
        "asked for"
    } else {
        "advised"
    };
    Ok(match held(&mut session, asked, most)? {
        None => Finding::deviates(format!(
            "still held after {} ms, where {} ms were {said}",
            ms(most),
            ms(expected)
        ))
        .at("advice.timeout"),
        Some(held) if held < expected - expected / 10 => Finding::deviates(format!(
            "answered after {} ms with nothing to deliver, where {} ms were {said}",
            ms(held),
            ms(expected)
        ))
        .at("advice.timeout"),
        Some(held) => Finding::holds_as(format!("{} ms of {} ms", ms(held), ms(expected))),
    })
}

pub(super) fn wakeup(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut receiver = subject.connected()?;
    receiver.subscribe(&channel)?;
    let mut publisher = subject.connected()?;
    let connect = receiver.connect(Some(PROMPTLY * 3));
    let begun = receiver.begin(vec![connect])?;
    if receiver
        .replies_to(&begun, Duration::from_millis(200))?
        .is_some()
    {
        return Err(Obstacle::Inapplicable(
            "the server holds no connect".to_owned(),
        ));
    }
    let published = Instant::now();
    publisher.publish(&channel, "{\"n\":1}")?;
    let is_delivered = receiver.delivered_during(&begun, PROMPTLY)?;
    Ok(if is_delivered {
        Finding::holds_as(format!("after {} ms", ms(published.elapsed())))
    } else {
        Finding::deviates(format!(
            "nothing was delivered within {} s",
            PROMPTLY.as_secs()
        ))
    })
}

pub(super) fn single(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let first = session.connect(Some(PROMPTLY * 3));
    let first = session.begin(vec![first])?;
    if session
        .replies_to(&first, Duration::from_millis(200))?
        .is_some()
    {
        return Err(Obstacle::Inapplicable(
            "the server holds no connect".to_owned(),
        ));
    }
    let second = session.connect(Some(PROMPTLY * 3));
    session.begin(vec![second])?;
    match session.replies_to(&first, PROMPTLY) {
        Ok(Some(_)) => Ok(Finding::holds()),
        Ok(None) => Ok(Finding::deviates(
            "the first one is not answered: who sent it waits in vain",
        )),
        // An end all the same.
        Err(Obstacle::Unusable(how)) => {
            Ok(Finding::holds_as(format!("the first one ends with {how}")))
        }
        Err(obstacle) => Err(obstacle),
    }
}

pub(super) fn batched(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let subscribe = session
        .message(meta::SUBSCRIBE)
        .string("subscription", &subject.channel("a"))
        .build();
    let connect = session.connect(Some(PROMPTLY * 3));
    let begun = session.begin(vec![subscribe, connect])?;
    let replies = session.replies_to(&begun, PROMPTLY)?.unwrap_or_default();
    let is_confirmed = replies.iter().any(|it| it.channel() == meta::SUBSCRIBE);
    Ok(Finding::expect(
        is_confirmed,
        "the whole response is held: who waits for the subscription waits as long",
    ))
}

/// How long a connect is held; nothing if it is longer than this.
fn held(
    session: &mut Session,
    asked: Option<Duration>,
    most: Duration,
) -> Result<Option<Duration>, Obstacle> {
    let connect = session.connect(asked);
    let started = Instant::now();
    let begun = session.begin(vec![connect])?;
    let replies = session.replies_to(&begun, most)?;
    Ok(replies.map(|_| started.elapsed()))
}

fn timeout(subject: &Subject, reply: &Message) -> Option<Duration> {
    let advice = Advice::parse(reply.advice()?, subject.connection_type())?;
    advice.timeout.filter(|it| !it.is_zero())
}

fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}
