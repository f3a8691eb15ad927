//! A client and the printer that tells what it does.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use bayeux::client::{Client, Notice};
use bayeux::protocol::{Channel, ConnectionType, Finding, Json, Kind, Message};
use bayeux::recording::{
    Direction, HttpExchange, HttpText, MessageRecord, State, StateRecord, Unreadable,
};
use bayeux::session::extension::ReplayFrom;
use bayeux::session::{End, Event, LossReason, Refusal, Replayed};
use bayeux::transport::{Endpoint, Trace};

use super::exit::Stop;
use super::explain::{self, Circumstances, Displaced};
use crate::output::{HttpHead, Printer, words};

/// What is told when a server refused the credentials of a request and there were others.
pub(crate) const REAUTHORISED: &str =
    "the server answered HTTP 401: the request was sent again with new credentials";
/// How long the server has to answer a disconnect.
const LEAVING: Duration = Duration::from_secs(1);

/// A client whose notices are told as they come; what a command decides on is handed to it.
pub(crate) struct Conversation<'p> {
    pub(crate) client: Client,
    pub(crate) printer: &'p mut Printer,
    endpoint: Endpoint,
    /// When the client id was given.
    established: Option<Instant>,
    /// When each message left, by its id.
    sent: HashMap<String, SystemTime>,
    /// The id of the last message that was published, where traffic is told.
    last_published: Option<String>,
    n_lost_sessions: u64,
    n_duplicates: u64,
    /// Whether anything but the handshake was successful in this session.
    is_used: bool,
    /// Whether a session was lost before it was used.
    is_lost_unused: bool,
    displaced: Displaced,
    /// Whether it was told that deliveries come again, since the connection failed.
    is_duplicate_told: bool,
    last_trace: Option<Box<Trace>>,
}

/// What a command hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something happened.
    Event(Event),
    /// Somebody woke the client: a signal, or a line of standard input.
    Woken,
}

impl<'p> Conversation<'p> {
    pub(crate) fn new(client: Client, endpoint: Endpoint, printer: &'p mut Printer) -> Self {
        if let Some(proxy) = client.proxy() {
            printer.note_in_traffic(&format!("via proxy {proxy}"));
        }
        Self {
            client,
            printer,
            endpoint,
            established: None,
            sent: HashMap::new(),
            last_published: None,
            n_lost_sessions: 0,
            n_duplicates: 0,
            is_used: false,
            is_lost_unused: false,
            displaced: Displaced::default(),
            is_duplicate_told: false,
            last_trace: None,
        }
    }

