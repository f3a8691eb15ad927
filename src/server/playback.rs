//! A recording whose server's part is played: which recorded reply and which deliveries belong
//! to a request.
//!
//! A request is one of the recording if it has the same channel, and in a subscribe or
//! unsubscribe the same subscription; the first that was not played yet is taken. Deliveries
//! belong to the connect that was sent last before them.

mod unanswered;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::unanswered::Unanswered;
use super::fault::altered;
use crate::protocol::{ConnectionType, Json, Kind, Message, meta};
use crate::recording::{self, Direction, ReadError, Record, Side};

/// What a client recorded with `--record`, one JSON record a line: the server's part of it can
/// be [played](super::Settings::replay).
///
/// ```
/// use bayeux::server::Recording;
///
/// let lines = r#"
/// {"type":"header","time":"2026-01-01T00:00:00.000000Z","schema":1,"tool":"bayeux","url":"http://a/"}
/// {"type":"message","time":"2026-01-01T00:00:00.100000Z","dir":"out","channel":"/demo","transport":"long-polling","message":{"channel":"/demo","id":"1","data":1}}
/// {"type":"message","time":"2026-01-01T00:00:00.200000Z","dir":"in","channel":"/demo","transport":"long-polling","message":{"channel":"/demo","id":"1","successful":true}}
/// "#;
/// assert_eq!(lines.parse::<Recording>()?.n_requests(), 1);
/// # Ok::<(), bayeux::server::RecordingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    exchanges: Vec<Exchange>,
    cut_at: Option<usize>,
}

/// Why a text is no recording.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no reply in it that a client got.
    #[error("there is no reply in it that a client got")]
    Empty,
}

/// A request and what came of it.
#[derive(Clone, Debug)]
struct Exchange {
    request: Message,
    at: SystemTime,
    reply: Option<Message>,
    deliveries: Vec<(Duration, Message)>,
    /// Whether each message travelled on its own.
    is_pushed: bool,
}

impl Recording {
    /// How many requests of a client are in it that were answered.
    pub fn n_requests(&self) -> usize {
        self.exchanges
            .iter()
            .filter(|it| it.reply.is_some())
            .count()
    }

    /// The line in which it was cut, if it was: the lines before are played.
    pub fn cut_at(&self) -> Option<usize> {
        self.cut_at
    }
}

impl FromStr for Recording {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        let recording::Recording { records, cut_at } = recording::Recording::read(text.as_bytes())?;
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut unanswered = Unanswered::default();
        let mut last_connect = None;
        let mut requests = Direction::Out;
        for record in records {
            let record = match record {
                Record::Header(header) => {
                    requests = match header.side {
                        Side::Client => Direction::Out,
                        Side::Server => Direction::In,
                    };
                    continue;
                }
                Record::Message(record) => record,
                Record::State(_) | Record::Unreadable(_) | Record::Failure(_) => continue,
            };
            let (time, message) = (record.time, record.message);
            match (record.direction == requests, message.kind()) {
                (true, _) => {
                    if message.channel() == meta::CONNECT {
                        last_connect = Some(exchanges.len());
                    }
                    unanswered.push(exchanges.len(), &message);
                    exchanges.push(Exchange {
                        request: message,
                        at: time,
                        reply: None,
                        deliveries: Vec::new(),
                        is_pushed: record.transport == ConnectionType::WebSocket.as_str(),
                    });
                }
                (false, Kind::Reply) => {
                    let asked = unanswered.answer(&message);
                    if let Some(exchange) = asked.and_then(|at| exchanges.get_mut(at)) {
                        exchange.reply = Some(message);
                    }
                }
                (false, Kind::Delivery) => {
                    let connect = last_connect.and_then(|at| exchanges.get_mut(at));
                    if let Some(connect) = connect {
                        let after = time.duration_since(connect.at).unwrap_or_default();
                        connect.deliveries.push((after, message));
                    }
                }
                (false, Kind::Meta) => {}
            }
        }
        for exchange in exchanges.iter_mut().filter(|it| !it.is_pushed) {
            // They were in one response, however long it took to write them down.
            let last = exchange.deliveries.iter().map(|it| it.0).max();
            for (after, _) in &mut exchange.deliveries {
                *after = last.unwrap_or_default();
            }
        }
        match exchanges.iter().any(|it| it.reply.is_some()) {
            true => Ok(Self { exchanges, cut_at }),
            false => Err(RecordingError::Empty),
        }
    }
}

/// Plays the server's part of a recording.
#[derive(Debug)]
pub(super) struct Playback {
    recording: Arc<Recording>,
    places: HashMap<Asked, Places>,
    /// How many times the recording began anew.
    n_rounds: u64,
}

