//! What a check found, or why it found nothing.

use crate::transport::TransportError;

/// What a check found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Finding {
    /// Whether the server does as the check's title says.
    pub holds: bool,
    /// What was seen, in one line; empty where the title says it all.
    pub seen: String,
    /// The field that shows it, in the last exchange: `advice.timeout`, or a header's name.
    pub field: Option<String>,
    /// What to do about it, for who runs the server or what stands before it.
    pub remedy: Option<String>,
}

/// Why a check found nothing.
#[derive(Debug)]
pub enum Obstacle {
    /// There is nothing to look at here: a transport that the server does not offer, or a session
    /// that cannot be had.
    Inapplicable(String),
    /// An exchange failed.
    Transport(TransportError),
    /// The server answered, and not with what the check can go on from.
    Unusable(String),
    /// The time of the check or of the run was over.
    OutOfTime,
}

impl Finding {
    /// It does as it should.
    pub(crate) fn holds() -> Self {
        Self {
            holds: true,
            seen: String::new(),
            field: None,
            remedy: None,
        }
    }

    /// It does as it should, and this is worth telling.
    pub(crate) fn holds_as(seen: impl Into<String>) -> Self {
        Self {
            seen: seen.into(),
            ..Self::holds()
        }
    }

    /// It does otherwise.
    pub(crate) fn deviates(seen: impl Into<String>) -> Self {
        Self {
            holds: false,
            seen: seen.into(),
            field: None,
            remedy: None,
        }
    }

    /// Where in the last exchange it shows.
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// What to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Holds if it is so; else it deviates as it is said.
    pub(crate) fn expect(is_so: bool, otherwise: impl Into<String>) -> Self {
        if is_so {
            Self::holds()
        } else {
            Self::deviates(otherwise)
        }
    }
}

impl From<TransportError> for Obstacle {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
