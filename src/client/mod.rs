//! A blocking client: a session, its transport and the loop that ties them together.
//!
//! One thread owns the [`Client`] and asks it for the next [`Notice`]. A session that holds a
//! connect has two lanes, each a thread that does blocking exchanges and posts what came of
//! them to the one inbox; a one-shot session does its exchanges on the owner's thread. There
//! is no lock anywhere.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use bayeux::client::{Client, Notice, Settings};
//! use bayeux::server::{Server, Settings as ServerSettings};
//! use bayeux::session::Event;
//!
//! let server = Server::bind("127.0.0.1:0", ServerSettings::default())?;
//! let mut client = Client::new(Settings::new(server.url().parse()?))?;
//! client.subscribe("/demo".parse()?);
//! client.publish("/demo".parse()?, r#"{"text": "hello", "n": 1.00}"#.parse()?);
//!
//! let deadline = Instant::now() + Duration::from_secs(10);
//! while let Some(notice) = client.next(Some(deadline)) {
//!     if let Notice::Event(Event::Received { message }) = notice {
//!         assert_eq!(message.data(), Some(r#"{"text": "hello", "n": 1.00}"#));
//!         client.disconnect();
//!     }
//! }
//! assert!(client.is_ended());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod lanes;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use crate::protocol::{Channel, ChannelPattern, ConnectionType, Finding, Json, Message};
use crate::session::{Connects, Event, ExchangeId, PublishId, Session, Transmit};
use crate::transport::{Exchange, LongPolling, Trace, TransportError};

use lanes::Lanes;
pub use settings::{Settings, Traffic};

/// Something that the owner of a [`Client`] should know.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "almost every notice is an event")]
pub enum Notice {
    /// The session says so.
    Event(Event),
    /// A response or one of its messages is odd.
    Odd(Finding),
    /// A request leaves. Only with [`Traffic::Shown`].
    Sent {
        /// When.
        time: SystemTime,
        /// Its messages.
        messages: Vec<Message>,
    },
    /// An exchange is over. Only with [`Traffic::Shown`].
    Exchanged {
        /// When the response was complete, or the exchange failed.
        time: SystemTime,
        /// The messages of the response.
        messages: Vec<Message>,
        /// What went over the wire.
        trace: Box<Trace>,
        /// Why there is no response.
        error: Option<Arc<TransportError>>,
    },
    /// A [`Waker`] was used.
    Woken,
}

/// A Bayeux client: see the [module](self).
#[derive(Debug)]
pub struct Client {
    session: Session,
    transport: Arc<LongPolling>,
    driver: Driver,
    traffic: Traffic,
    inbox: Receiver<Input>,
    poster: Sender<Input>,
    notices: VecDeque<Notice>,
}

/// Wakes the owner of a [`Client`] from another thread.
#[derive(Clone, Debug)]
pub struct Waker {
    poster: Sender<Input>,
    transport: Arc<LongPolling>,
}

#[derive(Debug)]
enum Driver {
    /// Exchanges are done where the client is asked for its next notice.
    Inline,
    /// Each lane has a thread.
    Threads(Lanes),
}

/// What comes into the inbox.
#[derive(Debug)]
enum Input {
    Exchanged(ExchangeId, Box<Exchange>),
    Wake,
}

impl Client {
    /// A client whose handshake leaves with the first call of [`next`](Self::next).
    ///
    /// # Errors
    /// When the settings cannot be used: a header that is none, for example.
    pub fn new(settings: Settings) -> Result<Self, TransportError> {
        let transport = Arc::new(LongPolling::new(settings.transport)?);
        let (poster, inbox) = channel();
        let driver = match settings.session.connects {
            Connects::Never => Driver::Inline,
            Connects::Held => Driver::Threads(Lanes::new(&transport, &poster)),
        };
        let mut session = Session::new(settings.session);
        session.handshake(Instant::now());
        let traffic = settings.traffic;
        let notices = VecDeque::new();
        Ok(Self {
            session,
            transport,
            driver,
            traffic,
            inbox,
            poster,
            notices,
        })
    }

    /// Subscribes; [`Event::Subscribed`] or [`Event::SubscribeRefused`] follows, unless the
    /// pattern is subscribed to already.
    pub fn subscribe(&mut self, pattern: ChannelPattern) {
        self.session.subscribe(pattern);
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, pattern: &ChannelPattern) {
        self.session.unsubscribe(pattern);
    }

    /// Publishes; [`Event::Acknowledged`], [`Event::Rejected`] or [`Event::Unacknowledged`]
    /// follows.
    pub fn publish(&mut self, channel: Channel, data: Json) -> PublishId {
        self.session.publish(channel, data)
    }

