//! `--record`: the file that everything is written to.

use std::path::PathBuf;
use std::time::SystemTime;

use bayeux::recording::{Header, Recorder, RecorderError, Side, is_archive};
use bayeux::redaction::Secrets;

use super::exit::{Stop, root};
use crate::output::Printer;

#[derive(clap::Args, Debug)]
pub(crate) struct RecordArgs {
    /// Record every message both ways, one JSON line each; where FILE ends in .har, what was on the
    /// wire, as the network panel of a browser opens it (only for clients). A disk that is full ends the recording
    /// and nothing else; the exit status is 1 then.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    record: Option<PathBuf>,
}

impl RecordArgs {
    pub(crate) fn is_given(&self) -> bool {
        self.record.is_some()
    }

    /// Whether the bytes of HTTP have to be kept.
    pub(crate) fn needs_http(&self) -> bool {
        self.record.as_deref().is_some_and(is_archive)
    }

    /// Opens the recording, before anything is sent.
    pub(crate) fn open(
        &self,
        url: &str,
        side: Side,
        secrets: Secrets,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        let Some(path) = &self.record else {
            return Ok(());
        };
        if side == Side::Server && self.needs_http() {
            let what = format!(
                "cannot record to {}: only clients record archives",
                path.display()
            );
            return Err(Stop::usage(what).hint("any other name makes a recording of JSON lines"));
        }
        let header = Header {
            time: SystemTime::now(),
            url: url.to_owned(),
            side,
        };
        match Recorder::create(path, secrets, header) {
            Ok(recorder) => printer.record_to(recorder),
            Err(error @ RecorderError::Write { .. }) => printer.recording_failed(&error),
            Err(error) => {
                let what = format!("cannot record to {}", path.display());
                return Err(Stop::usage(what).cause(root(&error)));
            }
        }
        Ok(())
    }
}
