//! The options of `subscribe` that ask for older events.

use std::path::PathBuf;
use std::str::FromStr;

use bayeux::protocol::ChannelPattern;
use bayeux::session::extension::{Fallback, Replay, ReplayFrom};
use bayeux::transport::Endpoint;

use super::cursor::Cursor;
use super::exit::Stop;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Replay")]
pub(crate) struct ReplayArgs {
    /// Start with older events: new (none), all that the server has kept, or those behind the
    /// event with this replay ID; for every channel, or for one (Salesforce's replay extension).
    #[arg(
        long,
        value_name = "[CHANNEL=]new|all|ID",
        allow_negative_numbers = true
    )]
    replay: Vec<Choice>,

    /// Remember in FILE the last event of each channel that was written, and go on behind it.
    /// Where it knows none, --replay counts. FILE.lock beside it keeps others away.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,

    /// Where to start if the server no longer has the event to go on from.
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = FallbackChoice::Fail)]
    replay_fallback: FallbackChoice,
}

/// What these options come to.
#[derive(Debug)]
pub(crate) struct Replaying {
    /// None if nothing was asked for.
    pub(crate) extension: Option<Replay>,
    pub(crate) cursor: Option<Cursor>,
    /// Whether a channel is to start with all that the server has kept.
    pub(crate) asks_for_all: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FallbackChoice {
    /// With new events.
    New,
    /// With all that the server has kept.
    All,
    /// Nowhere: exit status 5.
    Fail,
}

/// One value of `--replay`.
#[derive(Clone, Debug)]
struct Choice {
    channel: Option<String>,
    from: ReplayFrom,
}

impl ReplayArgs {
    /// Opens the cursor, before anything is sent.
    pub(crate) fn prepare(
        &self,
        endpoint: &Endpoint,
        patterns: &[ChannelPattern],
    ) -> Result<Replaying, Stop> {
        let otherwise = self.otherwise()?;
        let mut channels = self.channels(patterns)?;
        let cursor = match &self.cursor {
            Some(path) => {
                if let Some(pattern) = patterns.iter().find(|it| it.is_wild()) {
                    let error = format!("--cursor: {pattern} is a pattern, not a channel");
                    return Err(
                        Stop::usage(error).hint("replay ids belong to channels: name each one")
                    );
                }
                Some(Cursor::open(path, endpoint)?)
            }
            None => None,
        };
        for (channel, id) in cursor.iter().flat_map(Cursor::known) {
            channels.retain(|(it, _)| it != channel);
            channels.push((channel.to_owned(), ReplayFrom::After(id.clone())));
        }
        let start = |pattern: &ChannelPattern| {
            let name = without_query(pattern.as_str());
            let named = channels.iter().find(|(it, _)| it == name);
            named.map_or(&otherwise, |(_, from)| from).clone()
        };
        let asks_for_all = patterns.iter().any(|it| start(it) == ReplayFrom::All);
        let fallback = match self.replay_fallback {
            FallbackChoice::New => Fallback::New,
            FallbackChoice::All => Fallback::All,
            FallbackChoice::Fail => Fallback::Fail,
        };
        let is_wanted = cursor.is_some() || !self.replay.is_empty();
        Ok(Replaying {
            extension: is_wanted.then(|| Replay::new(channels, otherwise, fallback)),
            cursor,
            asks_for_all,
        })
    }

    /// Where channels start that nothing is said about.
    fn otherwise(&self) -> Result<ReplayFrom, Stop> {
        let mut general = self.replay.iter().filter(|it| it.channel.is_none());
        match (general.next(), general.next()) {
            (None, _) => Ok(ReplayFrom::New),
            (Some(choice), None) => Ok(choice.from.clone()),
            (Some(_), Some(_)) => Err(Stop::usage("--replay: two places to start from")
                .hint("one for all channels, and CHANNEL=ID for those that differ")),
        }
    }

    /// Where each channel starts that is named, without its query string.
    fn channels(&self, patterns: &[ChannelPattern]) -> Result<Vec<(String, ReplayFrom)>, Stop> {
        let mut channels: Vec<(String, ReplayFrom)> = Vec::new();
        for choice in &self.replay {
            let Some(channel) = &choice.channel else {
                continue;
            };
            let name = without_query(channel);
            if !patterns.iter().any(|it| without_query(it.as_str()) == name) {
                let error = format!("--replay: {channel} is not subscribed to");
                return Err(Stop::usage(error).hint("name it among the channels as well"));
            }
            if channels.iter().any(|(it, _)| it == name) {
                return Err(
                    Stop::usage(format!("--replay: two places to start {channel} from"))
                        .hint("a filter behind `?` makes no other channel"),
                );
            }
            channels.push((name.to_owned(), choice.from.clone()));
        }
        Ok(channels)
    }
}

impl FromStr for Choice {
    type Err = String;

    /// A channel may have a `=` in its filter, so the first one that leaves a place to start
    /// from divides.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "new, all or a replay id, alone or behind CHANNEL=".to_owned();
        if !text.starts_with('/') {
            let from = text.parse().map_err(|_| wrong())?;
            let channel = None;
            return Ok(Self { channel, from });
        }
        let divided = text.match_indices('=').find_map(|(at, _)| {
            let from = text[at + 1..].parse().ok()?;
            let channel = Some(text[..at].to_owned());
            Some(Self { channel, from })
        });
        divided.ok_or_else(wrong)
    }
}

fn without_query(channel: &str) -> &str {
    channel.split('?').next().unwrap_or(channel)
}
