//! One keep-alive connection of HTTP/1.1, with one exchange at a time.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::time::Duration;

use mio::Token;
use mio::event::Event;
use ureq::http::StatusCode;
use ureq::http::header::{self, HeaderMap};

use super::super::standing::{Late, Standing, Step, strange_opening};
use super::super::{TransportError, answer};
use super::link::{Link, failure, is_pause};
use super::response::{Found, Scan};
use super::{Jar, Shared, Target};
use crate::protocol::{Body, Message, decode};
use crate::session::Stage;

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Http {
    link: Link,
    /// A request or its rest, as long as the system does not take it.
    outgoing: Option<Box<Outgoing>>,
    /// A response that came in part.
    incoming: Option<Box<Partial>>,
    /// Bytes of the exchange.
    sent: u64,
    received: u64,
    state: State,
    /// Whether TLS keeps something that the system did not take.
    is_flushing: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing is asked.
    Idle,
    /// A request is under way, or waits for the connection.
    Busy,
    /// Of no more use.
    Ended,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    scan: Scan,
}

/// What came of an event.
#[derive(Debug)]
#[must_use]
pub(crate) enum Progress {
    /// Nothing to tell.
    Pending,
    /// The messages that came, or why none did; also that the connection could not be opened,
    /// whether or not something was to be sent.
    Answered(Result<Body, TransportError>),
    /// Nothing was asked, and the server closed the connection, or sent something all the same.
    Closed,
}

