//! What somebody between a client and a server can tell from their messages.
//!
//! A [`Watch`] is told what was seen, in its order and with its times, and says what it means:
//! which reply answers which request and after how long, which connects are held, when a session
//! is opened, lost and replaced, which subscriptions did not come back, and which rules of the
//! protocol were broken. It is for whoever stands in the middle, or reads a recording afterwards.
//! The rules by themselves, over one message or a request and its reply, are in [`rules`].
//!
//! ```text
//! Sighting --see--> Watch --poll--> Noticed (Asked, Answered, Delivered, Session, Remark ...)
//! ```
//!
//! A [`Summary`] adds up what was noticed, and a [`Diagram`](diagram::Diagram) draws it. Nothing
//! here opens a socket, reads a clock or prints; what was noticed is as it was seen, secrets
//! included.

pub mod diagram;
mod noticed;
pub mod rules;
mod sighting;
mod summary;
mod watch;

pub use noticed::{
    Answered, Asked, Delivered, Hold, Noticed, Remark, SessionChange, SessionNotice, SessionNumber,
    Unanswered, WhyUnanswered,
};
pub use sighting::{RequestHead, ResponseHead, Seen, Sighting};
pub use summary::{Course, Ending, Slow, Summary};
pub use watch::{Session, SessionState, Watch};
