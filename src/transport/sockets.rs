//! Every socket of one transport, so that an abort reaches those that other threads wait on.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The open sockets, and how often they were all shut down.
///
/// ureq's own `Agent::shutdown` does the same, once: the agent is of no use after it.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: Mutex<Vec<Weak<TcpStream>>>,
    epoch: AtomicU64,
}

impl Sockets {
    /// How often [`shut_down`](Self::shut_down) was called.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Adds a socket, for an exchange that began in this epoch; false if there was an abort since.
    pub(super) fn add(&self, socket: &Arc<TcpStream>, epoch: u64) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|it| it.strong_count() > 0);
        open.push(Arc::downgrade(socket));
        // Read under the lock under which it is raised: a socket is either in the list
        // that an abort walks through, or sees that there was one.
        self.epoch() == epoch
    }

    /// Shuts every socket down: whoever reads or writes on one returns at once.
    pub(super) fn shut_down(&self) {
        let open = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            self.epoch.fetch_add(1, Ordering::SeqCst);
            std::mem::take(&mut *open)
        };
        for socket in open.iter().filter_map(Weak::upgrade) {
            // It fails for a socket that the server has closed: that is what we want.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
