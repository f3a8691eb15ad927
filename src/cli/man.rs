//! `bayeux man`: the manual pages.

use std::io::{self, Write};
use std::path::PathBuf;

use super::exit::Stop;
use crate::output::Printer;

/// Print the manual page, or write all pages into a folder.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux man | man -l -
  bayeux man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The folder; it is made if it does not exist.
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, printer: &mut Printer) -> Result<(), Stop> {
        let program = definition();
        let Some(dir) = self.dir else {
            let page = page(&program, &program)
                .map_err(|error| Stop::local("cannot write the manual page", &error))?;
            return Ok(printer.file(&page)?);
        };
        let write = || {
            std::fs::create_dir_all(&dir)?;
            for command in std::iter::once(&program).chain(program.get_subcommands()) {
                let name = command.get_display_name().unwrap_or(command.get_name());
                std::fs::write(dir.join(format!("{name}.1")), page(command, &program)?)?;
            }
            Ok(())
        };
        write().map_err(|error| {
            let what = format!("cannot write manual pages to {}", dir.display());
            Stop::local(&what, &error)
        })
    }
}

/// The definition with every name and default filled in, and without what only a terminal
/// needs.
fn definition() -> clap::Command {
    let mut program = super::definition().disable_help_flag(true);
    program.build();
    program
}

/// A page: clap_mangen writes most of it. What it calls "extra" is examples and tables, which
/// it would fill into paragraphs.
fn page(command: &clap::Command, program: &clap::Command) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let version = program.get_version().unwrap_or_default();
    let man = clap_mangen::Man::new(command.clone())
        .manual("Bayeux")
        .source(format!("bayeux {version}"));
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    synopsis(command, &mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let extra = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    for section in extra.split("\n\n") {
        let (title, lines) = section.split_once('\n').unwrap_or((section, ""));
        let title = title.trim_end_matches(':').to_uppercase();
        writeln!(out, ".SH \"{title}\"\n.nf")?;
        for line in lines.lines() {
            writeln!(out, "{}", escaped(line.strip_prefix("  ").unwrap_or(line)))?;
        }
        writeln!(out, ".fi")?;
    }
    Ok(out)
}

/// The lines of the usage, as the help shows them.
fn synopsis(command: &clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage:").unwrap_or(&usage);
    writeln!(out, ".SH SYNOPSIS\n.nf")?;
    for line in usage.lines() {
        writeln!(out, "{}", escaped(line.trim()))?;
    }
    writeln!(out, ".fi")
}

/// Text that is to be shown as it is: every character that roff would take for its own, or
/// for typography, has an escape.
fn escaped(line: &str) -> String {
    let mut text = String::new();
    for character in line.chars() {
        match character {
            '\\' => text.push_str("\\e"),
            '-' => text.push_str("\\-"),
            '\'' => text.push_str("\\(aq"),
            '`' => text.push_str("\\(ga"),
            '^' => text.push_str("\\(ha"),
            '~' => text.push_str("\\(ti"),
            other => text.push(other),
        }
    }
    if text.starts_with('.') {
        text.insert_str(0, "\\&");
    }
    text
}
