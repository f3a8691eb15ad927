//! The `bayeux` command.

#![allow(rustdoc::bare_urls, reason = "doc comments are the help text too")]

mod cli;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
