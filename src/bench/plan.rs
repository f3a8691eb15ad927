//! What a run is to do: who is there, who publishes what and when, and when it ends.

use std::time::Duration;

use crate::protocol::{Channel, ChannelPattern, ConnectionType};

use super::payload::Payload;

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where messages go: this channel, or `CHANNEL/0`, `CHANNEL/1`, ... where there are several.
    pub channel: Channel,
    /// Sessions that subscribe.
    pub n_clients: usize,
    /// Sessions that publish, beside the clients.
    pub n_publishers: usize,
    /// Channels; CometD's load client calls them rooms.
    pub n_channels: usize,
    /// Channels that each client subscribes to.
    pub n_per_client: usize,
    /// How fast messages are published.
    pub rate: Rate,
    /// When publishing ends.
    pub stop: Stop,
    /// How long messages are published before they count.
    pub warmup: Duration,
    /// How long missing deliveries are waited for at the end.
    pub drain: Duration,
    /// What a message carries.
    pub payload: Payload,
    /// Messages that a publisher sends in one request; more only when it is behind its schedule.
    pub batch: usize,
    /// Handshakes a second at the start.
    pub ramp: f64,
    /// Clients a second that disconnect and come back.
    pub churn: f64,
}

/// How fast messages are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Messages a second by all publishers together, on a schedule that does not wait for the
    /// server: the open model.
    Fixed(f64),
    /// Each publisher sends its next batch as soon as the last one is acknowledged: the closed
    /// model.
    Max,
}

/// When publishing ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// After this time, warm-up not counted.
    After(Duration),
    /// After this many messages, those of the warm-up not counted.
    Count(u64),
    /// Not before the run is interrupted.
    Interrupt,
}

/// A plan that cannot be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Nobody is there.
    #[error("neither clients nor publishers")]
    Nobody,
    /// A number that has to be positive is not.
    #[error("{what} must be more than 0")]
    NotPositive {
        /// Which.
        what: &'static str,
    },
    /// Something is to happen less often than a run can wait for.
    #[error("{what} must be at least {least} a second")]
    TooSlow {
        /// What.
        what: &'static str,
        /// The least.
        least: f64,
    },
    /// Some channels would have no subscriber.
    #[error(
        "{n_channels} channels are more than {n_clients} clients on {n_per_client} channels each can fill"
    )]
    EmptyChannels {
        /// Channels.
        n_channels: usize,
        /// Clients.
        n_clients: usize,
        /// Channels of each client.
        n_per_client: usize,
    },
    /// A client cannot be subscribed to a channel twice.
    #[error("{n_per_client} channels a client are more than the {n_channels} there are")]
    TooFewChannels {
        /// Channels of each client.
        n_per_client: usize,
        /// Channels.
        n_channels: usize,
    },
    /// More than the counters of a run can hold.
    #[error("{what} must be at most {most}")]
    TooMany {
        /// What.
        what: &'static str,
        /// The most.
        most: usize,
    },
}

/// More sessions than a machine has ports, and few enough for 32 bits of any product below.
pub(super) const MOST_SESSIONS: usize = 1_000_000;
/// Sequences of messages that are counted, one for each publisher on each channel.
const MOST_SEQUENCES: usize = 10_000_000;
/// Handshakes a second, or clients that leave.
const SLOWEST: f64 = 0.001;
const MOST_A_SECOND: usize = 1_000_000;
/// A year in seconds: no sum of times overflows.
const LONGEST: usize = 365 * 24 * 3600;
/// Bytes of a websocket's message that catches up: CometD 9 takes 64 KiB by default.
const LARGEST_FRAME: usize = 32 * 1024;
/// Bytes of a request that catches up: some servers take 1 MiB, or 10 MB, and CometD any.
const LARGEST_REQUEST: usize = 256 * 1024;
/// About how many bytes a message has beside its data: channel, id and client id.
const ENVELOPE: usize = 150;
/// More messages a second than any server takes.
pub(super) const FASTEST: f64 = 10_000_000.0;

