//! The responses of one connection: those of the server, passed on as they come or whole.

use std::io;

use super::{Answered, Awaited, Copy, Exchanges, Incoming, Upgraded, push, too_long};
use crate::protocol::{Body, Message, encode};
use crate::proxy::event::{Side, What};
use crate::proxy::exchange::{Passed, PassedBody};
use crate::proxy::heads::{ResponseHead, with_body};
use crate::proxy::http1::{Part, Strange};
use crate::proxy::hub::Hub;
use crate::proxy::readable::{self, Kind};
use crate::proxy::talk::Ways;
use crate::traffic::{self, Seen};

impl Exchanges {
    /// Passes on responses. What is no HTTP has been passed on as well.
    pub(in crate::proxy) fn server_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<Result<Answered, Strange>> {
        let keeps = self.is_armed && !self.awaited.is_empty() && self.wants_whole(hub);
        if !keeps {
            ways.client.send(bytes)?;
        }
        let mut at = 0;
        let mut kept = Vec::new();
        loop {
            let method = self.awaited.front().map_or("", |it| it.method.as_str());
            let rest = &bytes[at..];
            let (used, part) = match self.responses.response(rest, method) {
                Ok(found) => found,
                Err(strange) => {
                    if keeps {
                        kept.extend(self.take_response());
                        ways.client.send(&kept)?;
                        ways.client.send(rest)?;
                    }
                    return Ok(Err(strange));
                }
            };
            let looked_at = &rest[..used];
            at += used;
            if keeps {
                match self.response.as_mut().and_then(|it| it.kept.as_mut()) {
                    Some(kept) => kept.extend_from_slice(looked_at),
                    // What of a head came before is in the head.
                    None => match &part {
                        Some(Part::Response(_)) | None => {}
                        Some(_) => kept.extend_from_slice(looked_at),
                    },
                }
            }
            match part {
                Some(Part::Response(head)) if head.is_interim() => {
                    if keeps {
                        ways.client.send(&head.raw)?;
                    }
                }
                Some(Part::Response(head)) if head.status == 101 => {
                    let treatment = self.awaited.front().map(|it| it.treatment.clone());
                    if let Some(mut awaited) = self.awaited.pop_front() {
                        let response = Passed {
                            head: head.raw.clone(),
                            body: PassedBody::default(),
                        };
                        self.tell_exchange(hub, &mut awaited, response, hub.now, &[]);
                    }
                    if keeps {
                        push(ways, &treatment.unwrap_or_default(), head.raw);
                    }
                    return Ok(Ok(Answered::Upgraded(Upgraded {
                        extensions: head.extensions,
                        frames_at: at,
                        is_passed_on: !keeps,
                        held_back: self.take_held_back(),
                    })));
                }
                Some(Part::Response(head)) => {
                    self.response = Some(Incoming {
                        kept: keeps.then(|| head.raw.clone()),
                        head: *head,
                        body: Copy::default(),
                        since: hub.now,
                        begun: None,
                    });
                }
                Some(Part::Body(part)) => {
                    if let Some(response) = &mut self.response {
                        let body = &looked_at[part];
                        response.body.take(body, hub.settings.max_body);
                        if response.body.is_too_long
                            && let Some(kept) = &mut response.kept
                        {
                            // It passes as it comes from here on.
                            ways.client.send(&std::mem::take(kept))?;
                        }
                    }
                }
                Some(Part::End) => {
                    self.answered(hub, ways)?;
                    if !self.holds_back() && !self.held_back.is_empty() {
                        // What else has come is of a response that nobody asked for yet.
                        return Ok(Ok(Answered::Released(self.take_held_back())));
                    }
                }
                Some(Part::Request(_)) | None => return Ok(Ok(Answered::Stays)),
            }
        }
    }

    /// The server sends nothing more: what was kept of a response is all there will be.
    pub(in crate::proxy) fn server_ended(
        &mut self,
        hub: &Hub,
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        if self.responses.ends_with_connection() {
            return self.answered(hub, ways);
        }
        let kept = self.take_response();
        ways.client.send(&kept)
    }

    /// Whether the response that comes, or comes next, has to be there before it is passed on.
    fn wants_whole(&self, hub: &Hub) -> bool {
        if let Some(response) = &self.response {
            return response.kept.is_some();
        }
        let first = self.awaited.front();
        first.is_some_and(|it| {
            let is_delivery = it.kind != Kind::Other && hub.disturbance().concerns_deliveries();
            is_delivery || !it.treatment.is_nothing() || it.is_upgrade
        })
    }

