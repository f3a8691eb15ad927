//! A websocket of a check.

use std::time::{Duration, Instant};

use super::transcript::{Exchange, Received, Transcript};
use super::{Obstacle, Subject};
use crate::protocol::{Message, decode};
use crate::transport::{Header, RawSocket, Refused, Trace, TransportError};

/// An open websocket.
#[derive(Debug)]
pub(super) struct Socket {
    socket: RawSocket,
    transcript: Transcript,
    until: Instant,
    /// The upgrade.
    pub(super) trace: Option<Box<Trace>>,
}

/// What came of an upgrade.
pub(super) struct Upgrade {
    pub(super) outcome: Result<Socket, Refused>,
}

impl Upgrade {
    /// Asks for a websocket, with these header lines beside those of every upgrade.
    pub(super) fn ask(subject: &Subject, headers: &[&str]) -> Result<Self, Obstacle> {
        let mut settings = subject.settings().transport.clone();
        for line in headers {
            let header = line.parse::<Header>();
            settings
                .headers
                .push(header.map_err(|error| Obstacle::Inapplicable(error.to_string()))?);
        }
        let path = settings.endpoint.path().to_owned();
        let started = Instant::now();
        let (outcome, trace) = RawSocket::open(settings, subject.until());
        let transcript = subject.transcript();
        transcript.add(Exchange {
            asked: format!("GET {path} (upgrade to a websocket)"),
            headers: headers.iter().map(|&it| it.to_owned()).collect(),
            sent: String::new(),
            received: match (&outcome, &trace) {
                (Ok(_), Some(trace)) => {
                    Received::response(trace.status.unwrap_or_default(), trace, &[])
                }
                (Ok(_), None) => Received::Frame(String::new()),
                (Err(refused), _) => Received::Nothing(refused.error.to_string()),
            },
            took: started.elapsed(),
        });
        let until = subject.until();
        let outcome = outcome.map(|socket| Socket {
            socket,
            transcript,
            until,
            trace,
        });
        Ok(Self { outcome })
    }
}

impl Socket {
    /// Opens one; a server that refuses has none to check.
    pub(super) fn open(subject: &Subject) -> Result<Self, Obstacle> {
        match Upgrade::ask(subject, &[])?.outcome {
            Ok(socket) => Ok(socket),
            Err(Refused {
                error: error @ TransportError::UpgradeRefused(_),
                ..
            }) => Err(Obstacle::Inapplicable(error.to_string())),
            Err(refused) => Err(refused.error.into()),
        }
    }

    /// Sends a text.
    pub(super) fn send(&mut self, text: &str) -> Result<(), Obstacle> {
        self.transcript.add(Exchange {
            asked: "websocket frame".to_owned(),
            headers: Vec::new(),
            sent: text.to_owned(),
            received: Received::Nothing(String::new()),
            took: Duration::ZERO,
        });
        Ok(self.socket.send(text, self.until)?)
    }

    /// The text of the next frame, if one comes within this time.
    pub(super) fn next(&mut self, patience: Duration) -> Result<Option<String>, Obstacle> {
        let until = (Instant::now() + patience).min(self.until);
        let started = Instant::now();
        let came = self.socket.next(until)?;
        if let Some(text) = &came {
            self.transcript.add(Exchange {
                asked: String::new(),
                headers: Vec::new(),
                sent: String::new(),
                received: Received::Frame(text.clone()),
                took: started.elapsed(),
            });
        }
        Ok(came)
    }

    /// The messages of the next frame.
    pub(super) fn messages(
        &mut self,
        patience: Duration,
    ) -> Result<Option<Vec<Message>>, Obstacle> {
        let Some(text) = self.next(patience)? else {
            return Ok(None);
        };
        let body = decode(text.as_bytes())
            .map_err(|error| Obstacle::Unusable(format!("no messages in the frame: {error}")))?;
        Ok(Some(body.messages))
    }

    /// What follows is no part of the check, and has time until then.
    pub(super) fn take_leave(&mut self, until: Instant) {
        self.until = until;
        self.transcript = Transcript::default();
    }

    pub(super) fn close(self) {
        self.socket.close();
    }
}
