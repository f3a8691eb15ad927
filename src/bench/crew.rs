//! The threads of a run, whichever engine they are of.

use std::panic::resume_unwind;
use std::thread::JoinHandle;

/// The threads of a run.
#[derive(Default)]
pub(super) struct Crew {
    pub(super) handles: Vec<JoinHandle<()>>,
    /// Each wakes one thread that waits for its connections.
    pub(super) wakers: Vec<Box<dyn Fn()>>,
}

impl Crew {
    /// Lets every thread see what the board says now.
    pub(super) fn wake(&self) {
        self.wakers.iter().for_each(|wake| wake());
    }

    /// Waits until all are done. A panic goes on here: figures without those of a thread would be
    /// wrong.
    pub(super) fn join(self) {
        let joined: Vec<_> = self.handles.into_iter().map(JoinHandle::join).collect();
        for outcome in joined {
            outcome.unwrap_or_else(|panic| resume_unwind(panic));
        }
    }

    /// Whether a thread has ended, although none was told to.
    pub(super) fn has_fallen(&self) -> bool {
        self.handles.iter().any(JoinHandle::is_finished)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    #[test]
    fn a_run_without_one_of_its_threads_has_no_results() {
        let mut crew = Crew::default();
        crew.handles
            .push(thread::spawn(|| resume_unwind(Box::new("a bug"))));
        crew.handles.push(thread::spawn(|| {}));
        let joined = catch_unwind(AssertUnwindSafe(|| crew.join()));
        assert_eq!(joined.unwrap_err().downcast_ref(), Some(&"a bug"));
    }
}
