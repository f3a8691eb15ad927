//! The inspector's interface over HTTP: what it answers, as JSON.
//!
//! | request below `/inspector/api/` | does |
//! |---|---|
//! | `GET state` | sessions, channels and faults at this moment |
//! | `GET traffic?after=N` | what was recorded after number N, the oldest first |
//! | `DELETE sessions`, `DELETE sessions/N` | forgets all sessions, or one, as a restart would |
//! | `GET faults`, `DELETE faults` | the faults that show; ends them all |
//! | `PUT faults/SPEC`, `DELETE faults/SPEC` | begins with a fault, or ends it |

use std::time::Instant;

use percent_encoding::percent_decode_str;
use serde::Serialize;
use ureq_proto::http::StatusCode;

use super::inspected::{Inspected, NotEnded};
use super::request::PageRequest;
use super::{Pages, Snapshot, Stage};
use crate::redaction::shortened_client_id;
use crate::server::Fault;
use crate::server::response::SERVER;

pub(super) const JSON: &str = "application/json;charset=UTF-8";

/// Faults that people switch by hand, and what each does. `docs/faults.md` has all of them.
pub(super) const OFFERED: [(&str, &str); 14] = [
    (
        "connect:expire:first=1",
        "the next connect finds its session unknown",
    ),
    (
        "handshake:refuse=503:first=3",
        "the next three handshakes are refused",
    ),
    ("any:status=503", "every request is answered with HTTP 503"),
    ("any:html", "every request is answered with a page of HTML"),
    ("any:delay=1s", "every response leaves one second later"),
    (
        "connect:drop:every=5",
        "every fifth response to a connect is never sent",
    ),
    (
        "connect:cut:every=5",
        "every fifth response to a connect ends in its middle",
    ),
    (
        "publish:close=before:first=1",
        "the next publish is carried out, and its connection ends without a response",
    ),
    (
        "connect:storm:for=10s",
        "connects are answered at once, with the advice to hurry, for ten seconds",
    ),
    ("delivery:duplicate", "every message comes twice"),
    (
        "expire=10s",
        "sessions that open from now on are unknown 10 s after their handshake",
    ),
    (
        "token-expires=1m",
        "a token is invalid one minute after it was first seen",
    ),
    ("busy=1", "the next subscribe is refused: too busy"),
    (
        "daily-limit=10",
        "subscribes are refused once 10 more events were delivered",
    ),
];

/// Faults that go wrong at the same time; each looks at every message.
const MOST_FAULTS: usize = 100;

/// What is answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) json: String,
    /// The methods that are known where another one was used.
    pub(super) allow: Option<&'static str>,
}

#[derive(Serialize)]
struct State {
    server: &'static str,
    flavor: String,
    endpoint: String,
    n_sessions: usize,
    sessions: Vec<Session>,
    n_channels: usize,
    channels: Vec<Channel>,
    faults: Vec<String>,
    known_faults: Vec<KnownFault>,
    /// The number of what was recorded last.
    last: u64,
}

#[derive(Serialize)]
struct Session {
    session: u64,
    client_id: String,
    client: String,
    transport: &'static str,
    stage: &'static str,
    age_ms: u64,
    queue: Queue,
    subscriptions: usize,
}

#[derive(Serialize)]
struct Queue {
    messages: usize,
    bytes: usize,
}

#[derive(Serialize)]
struct Channel {
    channel: String,
    n_subscribers: usize,
    subscribers: Vec<u64>,
}

#[derive(Serialize)]
struct KnownFault {
    fault: &'static str,
    does: &'static str,
}

