//! The options that add to the `ext` of messages.

use std::time::{Instant, SystemTime};

use bayeux::protocol::Json;
use bayeux::session::extension::{Ack, ClockReading, Extension, Extensions, TimeSync};
use bayeux::transport::Secret;

use super::exit::Stop;
use super::file::read_file;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ExtensionArgs {
    /// Send this `ext` with a KIND of message: handshake (default), connect, subscribe or
    /// publish. JSON is an object, or @FILE with one. A member of it goes before one of the
    /// same name that another option adds.
    #[arg(long, value_name = "[KIND=]JSON")]
    ext: Vec<Secret>,

    /// Have the server keep each message until it is known to have arrived (CometD's
    /// acknowledged messages).
    #[arg(long)]
    ack: bool,

    /// Compare the server's clock with this one (CometD's timesync).
    #[arg(long)]
    timesync: bool,
}

impl ExtensionArgs {
    /// All extensions that these options ask for.
    pub(crate) fn extensions(&self) -> Result<Vec<Box<dyn Extension>>, Stop> {
        let mut extensions: Vec<Box<dyn Extension>> = Vec::new();
        if !self.ext.is_empty() {
            extensions.push(Box::new(self.given()?));
        }
        if self.ack {
            extensions.push(Box::new(Ack::new()));
        }
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

    /// The `ext` of each kind of message.
    fn given(&self) -> Result<Extensions, Stop> {
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
