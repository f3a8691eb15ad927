//! The options that bound what clients may ask of a server.

use std::str::FromStr;
use std::time::Duration;

use bayeux::server::Settings;

use super::super::values;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Most messages (10k) or bytes of them (8MiB) that wait for one session, which ends when
    /// there are more; 100k,16MiB if left out. May be repeated.
    #[arg(long, value_name = "COUNT|SIZE", value_delimiter = ',')]
    max_queue: Vec<QueueLimit>,

    /// How long a request, or message of a websocket, may take to arrive, 30s if left out; a
    /// slower one gets HTTP 408, or close code 1008.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    request_timeout: Option<Duration>,

    /// Longest body of a request, and message of a websocket, 16MiB if left out; a longer one
    /// gets HTTP 413, or close code 1009.
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_body: Option<u64>,

    /// Most sessions at a time, 100000 if left out; further handshakes are refused with 503 and
    /// told to come again.
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_sessions: Option<u64>,

    /// Most connections at a time, 100000 if left out or what the system's limit of descriptors
    /// allows; further ones are closed.
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_connections: Option<u64>,
}

impl LimitArgs {
    /// Puts the limits that are given into the settings.
    pub(super) fn apply(self, settings: &mut Settings) {
        for limit in self.max_queue {
            match limit {
                QueueLimit::Messages(most) => settings.max_queue_messages = most,
                QueueLimit::Bytes(most) => settings.max_queue_bytes = most,
            }
        }
        if let Some(timeout) = self.request_timeout {
            settings.request_timeout = timeout;
        }
        if let Some(most) = self.max_body {
            settings.max_body = whole(most);
        }
        if let Some(most) = self.max_sessions {
            settings.max_sessions = whole(most);
        }
        if let Some(most) = self.max_connections {
            settings.max_connections = whole(most);
        }
    }
}

/// As far as this machine can count.
pub(super) fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// One limit of a session's queue.
#[derive(Clone, Copy, Debug)]
enum QueueLimit {
    Messages(usize),
    Bytes(usize),
}

impl FromStr for QueueLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.ends_with('B') {
            true => values::size(text).map(|it| Self::Bytes(whole(it))),
            false => values::count(text).map(|it| Self::Messages(whole(it))),
        }
        .map_err(|_| "a limit is a number of messages or a size: 10k, 8MiB".to_owned())
    }
}
