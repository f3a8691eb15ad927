//! What a broker says of its own accord: deliveries of a recording, numbered messages on a
//! schedule, and greetings for who subscribes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Broker;
use super::clock::later;
use super::keys::SessionKey;
use super::reply;
use crate::protocol::{ChannelPattern, Message, meta};
use crate::server::playback::{Playback, Played};
use crate::server::{Generated, Settings};

/// Messages of one channel that are made up for at once when the schedule was missed.
const MOST_AT_ONCE: u32 = 1000;

/// What is still to be said.
#[derive(Debug)]
pub(super) struct Script {
    playback: Option<Playback>,
    /// Deliveries of the recording, by when they are due and how many were scheduled before.
    deliveries: BTreeMap<(Instant, u64), (SessionKey, Arc<Message>)>,
    n_scheduled: u64,
    generators: Vec<Generator>,
}

/// A channel with numbered messages. Each has its time from the beginning, however late the one
/// before it was.
#[derive(Debug)]
struct Generator {
    generated: Generated,
    started: Instant,
    n: u64,
}

impl Script {
    pub(super) fn new(settings: &Settings, started: Instant) -> Self {
        let generators = settings.generate.iter().map(|generated| Generator {
            generated: generated.clone(),
            started,
            n: 1,
        });
        Self {
            playback: settings.replay.clone().map(Playback::new),
            deliveries: BTreeMap::new(),
            n_scheduled: 0,
            generators: generators.collect(),
        }
    }

    /// When there is something to say.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let delivery = self.deliveries.keys().next().map(|&(at, _)| at);
        let generated = self.generators.iter().map(Generator::due);
        generated.chain(delivery).min()
    }

    /// When the last delivery to this session is due.
    fn last_due(&self, key: SessionKey) -> Option<Instant> {
        let mut latest_first = self.deliveries.iter().rev();
        latest_first.find_map(|(&(at, _), (session, _))| (*session == key).then_some(at))
    }

    fn take_delivery(&mut self, now: Instant) -> Option<(SessionKey, Arc<Message>)> {
        let entry = self.deliveries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}

impl Generator {
    fn due(&self) -> Instant {
        later(self.started, self.after())
    }

    fn after(&self) -> Duration {
        let seconds = (self.n - 1) as f64 / self.generated.rate;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl Broker {
    /// What the recording has for a request, if one is played and its session is known.
    pub(super) fn played(&mut self, message: &Message) -> Option<Played> {
        let playback = self.script.playback.as_mut()?;
        let is_known = || self.sessions.find(message.client_id()?);
        let is_heard = message.channel() == meta::HANDSHAKE || is_known().is_some();
        is_heard.then(|| playback.play(message)).flatten()
    }

    /// The deliveries that came to this connect in the recording will come to it again.
    pub(super) fn schedule(&mut self, now: Instant, connect: &Message, played: &Played) {
        let Some(key) = connect.client_id().and_then(|it| self.sessions.find(it)) else {
            return;
        };
        // Its connect before may have been answered earlier than in the recording, and what came
        // to it is still due: the order counts for more than the time.
        let not_before = self.script.last_due(key).unwrap_or(now);
        for (after, delivery) in &played.deliveries {
            let at = later(now, *after).max(not_before);
            let at = (at, self.script.n_scheduled);
            self.script.n_scheduled += 1;
            let delivery = (key, Arc::new(delivery.clone()));
            self.script.deliveries.insert(at, delivery);
        }
    }

    /// Says what is due.
    pub(super) fn speak(&mut self, now: Instant) {
        while let Some((key, delivery)) = self.script.take_delivery(now) {
            self.enqueue(now, key, &delivery);
        }
        for at in 0..self.script.generators.len() {
            for _ in 0..MOST_AT_ONCE {
                let Some(generator) = self.script.generators.get_mut(at) else {
                    break;
                };
                if generator.due() > now {
                    break;
                }
                let (n, ms) = (generator.n, generator.after().as_millis());
                generator.n += 1;
                let channel = generator.generated.channel.clone();
                let data = reply::literal(&format!(r#"{{"n":{n},"due_ms":{ms}}}"#));
                let published = reply::published(channel.as_str(), &data);
                self.broadcast(now, channel.as_str(), &published);
            }
        }
        self.wake(now);
    }

    /// Gives to the one who has subscribed what it is greeted with.
    pub(super) fn greet(&mut self, now: Instant, subscribe: &Message) {
        let settings = Arc::clone(&self.settings);
        let Some(key) = subscribe.client_id().and_then(|it| self.sessions.find(it)) else {
            return;
        };
        let names = subscribe.subscriptions();
        let patterns: Vec<ChannelPattern> = names.iter().filter_map(|it| it.parse().ok()).collect();
        for (channel, data) in &settings.publish_on_subscribe {
            if patterns.iter().any(|it| it.matches(channel.as_str())) {
                let greeting = reply::published(channel.as_str(), data);
                let greeting = self.dialect.delivery(&greeting);
                self.enqueue(now, key, &Arc::new(greeting));
            }
        }
    }
}
