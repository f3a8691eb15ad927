//! A fault as it is written: where, what, and when.

use std::fmt;
use std::time::Duration;

use crate::protocol::{Message, meta};

/// Something that goes wrong on purpose, written `WHERE:WHAT[=VALUE][:KEY=VALUE...]`, or for
/// what concerns sessions and tokens as a whole `WHAT=VALUE`. `docs/faults.md` has the table.
///
/// ```
/// use bayeux::server::Fault;
///
/// let fault: Fault = "connect:drop:every=5".parse()?;
/// assert_eq!(fault.to_string(), "connect:drop:every=5");
/// assert!("connect:dorp".parse::<Fault>().is_err());
/// # Ok::<(), bayeux::server::FaultError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// `None` for what concerns sessions and tokens as a whole.
    pub(super) place: Option<Place>,
    pub(super) what: What,
    pub(super) when: When,
}

impl Fault {
    /// Whether only [`Flavor::Salesforce`](crate::server::Flavor::Salesforce) shows it.
    pub fn is_of_salesforce(&self) -> bool {
        matches!(
            self.what,
            What::TokenExpires(_) | What::Busy(_) | What::DailyLimit(_)
        )
    }

    /// Whether only who keeps the sessions can do it, and nobody between a client and a server:
    /// how long sessions and tokens live, a connect that is held, a cookie that is asked for
    /// later.
    pub fn is_of_server(&self) -> bool {
        match self.what {
            What::ExpireAfter(_) | What::Forget(_) | What::Hold | What::Cookie => true,
            _ => self.is_of_salesforce(),
        }
    }

    /// Whether it happens by chance, so that a seed is needed to see it again.
    pub fn is_by_chance(&self) -> bool {
        self.when.millionths.is_some()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{}:", place.as_str())?;
        }
        write!(f, "{}{}", self.what, self.when)
    }
}

/// Where a fault happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A message of any kind comes in.
    Any,
    Handshake,
    Connect,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Publish,
    /// A message is put into the queue of a subscriber.
    Delivery,
    /// A websocket is asked for.
    Upgrade,
}

/// Every place, in the order in which errors name them.
pub(super) const PLACES: [Place; 9] = [
    Place::Any,
    Place::Handshake,
    Place::Connect,
    Place::Subscribe,
    Place::Unsubscribe,
    Place::Disconnect,
    Place::Publish,
    Place::Delivery,
    Place::Upgrade,
];

impl Place {
    /// Where a message comes in.
    pub(crate) fn of(message: &Message) -> Self {
        match message.channel() {
            meta::HANDSHAKE => Self::Handshake,
            meta::CONNECT => Self::Connect,
            meta::SUBSCRIBE => Self::Subscribe,
            meta::UNSUBSCRIBE => Self::Unsubscribe,
            meta::DISCONNECT => Self::Disconnect,
            _ => Self::Publish,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Handshake => "handshake",
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Disconnect => "disconnect",
            Self::Publish => "publish",
            Self::Delivery => "delivery",
            Self::Upgrade => "upgrade",
        }
    }

    pub(super) fn is_message(self) -> bool {
        !matches!(self, Self::Delivery | Self::Upgrade)
    }

