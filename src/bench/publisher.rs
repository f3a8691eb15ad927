//! A publisher of a run: its turns, and what becomes of each message that it sends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::{Channel, Json};
use crate::session::PublishId;

use super::board::{Board, Order};
use super::pacer::{Due, Pacer, Phase, Turn};
use super::payload::Stamp;
use super::plan::Plan;
use super::recorder::Recorder;

/// A publisher: its turns, and what it waits for.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) number: usize,
    pacer: Pacer,
    /// Tempos that the pacer knows.
    n_tempos: usize,
    /// Messages so far, the warm-up's included.
    n_messages: u64,
    outstanding: VecDeque<(PublishId, Outstanding)>,
}

/// A message that waits for its reply.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    channel: usize,
    /// When it was to be sent, on the run's clock.
    intended: Duration,
    /// Its number, if it counts.
    sequence: Option<u64>,
    /// Clients that were subscribed when it was sent.
    n_expecting: usize,
}

impl Publisher {
    pub(super) fn new(number: usize, plan: &Plan) -> Self {
        Self {
            number,
            pacer: Pacer::new(plan, number),
            n_tempos: 1,
            n_messages: 0,
            outstanding: VecDeque::new(),
        }
    }

    /// Takes the changes of the rate that it does not know.
    pub(super) fn follow(&mut self, board: &Board) {
        let change = |tempo| self.pacer.change(tempo);
        self.n_tempos = board.tempos_after(self.n_tempos, change);
    }

    /// Publishes what is due; whether anything was. A publisher that had to wait sends what has
    /// become due meanwhile at once, as clients do that queue.
    pub(super) fn publish_due(
        &mut self,
        now: Instant,
        board: &Board,
        recorder: &mut Recorder,
        mut publish: impl FnMut(Channel, Json) -> PublishId,
    ) -> bool {
        if board.order() != Order::Publish {
            return false;
        }
        let clock = board.clock(now);
        let most = board.most_at_once as u64;
        let mut n_published = 0;
        while let Some(turn) = self.pacer.take(clock) {
            self.take_turn(now, turn, board, recorder, &mut publish);
            n_published += turn.n_messages;
            // Without a schedule nothing is ever behind it.
            if self.pacer.due() == Due::WhenReady || n_published + board.plan.batch as u64 > most {
                break;
            }
        }
        n_published > 0
    }

    fn take_turn(
        &mut self,
        now: Instant,
        turn: Turn,
        board: &Board,
        recorder: &mut Recorder,
        publish: &mut impl FnMut(Channel, Json) -> PublishId,
    ) {
        let clock = board.clock(now);
        for _ in 0..turn.n_messages {
            let channel = board.plan.channel_of(self.number, self.n_messages);
            self.n_messages += 1;
            let (sequence, n_expecting) = match turn.phase {
                Phase::Warmup => (None, 0),
                Phase::Measured => {
                    let (sequence, n_members) = board.publish(self.number, channel);
                    (Some(sequence), n_members)
                }
            };
            let stamp = Stamp {
                run: board.run,
                publisher: self.number as u32,
                sequence: sequence.unwrap_or_default(),
                intended: turn.intended,
                sent: clock,
            };
            let data = board.plan.payload.data(&stamp);
            let id = publish(board.channels[channel].clone(), data);
            let outstanding = Outstanding {
                channel,
                intended: turn.intended,
                sequence,
                n_expecting,
            };
            self.outstanding.push_back((id, outstanding));
        }
        if turn.phase == Phase::Measured {
            recorder.published(now, turn.n_messages);
        }
    }

    /// The server has acknowledged a message.
    pub(super) fn acknowledged(
        &mut self,
        now: Instant,
        publish: PublishId,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        if let Some(Outstanding {
            intended,
            sequence: Some(_),
            ..
        }) = self.settle(publish)
        {
            let latency = board.clock(now).saturating_sub(intended);
            recorder.acknowledged(latency);
        }
    }

    /// The server has rejected a message.
    pub(super) fn rejected(&mut self, publish: PublishId, board: &Board, recorder: &mut Recorder) {
        if let Some(Outstanding {
            channel,
            sequence: Some(sequence),
            n_expecting,
            ..
        }) = self.settle(publish)
        {
            recorder.messages.rejected += 1;
            board.rejected(self.number, channel, sequence);
            // Clients that left meanwhile no longer expect it, and nobody knows how many did:
            // rather wait for too much at the end than for too little.
            if !board.may_leave() {
                board.unexpect(n_expecting as u64);
            }
        }
    }

    /// No reply to a message will come.
    pub(super) fn unacknowledged(
        &mut self,
        publish: PublishId,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        if let Some(outstanding) = self.settle(publish) {
            self.missed(outstanding, board, recorder);
        }
    }

    /// No reply to any message will come.
    pub(super) fn give_up(&mut self, board: &Board, recorder: &mut Recorder) {
        for (_, outstanding) in std::mem::take(&mut self.outstanding) {
            self.missed(outstanding, board, recorder);
        }
    }

    /// When its next turn comes.
    pub(super) fn due(&self) -> Due {
        self.pacer.due()
    }

    /// Whether it has something to publish and waits for no reply, so that nothing wakes it.
    pub(super) fn is_kept_waiting(&self) -> bool {
        self.outstanding.is_empty() && self.pacer.due() != Due::Never
    }

    /// Whether it has nothing more to send or to wait for.
    pub(super) fn is_done(&self, now: Instant, board: &Board) -> bool {
        let is_over = board.order() > Order::Publish || self.pacer.is_over(board.clock(now));
        self.outstanding.is_empty() && is_over
    }

    /// Whether it waits for a reply.
    pub(super) fn is_waiting(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Messages that were due by now and were not sent.
    pub(super) fn n_unsent(&self, clock: Duration) -> u64 {
        self.pacer.n_unsent(clock)
    }

    /// Takes what it waited for; replies come in order, or nearly.
    fn settle(&mut self, publish: PublishId) -> Option<Outstanding> {
        let at = self.outstanding.iter().position(|it| it.0 == publish)?;
        let settled = self.outstanding.remove(at);
        if self.outstanding.is_empty() {
            // The next one takes the place that has just been looked at, and no other.
            self.outstanding.clear();
        }
        settled.map(|it| it.1)
    }

    fn missed(&self, outstanding: Outstanding, board: &Board, recorder: &mut Recorder) {
        if let Some(sequence) = outstanding.sequence {
            recorder.messages.unacknowledged += 1;
            board.unacknowledged(self.number, outstanding.channel, sequence);
        }
    }
}
