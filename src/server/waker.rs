//! Waiting for a socket and for other threads at once.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// What to wait for at a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interest {
    Read,
    Write,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Woken {
    /// The socket is ready, or has failed.
    BySocket,
    /// Another thread called [`Waker::wake`]; or it was nothing, as a signal.
    ByThread,
    TimedOut,
}

pub(super) use system::Waker;

#[cfg(unix)]
mod system {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::{Duration, Interest, TcpStream, Woken, io};

    /// Wakes the one thread that waits for a socket.
    #[derive(Debug)]
    pub(in crate::server) struct Waker {
        near: UnixStream,
        far: UnixStream,
        /// Whether a byte is on its way already.
        is_woken: AtomicBool,
    }

    impl Waker {
        pub(in crate::server) fn new() -> io::Result<Self> {
            let (near, far) = UnixStream::pair()?;
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
            let is_woken = AtomicBool::new(false);
            Ok(Self {
                near,
                far,
                is_woken,
            })
        }

        /// Ends the present wait of the other thread, or else its next one.
        pub(in crate::server) fn wake(&self) {
            if !self.is_woken.swap(true, Ordering::AcqRel) {
                // With at most one byte in it, it always takes one more.
                let _ = (&self.near).write(&[0]);
            }
        }

        pub(in crate::server) fn wait(
            &self,
            socket: &TcpStream,
            interest: Interest,
            timeout: Duration,
        ) -> io::Result<Woken> {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
            };
            let mut both = [
                PollFd::new(socket, flags),
                PollFd::new(&self.far, PollFlags::IN),
            ];
            let timeout = Timespec::try_from(timeout).ok();
            match poll(&mut both, timeout.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => return Ok(Woken::ByThread),
                Err(error) => return Err(error.into()),
            }
            let [socket, thread] = both.map(|it| !it.revents().is_empty());
            if thread {
                let _ = (&self.far).read(&mut [0; 8]);
                // Whoever wakes from here on is heard by the next wait; what they changed
                // before is seen when this one has returned.
                self.is_woken.store(false, Ordering::Release);
            }
            Ok(match (socket, thread) {
                (true, _) => Woken::BySocket,
                (false, true) => Woken::ByThread,
                (false, false) => Woken::TimedOut,
            })
        }
    }
}

/// Where nothing waits for a socket and a thread at once, the socket is looked at often.
#[cfg(not(unix))]
mod system {
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Instant;

    use super::{Duration, Interest, TcpStream, Woken, io};

    const TICK: Duration = Duration::from_millis(10);

    /// Wakes the one thread that waits for a socket.
    #[derive(Debug)]
    pub(in crate::server) struct Waker {
        is_woken: Mutex<bool>,
        woken: Condvar,
    }

    impl Waker {
        pub(in crate::server) fn new() -> io::Result<Self> {
            let is_woken = Mutex::new(false);
            let woken = Condvar::new();
            Ok(Self { is_woken, woken })
        }

        /// Ends the present wait of the other thread, or else its next one.
        pub(in crate::server) fn wake(&self) {
            *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.woken.notify_all();
        }

        pub(in crate::server) fn wait(
            &self,
            socket: &TcpStream,
            interest: Interest,
            timeout: Duration,
        ) -> io::Result<Woken> {
            let deadline = Instant::now() + timeout;
            loop {
                let is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = self.woken.wait_timeout_while(is_woken, TICK, |it| !*it);
                let (mut is_woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
                if std::mem::take(&mut *is_woken) {
                    return Ok(Woken::ByThread);
                }
                let is_ready = match interest {
                    Interest::Read => is_readable(socket),
                    // Trying to write is the one way to know.
                    Interest::Write => true,
                };
                if is_ready {
                    return Ok(Woken::BySocket);
                }
                if Instant::now() >= deadline {
                    return Ok(Woken::TimedOut);
                }
            }
        }
    }

    fn is_readable(socket: &TcpStream) -> bool {
        match socket.peek(&mut [0]) {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_wait_ends_by_thread_by_socket_and_by_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        let wait = |interest, timeout| waker.wait(&socket, interest, timeout).unwrap();

        waker.wake();
        waker.wake();
        assert_eq!(wait(Interest::Read, LONG), Woken::ByThread);
        assert_eq!(
            wait(Interest::Read, Duration::from_millis(1)),
            Woken::TimedOut
        );
        let other = Arc::clone(&waker);
        let thread = thread::spawn(move || other.wake());
        assert_eq!(wait(Interest::Read, LONG), Woken::ByThread);
        thread.join().unwrap();
        assert_eq!(wait(Interest::Write, LONG), Woken::BySocket);
        io::Write::write_all(&mut client, b"x").unwrap();
        assert_eq!(wait(Interest::Read, LONG), Woken::BySocket);
    }
}