    fn take_response(&mut self) -> Vec<u8> {
        let kept = self.response.as_mut().and_then(|it| it.kept.take());
        let mut all = kept.unwrap_or_default();
        if self.responses.is_in_head() && self.is_armed {
            all.extend(self.responses.take_kept());
        }
        all
    }

    /// A response is whole.
    fn answered(&mut self, hub: &Hub, ways: &mut Ways<'_>) -> io::Result<()> {
        let Some(Incoming {
            head,
            body,
            kept,
            since,
            ..
        }) = self.response.take()
        else {
            return Ok(());
        };
        let Some(mut awaited) = self.awaited.pop_front() else {
            return match kept {
                Some(kept) => ways.client.send(&kept),
                None => Ok(()),
            };
        };
        if !hub.is_observed() && kept.is_none() {
            return Ok(());
        }
        let limit = hub.settings.max_body;
        let readable = match body.is_too_long {
            true => Err(too_long(hub)),
            false => readable::of_response(&awaited.kind, &head, &body.bytes, limit),
        };
        let messages = readable.unwrap_or_else(|reason| {
            let from = Side::Server;
            hub.tell(self.connection, What::Unread { from, reason });
            Some(Body::default())
        });
        let content_type = head.content_type.clone();
        if messages.is_none() {
            let path = awaited.target.split('?').next().unwrap_or_default();
            let other = What::Other {
                method: awaited.method.clone(),
                path: path.to_owned(),
                status: head.status,
                content_type,
                latency: hub.now.saturating_duration_since(awaited.since),
            };
            hub.tell(self.connection, other);
        }
        let mut messages = messages.unwrap_or_default();
        let mut altered = None;
        if let Some(kept) = kept.filter(|it| !it.is_empty()) {
            altered = self.disturb(hub, ways, &awaited, (&head, kept), &mut messages);
        }
        if awaited.begun.is_some() {
            let response = altered.unwrap_or_else(|| Passed {
                head: head.raw.clone(),
                body: match body.is_too_long {
                    true => PassedBody::LeftOut(too_long(hub)),
                    false => PassedBody::Whole(body.bytes),
                },
            });
            self.tell_exchange(hub, &mut awaited, response, since, &messages.messages);
        }
        let head = traffic::ResponseHead {
            status: head.status,
            content_type: head.content_type,
            cookies_set: head.set_cookies,
        };
        self.tell_response(hub, &awaited, head, messages);
        Ok(())
    }

    /// Passes a response on as the faults want it; `messages` are then what the client gets, and
    /// so is what this returns, if it is another one.
    fn disturb(
        &mut self,
        hub: &Hub,
        ways: &mut Ways<'_>,
        awaited: &Awaited,
        (head, kept): (&ResponseHead, Vec<u8>),
        messages: &mut Body,
    ) -> Option<Passed> {
        let treatment = &awaited.treatment;
        let mut disturbance = hub.disturbance();
        let (treated, is_changed) =
            disturbance.treat_for(hub.now, treatment, messages, &awaited.client_id);
        drop(disturbance);
        let sound = encode(treated.iter().map(AsRef::as_ref));
        let text = treatment.passage.encode(&treated);
        let is_bayeux = awaited.kind != Kind::Other && !messages.messages.is_empty();
        if !is_bayeux || !is_changed && text == sound {
            push(ways, treatment, kept);
            return None;
        }
        messages.messages = treated.iter().map(|it| Message::clone(it)).collect();
        let text = match &awaited.kind {
            Kind::CallbackPolling(callback) => callback.call(&text),
            Kind::LongPolling | Kind::Other => text,
        };
        let response = with_body(&head.raw, &[], text.as_bytes());
        let altered = awaited.begun.as_ref().map(|_| Passed::of(&response));
        push(ways, treatment, response);
        altered
    }

    /// Tells of the messages of a response, the server's or the proxy's own.
    pub(super) fn tell_response(
        &self,
        hub: &Hub,
        awaited: &Awaited,
        head: traffic::ResponseHead,
        body: Body,
    ) {
        if awaited.kind != Kind::Other {
            let head = Some(head);
            let seen = Seen::Response { body, head };
            hub.tell_seen(self.connection, awaited.kind.connection_type(), seen);
        }
    }
}
