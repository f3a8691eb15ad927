//! What is asked for on the command line: `--NAME VALUE` for each.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use crate::Result;

pub(crate) struct Workload {
    /// Of a websocket.
    pub(crate) url: String,
    pub(crate) n_clients: usize,
    pub(crate) n_channels: usize,
    /// Messages a second.
    rate: f64,
    pub(crate) batch: usize,
    size: usize,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    pub(crate) drain: Duration,
}

impl Workload {
    pub(crate) fn read(words: &[String]) -> Result<Self> {
        let pairs = words.chunks_exact(2);
        let options: HashMap<&str, &str> = pairs
            .filter_map(|it| Some((it[0].strip_prefix("--")?, it[1].as_str())))
            .collect();
        let seconds = |name: &str| -> Result<Duration> {
            Ok(Duration::try_from_secs_f64(option(&options, name)?)?)
        };
        let url: String = option(&options, "url")?;
        Ok(Self {
            url: url.replacen("http", "ws", 1),
            n_clients: option(&options, "clients")?,
            n_channels: option(&options, "channels")?,
            rate: option(&options, "rate")?,
            batch: option(&options, "batch")?,
            size: option(&options, "size")?,
            warmup: seconds("warmup")?,
            duration: seconds("duration")?,
            drain: seconds("drain")?,
        })
    }

    /// Where message n goes, and what client n subscribes to.
    pub(crate) fn channel(&self, n: usize) -> String {
        format!("/bench/{}", n % self.n_channels)
    }

    pub(crate) fn data(&self, n: usize) -> String {
        let frame = format!(r#"{{"n":{n},"x":""}}"#).len();
        let filler = "x".repeat(self.size.saturating_sub(frame));
        format!(r#"{{"n":{n},"x":"{filler}"}}"#)
    }

    /// When message n is due.
    pub(crate) fn due(&self, n: usize) -> Duration {
        Duration::from_secs_f64(n as f64 / self.rate)
    }

    /// How many messages are due in this time, whole batches of them.
    pub(crate) fn n_messages(&self, time: Duration) -> usize {
        let n_batches = time.as_secs_f64() * self.rate / self.batch as f64;
        n_batches.round() as usize * self.batch
    }

    /// How many clients have subscribed to the channel of message n.
    pub(crate) fn n_subscribers(&self, n: usize) -> usize {
        let channel = n % self.n_channels;
        (self.n_clients + self.n_channels - 1 - channel) / self.n_channels
    }
}

fn option<T: FromStr>(options: &HashMap<&str, &str>, name: &str) -> Result<T> {
    let value = options
        .get(name)
        .ok_or_else(|| format!("--{name} is missing"))?;
    value
        .parse()
        .map_err(|_| format!("--{name} {value}: not a value for it").into())
}
