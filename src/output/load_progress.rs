//! How far a load test is: a line that changes on a terminal, a line every ten seconds elsewhere.
//!
//! indicatif lays the line out, on a canvas that is no terminal; the printer writes it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bayeux::bench::{Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::surface::Surface;
use super::words;

/// The line, and where it goes.
#[derive(Debug)]
pub(super) struct LoadProgress {
    bar: ProgressBar,
    canvas: Canvas,
    place: Place,
    /// Messages that are to be published, if their number was given.
    count: Option<u64>,
    /// When it was last shown, or began.
    shown: Instant,
    is_visible: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// A terminal with so many columns, where each line takes the place of the last one.
    Screen { columns: usize },
    /// A file or a pipe.
    Log,
}

/// What the bar is drawn on: one line.
#[derive(Clone, Debug)]
struct Canvas {
    columns: u16,
    line: Arc<Mutex<String>>,
}

/// The bar has what the rest leaves.
const ON_SCREEN: &str = "{prefix} [{wide_bar}]  {msg}";
const IN_LOG: &str = "{prefix} [{bar:20}]  {msg}";
/// Parts of the bar; finer ones cannot be seen.
const LENGTH: u64 = 1000;
/// So many columns the bar has at least; words give way to it.
const LEAST_BAR: usize = 5;
/// What is around the bar.
const AROUND: &str = " []  ";
/// Columns where there is no terminal: more than any line has.
const ENOUGH: u16 = 500;

impl LoadProgress {
    pub(super) fn begin(count: Option<u64>, surface: &Surface) -> Self {
        let place = match io::IsTerminal::is_terminal(&io::stderr()) {
            // But for the last column, where some begin a new line.
            true => Place::Screen {
                columns: surface.width.saturating_sub(1),
            },
            false => Place::Log,
        };
        Self::at(place, count, Instant::now())
    }

    /// What to write now, if anything.
    pub(super) fn show(&mut self, progress: &Progress) -> Option<String> {
        self.show_at(Instant::now(), progress)
    }

    /// What takes the line away, if it is there, so that something else can be written.
    pub(super) fn erase(&mut self) -> Option<String> {
        let Place::Screen { columns } = self.place else {
            return None;
        };
        let was_visible = std::mem::take(&mut self.is_visible);
        was_visible.then(|| format!("\r{:columns$}\r", ""))
    }

    fn at(place: Place, count: Option<u64>, now: Instant) -> Self {
        let (template, columns) = match place {
            Place::Screen { columns } => (ON_SCREEN, u16::try_from(columns).unwrap_or(u16::MAX)),
            Place::Log => (IN_LOG, ENOUGH),
        };
        let canvas = Canvas {
            columns,
            line: Arc::default(),
        };
        let target = ProgressDrawTarget::term_like(Box::new(canvas.clone()));
        let style = ProgressStyle::with_template(template)
            .expect("the templates are written above")
            .progress_chars("=>-");
        Self {
            bar: ProgressBar::with_draw_target(Some(LENGTH), target).with_style(style),
            canvas,
            place,
            count,
            shown: now,
            is_visible: false,
        }
    }

    fn show_at(&mut self, now: Instant, progress: &Progress) -> Option<String> {
        let pause = match self.place {
            Place::Screen { .. } => Duration::from_millis(200),
            Place::Log => Duration::from_secs(10),
        };
        if now - self.shown < pause {
            return None;
        }
        self.shown = now;
        let line = self.line(progress);
        Some(match self.place {
            Place::Screen { columns } => {
                self.is_visible = true;
                format!("\r{line:columns$.columns$}")
            }
            Place::Log => format!("{line}\n"),
        })
    }

    fn line(&mut self, progress: &Progress) -> String {
        let clock = words::short_clock(progress.elapsed);
        let times = match progress.total {
            Some(total) => format!("{clock}/{}", words::short_clock(total)),
            None => clock,
        };
        let taken = times.len() + AROUND.len() + LEAST_BAR;
        let room = usize::from(self.canvas.columns).saturating_sub(taken);
        self.bar.set_prefix(times);
        self.bar.set_message(message(progress, room));
        let done = (LENGTH as f64 * self.fraction(progress)) as u64;
        self.bar.set_position(done.min(LENGTH));
        // Each of these may have drawn it, unless it had done so just before.
        self.canvas.take();
        self.bar.force_draw();
        self.canvas.take().trim_end().to_owned()
    }

    /// How much of the stage is over.
    fn fraction(&self, progress: &Progress) -> f64 {
        let of = |done: f64, all: f64| if all > 0.0 { done / all } else { 0.0 };
        match (progress.stage, progress.total, self.count) {
            (Stage::Opening, _, _) => of(progress.n_up as f64, progress.n_wanted as f64),
            (_, Some(total), _) => of(progress.elapsed.as_secs_f64(), total.as_secs_f64()),
            (Stage::Measuring, None, Some(count)) => of(progress.n_published as f64, count as f64),
            (_, None, _) => 0.0,
        }
    }
}

