//! What the server takes of a body or a frame.

use crate::protocol::{Body, FindingKind, decode};
use crate::redaction::redact_excerpt;

/// The messages of a body or a frame, if it is JSON throughout. Of one that is cut off or
/// broken in the middle nothing is carried out: the client could not tell what was. Elements
/// that are no objects are left as findings.
pub(super) fn readable(body: &[u8]) -> Result<Body, String> {
    let mut body = decode(body).map_err(|error| error.to_string())?;
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
        Some(finding) => Err(redact_excerpt(&finding.to_string()).into_owned()),
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
        let reason = readable(body).unwrap_err();
        assert!(
            reason.contains("/a") && !reason.contains("s3cret"),
            "{reason}"
        );
    }
}
