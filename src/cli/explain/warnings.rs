//! What is no end, and yet not as it should be: the text of a warning.

use std::time::Duration;

use crate::output::words;

/// A session that is lost because its connect left too late.
pub(crate) fn connected_late(by: Duration, allowed: Duration) -> String {
    format!(
        "the last connect left after {}, the server allows {}: \
         is whoever reads the output slow, or was the program stopped?",
        words::duration(by),
        words::duration(allowed)
    )
}

/// Held connects that do not live as long as the server advised.
pub(crate) fn hold_cut(after: Duration, advised: Duration, asked: Duration) -> String {
    let enough = advised + Duration::from_secs(5);
    format!(
        "the held connect is cut at about {}, advised {}: a proxy's read timeout? \
         raise it (nginx: proxy_read_timeout {}s); asking the server for {} meanwhile",
        words::duration(after),
        words::duration(advised),
        enough.as_secs(),
        words::duration(asked)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_hold_names_what_to_raise_and_what_is_done_meanwhile() {
        let millis = Duration::from_millis;
        assert_eq!(
            hold_cut(millis(5_030), millis(20_000), millis(4_000)),
            "the held connect is cut at about 5s, advised 20s: a proxy's read timeout? \
             raise it (nginx: proxy_read_timeout 25s); asking the server for 4s meanwhile"
        );
    }
}
