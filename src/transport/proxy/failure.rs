//! What goes wrong between this program and its proxy.

use std::time::Duration;

use crate::session::Permanence;
use crate::transport::error::{is_permanent_status, phrase, seconds};
use crate::transport::{Excerpt, TransportError};

/// Why a proxy did not lead to the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFailure {
    /// The proxy itself cannot be found or reached.
    #[error("{0}")]
    Unreachable(Box<TransportError>),
    /// The proxy does not let this request through, or cannot reach the server.
    #[error("HTTP status {status}{}{}", phrase(*.status), after_colon(.reason))]
    Refused {
        /// The status.
        status: u16,
        /// The proxy's words in one line.
        reason: Option<Excerpt>,
    },
    /// The proxy wants credentials, or other ones: HTTP 407.
    #[error("HTTP status 407{}{}", phrase(407), if *.were_sent { ": the credentials are refused" } else { "" })]
    Credentials {
        /// Whether some were sent.
        were_sent: bool,
    },
    /// What it answers is not HTTP.
    #[error("it does not speak HTTP: {excerpt}")]
    NotHttp {
        /// How the answer begins.
        excerpt: Excerpt,
    },
    /// The head of its answer is larger than this program reads.
    #[error("the head of its answer is larger than {limit} bytes")]
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// It closed the connection instead of answering.
    #[error("it closed the connection without an answer")]
    Closed,
    /// It did not answer within the connect timeout.
    #[error("no answer within {}", seconds(.after))]
    Timeout {
        /// The connect timeout.
        after: Duration,
    },
}

impl ProxyFailure {
    /// Whether trying again can help.
    pub fn permanence(&self) -> Permanence {
        let is_permanent = match self {
            Self::Unreachable(error) => return error.permanence(),
            Self::Refused { status, .. } => is_permanent_status(*status),
            Self::Credentials { .. } | Self::NotHttp { .. } | Self::HeadTooLarge { .. } => true,
            Self::Closed | Self::Timeout { .. } => false,
        };
        if is_permanent {
            Permanence::Permanent
        } else {
            Permanence::Transient
        }
    }
}

fn after_colon(reason: &Option<Excerpt>) -> String {
    let reason = reason.as_ref();
    reason.map_or_else(String::new, |it| format!(": {it}"))
}
