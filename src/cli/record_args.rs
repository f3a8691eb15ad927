//! `--record`: the file that everything is written to.

use std::path::PathBuf;
use std::time::SystemTime;

use bayeux::recording::{Header, Recorder, RecorderError, Side, is_archive};
use bayeux::redaction::Secrets;

use super::exit::{Stop, root};
use crate::output::Printer;

#[derive(clap::Args, Debug)]
pub(crate) struct RecordArgs {
    /// Record every message both ways, one JSON line each; where FILE ends in .har, and only for
    /// clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the
    /// recording and nothing else; the exit status is 1 then.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    record: Option<PathBuf>,
}

impl RecordArgs {
    /// The same, of an option that says it in other words.
    pub(crate) fn of(record: Option<PathBuf>) -> Self {
        Self { record }
    }

    pub(crate) fn is_given(&self) -> bool {
        self.record.is_some()
    }

    /// Whether the bytes of HTTP have to be kept.
    pub(crate) fn needs_http(&self) -> bool {
        self.record.as_deref().is_some_and(is_archive)
    }

    /// Refuses an archive, for which somebody has to see the bytes of HTTP.
    pub(crate) fn refuse_archive(&self) -> Result<(), Stop> {
        match &self.record {
            Some(path) if is_archive(path) => {
                let path = path.display();
                let what =
                    format!("cannot record to {path}: only clients and proxies record archives");
                Err(Stop::usage(what).hint("any other name makes a recording of JSON lines"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Opens the recording for the printer, before anything is sent.
    pub(crate) fn open(
        &self,
        url: &str,
        side: Side,
        secrets: Secrets,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        if let Some(recorder) = self.recorder(url, side, secrets, printer)? {
            printer.record_to(recorder);
        }
        Ok(())
    }

    /// Opens the recording; nothing where none was asked for, or the disk is full already.
    pub(crate) fn recorder(
        &self,
        url: &str,
        side: Side,
        secrets: Secrets,
        printer: &mut Printer,
    ) -> Result<Option<Recorder>, Stop> {
        let Some(path) = &self.record else {
            return Ok(None);
        };
        let header = Header {
            time: SystemTime::now(),
            url: url.to_owned(),
            side,
        };
        match Recorder::create(path, secrets, header) {
            Ok(recorder) => Ok(Some(recorder)),
            Err(error @ RecorderError::Write { .. }) => {
                printer.recording_failed(&error);
                Ok(None)
            }
            Err(error) => {
                let what = format!("cannot record to {}", path.display());
                Err(Stop::usage(what).cause(root(&error)))
            }
        }
    }
}
