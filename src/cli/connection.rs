//! The options of every command that talks to a server.

use std::time::Duration;

use bayeux::client::{Client, Fallback, Settings, Traffic};
use bayeux::protocol::ConnectionType;
use bayeux::recording::Side;
use bayeux::redaction::Secrets;
use bayeux::session::Connects;
use bayeux::transport::{Capture, Endpoint};

use super::credential_args::Credentials;
use super::exit::{Stop, root};
use super::extension_args::ExtensionArgs;
use super::network_args::NetworkArgs;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::proxy_args::ProxyArgs;
use super::record_args::RecordArgs;
use super::server_args::ServerArgs;
use super::tls_args::TlsArgs;
use super::values;
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    pub(crate) extensions: ExtensionArgs,

    /// How messages travel: long-polling, websocket or callback-polling. The URL's scheme says
    /// it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling
    /// where the server opens none.
    #[arg(
        short,
        long,
        value_name = "TYPE",
        value_parser = values::connection_type(),
        env = "BAYEUX_TRANSPORT",
        hide_env_values = true,
        hide_possible_values = true
    )]
    transport: Option<ConnectionType>,

    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,

    /// Keep trying the first handshake for this long while the server cannot be reached, as far
    /// as --timeout allows.
    #[arg(long, value_name = "DUR", value_parser = values::duration, default_value = "0s")]
    retry: Duration,

    #[command(flatten)]
    record: RecordArgs,

    #[command(flatten)]
    network: NetworkArgs,
}

/// What is asked of a client beside its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) connects: Connects,
    pub(crate) traffic: Traffic,
    pub(crate) capture: Capture,
    /// How long the goal may take: a command that fetches a token gets no more.
    pub(crate) timeout: Option<Duration>,
}

impl ConnectionArgs {
    /// A client with these settings.
    pub(crate) fn client(settings: Settings) -> Result<Client, Stop> {
        Client::new(settings)
            .map_err(|error| Stop::usage("cannot use these options").cause(root(&error)))
    }

    /// The settings that these options make.
    pub(crate) fn settings(&self, endpoint: &Endpoint, wanted: Wanted) -> Result<Settings, Stop> {
        let mut settings = self.settings_without_tls(endpoint, wanted)?;
        self.network.trust(&mut settings.transport, endpoint)?;
        Ok(settings)
    }

    /// The same, without a look at the files of TLS.
    pub(crate) fn settings_without_tls(
        &self,
        endpoint: &Endpoint,
        wanted: Wanted,
    ) -> Result<Settings, Stop> {
        let mut settings = Settings::new(endpoint.clone());
        if let Some(connection_type) = self.transport {
            settings = settings.over(connection_type);
            // Who asks for a websocket wants nothing else.
            settings.fallback = Fallback::Never;
        }
        let credentials = self.credentials(wanted.timeout)?;
        settings.transport.headers = credentials.headers;
        settings.transport.authorization = credentials.authorization;
        settings.transport.proxy = self.proxy.proxy(endpoint)?;
        self.network.limit(&mut settings.transport);
        settings.transport.capture = match self.record.needs_http() {
            true => Capture::Text,
            false => wanted.capture,
        };
        settings.session.network_timeout = settings.transport.network_timeout;
        settings.session.first_handshake = self.retry;
        settings.session.connects = wanted.connects;
        settings.session.extensions = self.extensions.extensions()?;
        settings.traffic = wanted.traffic;
        Ok(settings)
    }

    /// Whether a websocket was asked for by name.
    pub(crate) fn is_web_socket(&self) -> bool {
        self.transport == Some(ConnectionType::WebSocket)
    }

    /// The transport for what a websocket cannot do: one request and its response.
    pub(crate) fn polling(&self) -> ConnectionType {
        match self.transport {
            Some(ConnectionType::CallbackPolling) => ConnectionType::CallbackPolling,
            Some(ConnectionType::LongPolling | ConnectionType::WebSocket) | None => {
                ConnectionType::LongPolling
            }
        }
    }

    /// The server's address.
    pub(crate) fn endpoint(&self, operands: &Operands) -> Result<Endpoint, Stop> {
        self.server.endpoint(operands)
    }

    /// Opens the recording and says what is dangerous, before anything is sent.
    pub(crate) fn record(
        &self,
        endpoint: &Endpoint,
        secrets: Secrets,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        self.network.tls.warn(endpoint, printer);
        self.record
            .open(endpoint.expose(), Side::Client, secrets, printer)
    }

    /// Whether the traffic has to be told by the client.
    pub(crate) fn traffic(&self, output: &OutputArgs) -> Traffic {
        match self.record.is_given() {
            true => Traffic::Shown,
            false => output.traffic(),
        }
    }

    /// The options of TLS.
    pub(crate) fn tls(&self) -> &TlsArgs {
        &self.network.tls
    }

    /// The headers and the credentials.
    pub(crate) fn credentials(&self, timeout: Option<Duration>) -> Result<Credentials, Stop> {
        self.server.credentials(timeout)
    }
}
