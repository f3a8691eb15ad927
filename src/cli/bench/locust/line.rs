//! The line to the master: a thread for each attempt to connect, which then listens, and how long
//! to wait before the next one.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{SendError, Sender as Inbox};
use std::thread;
use std::time::{Duration, Instant};

use bayeux::locust::{Link, LinkError, Sender};

use super::Input;
use crate::cli::bench::locust_args::Master;

/// How long a master may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The connection to a master, or the way to it.
pub(super) struct Line {
    master: Master,
    inbox: Inbox<Input>,
    /// Which attempt counts; what an older one still says does not.
    attempt: u64,
    state: State,
    next_wait: Duration,
}

enum State {
    /// Nobody is to be called before this time.
    Waiting(Instant),
    Calling,
    Up(Sender),
}

/// What happens to a connection.
pub(super) enum Happening {
    /// It is there.
    Up(Sender),
    /// The master has said something.
    Said(Vec<u8>),
    /// There is none, or none any more.
    Down(LinkError),
}

impl Line {
    pub(super) fn new(master: Master, inbox: Inbox<Input>, now: Instant) -> Self {
        Self {
            master,
            inbox,
            attempt: 0,
            state: State::Waiting(now),
            next_wait: FIRST_WAIT,
        }
    }

    /// Calls the master under this identity, if it is time to.
    pub(super) fn call(&mut self, identity: &str, now: Instant) -> std::io::Result<()> {
        match self.state {
            State::Waiting(until) if now >= until => {}
            State::Waiting(_) | State::Calling | State::Up(_) => return Ok(()),
        }
        self.attempt += 1;
        self.state = State::Calling;
        let attempt = self.attempt;
        let (master, inbox) = (self.master.clone(), self.inbox.clone());
        let identity = identity.to_owned();
        let tell = move |happening| inbox.send(Input::Line { attempt, happening });
        thread::Builder::new()
            .name("bayeux-locust".to_owned())
            .spawn(move || {
                let called = Link::connect(&master.host, master.port, &identity, PATIENCE);
                // Nobody listens any more where the program has ended.
                let _ = match called {
                    Ok(link) => listen(link, &tell),
                    Err(error) => tell(Happening::Down(error)),
                };
            })?;
        Ok(())
    }

    /// Whether this is of the attempt that counts.
    pub(super) fn is_current(&self, attempt: u64) -> bool {
        self.attempt == attempt && !matches!(self.state, State::Waiting(_))
    }

    /// There is a connection.
    pub(super) fn up(&mut self, sender: Sender) {
        self.state = State::Up(sender);
    }

    /// The connection is of use: the next one need not wait.
    pub(super) fn proven(&mut self) {
        self.next_wait = FIRST_WAIT;
    }

    /// There is no connection any more; another one is tried after a while, longer each time.
    pub(super) fn down(&mut self, now: Instant) {
        if let State::Up(sender) = &self.state {
            sender.close();
        }
        // Between half and all of it, so that many workers do not come at once.
        let part = (RandomState::new().hash_one(()) % 1000) as f64 / 1000.0;
        let wait = self.next_wait.mul_f64(0.5 + part / 2.0);
        self.state = State::Waiting(now + wait);
        self.next_wait = (self.next_wait * 2).min(LONGEST_WAIT);
    }

    /// Says something to the master, if there is a connection.
    pub(super) fn send(&self, message: &[u8]) -> Result<(), LinkError> {
        match &self.state {
            State::Up(sender) => sender.send(message),
            State::Waiting(_) | State::Calling => Ok(()),
        }
    }

    /// When to call.
    pub(super) fn timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Calling | State::Up(_) => None,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let State::Up(sender) = &self.state {
            sender.close();
        }
    }
}

/// Passes on what the master says until the connection ends, and that it has; less if nobody listens.
fn listen(
    mut link: Link,
    tell: &impl Fn(Happening) -> Result<(), SendError<Input>>,
) -> Result<(), SendError<Input>> {
    match link.sender() {
        Ok(sender) => tell(Happening::Up(sender))?,
        Err(error) => return tell(Happening::Down(LinkError::Lost(error))),
    }
    loop {
        match link.receive(None) {
            Ok(Some(message)) => tell(Happening::Said(message))?,
            Ok(None) => {}
            Err(error) => return tell(Happening::Down(error)),
        }
    }
}
