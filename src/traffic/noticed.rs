//! What the watcher noticed: its output.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::rules::Breach;
use crate::protocol::{ConnectionType, Message};

/// One thing that was noticed.
#[derive(Clone, Debug)]
pub enum Noticed {
    /// A request went to the server.
    Asked(Asked),
    /// A reply came.
    Answered(Answered),
    /// A message came that somebody published, or one with which the server ends a session.
    Delivered(Delivered),
    /// A request will not be answered any more.
    Unanswered(Unanswered),
    /// Something happened to a session.
    Session(SessionNotice),
    /// A rule was broken.
    Remark(Remark),
}

/// A session, counted from 1 in the order in which they were seen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionNumber(pub u64);

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was seen.
    pub at: Duration,
    /// On which connection.
    pub connection: u64,
    /// How it travelled.
    pub connection_type: ConnectionType,
    /// Its number, by which its reply refers to it; counted from 1.
    pub request: u64,
    /// Whose it is; nothing before the handshake is answered.
    pub session: Option<SessionNumber>,
    /// Whether the server may keep it waiting.
    pub hold: Hold,
    /// The message.
    pub message: Arc<Message>,
}

/// Whether a server may hold a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// It is to be answered at once.
    No,
    /// It is a connect, and nobody said for how long it may be held.
    Unknown,
    /// It is a connect that may be held for so long.
    UpTo(Duration),
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Answered {
    /// When it was seen.
    pub at: Duration,
    /// On which connection.
    pub connection: u64,
    /// How it travelled.
    pub connection_type: ConnectionType,
    /// Which request it answers, and after how long; nothing if none was seen.
    pub to: Option<(u64, Duration)>,
    /// Whether the server was free to hold the request.
    pub hold: Hold,
    /// Whose it is; nothing for a handshake that was refused.
    pub session: Option<SessionNumber>,
    /// The message.
    pub message: Arc<Message>,
}

/// A message from the server that answers nothing.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// When it was seen.
    pub at: Duration,
    /// On which connection.
    pub connection: u64,
    /// How it travelled.
    pub connection_type: ConnectionType,
    /// To whom.
    pub session: Option<SessionNumber>,
    /// Whether the session had it already. Only what identifies itself can be told: by a replay
    /// id, or by an id with the same text.
    pub is_duplicate: bool,
    /// The message.
    pub message: Arc<Message>,
}

/// A request that stays without a reply.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// When that was clear.
    pub at: Duration,
    /// On which connection.
    pub connection: u64,
    /// The number of the request.
    pub request: u64,
    /// How long it had waited.
    pub after: Duration,
    /// Whose it is.
    pub session: Option<SessionNumber>,
    /// Why there will be no reply.
    pub why: WhyUnanswered,
    /// The request.
    pub message: Arc<Message>,
}

/// Why there is no reply to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhyUnanswered {
    /// The connection ended.
    Closed,
    /// The response had another status than 200.
    Status(u16),
    /// The response ended without it.
    Left,
    /// The client does not wait for it any more.
    GivenUp,
    /// So many others came after it that it was given up.
    Forgotten,
}

/// Something that happened to a session.
#[derive(Clone, Debug)]
pub struct SessionNotice {
    /// When.
    pub at: Duration,
    /// To which.
    pub session: SessionNumber,
    /// What.
    pub change: SessionChange,
}

/// What can happen to a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionChange {
    /// A handshake was accepted.
    Opened {
        /// Its client id.
        client_id: String,
    },
    /// A request named a client id of which no handshake was seen: watching began later.
    Joined {
        /// Its client id.
        client_id: String,
    },
    /// A handshake was accepted, and the session takes the place of one that was lost.
    Renewed {
        /// Its client id.
        client_id: String,
        /// The lost one.
        replaces: SessionNumber,
        /// The subscriptions that the lost one had: a server forgets them with it.
        owed: Vec<String>,
    },
    /// Every subscription of the lost session is confirmed again.
    Restored {
        /// How many there were.
        n_subscriptions: usize,
        /// How long messages may have been missed.
        gap: Duration,
    },
    /// The client goes on without subscriptions that the lost session had: no message of
    /// these channels reaches it any more.
    NotRestored {
        /// Their channels.
        channels: Vec<String>,
    },
    /// The server does not know it any more, or a handshake took its place.
    Lost {
        /// What the server said, or what happened.
        reason: String,
        /// How long it had lasted.
        age: Duration,
    },
    /// It was disconnected, by the client or the server.
    Ended {
        /// How long it had lasted.
        age: Duration,
    },
}

/// A broken rule and where it was broken. What breaks the same rule again in the same session is
/// counted, see [`Watch::n_breaches`](super::Watch::n_breaches), and not noticed again.
#[derive(Clone, Debug)]
pub struct Remark {
    /// When.
    pub at: Duration,
    /// On which connection.
    pub connection: u64,
    /// In which session.
    pub session: Option<SessionNumber>,
    /// The request that broke it, or whose reply did.
    pub request: Option<u64>,
    /// Which rule, and how.
    pub breach: Breach,
}

impl Noticed {
    /// When it was noticed.
    pub fn at(&self) -> Duration {
        match self {
            Self::Asked(it) => it.at,
            Self::Answered(it) => it.at,
            Self::Delivered(it) => it.at,
            Self::Unanswered(it) => it.at,
            Self::Session(it) => it.at,
            Self::Remark(it) => it.at,
        }
    }

    /// Whose it is, if that is known.
    pub fn session(&self) -> Option<SessionNumber> {
        match self {
            Self::Asked(it) => it.session,
            Self::Answered(it) => it.session,
            Self::Delivered(it) => it.session,
            Self::Unanswered(it) => it.session,
            Self::Session(it) => Some(it.session),
            Self::Remark(it) => it.session,
        }
    }
}

impl fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WhyUnanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection ended"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Left => f.write_str("the response ended without a reply to it"),
            Self::GivenUp => f.write_str("the client gave it up"),
            Self::Forgotten => f.write_str("too many requests wait for a reply"),
        }
    }
}
