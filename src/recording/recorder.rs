//! Writing records to a file.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::archive::{Archive, Frame, HttpExchange, is_archive};
use super::{Header, MessageRecord, Record, StateRecord};
use crate::redaction::Secrets;

/// Writes records to a file, one line and one write each, so that a recording is complete up
/// to its last line whenever the program ends.
///
/// Where the file's name ends in `.har` it is an HTTP archive.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    path: PathBuf,
    secrets: Secrets,
}

#[derive(Debug)]
enum Sink {
    Lines(File),
    Archive(Box<Archive>),
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
        let path = path.to_owned();
        if is_archive(&path) {
            return match Archive::begin(sink, secrets) {
                Ok(archive) => Ok(Self {
                    sink: Sink::Archive(Box::new(archive)),
                    path,
                    secrets,
                }),
                Err(source) => Err(RecorderError::Write { path, source }),
            };
        }
        let mut recorder = Self {
            sink: Sink::Lines(sink),
            path,
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
        match record {
            Record::Message(record) => self.message(record),
            _ => self.append(|secrets| record.to_line(secrets)),
        }
    }

    /// Appends a message.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn message(&mut self, record: &MessageRecord) -> Result<(), RecorderError> {
        if let Sink::Archive(archive) = &mut self.sink {
            let written = archive.message(record);
            return self.checked(written);
        }
        self.append(|secrets| record.to_line(secrets))
    }

    /// Appends an exchange of HTTP, which only an archive has room for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn exchange(&mut self, exchange: &HttpExchange<'_>) -> Result<(), RecorderError> {
        match &mut self.sink {
            Sink::Lines(_) => Ok(()),
            Sink::Archive(archive) => {
                let written = archive.exchange(exchange);
                self.checked(written)
            }
        }
    }

    /// Appends a message of a client's websocket, which only an archive takes as such.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Result<(), RecorderError> {
        match &mut self.sink {
            Sink::Lines(_) => Ok(()),
            Sink::Archive(archive) => {
                let written = archive.frame(frame);
                self.checked(written)
            }
        }
    }

    /// The connection of a client has ended: no frame follows.
    pub fn ended(&mut self, client: SocketAddr) {
        if let Sink::Archive(archive) = &mut self.sink {
            archive.ended(client);
        }
    }

    /// Appends a state.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn state(&mut self, record: &StateRecord) -> Result<(), RecorderError> {
        self.append(|secrets| record.to_line(secrets))
    }

    /// Appends a line. An archive has none: it shows what was on the wire.
    fn append(&mut self, line: impl FnOnce(Secrets) -> String) -> Result<(), RecorderError> {
        let Sink::Lines(sink) = &mut self.sink else {
            return Ok(());
        };
        let mut line = line(self.secrets);
        line.push('\n');
        // The file is not buffered: there is nothing left to flush when it is dropped.
        let written = sink.write_all(line.as_bytes());
        self.checked(written)
    }

    fn checked(&self, written: io::Result<()>) -> Result<(), RecorderError> {
        written.map_err(|source| RecorderError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
