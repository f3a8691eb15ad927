//! `bayeux man`: the manual pages.

use std::path::PathBuf;

use super::exit::Stop;
use crate::output::Printer;

/// Print the manual page, or write all pages into a folder.
///
/// Examples:
///   bayeux man | man -l -
///   bayeux man /usr/local/share/man/man1
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Man {
    /// The folder; it is made if it does not exist.
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, printer: &mut Printer) -> Result<(), Stop> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(super::definition()).render(&mut page);
            rendered.map_err(|error| Stop::local("cannot write the manual page", &error))?;
            return Ok(printer.file(&page)?);
        };
        std::fs::create_dir_all(&dir)
            .and_then(|()| clap_mangen::generate_to(super::definition(), &dir))
            .map_err(|error| {
                Stop::local(
                    &format!("cannot write manual pages to {}", dir.display()),
                    &error,
                )
            })
    }
}
