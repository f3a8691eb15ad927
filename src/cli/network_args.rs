//! The options that say how long the network may take, how much it may bring, and whom to trust.

use std::time::Duration;

use bayeux::transport::{Endpoint, Settings};

use super::exit::Stop;
use super::tls_args::TlsArgs;
use super::values;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct NetworkArgs {
    /// How long a TCP connection may take.
    #[arg(long, value_name = "DUR", value_parser = values::patience, default_value = "10s")]
    connect_timeout: Duration,

    /// How late a response may be, beyond the time that the server said it holds a connect.
    #[arg(long, value_name = "DUR", value_parser = values::patience, default_value = "10s")]
    network_timeout: Duration,

    /// The largest response to read.
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64MiB")]
    max_body: u64,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

impl NetworkArgs {
    /// Writes the limits into the settings. No file is read.
    pub(crate) fn limit(&self, settings: &mut Settings) {
        settings.connect_timeout = self.connect_timeout;
        settings.network_timeout = self.network_timeout;
        settings.max_body = self.max_body;
    }

    /// Writes whom to trust into the settings. The files of TLS are read.
    pub(crate) fn trust(&self, settings: &mut Settings, endpoint: &Endpoint) -> Result<(), Stop> {
        settings.tls = self.tls.tls(endpoint)?;
        Ok(())
    }
}