#[derive(Serialize)]
struct Faults {
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Forgotten {
    forgotten: usize,
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
}

impl Pages {
    /// Answers a request that may be answered.
    pub(super) fn api(
        &mut self,
        now: Instant,
        path: &str,
        request: &PageRequest,
        inspected: &mut dyn Inspected,
    ) -> Answer {
        let (collection, item) = match path.split_once('/') {
            Some((collection, item)) => (collection, Some(item)),
            None => (path, None),
        };
        let method = match request.method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        match (method, collection, item) {
            ("GET", "state", None) => Answer::ok(&self.state(now, inspected)),
            ("GET", "traffic", None) => self.traffic(&request.query),
            ("GET", "faults", None) => faults(inspected),
            ("DELETE", "faults", None) => {
                for fault in inspected.faults() {
                    inspected.end_fault(&fault);
                }
                faults(inspected)
            }
            ("PUT", "faults", Some(spec)) => match fault(spec) {
                Ok(fault) if !inspected.shows(&fault) => {
                    let subject = self.subject;
                    Answer::bad(&format!("{subject} has no such fault: {fault}"))
                }
                Ok(fault) => {
                    // Once is enough; what it counts begins anew.
                    inspected.end_fault(&fault);
                    if inspected.faults().len() >= MOST_FAULTS {
                        return Answer::error(
                            StatusCode::CONFLICT,
                            &format!(
                                "{MOST_FAULTS} faults are switched on; DELETE faults ends them"
                            ),
                        );
                    }
                    inspected.begin_fault(now, fault);
                    faults(inspected)
                }
                Err(error) => Answer::bad(&error),
            },
            ("DELETE", "faults", Some(spec)) => match fault(spec) {
                Ok(fault) if inspected.end_fault(&fault) => faults(inspected),
                Ok(fault) => Answer::not_found(&format!("{fault} is not switched on")),
                Err(error) => Answer::bad(&error),
            },
            ("DELETE", "sessions", None) => {
                let forgotten = inspected.end_sessions();
                Answer::ok(&Forgotten { forgotten })
            }
            ("DELETE", "sessions", Some(number)) => {
                let number = number.parse().map_err(|_| NotEnded);
                match number.and_then(|it| inspected.end_session(it)) {
                    Ok(()) => Answer::ok(&Forgotten { forgotten: 1 }),
                    Err(error) => Answer::not_found(&error.to_string()),
                }
            }
            (_, "state" | "traffic", None) => Answer::not_allowed("GET, HEAD"),
            (_, "faults", None) => Answer::not_allowed("GET, HEAD, DELETE"),
            (_, "faults", Some(_)) => Answer::not_allowed("PUT, DELETE"),
            (_, "sessions", _) => Answer::not_allowed("DELETE"),
            _ => Answer::not_found("there are state, traffic, sessions and faults"),
        }
    }

    fn state(&self, now: Instant, inspected: &dyn Inspected) -> State {
        let Snapshot {
            n_sessions,
            sessions,
            n_channels,
            channels,
        } = inspected.inspect(now);
        let sessions = sessions.into_iter().map(|it| Session {
            session: it.number,
            client_id: shortened_client_id(&it.client_id),
            client: it.client,
            transport: it.connection_type.as_str(),
            stage: match it.stage {
                Stage::Handshaken => "handshaken",
                Stage::Held => "held",
                Stage::Answered => "answered",
            },
            age_ms: u64::try_from(it.age.as_millis()).unwrap_or(u64::MAX),
            queue: Queue {
                messages: it.n_queued,
                bytes: it.n_queued_bytes,
            },
            subscriptions: it.n_subscriptions,
        });
        let channels = channels.into_iter().map(|it| Channel {
            channel: it.name,
            n_subscribers: it.n_subscribers,
            subscribers: it.subscribers,
        });
        let known = OFFERED.iter().filter(|(spec, _)| {
            let fault = spec.parse();
            fault.is_ok_and(|it| inspected.shows(&it))
        });
        State {
            server: SERVER,
            flavor: self.subject.to_string(),
            endpoint: self.endpoint.clone(),
            n_sessions,
            sessions: sessions.collect(),
            n_channels,
            channels: channels.collect(),
            faults: specs(inspected),
            known_faults: known
                .map(|&(fault, does)| KnownFault { fault, does })
                .collect(),
            last: self.traffic.last(),
        }
    }

    fn traffic(&self, query: &str) -> Answer {
        let after = query.split('&').find_map(|it| it.strip_prefix("after="));
        match after.map_or(Ok(0), str::parse) {
            Ok(after) => Answer::ok(&self.traffic.after(after)),
            Err(_) => Answer::bad("after=N wants the number of what was recorded last"),
        }
    }
}

impl Answer {
    pub(super) fn error(status: StatusCode, error: &str) -> Self {
        Self {
            status,
            json: json(&Error { error }),
            allow: None,
        }
    }

    fn ok(value: &impl Serialize) -> Self {
        Self {
            status: StatusCode::OK,
            json: json(value),
            allow: None,
        }
    }

    fn bad(error: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, error)
    }

    fn not_found(error: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, error)
    }

    fn not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not known here",
            )
        }
    }
}

fn fault(spec: &str) -> Result<Fault, String> {
    let spec = percent_decode_str(spec).decode_utf8_lossy();
    spec.parse()
        .map_err(|error: crate::server::FaultError| format!("{error}; {}", error.hint()))
}

fn faults(inspected: &dyn Inspected) -> Answer {
    Answer::ok(&Faults {
        faults: specs(inspected),
    })
}

fn specs(inspected: &dyn Inspected) -> Vec<String> {
    let faults = inspected.faults();
    faults.iter().map(Fault::to_string).collect()
}

fn json(value: &impl Serialize) -> String {
    // Strings, numbers, and JSON that was parsed: nothing that could fail.
    serde_json::to_string(value).unwrap_or_default()
}
