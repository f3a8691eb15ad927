//! What comes into the client's inbox.

use crate::session::ExchangeId;
use crate::transport::{AuthorizationError, Exchange, Incoming};

/// What comes into the inbox.
#[derive(Debug)]
pub(super) enum Input {
    Exchanged(ExchangeId, Box<Exchange>),
    Socket(Incoming),
    /// The answer to [`Event::Unauthorised`](crate::session::Event::Unauthorised).
    Renewed(Result<(), AuthorizationError>),
    Wake,
}
