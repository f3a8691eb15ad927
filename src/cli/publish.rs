//! `bayeux publish`: publish messages and wait for each acknowledgement.

use std::time::Duration;

use bayeux::protocol::ChannelPattern;
use bayeux::session::Connects;

use super::connection::{ConnectionArgs, Wanted};
use super::conversation::Conversation;
use super::data::{self, Form};
use super::exit::Stop;
use super::expected::{Expected, Goal};
use super::handshake::compile;
use super::lines::Lines;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::publishing::{Publishing, Supply, Task};
use super::signals::{Ends, Signals};
use super::unconnected::Unconnected;
use super::values;
use crate::output::Printer;

/// Publish messages and wait for each acknowledgement.
///
/// DATA is JSON, @FILE, `-` for standard input, or items: key=text key:=json. A publish of
/// which nobody knows whether it was carried out is told, and never repeated.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "bayeux publish [OPTIONS] [URL] <CHANNEL> <DATA>...\n       \
                      bayeux publish [OPTIONS] [URL] <CHANNEL> --lines",
    after_help = "\
Examples:
  bayeux pub :8080/cometd /demo user=ann text='hello' n:=1
  bayeux pub /demo '{\"user\":\"ann\"}' --expect /demo --timeout 5s
  seq 100 | bayeux pub /demo --lines --rate 50
  bayeux pub /demo --text 'hello world' --repeat 3
  bayeux pub :8080/faye /demo @message.json --no-handshake"
)]
pub(crate) struct Publish {
    /// The server (BAYEUX_URL if left out), the channel, and what to publish.
    // clap puts one more pair of brackets around it.
    #[arg(value_name = "URL] <CHANNEL> [DATA")]
    operands: Vec<String>,

    /// Publish each line of standard input, one JSON value a line.
    #[arg(short, long, conflicts_with_all = ["repeat", "no_handshake"])]
    lines: bool,

    /// DATA is plain text, to be sent as a JSON string.
    #[arg(long)]
    text: bool,

    /// The most messages a second.
    #[arg(long, value_name = "N", value_parser = values::rate)]
    rate: Option<f64>,

    /// Publish the same DATA this many times.
    #[arg(long, value_name = "N", value_parser = values::count, default_value = "1")]
    repeat: u64,

    /// Subscribe to this channel first and wait until the message comes back; with --jq, until
    /// as many messages pass.
    #[arg(long, value_name = "CHANNEL", conflicts_with = "no_handshake")]
    expect: Option<ChannelPattern>,

    /// Publish without a session, in one request; Faye allows it.
    #[arg(long, conflicts_with_all = ["repeat", "rate"])]
    no_handshake: bool,

    /// Filter with a jq expression: what comes back with --expect, else the acknowledgements.
    #[arg(long, value_name = "EXPR")]
    jq: Option<String>,

    /// Fail if it takes longer than this [default: 30s, none with --lines].
    #[arg(long, value_name = "DUR", value_parser = values::duration, env = "BAYEUX_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// The deadline of what is not open-ended.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl Publish {
    pub(crate) fn run(mut self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let mut operands = Operands::new(std::mem::take(&mut self.operands));
        let endpoint = self.connection.endpoint(&operands)?;
        let channel = operands.channel()?;
        let form = if self.text { Form::Text } else { Form::Json };
        let source = if self.lines {
            operands.end()?;
            None
        } else {
            Some(data::read(&operands.rest(), form)?)
        };
        let filter = compile(self.jq.as_deref())?;
        if let Some(note) = channel.grammar_note() {
            printer.warning(&note.to_string());
        }
        self.connection
            .record(&endpoint, output.secrets(), printer)?;
        let timeout = match self.lines {
            true => self.timeout,
            false => Some(self.timeout.unwrap_or(DEFAULT_TIMEOUT)),
        };
        let is_one_shot = !self.lines && self.repeat == 1 && self.expect.is_none();
        let wanted = Wanted {
            connects: if is_one_shot {
                Connects::Never
            } else {
                Connects::Held
            },
            traffic: self.connection.traffic(output),
            capture: output.capture(),
            timeout,
        };
        let settings = self.connection.settings(&endpoint, wanted)?;
        if self.no_handshake {
            let data = source.ok_or_else(|| Stop::usage("no DATA to publish"))?;
            let request = Unconnected {
                channel,
                data,
                filter,
                timeout,
            };
            let settings = settings.over(self.connection.polling());
            return request.publish(settings, &endpoint, printer);
        }
        let client = ConnectionArgs::client(settings)?;
        let waker = client.waker();
        let signals = Signals::listen(
            move || {
                if is_one_shot {
                    waker.break_off()
                } else {
                    waker.wake()
                }
            },
            Ends::Goal,
        )
        .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let supply = match source {
            Some(data) => Supply::Repeated {
                data,
                n_left: self.repeat,
            },
            None => Supply::Lines(Lines::start(client.waker(), form)?),
        };
        let expected = self.expect.map(|pattern| Expected {
            pattern,
            goal: Goal::Return,
        });
        let task = Task {
            channel,
            supply,
            rate: self.rate,
            expected,
            filter,
        };
        let conversation = Conversation::new(client, endpoint, printer);
        Publishing::new(conversation, task).run(timeout, &signals)
    }
}
