//! `bayeux call`: publish a message and wait for the answer to it.

use std::time::Duration;

use bayeux::client::Traffic;
use bayeux::protocol::ChannelPattern;
use bayeux::session::Connects;

use super::connection::{ConnectionArgs, Wanted};
use super::conversation::Conversation;
use super::data::{self, Form};
use super::exit::Stop;
use super::expected::{Expected, Goal};
use super::handshake::compile;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::publishing::{Publishing, Supply, Task};
use super::signals::{Ends, Signals};
use super::values;
use crate::output::Printer;

/// Publish a message and print the data of the answer.
///
/// An answer is a message on the same channel, or on that of --reply. What is not below
/// /service/ is subscribed to first, and then one's own message is an answer as well. Another
/// view than data has to be asked for with -o. DATA is JSON, @FILE, `-` for standard input, or
/// items: key=text key:=json.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "bayeux call [OPTIONS] [URL] <CHANNEL> <DATA>...",
    after_help = "\
Examples:
  bayeux call :8080/cometd /service/echo '{\"n\":1}'
  bayeux call /service/echo user=ann n:=1 --timeout 5s --jq .data.user
  bayeux call /requests @message.json --reply '/answers/*' --count 1 -o json
  bayeux call /service/echo --text 'hello world'"
)]
pub(crate) struct Call {
    /// The server (BAYEUX_URL if left out), the channel, and what to publish.
    // clap puts one more pair of brackets around it.
    #[arg(value_name = "URL] <CHANNEL> [DATA")]
    operands: Vec<String>,

    /// The channel or pattern of the answer, if it is not that of the message.
    #[arg(long, value_name = "CHANNEL")]
    reply: Option<ChannelPattern>,

    /// Wait for this many answers, counted after --jq.
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count, default_value = "1")]
    count: u64,

    /// DATA is plain text, to be sent as a JSON string.
    #[arg(long)]
    text: bool,

    /// Filter with a jq expression; it sees the whole answer. One for which it gives nothing
    /// does not count.
    #[arg(long, value_name = "EXPR")]
    jq: Option<String>,

    /// Fail if the answers have not come within this time.
    #[arg(long, value_name = "DUR", value_parser = values::duration, env = "BAYEUX_TIMEOUT", hide_env_values = true, default_value = "10s")]
    timeout: Duration,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Call {
    pub(crate) fn run(mut self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let mut operands = Operands::new(std::mem::take(&mut self.operands));
        let endpoint = self.connection.endpoint(&operands)?;
        let channel = operands.channel()?;
        let form = if self.text { Form::Text } else { Form::Json };
        let data = data::read(&operands.rest(), form)?;
        let filter = compile(self.jq.as_deref())?;
        if let Some(note) = channel.grammar_note() {
            printer.warning(&note.to_string());
        }
        let pattern = self.reply.unwrap_or_else(|| channel.clone().into());
        self.connection
            .record(&endpoint, output.secrets(), printer)?;
        let wanted = Wanted {
            connects: Connects::Held,
            // The id of the message is in it, by which some services answer.
            traffic: Traffic::Shown,
            capture: output.capture(),
            timeout: Some(self.timeout),
        };
        let client = ConnectionArgs::client(self.connection.settings(&endpoint, wanted)?)?;
        let signals = Signals::wake(client.waker(), Ends::Goal)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let task = Task {
            channel,
            supply: Supply::Repeated { data, n_left: 1 },
            rate: None,
            expected: Some(Expected {
                pattern,
                goal: Goal::Answers(self.count),
            }),
            filter,
        };
        let conversation = Conversation::new(client, endpoint, printer);
        Publishing::new(conversation, task).run(Some(self.timeout), &signals)
    }
}
