//! The options that say what a server does by itself: what goes wrong, what it publishes, what
//! it answers from a recording.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bayeux::protocol::{Channel, ChannelError, Json, JsonError};
use bayeux::recording::ReadError;
use bayeux::server::{Fault, Flavor, Generated, Recording, RecordingError, Settings};

use super::super::exit::{Stop, plain};
use super::super::faults::{faults, new_seed};
use super::super::values;
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Script")]
pub(super) struct ScriptArgs {
    /// What goes wrong on purpose, WHERE:WHAT[:KEY=VALUE], e.g. connect:drop:every=5 or
    /// any:delay=200ms:p=0.1; may be repeated, and docs/faults.md lists them all. WHERE is handshake, connect, subscribe,
    /// unsubscribe, disconnect, publish, any, delivery or upgrade. WHAT is expire, refuse=CODE,
    /// status=CODE, html, delay=DUR, drop, cut, drip=DUR, close=before|after, wrong-id, infinity,
    /// advice=retry|handshake|none, storm, hold, cookie, duplicate or reorder. KEY is every, first,
    /// after, for or p. Without WHERE: expire=DUR ends every session after that time, forget=N
    /// makes it forget the next N sessions at once after that; for salesforce also
    /// token-expires=DUR, busy=N and daily-limit=N.
    #[arg(long, value_name = "SPEC")]
    fault: Vec<String>,

    /// What the chances of faults (p=0.1) are drawn from, as a run that is to be repeated told
    /// it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Answer from a recording that a client made with --record, with the ids of today; what is
    /// not in it is answered as otherwise.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Publish numbered messages, {"n":1,"due_ms":0} and so on, so many a second; may be repeated.
    #[arg(long, value_name = "CHANNEL=RATE", value_parser = generated)]
    generate: Vec<Generated>,

    /// Give this to each client that subscribes to the channel, or to a pattern that matches it;
    /// may be repeated.
    #[arg(long, value_name = "CHANNEL=JSON", value_parser = greeting)]
    publish_on_subscribe: Vec<(Channel, Json)>,
}

impl ScriptArgs {
    /// Puts what is asked for into the settings. Gives a seed that nobody named, if anything
    /// depends on it.
    pub(super) fn apply(
        self,
        settings: &mut Settings,
        printer: &mut Printer,
    ) -> Result<Option<u64>, Stop> {
        let faults = faults(&self.fault)?;
        if let Some(fault) = faults.iter().find(|it| it.is_of_salesforce())
            && settings.flavor != Flavor::Salesforce
        {
            let error = format!("--fault {fault}: {} has no such fault", settings.flavor);
            return Err(Stop::usage(error).hint("--flavor salesforce has it"));
        }
        let is_by_chance = faults.iter().any(Fault::is_by_chance);
        let new = self.seed.is_none().then(new_seed);
        settings.faults = faults;
        settings.seed = self.seed.or(new).unwrap_or_default();
        let replay = self.replay.as_deref();
        settings.replay = replay.map(|it| recording(it, printer)).transpose()?;
        settings.generate = self.generate;
        settings.publish_on_subscribe = self.publish_on_subscribe;
        Ok(new.filter(|_| is_by_chance))
    }
}

fn recording(file: &Path, printer: &mut Printer) -> Result<Arc<Recording>, Stop> {
    let text = fs::read_to_string(file).map_err(|error| {
        Stop::usage(format!("cannot read {}", file.display())).cause(plain(&error))
    })?;
    let recording: Recording = text.parse().map_err(|error: RecordingError| {
        let hint = match error {
            RecordingError::Read(ReadError::NewerSchema { .. }) => {
                "a later version of bayeux wrote it"
            }
            _ => "bayeux sub --record makes one",
        };
        Stop::usage(format!("{} is no recording", file.display()))
            .cause(error)
            .hint(hint)
    })?;
    if let Some(line) = recording.cut_at() {
        let file = file.display();
        printer.warning(&format!(
            "{file} is cut in line {line}: the lines before it are played"
        ));
    }
    Ok(Arc::new(recording))
}

fn generated(text: &str) -> Result<Generated, String> {
    let (channel, rate) = text
        .split_once('=')
        .ok_or("CHANNEL=RATE is wanted, e.g. /ticks=10")?;
    Ok(Generated {
        channel: channel.parse().map_err(|it: ChannelError| it.to_string())?,
        rate: values::rate(rate)?,
    })
}

fn greeting(text: &str) -> Result<(Channel, Json), String> {
    let (channel, data) = text
        .split_once('=')
        .ok_or("CHANNEL=JSON is wanted, e.g. /state={\"n\":1}")?;
    Ok((
        channel.parse().map_err(|it: ChannelError| it.to_string())?,
        data.parse().map_err(|it: JsonError| it.to_string())?,
    ))
}
