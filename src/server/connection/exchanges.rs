//! The requests and responses of one connection, without its socket: bytes of requests go in,
//! those of responses come out, in the order of the requests.
//!
//! At most one connect is held. Its response comes when the broker releases it, or when the
//! client sends on: then it is released at once, since nothing may overtake it.

use std::sync::Arc;

use ureq_proto::http::StatusCode;

use super::pipe::Pipe;
use super::turn::Caller;
use crate::protocol::Message;
use crate::server::broker::{self, Answer, Handled, HoldId, rest};
use crate::server::fault::{Instead, Passage};
use crate::server::http::{Head, Received, Receiver, Request};
use crate::server::hub::Hub;
use crate::server::origin::Access;
use crate::server::readable::{Unreadable, readable};
use crate::server::refused::Refused;
use crate::server::response::{self, Form, Persistence};
use crate::server::upgrade::Upgrade;
use crate::server::{Event, Flavor};

pub(super) struct Exchanges {
    caller: Caller,
    receiver: Receiver,
    held: Option<Held>,
}

/// A connect whose response is to come.
struct Held {
    hold: HoldId,
    persistence: Persistence,
    form: Form,
}

/// What a step came to.
pub(super) enum Step {
    /// Nothing more can be done with what was pushed.
    NeedsMore,
    /// The client was sent something, or its connect is held.
    Done,
    /// Once everything was sent, the connection is of no further use.
    Last,
    /// The connection goes on as a websocket, with these bytes, which came already.
    Upgraded(Box<Upgrade>, Passage, Vec<u8>),
}

impl Exchanges {
    pub(super) fn new(caller: Caller, hub: &Hub) -> Self {
        Self {
            caller,
            receiver: Receiver::new(Arc::clone(&hub.limits)),
            held: None,
        }
    }

