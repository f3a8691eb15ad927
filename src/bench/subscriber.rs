//! A client of a run: what it subscribes to, and what becomes of each delivery to it.

use std::time::Instant;

use crate::protocol::Message;

use super::board::Board;
use super::pacer::Phase;
use super::payload::Stamp;
use super::reception::{Arrival, Reception};
use super::receptions::Receptions;
use super::recorder::{Delivered, Recorder};

/// A client: what it subscribes to, and what it received.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) number: usize,
    /// The channels whose subscription was ever confirmed.
    joined: Vec<usize>,
    /// Whether it is on its way out, so that what comes is counted already.
    has_left: bool,
    receptions: Receptions,
    /// What it missed before it left: only at the end is it known what of it was rejected.
    past: Vec<(usize, usize, Reception)>,
    /// Whether the server has forgotten its session, and there is no other yet.
    is_without_session: bool,
}

impl Subscriber {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            joined: Vec::new(),
            has_left: false,
            receptions: Receptions::default(),
            past: Vec::new(),
            is_without_session: false,
        }
    }

    /// It has left, and comes back as another session.
    pub(super) fn returns(&mut self) {
        self.has_left = false;
        self.is_without_session = false;
    }

    /// The server has forgotten its session, or it has ended: what is published from now on finds
    /// none.
    pub(super) fn loses_session(&mut self) {
        self.is_without_session = true;
    }

    /// Takes a delivery. A number that nobody has used is a stranger's; somebody who forges the very
    /// next one, with the run's own stamp, is believed.
    pub(super) fn received(
        &mut self,
        now: Instant,
        message: &Message,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        let stamp = message.data().and_then(Stamp::read);
        let Some(stamp) = stamp.filter(|it| it.run == board.run) else {
            recorder.messages.foreign += 1;
            return;
        };
        if Phase::at(stamp.intended, board.plan.warmup) == Phase::Warmup {
            return;
        }
        let Some(channel) = board.plan.channel_number(message.channel()) else {
            recorder.messages.foreign += 1;
            return;
        };
        let publisher = stamp.publisher as usize;
        if publisher >= board.plan.n_publishers {
            recorder.messages.foreign += 1;
            return;
        }
        let source = (channel, stamp.publisher);
        if self.receptions.known(source).is_none() && !self.joined.contains(&channel) {
            // The server was faster than its confirmation of the subscribe, or slower than that
            // of the disconnect.
            recorder.messages.undecided += u64::from(!self.has_left);
            return;
        }
        let reception = self.receptions.begun(source);
        let is_ahead = stamp.sequence > reception.next();
        if is_ahead && stamp.sequence >= board.n_published(publisher, channel) {
            // A number that nobody has used.
            recorder.messages.foreign += 1;
            return;
        }
        match reception.arrived(stamp.sequence) {
            Arrival::Duplicate => recorder.messages.duplicates += 1,
            Arrival::Early => recorder.messages.undecided += 1,
            arrival @ (Arrival::InOrder | Arrival::OutOfOrder) => {
                recorder.messages.out_of_order += u64::from(arrival == Arrival::OutOfOrder);
                let clock = board.clock(now);
                let delivered = Delivered {
                    client: self.number,
                    publisher: stamp.publisher,
                    sequence: stamp.sequence,
                    latency: clock.saturating_sub(stamp.intended),
                    latency_from_send: clock.saturating_sub(stamp.sent),
                };
                recorder.delivered(now, delivered);
            }
        }
    }

    /// Takes a delivery that the session had handed out before: the server sent it again, since
    /// the connect that it came with failed. The ack extension asks for that.
    pub(super) fn repeated(&self, message: &Message, board: &Board, recorder: &mut Recorder) {
        let stamp = message.data().and_then(Stamp::read);
        if let Some(stamp) = stamp.filter(|it| it.run == board.run) {
            let is_measured = Phase::at(stamp.intended, board.plan.warmup) != Phase::Warmup;
            recorder.messages.duplicates += u64::from(is_measured);
        }
    }

    /// Its subscription to a channel is confirmed, again perhaps.
    pub(super) fn subscribed(&mut self, channel: usize, board: &Board) {
        if self.has_left || self.joined.contains(&channel) {
            return;
        }
        self.joined.push(channel);
        board.joined(channel, |publisher, n_published| {
            if n_published > 0 {
                let reception = Reception::since(n_published);
                *self.receptions.begun((channel, publisher as u32)) = reception;
            }
        });
    }

    /// It has a session again.
    pub(super) fn renewed(&mut self, board: &Board) {
        self.notes_outage(board);
        self.is_without_session = false;
    }

    /// It leaves: what is still on its way to it is nobody's loss.
    pub(super) fn leave(&mut self, board: &Board, recorder: &mut Recorder) {
        self.has_left = true;
        let mut n_undecided = 0;
        for channel in std::mem::take(&mut self.joined) {
            board.left(channel, |publisher, n_published| {
                let key = (channel, publisher as u32);
                let mut reception = self.receptions.remove(key).unwrap_or_default();
                match self.is_without_session {
                    // Nothing is on its way to a session that is no more.
                    true => {
                        reception.renewed(n_published);
                        reception.ends_at(n_published);
                    }
                    false => n_undecided += reception.n_on_their_way(n_published),
                }
                match reception.is_complete() {
                    true => recorder.messages.expected += reception.n_arrived(),
                    false => self.past.push((channel, publisher, reception)),
                }
            });
        }
        self.is_without_session = false;
        recorder.messages.undecided += n_undecided;
        board.unexpect(n_undecided);
    }

    /// The accounting at the end of the run.
    pub(super) fn close(&mut self, board: &Board, recorder: &mut Recorder) {
        if self.is_without_session {
            self.notes_outage(board);
        }
        for (channel, publisher, reception) in self.past.drain(..) {
            let n_published = reception.next();
            account(&reception, publisher, channel, n_published, board, recorder);
        }
        for &channel in &self.joined {
            for publisher in 0..board.plan.n_publishers {
                let n_published = board.n_published(publisher, channel);
                let key = (channel, publisher as u32);
                let reception = self.receptions.remove(key).unwrap_or_default();
                account(&reception, publisher, channel, n_published, board, recorder);
            }
        }
    }

    fn notes_outage(&mut self, board: &Board) {
        for &channel in &self.joined {
            for publisher in 0..board.plan.n_publishers {
                let n_published = board.n_published(publisher, channel);
                if n_published > 0 {
                    let key = (channel, publisher as u32);
                    self.receptions.begun(key).renewed(n_published);
                }
            }
        }
    }
}

fn account(
    reception: &Reception,
    publisher: usize,
    channel: usize,
    n_published: u64,
    board: &Board,
    recorder: &mut Recorder,
) {
    let balance = board.with_unpublished(publisher, channel, |rejected, unacknowledged| {
        reception.balance(n_published, rejected, unacknowledged)
    });
    let messages = &mut recorder.messages;
    messages.expected += balance.n_expected;
    messages.lost += balance.n_lost;
    messages.lost_by.no_session += balance.n_lost_without_session;
    messages.lost_by.unacknowledged += balance.n_lost_unacknowledged;
    messages.lost_by.unexplained +=
        balance.n_lost - balance.n_lost_without_session - balance.n_lost_unacknowledged;
}
