//! The thread of a session: the ordinary client, and its part in the run.

use std::iter::successors;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::board::{Board, Order};
use super::super::pacer::Due;
use super::super::participant::{Participant, Role};
use super::super::settings::Settings;
use super::Common;
use super::seat::{Seat, Wish};
use crate::client::{Client, Fallback, Notice, Settings as ClientSettings, Traffic};
use crate::protocol::ConnectionType;
use crate::session::{End, Event};
use crate::transport::{Connections, Trace, TransportError};

/// A session that rests does not say when it is free again.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Drives the session of a seat until it is to leave or has ended.
pub(super) fn run(common: &Common, seat: &Seat) {
    loop {
        let client = {
            let inner = seat.lock();
            let Some(participant) = &inner.participant else {
                return;
            };
            client(&common.settings, &common.board, participant)
        };
        let occupant = Occupant { common, seat };
        match client {
            Ok(client) => occupant.live(client),
            Err(error) => {
                let failure = Arc::new(error).failure();
                occupant.handle(Event::Ended(End::Unreachable(failure)));
            }
        }
        if !occupant.comes_back() {
            return;
        }
    }
}

/// The client of a participant.
pub(super) fn client(
    settings: &Settings,
    board: &Board,
    participant: &Participant,
) -> Result<Client, TransportError> {
    let mut client = ClientSettings::new(settings.transport.endpoint.clone());
    client.transport = settings.transport.clone();
    // Each has its own: those of one are aborted together.
    client.transport.connections = Connections::default();
    client = client.over(settings.connection_type);
    let max_encoded = client.session.max_encoded;
    client.session = participant.session_settings(settings, board);
    client.session.max_encoded = max_encoded;
    client.fallback = Fallback::Never;
    client.traffic = Traffic::Shown;
    let mut client = Client::new(client)?;
    for pattern in participant.patterns(board) {
        client.subscribe(pattern.clone());
    }
    Ok(client)
}

#[derive(Clone, Copy)]
struct Occupant<'a> {
    common: &'a Common,
    seat: &'a Seat,
}

/// When a publisher looks at its pacer again.
#[derive(Clone, Copy)]
enum Next {
    /// At once, when what it has published has left.
    Now,
    /// When its turn comes.
    Turn(Instant),
    /// A little later, or after the next notice.
    Soon,
    /// Not before it is woken.
    Never,
}

impl Occupant<'_> {
    /// Drives a client to its end.
    fn live(self, mut client: Client) {
        self.seat.lock().waker = Some(client.waker());
        let mut is_leaving = false;
        loop {
            let wish = self.seat.lock().wish;
            match wish {
                Wish::Stay => {}
                Wish::ComeBack | Wish::Leave if is_leaving => {}
                Wish::ComeBack | Wish::Leave => {
                    is_leaving = true;
                    client.disconnect();
                }
                Wish::Vanish => return,
            }
            let next = self.publish(&mut client);
            let deadline = match next {
                Next::Now => Some(Instant::now()),
                Next::Turn(turn) => Some(turn),
                Next::Soon => Some(Instant::now() + LONGEST_WAIT),
                Next::Never => None,
            };
            let notice = client.next(deadline);
            if let Next::Turn(turn) = next {
                let now = Instant::now();
                if turn <= now {
                    self.common.ledger(now).recorder.lag.record(now - turn);
                }
            }
            match notice {
                Some(notice) => self.take(notice),
                None if client.is_ended() => return,
                None => {}
            }
        }
    }

    /// Publishes the turn that is due, if there is one and the session is free for it.
    fn publish(self, client: &mut Client) -> Next {
        let board = &self.common.board;
        let mut inner = self.seat.lock();
        let (Order::Publish, Some(started)) = (board.order(), board.started()) else {
            return Next::Never;
        };
        let Some(Role::Publisher(publisher)) = inner.participant.as_mut().map(|it| &mut it.role)
        else {
            return Next::Never;
        };
        let now = Instant::now();
        match publisher.due() {
            Due::Never => return Next::Never,
            Due::At(due) if started + due > now => return Next::Turn(started + due),
            Due::At(_) | Due::WhenReady => {}
        }
        if client.is_ended() {
            return Next::Never;
        }
        if !client.session().is_free_to_publish(now) {
            return Next::Soon;
        }
        let mut ledger = self.common.ledger(now);
        let publish = |channel, data| client.publish(channel, data);
        match publisher.publish_due(now, board, &mut ledger.recorder, publish) {
            true => Next::Now,
            false => Next::Soon,
        }
    }

    fn take(self, notice: Notice) {
        match notice {
            Notice::Event(event) => self.handle(event),
            Notice::Sent { .. } => {
                let now = Instant::now();
                self.common.ledger(now).recorder.traffic.requests += 1;
            }
            Notice::Exchanged {
                messages, trace, ..
            } => {
                let mut ledger = self.common.ledger(Instant::now());
                ledger.recorder.arrived(&messages);
                let has_frames = self.common.settings.connection_type == ConnectionType::WebSocket;
                let traffic = &mut ledger.recorder.traffic;
                for trace in successors(trace.as_deref(), |it: &&Trace| it.refused.as_deref()) {
                    traffic.connections += u64::from(trace.connect.is_some());
                    if !trace.is_tls && !has_frames {
                        traffic.bytes_out += trace.bytes_sent;
                        traffic.bytes_in += trace.bytes_received;
                    }
                }
            }
            Notice::Odd(_)
            | Notice::FellBack { .. }
            | Notice::Reauthorised
            | Notice::NotReauthorised { .. }
            | Notice::Woken => {}
        }
    }

    fn handle(self, event: Event) {
        let now = Instant::now();
        let mut inner = self.seat.lock();
        let mut ledger = self.common.ledger(now);
        inner.handle(now, event, &self.common.board, &mut ledger.recorder);
    }

    /// Whether the session that has ended is followed by another one, as the churn wants it.
    fn comes_back(self) -> bool {
        let now = Instant::now();
        let mut inner = self.seat.lock();
        let is_wanted = inner.wish == Wish::ComeBack && self.common.board.order() == Order::Publish;
        let Some(participant) = inner.participant.as_mut().filter(|_| is_wanted) else {
            return false;
        };
        participant.returns(now);
        inner.wish = Wish::Stay;
        self.common.ledger(now).recorder.sessions.churned += 1;
        true
    }
}
