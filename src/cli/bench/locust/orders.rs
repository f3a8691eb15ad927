//! What a run of a worker is: what its own command line says, with the master's options on top.

use bayeux::bench::{Rate, Settings, capacity};
use bayeux::locust::{Options, Users};
use bayeux::protocol::Channel;
use bayeux::transport::Endpoint;

use crate::cli::bench::Bench;
use crate::cli::bench::announcement::no_room;
use crate::cli::credential_args::Credentials;
use crate::cli::exit::Stop;
use crate::cli::operands::Operands;

/// What a worker knows by itself.
pub(super) struct Orders<'a> {
    bench: &'a Bench,
    endpoint: Option<Endpoint>,
    channel: Channel,
    credentials: Credentials,
}

impl<'a> Orders<'a> {
    /// Reads the command line. Credentials are fetched now, and once.
    pub(super) fn new(bench: &'a Bench, mut operands: Operands) -> Result<Self, Stop> {
        let endpoint = bench.connection.server.endpoint_if_named(&operands)?;
        let channel = operands.channel_or("/bench")?;
        operands.end()?;
        let orders = Self {
            bench,
            endpoint,
            channel,
            credentials: bench.connection.server.credentials(None)?,
        };
        // Whatever is wrong with the command line is said before a master relies on it.
        let users = Users { own: 1, total: 1 };
        if orders.endpoint.is_some() {
            orders.settings(users, &Options::default())?;
        }
        Ok(orders)
    }

    /// A run with so many users.
    pub(super) fn settings(&self, users: Users, options: &Options) -> Result<Settings, Stop> {
        let endpoint = self.target(options)?;
        let channel = match &options.channel {
            Some(name) => Operands::new(vec![name.clone()]).channel()?,
            None => self.channel.clone(),
        };
        let bench = self.bench;
        let load = bench.load.ordered(users.own, options);
        let mut plan = load.steered_plan(channel)?;
        plan.rate = share(plan.rate, users);
        let connection = &bench.connection;
        let engine = bench.engine.steered_engine()?;
        let mut transport = connection.way(&endpoint, engine)?;
        transport.headers = self.credentials.headers.clone();
        transport.authorization = self.credentials.authorization.clone();
        let settings = Settings {
            engine,
            sources: bench.engine.sources()?,
            seed: bench.engine.seed(),
            connection_type: connection.connection_type(&endpoint),
            extensions: connection.extensions.maker()?,
            transport,
            plan,
            witness: None,
        };
        check_room(&settings)?;
        Ok(settings)
    }

    /// This worker's part of the rate.
    pub(super) fn rate(&self, users: Users, options: &Options) -> Rate {
        share(options.rate.unwrap_or(self.bench.load.rate()), users)
    }

    /// The server: the master's, or one's own.
    fn target(&self, options: &Options) -> Result<Endpoint, Stop> {
        let Some(host) = &options.host else {
            return self.endpoint.clone().ok_or_else(|| {
                Stop::usage(
                    "no server: neither the master names one, nor this worker's command line",
                )
                .hint("fill in the host on the master's page, or give the worker a URL")
            });
        };
        let theirs = Operands::new(vec![host.clone()]).endpoint(None)?;
        match &self.endpoint {
            Some(own) if place(own) != place(&theirs) && self.has_credentials() => {
                Err(Stop::usage(format!(
                    "the master names {theirs}, and this worker's credentials are for {own}"
                ))
                .hint("whoever reaches a master says where its workers go; a worker without a URL of its own goes anywhere"))
            }
            Some(_) | None => Ok(theirs),
        }
    }

    fn has_credentials(&self) -> bool {
        let credentials = &self.credentials;
        !credentials.headers.is_empty()
            || credentials.authorization.is_some()
            || self.bench.connection.extensions.is_given()
    }
}

/// More than this machine has room for are refused as a whole: a part of a load is another load.
fn check_room(settings: &Settings) -> Result<(), Stop> {
    let capacity = capacity(settings);
    let n_wanted = settings.plan.n_sessions();
    match n_wanted > capacity.n_sessions {
        true => Err(no_room(n_wanted, capacity)),
        false => Ok(()),
    }
}

/// Who gets to see what is sent there.
fn place(endpoint: &Endpoint) -> (bool, &str, u16) {
    (endpoint.is_tls(), endpoint.host(), endpoint.port())
}

fn share(rate: Rate, users: Users) -> Rate {
    match rate {
        Rate::Max => Rate::Max,
        Rate::Fixed(rate) => Rate::Fixed(rate * users.own as f64 / users.total.max(1) as f64),
    }
}
