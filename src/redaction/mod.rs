//! Secrets, kept out of what is shown and stored: in messages, HTTP headers and addresses.
//!
//! Redaction is a view. What is sent and what the session sees is never touched, and what
//! holds no secret stays byte for byte what it was.

mod credential;
mod headers;
mod json;

pub use headers::{redact_header, redact_url};
pub use json::{redact, redact_excerpt, shortened_client_id};

/// What happens to secrets in output and recordings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrets {
    /// They become `***`; the client id is shortened.
    Redacted,
    /// They are left as they are (`--show-secrets`).
    Shown,
}
