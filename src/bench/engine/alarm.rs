//! Waking a poll loop at a time that is finer than the milliseconds of `epoll_wait`.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

/// A timer in the poll loop.
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: rustix::fd::OwnedFd,
    set_for: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Alarm {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let descriptor = timer.as_raw_fd();
        registry.register(
            &mut mio::unix::SourceFd(&descriptor),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Self {
            timer,
            set_for: None,
        })
    }

    /// Lets the loop wake at this time. Returns how long the loop may wait in `poll` itself.
    pub(super) fn set(&mut self, at: Instant, now: Instant) -> Duration {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let wait = at.saturating_duration_since(now);
        if self.set_for != Some(at) && !wait.is_zero() {
            let nothing = Timespec::default();
            let value = Timespec::try_from(wait).unwrap_or(Timespec {
                tv_sec: i64::MAX,
                tv_nsec: 0,
            });
            let timer = Itimerspec {
                it_interval: nothing,
                it_value: value,
            };
            // Edge-triggered, so that nobody needs to read it; the poll's own timeout stays.
            if timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer).is_ok() {
                self.set_for = Some(at);
            }
        }
        wait
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self { set_for: None })
    }

    /// The poll's own timeout, to the millisecond, is all there is.
    pub(super) fn set(&mut self, at: Instant, now: Instant) -> Duration {
        self.set_for = Some(at);
        at.saturating_duration_since(now)
    }
}
