//! Writing records to a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Header, MessageRecord, Record, StateRecord};
use crate::redaction::Secrets;

/// Writes records to a file, one line and one write each, so that a recording is complete up
/// to its last line whenever the program ends.
#[derive(Debug)]
pub struct Recorder {
    sink: File,
    path: PathBuf,
    secrets: Secrets,
}

/// A recording that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The file cannot be created.
    #[error("cannot create the recording {}", .path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line cannot be written; the disk may be full.
    #[error("cannot write to the recording {}", .path.display())]
    Write {
        /// The file's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Recorder {
    /// Creates the file and writes the header line.
    ///
    /// # Errors
    /// When the file cannot be created or written: to be known before anything is sent.
    pub fn create(path: &Path, secrets: Secrets, header: Header) -> Result<Self, RecorderError> {
        let sink = File::create(path).map_err(|source| RecorderError::Create {
            path: path.to_owned(),
            source,
        })?;
        let mut recorder = Self {
            sink,
            path: path.to_owned(),
            secrets,
        };
        recorder.record(&Record::Header(header))?;
        Ok(recorder)
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn record(&mut self, record: &Record) -> Result<(), RecorderError> {
        self.append(record.to_line(self.secrets))
    }

    /// Appends a message.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn message(&mut self, record: &MessageRecord) -> Result<(), RecorderError> {
        self.append(record.to_line(self.secrets))
    }

    /// Appends a state.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn state(&mut self, record: &StateRecord) -> Result<(), RecorderError> {
        self.append(record.to_line(self.secrets))
    }

    fn append(&mut self, mut line: String) -> Result<(), RecorderError> {
        line.push('\n');
        // The file is not buffered: there is nothing left to flush when it is dropped.
        let written = self.sink.write_all(line.as_bytes());
        written.map_err(|source| RecorderError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