impl Plan {
    /// Whether the plan can be carried out.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), PlanError> {
        self.check_apart_from_load()?;
        if self.n_sessions() == 0 {
            return Err(PlanError::Nobody);
        }
        if let Rate::Fixed(rate) = self.rate {
            positive(rate > 0.0, "the rate")?;
        }
        if self.n_clients > 0 && self.n_channels > self.n_clients.saturating_mul(self.n_per_client)
        {
            return Err(PlanError::EmptyChannels {
                n_channels: self.n_channels,
                n_clients: self.n_clients,
                n_per_client: self.n_per_client,
            });
        }
        Ok(())
    }

    /// Whether it can be carried out if clients come and rates rise while it goes on.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_apart_from_load(&self) -> Result<(), PlanError> {
        at_most(self.n_clients, MOST_SESSIONS, "the number of clients")?;
        at_most(self.n_publishers, MOST_SESSIONS, "the number of publishers")?;
        at_most(self.n_channels, MOST_SESSIONS, "the number of channels")?;
        at_most(self.batch, 10_000, "the batch")?;
        positive(self.n_channels > 0, "the number of channels")?;
        positive(self.n_per_client > 0, "the number of channels a client")?;
        positive(self.batch > 0, "the batch")?;
        let n_sequences = self.n_publishers.saturating_mul(self.n_channels);
        at_most(
            n_sequences,
            MOST_SEQUENCES,
            "the number of publishers times that of channels",
        )?;
        positive(self.ramp > 0.0, "the ramp")?;
        positive(self.churn >= 0.0, "the churn")?;
        for (per_second, what) in [(self.ramp, "the ramp"), (self.churn, "the churn")] {
            at_most(per_second.ceil() as usize, MOST_A_SECOND, what)?;
            if per_second > 0.0 && per_second < SLOWEST {
                let least = SLOWEST;
                return Err(PlanError::TooSlow { what, least });
            }
        }
        let seconds = |it: Duration| usize::try_from(it.as_secs()).unwrap_or(usize::MAX);
        at_most(seconds(self.warmup), LONGEST, "the warm-up in seconds")?;
        at_most(seconds(self.drain), LONGEST, "the drain in seconds")?;
        match self.rate {
            Rate::Fixed(rate) => at_most(rate.ceil() as usize, FASTEST as usize, "the rate")?,
            Rate::Max => {}
        }
        match self.stop {
            Stop::After(duration) => {
                positive(!duration.is_zero(), "the duration")?;
                at_most(seconds(duration), LONGEST, "the duration in seconds")?;
            }
            Stop::Count(count) => positive(count > 0, "the count")?,
            Stop::Interrupt => {}
        }
        if self.n_per_client > self.n_channels {
            return Err(PlanError::TooFewChannels {
                n_per_client: self.n_per_client,
                n_channels: self.n_channels,
            });
        }
        Ok(())
    }

    /// Clients and publishers.
    pub fn n_sessions(&self) -> usize {
        self.n_clients + self.n_publishers
    }

    /// The most messages that a publisher sends in one request when it is behind its schedule.
    pub(super) fn most_at_once(&self, connection_type: ConnectionType) -> usize {
        let size = match connection_type {
            ConnectionType::WebSocket => LARGEST_FRAME,
            ConnectionType::LongPolling | ConnectionType::CallbackPolling => LARGEST_REQUEST,
        };
        let n_fitting = size / (self.payload.size() + ENVELOPE);
        self.batch.max(n_fitting)
    }

    /// How long messages are published that count, unless that is up to the server.
    pub fn measured_time(&self) -> Option<Duration> {
        match (self.stop, self.rate) {
            (Stop::After(duration), _) => Some(duration),
            (Stop::Count(count), Rate::Fixed(rate)) => {
                Some(Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX))
            }
            (Stop::Count(_), Rate::Max) | (Stop::Interrupt, _) => None,
        }
    }

    /// The channels that a client subscribes to: neighbours, so that all are equally full.
    pub fn channels_of(&self, client: usize) -> impl Iterator<Item = usize> + use<> {
        let n_channels = self.n_channels;
        let first = client * self.n_per_client;
        (first..first + self.n_per_client).map(move |it| it % n_channels)
    }

    /// The channel of a publisher's nth message: one after the other, each publisher beginning
    /// elsewhere.
    pub fn channel_of(&self, publisher: usize, nth: u64) -> usize {
        let n_channels = self.n_channels as u64;
        ((publisher as u64 + nth) % n_channels) as usize
    }

    /// The number of a channel with this name.
    pub fn channel_number(&self, name: &str) -> Option<usize> {
        let rest = name.strip_prefix(self.channel.as_str())?;
        match self.n_channels {
            1 => rest.is_empty().then_some(0),
            n_channels => {
                let number = rest.strip_prefix('/')?.parse().ok()?;
                (number < n_channels).then_some(number)
            }
        }
    }

    /// The names of all channels.
    pub fn channels(&self) -> Vec<Channel> {
        match self.n_channels {
            1 => vec![self.channel.clone()],
            n_channels => (0..n_channels)
                .map(|it| {
                    let name = format!("{}/{it}", self.channel.as_str());
                    name.parse().expect("a channel and a number are a channel")
                })
                .collect(),
        }
    }

    /// The patterns that the clients subscribe to, one for each channel.
    pub fn patterns(&self) -> Vec<ChannelPattern> {
        self.channels()
            .into_iter()
            .map(ChannelPattern::from)
            .collect()
    }

    /// Deliveries a second, where the rate is known: what the server is loaded with.
    pub fn deliveries_per_second(&self) -> Option<f64> {
        let Rate::Fixed(rate) = self.rate else {
            return None;
        };
        let n_memberships = (self.n_clients * self.n_per_client) as f64;
        Some(rate * n_memberships / self.n_channels as f64)
    }
}

