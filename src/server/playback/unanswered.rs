//! The requests of a recording to which no reply has come yet.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::protocol::Message;

/// Requests by what their replies repeat of them, so that none is looked for among all.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    channels: HashMap<Box<str>, Places>,
    /// Those that have their reply; they leave the lists when they come up there.
    answered: HashSet<usize>,
}

/// Where requests to a channel stand, first to last.
#[derive(Debug, Default)]
struct Places {
    all: VecDeque<usize>,
    by_id: HashMap<Box<str>, VecDeque<usize>>,
}

impl Unanswered {
    /// Adds a request that stands behind all others.
    pub(super) fn push(&mut self, place: usize, request: &Message) {
        let places = self.channels.entry(request.channel().into()).or_default();
        places.all.push_back(place);
        if let Some(id) = request.id() {
            let with_id = places.by_id.entry(id.into()).or_default();
            with_id.push_back(place);
        }
    }

    /// The first request that this may be the reply to: the channel is the same, and the id if
    /// the reply has one.
    pub(super) fn answer(&mut self, reply: &Message) -> Option<usize> {
        let places = self.channels.get_mut(reply.channel())?;
        let places = match reply.id() {
            Some(id) => places.by_id.get_mut(id)?,
            None => &mut places.all,
        };
        while let Some(place) = places.pop_front() {
            if self.answered.insert(place) {
                return Some(place);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(channel: &str, id: Option<u8>) -> Message {
        let builder = Message::builder(channel);
        match id {
            Some(id) => builder.id(&id.to_string()).build(),
            None => builder.build(),
        }
    }

    proptest! {
        #[test]
        fn a_reply_finds_the_request_that_a_search_from_the_front_finds(
            messages in prop::collection::vec(
                (any::<bool>(), "/[ab]", prop::option::of(0..4_u8)),
                0..60,
            ),
        ) {
            let mut unanswered = Unanswered::default();
            let mut requests: Vec<(Message, bool)> = Vec::new();
            for (is_request, channel, id) in messages {
                let message = message(&channel, id);
                if is_request {
                    unanswered.push(requests.len(), &message);
                    requests.push((message, false));
                    continue;
                }
                let fits = |(request, is_answered): &(Message, bool)| {
                    !is_answered
                        && request.channel() == message.channel()
                        && (message.id().is_none() || request.id() == message.id())
                };
                let expected = requests.iter().position(fits);
                prop_assert_eq!(unanswered.answer(&message), expected);
                if let Some(place) = expected {
                    requests[place].1 = true;
                }
            }
        }
    }
}
