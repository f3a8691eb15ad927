//! What passes a proxy, from its thread to the one that owns the printer.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bayeux::proxy::{Event, Observer, What};
use bayeux::traffic::{Noticed, Watch};

use super::super::exit::Stop;
use super::told;
use crate::output::Printer;

/// What the proxy's thread tells the other one.
#[derive(Debug)]
pub(super) enum Told {
    Noticed(SystemTime, Box<Noticed>),
    Happened(u64, What),
    Untold(u64),
    Stop,
}

/// What happens while the terminal is stopped; the proxy never waits for it.
pub(super) const MOST_UNTOLD: usize = 16 * 1024;

/// The bytes of the same. One thing more is always taken.
const MOST_UNTOLD_BYTES: usize = 64 * 1024 * 1024;

/// What the two threads know of what is still to be told.
#[derive(Default)]
pub(super) struct Untold {
    n_bytes: AtomicUsize,
    pub(super) is_stopping: AtomicBool,
}

pub(super) struct Reporter {
    sender: SyncSender<Told>,
    /// It has to see everything, whether it is told or not. Only the proxy's thread asks it.
    watch: Mutex<Watch>,
    n_untold: AtomicU64,
    untold: Arc<Untold>,
}

impl Reporter {
    pub(super) fn shared(sender: SyncSender<Told>, untold: &Arc<Untold>) -> Arc<dyn Observer> {
        Arc::new(Self {
            sender,
            watch: Mutex::new(Watch::new()),
            n_untold: AtomicU64::new(0),
            untold: Arc::clone(untold),
        })
    }

    fn send(&self, told: Told) {
        let n_untold = self.n_untold.swap(0, Ordering::Relaxed);
        let is_sent = n_untold == 0 || self.sender.try_send(Told::Untold(n_untold)).is_ok();
        let n_bytes = told.n_bytes();
        // Before the other thread can take it off again.
        let n_before = self.untold.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let is_room = n_before == 0 || n_before + n_bytes <= MOST_UNTOLD_BYTES;
        if !is_sent || !is_room || self.sender.try_send(told).is_err() {
            self.untold.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            self.n_untold.fetch_add(n_untold + 1, Ordering::Relaxed);
        }
    }
}

impl Observer for Reporter {
    fn observe(&self, event: Event) {
        let sighting = match event.what {
            What::Seen(sighting) => sighting,
            what => return self.send(Told::Happened(event.connection, what)),
        };
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.see(sighting);
        while let Some(noticed) = watch.poll() {
            self.send(Told::Noticed(event.time, Box::new(noticed)));
        }
    }
}

impl Told {
    fn n_bytes(&self) -> usize {
        let Self::Noticed(_, noticed) = self else {
            // They are short.
            return 0;
        };
        match &**noticed {
            Noticed::Asked(it) => it.message.raw().len(),
            Noticed::Answered(it) => it.message.raw().len(),
            Noticed::Delivered(it) => it.message.raw().len(),
            Noticed::Unanswered(it) => it.message.raw().len(),
            Noticed::Session(_) | Noticed::Remark(_) => 0,
        }
    }
}

/// Shows what comes, until the proxy is to stop.
pub(super) fn tell(
    receiver: &Receiver<Told>,
    untold: &Untold,
    printer: &mut Printer,
) -> Result<(), Stop> {
    for told in receiver {
        if untold.is_stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        let n_bytes = told.n_bytes();
        match told {
            Told::Noticed(time, noticed) => told::noticed(printer, time, &noticed)?,
            Told::Happened(connection, what) => told::happened(printer, connection, &what),
            Told::Untold(n) => printer.note(&format!("{n} things happened that were not shown")),
            Told::Stop => return Ok(()),
        }
        untold.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }
    Ok(())
}