fn positive(is_positive: bool, what: &'static str) -> Result<(), PlanError> {
    match is_positive {
        true => Ok(()),
        false => Err(PlanError::NotPositive { what }),
    }
}

fn at_most(n: usize, most: usize, what: &'static str) -> Result<(), PlanError> {
    match n <= most {
        true => Ok(()),
        false => Err(PlanError::TooMany { what, most }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn plan() -> Plan {
        Plan {
            channel: "/bench".parse().unwrap(),
            n_clients: 10,
            n_publishers: 1,
            n_channels: 1,
            n_per_client: 1,
            rate: Rate::Fixed(100.0),
            stop: Stop::After(Duration::from_secs(10)),
            warmup: Duration::from_secs(2),
            drain: Duration::from_secs(5),
            payload: Payload::of_size(64).unwrap(),
            batch: 1,
            ramp: 1000.0,
            churn: 0.0,
        }
    }

    #[test]
    fn all_channels_are_equally_full() {
        for (n_clients, n_channels, n_per_client) in
            [(10, 3, 1), (7, 5, 2), (4, 4, 4), (100, 10, 1)]
        {
            let plan = Plan {
                n_clients,
                n_channels,
                n_per_client,
                ..plan()
            };
            plan.check().unwrap();
            let mut n_members = vec![0; n_channels];
            for client in 0..n_clients {
                let channels: Vec<_> = plan.channels_of(client).collect();
                channels.iter().for_each(|&it| n_members[it] += 1);
            }
            let (least, most) = (n_members.iter().min(), n_members.iter().max());
            assert!(
                most.zip(least)
                    .is_some_and(|(most, least)| most - least <= 1)
            );
            assert_eq!(n_members.iter().sum::<usize>(), n_clients * n_per_client);
        }
    }

    #[test]
    fn several_channels_have_numbers() {
        let plan = Plan {
            n_channels: 2,
            ..plan()
        };
        let names: Vec<_> = plan.channels().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["/bench/0", "/bench/1"]);
        let numbers =
            ["/bench/1", "/bench/2", "/bench", "/bench1"].map(|it| plan.channel_number(it));
        assert_eq!(numbers, [Some(1), None, None, None]);
        assert_eq!((plan.channel_of(0, 0), plan.channel_of(1, 0)), (0, 1));
        assert_eq!((plan.channel_of(1, 1), plan.channel_of(1, 2)), (0, 1));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        let refused = |change: fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(|it| it.rate = Rate::Fixed(0.0)),
            "the rate must be more than 0"
        );
        assert_eq!(
            refused(|it| it.rate = Rate::Fixed(f64::NAN)),
            "the rate must be more than 0"
        );
        assert_eq!(
            refused(|it| it.n_channels = 11),
            "11 channels are more than 10 clients on 1 channels each can fill"
        );
        assert_eq!(
            refused(|it| it.n_per_client = 2),
            "2 channels a client are more than the 1 there are"
        );
        assert_eq!(refused(|it| it.batch = 0), "the batch must be more than 0");
        assert_eq!(
            refused(|it| it.ramp = 1e-30),
            "the ramp must be at least 0.001 a second"
        );
        assert_eq!(
            refused(|it| it.churn = f64::INFINITY),
            "the churn must be at most 1000000"
        );
        assert_eq!(
            refused(|it| it.stop = Stop::After(Duration::MAX)),
            "the duration in seconds must be at most 31536000"
        );
        assert_eq!(
            refused(|it| {
                it.n_channels = 10_000;
                it.n_per_client = 10_000;
                it.n_publishers = 10_000;
            }),
            "the number of publishers times that of channels must be at most 10000000"
        );
    }
}
