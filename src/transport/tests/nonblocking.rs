//! Connections that never block, against servers that do.

mod http;
mod tls;
mod web_socket;

use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::super::nonblocking::{Http, Incoming, Jar, Progress, Sent, Shared, Socket, Target};
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
            http.note(event);
            match http.handle_ready(shared, jar) {
                Progress::Pending => None,
                progress => Some(progress),
            }
        })
    }

    fn connected(&mut self) {
        let Self { thread, jar, http } = self;
        thread.wait(|shared, event| {
            http.note(event);
            let progress = http.handle_ready(shared, jar);
            assert!(matches!(progress, Progress::Pending), "{progress:?}");
            http.is_connected().then_some(())
        });
    }
}

/// One client with one websocket.
struct Client {
    thread: Thread,
    jar: Jar,
    socket: Socket,
}

impl Client {
    fn new(settings: &Settings) -> Self {
        let mut thread = Thread::new(settings);
        let socket = Socket::connect(&mut thread.shared, None, Token(3)).unwrap();
        let jar = Jar::default();
        Self {
            thread,
            jar,
            socket,
        }
    }

    fn opened(settings: &Settings) -> Self {
        let mut client = Self::new(settings);
        match client.next() {
            Incoming::Opened => client,
            incoming => panic!("{incoming:?}"),
        }
    }

    fn send(&mut self, messages: &[Message]) -> Sent {
        self.socket.send(&mut self.thread.shared, messages).unwrap()
    }

    fn next(&mut self) -> Incoming {
        let Self {
            thread,
            jar,
            socket,
        } = self;
        if let Some(incoming) = socket.next(&mut thread.shared, jar) {
            return incoming;
        }
        thread.wait(|shared, event| {
            assert_eq!(event.token(), Token(3));
            socket.note(event);
            socket.next(shared, jar)
        })
    }

    fn messages(&mut self) -> Vec<String> {
        match self.next() {
            Incoming::Messages(body) => body
                .messages
                .iter()
                .map(|it| it.channel().to_owned())
                .collect(),
            incoming => panic!("{incoming:?}"),
        }
    }

    fn closed(&mut self) -> TransportError {
        let error = match self.next() {
            Incoming::Closed(error) => error,
            incoming => panic!("{incoming:?}"),
        };
        assert!(
            self.socket
                .next(&mut self.thread.shared, &mut self.jar)
                .is_none()
        );
        assert!(!self.socket.is_open());
        error
    }
}

fn channels(outcome: &Result<Body, TransportError>) -> Vec<&str> {
    let body = outcome.as_ref().unwrap();
    body.messages.iter().map(Message::channel).collect()
}
