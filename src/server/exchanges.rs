//! The requests and responses of one connection, on its own thread.
//!
//! While a connect is held the thread is back in `read`, so that holding costs nothing and a
//! client that goes away is noticed. The response is written by the thread that caused it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq_proto::http::StatusCode;

use super::broker::{self, Handled, HoldId, rest};
use super::connection::Connection;
use super::http::{Head, Received, Receiver, Refused, Request};
use super::readable::readable;
use super::response;
use super::response::Persistence;
use super::shared::{Parked, Shared};
use super::upgrade::Upgrade;
use super::web_socket;
use super::{Event, Flavor};
use crate::protocol::{Message, encode};

/// How long an idle connection is kept. Longer than twice the default hold, so that a thread
/// rarely wakes up just to see that its connect is still held.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Serves a connection until it ends.
pub(super) fn serve(shared: &Shared, connection: &Arc<Connection>) {
    let mut exchanges = Exchanges {
        shared,
        connection,
        receiver: Receiver::new(shared.limits()),
        held: None,
        began: None,
        read_timeout: None,
    };
    let ended = exchanges.run();
    if let Some(hold) = exchanges.held {
        shared.hold_gone(hold);
    }
    if let Ok(Ended::ByUpgrade(upgrade, rest)) = ended {
        drop(exchanges);
        // Whatever ended the connection: there is nobody left to tell.
        let _ = web_socket::serve(shared, connection, upgrade, rest);
    }
}

/// How the exchanges of a connection ended.
enum Ended {
    Here,
    /// It goes on as a websocket, with these bytes.
    ByUpgrade(Upgrade, Vec<u8>),
}

struct Exchanges<'a> {
    shared: &'a Shared,
    connection: &'a Arc<Connection>,
    receiver: Receiver,
    /// The connect that was held last on this connection, and may have been answered since.
    held: Option<HoldId>,
    /// When the present request began.
    began: Option<Instant>,
    read_timeout: Option<Duration>,
}

enum Read {
    Bytes,
    End,
}

