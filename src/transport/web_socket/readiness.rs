//! Waiting for a socket and for a wake-up from another thread at once.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// What a wait is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interest<'a> {
    pub(super) socket: &'a TcpStream,
    /// Whether something waits to be written, too.
    pub(super) is_writing: bool,
}

/// What a wait found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    /// The socket can be read from or written to, or has failed.
    pub(super) is_socket: bool,
}

/// Wakes the owner of a websocket who sleeps in [`WebSocket::next`](super::WebSocket::next).
#[derive(Clone, Debug)]
pub struct Wake(imp::Wake);

/// The waiting side of a [`Wake`].
#[derive(Debug)]
pub(super) struct Sleeper(imp::Sleeper);

/// A waker and what it wakes.
pub(super) fn pair() -> io::Result<(Wake, Sleeper)> {
    imp::pair().map(|(wake, sleeper)| (Wake(wake), Sleeper(sleeper)))
}

impl Wake {
    /// Ends the present wait, or else the next one.
    pub fn wake(&self) {
        self.0.wake();
    }
}

impl Sleeper {
    /// Waits until the socket is ready, somebody wakes us or the time is over.
    pub(super) fn sleep(
        &self,
        interest: Option<Interest<'_>>,
        timeout: Duration,
    ) -> io::Result<Ready> {
        self.0.sleep(interest, timeout)
    }
}

#[cfg(unix)]
mod imp {
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::{Interest, Ready};

    #[derive(Clone, Debug)]
    pub(super) struct Wake(Arc<UnixStream>);

    #[derive(Debug)]
    pub(super) struct Sleeper(UnixStream);

    pub(super) fn pair() -> io::Result<(Wake, Sleeper)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok((Wake(Arc::new(ours)), Sleeper(theirs)))
    }

    impl Wake {
        pub(super) fn wake(&self) {
            // A full pipe wakes as well as one more byte would.
            let _ = (&*self.0).write(&[1]);
        }
    }

    impl Sleeper {
        pub(super) fn sleep(
            &self,
            interest: Option<Interest<'_>>,
            timeout: Duration,
        ) -> io::Result<Ready> {
            let timeout = Timespec::try_from(timeout).ok();
            let woken = PollFd::new(&self.0, PollFlags::IN);
            let ready = match interest {
                None => {
                    let mut fds = [woken];
                    waited(poll(&mut fds, timeout.as_ref()))?;
                    (fds[0].revents(), PollFlags::empty())
                }
                Some(Interest { socket, is_writing }) => {
                    let writing = if is_writing {
                        PollFlags::OUT
                    } else {
                        PollFlags::empty()
                    };
                    let mut fds = [woken, PollFd::new(socket, PollFlags::IN | writing)];
                    waited(poll(&mut fds, timeout.as_ref()))?;
                    (fds[0].revents(), fds[1].revents())
                }
            };
            if !ready.0.is_empty() {
                // However often we were woken, it is once.
                while matches!((&self.0).read(&mut [0; 64]), Ok(1..)) {}
            }
            Ok(Ready {
                is_socket: !ready.1.is_empty(),
            })
        }
    }

    /// A signal ends a wait; the caller looks around and waits again.
    fn waited(result: rustix::io::Result<usize>) -> io::Result<()> {
        match result {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod imp {
    //! Without a `poll` of its own: a look every few milliseconds.

    use std::io;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::{Interest, Ready};

    const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

    #[derive(Clone, Debug)]
    pub(super) struct Wake(Arc<SyncSender<()>>);

    #[derive(Debug)]
    pub(super) struct Sleeper(Receiver<()>);

    pub(super) fn pair() -> io::Result<(Wake, Sleeper)> {
        let (sender, receiver) = sync_channel(1);
        Ok((Wake(Arc::new(sender)), Sleeper(receiver)))
    }

    impl Wake {
        pub(super) fn wake(&self) {
            let _ = self.0.try_send(());
        }
    }

    impl Sleeper {
        pub(super) fn sleep(
            &self,
            interest: Option<Interest<'_>>,
            timeout: Duration,
        ) -> io::Result<Ready> {
            let timeout = match interest {
                Some(_) => timeout.min(BETWEEN_LOOKS),
                None => timeout,
            };
            let _ = self.0.recv_timeout(timeout);
            Ok(Ready {
                is_socket: interest
                    .is_some_and(|it| it.is_writing || it.socket.peer_addr().is_ok()),
            })
        }
    }
}