/// What two requests have in common of which the one stands for the other.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Asked {
    channel: Box<str>,
    subscriptions: Vec<Box<str>>,
}

/// Where such a request stands that was answered, first to last.
#[derive(Debug, Default)]
struct Places {
    all: Vec<usize>,
    /// How many of them were played in the round that follows.
    n_played: usize,
    round: u64,
}

/// What the recording has for a request.
#[derive(Clone, Debug)]
pub(super) struct Played {
    reply: Message,
    pub(super) deliveries: Vec<(Duration, Message)>,
}

impl Playback {
    pub(super) fn new(recording: Arc<Recording>) -> Self {
        let mut places: HashMap<Asked, Places> = HashMap::new();
        for (at, exchange) in recording.exchanges.iter().enumerate() {
            if exchange.reply.is_some() {
                let asked = Asked::by(&exchange.request);
                places.entry(asked).or_default().all.push(at);
            }
        }
        Self {
            recording,
            places,
            n_rounds: 0,
        }
    }

    /// What was recorded for such a request; `None` if nothing is left. A handshake beyond the
    /// last one begins the recording anew.
    pub(super) fn play(&mut self, request: &Message) -> Option<Played> {
        let places = self.places.get_mut(&Asked::by(request))?;
        let mut at = places.next(self.n_rounds);
        if at.is_none() && request.channel() == meta::HANDSHAKE {
            self.n_rounds += 1;
            at = places.next(self.n_rounds);
        }
        let exchange = self.recording.exchanges.get(at?)?;
        Some(Played {
            reply: exchange.reply.clone()?,
            deliveries: exchange.deliveries.clone(),
        })
    }
}

impl Asked {
    fn by(request: &Message) -> Self {
        let subscriptions = request.subscriptions().into_iter();
        Self {
            channel: request.channel().into(),
            subscriptions: subscriptions.map(Box::from).collect(),
        }
    }
}

impl Places {
    /// The next one of a round.
    fn next(&mut self, round: u64) -> Option<usize> {
        if self.round != round {
            (self.round, self.n_played) = (round, 0);
        }
        let next = self.all.get(self.n_played).copied();
        self.n_played += usize::from(next.is_some());
        next
    }
}

impl Played {
    /// Whether the request is carried out, for the session's sake: whatever was published was
    /// delivered in the recording, and what was refused was not carried out.
    pub(super) fn is_carried_out(&self) -> bool {
        self.reply.channel().starts_with("/meta/") && self.reply.successful() == Some(true)
    }

