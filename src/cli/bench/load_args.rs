//! The options that say what the load is: who is there, what is published, and for how long.

use std::time::Duration;

use bayeux::bench::{Payload, Plan, PlanError, Rate, Stop as PlanStop, TooSmall};
use bayeux::locust::Options;
use bayeux::protocol::{Channel, Json, JsonError};

use crate::cli::exit::Stop;
use crate::cli::file::read_file;
use crate::cli::values;

#[derive(Clone, clap::Args, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Sessions that subscribe.
    #[arg(short, long, value_name = "N", value_parser = values::number, default_value = "10")]
    clients: usize,

    /// Sessions that publish, beside the clients.
    #[arg(long, value_name = "N", value_parser = values::number, default_value = "1")]
    publishers: usize,

    /// Channels to publish to: CHANNEL/0, CHANNEL/1, ... where there are several.
    #[arg(long, value_name = "N", value_parser = values::number, default_value = "1")]
    channels: usize,

    /// Channels that each client subscribes to.
    #[arg(long, value_name = "N", value_parser = values::number, default_value = "1")]
    per_client: usize,

    /// Messages a second by all publishers together, on a schedule that does not wait for the
    /// server; max: each publisher goes on as fast as the server acknowledges, with one request
    /// unanswered over long polling and 256 messages over websocket.
    #[arg(short, long, value_name = "N|max", value_parser = rate, default_value = "100")]
    rate: Rate,

    /// How long to publish, warm-up not counted.
    #[arg(short, long, value_name = "DUR", value_parser = values::patience, default_value = "10s")]
    duration: Duration,

    /// Publish this many messages instead, those of the warm-up not counted.
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count, conflicts_with = "duration")]
    count: Option<u64>,

    /// How long to publish before anything counts.
    #[arg(long, value_name = "DUR", value_parser = values::duration, default_value = "2s")]
    warmup: Duration,

    /// How long to wait for missing deliveries at the end.
    #[arg(long, value_name = "DUR", value_parser = values::duration, default_value = "5s")]
    drain: Duration,

    /// Bytes of the data of a message, at least 48: it begins with what the accounting needs.
    #[arg(short, long, value_name = "BYTES", value_parser = values::size, default_value = "64")]
    size: u64,

    /// Send this JSON, or that in a file, @FILE, with each message instead.
    #[arg(long, value_name = "JSON", conflicts_with = "size")]
    payload: Option<String>,

    /// Messages that a publisher sends in one request; one that is behind its schedule sends all that
    /// is due, up to 256 KiB, or 32 KiB over a websocket.
    #[arg(long, value_name = "N", value_parser = values::number, default_value = "1")]
    batch: usize,

    /// Handshakes a second at the start.
    #[arg(long, value_name = "N", value_parser = ramp, default_value = "2000")]
    ramp: f64,

    /// Clients a second that disconnect and come back.
    #[arg(long, value_name = "N", value_parser = values::frequency, default_value = "0")]
    churn: f64,
}

/// Larger messages are no load of Bayeux any more, and a run keeps many of them in memory.
const LARGEST: u64 = 16 << 20;

impl LoadArgs {
    /// What these options ask for, if it can be carried out.
    pub(crate) fn plan(&self, channel: Channel) -> Result<Plan, Stop> {
        let stop = match self.count {
            Some(count) => PlanStop::Count(count),
            None => PlanStop::After(self.duration),
        };
        let plan = self.unchecked(channel, stop, self.warmup)?;
        plan.check().map_err(|it| impossible(&it))?;
        check_channel(&plan)?;
        Ok(plan)
    }

    /// The same for a run that somebody else steers and ends: all of it is measured.
    pub(super) fn steered_plan(&self, channel: Channel) -> Result<Plan, Stop> {
        let plan = self.unchecked(channel, PlanStop::Interrupt, Duration::ZERO)?;
        plan.check_apart_from_load().map_err(|it| impossible(&it))?;
        check_channel(&plan)?;
        Ok(plan)
    }

    fn unchecked(&self, channel: Channel, stop: PlanStop, warmup: Duration) -> Result<Plan, Stop> {
        Ok(Plan {
            channel,
            n_clients: self.clients,
            n_publishers: self.publishers,
            n_channels: self.channels,
            n_per_client: self.per_client,
            rate: self.rate,
            stop,
            warmup,
            drain: self.drain,
            payload: self.payload()?,
            batch: self.batch,
            ramp: self.ramp,
            churn: self.churn,
        })
    }