    /// Takes bytes from the client.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // What comes after a request that said it is the last is nobody's to carry out
        // (RFC 9112, 9.6).
        if !self.is_last_held() {
            self.receiver.push(bytes);
        }
    }

    /// Carries out the next request, if it is there.
    pub(super) fn step(&mut self, hub: &mut Hub, pipe: &mut Pipe) -> Step {
        if self.is_last_held() {
            return Step::NeedsMore;
        }
        match self.receiver.poll() {
            Received::NeedsMore => Step::NeedsMore,
            Received::Continue(line) => {
                self.settle(hub, pipe);
                pipe.push(line);
                Step::Done
            }
            Received::Refused(refused) => {
                self.refuse(hub, pipe, &refused);
                Step::Last
            }
            Received::Upgrade(upgrade, rest) => {
                self.settle(hub, pipe);
                let (instead, passage) = hub.upgrade();
                if let Some(instead) = instead {
                    // Browsers show no page what came in place of an upgrade.
                    let form = (&Access::default(), Persistence::Close);
                    self.answer_instead(hub, pipe, instead, &passage, form);
                    return Step::Last;
                }
                Step::Upgraded(Box::new(upgrade), passage, rest)
            }
            Received::Answered(response, persistence) => {
                self.settle(hub, pipe);
                pipe.push(response);
                self.after(persistence)
            }
            Received::Page(request) => {
                self.settle(hub, pipe);
                pipe.push(hub.page(&request));
                self.after(request.persistence)
            }
            Received::Request(request) => {
                self.settle(hub, pipe);
                let persistence = request.head.persistence;
                self.answer(hub, pipe, request);
                self.after(persistence)
            }
        }
    }

    /// The response to the connect that is held has come.
    pub(super) fn answer_held(
        &mut self,
        hub: &Hub,
        pipe: &mut Pipe,
        hold: HoldId,
        answer: Answer,
    ) -> Step {
        match self.held.take_if(|held| held.hold == hold) {
            Some(held) => {
                self.respond(hub, pipe, &held.form, held.persistence, &answer);
                self.after(held.persistence)
            }
            None => Step::NeedsMore,
        }
    }

    /// The present request took too long.
    pub(super) fn time_out(&mut self, hub: &mut Hub, pipe: &mut Pipe) {
        self.refuse(hub, pipe, &Refused::timed_out());
    }

    /// The connection is gone, or no longer for requests.
    pub(super) fn end(&mut self, hub: &mut Hub) {
        if let Some(held) = self.held.take() {
            hub.hold_gone(held.hold);
        }
    }

    /// Whether nothing of a next request has come.
    pub(super) fn is_idle(&self) -> bool {
        self.receiver.is_idle()
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller
    }

    /// Whether a connect is held after which the connection ends.
    fn is_last_held(&self) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|it| it.persistence == Persistence::Close)
    }

    fn after(&self, persistence: Persistence) -> Step {
        match persistence {
            Persistence::Close if !self.is_held() => Step::Last,
            _ => Step::Done,
        }
    }

    fn answer(&mut self, hub: &mut Hub, pipe: &mut Pipe, request: Request) {
        let Request { head, body } = request;
        let Caller { peer, token } = self.caller;
        let settings = Arc::clone(&hub.settings);
        if settings.flavor == Flavor::Salesforce && head.path.starts_with(rest::PATH) {
            return self.answer_post(hub, pipe, &head, &body);
        }
        let path = settings.path.trim_end_matches('/');
        let below = head.path.strip_prefix(path).unwrap_or_default();
        let body = match readable(&body) {
            Ok(body) => body,
            Err(unreadable) => {
                let (status, reason) = match unreadable {
                    Unreadable::Broken(reason) => (StatusCode::BAD_REQUEST, reason),
                    Unreadable::TooMany(reason) => (StatusCode::PAYLOAD_TOO_LARGE, reason),
                };
                hub.observe(&Event::Refused {
                    peer,
                    status: status.as_u16(),
                    reason: &reason,
                });
                return pipe.push(response::text(
                    status,
                    &reason,
                    &head.form.access,
                    head.persistence,
                ));
            }
        };
        let messages: &[Message] = &body.messages;
        let connection_type = head.form.connection_type();
        hub.observe(&Event::Received {
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
            user_agent: head.user_agent.as_deref(),
        };
        match hub.handle(request, token) {
            Handled::Answer(answer) => {
                self.respond(hub, pipe, &head.form, head.persistence, &answer);
            }
            Handled::Unauthorised(reason) => {
                hub.observe(&Event::Refused {
                    peer,
                    status: 401,
                    reason,
                });
                let status = StatusCode::UNAUTHORIZED;
                pipe.push(response::text(
                    status,
                    reason,
                    &head.form.access,
                    head.persistence,
                ));
            }
            Handled::Instead(instead) => {
                let form = (&head.form.access, head.persistence);
                self.answer_instead(hub, pipe, instead, &Passage::default(), form);
            }
            Handled::Held(hold) => {
                self.held = Some(Held {
                    hold,
                    persistence: head.persistence,
                    form: head.form,
                });
            }
        }
    }

    /// A request to the other path that takes one.
    fn answer_post(&self, hub: &mut Hub, pipe: &mut Pipe, head: &Head, body: &[u8]) {
        let below = head.path.strip_prefix(rest::PATH).unwrap_or_default();
        let posted = hub.post(head.bearer.as_deref(), below, body);
        hub.observe(&Event::Posted {
            peer: self.caller.peer,
            path: &head.path,
            status: posted.status,
        });
        let status =
            StatusCode::from_u16(posted.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        pipe.push(response::json(
            status,
            &posted.body,
            &head.form.access,
            head.persistence,
        ));
    }

    fn respond(
        &self,
        hub: &Hub,
        pipe: &mut Pipe,
        form: &Form,
        persistence: Persistence,
        answer: &Answer,
    ) {
        let messages: &[Arc<Message>] = &answer.messages;
        let peer = self.caller.peer;
        hub.observe(&match answer.superseded {
            None => Event::Sent {
                peer,
                connection_type: form.connection_type(),
                messages,
            },
            Some(status) => Event::Refused {
                peer,
                status,
                reason: response::SUPERSEDED,
            },
        });
        let text = answer.passage.encode(messages);
        let wire = hub.settings.flavor.wire();
        let response = response::answer(answer, &text, form, wire, persistence);
        match answer.passage.is_sound() {
            true => pipe.push(response),
            false => pipe.push_steps(answer.passage.steps(response)),
        }
    }

    /// A fault takes the place of a response.
    fn answer_instead(
        &self,
        hub: &Hub,
        pipe: &mut Pipe,
        instead: Instead,
        passage: &Passage,
        (access, persistence): (&Access, Persistence),
    ) {
        hub.observe(&Event::Disturbed {
            peer: self.caller.peer,
            status: instead.status(),
        });
        let response = response::instead(instead, &access.header_lines(), persistence);
        match passage.is_sound() {
            true => pipe.push(response),
            false => pipe.push_steps(passage.steps(response)),
        }
    }

    /// Before anything else is answered: the client sends on while its connect is held, which
    /// is answered now.
    fn settle(&mut self, hub: &mut Hub, pipe: &mut Pipe) {
        if let Some(held) = self.held.take()
            && let Some(answer) = hub.release(held.hold)
        {
            self.respond(hub, pipe, &held.form, held.persistence, &answer);
        }
    }

    fn refuse(&mut self, hub: &mut Hub, pipe: &mut Pipe, refused: &Refused) {
        self.settle(hub, pipe);
        hub.observe(&Event::Refused {
            peer: self.caller.peer,
            status: refused.status.as_u16(),
            reason: &refused.reason,
        });
        pipe.push(refused.response());
    }
}
