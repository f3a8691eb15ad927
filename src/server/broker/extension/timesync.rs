//! CometD's timesync extension: how far the clocks of client and server are apart.
//!
//! A request says by `tc` when it left, with the lag `l` and the offset `o` known so far. The
//! reply says by `ts` when it came in, by `p` how long it took, and by `a` how wrong the client's
//! reckoning is. As with CometD there is no answer to a client that reckons well.

use std::time::{Duration, SystemTime};

use super::contract::{Extension, Reply, Standing};
use super::ext::{Members, ext_member, integer};
use crate::protocol::{Message, member, meta};
use crate::server::broker::clock::Now;
use crate::server::broker::queue::Queue;

pub(super) const NAME: &str = "timesync";

/// How wrong a client may be, in milliseconds.
const ACCURACY: u64 = 25;

#[derive(Debug)]
pub(super) struct TimeSync {
    /// What the connect that is not answered yet came with.
    connect: Option<Stamp>,
}

/// The times of one request, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    tc: i64,
    lag: i64,
    offset: i64,
    ts: i64,
}

impl TimeSync {
    pub(super) fn new() -> Self {
        Self { connect: None }
    }
}

impl Extension for TimeSync {
    fn received(&mut self, now: Now, message: &Message, _queue: &mut Queue) -> Standing {
        if message.channel() == meta::CONNECT {
            self.connect = Stamp::of(message, now);
        }
        Standing::Good
    }

    fn replying(&mut self, now: Now, reply: Reply<'_>, ext: &mut Members) {
        let stamp = match reply {
            Reply::Connect(_) => self.connect.take(),
            // They are answered at once.
            Reply::Other(message) => Stamp::of(message, now),
        };
        if let Some(answer) = stamp.and_then(|it| it.answer(now)) {
            ext.add(NAME, answer);
        }
    }
}

impl Stamp {
    fn of(message: &Message, now: Now) -> Option<Self> {
        let asked = ext_member(message, NAME)?;
        let figure = |name| member(asked, name).and_then(integer);
        Some(Self {
            tc: figure("tc")?,
            lag: figure("l").unwrap_or(0),
            offset: figure("o").unwrap_or(0),
            ts: milliseconds(now),
        })
    }

    fn answer(self, now: Now) -> Option<String> {
        let Self {
            tc,
            lag,
            offset,
            ts,
        } = self;
        let p = milliseconds(now).saturating_sub(ts);
        let reckoned = tc.saturating_add(offset).saturating_add(lag);
        let a = reckoned.saturating_sub(ts);
        let is_wrong = lag == 0 || a.unsigned_abs() >= ACCURACY;
        is_wrong.then(|| format!(r#"{{"tc":{tc},"ts":{ts},"p":{p},"a":{a}}}"#))
    }
}

/// Since 1970.
fn milliseconds(now: Now) -> i64 {
    let since = now.wall.duration_since(SystemTime::UNIX_EPOCH);
    let since = since.as_ref().map_or(0, Duration::as_millis);
    i64::try_from(since).unwrap_or(i64::MAX)
}
