//! One request from its first message to its answer: what stands against each message, who
//! carries it out, and in which order replies and deliveries leave.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Broker;
use super::dialect::Deliveries;
use super::exchange::{Handled, Request};
use super::extension::{Carriers, Reply};
use super::keys::{HoldId, LinkId, SessionKey};
use super::refusal::Refusal;
use super::sessions::Before;
use crate::protocol::{Message, meta};
use crate::server::fault::{self, Effects};

/// What one call of [`Broker::handle`] gathers.
pub(super) struct Turn<'a> {
    pub(super) request: Request<'a>,
    /// The link over which the request came, if it came over one.
    pub(super) link: Option<LinkId>,
    /// The session whose deliveries go into the response. Messages of further sessions in
    /// the same request are carried out, but their deliveries go to their own connects.
    pub(super) sender: Option<SessionKey>,
    pub(super) deliveries: Vec<Arc<Message>>,
    /// Values of `Set-Cookie`.
    pub(super) set_cookies: Vec<String>,
    /// What [`Answer::retry_after`](super::Answer::retry_after) will be.
    pub(super) retry_after: Option<Duration>,
}

/// What becomes of a connect.
pub(super) enum Connected {
    Reply(Arc<Message>),
    Held(HoldId),
}

impl Broker {
    /// Carries out a request, which may have come over a link.
    pub(super) fn handle_from(
        &mut self,
        now: Instant,
        link: Option<LinkId>,
        request: Request<'_>,
    ) -> Handled {
        if let Some(line) = self.unauthorised(&request) {
            return Handled::Unauthorised(line);
        }
        let effects = self.effects(now, &request);
        if link.is_none()
            && let Some(instead) = effects.iter().find_map(Effects::instead)
        {
            return Handled::Instead(instead);
        }
        let mut turn = Turn {
            request,
            link,
            sender: None,
            deliveries: Vec::new(),
            set_cookies: Vec::new(),
            retry_after: None,
        };
        let habits = self.dialect.habits();
        let mut messages: Vec<(usize, &Message)> = request.messages.iter().enumerate().collect();
        if habits.holds_batches {
            // The connect last, and with it all of them.
            messages.sort_by_key(|(_, message)| message.channel() == meta::CONNECT);
        }
        let handshake = messages
            .iter()
            .position(|(_, message)| message.channel() == meta::HANDSHAKE)
            .filter(|_| habits.handshakes_alone);
        let mut replies = Vec::with_capacity(messages.len());
        for (at, &(place, message)) in messages.iter().enumerate() {
            let effects_here = effects.get(place).unwrap_or(&fault::NONE);
            self.disturb(effects_here, message);
            let objection = self
                .objection(now, &request, message)
                .or_else(|| self.disturbed(effects_here, &turn, message));
            if let Some(refusal) = objection {
                let reply = Arc::new(self.dialect.refused(message, &refusal));
                replies.push(effects_here.alter(reply));
                continue;
            }
            let played = self.played(message);
            if let Some(played) = played.as_ref().filter(|it| !it.is_carried_out()) {
                let id = self.dialect.id(message);
                let reply = played.reply(id.as_ref(), message.client_id());
                replies.push(effects_here.alter(reply));
                continue;
            }
            let reply = match (
                self.message_objection(message),
                handshake,
                message.channel(),
            ) {
                (Some(refusal), _, _) => Arc::new(self.dialect.refused(message, &refusal)),
                (None, Some(handshake), _) if handshake != at => {
                    Arc::new(self.dialect.refused(message, &Refusal::HandshakeBatched))
                }
                (None, _, meta::CONNECT) => {
                    match self.connect(now, &mut turn, message, (effects_here, &played)) {
                        Connected::Reply(reply) => reply,
                        // Only the last one of a request is held.
                        Connected::Held(hold) => {
                            self.refuse_unreadable(&request, &mut replies);
                            let others = effects.iter().enumerate().filter(|(it, _)| *it != place);
                            let before = Before {
                                replies,
                                effects: others.map(|(_, it)| it.clone()).collect(),
                            };
                            self.hold_back(hold, before);
                            self.wake(now);
                            return Handled::Held(hold);
                        }
                    }
                }
                _ => {
                    let reply = self.carry_out(now, &mut turn, message);
                    let reply =
                        reply.unwrap_or_else(|refusal| self.dialect.refused(message, &refusal));
                    self.extended(now, message, reply).into()
                }
            };
            if message.channel() == meta::SUBSCRIBE && reply.successful() == Some(true) {
                self.greet(now, message);
            }
            let client_id = reply.client_id().or(message.client_id());
            let reply = match &played {
                Some(played) => played.reply(self.dialect.id(message).as_ref(), client_id),
                None => reply,
            };
            replies.push(effects_here.alter(reply));
        }
        self.refuse_unreadable(&request, &mut replies);
        let sender = turn.sender.filter(|_| self.dialect.delivers_with(&request));
        let sender = sender.and_then(|key| self.sessions.get_mut(key));
        // What is pushed over another link must not overtake what waits there already.
        let sender = sender.filter(|it| {
            it.extensions.carriers() == Carriers::All && (it.link.is_none() || it.link == link)
        });
        let mut deliveries = turn.deliveries;
        deliveries.extend(sender.into_iter().flat_map(|sender| sender.queue.take()));
        let messages = match (habits.deliveries, link) {
            // A link gets them as soon as there is one.
            (Deliveries::BeforeReply, _) | (_, Some(_)) => joined(deliveries, replies),
            (Deliveries::BehindReply, None) => joined(replies, deliveries),
        };
        self.wake(now);
        let mut answer = self.with_cookies(request.cookies, messages);
        answer.set_cookies.append(&mut turn.set_cookies);
        answer.retry_after = turn.retry_after;
        Handled::Answer(self.on_the_way(answer, &effects, turn.sender))
    }

    /// Replies to what is no message in a request.
    fn refuse_unreadable(&self, request: &Request<'_>, replies: &mut Vec<Arc<Message>>) {
        if request.n_unreadable > 0 {
            // One for all of them: there may be as many as a body has bytes.
            let unreadable = Arc::new(self.dialect.unreadable());
            replies.extend(iter::repeat_n(unreadable, request.n_unreadable));
        }
    }

    /// The reply to a message that is no connect, with what its session's extensions add.
    fn extended(&mut self, now: Instant, message: &Message, reply: Message) -> Message {
        if !message.channel().starts_with("/meta/") {
            return reply;
        }
        // The reply to a handshake has the client id of the new session.
        let client_id = match message.channel() {
            meta::HANDSHAKE => reply.client_id(),
            _ => message.client_id(),
        };
        let client_id = client_id.unwrap_or("");
        let key = self.sessions.find(client_id);
        match key.and_then(|key| self.sessions.get_mut(key)) {
            Some(session) => {
                let (now, to) = (self.clock.at(now), Reply::Other(message));
                session.extensions.extended(now, reply, to)
            }
            None => reply,
        }
    }
}

/// One list after the other.
pub(super) fn joined(
    mut first: Vec<Arc<Message>>,
    mut second: Vec<Arc<Message>>,
) -> Vec<Arc<Message>> {
    first.append(&mut second);
    first
}