    /// The recorded reply, with the id of this request and the client id of its session.
    pub(super) fn reply(&self, id: Option<&Json>, client_id: Option<&str>) -> Arc<Message> {
        let mut reply = self.reply.clone();
        if let Some(id) = id {
            reply = altered(&reply, "id", id.as_str());
        }
        if let (Some(_), Some(client_id)) = (reply.client_id(), client_id) {
            reply = altered(&reply, "clientId", Json::string(client_id).as_str());
        }
        Arc::new(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SECONDS DIRECTION MESSAGE` a line.
    fn recording(lines: &[&str]) -> Result<Recording, RecordingError> {
        let line = |line: &&str| {
            let mut parts = line.splitn(3, ' ');
            let mut part = || parts.next().unwrap();
            let (second, dir) = (part(), part());
            format!(
                "{{\"type\":\"message\",\"time\":\"2026-01-01T00:00:0{second}.000000Z\",\"dir\":\"{dir}\",\
                 \"transport\":\"long-polling\",\"message\":{}}}\n",
                part().replace('\'', "\"")
            )
        };
        lines.iter().map(line).collect::<String>().parse()
    }

    fn message(text: &str) -> Message {
        Message::parse(&text.replace('\'', "\"")).unwrap()
    }

    fn raw(played: Option<Played>, id: &str) -> String {
        let id = id.parse().unwrap();
        let reply = played.unwrap().reply(Some(&id), Some("new"));
        reply.raw().replace('"', "'")
    }

    #[test]
    fn replies_are_played_in_their_order_with_the_ids_of_today() {
        let recording = recording(&[
            "0 out {'channel':'/meta/handshake','id':'1'}",
            "0 in {'channel':'/meta/handshake','id':'1','successful':true,'clientId':'old','x':1.00}",
            "1 out {'channel':'/a','id':'2','data':1}",
            "1 out {'channel':'/a','id':'3','data':2}",
            "2 in {'channel':'/a','id':'3','successful':false,'error':'403::no'}",
            "2 in {'channel':'/a','id':'2','successful':true}",
        ]);
        let mut playback = Playback::new(Arc::new(recording.unwrap()));
        let handshake = message("{'channel':'/meta/handshake'}");
        let expected =
            "{'channel':'/meta/handshake','id':'9','successful':true,'clientId':'new','x':1.00}";
        assert_eq!(raw(playback.play(&handshake), "\"9\""), expected);
        let publish = message("{'channel':'/a','data':7}");
        let first = playback.play(&publish);
        assert!(!first.as_ref().unwrap().is_carried_out());
        assert_eq!(raw(first, "7"), "{'channel':'/a','id':7,'successful':true}");
        assert!(raw(playback.play(&publish), "8").contains("403::no"));
        assert!(playback.play(&publish).is_none());
        assert!(
            playback
                .play(&message("{'channel':'/b','data':7}"))
                .is_none()
        );
        assert_eq!(raw(playback.play(&handshake), "\"9\""), expected);
        assert!(playback.play(&publish).is_some());
    }

    /// What is left of a round is not played behind those of the next one.
    #[test]
    fn what_was_not_played_begins_anew_as_well() {
        let recording = recording(&[
            "0 out {'channel':'/meta/handshake','id':'1'}",
            "0 in {'channel':'/meta/handshake','id':'1','successful':true}",
            "1 out {'channel':'/a','id':'2'}",
            "1 in {'channel':'/a','id':'2','successful':true}",
            "1 out {'channel':'/a','id':'3'}",
            "1 in {'channel':'/a','id':'3','successful':false}",
            "2 out {'channel':'/a','id':'4'}",
        ]);
        let mut playback = Playback::new(Arc::new(recording.unwrap()));
        let (handshake, publish) = (
            message("{'channel':'/meta/handshake'}"),
            message("{'channel':'/a'}"),
        );
        for _ in 0..3 {
            assert!(playback.play(&handshake).is_some());
            assert!(raw(playback.play(&publish), "5").contains("true"));
        }
        assert!(raw(playback.play(&publish), "6").contains("false"));
        assert!(playback.play(&publish).is_none());
    }

    #[test]
    fn subscribes_are_told_apart_by_what_they_are_to() {
        let recording = recording(&[
            "0 out {'channel':'/meta/subscribe','id':'1','subscription':'/a'}",
            "0 out {'channel':'/meta/subscribe','id':'2','subscription':'/b'}",
            "0 in {'channel':'/meta/subscribe','id':'1','successful':true,'subscription':'/a'}",
            "0 in {'channel':'/meta/subscribe','id':'2','successful':false,'subscription':'/b'}",
        ]);
        let mut playback = Playback::new(Arc::new(recording.unwrap()));
        let mut play = |channel: &str| {
            let subscribe = format!("{{'channel':'/meta/subscribe','subscription':{channel}}}");
            playback
                .play(&message(&subscribe))
                .map(|it| it.is_carried_out())
        };
        assert_eq!(play("'/b'"), Some(false));
        assert_eq!(play("['/a']"), Some(true));
        assert_eq!(play("'/c'"), None);
    }

    #[test]
    fn deliveries_belong_to_the_connect_before_them() {
        let recording = recording(&[
            "0 out {'channel':'/meta/connect','id':'1'}",
            "2 in {'channel':'/a','data':1}",
            "3 in {'channel':'/a','data':2}",
            "3 in {'channel':'/meta/connect','id':'1','successful':true}",
            "4 out {'channel':'/meta/connect','id':'2'}",
            "5 in {'channel':'/meta/connect','id':'2','successful':true}",
            "6 in {'channel':'/a','data':3}",
        ]);
        let mut playback = Playback::new(Arc::new(recording.unwrap()));
        let connect = message("{'channel':'/meta/connect'}");
        let mut deliveries = || {
            let played = playback.play(&connect).unwrap();
            let deliveries = played.deliveries.iter();
            let deliveries =
                deliveries.map(|(after, it)| (after.as_secs(), it.data().unwrap().to_owned()));
            deliveries.collect::<Vec<_>>()
        };
        assert_eq!(deliveries(), [(3, "1".to_owned()), (3, "2".to_owned())]);
        assert_eq!(deliveries(), [(2, "3".to_owned())]);
    }

    #[test]
    fn what_is_no_recording_is_said_so() {
        assert_eq!(
            recording(&[]).unwrap_err(),
            RecordingError::Read(ReadError::Empty)
        );
        let error = "{\"type\":\"new\",\"time\":\"2026-01-01T00:00:00Z\"}\nnonsense\n"
            .parse::<Recording>()
            .unwrap_err();
        assert!(
            error.to_string().starts_with("line 2 is no record: "),
            "{error}"
        );
        let error = recording(&["x out {}"]).unwrap_err();
        assert!(
            error.to_string().starts_with("line 1 is no record: "),
            "{error}"
        );
    }
}