impl Exchanges<'_> {
    fn run(&mut self) -> io::Result<Ended> {
        let connection = self.connection;
        loop {
            let persistence = match self.receiver.poll() {
                Received::NeedsMore => match self.read()? {
                    Read::Bytes => continue,
                    Read::End => return Ok(Ended::Here),
                },
                Received::Continue(line) => {
                    self.settle();
                    connection.write(&line)?;
                    continue;
                }
                Received::Refused(refused) => {
                    self.refuse(&refused)?;
                    return Ok(Ended::Here);
                }
                Received::Upgrade(upgrade, rest) => {
                    self.settle();
                    return Ok(Ended::ByUpgrade(upgrade, rest));
                }
                Received::Request(request) => {
                    self.settle();
                    let persistence = request.head.persistence;
                    self.answer(request)?;
                    persistence
                }
            };
            self.began = None;
            if persistence == Persistence::Close && self.held.is_none() {
                connection.linger();
                return Ok(Ended::Here);
            }
        }
    }

    fn read(&mut self) -> io::Result<Read> {
        // Most requests fit. With 4 KiB each thread touched one more page of its stack: 20
        // instead of 16 KiB, with a thousand connects held on Linux.
        let mut small = [0; 1024];
        let mut large = Vec::new();
        let buffer: &mut [u8] = if self.receiver.is_in_body() {
            large.resize(64 * 1024, 0);
            &mut large
        } else {
            &mut small
        };
        let is_idle = self.receiver.is_idle();
        let timeout = if is_idle {
            IDLE_TIMEOUT
        } else {
            let limit = self.shared.settings.request_timeout;
            let began = *self.began.get_or_insert_with(Instant::now);
            limit.saturating_sub(began.elapsed())
        };
        if timeout.is_zero() {
            self.refuse(&Refused::timed_out())?;
            return Ok(Read::End);
        }
        if self.read_timeout != Some(timeout) {
            self.connection.set_read_timeout(timeout)?;
            self.read_timeout = Some(timeout);
        }
        match self.connection.read(buffer) {
            Ok(0) => Ok(Read::End),
            Ok(length) => {
                self.receiver.push(&buffer[..length]);
                Ok(Read::Bytes)
            }
            Err(error) if is_timeout(&error) && !is_idle => {
                self.refuse(&Refused::timed_out())?;
                Ok(Read::End)
            }
            Err(error) if is_timeout(&error) => match self.held {
                Some(hold) if self.shared.is_held(hold) => Ok(Read::Bytes),
                // It was answered a moment ago, and the time for the next request begins.
                Some(_) => {
                    self.held = None;
                    Ok(Read::Bytes)
                }
                None => Ok(Read::End),
            },
            Err(error) => Err(error),
        }
    }

    fn answer(&mut self, request: Request) -> io::Result<()> {
        let Request { head, body } = request;
        let peer = self.connection.peer;
        let settings = &self.shared.settings;
        if settings.flavor == Flavor::Salesforce && head.path.starts_with(rest::PATH) {
            return self.answer_post(&head, &body);
        }
        let path = settings.path.trim_end_matches('/');
        let below = head.path.strip_prefix(path).unwrap_or_default();
        let body = match readable(&body) {
            Ok(body) => body,
            Err(reason) => {
                self.shared.observe(&Event::Refused {
                    peer,
                    status: 400,
                    reason: &reason,
                });
                let response = response::text(StatusCode::BAD_REQUEST, &reason, head.persistence);
                return self.connection.write(&response);
            }
        };
        let messages: &[Message] = &body.messages;
        let connection_type = head.form.connection_type();
        self.shared.observe(&Event::Received {
            peer,
            connection_type,
            messages,
        });
        let request = broker::Request {
            messages,
            n_unreadable: body.findings.len(),
            connection_type,
            bearer: head.bearer.as_deref(),
            below,
            cookies: &head.cookies,
        };
        let parked = Parked {
            connection: Arc::clone(self.connection),
            persistence: head.persistence,
            form: head.form.clone(),
        };
        let (handled, fallout) = self.shared.handle(request, parked);
        match handled {
            Handled::Answer(answer) => {
                let messages: &[Arc<Message>] = &answer.messages;
                self.shared.observe(&Event::Sent {
                    peer,
                    connection_type,
                    messages,
                });
                let text = encode(messages.iter().map(Arc::as_ref));
                let cookies = &answer.set_cookies;
                let response = response::messages(&text, &head.form, cookies, head.persistence);
                let written = self.connection.write(&response);
                // Others get their messages, whether or not the one who published is there.
                fallout.send(self.shared);
                written
            }
            Handled::Unauthorised(reason) => {
                self.shared.observe(&Event::Refused {
                    peer,
                    status: 401,
                    reason,
                });
                let response = response::text(StatusCode::UNAUTHORIZED, reason, head.persistence);
                fallout.send(self.shared);
                self.connection.write(&response)
            }
            Handled::Held(hold) => {
                self.held = Some(hold);
                fallout.send(self.shared);
                Ok(())
            }
        }
    }

    /// A request to the other path that takes one.
    fn answer_post(&mut self, head: &Head, body: &[u8]) -> io::Result<()> {
        let below = head.path.strip_prefix(rest::PATH).unwrap_or_default();
        let bearer = head.bearer.as_deref();
        let (posted, fallout) = self.shared.post(bearer, below, body);
        self.shared.observe(&Event::Posted {
            peer: self.connection.peer,
            path: &head.path,
            status: posted.status,
        });
        let status =
            StatusCode::from_u16(posted.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = response::json(status, &posted.body, head.persistence);
        let written = self.connection.write(&response);
        fallout.send(self.shared);
        written
    }

    /// Before anything is written: either the connect that was held is answered and this is
    /// the next request. Or the client sends on while it is held: then it is answered now,
    /// since responses leave in the order of the requests.
    fn settle(&mut self) {
        if let Some(hold) = self.held.take() {
            self.shared.release(hold);
            self.connection.wait_until_paid();
        }
    }

    fn refuse(&mut self, refused: &Refused) -> io::Result<()> {
        self.settle();
        self.shared.observe(&Event::Refused {
            peer: self.connection.peer,
            status: refused.status.as_u16(),
            reason: &refused.reason,
        });
        self.connection.write(&refused.response())?;
        self.connection.linger();
        Ok(())
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
