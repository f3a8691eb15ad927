//! The options that say how output looks; every command takes them.

use bayeux::client::Traffic;
use bayeux::redaction::Secrets;
use bayeux::transport::Capture;

use crate::output::{ColorChoice, Settings, Verbosity, View};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How messages look [default: pretty on a terminal, json in a pipe].
    #[arg(
        short,
        long,
        value_name = "VIEW",
        value_enum,
        env = "BAYEUX_OUTPUT",
        hide_env_values = true,
        global = true
    )]
    output: Option<View>,

    /// When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto, global = true)]
    color: ColorChoice,

    /// Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,

    /// Tell errors only.
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    quiet: bool,

    /// Do not redact credentials and client ids.
    #[arg(long, global = true)]
    show_secrets: bool,
}

impl OutputArgs {
    pub(crate) fn settings(&self) -> Settings {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Traffic,
            (false, _) => Verbosity::Http,
        };
        Settings {
            view: self.output,
            color: self.color,
            verbosity,
            secrets: self.secrets(),
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn secrets(&self) -> Secrets {
        if self.show_secrets {
            Secrets::Shown
        } else {
            Secrets::Redacted
        }
    }

    /// Whether the traffic has to be told by the client.
    pub(crate) fn traffic(&self) -> Traffic {
        if self.verbose > 0 {
            Traffic::Shown
        } else {
            Traffic::Hidden
        }
    }

    /// Whether the bytes of HTTP have to be kept.
    pub(crate) fn capture(&self) -> Capture {
        if self.verbose > 1 {
            Capture::Text
        } else {
            Capture::Nothing
        }
    }
}
