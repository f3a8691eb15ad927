//! What is odd in a body or a message and was read all the same.

use std::fmt;

/// One oddity and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Byte offset: in the body for what [`decode`](super::decode) found, in the message's
    /// own text for what [`Message::parse`](super::Message::parse) found.
    pub offset: usize,
    /// What it is.
    pub kind: FindingKind,
}

/// The kinds of oddities.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FindingKind {
    /// Bytes that are not UTF-8; they were replaced by U+FFFD.
    NotUtf8,
    /// An element of the array is not JSON; it was skipped. CometD 8.0.10 turns `1e400`
    /// into a bare `Infinity`, which lands here.
    NotJson {
        /// The parser's reason, without its position.
        reason: String,
        /// The element's first characters.
        excerpt: String,
    },
    /// The array ended in the middle of an element; the element was skipped.
    Truncated,
    /// An element of the array is JSON but not an object; it was skipped.
    NotAnObject,
    /// Something stands behind the end of the array or object.
    TrailingText,
    /// The body was wrapped in a comment (`json-comment-filtered`, deprecated in Bayeux 1.0).
    CommentFiltered,
    /// The response of a callback-polling request is JSON that calls no function.
    NoCallback,
    /// It calls another function than the request named.
    OtherCallback {
        /// Name of that function.
        name: String,
    },
    /// Its call has no closing parenthesis.
    OpenCallback,
    /// The message has no channel (Bayeux 1.0, "channel": MUST).
    MissingChannel,
    /// A field of the protocol has a type that the protocol does not give it.
    WrongType {
        /// Name of the field.
        field: &'static str,
    },
    /// A field of the protocol stands twice; the last one counts.
    Duplicate {
        /// Name of the field.
        field: &'static str,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FindingKind::NotUtf8 => write!(f, "not UTF-8")?,
            FindingKind::NotJson { reason, excerpt } => {
                write!(f, "message skipped, not JSON ({reason}): {excerpt}")?;
            }
            FindingKind::Truncated => write!(f, "message skipped, cut off")?,
            FindingKind::NotAnObject => write!(f, "message skipped, not an object")?,
            FindingKind::TrailingText => write!(f, "text after the last message")?,
            FindingKind::CommentFiltered => write!(f, "body is wrapped in a comment")?,
            FindingKind::NoCallback => write!(f, "body calls no function")?,
            FindingKind::OtherCallback { name } => {
                write!(f, "body calls another function than asked for, {name:?}")?;
            }
            FindingKind::OpenCallback => write!(f, "call of the function does not end")?,
            FindingKind::MissingChannel => write!(f, "message without channel")?,
            FindingKind::WrongType { field } => write!(f, "field {field:?} has the wrong type")?,
            FindingKind::Duplicate { field } => write!(f, "field {field:?} stands twice")?,
        }
        write!(f, " at byte {}", self.offset)
    }
}