    /// Waits for what comes next; `None` once the deadline has passed. A session that ends
    /// is the error that explains it.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Heard>, Stop> {
        while let Some(notice) = self.client.next(deadline) {
            match notice {
                Notice::Event(Event::Ended(end)) => return Err(self.explain(&end)),
                Notice::Event(event) => {
                    self.tell(&event)?;
                    return Ok(Some(Heard::Event(event)));
                }
                Notice::Reauthorised => self.warn(REAUTHORISED.to_owned())?,
                Notice::NotReauthorised { reason } => {
                    self.warn(format!("no new credentials: {reason}"))?;
                }
                Notice::Woken => return Ok(Some(Heard::Woken)),
                Notice::Odd(finding) => self.tell_odd(&finding)?,
                Notice::Sent { time, messages } => self.tell_sent(time, messages)?,
                Notice::FellBack { error } => {
                    let reason = format!("no websocket, long-polling instead: {error}");
                    self.tell_state(warning(reason))?;
                }
                Notice::Exchanged {
                    time,
                    messages,
                    trace,
                    error,
                } => {
                    let heads = trace.iter().flat_map(|it| http_heads(it));
                    heads.for_each(|it| self.printer.http(&it));
                    if let Some(trace) = &trace {
                        let reason = error.as_ref().map(ToString::to_string);
                        tell_exchange(self.printer, trace, &messages, reason.as_deref());
                    }
                    if let Some(error) = error {
                        // Whatever was in it will not be answered.
                        self.sent.clear();
                        self.printer
                            .note_in_traffic(&format!("exchange failed: {error}"));
                    }
                    self.tell_received(time, messages)?;
                    self.last_trace = trace.or_else(|| self.last_trace.take());
                }
                _ => {}
            }
            // There may be no end of what is told.
            if deadline.is_some_and(|it| it <= Instant::now()) {
                break;
            }
        }
        Ok(None)
    }

    /// Disconnects. Returns until when the server has time to answer; see
    /// [`next_while_leaving`](Self::next_while_leaving).
    pub(crate) fn disconnect(&mut self) -> Instant {
        self.client.disconnect();
        Instant::now() + LEAVING
    }

    /// The next delivery that comes before the session is left. The goal is reached or given up,
    /// so that nothing else which happens now changes the outcome.
    pub(crate) fn next_while_leaving(&mut self, until: Instant) -> Option<Message> {
        // A server may go on delivering without a pause.
        while Instant::now() < until {
            match self.next(Some(until)) {
                Ok(Some(Heard::Event(Event::Received { message }))) => return Some(message),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
        None
    }

    /// Disconnects and waits for the answer, but not for long.
    pub(crate) fn leave(&mut self) {
        let until = self.disconnect();
        while self.next_while_leaving(until).is_some() {}
    }

    /// Sessions that were lost so far.
    pub(crate) fn n_lost_sessions(&self) -> u64 {
        self.n_lost_sessions
    }

    /// Deliveries that came again so far.
    pub(crate) fn n_duplicates(&self) -> u64 {
        self.n_duplicates
    }

    /// What the last exchange looked like on the wire, where traffic is told.
    pub(crate) fn last_trace(&self) -> Option<&Trace> {
        self.last_trace.as_deref()
    }

    /// The id of the message that was published last, where traffic is told.
    pub(crate) fn last_published(&self) -> Option<&str> {
        self.last_published.as_deref()
    }

    /// Tells of an acknowledgement.
    pub(crate) fn tell_acknowledged(
        &mut self,
        channel: &Channel,
        id: Option<String>,
        round_trip: Duration,
    ) -> Result<(), Stop> {
        let state = State::Acknowledged {
            channel: channel.to_string(),
            id,
            round_trip,
        };
        self.tell_state(state)
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A message of this moment for the printer.
    pub(crate) fn received(&self, message: Message) -> MessageRecord {
        self.record(SystemTime::now(), Direction::In, message)
    }

    fn record(&self, time: SystemTime, direction: Direction, message: Message) -> MessageRecord {
        record(time, direction, self.client.connection_type(), message)
    }

    fn explain(&self, end: &End) -> Stop {
        let cookies = self.client.cookies();
        let at = Circumstances {
            endpoint: &self.endpoint,
            was_established: self.client.session().was_established(),
            age: self.established.map_or(Duration::ZERO, |it| it.elapsed()),
            cookies: &cookies,
        };
        explain::ended(end, at)
    }

    fn tell(&mut self, event: &Event) -> Result<(), Stop> {
        let state = match event {
            Event::Handshaken { reply } => {
                if self.established.is_none() {
                    self.check_connection_type(reply);
                }
                self.established = Some(Instant::now());
                self.is_used = false;
                State::Handshaken {
                    transport: self.client.connection_type().to_string(),
                    client_id: reply.client_id().unwrap_or_default().to_owned(),
                }
            }
            Event::Subscribed { pattern } => {
                self.is_used = true;
                State::Subscribed {
                    channel: pattern.to_string(),
                }
            }
            Event::Connected => {
                self.is_used = true;
                return Ok(());
            }
            Event::SubscribeRefused { pattern, refusal } => State::SubscribeRefused {
                channel: pattern.to_string(),
                error: match refusal {
                    Refusal::Reply(reply) => explain::error_of(reply),
                    Refusal::Failure(failure) => failure.to_string(),
                },
            },
            Event::Unsubscribed { pattern } => State::Unsubscribed {
                channel: pattern.to_string(),
            },
            Event::Reconnecting {
                failure,
                attempt,
                delay,
            } => {
                self.is_duplicate_told = false;
                self.displaced.failed(failure, *attempt);
                State::Reconnecting {
                    reason: failure.to_string(),
                    attempt: *attempt,
                    delay: *delay,
                }
            }
            Event::Reconnected { gap } => {
                if self.displaced.succeeded() {
                    self.warn(Displaced::TEXT.to_owned())?;
                }
                State::Reconnected { gap: *gap }
            }
            Event::ConnectedLate { by, allowed } => warning(explain::connected_late(*by, *allowed)),
            Event::SessionLost { reason, age } => {
                self.n_lost_sessions += 1;
                self.is_lost_unused = !self.is_used && matches!(reason, LossReason::Reply(_));
                State::SessionLost {
                    after: *age,
                    reason: explain::loss(reason),
                }
            }
            Event::SessionRenewed {
                gap,
                n_restored,
                n_subscriptions,
                replays,
            } => {
                if std::mem::take(&mut self.is_lost_unused) {
                    self.warn(explain::KNOWN_LATE.to_owned())?;
                }
                State::SessionRenewed {
                    replays: replays.iter().filter_map(replay).collect(),
                    gap: *gap,
                    n_restored: *n_restored,
                    n_subscriptions: *n_subscriptions,
                }
            }
            Event::Duplicate { message } => {
                self.n_duplicates += 1;
                let record = self.received(message.clone());
                self.printer.traffic(&record, None)?;
                if std::mem::replace(&mut self.is_duplicate_told, true) {
                    return Ok(());
                }
                let channel = message.channel();
                warning(format!(
                    "messages on {channel} come again, from before the connection failed; they are not shown twice"
                ))
            }
            Event::ReplayRefused {
                pattern,
                id,
                instead,
                reply,
            } => {
                let instead = match instead {
                    ReplayFrom::All => "starting with all that the server has kept",
                    ReplayFrom::New | ReplayFrom::After(_) => "starting with new ones",
                };
                let error = explain::error_of(reply);
                let error = error.trim_end_matches('.');
                warning(format!(
                    "no events of {pattern} behind {id}: {error}; {instead}"
                ))
            }
            // Each handshake of a renewed session says so again.
            Event::ExtensionUnknown { .. } if self.n_lost_sessions > 0 => return Ok(()),
            Event::ExtensionUnknown { name } => {
                warning(format!("the server does not know the {name} extension"))
            }
            Event::Synchronised { lag, offset } => {
                let clock = words::clocks(*lag, *offset);
                self.printer.note_in_traffic(&format!("clock: {clock}"));
                return Ok(());
            }
            Event::Unmatched { message } => {
                let (channel, id) = (message.channel(), message.id().unwrap_or("none"));
                warning(format!(
                    "a reply to nothing that was asked: {channel} id {id}"
                ))
            }
            Event::ContradictoryAdvice => {
                warning("the handshake succeeded with the advice to handshake again".to_owned())
            }
            Event::MultipleClients { interval } => warning(explain::multiple_clients(*interval)),
            Event::Unauthorised { reply } => warning(format!(
                "the server refuses the credentials ({}): fetching others",
                explain::error_of(reply)
            )),
            Event::HoldCut {
                after,
                advised,
                asked,
            } => warning(explain::hold_cut(*after, *advised, *asked)),
            // The command itself tells of its messages.
            _ => return Ok(()),
        };
        self.tell_state(state)
    }

    fn tell_state(&mut self, state: State) -> Result<(), Stop> {
        Ok(self.printer.state(&StateRecord {
            time: SystemTime::now(),
            state,
        })?)
    }

    /// A transport that the server does not offer may work all the same, so it is tried.
    fn check_connection_type(&mut self, reply: &Message) {
        let offered: Option<Vec<String>> = reply
            .get("supportedConnectionTypes")
            .and_then(|it| serde_json::from_str(it).ok());
        let ours = self.client.connection_type().as_str();
        if let Some(offered) = offered.filter(|it| !it.iter().any(|it| it == ours)) {
            let offered = match offered.as_slice() {
                [] => "nothing".to_owned(),
                offered => offered.join(", "),
            };
            let text = format!("the server does not offer {ours}, it offers {offered}");
            self.printer.warning(&text);
        }
    }

    fn warn(&mut self, reason: String) -> Result<(), Stop> {
        self.tell_state(warning(reason))
    }

    fn tell_odd(&mut self, finding: &Finding) -> Result<(), Stop> {
        let unreadable = Unreadable::from_finding(
            finding,
            SystemTime::now(),
            Direction::In,
            self.client.connection_type().as_str().into(),
        );
        match unreadable {
            Some(unreadable) => self.printer.unreadable(&unreadable)?,
            None => {
                self.tell_state(warning(format!("odd message: {finding}")))?;
            }
        }
        Ok(())
    }

    fn tell_sent(&mut self, time: SystemTime, messages: Vec<Message>) -> Result<(), Stop> {
        for message in messages {
            if !message.channel().starts_with("/meta/") {
                self.last_published = message.id().map(str::to_owned);
            }
            self.sent
                .extend(message.id().map(|id| (id.to_owned(), time)));
            let record = self.record(time, Direction::Out, message);
            self.printer.traffic(&record, None)?;
        }
        Ok(())
    }

    /// Deliveries are left to the events that follow: they are the answer of a tail.
    fn tell_received(&mut self, time: SystemTime, messages: Vec<Message>) -> Result<(), Stop> {
        for message in messages {
            if message.kind() == Kind::Delivery {
                continue;
            }
            let sent = message.id().and_then(|id| self.sent.remove(id));
            let latency = sent.and_then(|it| time.duration_since(it).ok());
            let record = self.record(time, Direction::In, message);
            self.printer.traffic(&record, latency)?;
        }
        Ok(())
    }
}

/// The heads of a captured request and its response, those of a refused attempt before.
pub(crate) fn http_heads(trace: &Trace) -> Vec<HttpHead> {
    let stages = [
        ("lookup", trace.resolve),
        ("connect", trace.connect),
        ("tls", trace.handshake),
        ("first byte", trace.first_byte),
        ("total", Some(trace.total)),
    ];
    let timings = stages.iter().filter_map(|(name, it)| Some((*name, (*it)?)));
    let sides = [
        (
            Direction::Out,
            trace.request.expose(),
            trace.started,
            Vec::new(),
        ),
        (
            Direction::In,
            trace.response.expose(),
            trace.started + trace.total,
            timings.collect(),
        ),
    ];
    let refused = trace.refused.as_deref().map(http_heads);
    let heads = sides
        .into_iter()
        .filter_map(|(direction, text, time, timings)| {
            let (start_line, headers) = head(text)?;
            Some(HttpHead {
                time,
                direction,
                start_line,
                headers,
                timings,
            })
        });
    refused.into_iter().flatten().chain(heads).collect()
}

/// A captured request and its response for the recording, those of a refused attempt before.
pub(crate) fn tell_exchange(
    printer: &mut Printer,
    trace: &Trace,
    messages: &[Message],
    error: Option<&str>,
) {
    if let Some(refused) = &trace.refused {
        tell_exchange(printer, refused, &[], None);
    }
    printer.exchanged(&HttpExchange {
        started: trace.started,
        is_tls: trace.is_tls,
        client: None,
        peer: trace.peer,
        resolve: trace.resolve,
        connect: trace.connect,
        handshake: trace.handshake,
        first_byte: trace.first_byte,
        total: trace.total,
        request: HttpText::AsSent(trace.request.expose()),
        response: HttpText::AsSent(trace.response.expose()),
        messages,
        error,
    });
}

/// A message of the traffic, for the printer.
pub(crate) fn record(
    time: SystemTime,
    direction: Direction,
    connection_type: ConnectionType,
    message: Message,
) -> MessageRecord {
    MessageRecord {
        time,
        direction,
        transport: connection_type.as_str().into(),
        peer: None,
        message,
    }
}

fn replay(it: &Replayed) -> Option<(String, Json)> {
    Some((it.pattern.to_string(), it.from.as_str().parse().ok()?))
}

fn warning(reason: String) -> State {
    State::Warning { reason }
}

type Headers = Vec<(String, String)>;

/// The first line and the headers of a captured request or response, for showing.
fn head(text: &[u8]) -> Option<(String, Headers)> {
    let end = text
        .windows(4)
        .position(|it| it == b"\r\n\r\n")
        .unwrap_or(text.len());
    let text = String::from_utf8_lossy(&text[..end]);
    let mut lines = text.split("\r\n").filter(|it| !it.is_empty());
    let start_line = lines.next()?.to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.to_owned(), value.trim().to_owned())
    });
    Some((start_line, headers.collect()))
}
