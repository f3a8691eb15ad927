//! Heads and bodies of captured requests and responses.

use std::borrow::Cow;

use super::HttpText;

/// A request or response in its parts.
pub(super) struct Parts<'a> {
    /// The first line.
    pub(super) start_line: String,
    /// Names and values in their order.
    pub(super) headers: Vec<(String, String)>,
    /// The bytes of the head, its empty line included.
    pub(super) head_len: usize,
    /// What follows, as it was sent unless it was put together before.
    pub(super) body: &'a [u8],
    /// Whether the lengths of chunks are still between.
    has_chunks: bool,
    /// Why there is no body, where there was one.
    pub(super) left_out: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Nothing for a text without a first line.
    pub(super) fn of(text: HttpText<'a>) -> Option<Self> {
        let (head, body) = match text {
            HttpText::AsSent(text) => {
                let end = text.windows(4).position(|it| it == b"\r\n\r\n");
                let (head, body) = text.split_at(end.map_or(text.len(), |it| it + 4));
                (head, Ok(body))
            }
            HttpText::Apart { head, body } => (head, body),
        };
        let head_len = head.len();
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines().filter(|it| !it.is_empty());
        let start_line = lines.next()?.to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        });
        let mut parts = Self {
            start_line,
            headers: headers.collect(),
            head_len,
            body: body.unwrap_or_default(),
            has_chunks: false,
            left_out: body.err(),
        };
        let coding = parts.header("Transfer-Encoding").unwrap_or_default();
        parts.has_chunks =
            matches!(text, HttpText::AsSent(_)) && coding.to_ascii_lowercase().contains("chunked");
        Some(parts)
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self
            .headers
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The body without the lengths of its chunks.
    pub(super) fn content(&self) -> Cow<'a, [u8]> {
        if self.has_chunks {
            without_chunks(self.body).into()
        } else {
            self.body.into()
        }
    }
}

/// What the chunks hold, as far as they came.
fn without_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Ok(httparse::Status::Complete((line, length))) = httparse::parse_chunk_size(body) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let rest = &body[line..];
        let chunk = &rest[..length.min(rest.len())];
        content.extend_from_slice(chunk);
        // Its line break follows. The last chunk is empty.
        let Some(next) = rest.get(length..).and_then(|it| it.strip_prefix(b"\r\n")) else {
            break;
        };
        if length == 0 {
            break;
        }
        body = next;
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_as_far_as_they_came() {
        let whole = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(without_chunks(whole), b"abcde");
        for end in 0..whole.len() {
            assert!(b"abcde".starts_with(&without_chunks(&whole[..end])));
        }
        assert_eq!(without_chunks(b"ffffffffffffffff\r\nabc"), b"abc");
        assert_eq!(without_chunks(b"nonsense"), b"");
    }

    #[test]
    fn a_text_is_taken_apart() {
        let parts = Parts::of(HttpText::AsSent(b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n[]")).unwrap();
        assert_eq!(parts.start_line, "HTTP/1.1 200 OK");
        assert_eq!(parts.header("x"), Some("1"));
        assert_eq!(parts.content().as_ref(), b"[]");
        assert!(Parts::of(HttpText::AsSent(b"")).is_none());
    }
}
