//! The `bayeux` command.

mod cli;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
