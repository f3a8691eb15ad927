//! What the server takes of a body or a frame.

use crate::protocol::{Body, DecodeError, FindingKind, decode};
use crate::redaction::redact_excerpt;

/// Why nothing of a body or a frame is carried out: a line for the client and for observers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unreadable {
    /// It is no JSON throughout.
    Broken(String),
    /// It holds too many messages.
    TooMany(String),
}

/// The messages of a body or a frame, if it is JSON throughout. Of one that is cut off or
/// broken in the middle nothing is carried out: the client could not tell what was. Elements
/// that are no objects are left as findings.
pub(super) fn readable(body: &[u8]) -> Result<Body, Unreadable> {
    let mut body = decode(body).map_err(|error| match error {
        DecodeError::TooMany { .. } => Unreadable::TooMany(error.to_string()),
        DecodeError::Empty | DecodeError::NotJson { .. } => Unreadable::Broken(error.to_string()),
    })?;
    let fatal = body.findings.iter().find(|finding| match finding.kind {
        FindingKind::NotUtf8
        | FindingKind::NotJson { .. }
        | FindingKind::Truncated
        | FindingKind::TrailingText => true,
        FindingKind::NotAnObject
        | FindingKind::CommentFiltered
        | FindingKind::NoCallback
        | FindingKind::OtherCallback { .. }
        | FindingKind::OpenCallback
        | FindingKind::MissingChannel
        | FindingKind::WrongType { .. }
        | FindingKind::Duplicate { .. } => false,
    });
    match fatal {
        // It quotes what cannot be read, and observers show it.
        Some(finding) => {
            let reason = redact_excerpt(&finding.to_string()).into_owned();
            Err(Unreadable::Broken(reason))
        }
        None => {
            body.findings
                .retain(|finding| finding.kind == FindingKind::NotAnObject);
            Ok(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_quoted_without_its_credentials() {
        let body = br#"[{"channel":"/a","ext":{"token":"s3cret"},"x":}]"#;
        let Unreadable::Broken(reason) = readable(body).unwrap_err() else {
            panic!("one message is not too many");
        };
        assert!(
            reason.contains("/a") && !reason.contains("s3cret"),
            "{reason}"
        );
    }
}
