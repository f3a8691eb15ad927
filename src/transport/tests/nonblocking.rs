//! Connections that never block, against servers that do.

mod http;

use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::super::nonblocking::{Http, Jar, Progress, Shared, Target};
use super::*;
use crate::protocol::Body;

/// What a thread with connections has.
struct Thread {
    poll: Poll,
    shared: Shared,
}

impl Thread {
    fn new(settings: &Settings) -> Self {
        let target = Arc::new(Target::new(settings).unwrap());
        let poll = Poll::new().unwrap();
        let shared = Shared::new(target, poll.registry()).unwrap();
        Self { poll, shared }
    }

    /// Handles events until there is something to tell.
    fn wait<T>(&mut self, mut handle: impl FnMut(&mut Shared, &Event) -> Option<T>) -> T {
        let began = Instant::now();
        let mut events = Events::with_capacity(8);
        while began.elapsed() < LONG {
            let second = Some(Duration::from_secs(1));
            self.poll.poll(&mut events, second).unwrap();
            for event in &events {
                if let Some(told) = handle(&mut self.shared, event) {
                    return told;
                }
            }
        }
        panic!("nothing came");
    }
}

/// One client with one connection.
struct Single {
    thread: Thread,
    jar: Jar,
    http: Http,
}

impl Single {
    fn new(settings: &Settings) -> Self {
        let mut thread = Thread::new(settings);
        let http = Http::connect(&mut thread.shared, None, Token(7)).unwrap();
        let jar = Jar::default();
        Self { thread, jar, http }
    }

    fn exchange(&mut self, messages: &[Message]) -> Result<Body, TransportError> {
        let Self { thread, jar, http } = self;
        match http.send(&mut thread.shared, jar, messages) {
            Progress::Pending => {}
            Progress::Answered(outcome) => return outcome,
            Progress::Closed => panic!("closed by sending"),
        }
        match self.wait() {
            Progress::Answered(outcome) => outcome,
            progress => panic!("{progress:?}"),
        }
    }

    fn wait(&mut self) -> Progress {
        let Self { thread, jar, http } = self;
        thread.wait(|shared, event| {
            assert_eq!(event.token(), Token(7));
            match http.handle_ready(shared, jar, event) {
                Progress::Pending => None,
                progress => Some(progress),
            }
        })
    }

    fn connected(&mut self) {
        let Self { thread, jar, http } = self;
        thread.wait(|shared, event| {
            let progress = http.handle_ready(shared, jar, event);
            assert!(matches!(progress, Progress::Pending), "{progress:?}");
            http.is_connected().then_some(())
        });
    }
}

fn channels(outcome: &Result<Body, TransportError>) -> Vec<&str> {
    let body = outcome.as_ref().unwrap();
    body.messages.iter().map(Message::channel).collect()
}
