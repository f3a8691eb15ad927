//! What a run measured. Its JSON form, with the summary and the verdict beside it, is
//! `schema/bench.v1.json`.

mod addition;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::metric::METRICS;
use super::packed::Packed;

/// What one run measured, or several that were merged.
///
/// Only what belongs to the measured time is in it, not the warm-up, except for the sessions,
/// their handshakes and subscribes, the errors, and the traffic.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// When the measured time began, by the clock of the machine that ran it.
    #[serde(default, with = "crate::rfc3339")]
    pub started: Option<SystemTime>,
    /// What was asked for.
    pub config: Config,
    /// How the sessions fared.
    pub sessions: Sessions,
    /// What became of the messages.
    pub messages: Messages,
    /// What went over the wire.
    pub traffic: Traffic,
    /// How long everything took.
    pub latency: Latencies,
    /// Second by second.
    pub intervals: Vec<Interval>,
    /// What went wrong, by kind, in the order of the first time.
    pub errors: Vec<ErrorCount>,
    /// What the run cost the machine that it ran on.
    pub client: ClientUse,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Config {
    /// The server.
    pub url: String,
    /// The channel, or what the channels' names begin with.
    pub channel: String,
    /// The connection type.
    pub transport: String,
    /// `loop` or `threads`.
    pub engine: String,
    /// Loops, or threads.
    pub threads: u64,
    /// Sessions that subscribe.
    pub clients: u64,
    /// Sessions that publish.
    pub publishers: u64,
    /// Channels.
    pub channels: u64,
    /// Channels that each client subscribes to.
    pub per_client: u64,
    /// Messages a second by all publishers together; null for as fast as acknowledged.
    pub rate: Option<f64>,
    /// Messages in one request.
    pub batch: u64,
    /// Bytes of a message's data.
    pub size: u64,
    /// Handshakes a second at the start.
    pub ramp: f64,
    /// Clients a second that disconnect and come back.
    pub churn: f64,
    /// Seconds before anything counts.
    pub warmup_s: f64,
    /// Seconds, where the time was given.
    pub duration_s: Option<f64>,
    /// Messages, where their number was given.
    pub count: Option<u64>,
    /// The most seconds that missing deliveries are waited for.
    pub drain_s: f64,
    /// Whether the ack extension was asked for.
    pub ack: bool,
    /// What randomness began with.
    pub seed: u64,
}

/// How the sessions fared.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Sessions {
    /// Clients and publishers.
    pub wanted: u64,
    /// Those that were handshaken and subscribed when publishing began.
    pub up: u64,
    /// Milliseconds until they were.
    pub up_ms: f64,
    /// Successful handshakes, those of lost sessions and of clients that came back included.
    pub handshakes: u64,
    /// Sessions that the server did not know any more, and that were renewed.
    pub renewed: u64,
    /// Sessions that ended before the run did.
    pub ended: u64,
    /// Clients that disconnected and came back, as asked for.
    pub churned: u64,
}

/// What became of the messages. `expected` is `delivered` and `lost` together.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Messages {
    /// Messages that were to be published by the schedule.
    pub intended: u64,
    /// Those that were handed to the server, whatever came of it.
    pub published: u64,
    /// Those of them that were sent after the measured time, in the drain: no rate counts them.
    #[serde(default)]
    pub published_late: u64,
    /// Those that the server acknowledged.
    pub acknowledged: u64,
    /// Those that the server rejected.
    pub rejected: u64,
    /// Those whose outcome is unknown, since no reply came.
    pub unacknowledged: u64,
    /// Those that were due and never sent, since their publisher was not ready in time.
    pub unsent: u64,
    /// Deliveries that were to come: of each message that was not rejected to each client that was
    /// subscribed when it was sent.
    pub expected: u64,
    /// Those that came.
    pub delivered: u64,
    /// Those of them that came after the measured time, in the drain: no rate counts them.
    #[serde(default)]
    pub delivered_late: u64,
    /// Those that did not.
    pub lost: u64,
    /// Why, as far as is known.
    pub lost_by: LostBy,
    /// Deliveries that came again.
    pub duplicates: u64,
    /// Deliveries that came after a later one of the same publisher on the same channel.
    pub out_of_order: u64,
    /// Deliveries to a client that subscribed after the message was sent, or left before it came.
    pub undecided: u64,
    /// Deliveries of another run, or of somebody else, on the same channels.
    pub foreign: u64,
}

/// Why deliveries were lost.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LostBy {
    /// The client had no session when the message was sent.
    pub no_session: u64,
    /// The publish was not acknowledged, so that it may never have reached the server.
    pub unacknowledged: u64,
    /// Nothing explains it.
    pub unexplained: u64,
}

/// What went over the wire.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Traffic {
    /// Bytes sent, those of heads, frames and TLS included, those of TCP not. With a thread for
    /// each session those of unencrypted long polling alone are known.
    pub bytes_out: u64,
    /// Bytes received, counted in the same way.
    pub bytes_in: u64,
    /// Requests, or frames over a websocket, sent.
    pub requests: u64,
    /// Responses, or frames, that brought at least one delivery.
    pub batches: u64,
    /// Connects that were answered.
    pub connects: u64,
    /// Connections opened.
    pub connections: u64,
}

