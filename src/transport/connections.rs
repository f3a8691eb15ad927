//! Every connection of one client, so that an abort reaches those that other threads wait on.

use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The open connections of a client, whatever its transport; a copy is another handle to
/// the same.
///
/// ureq's own `Agent::shutdown` aborts as well, once: the agent is of no use after it.
#[derive(Clone, Default)]
pub struct Connections(Arc<Inner>);

#[derive(Default)]
struct Inner {
    open: Mutex<Vec<Weak<TcpStream>>>,
    /// How often they were all shut down.
    epoch: AtomicU64,
}

impl Connections {
    /// Shuts every connection down: whoever reads or writes on one returns at once.
    ///
    /// Who is looking up a name or opening a connection goes on until that is done, at most
    /// for the connect timeout, and then ends as well.
    pub fn abort(&self) {
        let open = {
            let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.epoch.fetch_add(1, Ordering::SeqCst);
            std::mem::take(&mut *open)
        };
        for socket in open.iter().filter_map(Weak::upgrade) {
            // It fails for a socket that the server has closed: that is what we want.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// How often [`abort`](Self::abort) was called.
    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::SeqCst)
    }

    /// Adds a socket, for an exchange that began in this epoch; false if there was an abort since.
    pub(super) fn add(&self, socket: &Arc<TcpStream>, epoch: u64) -> bool {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|it| it.strong_count() > 0);
        open.push(Arc::downgrade(socket));
        // Read under the lock under which it is raised: a socket is either in the list
        // that an abort walks through, or sees that there was one.
        self.epoch() == epoch
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}
