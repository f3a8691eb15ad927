//! The command line: one definition for parser, help, man page and completions.

mod bench;
mod call;
mod check;
mod child;
mod completions;
mod connection;
mod conversation;
mod credential_args;
mod curl;
mod cursor;
mod data;
mod demo;
mod descriptors;
mod exit;
mod expected;
mod explain;
mod extension_args;
mod faults;
mod file;
mod handshake;
mod identity_args;
mod lines;
mod man;
mod network_args;
mod operands;
mod origins;
mod output_args;
mod profile;
mod profile_file;
mod profile_values;
mod proxy;
mod proxy_args;
mod publish;
mod publishing;
mod record_args;
mod replay_args;
mod report;
mod report_args;
mod report_file;
mod serve;
mod server_args;
mod sf;
mod signals;
mod subscribe;
mod tls_args;
mod token;
mod token_command;
mod unconnected;
mod untold;
mod values;

use std::time::SystemTime;

use bayeux::recording::Failure;
use bayeux::redaction::Secrets;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::output::{ColorChoice, Printer, Settings, Verbosity, View};
use exit::{Exit, Report, Stop};
use output_args::OutputArgs;
use profile::Profile;

macro_rules! examples {
    () => {
        "\
Examples:
  bayeux demo
  bayeux serve
  bayeux sub :8080/cometd /demo
  bayeux pub :8080/cometd /demo user=ann text=hello"
    };
}

macro_rules! exit_status {
    () => {
        "\
Exit status:
  0    the goal stated on the command line was reached; an open-ended tail was ended by a
       signal; the reader of standard output went away
  1    internal error, or an I/O error of this machine; --token-cmd gave no token
  2    usage: bad option, channel, DATA or --jq
  3    the server could not be reached or does not speak Bayeux; the outcome of a publish is
       not known
  4    the first handshake was refused, or the credentials are not accepted
  5    the server refused the operation
  6    --timeout passed before the goal was reached
  7    what --max or --min expects is not so; the server fails a check
  8    the session was lost and could not be recovered
  130  interrupted before the goal; 143 terminated before the goal"
    };
}

/// Debug the Bayeux protocol, as CometD and Faye speak it.
///
/// Tail channels, publish messages and see what goes over the wire. A channel begins with
/// `/`, a URL never does, so the URL may be left out when BAYEUX_URL is set or a profile has
/// one. Short URLs such as :8080/cometd mean http://localhost:8080/cometd.
#[derive(Debug, Parser)]
#[command(
    name = "bayeux",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = examples!(),
    after_long_help = concat!(examples!(), "\n\n", exit_status!())
)]
pub(crate) struct Cli {
    #[command(flatten)]
    output: OutputArgs,

    #[command(subcommand)]
    command: Command,
}

/// The subcommands, alphabetically.
#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Bench),
    Call(call::Call),
    Check(Box<check::Check>),
    Completions(completions::Completions),
    Demo(demo::Demo),
    #[command(visible_alias = "hs")]
    Handshake(handshake::Handshake),
    Man(man::Man),
    Proxy(proxy::Proxy),
    #[command(visible_alias = "pub")]
    Publish(publish::Publish),
    Report(report::Report),
    Serve(serve::Serve),
    #[command(visible_alias = "sub")]
    Subscribe(subscribe::Subscribe),
}

/// Runs the command line. Returns the exit status.
pub(crate) fn run() -> u8 {
    let Parsed {
        cli,
        profile,
        origins,
    } = match Parsed::of_command_line() {
        Ok(parsed) => parsed,
        Err(Refused::ByClap(error)) => return usage(&error),
        Err(Refused::ByProfile(stop)) => return end(Err(stop), &mut plain_printer()),
    };
    let mut settings = cli.output.settings();
    match cli.command {
        Command::Bench(_) | Command::Check(_) | Command::Demo(_) | Command::Report(_) => {
            settings.view = settings.view.or(Some(View::Pretty))
        }
        Command::Call(_) => settings.view = settings.view.or(Some(View::Data)),
        // The traffic is what it is for.
        Command::Proxy(_) => settings.verbosity = settings.verbosity.with_traffic(),
        _ => {}
    }
    let mut printer = Printer::new(settings);
    if let Some(warning) = profile.as_ref().and_then(Profile::warning) {
        printer.warning(warning);
    }
    if let Some(origins) = origins {
        printer.note_in_traffic(&format!("settings  {origins}"));
    }
    let outcome = match cli.command {
        Command::Bench(command) => command.run(&cli.output, &mut printer),
        Command::Call(command) => command.run(&cli.output, &mut printer),
        Command::Check(command) => command.run(&cli.output, &mut printer),
        Command::Completions(command) => command.run(&mut printer),
        Command::Demo(command) => command.run(&mut printer),
        Command::Handshake(command) => command.run(&cli.output, &mut printer),
        Command::Man(command) => command.run(&mut printer),
        Command::Proxy(command) => command.run(&cli.output, &mut printer),
        Command::Publish(command) => command.run(&cli.output, &mut printer),
        Command::Report(command) => command.run(&cli.output, &mut printer),
        Command::Serve(command) => command.run(&cli.output, &mut printer),
        Command::Subscribe(command) => command.run(&cli.output, &mut printer),
    };
    let outcome = outcome.map_err(|stop| match &profile {
        Some(profile) => profile.attribute(stop),
        None => stop,
    });
    end(outcome, &mut printer)
}

