//! A session that receives and one that publishes.

use std::time::Instant;

use crate::check::session::Session;
use crate::check::subject::PROMPTLY;
use crate::check::{Obstacle, Subject};

/// Two sessions, and a channel whose message says that nothing else is to come: what one session
/// publishes is delivered to another in its order, so nobody has to wait for what never comes.
pub(super) struct Pair {
    pub(super) receiver: Session,
    pub(super) publisher: Session,
    marker: String,
}

impl Pair {
    pub(super) fn new(subject: &Subject) -> Result<Self, Obstacle> {
        let mut receiver = subject.connected()?;
        let publisher = subject.connected()?;
        let marker = subject.channel("end");
        receiver.subscribe(&marker)?;
        Ok(Self {
            receiver,
            publisher,
            marker,
        })
    }

    /// Publishes on these channels one after the other, and waits until all of it is delivered:
    /// the channels of the deliveries that came.
    pub(super) fn publish<S: AsRef<str>>(
        &mut self,
        channels: &[S],
    ) -> Result<Vec<String>, Obstacle> {
        for channel in channels {
            self.publisher.publish(channel.as_ref(), "{\"n\":1}")?;
        }
        self.settle()
    }

    /// Waits until what was published is delivered: the channels of all deliveries so far.
    pub(super) fn settle(&mut self) -> Result<Vec<String>, Obstacle> {
        let n_before = self.receiver.delivered(&self.marker).len();
        self.publisher.publish(&self.marker, "{\"n\":0}")?;
        let patience = PROMPTLY * 2;
        let until = Instant::now() + patience;
        while self.receiver.delivered(&self.marker).len() <= n_before {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.receiver.await_delivery(left)? == 0 {
                return Err(Obstacle::Unusable(format!(
                    "what another session published on {} was not delivered within {} s",
                    self.marker,
                    patience.as_secs()
                )));
            }
        }
        let channels = self.receiver.deliveries.iter().map(|it| it.channel());
        let wanted = channels.filter(|it| *it != self.marker);
        Ok(wanted.map(str::to_owned).collect())
    }
}
