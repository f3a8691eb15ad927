//! The replay extension of Salesforce: a subscribe says from which event on it wants what was
//! published before, and each delivery carries the id to go on from.
//!
//! The handshake offers `replay`. A subscribe carries a map with the subscribed channel, without
//! its query string, and where to start: -1 for what comes from now on, -2 for all that the
//! server has kept, or the id of the last event that is known. The id is `data.event.replayId` of
//! a delivery, or `ext.replay` where the server is ours; opaque, and sent back as it was written.
//! After a loss each subscription goes on behind the last event that was handed out.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use crate::protocol::{ChannelPattern, Json, Message, member, meta};

use super::members::ext_member;
use super::{Delivery, Extension, Members, Outgoing};
use crate::session::Event;

const NAME: &str = "replay";

/// Where a subscription starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReplayFrom {
    /// With what is published from now on.
    New,
    /// With everything that the server has kept.
    All,
    /// Behind the event with this id.
    After(ReplayId),
}

/// The id of an event: a number or a string, as the server writes it.
///
/// ```
/// use bayeux::session::extension::ReplayId;
///
/// let id: ReplayId = "90071992547409931234".parse()?;
/// assert_eq!(id.as_str(), "90071992547409931234");
/// assert!("nine".parse::<ReplayId>().is_err());
/// # Ok::<(), bayeux::session::extension::ReplayIdError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReplayId(String);

/// A text that is no replay id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a replay id is a number, or a JSON string in its quotes")]
pub struct ReplayIdError;

/// What to do when the server refuses to replay from an id: it keeps events for a day or three.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// Nothing: the subscription is refused.
    Fail,
    /// Subscribe with what is published from now on.
    New,
    /// Subscribe with everything that the server has kept.
    All,
}

/// The replay extension of one session.
#[derive(Debug)]
pub struct Replay {
    positions: Vec<Position>,
    otherwise: ReplayFrom,
    fallback: Fallback,
    /// Whether the server has said that it replays.
    is_offered: bool,
}

#[derive(Debug)]
struct Position {
    /// A channel without its query string.
    channel: String,
    from: ReplayFrom,
    /// Where the last subscribe asked to start.
    asked: Option<ReplayFrom>,
}

impl Replay {
    /// Each channel of the list starts where it says there, all others at `otherwise`.
    pub fn new(
        channels: impl IntoIterator<Item = (String, ReplayFrom)>,
        otherwise: ReplayFrom,
        fallback: Fallback,
    ) -> Self {
        let position = |(channel, from): (String, ReplayFrom)| Position {
            channel: without_query(&channel).to_owned(),
            from,
            asked: None,
        };
        Self {
            positions: channels.into_iter().map(position).collect(),
            otherwise,
            fallback,
            is_offered: false,
        }
    }

    fn position(&mut self, channel: &str) -> &mut Position {
        let known = self.positions.iter().position(|it| it.channel == channel);
        let at = known.unwrap_or_else(|| {
            self.positions.push(Position {
                channel: channel.to_owned(),
                from: self.otherwise.clone(),
                asked: None,
            });
            self.positions.len() - 1
        });
        &mut self.positions[at]
    }
}

impl Extension for Replay {
    fn outgoing(&mut self, _now: Instant, message: Outgoing<'_>, ext: &mut Members) {
        match message {
            Outgoing::Handshake => ext.add(NAME, "true"),
            Outgoing::Subscribe(pattern) => {
                let channel = without_query(pattern.as_str());
                let position = self.position(channel);
                position.asked = Some(position.from.clone());
                let map = format!("{{{}:{}}}", Json::string(channel), position.from);
                ext.add(NAME, &map);
            }
            Outgoing::Connect
            | Outgoing::Unsubscribe(_)
            | Outgoing::Publish(_)
            | Outgoing::Disconnect => {}
        }
    }

    fn replied(&mut self, _now: Instant, reply: &Message) -> Option<Event> {
        if !reply.is_reply_on(meta::HANDSHAKE) || reply.successful() != Some(true) {
            return None;
        }
        self.is_offered = ext_member(reply, NAME) == Some("true");
        (!self.is_offered).then_some(Event::ExtensionUnknown { name: NAME })
    }

