//! What a session tells its driver.

use std::time::Duration;

use crate::protocol::{ChannelPattern, Message};

use super::Failure;
use super::extension::{ReplayFrom, ReplayId};

/// A message that is being published; unique within a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublishId(pub(crate) u64);

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server accepted a handshake; the session has a client id.
    Handshaken {
        /// The server's reply.
        reply: Message,
    },
    /// The first connect of a session was successful.
    Connected,
    /// A subscription is confirmed. After a new handshake the confirmations of the same
    /// channels come again.
    Subscribed {
        /// What was subscribed to.
        pattern: ChannelPattern,
    },
    /// A subscription is refused; the session does not ask for it again.
    SubscribeRefused {
        /// What was to be subscribed to.
        pattern: ChannelPattern,
        /// How it was refused.
        refusal: Refusal,
    },
    /// A subscription has ended as asked.
    Unsubscribed {
        /// What was unsubscribed from.
        pattern: ChannelPattern,
    },
    /// Somebody published a message that this session is subscribed to, or the server
    /// answers on a service channel.
    Received {
        /// The message.
        message: Message,
    },
    /// A delivery that was [received](Self::Received) before: the connect that it came with
    /// failed, so that the server sent it again. Only with the ack extension.
    Duplicate {
        /// The message.
        message: Message,
    },
    /// A publish is acknowledged.
    Acknowledged {
        /// Which.
        publish: PublishId,
        /// The server's reply.
        reply: Message,
    },
    /// A publish is rejected by the server: it was not carried out.
    Rejected {
        /// Which.
        publish: PublishId,
        /// The server's reply.
        reply: Message,
    },
    /// No reply to a publish will come. It is not sent again, since it may have been carried
    /// out.
    Unacknowledged {
        /// Which.
        publish: PublishId,
        /// Why.
        failure: Failure,
    },
    /// The connection failed; the session may still live, and is tried again.
    Reconnecting {
        /// Why.
        failure: Failure,
        /// Counted from 1 since the last success.
        attempt: u32,
        /// When.
        delay: Duration,
    },
    /// The connection is back, with the same session.
    Reconnected {
        /// For how long there was none.
        gap: Duration,
    },
    /// The server does not know the session any more; a handshake follows.
    SessionLost {
        /// How it showed.
        reason: LossReason,
        /// How long the session had lived.
        age: Duration,
    },
    /// A session is about to be [lost](Self::SessionLost) because its connect left too late:
    /// the driver was slow to take what came, or did not run.
    ConnectedLate {
        /// How late it left.
        by: Duration,
        /// How late the server allows.
        allowed: Duration,
    },
    /// A new session has taken the lost one's place, and every subscription was asked for
    /// again.
    SessionRenewed {
        /// From the last sign of the old session until now; what was published meanwhile is
        /// lost unless the server replays it.
        gap: Duration,
        /// Subscriptions confirmed again.
        n_restored: usize,
        /// Subscriptions asked for.
        n_subscriptions: usize,
        /// What the server was asked to replay.
        replays: Vec<Replayed>,
    },
    /// The server does not keep events back to the one that a subscription asked for, and the
    /// subscription starts elsewhere instead.
    ReplayRefused {
        /// What is subscribed to.
        pattern: ChannelPattern,
        /// The id that was asked for.
        id: ReplayId,
        /// Where it starts instead.
        instead: ReplayFrom,
        /// The refusal.
        reply: Message,
    },
    /// The server accepted a handshake, and does not know an extension that it offered.
    ExtensionUnknown {
        /// The member of `ext` that it did not answer.
        name: &'static str,
    },
    /// The timesync extension compared the clocks once more.
    Synchronised {
        /// How long a message takes to the server or back, in milliseconds.
        lag: i64,
        /// How far the server's clock is ahead, in milliseconds.
        offset: i64,
    },
    /// The server refuses the credentials, of a handshake or of a session that is lost with
    /// them. The session waits until the driver calls
    /// [`reauthorised`](super::Session::reauthorised) or
    /// [`unauthorised`](super::Session::unauthorised).
    /// Only with [`Credentials::Renewable`](super::Credentials).
    Unauthorised {
        /// The server's reply.
        reply: Message,
    },
    /// A reply that answers nothing that was asked.
    Unmatched {
        /// The reply.
        message: Message,
    },
    /// The handshake succeeded with the advice to handshake (cometd issue 2057); it is
    /// taken as `retry`.
    ContradictoryAdvice,
    /// The server sees several sessions with the same cookie and turns to polling.
    MultipleClients {
        /// The advised interval between connects.
        interval: Duration,
    },
    /// Something on the way cuts held connects off before the server answers them. It is told
    /// once; from now on the server is asked for a shorter hold.
    HoldCut {
        /// How long they live.
        after: Duration,
        /// How long the server advised to hold them.
        advised: Duration,
        /// How long it is asked to hold them now.
        asked: Duration,
    },
    /// The session has ended. Nothing follows.
    Ended(End),
}

/// A subscription that continues behind an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// What is subscribed to.
    pub pattern: ChannelPattern,
    /// The last event that was handed out.
    pub from: ReplayId,
}

/// How a subscribe was refused.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// By the server.
    Reply(Message),
    /// The server never replied to it.
    Failure(Failure),
}

/// How a lost session showed.
#[derive(Clone, Debug)]
pub enum LossReason {
    /// The server said so.
    Reply(Message),
    /// No connect got through for longer than the server keeps a session.
    Silence(Failure),
}

/// Why a session ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// As asked.
    Disconnected,
    /// The server refused the handshake.
    HandshakeRefused(Message),
    /// The server could not be reached, or answered what is no Bayeux.
    Unreachable(Failure),
    /// The server advised `reconnect: none`.
    AdvisedNone(Message),
    /// The server disconnected the session of its own accord.
    DisconnectedByServer(Message),
    /// The session was lost, and the settings forbid to recover.
    Lost(LossReason),
    /// Handshake after handshake succeeds, and the next message finds the session unknown.
    NotKept {
        /// Handshakes in a row.
        n_handshakes: u32,
        /// The last refusal.
        reason: LossReason,
    },
    /// More handshakes within a minute than is decent.
    TooManyHandshakes {
        /// Within a minute.
        n_handshakes: u32,
    },
    /// Connects return at once, again and again, with nothing in them.
    TightLoop {
        /// Connects in a row.
        n_connects: u32,
        /// In this time.
        within: Duration,
    },
}