/// How long everything took.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Latencies {
    /// From the wish for a session to its client id: connecting included.
    pub handshake: Distribution,
    /// From the request to the confirmation.
    pub subscribe: Distribution,
    /// Connects that ask the server to answer at once.
    pub connect: Distribution,
    /// From the time when the message was to be sent to its acknowledgement.
    pub publish: Distribution,
    /// From the time when the message was to be sent to its delivery.
    pub delivery: Distribution,
    /// From the time when the message was sent to its delivery.
    pub delivery_from_send: Distribution,
    /// The delivery that took longest.
    pub slowest: Option<Slowest>,
}

/// The delivery that took longest.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Slowest {
    /// Microseconds from the intended time.
    pub latency: u64,
    /// The publisher's number, from 0.
    pub publisher: u64,
    /// The message's number.
    pub sequence: u64,
    /// The client's number, from 0.
    pub client: u64,
    /// Seconds from the start of the measured time to the delivery.
    pub at_s: f64,
}

/// One second of the measured time or of the drain. While it lasts, it has a [`Distribution`] to
/// record in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Interval<D = Packed> {
    /// Seconds from the start of the measured time to the start of the interval.
    pub start_s: f64,
    /// Messages published.
    pub published: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Errors.
    pub errors: u64,
    /// From the intended time to the delivery, of the deliveries of this second.
    pub delivery: D,
}

/// How often something went wrong.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ErrorCount {
    /// What went wrong: the same words for the same kind.
    pub kind: String,
    /// In which request; nothing in files of versions that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// How often.
    pub count: u64,
    /// The first one in full.
    pub first: String,
    /// When it happened, in seconds from the start of the measured time; negative before it.
    pub first_at_s: f64,
}

/// What a session asks of the server, or waits for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A new session.
    Handshake,
    /// To be kept, and told what comes.
    Connect,
    /// To be told of a channel.
    Subscribe,
    /// To have a message delivered.
    Publish,
    /// A message of a channel that it is subscribed to.
    Deliver,
}

/// What the run cost the machine that it ran on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ClientUse {
    /// The measured time in seconds, without the drain.
    pub seconds: f64,
    /// Processor time in it, user and system.
    pub cpu_seconds: f64,
    /// Processors that there are.
    pub cores: u64,
    /// How much later than asked for the engine was woken.
    pub lag: Distribution,
    /// Open files when publishing ended.
    pub descriptors: u64,
    /// How many may be open.
    pub descriptor_limit: u64,
    /// Resident memory in MiB when publishing ended.
    pub rss_mib: f64,
    /// The most resident memory of the process so far, in MiB.
    pub rss_peak_mib: f64,
    /// Why the rate was not reached, if it was not.
    pub shortfall: Option<Shortfall>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// Why a rate was not reached.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortfall {
    /// This process used up the processor time that it can use.
    GeneratorCpu,
    /// Its threads were woken too late: the machine is busy with something else.
    SchedulerLag,
    /// Publishers waited for the server: for its acknowledgements, or for it to be there again.
    ServerBackPressure,
    /// Publishers had no session.
    NoSession,
}

impl Run {
    /// The measured time.
    pub fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.client.seconds).unwrap_or_default()
    }

    /// How often something went wrong.
    pub fn n_errors(&self) -> u64 {
        let counts = self.errors.iter().map(|it| it.count);
        counts.fold(0, u64::saturating_add)
    }

    /// What expectations are about, and what a program reads first: names and values, times in
    /// microseconds, rates a second. A value that there is not is left out.
    pub fn summary(&self) -> BTreeMap<&'static str, f64> {
        let values = METRICS.iter();
        values
            .filter_map(|it| Some((it.name, it.value(self)?)))
            .collect()
    }
}

impl<D> Interval<D> {
    /// Whether nothing happened in it.
    pub fn is_empty(&self) -> bool {
        [
            self.published,
            self.acknowledged,
            self.delivered,
            self.errors,
        ] == [0; 4]
    }

    fn with<E>(&self, delivery: E) -> Interval<E> {
        Interval {
            start_s: self.start_s,
            published: self.published,
            acknowledged: self.acknowledged,
            delivered: self.delivered,
            errors: self.errors,
            delivery,
        }
    }
}

impl Interval {
    /// To compute with.
    pub fn unpack(&self) -> Interval<Distribution> {
        self.with(self.delivery.unpack())
    }
}

impl Interval<Distribution> {
    /// To keep.
    pub fn pack(&self) -> Interval {
        self.with(Packed::new(&self.delivery))
    }
}

impl Messages {
    /// Messages published in the measured time.
    pub fn published_in_time(&self) -> u64 {
        self.published.saturating_sub(self.published_late)
    }

    /// Deliveries in the measured time.
    pub fn delivered_in_time(&self) -> u64 {
        self.delivered.saturating_sub(self.delivered_late)
    }
}
