//! The view for programs: records as JSON lines (`schema/record.v1.json`).

use bayeux::recording::{Failure, MessageRecord, StateRecord};
use bayeux::redaction::Secrets;

use super::escape;
use super::surface::{Reader, Surface};

/// A message.
pub(super) fn message(record: &MessageRecord, secrets: Secrets, surface: &Surface) -> String {
    line(&record.to_line(secrets), surface)
}

/// A state of the session.
pub(super) fn state(record: &StateRecord, secrets: Secrets, surface: &Surface) -> String {
    line(&record.to_line(secrets), surface)
}

/// The error that ends the program.
pub(super) fn failure(failure: &Failure, surface: &Surface) -> String {
    line(&failure.to_line(), surface)
}

/// A JSON text on one line. In a pipe it stays what it was; on a terminal, characters that
/// would steer it are written as JSON's own escapes, so that it means the same.
pub(super) fn line(json: &str, surface: &Surface) -> String {
    let mut out = match surface.reader {
        Reader::Terminal => escape::json(json).into_owned(),
        // Line breaks stand between tokens only.
        Reader::Program => json.replace(['\n', '\r'], " "),
    };
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::paint::Paint;
    use super::super::tests::received;
    use super::*;

    const RAW: &str = "{\"channel\":\"/a\",\n\"data\":\"\u{9b}1.0\"}";

    #[test]
    fn json_stays_what_it_was_in_a_pipe() {
        let pipe = Surface::fixed(Paint::Plain, Reader::Program);
        let shown = message(&received(RAW), Secrets::Redacted, &pipe);
        assert!(shown.contains(&RAW.replace('\n', " ")), "{shown}");
        assert_eq!(shown.matches('\n').count(), 1);
    }

    #[test]
    fn a_terminal_gets_escapes_that_mean_the_same() {
        let shown = message(&received(RAW), Secrets::Redacted, &Surface::plain());
        assert!(shown.contains(r#""data":"\u009b1.0""#), "{shown}");
    }
}
