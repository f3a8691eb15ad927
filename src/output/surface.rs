//! What a stream can show: colours, width, and who reads it.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::paint::{ColorChoice, Paint};

/// Where output appears.
#[derive(Clone, Debug)]
pub(crate) struct Surface {
    /// Whether it has colours.
    pub(crate) paint: Paint,
    /// Who reads it.
    pub(crate) reader: Reader,
    /// Columns.
    pub(crate) width: usize,
    /// The zone that times are shown in. Looking it up reads every directory of the system's
    /// time zones, so that it waits until a time is shown.
    zone: OnceLock<TimeZone>,
}

/// Who reads a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    /// A terminal, now or later (`less -R`): characters that steer it are escaped.
    Terminal,
    /// A program or a file: JSON stays what it was.
    Program,
}

/// Where neither `COLUMNS` nor a terminal says otherwise.
const DEFAULT_WIDTH: usize = 80;

impl Surface {
    /// The surface of standard output or standard error.
    pub(crate) fn of(stream: &(impl IsTerminal + AsTerminal), color: ColorChoice) -> Self {
        let paint = color.paint(stream);
        let reader = match (paint, stream.is_terminal()) {
            (Paint::Colored, _) | (Paint::Plain, true) => Reader::Terminal,
            (Paint::Plain, false) => Reader::Program,
        };
        Self {
            paint,
            reader,
            width: columns(std::env::var("COLUMNS").ok().as_deref())
                .or_else(|| stream.columns())
                .unwrap_or(DEFAULT_WIDTH),
            zone: OnceLock::new(),
        }
    }

    /// Where only a character fits a line, without colours.
    pub(crate) fn narrow() -> Self {
        Self {
            paint: Paint::Plain,
            reader: Reader::Terminal,
            width: 1,
            zone: OnceLock::new(),
        }
    }

    /// The time of day, e.g. `18:50:33.805`.
    pub(crate) fn time(&self, time: SystemTime) -> String {
        let Ok(timestamp) = Timestamp::try_from(time) else {
            return "--:--:--.---".to_owned();
        };
        let zone = self.zone.get_or_init(TimeZone::system);
        let zoned = timestamp.to_zoned(zone.clone());
        zoned.strftime("%H:%M:%S%.3f").to_string()
    }
}

/// A stream that may be a terminal of some width.
pub(crate) trait AsTerminal {
    /// Its columns.
    fn columns(&self) -> Option<usize>;
}

#[cfg(unix)]
impl<S: std::os::fd::AsFd> AsTerminal for S {
    fn columns(&self) -> Option<usize> {
        let (width, _) = terminal_size::terminal_size_of(self)?;
        Some(usize::from(width.0)).filter(|it| *it > 0)
    }
}

#[cfg(windows)]
impl<S: std::os::windows::io::AsHandle> AsTerminal for S {
    fn columns(&self) -> Option<usize> {
        let (width, _) = terminal_size::terminal_size_of(self)?;
        Some(usize::from(width.0)).filter(|it| *it > 0)
    }
}

fn columns(variable: Option<&str>) -> Option<usize> {
    variable?.trim().parse().ok().filter(|it| *it > 0)
}

#[cfg(test)]
impl Surface {
    /// 60 columns in UTC.
    pub(super) fn fixed(paint: Paint, reader: Reader) -> Self {
        Self {
            paint,
            reader,
            width: 60,
            zone: TimeZone::UTC.into(),
        }
    }

    /// For people, without colours.
    pub(super) fn plain() -> Self {
        Self::fixed(Paint::Plain, Reader::Terminal)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_have_milliseconds_and_no_time_panics() {
        let surface = Surface::plain();
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_373_433_805_869);
        assert_eq!(surface.time(time), "18:50:33.805");
        if let Some(far) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 60)) {
            assert_eq!(surface.time(far), "--:--:--.---");
        }
    }

    #[test]
    fn columns_are_a_positive_number() {
        assert_eq!(columns(Some("120")), Some(120));
        for odd in [None, Some(""), Some("0"), Some("-1"), Some("wide")] {
            assert_eq!(columns(odd), None);
        }
    }
}
