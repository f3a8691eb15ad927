//! The options that add to the `ext` of messages.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bayeux::protocol::Json;
use bayeux::session::extension::{Ack, ClockReading, Extension, Extensions, TimeSync};
use bayeux::transport::Secret;

use super::exit::Stop;
use super::file::read_file;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ExtensionArgs {
    #[command(flatten)]
    essential: EssentialExtensionArgs,

    /// Compare the server's clock with this one (CometD's timesync).
    #[arg(long)]
    timesync: bool,
}

/// Those without which a server may refuse a session, or lose its messages.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct EssentialExtensionArgs {
    #[command(flatten)]
    given: GivenExtensionArgs,

    /// Have the server keep each message until it is known to have arrived (CometD's
    /// acknowledged messages).
    #[arg(long)]
    ack: bool,
}

/// Those without which a server may refuse everything.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct GivenExtensionArgs {
    /// Send this `ext` with a KIND of message: handshake (default), connect, subscribe or
    /// publish. JSON is an object, or @FILE with one. A member of it goes before one of the
    /// same name that another option adds.
    #[arg(long, value_name = "[KIND=]JSON")]
    ext: Vec<Secret>,
}

/// Makes the same extensions for each of many sessions.
pub(crate) type Maker = Arc<dyn Fn() -> Vec<Box<dyn Extension>> + Send + Sync>;

impl ExtensionArgs {
    /// All extensions that these options ask for.
    pub(crate) fn extensions(&self) -> Result<Vec<Box<dyn Extension>>, Stop> {
        let mut extensions = (self.essential.maker()?)();
        if self.timesync {
            let clocks = ClockReading {
                instant: Instant::now(),
                wall: SystemTime::now(),
            };
            extensions.push(Box::new(TimeSync::new(clocks)));
        }
        Ok(extensions)
    }

    pub(crate) fn is_timesync(&self) -> bool {
        self.timesync
    }
}

impl EssentialExtensionArgs {
    /// Whether something is sent that may be a secret.
    pub(crate) fn is_given(&self) -> bool {
        !self.given.ext.is_empty()
    }

    /// Reads what is given once, for any number of sessions.
    pub(crate) fn maker(&self) -> Result<Maker, Stop> {
        let given = match self.given.ext.is_empty() {
            true => None,
            false => Some(self.given.extensions()?),
        };
        let is_ack = self.ack;
        Ok(Arc::new(move || {
            let mut extensions: Vec<Box<dyn Extension>> = Vec::new();
            if let Some(given) = &given {
                extensions.push(Box::new(given.clone()));
            }
            if is_ack {
                extensions.push(Box::new(Ack::new()));
            }
            extensions
        }))
    }
}

impl GivenExtensionArgs {
    /// The `ext` of each kind of message.
    pub(crate) fn extensions(&self) -> Result<Extensions, Stop> {
        let mut extensions = Extensions::default();
        for text in &self.ext {
            let text = text.expose();
            let (kind, text) = match text.split_once('=') {
                Some((kind, text)) if !kind.contains(['{', '@']) => (kind, text),
                Some(_) | None => ("handshake", text),
            };
            let slot = match kind {
                "handshake" => &mut extensions.handshake,
                "connect" => &mut extensions.connect,
                "subscribe" => &mut extensions.subscribe,
                "publish" => &mut extensions.publish,
                _ => {
                    return Err(
                        Stop::usage(format!("--ext: no such kind of message: {kind}"))
                            .hint("handshake, connect, subscribe or publish"),
                    );
                }
            };
            let text = match text.strip_prefix('@') {
                Some(path) => read_file(path)?,
                None => text.to_owned(),
            };
            *slot = Some(extension(&text)?);
        }
        Ok(extensions)
    }
}

fn extension(text: &str) -> Result<Json, Stop> {
    let not_an_object = || {
        Stop::usage("--ext: not a JSON object")
            .hint("--ext '{\"token\":\"...\"}', or --ext subscribe=@FILE")
    };
    let json: Json = text
        .trim()
        .parse()
        .map_err(|error| not_an_object().cause(error))?;
    if json.as_str().starts_with('{') {
        Ok(json)
    } else {
        Err(not_an_object())
    }
}
