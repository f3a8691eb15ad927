//! A connection while it carries requests: its turns, and how long it may take for what.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use super::exchanges::{Exchanges, Step};
use super::pipe::{Advance, Pipe};
use super::turn::{Caller, MOST_AT_ONCE, Turn};
use crate::server::broker::{Answer, HoldId};
use crate::server::fault::Passage;
use crate::server::hub::Hub;
use crate::server::upgrade::Upgrade;
use crate::server::{Event, Settings};

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Responses to requests that came together leave together, up to these many bytes.
const MOST_TOGETHER: usize = 64 * 1024;

/// A connection for requests and their responses.
pub(super) struct Http {
    pub(super) pipe: Pipe,
    pub(super) exchanges: Exchanges,
    /// When the present request, or the handshake of TLS, began; without one, when the last one
    /// was over.
    since: Instant,
}

/// What a turn of requests and responses came to.
pub(super) enum Outcome {
    Turn(Turn),
    Last,
    /// A fault ends all that is sent.
    Silent,
    Upgraded(Start),
}

/// How a websocket begins.
pub(super) struct Start {
    pub(super) caller: Caller,
    pub(super) upgrade: Box<Upgrade>,
    pub(super) passage: Passage,
    pub(super) rest: Vec<u8>,
}

/// What became of a connection that let its deadline pass.
pub(super) enum Late {
    /// It was told so.
    Told,
    Over,
}

impl Http {
    pub(super) fn new(pipe: Pipe, exchanges: Exchanges, now: Instant) -> Self {
        Self {
            pipe,
            exchanges,
            since: now,
        }
    }

    pub(super) fn turn(&mut self, hub: &mut Hub, scratch: &mut [u8]) -> io::Result<Outcome> {
        let was_blocked = self.pipe.is_blocked();
        let was_midway = self.is_midway();
        let mut is_progress = false;
        if self.pipe.advance(hub.now)? == Advance::Silent {
            return Ok(Outcome::Silent);
        }
        self.pipe.send_waiting()?;
        let mut turn = Turn::Unfinished;
        for _ in 0..MOST_AT_ONCE {
            // Who takes no responses is not heard: that bounds what waits.
            if self.pipe.is_blocked() {
                turn = Turn::Waits;
                break;
            }
            match self.exchanges.step(hub, &mut self.pipe) {
                Step::Done => {
                    is_progress = true;
                    if self.pipe.n_waiting() > MOST_TOGETHER {
                        self.pipe.send_waiting()?;
                    }
                }
                Step::NeedsMore => match self.pipe.read(scratch) {
                    Ok(0) => {
                        self.pipe.send_waiting()?;
                        return Ok(Outcome::Turn(Turn::Over));
                    }
                    Ok(n_read) => self.exchanges.push(&scratch[..n_read]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        turn = Turn::Waits;
                        break;
                    }
                    Err(error) => return Err(error),
                },
                Step::Last => return Ok(Outcome::Last),
                Step::Upgraded(upgrade, passage, rest) => {
                    return Ok(Outcome::Upgraded(Start {
                        caller: self.exchanges.caller(),
                        upgrade,
                        passage,
                        rest,
                    }));
                }
            }
        }
        if !self.pipe.is_blocked() {
            self.pipe.send_waiting()?;
        } else {
            // Steps that were just pushed.
            match self.pipe.advance(hub.now)? {
                Advance::Silent => return Ok(Outcome::Silent),
                Advance::Goes if !self.pipe.is_blocked() => turn = Turn::Unfinished,
                Advance::Goes => {}
            }
        }
        // Not for each event: records of TLS with nothing in them would keep a connection for ever.
        if is_progress || was_blocked || self.is_midway() != was_midway {
            self.since = hub.now;
        }
        Ok(Outcome::Turn(turn))
    }

    /// The response to the connect that is held has come.
    pub(super) fn answer_held(&mut self, hub: &Hub, hold: HoldId, answer: Answer) -> Step {
        let step = self
            .exchanges
            .answer_held(hub, &mut self.pipe, hold, answer);
        self.since = hub.now;
        step
    }

    pub(super) fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        if self.pipe.is_blocked() {
            self.pipe.deadline(now, settings.response_timeout)
        } else if self.is_midway() {
            self.since.checked_add(settings.request_timeout)
        } else if self.exchanges.is_held() {
            None
        } else {
            self.since.checked_add(IDLE_TIMEOUT)
        }
    }

    pub(super) fn handle_timeout(&mut self, hub: &mut Hub) -> Late {
        if self.pipe.is_blocked() {
            hub.observe(&Event::Dropped {
                peer: self.exchanges.caller().peer,
                reason: "the client does not take the response that is sent to it",
            });
            Late::Over
        } else if !self.exchanges.is_idle() {
            self.exchanges.time_out(hub, &mut self.pipe);
            Late::Told
        } else {
            if self.is_midway() {
                hub.observe(&Event::Dropped {
                    peer: self.exchanges.caller().peer,
                    reason: "TLS was not agreed in time",
                });
            }
            Late::Over
        }
    }

    /// Whether the client has begun something that it has to finish in time: a request, or the
    /// handshake of TLS before the first one.
    fn is_midway(&self) -> bool {
        !self.exchanges.is_idle() || self.pipe.is_shaking_hands()
    }
}
