//! What waits to be told by the thread that owns the printer, of something that never waits for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// How long the last of it may take to be told, once the program is to stop. A terminal that takes
/// nothing more holds nobody up: the signal ends the program a little later.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What both threads know of what is still to be told.
#[derive(Debug)]
pub(super) struct Untold {
    most_bytes: usize,
    n_bytes: AtomicUsize,
    /// Things for which there was no room, and of which nobody knows yet.
    n_missed: AtomicU64,
    stopping: OnceLock<Instant>,
}

impl Untold {
    /// What may wait: bytes, however many things they are in.
    pub(super) fn of(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            n_bytes: AtomicUsize::new(0),
            n_missed: AtomicU64::new(0),
            stopping: OnceLock::new(),
        }
    }

    /// Lets something wait that has so many bytes, if there is room. Before it comes what
    /// `missed` makes of the number of things for which there was none.
    pub(super) fn send<T>(
        &self,
        sender: &SyncSender<T>,
        told: T,
        n_bytes: usize,
        missed: impl FnOnce(u64) -> T,
    ) {
        // Before the other thread can take it off again. One thing is always taken.
        let n_before = self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let is_room = n_before == 0 || n_before + n_bytes <= self.most_bytes;
        let n_missed = match is_room {
            true => self.n_missed.swap(0, Ordering::Relaxed),
            false => 0,
        };
        let is_known = n_missed == 0 || sender.try_send(missed(n_missed)).is_ok();
        if !is_room || !is_known || sender.try_send(told).is_err() {
            self.is_told(n_bytes);
            let n_unknown = if is_known { 0 } else { n_missed };
            self.n_missed.fetch_add(n_unknown + 1, Ordering::Relaxed);
        }
    }

    /// So many bytes wait no longer.
    pub(super) fn is_told(&self, n_bytes: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }

    /// Nothing more is waited for; what is there is still told. Whoever waits in
    /// [`next`](Self::next) is to be sent something after this.
    pub(super) fn stop(&self) {
        // The first time counts.
        let _ = self.stopping.set(Instant::now());
    }

    /// What is to be told next, as soon as there is something; nothing if the end has come.
    pub(super) fn next<T>(&self, receiver: &Receiver<T>) -> Option<T> {
        match self.stopping.get() {
            None => receiver.recv().ok(),
            Some(since) if since.elapsed() < LAST_WORDS => receiver.try_recv().ok(),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn what_is_there_is_told_before_the_end() {
        let (sender, receiver) = sync_channel(2);
        let untold = Untold::of(0);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        untold.stop();
        let told: Vec<i32> = std::iter::from_fn(|| untold.next(&receiver)).collect();
        assert_eq!(told, [1, 2], "and nothing more was waited for");
    }

    #[test]
    fn one_thing_is_always_taken_and_what_is_not_is_counted() {
        let (sender, receiver) = sync_channel(10);
        let untold = Untold::of(10);
        let send = |told: &'static str, n_bytes| {
            untold.send(&sender, told.to_owned(), n_bytes, |it| {
                format!("{it} missed")
            });
        };
        send("long", 100);
        send("no room", 1);
        send("none again", 1);
        assert_eq!(receiver.recv().unwrap(), "long");
        untold.is_told(100);
        send("short", 10);
        send("too much", 1);
        let told: Vec<String> = receiver.try_iter().collect();
        assert_eq!(told, ["2 missed", "short"]);
        untold.is_told(10);
        for _ in 0..12 {
            send("", 0);
        }
        assert_eq!(receiver.try_iter().count(), 10);
        send("last", 0);
        let told: Vec<String> = receiver.try_iter().collect();
        assert_eq!(told, ["3 missed", "last"]);
    }
}
