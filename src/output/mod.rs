//! Everything that the program writes. Only the [`Printer`] touches standard output and
//! standard error.
//!
//! Standard output is the answer: deliveries, replies, tables. Standard error is the story:
//! states of the session, notes, errors, and with `-v` the traffic. Commands hand in values;
//! a view turns one value into one text, which is written and flushed at once, so that lines
//! never tear and a reader sees them when they happen.
//!
//! | view | standard output | standard error |
//! |---|---|---|
//! | pretty | arrow line and indented data | story; with `-v` arrow lines and messages |
//! | compact | one line a delivery | story; with `-v` one line a message |
//! | json | records | story; with `-v` records of traffic and states in its place |
//! | data | `.data`, one value a line | as pretty |

mod bench;
mod check;
mod compact;
mod data;
mod escape;
mod http;
mod json;
mod layout;
mod load_progress;
mod paint;
mod pretty;
mod printer;
mod progress;
mod recorded;
pub(crate) mod remarks;
mod results;
mod story;
mod surface;
pub(crate) mod words;

use std::io;
use std::time::Duration;

use bayeux::redaction::Secrets;

pub(crate) use http::HttpHead;
pub(crate) use paint::ColorChoice;
pub(crate) use printer::Printer;

/// `--output`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum View {
    /// For people: an arrow line and indented JSON in colour.
    Pretty,
    /// One line for each message.
    Compact,
    /// One JSON record for each message, as in recordings.
    Json,
    /// Only the data, one JSON value for each message.
    Data,
}

/// How much of the story is told: `-q`, nothing, `-v`, `-vv`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What happens to the session.
    Normal,
    /// And every message, both ways.
    Traffic,
    /// And the lines of HTTP.
    Http,
}

impl Verbosity {
    /// With the traffic, unless it is to be quiet.
    pub(crate) fn with_traffic(self) -> Self {
        match self {
            Self::Quiet => self,
            _ => self.max(Self::Traffic),
        }
    }
}

/// What was typed about output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The view; pretty on a terminal and json in a pipe if it was not chosen.
    pub(crate) view: Option<View>,
    /// Whether there are colours.
    pub(crate) color: ColorChoice,
    /// How much is told.
    pub(crate) verbosity: Verbosity,
    /// What happens to secrets.
    pub(crate) secrets: Secrets,
}

/// Output that did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrintError {
    /// The reader of standard output went away: the program ends quietly, with success.
    #[error("standard output was closed")]
    Closed,
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

/// A line of a digest, e.g. `client id  1w3kq2hj8x`.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) label: &'static str,
    /// Its value.
    pub(crate) value: String,
}

/// What a tail adds up to when it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Summary {
    /// Deliveries received.
    pub(crate) n_received: u64,
    /// Those that `--jq` let pass, if it was given.
    pub(crate) n_matched: Option<u64>,
    /// Deliveries that had been received before, and were not shown again.
    pub(crate) n_duplicates: u64,
    /// Sessions lost on the way.
    pub(crate) n_lost_sessions: u64,
    /// From the handshake to the end.
    pub(crate) elapsed: Duration,
}

#[cfg(test)]
mod tests;
