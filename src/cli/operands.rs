//! `[URL] CHANNEL... [DATA...]`: a channel begins with `/`, a URL never does.

use bayeux::protocol::{Channel, ChannelError, ChannelPattern, meta};
use bayeux::redaction::redact_url;
use bayeux::transport::{Endpoint, EndpointError};

use super::exit::Stop;

/// What a publish to these would do is not a publish, and its reply no acknowledgement. Others
/// below `/meta/` are the server's to refuse.
const SESSION_CHANNELS: [&str; 5] = [
    meta::HANDSHAKE,
    meta::CONNECT,
    meta::DISCONNECT,
    meta::SUBSCRIBE,
    meta::UNSUBSCRIBE,
];

/// The words of a command line, one kind after the other.
#[derive(Debug)]
pub(crate) struct Operands {
    url: Option<String>,
    words: std::vec::IntoIter<String>,
}

impl Operands {
    /// Takes the URL off, if the first word is one.
    pub(crate) fn new(words: Vec<String>) -> Self {
        let is_url = words.first().is_some_and(|it| is_url(it));
        let mut words = words.into_iter();
        let url = if is_url { words.next() } else { None };
        Self { url, words }
    }

    /// Whether the command line names the server.
    pub(crate) fn has_url(&self) -> bool {
        self.url.is_some()
    }

    /// The server's address: from the command line, else from the environment, else from
    /// the profile.
    pub(crate) fn endpoint(&self, of_profile: Option<&str>) -> Result<Endpoint, Stop> {
        let given = self.url.clone().or_else(url_of_environment);
        let Some(url) = given.or_else(|| of_profile.map(str::to_owned)) else {
            return Err(Stop::usage("no URL")
                .hint("give one, like :8080/cometd, or set BAYEUX_URL, or url in a profile"));
        };
        url.parse().map_err(|error| {
            let hint = match error {
                EndpointError::UserInfo => "--user NAME:PASSWORD, or BAYEUX_USER, takes them",
                _ if url.starts_with("ws") => "ws://localhost:8080/cometd, or wss://",
                _ => "http://localhost:8080/cometd, or :8080/cometd for short",
            };
            Stop::usage(format!("not a URL: {}", shown(&url)))
                .cause(error)
                .hint(hint)
        })
    }

    /// The next word as a channel to publish to.
    pub(crate) fn channel(&mut self) -> Result<Channel, Stop> {
        let Some(word) = self.words.next() else {
            return Err(self.no_channel());
        };
        let channel: Channel = word
            .parse()
            .map_err(|error| self.no_such_channel(&word, error))?;
        if SESSION_CHANNELS.contains(&channel.as_str()) {
            return Err(
                Stop::usage(format!("not a channel to publish to: {channel}"))
                    .cause("what goes there makes up the session, which sends it by itself")
                    .hint("`bayeux handshake -v` shows such messages"),
            );
        }
        Ok(channel)
    }

    /// The next word as a channel to publish to, or this one if there is none.
    pub(crate) fn channel_or(&mut self, default: &str) -> Result<Channel, Stop> {
        match self.words.as_slice() {
            [] => default
                .parse()
                .map_err(|error| self.no_such_channel(default, error)),
            [..] => self.channel(),
        }
    }

    /// All words as channels to subscribe to.
    pub(crate) fn patterns(&mut self) -> Result<Vec<ChannelPattern>, Stop> {
        let words: Vec<String> = self.words.by_ref().collect();
        if words.is_empty() {
            return Err(self.no_channel());
        }
        let mut patterns = Vec::new();
        for word in &words {
            let pattern = word
                .parse()
                .map_err(|error| self.no_such_channel(word, error))?;
            // The same one twice is one subscription.
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        Ok(patterns)
    }

    /// What is left.
    pub(crate) fn rest(self) -> Vec<String> {
        self.words.collect()
    }

    /// Nothing may be left.
    pub(crate) fn end(mut self) -> Result<(), Stop> {
        match self.words.next() {
            Some(word) => Err(Stop::usage(format!("unexpected argument: {word}"))
                .hint("-h shows what the command takes")),
            None => Ok(()),
        }
    }

    fn no_channel(&self) -> Stop {
        let hint = match &self.url {
            Some(url) => format!(
                "a channel begins with `/`; {} was taken for the URL",
                shown(url)
            ),
            None => "a channel begins with `/`: /demo".to_owned(),
        };
        Stop::usage("no channel").hint(hint)
    }

    fn no_such_channel(&self, word: &str, error: ChannelError) -> Stop {
        let hint = match &self.url {
            Some(url) if error == ChannelError::NoLeadingSlash => {
                format!("{} was taken for the URL", shown(url))
            }
            Some(_) | None => {
                "a channel is like /demo, a pattern like /demo/* or /demo/**".to_owned()
            }
        };
        Stop::usage(format!("not a channel: {word}"))
            .cause(error)
            .hint(hint)
    }
}

/// The server's address in the environment.
pub(crate) fn url_of_environment() -> Option<String> {
    std::env::var("BAYEUX_URL").ok().filter(|it| !it.is_empty())
}

/// Whether the first word of a command line is the server's address.
pub(crate) fn is_url(word: &str) -> bool {
    !word.starts_with('/')
}

/// Whether a command has a server's address among its words.
pub(crate) fn takes_url(command: &clap::Command) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|it| ["operands", "url"].contains(&it.get_id().as_str()))
}

/// What was typed as a URL, without secrets: it may be none, or none that is allowed.
fn shown(url: &str) -> String {
    let (address, fragment) = match url.split_once('#') {
        Some((address, _)) => (address, "#***"),
        None => (url, ""),
    };
    format!("{}{fragment}", redact_url(address))
}
