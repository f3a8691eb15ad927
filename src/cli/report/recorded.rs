//! Recordings told again: the conversation, what it adds up to, and a drawing of it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::SystemTime;

use bayeux::filter::Filter;
use bayeux::protocol::{Body, ConnectionType};
use bayeux::recording::{Direction, MessageRecord, Record, Recording, Side, State, StateRecord};
use bayeux::redaction::{Secrets, redact_url};
use bayeux::traffic::diagram::Diagram;
use bayeux::traffic::{Noticed, Seen, SessionChange, Sighting, Summary, Watch};

use crate::cli::exit::Stop;
use crate::cli::report_file::Pending;
use crate::output::{PrintError, Printer, remarks};

/// Complaints of `--jq` that are told; after that they say nothing new.
const MOST_COMPLAINTS: usize = 10;

/// How a conversation is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drawing {
    Html,
    Svg,
}

/// A recording, and the file that it is from.
pub(super) struct Recorded {
    path: String,
    recording: Recording,
}

/// A record, on which connection it was seen, and whether it went to the server.
struct Item {
    record: Record,
    connection: u64,
    requests: Direction,
}

impl Recorded {
    pub(super) fn new(path: &str, recording: Recording) -> Self {
        Self {
            path: path.to_owned(),
            recording,
        }
    }
}

