//! INT and TERM: the first one asks the command to leave, the second one does not ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
#[cfg(unix)]
use std::time::Duration;

use bayeux::client::Waker;

/// How long leaving may take before the program ends all the same: the disconnect has 1 s.
#[cfg(unix)]
const LEAVING: Duration = Duration::from_millis(1500);
/// The same where thousands of sessions disconnect, and a result is still to be written.
#[cfg(unix)]
const LEAVING_WITH_RESULT: Duration = Duration::from_secs(30);

/// What the user asked for by a signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    received: Arc<AtomicI32>,
}

impl Signals {
    /// Listens. `wake` is called once, on another thread, when the first signal comes;
    /// `ends` says what the program exits with if leaving takes too long; the second signal
    /// exits with its own 130 or 143.
    pub(crate) fn listen(wake: impl Fn() + Send + 'static, ends: Ends) -> std::io::Result<Self> {
        let signals = Self::default();
        #[cfg(unix)]
        signals.start(wake, ends)?;
        // Elsewhere the system's own handling stays: Ctrl-C ends the program at once.
        #[cfg(not(unix))]
        drop((wake, ends));
        Ok(signals)
    }

    #[cfg(unix)]
    fn start(&self, wake: impl Fn() + Send + 'static, ends: Ends) -> std::io::Result<()> {
        let received = Arc::clone(&self.received);
        let mut incoming = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
        ])?;
        std::thread::Builder::new()
            .name("bayeux-signals".to_owned())
            .spawn(move || {
                for signal in &mut incoming {
                    if received.swap(signal, Ordering::Relaxed) != 0 {
                        signal_hook::low_level::exit(128 + signal);
                    }
                    wake();
                    // Without this thread there is still the second signal.
                    let _ = std::thread::Builder::new().spawn(move || {
                        std::thread::sleep(ends.leaving());
                        signal_hook::low_level::exit(ends.status(signal));
                    });
                }
            })?;
        Ok(())
    }

    /// Listens on behalf of a client.
    pub(crate) fn wake(waker: Waker, ends: Ends) -> std::io::Result<Self> {
        Self::listen(move || waker.wake(), ends)
    }

    /// The signal that came, if one did.
    pub(crate) fn received(&self) -> Option<i32> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal),
        }
    }
}

/// What a signal ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ends {
    /// Something that would go on for ever: that is its way to end.
    OpenEnded,
    /// Something with a goal that is not reached.
    Goal,
    /// The same, of which the result so far is told.
    Measurement,
}

impl Ends {
    /// The exit status of the program that a signal ended.
    pub(crate) fn status(self, signal: i32) -> i32 {
        match self {
            Self::OpenEnded => 0,
            Self::Goal | Self::Measurement => 128 + signal,
        }
    }

    #[cfg(unix)]
    fn leaving(self) -> Duration {
        match self {
            Self::OpenEnded | Self::Goal => LEAVING,
            Self::Measurement => LEAVING_WITH_RESULT,
        }
    }
}
