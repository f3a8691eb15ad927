//! Times and failures, as people say them.

use std::time::{Duration, SystemTime};

use crate::check::Obstacle;

/// `12 ms`, `3.0 s`, `110 s`, `15 min`.
pub(super) fn span(time: Duration) -> String {
    match time.as_millis() {
        millis @ ..1000 => format!("{millis} ms"),
        millis @ ..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        millis @ ..600_000 => format!("{} s", millis / 1000),
        millis @ ..7_200_000 => format!("{} min", millis / 60_000),
        millis => format!("{} h", millis / 3_600_000),
    }
}

/// `2026-11-23`.
pub(super) fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.get(..10).unwrap_or(&text).to_owned()
}

/// Why an exchange brought nothing.
pub(super) fn failure(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Inapplicable(reason) | Obstacle::Unusable(reason) => reason.clone(),
        Obstacle::Transport(error) => error.to_string(),
        Obstacle::OutOfTime => "no answer in time".to_owned(),
    }
}

/// What a server wrote, without what a terminal would take for a command, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 120;
    let shown = text.chars().filter(|it| !it.is_control()).take(MOST);
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let told =
            [4, 999, 3_049, 110_000, 900_000, 7_200_000].map(|it| span(Duration::from_millis(it)));
        assert_eq!(told, ["4 ms", "999 ms", "3.0 s", "110 s", "15 min", "2 h"]);
    }
}
