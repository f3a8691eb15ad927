//! The two threads of a session that holds a connect.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::session::{Lane, Transmit};
use crate::transport::Polling;

use super::inbox::Input;

/// Enough for an exchange through TLS; the default of 2 MiB is address space, not memory, but
/// a load test has thousands of clients.
const STACK: usize = 256 * 1024;

/// A thread for each lane, started when the lane is first used.
#[derive(Debug)]
pub(super) struct Lanes {
    connect: Thread,
    send: Thread,
}

#[derive(Debug)]
struct Thread {
    name: &'static str,
    transport: Arc<Polling>,
    inbox: Sender<Input>,
    jobs: Option<Sender<Transmit>>,
}

impl Lanes {
    pub(super) fn new(transport: &Arc<Polling>, inbox: &Sender<Input>) -> Self {
        let thread = |name| Thread {
            name,
            transport: Arc::clone(transport),
            inbox: inbox.clone(),
            jobs: None,
        };
        Self {
            connect: thread("bayeux-connect"),
            send: thread("bayeux-send"),
        }
    }

    pub(super) fn transport(&self) -> &Polling {
        &self.connect.transport
    }

    /// Hands a request to its lane's thread.
    pub(super) fn send(&mut self, transmit: Transmit) {
        let thread = match transmit.lane {
            Lane::Connect => &mut self.connect,
            Lane::Send => &mut self.send,
        };
        thread.send(transmit);
    }
}

impl Thread {
    fn send(&mut self, transmit: Transmit) {
        let rejected = match &self.jobs {
            Some(jobs) => jobs.send(transmit).err().map(|it| it.0),
            None => Some(transmit),
        };
        if let Some(transmit) = rejected {
            self.start(transmit);
        }
    }

    fn start(&mut self, first: Transmit) {
        let (jobs, todo) = channel();
        let (transport, inbox) = (Arc::clone(&self.transport), self.inbox.clone());
        let builder = thread::Builder::new()
            .name(self.name.to_owned())
            .stack_size(STACK);
        let started = builder.spawn(move || work(&todo, &transport, &inbox));
        match started {
            Ok(_) => {
                // The thread was just started and waits for its first job.
                let _ = jobs.send(first);
                self.jobs = Some(jobs);
            }
            // No thread to be had: the exchange is done here, late rather than never.
            Err(_) => exchange(first, &self.transport, &self.inbox),
        }
    }
}

/// Does one exchange after the other until the client is gone.
fn work(jobs: &Receiver<Transmit>, transport: &Polling, inbox: &Sender<Input>) {
    for transmit in jobs {
        exchange(transmit, transport, inbox);
    }
}

fn exchange(transmit: Transmit, transport: &Polling, inbox: &Sender<Input>) {
    let exchange = transport.exchange(&transmit.messages, transmit.hold, None);
    // Nobody listens any more once the client is gone.
    let _ = inbox.send(Input::Exchanged(transmit.exchange, Box::new(exchange)));
}