/// The command line, and what a profile adds to it.
struct Parsed {
    cli: Cli,
    profile: Option<Profile>,
    /// Where its settings come from, in one line.
    origins: Option<String>,
}

/// Why there is nothing to run.
enum Refused {
    ByClap(clap::Error),
    ByProfile(Stop),
}

impl Parsed {
    /// Parses twice where there is a profile: its values are the defaults of the second time.
    fn of_command_line() -> Result<Self, Refused> {
        let mut definition = Cli::command();
        let parse = |it: &mut clap::Command| {
            let matches = it.try_get_matches_from_mut(std::env::args_os());
            matches.map_err(Refused::ByClap)
        };
        let mut matches = parse(&mut definition)?;
        let mut profile = Profile::of(&definition, &matches).map_err(Refused::ByProfile)?;
        if let Some(profile) = &mut profile {
            definition = profile.apply(Cli::command());
            matches = parse(&mut definition)?;
            profile.note_effective(&definition, &matches);
        }
        let origins = origins::line(&definition, &matches, profile.as_ref());
        let cli = Cli::from_arg_matches_mut(&mut matches)
            .map_err(|error| Refused::ByClap(error.format(&mut definition)))?;
        Ok(Self {
            cli,
            profile,
            origins,
        })
    }
}

/// Tells why the program stops, if it does, and returns the exit status.
fn end(outcome: Result<(), Stop>, printer: &mut Printer) -> u8 {
    match outcome {
        Ok(()) if printer.has_failed_to_record() => Exit::Local.status(),
        Ok(()) => Exit::Reached.status(),
        Err(Stop { exit, report }) => {
            if let Some(report) = report {
                printer.report(&failure(report));
            }
            exit.status()
        }
    }
}

/// The definition that completions and man pages are generated from.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

fn failure(report: Report) -> Failure {
    let Report { error, cause, hint } = report;
    Failure {
        time: SystemTime::now(),
        error,
        cause,
        hint,
    }
}

/// A printer for what is told before the options are known.
fn plain_printer() -> Printer {
    Printer::new(Settings {
        view: None,
        color: ColorChoice::Auto,
        verbosity: Verbosity::Normal,
        secrets: Secrets::Redacted,
    })
}

/// What clap has to say: help and version are the answer, all else is an error in the form
/// of our own, without the page of usage.
fn usage(error: &clap::Error) -> u8 {
    let mut printer = plain_printer();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let outcome = printer.help(error).map_err(Stop::from);
            end(outcome, &mut printer)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let outcome = printer.help(error).map_err(Stop::from);
            end(outcome.and(Err(Stop::silent(Exit::Usage))), &mut printer)
        }
        _ => {
            let text = error.to_string();
            let mut paragraphs = text.split("\n\n");
            let first = paragraphs.next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            let error = first.split_whitespace().collect::<Vec<_>>().join(" ");
            let tip = paragraphs.find_map(|it| it.trim().strip_prefix("tip: "));
            let hint = match tip {
                Some(tip) => tip.lines().next().unwrap_or(tip).to_owned(),
                None => list_of_options(),
            };
            let hint = Some(hint);
            printer.report(&failure(Report {
                error,
                cause: None,
                hint,
            }));
            Exit::Usage.status()
        }
    }
}

/// What lists the options that the user had to choose from.
fn list_of_options() -> String {
    let definition = definition();
    let mut words = std::env::args_os().skip(1);
    match words.find_map(|it| Some(definition.find_subcommand(it)?.get_name())) {
        Some(command) => format!("bayeux {command} -h lists its options"),
        None => "bayeux --help lists the commands, and -h after one its options".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_the_parsed_options_shows_no_credential() {
        let secret = "Pl4ntedS3cret";
        for options in [
            ["--token", secret],
            ["--user", secret],
            ["--token-cmd", secret],
            ["-H", secret],
            ["--ext", secret],
        ] {
            let words = ["bayeux", "hs", ":1/", options[0], options[1]];
            let cli = Cli::try_parse_from(words).unwrap();
            let text = format!("{cli:?}");
            assert!(text.contains("Secret") && !text.contains(secret), "{text}");
        }
        let words = ["bayeux", "serve", "--require-token", secret];
        let text = format!("{:?}", Cli::try_parse_from(words).unwrap());
        assert!(text.contains("Secret") && !text.contains(secret), "{text}");
    }
}
