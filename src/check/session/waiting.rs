//! Waiting for deliveries: in responses of connects, or in frames of their own.

use std::time::{Duration, Instant};

use super::{Begun, Line, Session};
use crate::check::Obstacle;
use crate::check::subject::PROMPTLY;

/// Whoever has not answered a connect by then holds it.
const HOLDING: Duration = Duration::from_millis(20);

impl Session {
    /// Waits until something was delivered that was not there before, with connects that are held
    /// no longer than that. The number of deliveries since.
    pub(in crate::check) fn await_delivery(
        &mut self,
        patience: Duration,
    ) -> Result<usize, Obstacle> {
        let n_before = self.deliveries.len();
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.deliveries.len() > n_before || left.is_zero() {
                return Ok(self.deliveries.len() - n_before);
            }
            match &self.line {
                Line::Posts(_) | Line::Callbacks(_) => {
                    let connect = self.connect(Some(left));
                    let begun = self.begin(vec![connect])?;
                    self.replies_to(&begun, left + PROMPTLY)?;
                }
                Line::Socket(_) => {
                    self.hold(left)?;
                    self.listen(left, n_before)?;
                }
            }
        }
    }

    /// Waits until something was delivered on this channel; whether it was.
    pub(in crate::check) fn await_on(
        &mut self,
        channel: &str,
        patience: Duration,
    ) -> Result<bool, Obstacle> {
        let until = Instant::now() + patience;
        loop {
            if !self.delivered(channel).is_empty() {
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.await_delivery(left)? == 0 {
                return Ok(false);
            }
        }
    }

    /// Whether something is delivered while these requests are open, or with their end.
    pub(in crate::check) fn delivered_during(
        &mut self,
        begun: &Begun,
        patience: Duration,
    ) -> Result<bool, Obstacle> {
        let n_before = self.deliveries.len();
        match &self.line {
            Line::Posts(_) | Line::Callbacks(_) => {
                self.replies_to(begun, patience)?;
            }
            Line::Socket(_) => self.listen(patience, n_before)?,
        }
        Ok(self.deliveries.len() > n_before)
    }

    /// Takes what comes over the websocket until something is delivered.
    pub(in crate::check) fn listen(
        &mut self,
        patience: Duration,
        n_before: usize,
    ) -> Result<(), Obstacle> {
        let until = Instant::now() + patience;
        while self.deliveries.len() == n_before {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // A server that does not stop talking must not keep it here.
                return Ok(());
            }
            let Line::Socket(socket) = &mut self.line else {
                return Ok(());
            };
            let Some(messages) = socket.messages(left)? else {
                return Ok(());
            };
            let replies = self.sort(messages);
            self.replies.extend(replies);
        }
        Ok(())
    }

    /// Has a connect in flight, and no second one; over a websocket it may be that of before.
    pub(in crate::check) fn held(&mut self, hold: Duration) -> Result<Option<Begun>, Obstacle> {
        if let Line::Socket(_) = &self.line {
            self.hold(hold)?;
            return Ok(None);
        }
        for _ in 0..2 {
            let connect = self.connect(Some(hold));
            let begun = self.begin(vec![connect])?;
            // The first one comes back at once.
            if self.replies_to(&begun, HOLDING)?.is_none() {
                return Ok(Some(begun));
            }
        }
        Err(Obstacle::Inapplicable(
            "the server holds no connect".to_owned(),
        ))
    }

    /// Has a connect in flight over the websocket, and no second one.
    fn hold(&mut self, left: Duration) -> Result<(), Obstacle> {
        let is_answered = self.held.as_ref().is_none_or(|held| {
            let mut ids = self.replies.iter().filter_map(|it| it.id());
            ids.any(|id| held.ids.iter().any(|it| it == id))
        });
        if is_answered {
            let connect = self.connect(Some(left));
            self.held = Some(self.begin(vec![connect])?);
        }
        Ok(())
    }
}
