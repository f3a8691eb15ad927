//! One accepted socket: it is read by its own thread, and written to by that thread or by
//! whichever thread answers the connect that is held on it. Of a websocket only its own thread
//! reads and writes.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::response::Persistence;
use super::waker::Waker;

/// How long a client may take for a response, beyond the time that it takes at
/// [`MIN_BYTES_PER_SECOND`].
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that reads more slowly than this is no longer worth a thread.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;

/// Stack of a thread that only writes.
const WRITER_STACK: usize = 128 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    socket: TcpStream,
    owed: Mutex<Owed>,
    paid: Condvar,
    /// Wakes the thread of a websocket.
    waker: OnceLock<Waker>,
}

/// Whether a response is still to be written by another thread than the connection's own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Owed {
    Nothing,
    Response,
    /// And the connection's thread sleeps until it is written.
    AwaitedResponse,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(Self {
            peer,
            socket,
            owed: Mutex::new(Owed::Nothing),
            paid: Condvar::new(),
            waker: OnceLock::new(),
        })
    }

    /// Announces a response that some thread will [`send`](Self::send).
    pub(super) fn owe(&self) {
        *self.lock() = Owed::Response;
    }

    /// Writes the response that was owed, from whatever thread, without waiting for the
    /// client: what its socket does not take at once is left to a thread of its own.
    pub(super) fn send(self: &Arc<Self>, response: Vec<u8>, persistence: Persistence) {
        let sent = match self.write_without_waiting(&response) {
            Ok(sent) => sent,
            Err(_) => return self.shut_down(),
        };
        if sent == response.len() {
            return self.finish(persistence);
        }
        let connection = Arc::clone(self);
        let rest = move || match connection.write(&response[sent..]) {
            Ok(()) => connection.finish(persistence),
            Err(_) => connection.shut_down(),
        };
        let writer = thread::Builder::new().stack_size(WRITER_STACK).spawn(rest);
        if writer.is_err() {
            self.shut_down();
        }
    }

    /// Waits until no response is owed.
    pub(super) fn wait_until_paid(&self) {
        let mut owed = self.lock();
        while *owed != Owed::Nothing {
            *owed = Owed::AwaitedResponse;
            owed = self.paid.wait(owed).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes everything, however long the client takes within its limits.
    pub(super) fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let seconds = bytes.len() as u64 / MIN_BYTES_PER_SECOND;
        let deadline = Instant::now() + WRITE_TIMEOUT + Duration::from_secs(seconds);
        while !bytes.is_empty() {
            match (&self.socket).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) if Instant::now() > deadline => return Err(io::ErrorKind::TimedOut.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is; waits for it no longer than was last set.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.socket).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        // The operating system takes zero for "no timeout".
        let timeout = timeout.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(timeout))
    }

    /// Ends the sending direction and takes what the client still sends, for a moment. If we
    /// closed with bytes unread, its side would be reset and could lose our last response.
    pub(super) fn linger(&self) {
        const TIME: Duration = Duration::from_secs(2);
        let _ = self.socket.shutdown(Shutdown::Write);
        let deadline = Instant::now() + TIME;
        let mut scratch = [0; 4096];
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if self.set_read_timeout(left).is_err() {
                return;
            }
            match self.read(&mut scratch) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// From now on the thread of this connection is told when there is something for it.
    pub(super) fn become_web_socket(&self) -> io::Result<&Waker> {
        let waker = Waker::new()?;
        Ok(self.waker.get_or_init(|| waker))
    }

    /// Tells the thread of a websocket to look for what there is to send.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Ends the connection; that of a websocket by way of its thread, which takes its leave.
    pub(super) fn end(&self) {
        match self.waker.get() {
            Some(waker) => waker.wake(),
            None => self.shut_down(),
        }
    }

    /// Ends the connection at once. Its thread sees the end of its input.
    pub(super) fn shut_down(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.pay();
    }

    fn finish(&self, persistence: Persistence) {
        match persistence {
            Persistence::KeepAlive | Persistence::KeepAliveHttp10 => {}
            Persistence::Close => {
                let _ = self.socket.shutdown(Shutdown::Write);
            }
        }
        self.pay();
    }

    fn pay(&self) {
        let owed = mem::replace(&mut *self.lock(), Owed::Nothing);
        // Telling nobody is a system call too, and nearly always there is nobody.
        if owed == Owed::AwaitedResponse {
            self.paid.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Owed> {
        // No code panics while it holds this lock, and one word cannot be half changed.
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(unix)]
    fn write_without_waiting(&self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};

        // Apple's systems have no such flag; there the standard library sets it on the socket.
        #[cfg(not(target_vendor = "apple"))]
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        #[cfg(target_vendor = "apple")]
        let flags = SendFlags::DONTWAIT;
        let mut sent = 0;
        while sent < bytes.len() {
            match send(&self.socket, &bytes[sent..], flags) {
                Ok(more) => sent += more,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    /// There is no such call here that leaves the socket blocking for its reader: everything
    /// is left to the writing thread.
    #[cfg(not(unix))]
    fn write_without_waiting(&self, _bytes: &[u8]) -> io::Result<usize> {
        Ok(0)
    }
}