    fn delivered(&mut self, message: &Message) -> Delivery {
        let channel = message.channel();
        // Only what was subscribed to by its name: that bounds the list.
        let position = self.positions.iter_mut().find(|it| it.channel == channel);
        if let (Some(position), Some(id)) = (position, raw_replay_id(message)) {
            match &mut position.from {
                ReplayFrom::After(known) => id.clone_into(&mut known.0),
                from => *from = ReplayFrom::After(ReplayId(id.to_owned())),
            }
        }
        Delivery::New
    }

    /// The server counts as delivered what it wrote into a response that broke off, and the next
    /// event would move the position past it. Whether a second subscribe of the same session
    /// replays is not known of any server; that the first one of a session does is.
    fn needs_new_session(&self) -> bool {
        let can_go_on = |it: &Position| match it.from {
            ReplayFrom::New => false,
            // The deliveries of a pattern come on other channels, so it would start over.
            ReplayFrom::All | ReplayFrom::After(_) => {
                it.asked.is_some() && !it.channel.ends_with('*')
            }
        };
        self.is_offered && self.positions.iter().any(can_go_on)
    }

    fn subscribe_refused(&mut self, pattern: &ChannelPattern, reply: &Message) -> Option<Event> {
        let instead = match self.fallback {
            Fallback::Fail => return None,
            Fallback::New => ReplayFrom::New,
            Fallback::All => ReplayFrom::All,
        };
        let position = self.position(without_query(pattern.as_str()));
        match &position.from {
            ReplayFrom::After(id) if refuses_replay_id(reply) => {
                let event = Event::ReplayRefused {
                    pattern: pattern.clone(),
                    id: id.clone(),
                    instead: instead.clone(),
                    reply: reply.clone(),
                };
                position.from = instead;
                Some(event)
            }
            _ => None,
        }
    }

    fn replays_from(&self, pattern: &ChannelPattern) -> Option<&ReplayId> {
        let channel = without_query(pattern.as_str());
        let position = self.positions.iter().find(|it| it.channel == channel)?;
        match &position.asked {
            Some(ReplayFrom::After(id)) => Some(id),
            Some(ReplayFrom::New | ReplayFrom::All) | None => None,
        }
    }
}

/// The replay id of a delivery, if it has one.
pub fn replay_id(message: &Message) -> Option<ReplayId> {
    Some(ReplayId(raw_replay_id(message)?.to_owned()))
}

/// `bayeux serve --retain` cannot write into the `data` of others.
fn raw_replay_id(message: &Message) -> Option<&str> {
    let in_event = || member(member(message.data()?, "event")?, "replayId");
    let id = ext_member(message, NAME).or_else(in_event);
    id.filter(|it| is_id(it))
}

fn is_id(json: &str) -> bool {
    json.starts_with(|it: char| it == '"' || it == '-' || it.is_ascii_digit())
}

/// Whether a subscribe is refused for its replay id. Salesforce: `400::The replayId {7} you
/// provided was invalid. ...`, with these braces.
fn refuses_replay_id(reply: &Message) -> bool {
    reply.error().is_some_and(|it| {
        it.code == Some(400) && it.text.to_ascii_lowercase().starts_with("the replayid")
    })
}

/// Salesforce names a channel in the map without the filter that it was subscribed with.
fn without_query(channel: &str) -> &str {
    channel.split('?').next().unwrap_or(channel)
}

impl ReplayId {
    /// The id as JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReplayId {
    type Err = ReplayIdError;

    fn from_str(text: &str) -> Result<Self, ReplayIdError> {
        let json: Json = text.parse().map_err(|_| ReplayIdError)?;
        match json.as_str() {
            id if is_id(id) => Ok(Self(id.to_owned())),
            _ => Err(ReplayIdError),
        }
    }
}

impl FromStr for ReplayFrom {
    type Err = ReplayIdError;

    fn from_str(text: &str) -> Result<Self, ReplayIdError> {
        match text {
            "new" | "-1" => Ok(Self::New),
            "all" | "-2" => Ok(Self::All),
            id => id.parse().map(Self::After),
        }
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it is sent.
impl fmt::Display for ReplayFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("-1"),
            Self::All => f.write_str("-2"),
            Self::After(id) => write!(f, "{id}"),
        }
    }
}
