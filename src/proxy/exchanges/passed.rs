//! What is told of the exchanges to whoever records them.

use std::time::Instant;

use super::{Awaited, Copy, Exchanges, too_long};
use crate::protocol::Message;
use crate::proxy::exchange::{Passed, PassedBody};
use crate::proxy::hub::Hub;

impl Exchanges {
    /// Tells of requests whose response did not come, or only a part of it.
    pub(in crate::proxy) fn end(&mut self, hub: &Hub) {
        let awaited = self.awaited.iter_mut().filter_map(|it| it.begun.take());
        let request = self.request.as_mut().and_then(|it| it.begun.take());
        for begun in awaited.chain(request) {
            begun.end(hub, self.connection, Passed::default(), None, &[]);
        }
    }

    /// Tells of the proxy's own answer to the request that is the next to be answered.
    pub(in crate::proxy) fn answered_here(&mut self, hub: &Hub, response: &[u8]) {
        let awaited = self.awaited.front_mut().map(|it| &mut it.begun);
        let request = self.request.as_mut().map(|it| &mut it.begun);
        if let Some(begun) = awaited.or(request).and_then(Option::take) {
            let response = Passed::of(response);
            begun.end(hub, self.connection, response, Some(hub.now), &[]);
        }
    }

    /// The body of a request as it is recorded. However many requests a client sends at once,
    /// no more is kept of them than of one.
    pub(super) fn body_of_request(&self, hub: &Hub, body: &Copy) -> PassedBody {
        let kept = self.awaited.iter().filter_map(|it| it.begun.as_ref());
        let n_kept: usize = kept.map(|it| it.request.body.n_bytes()).sum();
        match body.is_too_long || n_kept + body.bytes.len() > hub.settings.max_body {
            true => PassedBody::LeftOut(too_long(hub)),
            false => PassedBody::Whole(body.bytes.clone()),
        }
    }

    pub(super) fn tell_exchange(
        &self,
        hub: &Hub,
        awaited: &mut Awaited,
        response: Passed,
        first_byte: Instant,
        messages: &[Message],
    ) {
        if let Some(begun) = awaited.begun.take() {
            begun.end(hub, self.connection, response, Some(first_byte), messages);
        }
    }
}
