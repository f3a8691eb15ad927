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

mod driver;
mod inbox;
mod inputs;
mod lanes;
mod notice;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{Channel, ChannelPattern, ConnectionType, Json};
use crate::session::{Credentials, Event, PublishId, Session, Transmit};
use crate::transport::{
    Authorization, AuthorizationError, Connections, Cookie, Generation, Incoming, Proxy,
    Settings as TransportSettings, TransportError, Wake,
};
use driver::Driver;
use inbox::Input;
pub use notice::Notice;
pub use settings::{Fallback, Settings, Traffic};

/// A Bayeux client: see the [module](self).
#[derive(Debug)]
pub struct Client {
    session: Session,
    authorization: Option<Arc<Authorization>>,
    proxy: Option<Proxy>,
    driver: Driver,
    /// For a fallback that may be needed.
    spare: Option<Box<TransportSettings>>,
    connections: Connections,
    traffic: Traffic,
    inbox: Receiver<Input>,
    poster: Sender<Input>,
    notices: VecDeque<Notice>,
    /// The credentials of the exchange that was handled last.
    credential: Option<Generation>,
    /// Whether the last input was taken when something was due: then that comes first, however
    /// much more there is to take.
    has_taken_late: bool,
}

/// Wakes the owner of a [`Client`] from another thread.
#[derive(Clone, Debug)]
pub struct Waker {
    poster: Sender<Input>,
    wake: Option<Wake>,
    connections: Connections,
}

impl Client {
    /// A client whose handshake leaves with the first call of [`next`](Self::next).
    ///
    /// # Errors
    /// When the settings cannot be used: a header that is none, for example.
    pub fn new(mut settings: Settings) -> Result<Self, TransportError> {
        let authorization = settings.transport.authorization.clone();
        if authorization.as_ref().is_some_and(|it| it.is_renewable()) {
            settings.session.credentials = Credentials::Renewable;
        }
        let proxy = settings.transport.proxy.clone();
        let (poster, inbox) = channel();
        let driver = Driver::new(&settings, &poster)?;
        let may_fall_back =
            matches!(driver, Driver::Socket(_)) && settings.fallback == Fallback::LongPolling;
        let mut session = Session::new(settings.session);
        session.handshake(Instant::now());
        Ok(Self {
            session,
            authorization,
            proxy,
            driver,
            connections: settings.transport.connections.clone(),
            spare: may_fall_back.then(|| Box::new(settings.transport)),
            traffic: settings.traffic,
            inbox,
            poster,
            notices: VecDeque::new(),
            credential: None,
            has_taken_late: false,
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
            if let Some(notice) = self.next_event() {
                return Some(notice);
            }
            if self.session.poll_cancel().is_some() {
                match &self.driver {
                    // Only the connect of a lost session is ever cancelled, while the other
                    // lane is free: no exchange that is still wanted is hurt.
                    Driver::Inline(_) | Driver::Threads(_) => self.connections.abort(),
                    // Its reply will answer nothing that anybody still asks.
                    Driver::Socket(_) => {}
                }
                continue;
            }
            let now = Instant::now();
            if let Some(transmit) = self.session.poll_transmit(now) {
                self.transmit(transmit, deadline);
                continue;
            }
            if self.session.is_ended() {
                if let Driver::Socket(socket) = &mut self.driver {
                    socket.close();
                }
                return None;
            }
            let wake_at = [self.session.poll_timeout(), deadline]
                .into_iter()
                .flatten()
                .min();
            let is_due = wake_at.is_some_and(|it| it <= now);
            let input = match is_due && self.has_taken_late {
                true => None,
                false => self.receive(wake_at),
            };
            self.has_taken_late = is_due && input.is_some();
            match input {
                Some(input) => self.handle(input),
                None => {
                    let now = Instant::now();
                    self.session.handle_timeout(now);
                    if deadline.is_some_and(|it| it <= now) {
                        return self.next_event();
                    }
                }
            }
        }
    }

    fn next_event(&mut self) -> Option<Notice> {
        let event = self.session.poll_event()?;
        if matches!(event, Event::Unauthorised { .. }) {
            self.renew_credentials();
        }
        Some(Notice::Event(event))
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

    /// The cookies that would be sent, apart from those for other paths.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.driver.cookies()
    }

    /// The proxy that it goes through.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// A handle to wake the owner with.
    pub fn waker(&self) -> Waker {
        Waker {
            poster: self.poster.clone(),
            wake: self.driver.wake(),
            connections: self.connections.clone(),
        }
    }

    /// `until` bounds an exchange that is done right here.
    fn transmit(&mut self, transmit: Transmit, until: Option<Instant>) {
        if !matches!(self.driver, Driver::Socket(_)) {
            self.tell_sent(&transmit);
        }
        match &mut self.driver {
            // It is told once it has left.
            Driver::Socket(socket) => {
                if let Some(sent) = socket.send(transmit) {
                    self.handle(Input::Socket(Incoming::Sent(sent)));
                }
            }
            Driver::Threads(lanes) => lanes.send(transmit),
            Driver::Inline(transport) => {
                let exchange = transport.exchange(&transmit.messages, transmit.hold, until);
                self.handle(Input::Exchanged(transmit.exchange, Box::new(exchange)));
            }
        }
    }

    /// Asks for other credentials, on a thread of its own: a command may take its time.
    fn renew_credentials(&self) {
        let waker = self.waker();
        let Some(authorization) = self.authorization.clone() else {
            return waker.post(Input::Renewed(Err(AuthorizationError::Fixed)));
        };
        let (refused, theirs) = (self.credential, waker.clone());
        let renew = move || {
            let renewed = authorization.renew(refused, None).map(|_| ());
            theirs.post(Input::Renewed(renewed));
        };
        let builder = thread::Builder::new().name("bayeux-credentials".to_owned());
        if let Err(error) = builder.spawn(renew) {
            let reason = AuthorizationError::Source(Arc::new(error));
            waker.post(Input::Renewed(Err(reason)));
        }
    }

    fn receive(&mut self, wake_at: Option<Instant>) -> Option<Input> {
        match &mut self.driver {
            Driver::Socket(socket) => {
                // The client itself holds a sender, so the inbox is never disconnected.
                let posted = self.inbox.try_recv().ok();
                posted.or_else(|| socket.next(wake_at).map(Input::Socket))
            }
            Driver::Inline(_) | Driver::Threads(_) => {
                let timeout = match wake_at {
                    Some(wake_at) => wake_at.saturating_duration_since(Instant::now()),
                    None => Duration::from_secs(3600),
                };
                self.inbox.recv_timeout(timeout).ok()
            }
        }
    }
}

impl Drop for Client {
    /// Lets go of a held connect, so that its thread ends.
    fn drop(&mut self) {
        self.connections.abort();
    }
}

impl Waker {
    /// Makes [`Client::next`] return [`Notice::Woken`].
    pub fn wake(&self) {
        self.post(Input::Wake);
    }

    fn post(&self, input: Input) {
        // Nobody listens any more once the client is gone.
        let _ = self.poster.send(input);
        if let Some(wake) = &self.wake {
            wake.wake();
        }
    }

    /// Breaks off the exchanges that are under way, and wakes the owner. For a client that
    /// does its exchanges on its owner's thread this is the only way to be heard.
    pub fn break_off(&self) {
        self.wake();
        self.connections.abort();
    }
}
