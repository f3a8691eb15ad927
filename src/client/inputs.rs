//! What comes into a client's inbox: what its session is told of it, and its owner.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::protocol::{Body, ConnectionType, Message};
use crate::session::{Stage, Transmit};
use crate::transport::{Exchange, Incoming, Trace, TransportError, Unopened};

use super::driver::Driver;
use super::inbox::Input;
use super::{Client, Notice, Traffic};

impl Client {
    pub(super) fn handle(&mut self, input: Input) {
        match input {
            Input::Wake => self.notices.push_back(Notice::Woken),
            Input::Renewed(Ok(())) => {
                if let Driver::Socket(socket) = &mut self.driver {
                    // Its upgrade carried the old ones.
                    socket.close();
                }
                self.session.reauthorised(Instant::now());
            }
            Input::Renewed(Err(reason)) => {
                self.notices.push_back(Notice::NotReauthorised { reason });
                self.session.unauthorised();
            }
            Input::Exchanged(id, exchange) => {
                let Exchange { outcome, trace } = *exchange;
                self.note_credential(&trace);
                let trace = Some(Box::new(trace));
                match outcome {
                    Ok(body) => {
                        let messages = self.take_body(body, trace);
                        self.session.handle_response(Instant::now(), id, messages);
                    }
                    Err(error) => {
                        let error = self.tell_failed(error, trace);
                        let failure = error.failure();
                        self.session.handle_failure(Instant::now(), id, &failure);
                    }
                }
            }
            Input::Socket(incoming) => self.handle_incoming(incoming),
        }
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Sent(transmit) => {
                self.tell_sent(&transmit);
                self.session.handle_sent(Instant::now(), transmit.exchange);
            }
            Incoming::Messages(body) => {
                let messages = self.take_body(body, None);
                self.session.handle_messages(Instant::now(), messages);
            }
            Incoming::Opened { trace, refused, .. } => {
                self.note_credential(&trace);
                match refused {
                    None => self.tell_exchanged(Vec::new(), Some(trace), None),
                    Some(refused) => self.handle_unopened(*refused, trace),
                }
            }
            Incoming::Closed { error, unsent } => {
                let error = self.tell_failed(error, None);
                self.give_back(&unsent, &error);
                let failure = error.failure();
                self.session.handle_disconnected(Instant::now(), &failure);
            }
        }
    }

    fn handle_unopened(&mut self, refused: Unopened, trace: Box<Trace>) {
        let Unopened {
            error,
            is_upgrade,
            unsent,
        } = refused;
        let spare = self.spare.take_if(|_| is_upgrade && may_help(&error));
        let connection_type = ConnectionType::LongPolling;
        let error = self.tell_failed(error, Some(trace));
        let polling = spare.and_then(|settings| {
            let connects = self.session.connects();
            Driver::polling(connection_type, *settings, connects, &self.poster).ok()
        });
        let Some(polling) = polling.filter(|_| !self.session.was_established()) else {
            return self.give_back(&unsent, &error);
        };
        self.driver = polling;
        self.notices.push_back(Notice::FellBack { error });
        self.session.fall_back(Instant::now(), connection_type);
    }

    /// Hands back what never left.
    fn give_back(&mut self, unsent: &[Transmit], error: &Arc<TransportError>) {
        let mut failure = error.failure();
        failure.stage = Stage::Unsent;
        for transmit in unsent {
            self.session
                .handle_failure(Instant::now(), transmit.exchange, &failure);
        }
    }

    /// Which credentials were sent, and whether others were refused before.
    fn note_credential(&mut self, trace: &Trace) {
        self.credential = trace.credential;
        if trace.refused.is_some() {
            self.notices.push_back(Notice::Reauthorised);
        }
    }

    /// Tells of what is odd in a body, and of its messages.
    fn take_body(&mut self, body: Body, trace: Option<Box<Trace>>) -> Vec<Message> {
        self.notices
            .extend(body.findings.into_iter().map(Notice::Odd));
        let odd = body.messages.iter().flat_map(Message::findings);
        self.notices.extend(odd.cloned().map(Notice::Odd));
        if self.traffic == Traffic::Shown {
            self.tell_exchanged(body.messages.clone(), trace, None);
        }
        body.messages
    }

    pub(super) fn tell_sent(&mut self, transmit: &Transmit) {
        if self.traffic == Traffic::Shown {
            let (time, messages) = (SystemTime::now(), transmit.messages.clone());
            self.notices.push_back(Notice::Sent { time, messages });
        }
    }

    fn tell_failed(
        &mut self,
        error: TransportError,
        trace: Option<Box<Trace>>,
    ) -> Arc<TransportError> {
        let error = Arc::new(error);
        self.tell_exchanged(Vec::new(), trace, Some(Arc::clone(&error)));
        error
    }

    fn tell_exchanged(
        &mut self,
        messages: Vec<Message>,
        trace: Option<Box<Trace>>,
        error: Option<Arc<TransportError>>,
    ) {
        if self.traffic == Traffic::Shown {
            self.notices.push_back(Notice::Exchanged {
                time: SystemTime::now(),
                messages,
                trace,
                error,
            });
        }
    }
}

/// Whether long polling may work where the upgrade failed: credentials are wanted there as well.
fn may_help(error: &TransportError) -> bool {
    match error {
        TransportError::UpgradeRefused(refusal) => !matches!(refusal.status, 401 | 407),
        _ => true,
    }
}