impl Http {
    /// Starts connecting, from this address of ours if one is given; the connection's events
    /// have this token.
    ///
    /// # Errors
    /// When there is no descriptor, no port or no route.
    pub(crate) fn connect(
        shared: &mut Shared,
        source: Option<IpAddr>,
        token: Token,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            link: Link::connect(shared, source, token)?,
            outgoing: None,
            incoming: None,
            sent: 0,
            received: 0,
            state: State::Idle,
            is_flushing: false,
        })
    }

    /// Sends messages in one request; what the system does not take, or not yet, leaves later.
    /// The connection must be [reusable](Self::is_reusable).
    pub(crate) fn send(
        &mut self,
        shared: &mut Shared,
        jar: &mut Jar,
        messages: &[Message],
    ) -> Progress {
        if self.state != State::Idle {
            return Progress::Answered(Err(TransportError::Send {
                source: io::ErrorKind::NotConnected.into(),
                stage: Stage::Unsent,
            }));
        }
        self.state = State::Busy;
        self.sent = 0;
        self.received = 0;
        let mut request = std::mem::take(&mut shared.request);
        let target = &shared.target;
        target.write_request(&mut request, jar.line(target), messages);
        let written = match self.link.is_open() {
            true => self.write(shared, &request),
            false => Ok(0),
        };
        if let Ok(written) = written
            && written < request.len()
        {
            self.outgoing = Some(Box::new(Outgoing {
                bytes: request[written..].to_vec(),
                written: 0,
            }));
        }
        shared.request = request;
        match written {
            Ok(_) => Progress::Pending,
            Err(error) => self.broken(shared, jar, error),
        }
    }

    /// Notes what the system says about the socket; [`handle_ready`](Self::handle_ready) does what
    /// that allows.
    pub(crate) fn note(&mut self, event: &Event) {
        self.link.note(event);
    }

    /// Does what the last event allows.
    pub(crate) fn handle_ready(&mut self, shared: &mut Shared, jar: &mut Jar) -> Progress {
        if self.state == State::Ended {
            return Progress::Pending;
        }
        if !self.link.is_open() {
            let opened = self.link.open(shared);
            shared.traffic += self.link.take_traffic();
            match opened {
                Ok(true) => {}
                Ok(false) => return Progress::Pending,
                Err(error) => return self.end(Err(error)),
            }
        }
        if let Err(error) = self.write_rest(shared) {
            return self.broken(shared, jar, error);
        }
        self.read(shared, jar, None)
    }

    /// What the session is told when its time is over; the connection is of no more use then.
    pub(crate) fn expire(
        &self,
        target: &Target,
        waited: Duration,
        hold: Duration,
    ) -> TransportError {
        if self.link.step() == Step::Tcp {
            self.link.avoid(target);
        }
        self.standing(&[]).timed_out(Late {
            addresses: vec![self.link.address(target)],
            connect: target.settings.connect_timeout,
            waited,
            hold,
            network: target.settings.network_timeout,
        })
    }

    /// Whether TCP and TLS are done.
    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_open()
    }

    /// Whether a request is under way, or waits for the connection.
    #[cfg(test)]
    pub(crate) fn is_busy(&self) -> bool {
        self.state == State::Busy
    }

    /// Whether the next request may be sent on it.
    pub(crate) fn is_reusable(&self) -> bool {
        self.state == State::Idle
    }

    /// Writes as much as the system takes.
    fn write(&mut self, shared: &mut Shared, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        let outcome = loop {
            if written == bytes.len() {
                break self.flush();
            }
            match self.link.write(&bytes[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n_bytes) => written += n_bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_pause(&error) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let traffic = self.link.take_traffic();
        self.sent += traffic.sent;
        shared.traffic += traffic;
        outcome.map(|()| written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.link.flush();
        self.is_flushing = matches!(&flushed, Err(error) if is_pause(error));
        match self.is_flushing {
            true => Ok(()),
            false => flushed,
        }
    }

    fn write_rest(&mut self, shared: &mut Shared) -> io::Result<()> {
        if let Some(mut outgoing) = self.outgoing.take() {
            outgoing.written += self.write(shared, &outgoing.bytes[outgoing.written..])?;
            if outgoing.written < outgoing.bytes.len() {
                self.outgoing = Some(outgoing);
            }
        } else if self.is_flushing {
            self.write(shared, &[])?;
        }
        Ok(())
    }

    /// The request could not be written. A server that refuses a large request answers and closes
    /// before it has read it all, and one that misses a client certificate sends an alert:
    /// either says more than our broken pipe.
    fn broken(&mut self, shared: &mut Shared, jar: &mut Jar, error: io::Error) -> Progress {
        self.link.look_again();
        self.read(shared, jar, Some(error))
    }

    /// Reads what there is. `broken` is why nothing more can be written.
    fn read(
        &mut self,
        shared: &mut Shared,
        jar: &mut Jar,
        mut broken: Option<io::Error>,
    ) -> Progress {
        loop {
            let read = self.link.read(&mut shared.input);
            shared.traffic += self.link.take_traffic();
            let n_bytes = match read {
                Ok(0) => return self.cut_off(shared, jar, broken.take(), None),
                Ok(n_bytes) => n_bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_pause(&error) && broken.is_none() => return Progress::Pending,
                Err(error) => return self.cut_off(shared, jar, broken.take(), Some(error)),
            };
            if self.state != State::Busy {
                self.state = State::Ended;
                return Progress::Closed;
            }
            self.received += n_bytes as u64;
            let max_body = shared.target.settings.max_body;
            let (partial, input) = (self.incoming.take(), &mut shared.input[..n_bytes]);
            match partial {
                None => {
                    let mut scan = Scan::new(max_body);
                    match scan.advance(input) {
                        Ok(Found::Whole) => {
                            let bytes = &shared.input[..n_bytes];
                            let progress = self.answered(&shared.target, jar, &scan, bytes);
                            return self.looked_behind(shared, progress);
                        }
                        Ok(Found::More) => {
                            let bytes = input.to_vec();
                            self.incoming = Some(Box::new(Partial { bytes, scan }));
                        }
                        Err(error) => return self.end(Err(error)),
                    }
                }
                Some(mut partial) => {
                    let Partial { bytes, scan } = &mut *partial;
                    scan.compact(bytes);
                    bytes.extend_from_slice(input);
                    match scan.advance(bytes) {
                        Ok(Found::Whole) => {
                            let progress = self.answered(&shared.target, jar, scan, bytes);
                            return self.looked_behind(shared, progress);
                        }
                        Ok(Found::More) => self.incoming = Some(partial),
                        Err(error) => return self.end(Err(error)),
                    }
                }
            }
        }
    }

    /// The connection has ended, with an error or without.
    fn cut_off(
        &mut self,
        shared: &Shared,
        jar: &mut Jar,
        broken: Option<io::Error>,
        error: Option<io::Error>,
    ) -> Progress {
        if self.state != State::Busy {
            self.state = State::Ended;
            return Progress::Closed;
        }
        if let Some(mut partial) = self.incoming.take() {
            // Without an end of its own a response ends with the connection, if that ends well.
            let is_whole = partial.scan.end() == Found::Whole;
            if is_whole && (error.is_none() || partial.scan.status() != StatusCode::OK) {
                let Partial { bytes, scan } = &*partial;
                return self.answered(&shared.target, jar, scan, bytes);
            }
            self.incoming = Some(partial);
        }
        let is_by_tls = error
            .as_ref()
            .is_some_and(|it| it.get_ref().is_some_and(|it| it.is::<rustls::Error>()));
        let opening = self.incoming.take().map_or(Vec::new(), |it| it.bytes);
        let standing = Standing {
            is_send_broken: broken.is_some(),
            ..self.standing(strange_opening(&opening).unwrap_or(&[]))
        };
        let error = match (broken, error) {
            // The server's reason comes before ours.
            (Some(_), Some(error)) if is_by_tls => error,
            (Some(broken), _) => broken,
            (None, Some(error)) => error,
            (None, None) => io::ErrorKind::UnexpectedEof.into(),
        };
        self.end(Err(failure(&shared.target, error, standing)))
    }

    /// A response is all there.
    fn answered(&mut self, target: &Target, jar: &mut Jar, scan: &Scan, bytes: &[u8]) -> Progress {
        let status = scan.status();
        let is_kept = scan.is_kept_alive(bytes)
            && self.outgoing.is_none()
            && !self.link.is_ending()
            && !answer::may_close_after(status.as_u16());
        self.state = if is_kept { State::Idle } else { State::Ended };
        Progress::Answered(read_response(target, jar, scan, bytes))
    }

    /// After a response there is nothing; to have seen that is what some systems want before they
    /// tell of more.
    fn looked_behind(&mut self, shared: &mut Shared, progress: Progress) -> Progress {
        if self.state == State::Idle && self.link.is_readable() {
            let read = self.link.read(&mut shared.input);
            shared.traffic += self.link.take_traffic();
            if !matches!(read, Err(error) if is_pause(&error)) {
                self.state = State::Ended;
            }
        }
        progress
    }

    /// An exchange has failed, and the connection with it.
    fn end(&mut self, outcome: Result<Body, TransportError>) -> Progress {
        self.state = State::Ended;
        self.outgoing = None;
        self.incoming = None;
        Progress::Answered(outcome)
    }

    fn standing<'a>(&self, strange_opening: &'a [u8]) -> Standing<'a> {
        Standing {
            step: self.link.step(),
            sent: self.sent,
            is_send_broken: false,
            received: self.received,
            strange_opening,
        }
    }
}

/// What a whole response says. Its headers are looked at only where they matter.
fn read_response(
    target: &Target,
    jar: &mut Jar,
    scan: &Scan,
    bytes: &[u8],
) -> Result<Body, TransportError> {
    if scan.has_cookies() {
        jar.store(target, &scan.headers(bytes));
    }
    let (status, body) = (scan.status(), scan.body(bytes));
    if status != StatusCode::OK {
        return answer::read(status, &scan.headers(bytes), body, decode);
    }
    if scan.is_encoded() {
        let headers = scan.headers(bytes);
        let encoding = headers.get(header::CONTENT_ENCODING);
        let encoding = encoding.map_or("", |it| it.to_str().unwrap_or(""));
        return Err(TransportError::Compression {
            source: io::Error::other(format!("nobody asked for this encoding: {encoding}")),
        });
    }
    // The media type is told when the body is not JSON.
    answer::read(status, &HeaderMap::new(), body, decode)
        .or_else(|_| answer::read(status, &scan.headers(bytes), body, decode))
}