    /// The same load as somebody else wants it: what is not said there stays.
    pub(super) fn ordered(&self, n_clients: usize, options: &Options) -> Self {
        let mut load = self.clone();
        load.clients = n_clients;
        load.rate = options.rate.unwrap_or(load.rate);
        load.publishers = options.publishers.unwrap_or(load.publishers);
        load.batch = options.batch.unwrap_or(load.batch);
        load.channels = options.channels.unwrap_or(load.channels);
        load.per_client = options.per_client.unwrap_or(load.per_client);
        if let Some(size) = options.size {
            load.size = size as u64;
            load.payload = None;
        }
        load
    }

    /// How fast messages are published.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    fn payload(&self) -> Result<Payload, Stop> {
        if let Some(text) = &self.payload {
            return payload(text).map(Payload::Json);
        }
        if self.size > LARGEST {
            return Err(too_large("--size"));
        }
        // It fits: it was just compared with a much smaller number.
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        Payload::of_size(size).map_err(|error: TooSmall| {
            Stop::usage("--size: too small")
                .cause(error)
                .hint(format!("--size {}", bayeux::bench::SMALLEST))
        })
    }
}

/// A plan that cannot be carried out, in terms of the options.
pub(crate) fn impossible(error: &PlanError) -> Stop {
    let stop = Stop::usage("this load cannot be made").cause(error);
    match error {
        PlanError::Nobody => stop.hint("--clients 10, or --publishers 1, or both"),
        PlanError::EmptyChannels {
            n_channels,
            n_clients,
            n_per_client,
        } => stop.hint(format!(
            "--channels {} at the most, or --clients {} at the least",
            n_clients * n_per_client,
            n_channels.div_ceil(*n_per_client)
        )),
        PlanError::TooFewChannels {
            n_per_client,
            n_channels,
        } => stop.hint(format!(
            "--channels {n_per_client} at the least, or --per-client {n_channels} at the most"
        )),
        PlanError::TooMany { what, .. } if what.starts_with("the number of") => {
            stop.hint("several runs at once, whose results `bayeux report` merges, make more")
        }
        PlanError::NotPositive { .. } => stop.hint("1 is the least"),
        _ => stop,
    }
}

/// Where messages go that no subscriber gets, every delivery would count as lost.
fn check_channel(plan: &Plan) -> Result<(), Stop> {
    let channel = &plan.channel;
    let no_channel = |cause: &str| {
        Stop::usage(format!("not a channel for a load: {channel}"))
            .cause(cause)
            .hint("/bench, or any other channel that clients may subscribe and publish to")
    };
    if channel.is_meta() {
        return Err(no_channel("channels below /meta/ belong to the protocol"));
    }
    let is_service = channel.as_str().starts_with("/service/");
    if is_service && plan.n_clients > 0 && plan.n_publishers > 0 {
        return Err(no_channel(
            "what is published below /service/ goes to the server alone, and to no client",
        )
        .hint("--clients 0 publishes there, and measures the acknowledgements"));
    }
    Ok(())
}

fn payload(text: &str) -> Result<Json, Stop> {
    let (text, source) = match text.strip_prefix('@') {
        Some(path) => (read_file(path)?, format!("{path}: ")),
        None => (text.to_owned(), String::new()),
    };
    if text.len() as u64 > LARGEST {
        return Err(too_large("--payload"));
    }
    text.trim().parse().map_err(
        |JsonError {
             reason,
             line,
             column,
         }| {
            Stop::usage("--payload: not JSON")
                .cause(format!("{source}{reason} at line {line} column {column}"))
                .hint("--payload '{\"user\": \"ann\"}', or --payload @FILE")
        },
    )
}

fn too_large(option: &str) -> Stop {
    Stop::usage(format!("{option}: a message can have at most 16 MiB"))
        .hint("1MiB is large enough for most servers to refuse it")
}

fn ramp(text: &str) -> Result<f64, String> {
    values::rate(text).map_err(|_| "handshakes a second are a number above 0: 0.5, 2k".to_owned())
}

fn rate(text: &str) -> Result<Rate, String> {
    match text {
        "max" => Ok(Rate::Max),
        _ => values::rate(text)
            .map(Rate::Fixed)
            .map_err(|error| format!("{error}, or max")),
    }
}
