//! Where the loops wait for each other once: between the accounting of all publishers and that
//! of the clients.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// One loop's part in the meeting. Dropping it counts as coming, so that nobody waits for a loop
/// that has panicked.
pub(super) struct Rendezvous(Arc<Place>);

struct Place {
    n_missing: Mutex<usize>,
    came: Condvar,
}

impl Rendezvous {
    /// A meeting of so many.
    pub(super) fn of(n: usize) -> impl Iterator<Item = Self> {
        let place = Arc::new(Place {
            n_missing: Mutex::new(n),
            came: Condvar::new(),
        });
        (0..n).map(move |_| Self(Arc::clone(&place)))
    }

    /// Waits until all have come.
    pub(super) fn meet(self) {
        let place = Arc::clone(&self.0);
        drop(self);
        let n_missing = place.n_missing.lock();
        let n_missing = n_missing.unwrap_or_else(PoisonError::into_inner);
        let all_there = place.came.wait_while(n_missing, |it| *it > 0);
        drop(all_there.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        let n_missing = self.0.n_missing.lock();
        *n_missing.unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.came.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn nobody_goes_on_before_all_have_come() {
        let n_come = AtomicUsize::new(0);
        thread::scope(|scope| {
            for it in Rendezvous::of(4) {
                scope.spawn(|| {
                    n_come.fetch_add(1, Ordering::SeqCst);
                    it.meet();
                    assert_eq!(n_come.load(Ordering::SeqCst), 4);
                });
            }
        });
    }

    #[test]
    fn nobody_waits_for_a_loop_that_panicked() {
        let mut parts = Rendezvous::of(2);
        let (fallen, other) = (parts.next().unwrap(), parts.next().unwrap());
        let thread = thread::spawn(move || {
            let _part = fallen;
            std::panic::resume_unwind(Box::new("a bug"));
        });
        assert!(thread.join().is_err());
        other.meet();
    }
}
