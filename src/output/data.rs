//! The view with nothing but the data, one JSON value a line.

use bayeux::recording::MessageRecord;

use super::json;
use super::surface::Surface;

/// The data of a message, verbatim; `null` for a message without data, so that there is a
/// line for each message.
pub(super) fn delivery(record: &MessageRecord, surface: &Surface) -> String {
    json::line(record.message.data().unwrap_or("null"), surface)
}

#[cfg(test)]
mod tests {
    use super::super::paint::Paint;
    use super::super::surface::Reader;
    use super::super::tests::received;
    use super::*;

    #[test]
    fn data_is_one_value_a_line() {
        let pipe = Surface::fixed(Paint::Plain, Reader::Program);
        let show = |raw| delivery(&received(raw), &pipe);
        assert_eq!(
            show("{\"channel\":\"/a\",\"data\":{ \"n\":\n1.50}}"),
            "{ \"n\": 1.50}\n"
        );
        assert_eq!(show(r#"{"channel":"/a"}"#), "null\n");
    }
}
