//! The recording of one of a load's sessions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bayeux::bench::{self, Heard};
use bayeux::protocol::ConnectionType;
use bayeux::recording::{Direction, MessageRecord, Recorder, RecorderError};

/// Writes down what it is told, in the thread of the session.
pub(super) struct Witness {
    recording: Mutex<Recording>,
    connection_type: ConnectionType,
}

enum Recording {
    Going(Recorder),
    Failed(RecorderError),
    Ended,
}

impl Witness {
    pub(super) fn new(recorder: Recorder, connection_type: ConnectionType) -> Self {
        Self {
            recording: Mutex::new(Recording::Going(recorder)),
            connection_type,
        }
    }

    /// The function that a run tells.
    pub(super) fn witness(self: Arc<Self>) -> bench::Witness {
        Arc::new(move |heard| self.hear(heard))
    }

    /// Why the recording is not whole, once the run is over.
    pub(super) fn failure(&self) -> Option<RecorderError> {
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *recording, Recording::Ended) {
            Recording::Failed(error) => Some(error),
            Recording::Going(_) | Recording::Ended => None,
        }
    }

    fn hear(&self, heard: Heard<'_>) {
        let time = SystemTime::now();
        let (direction, messages) = match heard {
            Heard::Sent(messages) => (Direction::Out, messages),
            Heard::Received(messages) => (Direction::In, messages),
        };
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for message in messages {
            let Recording::Going(recorder) = &mut *recording else {
                return;
            };
            let written = recorder.message(&MessageRecord {
                time,
                direction,
                transport: self.connection_type.as_str().into(),
                peer: None,
                message: message.clone(),
            });
            if let Err(error) = written {
                *recording = Recording::Failed(error);
            }
        }
    }
}
