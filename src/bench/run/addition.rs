//! Adding runs: those of several threads or machines, at the same time or one after the other.

use super::{
    ClientUse, Config, Distribution, ErrorCount, Interval, Latencies, Messages, Run, Sessions,
    Slowest, Traffic,
};

/// Sums, field by field; the fields are named once.
macro_rules! add {
    ($own:expr, $other:expr, $($field:ident),+) => {
        $($own.$field = $own.$field.plus($other.$field);)+
    };
}

/// A sum that ends at the highest number: a file may say anything.
trait Plus {
    fn plus(self, other: Self) -> Self;
}

impl Plus for u64 {
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Plus for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

impl Run {
    /// Adds another run: one at the same time on another machine, or one after it. Nothing of
    /// either is lost.
    ///
    /// Of a run that began after this one ended, the seconds follow. Any other took place at the
    /// same time, so that second is added to second, clients to clients and rate to rate.
    pub fn add(&mut self, other: &Self) {
        match self.seconds_before(other) {
            Some(offset) => self.add_later(other, offset),
            None => self.add_parallel(other),
        }
        self.sessions.add(&other.sessions);
        self.messages.add(&other.messages);
        self.traffic.add(&other.traffic);
    }

    fn add_parallel(&mut self, other: &Self) {
        self.started = match (self.started, other.started) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.config.add(&other.config);
        self.client.add_parallel(&other.client);
        self.latency.add(&other.latency);
        for (n, interval) in other.intervals.iter().enumerate() {
            match self.intervals.get_mut(n) {
                Some(own) => own.add(interval),
                None => self.intervals.push(interval.clone()),
            }
        }
        for error in &other.errors {
            self.add_error(error);
        }
    }

    /// Adds a run that began so many seconds after this one.
    fn add_later(&mut self, other: &Self, offset: f64) {
        self.config.name(&other.config);
        self.client.add_later(&other.client);
        let mut other = other.clone();
        if let Some(slowest) = &mut other.latency.slowest {
            slowest.at_s += offset;
        }
        self.latency.add(&other.latency);
        for interval in &mut other.intervals {
            interval.start_s += offset;
        }
        self.intervals.append(&mut other.intervals);
        for error in &mut other.errors {
            error.first_at_s += offset;
            self.add_error(error);
        }
    }

    /// How long after this run another one began, if it began after this one's end.
    fn seconds_before(&self, other: &Self) -> Option<f64> {
        let offset = other.started?.duration_since(self.started?).ok()?;
        // How much of its last second a run needed, nobody knows: perhaps a moment.
        let last = self.intervals.last().map_or(0.0, |it| it.start_s);
        let end = last.max(self.client.seconds);
        let offset = offset.as_secs_f64();
        (end > 0.0 && offset >= end).then_some(offset)
    }

    fn add_error(&mut self, error: &ErrorCount) {
        let is_same = |it: &&mut ErrorCount| (it.request, &it.kind) == (error.request, &error.kind);
        match self.errors.iter_mut().find(is_same) {
            Some(own) => {
                add!(own, error, count);
                if error.first_at_s < own.first_at_s {
                    own.first.clone_from(&error.first);
                    own.first_at_s = error.first_at_s;
                }
            }
            None => self.errors.push(error.clone()),
        }
        self.errors
            .sort_by(|one, other| one.first_at_s.total_cmp(&other.first_at_s));
    }
}

impl Sessions {
    fn add(&mut self, other: &Self) {
        add!(self, other, wanted, up, handshakes, renewed, ended, churned);
        self.up_ms = self.up_ms.max(other.up_ms);
    }
}

impl Messages {
    fn add(&mut self, other: &Self) {
        add!(
            self,
            other,
            intended,
            published,
            published_late,
            acknowledged,
            rejected,
            unacknowledged,
            unsent,
            expected,
            delivered,
            delivered_late,
            lost,
            duplicates,
            out_of_order,
            undecided,
            foreign
        );
        add!(
            self.lost_by,
            other.lost_by,
            no_session,
            unacknowledged,
            unexplained
        );
    }
}

impl Traffic {
    /// Adds another's figures.
    pub fn add(&mut self, other: &Self) {
        add!(
            self,
            other,
            bytes_out,
            bytes_in,
            requests,
            batches,
            connects,
            connections
        );
    }
}

impl Latencies {
    /// Adds another's samples.
    pub fn add(&mut self, other: &Self) {
        self.handshake.add(&other.handshake);
        self.subscribe.add(&other.subscribe);
        self.connect.add(&other.connect);
        self.publish.add(&other.publish);
        self.delivery.add(&other.delivery);
        self.delivery_from_send.add(&other.delivery_from_send);
        let latency = |it: &Option<Slowest>| it.as_ref().map(|it| it.latency);
        if latency(&other.slowest) > latency(&self.slowest) {
            self.slowest.clone_from(&other.slowest);
        }
    }
}

impl Interval {
    /// Adds the same second of another run.
    pub fn add(&mut self, other: &Self) {
        let mut sum = self.unpack();
        sum.add(&other.unpack());
        *self = sum.pack();
    }
}

impl Interval<Distribution> {
    /// Adds another part of the same second.
    pub fn add(&mut self, other: &Self) {
        add!(self, other, published, acknowledged, delivered, errors);
        self.delivery.add(&other.delivery);
    }
}

impl ClientUse {
    /// Adds what another process used at the same time.
    fn add_parallel(&mut self, other: &Self) {
        add!(
            self,
            other,
            cores,
            descriptors,
            descriptor_limit,
            rss_mib,
            rss_peak_mib
        );
        self.seconds = self.seconds.max(other.seconds);
        self.add(other);
    }

    /// Adds what a run used that came later.
    fn add_later(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.cores = self.cores.max(other.cores);
        self.descriptors = self.descriptors.max(other.descriptors);
        self.descriptor_limit = self.descriptor_limit.max(other.descriptor_limit);
        self.rss_mib = self.rss_mib.max(other.rss_mib);
        self.rss_peak_mib = self.rss_peak_mib.max(other.rss_peak_mib);
        self.add(other);
    }

    fn add(&mut self, other: &Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.lag.add(&other.lag);
        self.shortfall = self.shortfall.or(other.shortfall);
        self.interrupted |= other.interrupted;
    }
}

impl Config {
    /// Adds what another run asked for at the same time.
    fn add(&mut self, other: &Self) {
        add!(self, other, clients, publishers, threads, ramp, churn);
        self.rate = self.rate.zip(other.rate).map(|(one, other)| one + other);
        self.count = self
            .count
            .zip(other.count)
            .map(|(one, other)| one.plus(other));
        self.name(other);
    }

    /// Names what is another in another run.
    fn name(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.url, &other.url),
            (&mut self.channel, &other.channel),
            (&mut self.transport, &other.transport),
            (&mut self.engine, &other.engine),
        ] {
            if !own.split(AND).any(|it| it == other) {
                own.push_str(AND);
                own.push_str(other);
            }
        }
    }
}

/// Between names of merged runs that are not the same.
const AND: &str = " and ";