/// Tells the conversation of all recordings, in the order of their times.
pub(super) fn tell(
    recorded: Vec<Recorded>,
    filter: Option<&Filter>,
    pending: Pending<Drawing>,
    secrets: Secrets,
    printer: &mut Printer,
) -> Result<(), Stop> {
    for it in &recorded {
        if let Some(line) = it.recording.cut_at {
            let path = &it.path;
            printer.warning(&format!("{path} is cut in line {line}, which is left out"));
        }
    }
    let title = title(&recorded);
    let items = in_order(recorded);
    let zero = items
        .first()
        .map_or(SystemTime::UNIX_EPOCH, |it| it.record.time());
    let mut telling = Telling {
        watch: Watch::new(),
        zero,
        summary: Summary::default(),
        noticed: Vec::new(),
        filter,
        complaints: HashSet::new(),
        remarked: remarked(&items),
        printer,
    };
    // Whoever read it has seen enough; the files are for others.
    match telling.tell(items) {
        Ok(()) | Err(PrintError::Closed) => {}
        Err(error) => return Err(error.into()),
    }
    let Telling {
        watch,
        mut summary,
        noticed,
        printer,
        ..
    } = telling;
    summary.count_breaches(watch.n_breaches());
    let diagram = Diagram {
        title: &title,
        zero,
        noticed: &noticed,
        summary: &summary,
        secrets,
    };
    let written = pending.write(|drawing| match drawing {
        Drawing::Html => diagram.to_html().into_bytes(),
        Drawing::Svg => diagram.to_svg().into_bytes(),
    });
    if filter.is_none() {
        match printer.conversation(&summary, zero) {
            Ok(()) | Err(PrintError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for path in written? {
        printer.note(&format!("written to {path}"));
    }
    Ok(())
}

/// The server's address, or the names of the files.
fn title(recorded: &[Recorded]) -> String {
    let headers = recorded.iter().flat_map(|it| &it.recording.records);
    let mut urls: Vec<String> = headers
        .filter_map(|it| match it {
            Record::Header(header) => Some(redact_url(&header.url).into_owned()),
            _ => None,
        })
        .collect();
    urls.dedup();
    if urls.is_empty() {
        urls.extend(recorded.iter().map(|it| it.path.clone()));
    }
    urls.join(", ")
}

fn in_order(recorded: Vec<Recorded>) -> Vec<Item> {
    let mut items = Vec::new();
    // A recording of a client is one connection, as far as it tells; in that of a server each
    // client's address is.
    let mut connections: HashMap<(usize, Option<SocketAddr>), u64> = HashMap::new();
    let mut n_recordings = 0;
    for it in recorded {
        n_recordings += 1;
        let mut requests = Direction::Out;
        for record in it.recording.records {
            let mut peer = None;
            match &record {
                Record::Header(header) => {
                    n_recordings += 1;
                    requests = match header.side {
                        Side::Client => Direction::Out,
                        Side::Server => Direction::In,
                    };
                }
                Record::Message(message) => peer = message.peer,
                Record::State(state) => {
                    if let State::ConnectionEnded { peer: of } = state.state {
                        peer = of;
                    }
                }
                Record::Unreadable(_) | Record::Failure(_) => {}
            }
            let next = connections.len() as u64 + 1;
            let connection = *connections.entry((n_recordings, peer)).or_insert(next);
            items.push(Item {
                record,
                connection,
                requests,
            });
        }
    }
    items.sort_by_key(|it| it.record.time());
    items
}

/// The warnings in recordings. Those of a proxy stand right behind the messages of which the same
/// is found here again, and some are of what no recording has, such as a missing `Content-Type`.
fn remarked(items: &[Item]) -> HashSet<String> {
    let reasons = items.iter().filter_map(|it| match &it.record {
        Record::State(StateRecord {
            state: State::Warning { reason },
            ..
        }) => Some(reason.clone()),
        _ => None,
    });
    reasons.collect()
}

struct Telling<'a> {
    watch: Watch,
    zero: SystemTime,
    summary: Summary,
    noticed: Vec<Noticed>,
    filter: Option<&'a Filter>,
    complaints: HashSet<String>,
    /// What whoever recorded it has remarked already.
    remarked: HashSet<String>,
    printer: &'a mut Printer,
}

impl Telling<'_> {
    fn tell(&mut self, items: Vec<Item>) -> Result<(), PrintError> {
        // What one request or response held was written down with one time.
        let mut together: Vec<(MessageRecord, u64, bool)> = Vec::new();
        for item in items {
            let (connection, at) = (item.connection, item.record.time());
            let is_more = matches!((&item.record, together.first()),
                (Record::Message(next), Some((first, on, _)))
                    if next.time == first.time && next.direction == first.direction && *on == connection);
            if !is_more {
                self.messages(std::mem::take(&mut together))?;
            }
            match item.record {
                Record::Message(record) => {
                    let is_request = record.direction == item.requests;
                    together.push((record, connection, is_request));
                }
                Record::State(record) => {
                    let seen = match record.state {
                        // Whatever was sent before is sent again.
                        State::Reconnecting { .. } => Some(Seen::GivenUp),
                        State::ConnectionEnded { .. } => Some(Seen::Closed),
                        _ => None,
                    };
                    if self.filter.is_none() {
                        self.printer.retold_state(&record)?;
                    }
                    if let Some(seen) = seen {
                        self.sees(at, connection, ConnectionType::LongPolling, seen);
                        self.take_noticed(Vec::new())?;
                    }
                }
                Record::Failure(failure) if self.filter.is_none() => {
                    self.printer.retold_failure(&failure)?;
                }
                Record::Unreadable(record) if self.filter.is_none() => {
                    self.printer.retold_unreadable(&record)?;
                }
                Record::Header(header) if self.filter.is_none() => {
                    self.printer.retold_header(&header)?;
                }
                Record::Header(_) | Record::Failure(_) | Record::Unreadable(_) => {}
            }
        }
        self.messages(together)
    }

    /// The messages of one request or response.
    fn messages(&mut self, together: Vec<(MessageRecord, u64, bool)>) -> Result<(), PrintError> {
        let Some((first, connection, is_request)) = together.first() else {
            return Ok(());
        };
        let body = Body {
            messages: together.iter().map(|it| it.0.message.clone()).collect(),
            findings: Vec::new(),
        };
        let head = None;
        let seen = match is_request {
            true => Seen::Request { body, head },
            false => Seen::Response { body, head: None },
        };
        let connection_type = first
            .transport
            .parse()
            .unwrap_or(ConnectionType::LongPolling);
        self.sees(first.time, *connection, connection_type, seen);
        self.take_noticed(together.into_iter().map(|it| it.0).collect())
    }

    fn sees(
        &mut self,
        at: SystemTime,
        connection: u64,
        connection_type: ConnectionType,
        seen: Seen,
    ) {
        let at = at.duration_since(self.zero).unwrap_or_default();
        self.watch.see(Sighting {
            at,
            connection,
            connection_type,
            seen,
        });
    }

    /// Tells what was noticed: each of these messages in its turn, and what is to be said of it.
    fn take_noticed(&mut self, records: Vec<MessageRecord>) -> Result<(), PrintError> {
        let mut records = records.into_iter();
        while let Some(noticed) = self.watch.poll() {
            self.summary.add(&noticed);
            match &noticed {
                Noticed::Asked(_) | Noticed::Answered(_) | Noticed::Delivered(_) => {
                    if let Some(record) = records.next() {
                        self.message(&record, &noticed)?;
                    }
                }
                Noticed::Remark(remark) if self.filter.is_none() => {
                    if !self.remarked.contains(&remarks::broken_rule(remark)) {
                        self.printer.remark_on(remark)?;
                    }
                }
                Noticed::Session(notice) if self.filter.is_none() => {
                    let is_told = match &notice.change {
                        SessionChange::NotRestored { channels } => {
                            let text = remarks::not_restored(notice.session, channels);
                            self.remarked.contains(&text)
                        }
                        _ => false,
                    };
                    if !is_told {
                        self.printer.session_changed(&notice.change)?;
                    }
                }
                Noticed::Remark(_) | Noticed::Session(_) | Noticed::Unanswered(_) => {}
            }
            self.noticed.push(noticed);
        }
        Ok(())
    }

    fn message(&mut self, record: &MessageRecord, noticed: &Noticed) -> Result<(), PrintError> {
        let Some(filter) = self.filter else {
            return match noticed {
                Noticed::Delivered(_) => self.printer.retold_delivery(record),
                Noticed::Answered(answer) => {
                    let latency = answer.to.map(|(_, latency)| latency);
                    self.printer.retold(record, latency)
                }
                _ => self.printer.retold(record, None),
            };
        };
        match filter.apply(record.message.raw()) {
            Ok(outputs) => self.printer.filtered(&outputs),
            Err(error) => {
                let error = error.to_string();
                let is_told = self.complaints.len() < MOST_COMPLAINTS;
                if is_told && self.complaints.insert(error.clone()) {
                    self.printer.warning(&format!("--jq: {error}"));
                }
                Ok(())
            }
        }
    }
}
