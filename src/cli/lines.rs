//! Standard input, line by line, read on a thread of its own.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use bayeux::client::Waker;
use bayeux::protocol::Json;

use super::data::{self, Form};
use super::exit::Stop;

/// Lines that wait to be published; the reader stops there, and so does whoever writes to it.
const CAPACITY: usize = 256;

/// The lines of standard input.
pub(crate) struct Lines {
    incoming: Receiver<Line>,
    /// Set while the client waits for a line: only then does the reader wake it.
    is_waited_for: Arc<AtomicBool>,
}

/// One line, or its absence.
#[derive(Debug)]
pub(crate) enum Line {
    /// A value and its line number.
    Data(u64, Json),
    /// A line that is no JSON, with its number.
    Unreadable(u64, String),
    /// Nothing for now; the client is woken when there is.
    NotYet,
    /// Standard input failed.
    Failed(io::Error),
    /// Standard input has ended.
    End,
}

impl Lines {
    /// Begins to read.
    pub(crate) fn start(waker: Waker, form: Form) -> Result<Self, Stop> {
        let (outgoing, incoming) = sync_channel(CAPACITY);
        let is_waited_for = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            outgoing,
            is_waited_for: Arc::clone(&is_waited_for),
            waker,
        };
        std::thread::Builder::new()
            .name("bayeux-stdin".to_owned())
            .spawn(move || reader.read(io::stdin().lock(), form))
            .map_err(|error| Stop::local("cannot start a thread", &error))?;
        Ok(Self {
            incoming,
            is_waited_for,
        })
    }

    /// The next line, without waiting.
    pub(crate) fn next(&mut self) -> Line {
        let line = self.incoming.try_recv().or_else(|error| match error {
            TryRecvError::Disconnected => Err(error),
            TryRecvError::Empty => {
                self.is_waited_for.store(true, Ordering::SeqCst);
                // What came between the two looks would not wake anybody.
                self.incoming.try_recv()
            }
        });
        match line {
            Ok(line) => line,
            Err(TryRecvError::Empty) => Line::NotYet,
            Err(TryRecvError::Disconnected) => Line::End,
        }
    }
}

/// The thread that reads.
struct Reader {
    outgoing: SyncSender<Line>,
    is_waited_for: Arc<AtomicBool>,
    waker: Waker,
}

impl Reader {
    /// Empty lines are passed over.
    fn read(self, input: impl BufRead, form: Form) {
        for (number, line) in (1..).zip(input.lines()) {
            let line = match line {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => match data::line(&line, form) {
                    Ok(json) => Line::Data(number, json),
                    Err(error) => Line::Unreadable(number, error),
                },
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Line::Unreadable(number, "not UTF-8".to_owned())
                }
                Err(error) => Line::Failed(error),
            };
            let is_last = matches!(line, Line::Failed(_));
            if self.outgoing.send(line).is_err() || is_last {
                break;
            }
            if self.is_waited_for.swap(false, Ordering::SeqCst) {
                self.waker.wake();
            }
        }
        // The end has to be seen, too.
        drop(self.outgoing);
        self.waker.wake();
    }
}
