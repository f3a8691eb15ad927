//! Replay of what the server keeps, asked for as with Salesforce: by `ext.replay` of a subscribe,
//! a map from patterns to -1 (only what comes), -2 (all that is kept) or the id of a message
//! (what came after it).
//!
//! Where a handshake says `ext.replay: true`, each delivery of its session carries its id as
//! `ext.replay`, since `data` is what the publisher wrote. Salesforce writes it into `data`.

use std::time::Instant;

use super::asked::{Asked, NAME};
use super::contract::{Extension, Reply, Style};
use super::ext::Members;
use super::retained::Kept;
use crate::protocol::{ChannelPattern, Message, meta};
use crate::server::broker::Broker;
use crate::server::broker::clock::Now;
use crate::server::broker::keys::SessionKey;
use crate::server::broker::refusal::Refusal;
use crate::server::broker::salesforce::denial::Denial;

#[derive(Debug)]
pub(super) struct Replay;

impl Extension for Replay {
    fn replying(&mut self, _now: Now, reply: Reply<'_>, ext: &mut Members) {
        if let Reply::Other(message) = reply
            && message.channel() == meta::HANDSHAKE
        {
            ext.add(NAME, "true".to_owned());
        }
    }

    fn style(&self) -> Style {
        Style::Numbered
    }
}

impl Broker {
    /// What is kept of what a subscribe asks for.
    pub(in crate::server::broker) fn replayed(
        &mut self,
        now: Instant,
        subscribe: &Message,
        patterns: &[ChannelPattern],
    ) -> Result<Vec<Kept>, Refusal> {
        let Some(limits) = &self.settings.retain else {
            return Ok(Vec::new());
        };
        let asked: Vec<_> = patterns
            .iter()
            .map(|pattern| (pattern, Asked::by(subscribe, pattern.as_str())))
            .collect();
        let replayed = self.retained.replay(now, limits, &asked);
        // In the words of Salesforce: clients know what to do then.
        replayed.map_err(|id| Refusal::Salesforce(Denial::ReplayInvalid(id.into())))
    }

    /// Delivers once more what is kept.
    pub(in crate::server::broker) fn enqueue_kept(
        &mut self,
        now: Instant,
        key: SessionKey,
        kept: &Kept,
    ) {
        match self.style(key) {
            Style::Plain => self.enqueue(now, key, &kept.delivery),
            Style::Numbered => self.enqueue(now, key, &kept.numbered()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_says_where_it_begins() {
        let subscribe = |ext: &str| {
            Message::parse(&format!(
                r#"{{"channel":"/meta/subscribe","subscription":"/a","ext":{ext}}}"#
            ))
            .unwrap()
        };
        for (ext, expected) in [
            ("{}", Asked::New),
            (r#"{"replay":true}"#, Asked::New),
            (r#"{"replay":{"/b":-2}}"#, Asked::New),
            (r#"{"replay":{"/a":-1}}"#, Asked::New),
            (r#"{"replay":{"/a":-2,"/b":3}}"#, Asked::All),
            (r#"{"replay":{"/a":"-2"}}"#, Asked::All),
            (r#"{"replay":{"/a":17}}"#, Asked::After(17)),
            (r#"{"replay":{"/a":-3}}"#, Asked::Invalid("-3".into())),
            (r#"{"replay":{"/a":null}}"#, Asked::Invalid("null".into())),
        ] {
            assert_eq!(Asked::by(&subscribe(ext), "/a"), expected, "{ext}");
        }
    }
}