/// What has happened so far, in so many columns if the first word has room in them: what is less
/// important gives way.
fn message(progress: &Progress, room: usize) -> String {
    let words = |stage: &str, n: u64, all: u64| {
        format!("{stage} {}/{}", words::grouped(n), words::grouped(all))
    };
    let (n_up, n_wanted) = (progress.n_up as u64, progress.n_wanted as u64);
    let p99 = progress.p99.map_or("-".to_owned(), words::duration);
    let delivered = [
        words("delivered", progress.n_delivered, progress.n_expected),
        format!("p99 {p99}"),
    ];
    let (stage, details) = match progress.stage {
        Stage::Opening => (words("sessions", n_up, n_wanted), None),
        Stage::Warmup => ("warm-up".to_owned(), None),
        Stage::Measuring => {
            let n_published = words::grouped(progress.n_published);
            (format!("sent {n_published}"), Some(delivered))
        }
        Stage::Draining => ("drain".to_owned(), Some(delivered)),
    };
    let errors = format!("errors {}", words::grouped(progress.n_errors));
    let mut pieces = vec![stage];
    pieces.extend(details.into_iter().flatten());
    pieces.push(errors);
    while pieces.len() > 1 && pieces.join("  ").len() > room {
        // The last one tells of trouble: where there is some, the words before it go first.
        let is_trouble = progress.n_errors > 0 && pieces.len() > 2;
        pieces.remove(pieces.len() - if is_trouble { 2 } else { 1 });
    }
    pieces.join("  ")
}

impl Canvas {
    fn take(&self) -> String {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        // A line that is half drawn does no harm.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.columns
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.lock().push_str(text.trim_start_matches('\r'));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.take();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(stage: Stage) -> Progress {
        Progress {
            stage,
            elapsed: Duration::from_secs(7),
            total: Some(Duration::from_secs(10)),
            n_up: 1_200,
            n_wanted: 10_000,
            n_published: 700,
            n_delivered: 69_990,
            n_expected: 70_000,
            n_errors: 0,
            p99: Some(Duration::from_micros(3_100)),
        }
    }

    #[test]
    fn each_stage_has_its_line() {
        let start = Instant::now();
        let mut log = LoadProgress::at(Place::Log, None, start);
        let mut seconds = 0;
        let mut line = |progress: Progress| {
            seconds += 10;
            let now = start + Duration::from_secs(seconds);
            assert_eq!(log.show_at(now - Duration::from_millis(1), &progress), None);
            log.show_at(now, &progress).unwrap()
        };
        assert_eq!(
            line(Progress {
                total: None,
                ..progress(Stage::Opening)
            }),
            "00:07 [==>-----------------]  sessions 1 200/10 000  errors 0\n"
        );
        assert_eq!(
            line(progress(Stage::Warmup)),
            "00:07/00:10 [==============>-----]  warm-up  errors 0\n"
        );
        assert_eq!(
            line(progress(Stage::Measuring)),
            "00:07/00:10 [==============>-----]  sent 700  delivered 69 990/70 000  p99 3.1 ms  errors 0\n"
        );
        assert_eq!(
            line(Progress {
                p99: None,
                n_errors: 1_000,
                ..progress(Stage::Draining)
            }),
            "00:07/00:10 [==============>-----]  drain  delivered 69 990/70 000  p99 -  errors 1 000\n"
        );
    }

    #[test]
    fn a_count_without_a_time_fills_the_bar_as_well() {
        let start = Instant::now();
        let mut log = LoadProgress::at(Place::Log, Some(1400), start);
        let line = log.show_at(
            start + Duration::from_secs(10),
            &Progress {
                total: None,
                ..progress(Stage::Measuring)
            },
        );
        assert!(
            line.unwrap()
                .starts_with("00:07 [==========>---------]  sent 700")
        );
    }

    #[test]
    fn a_line_takes_the_place_of_the_last_one_on_a_terminal() {
        let start = Instant::now();
        let mut screen = LoadProgress::at(Place::Screen { columns: 40 }, None, start);
        assert_eq!(screen.erase(), None);
        let now = start + Duration::from_millis(200);
        assert_eq!(
            screen.show_at(now, &progress(Stage::Warmup)).unwrap(),
            "\r00:07/00:10 [====>--]  warm-up  errors 0"
        );
        assert_eq!(screen.show_at(now, &progress(Stage::Warmup)), None);
        assert_eq!(screen.erase().unwrap(), format!("\r{:40}\r", ""));
        assert_eq!(screen.erase(), None);
        // Too narrow for it: cut, and no second line.
        let mut screen = LoadProgress::at(Place::Screen { columns: 20 }, None, start);
        let line = screen.show_at(now, &progress(Stage::Measuring)).unwrap();
        assert_eq!(line, "\r00:07/00:10 []  sent");
    }

    #[test]
    fn words_give_way_to_the_bar_and_errors_last() {
        let start = Instant::now();
        let line = |columns, n_errors| {
            let mut screen = LoadProgress::at(Place::Screen { columns }, None, start);
            let progress = Progress {
                n_errors,
                ..progress(Stage::Measuring)
            };
            let now = start + Duration::from_millis(200);
            screen.show_at(now, &progress).unwrap()
        };
        assert_eq!(
            line(79, 0),
            "\r00:07/00:10 [=====>--]  sent 700  delivered 69 990/70 000  p99 3.1 ms  errors 0"
        );
        assert_eq!(
            line(60, 0),
            "\r00:07/00:10 [=======>---]  sent 700  delivered 69 990/70 000"
        );
        assert_eq!(
            line(59, 12),
            "\r00:07/00:10 [================>-------]  sent 700  errors 12"
        );
        assert_eq!(line(30, 0), "\r00:07/00:10 [====>-]  sent 700");
    }
}
