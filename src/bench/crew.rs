//! The threads of a run, whichever engine they are of.

use std::thread::JoinHandle;

use super::recorder::Recorder;

/// The threads of a run.
#[derive(Default)]
pub(super) struct Crew {
    pub(super) handles: Vec<JoinHandle<Recorder>>,
    /// Each wakes one thread that waits for its connections.
    pub(super) wakers: Vec<Box<dyn Fn()>>,
}

impl Crew {
    /// Lets every thread see what the board says now.
    pub(super) fn wake(&self) {
        self.wakers.iter().for_each(|wake| wake());
    }

    /// Waits until all are done, and returns what they measured.
    pub(super) fn join(self) -> Vec<Recorder> {
        let recorders = self.handles.into_iter().filter_map(|it| it.join().ok());
        recorders.collect()
    }
}