    /// Whether a fault that is written for this place happens on such an occasion.
    pub(super) fn covers(self, occasion: Self) -> bool {
        self == occasion || (self == Self::Any && occasion.is_message())
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    /// `expire=DUR`: a session is unknown this long after its handshake, whatever its client
    /// does.
    ExpireAfter(Duration),
    /// `forget=N`: after a session ended by `expire=DUR`, the next N handshakes succeed and
    /// their sessions are unknown at once.
    Forget(u32),
    /// `token-expires=DUR`: a token is invalid this long after it was first seen.
    TokenExpires(Duration),
    /// `busy=N`: the first N subscribes are refused, because the server is too busy.
    Busy(u32),
    /// `daily-limit=N`: once N events were delivered, to whomever, subscribes are refused.
    DailyLimit(u32),

    /// The session of the message ends before the message is carried out.
    Expire,
    /// The message is not carried out; its reply has an error with this code.
    Refuse(u16),
    /// The request is not carried out; the response is this HTTP status.
    Status(u16),
    /// The request is not carried out; the response is a page.
    Html,
    /// The response leaves this much later.
    Delay(Duration),
    /// Of the response nothing is sent, and the connection stays open.
    Drop,
    /// Of the body so many bytes are sent, or half of them; then the connection ends.
    Cut(Option<usize>),
    /// Of the body a byte is sent each time this has passed.
    Drip(Duration),
    /// The connection ends.
    Close(Side),
    /// The reply has an id that nobody sent.
    WrongId,
    /// In the response a number is `Infinity`.
    Infinity,
    /// The advice of the reply says so.
    Advice(Reconnect),
    /// The connect is answered at once, and the next one is advised at once.
    Storm,
    /// The connect is held, even if it is the first, or asks not to be.
    Hold,
    /// A cookie is set without which the session is unknown.
    Cookie,
    /// The delivery comes twice.
    Duplicate,
    /// The delivery comes after the next one.
    Reorder,
}

/// Of a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Before,
    After,
}

/// What advice tells a client to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reconnect {
    Retry,
    Handshake,
    None,
}

impl Reconnect {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Handshake => "handshake",
            Self::None => "none",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpireAfter(after) => write!(f, "expire={}", duration(*after)),
            Self::Forget(n) => write!(f, "forget={n}"),
            Self::TokenExpires(after) => write!(f, "token-expires={}", duration(*after)),
            Self::Busy(n) => write!(f, "busy={n}"),
            Self::DailyLimit(n) => write!(f, "daily-limit={n}"),
            Self::Expire => f.write_str("expire"),
            Self::Refuse(code) => write!(f, "refuse={code}"),
            Self::Status(status) => write!(f, "status={status}"),
            Self::Html => f.write_str("html"),
            Self::Delay(by) => write!(f, "delay={}", duration(*by)),
            Self::Drop => f.write_str("drop"),
            Self::Cut(None) => f.write_str("cut"),
            Self::Cut(Some(at)) => write!(f, "cut={at}"),
            Self::Drip(pause) => write!(f, "drip={}", duration(*pause)),
            Self::Close(Side::Before) => f.write_str("close=before"),
            Self::Close(Side::After) => f.write_str("close=after"),
            Self::WrongId => f.write_str("wrong-id"),
            Self::Infinity => f.write_str("infinity"),
            Self::Advice(reconnect) => write!(f, "advice={}", reconnect.as_str()),
            Self::Storm => f.write_str("storm"),
            Self::Hold => f.write_str("hold"),
            Self::Cookie => f.write_str("cookie"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Reorder => f.write_str("reorder"),
        }
    }
}

/// On which of its occasions a fault happens; without a condition on all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct When {
    /// Nothing happens before.
    pub(super) after: Option<After>,
    /// How long it goes on.
    pub(super) lasts: Option<Duration>,
    /// Only on the first so many.
    pub(super) first: Option<u64>,
    /// Only on each so-manieth.
    pub(super) every: Option<u64>,
    /// How likely it is, in millionths.
    pub(super) millionths: Option<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum After {
    Occasions(u64),
    Time(Duration),
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(After::Occasions(n)) => write!(f, ":after={n}")?,
            Some(After::Time(time)) => write!(f, ":after={}", duration(time))?,
            None => {}
        }
        if let Some(lasts) = self.lasts {
            write!(f, ":for={}", duration(lasts))?;
        }
        if let Some(first) = self.first {
            write!(f, ":first={first}")?;
        }
        if let Some(every) = self.every {
            write!(f, ":every={every}")?;
        }
        if let Some(millionths) = self.millionths {
            write!(f, ":p={}", f64::from(millionths) / 1e6)?;
        }
        Ok(())
    }
}

/// Without blanks, since a specification has none.
fn duration(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace(' ', "")
}

/// Why a text is no fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{cause}")]
pub struct FaultError {
    pub(super) cause: String,
    pub(super) hint: String,
}

impl FaultError {
    /// What would be right.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