    /// Leaves: sends the disconnect. Go on calling [`next`](Self::next) until it returns `None`.
    pub fn disconnect(&mut self) {
        self.session.disconnect();
    }

    /// Waits for the next notice. `None` means that the deadline has passed, or that the
    /// session [has ended](Self::is_ended) and there is nothing more to tell. An exchange that
    /// is done on this thread is broken off at the deadline.
    ///
    /// The next connect is not sent before every message of the last one was taken from here:
    /// an owner who is slow slows the server down, not the memory up.
    pub fn next(&mut self, deadline: Option<Instant>) -> Option<Notice> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            if let Some(event) = self.session.poll_event() {
                return Some(Notice::Event(event));
            }
            if self.session.poll_cancel().is_some() {
                // Only the connect of a lost session is ever cancelled, while the other lane
                // is free: no exchange that is still wanted is hurt.
                self.transport.abort();
                continue;
            }
            if let Some(transmit) = self.session.poll_transmit(Instant::now()) {
                self.transmit(transmit, deadline);
                continue;
            }
            if self.session.is_ended() {
                return None;
            }
            let wake_at = [self.session.poll_timeout(), deadline]
                .into_iter()
                .flatten()
                .min();
            match self.receive(wake_at) {
                Some(input) => self.handle(input),
                None => {
                    let now = Instant::now();
                    self.session.handle_timeout(now);
                    if deadline.is_some_and(|it| it <= now) {
                        return self.session.poll_event().map(Notice::Event);
                    }
                }
            }
        }
    }

    /// The state of the session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How messages get to the server and back.
    pub fn connection_type(&self) -> ConnectionType {
        self.session.connection_type()
    }

    /// Whether the session has ended.
    pub fn is_ended(&self) -> bool {
        self.session.is_ended()
    }

    /// The transport, for what it knows of cookies.
    pub fn transport(&self) -> &LongPolling {
        &self.transport
    }

    /// A handle to wake the owner with.
    pub fn waker(&self) -> Waker {
        Waker {
            poster: self.poster.clone(),
            transport: Arc::clone(&self.transport),
        }
    }

    /// `until` bounds an exchange that is done right here.
    fn transmit(&mut self, transmit: Transmit, until: Option<Instant>) {
        if self.traffic == Traffic::Shown {
            let (time, messages) = (SystemTime::now(), transmit.messages.clone());
            self.notices.push_back(Notice::Sent { time, messages });
        }
        match &mut self.driver {
            Driver::Threads(lanes) => lanes.send(transmit),
            Driver::Inline => {
                let exchange = self
                    .transport
                    .exchange(&transmit.messages, transmit.hold, until);
                self.handle(Input::Exchanged(transmit.exchange, Box::new(exchange)));
            }
        }
    }

    fn receive(&self, wake_at: Option<Instant>) -> Option<Input> {
        let timeout = match wake_at {
            Some(wake_at) => wake_at.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(3600),
        };
        // The client itself holds a sender, so the inbox is never disconnected.
        self.inbox.recv_timeout(timeout).ok()
    }

    fn handle(&mut self, input: Input) {
        let (id, exchange) = match input {
            Input::Wake => return self.notices.push_back(Notice::Woken),
            Input::Exchanged(id, exchange) => (id, *exchange),
        };
        let now = Instant::now();
        let (messages, error) = match exchange.outcome {
            Ok(body) => {
                self.notices
                    .extend(body.findings.into_iter().map(Notice::Odd));
                let odd = body.messages.iter().flat_map(Message::findings);
                self.notices.extend(odd.cloned().map(Notice::Odd));
                (body.messages, None)
            }
            Err(error) => (Vec::new(), Some(Arc::new(error))),
        };
        if self.traffic == Traffic::Shown {
            self.notices.push_back(Notice::Exchanged {
                time: SystemTime::now(),
                messages: messages.clone(),
                trace: Box::new(exchange.trace),
                error: error.clone(),
            });
        }
        match error {
            None => self.session.handle_response(now, id, messages),
            Some(error) => self.session.handle_failure(now, id, &error.failure()),
        }
    }
}

impl Drop for Client {
    /// Lets go of a held connect, so that its thread ends.
    fn drop(&mut self) {
        self.transport.abort();
    }
}

impl Waker {
    /// Makes [`Client::next`] return [`Notice::Woken`].
    pub fn wake(&self) {
        // Nobody listens any more once the client is gone.
        let _ = self.poster.send(Input::Wake);
    }

    /// Breaks off the exchanges that are under way, and wakes the owner. For a client that
    /// does its exchanges on its owner's thread this is the only way to be heard.
    pub fn break_off(&self) {
        self.wake();
        self.transport.abort();
    }
}
