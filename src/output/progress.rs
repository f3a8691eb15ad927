//! A progress bar on standard error, for what takes longer than a moment.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Surface;
use super::surface::Reader;

/// A bar, or nothing where nobody would see it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar with or without a known end; none in a pipe, where it would be noise.
    pub(super) fn begin(total: Option<u64>, surface: &Surface) -> Self {
        let is_worth_it = total != Some(1) && surface.reader == Reader::Terminal;
        if !is_worth_it {
            return Self::default();
        }
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{elapsed_precise} [{wide_bar}] {pos}/{len}  {per_sec}",
            ),
            None => (
                ProgressBar::no_length(),
                "{elapsed_precise} {spinner} {pos} messages  {per_sec}",
            ),
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=>-"),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar: Some(bar) }
    }

    pub(super) fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Writes something else to the terminal, above the bar.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}
