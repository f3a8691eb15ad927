//! A progress line on standard error, for what takes longer than a moment.
//!
//! Drawn here and not by indicatif, whose estimate of the rate needs the system's library of
//! mathematics: every start of the program would load and relocate it.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::surface::Surface;
use super::words;

/// A line, or nothing where nobody would see it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bar: Option<Bar>,
}

#[derive(Debug)]
struct Bar {
    total: Option<u64>,
    n_done: u64,
    started: Instant,
    /// When it was last drawn, or began.
    drawn: Instant,
    is_visible: bool,
    width: usize,
}

/// The time between two drawings.
const PAUSE: Duration = Duration::from_millis(200);

impl Progress {
    /// A line with or without a known end; none in a pipe, where it would be noise.
    pub(super) fn begin(total: Option<u64>, surface: &Surface) -> Self {
        let is_worth_it = total != Some(1) && std::io::stderr().is_terminal();
        let started = Instant::now();
        Self {
            bar: is_worth_it.then_some(Bar {
                total,
                n_done: 0,
                started,
                drawn: started,
                is_visible: false,
                width: surface.width,
            }),
        }
    }

    /// One more is done: what to write now, if anything.
    pub(super) fn advance(&mut self) -> Option<String> {
        let bar = self.bar.as_mut()?;
        bar.n_done += 1;
        let now = Instant::now();
        if now - bar.drawn < PAUSE {
            return None;
        }
        bar.drawn = now;
        bar.is_visible = true;
        Some(format!("\r{}", bar.line(now - bar.started)))
    }

    /// What takes the line away, if it is there, so that something else can be written.
    pub(super) fn erase(&mut self) -> Option<String> {
        let bar = self.bar.as_mut().filter(|it| it.is_visible)?;
        bar.is_visible = false;
        Some(format!("\r{:1$}\r", "", bar.columns()))
    }
}

impl Bar {
    /// As wide as the terminal but for the last column, where some begin a new line.
    fn line(&self, elapsed: Duration) -> String {
        let rate = self.n_done as f64 / elapsed.as_secs_f64().max(0.001);
        let elapsed = words::clock(elapsed);
        let line = match self.total {
            None => {
                let count = words::count(self.n_done, "message");
                format!("{elapsed} {count}  {rate:.0}/s")
            }
            Some(total) => {
                let numbers = format!("{}/{total}  {rate:.0}/s", self.n_done);
                let around = elapsed.len() + numbers.len() + " [] ".len();
                let length = self.columns().saturating_sub(around);
                let filled = length as u64 * self.n_done.min(total) / total.max(1);
                let arrow = "=".repeat(filled as usize);
                format!("{elapsed} [{arrow:-<length$}] {numbers}")
            }
        };
        let columns = self.columns();
        format!("{line:columns$.columns$}")
    }

    fn columns(&self) -> usize {
        self.width.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(total: Option<u64>, n_done: u64, width: usize) -> String {
        let now = Instant::now();
        let bar = Bar {
            total,
            n_done,
            started: now,
            drawn: now,
            is_visible: true,
            width,
        };
        bar.line(Duration::from_secs(83))
    }

    #[test]
    fn a_line_fills_all_columns_but_the_last_one() {
        assert_eq!(
            line(Some(1000), 830, 51),
            "00:01:23 [===================-----] 830/1000  10/s"
        );
        assert_eq!(line(None, 1, 30), "00:01:23 1 message  0/s      ");
        assert_eq!(line(Some(9), 9, 12), "00:01:23 []");
        assert_eq!(line(Some(0), 0, 0), "");
    }
}
