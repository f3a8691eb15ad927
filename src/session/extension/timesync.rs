//! The timesync extension: how far the server's clock is ahead, and how long a message takes.
//!
//! A request says by `tc` when it left, with the lag and the offset known so far; the reply says
//! by `ts` when it reached the server and by `p` how long the server took. As in CometD's
//! JavaScript client both figures are the average of the last ten replies. CometD leaves the
//! answer out once its own reckoning is closer than 25 ms.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime};

use crate::protocol::{Message, member, meta};

use super::members::ext_member;
use super::{Extension, Members, Outgoing};
use crate::session::Event;

const NAME: &str = "timesync";
const MOST_SAMPLES: usize = 10;

/// What two clocks showed at one moment: a session reads none, so that the wall clock's time is
/// derived from this and `now`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockReading {
    /// The clock that the session's `now` is of.
    pub instant: Instant,
    /// The clock that the server is compared with.
    pub wall: SystemTime,
}

/// The timesync extension of one session.
#[derive(Debug)]
pub struct TimeSync {
    clocks: ClockReading,
    samples: VecDeque<Sample>,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug)]
struct Sample {
    lag: i64,
    offset: i64,
}

impl TimeSync {
    /// The extension, without any figure.
    pub fn new(clocks: ClockReading) -> Self {
        Self {
            clocks,
            samples: VecDeque::new(),
        }
    }

    fn wall_clock(&self, now: Instant) -> i64 {
        let wall = self.clocks.wall + now.saturating_duration_since(self.clocks.instant);
        let since = wall.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
    }

    fn average(&self, of: impl Fn(&Sample) -> i64) -> i64 {
        let sum: i128 = self.samples.iter().map(|it| i128::from(of(it))).sum();
        let n_samples = self.samples.len().max(1) as f64;
        // Rounded as the JavaScript client does.
        (sum as f64 / n_samples).round() as i64
    }
}

impl Extension for TimeSync {
    fn outgoing(&mut self, now: Instant, message: Outgoing<'_>, ext: &mut Members) {
        if matches!(message, Outgoing::Handshake | Outgoing::Connect) {
            let tc = self.wall_clock(now);
            let (lag, offset) = (self.average(|it| it.lag), self.average(|it| it.offset));
            ext.add(NAME, &format!(r#"{{"tc":{tc},"l":{lag},"o":{offset}}}"#));
        }
    }

    fn replied(&mut self, now: Instant, reply: &Message) -> Option<Event> {
        let answer = ext_member(reply, NAME);
        let Some(sample) = answer.and_then(|it| Sample::of(it, self.wall_clock(now))) else {
            let is_unknown = reply.is_reply_on(meta::HANDSHAKE)
                && reply.successful() == Some(true)
                && self.samples.is_empty();
            return is_unknown.then_some(Event::ExtensionUnknown { name: NAME });
        };
        if self.samples.len() == MOST_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        Some(Event::Synchronised {
            lag: self.average(|it| it.lag),
            offset: self.average(|it| it.offset),
        })
    }
}

impl Sample {
    /// Nothing where a figure is missing or absurd.
    fn of(answer: &str, now: i64) -> Option<Self> {
        let figure = |name| member(answer, name)?.parse::<i64>().ok();
        let (tc, ts, p) = (figure("tc")?, figure("ts")?, figure("p")?);
        let lag = now.checked_sub(tc)?.checked_sub(p)? / 2;
        let offset = ts.checked_sub(tc)?.checked_sub(lag)?;
        Some(Self { lag, offset })
    }
}
