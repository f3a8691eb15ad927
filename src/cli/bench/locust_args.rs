//! The options for a load from more than one machine.

use crate::cli::exit::Stop;
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "More than one machine")]
pub(super) struct LocustArgs {
    /// Print the file that Locust's master needs, `locust -f FILE --master`, and exit.
    #[arg(long)]
    print_locustfile: bool,
}

/// The master's side.
const LOCUSTFILE: &str = include_str!("locustfile.py");

impl LocustArgs {
    /// Whether the file is all that is wanted.
    pub(super) fn prints_file(&self) -> bool {
        self.print_locustfile
    }

    /// Prints the file for the master.
    pub(super) fn print_file(&self, printer: &mut Printer) -> Result<(), Stop> {
        Ok(printer.file(LOCUSTFILE.as_bytes())?)
    }
}
