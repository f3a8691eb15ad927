//! `bayeux completions`: the completion script of a shell.

use clap_complete::Shell;

use super::exit::Stop;
use crate::output::Printer;

/// Print the completion script of a shell.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux completions bash > ~/.local/share/bash-completion/completions/bayeux
  bayeux completions zsh > ~/.zfunc/_bayeux")]
pub(crate) struct Completions {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, printer: &mut Printer) -> Result<(), Stop> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::definition(), "bayeux", &mut script);
        Ok(printer.file(&script)?)
    }
}
