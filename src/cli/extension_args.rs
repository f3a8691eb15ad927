//! The options that add to the `ext` of messages.

use bayeux::protocol::Json;
use bayeux::session::extension::{Extension, Extensions};

use super::connection::read_file;
use super::exit::Stop;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ExtensionArgs {
    /// Send this `ext` with a KIND of message: handshake (default), connect, subscribe or
    /// publish. JSON is an object, or @FILE with one.
    #[arg(long, value_name = "[KIND=]JSON")]
    ext: Vec<String>,
}

impl ExtensionArgs {
    /// All extensions that these options ask for.
    pub(crate) fn extensions(&self) -> Result<Vec<Box<dyn Extension>>, Stop> {
        let mut extensions: Vec<Box<dyn Extension>> = Vec::new();
        if !self.ext.is_empty() {
            extensions.push(Box::new(self.given()?));
        }
        Ok(extensions)
    }

    /// The `ext` of each kind of message.
    fn given(&self) -> Result<Extensions, Stop> {
        let mut extensions = Extensions::default();
        for text in &self.ext {
            let (kind, text) = match text.split_once('=') {
                Some((kind, text)) if !kind.contains(['{', '@']) => (kind, text),
                Some(_) | None => ("handshake", text.as_str()),
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
