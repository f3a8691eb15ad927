//! Faults that a server shows on demand, and how they are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Flavor;

/// Something that goes wrong on purpose, written `NAME=VALUE`.
///
/// ```
/// use std::time::Duration;
/// use bayeux::server::Fault;
///
/// let fault: Fault = "expire=3h".parse()?;
/// assert_eq!(fault, Fault::Expire(Duration::from_secs(3 * 3600)));
/// # Ok::<(), bayeux::server::FaultError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// `expire=DUR`: a session is unknown this long after its handshake, whatever its client
    /// does.
    Expire(Duration),
    /// `forget=N`: after a session ended by `expire`, the next N handshakes succeed and their
    /// sessions are unknown at once.
    Forget(u32),
    /// `token-expires=DUR`: a token is invalid this long after it was first seen. Salesforce
    /// only.
    TokenExpires(Duration),
    /// `busy=N`: the first N subscribes are refused, because the server is too busy.
    /// Salesforce only.
    Busy(u32),
    /// `daily-limit=N`: once N events were delivered, to whomever, subscribes are refused.
    /// Salesforce only.
    DailyLimit(u32),
}

/// Why a text is no fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no fault of this name.
    #[error("no such fault: {0}; there are {NAMES}")]
    Unknown(String),
    /// The value is none of the kind that the fault has.
    #[error("{name}={kind} is wanted, e.g. {name}={example}")]
    Value {
        /// The fault.
        name: &'static str,
        /// `DUR` or `N`.
        kind: &'static str,
        /// A value that it takes.
        example: &'static str,
    },
}

/// Every fault by its name.
const NAMES: &str = "expire=DUR, forget=N, token-expires=DUR, busy=N and daily-limit=N";

impl Fault {
    /// An example of each, and what it does, for people who choose one.
    pub(super) const EXAMPLES: [(Self, &'static str); 5] = [
        (
            Self::Expire(Duration::from_secs(10)),
            "sessions that open from now on are unknown 10 s after their handshake",
        ),
        (
            Self::Forget(1),
            "after a session that expire ended, the next one is unknown at once",
        ),
        (
            Self::TokenExpires(Duration::from_secs(60)),
            "a token is invalid one minute after it was first seen",
        ),
        (Self::Busy(1), "the next subscribe is refused: too busy"),
        (
            Self::DailyLimit(10),
            "subscribes are refused once 10 more events were delivered",
        ),
    ];

    /// What stands before the `=`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Expire(_) => "expire",
            Self::Forget(_) => "forget",
            Self::TokenExpires(_) => "token-expires",
            Self::Busy(_) => "busy",
            Self::DailyLimit(_) => "daily-limit",
        }
    }

    /// Whether a server of this flavor shows it.
    pub(super) fn shows_with(self, flavor: Flavor) -> bool {
        flavor == Flavor::Salesforce || !self.is_of_salesforce()
    }

    /// Whether only [`Flavor::Salesforce`](super::Flavor::Salesforce) shows it.
    pub fn is_of_salesforce(self) -> bool {
        match self {
            Self::Expire(_) | Self::Forget(_) => false,
            Self::TokenExpires(_) | Self::Busy(_) | Self::DailyLimit(_) => true,
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        match name {
            "expire" => duration("expire", value).map(Self::Expire),
            "forget" => count("forget", value).map(Self::Forget),
            "token-expires" => duration("token-expires", value).map(Self::TokenExpires),
            "busy" => count("busy", value).map(Self::Busy),
            "daily-limit" => count("daily-limit", value).map(Self::DailyLimit),
            _ => Err(FaultError::Unknown(name.to_owned())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = |it: &Duration| humantime::format_duration(*it).to_string();
        match self {
            Self::Expire(after) => write!(f, "expire={}", duration(after)),
            Self::Forget(n) => write!(f, "forget={n}"),
            Self::TokenExpires(after) => write!(f, "token-expires={}", duration(after)),
            Self::Busy(n) => write!(f, "busy={n}"),
            Self::DailyLimit(n) => write!(f, "daily-limit={n}"),
        }
    }
}

fn duration(name: &'static str, value: &str) -> Result<Duration, FaultError> {
    humantime::parse_duration(value).map_err(|_| FaultError::Value {
        name,
        kind: "DUR",
        example: "10m",
    })
}

fn count(name: &'static str, value: &str) -> Result<u32, FaultError> {
    value.parse().map_err(|_| FaultError::Value {
        name,
        kind: "N",
        example: "2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_what_it_writes() {
        for text in [
            "expire=3h",
            "forget=2",
            "token-expires=10m",
            "busy=2",
            "daily-limit=9",
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
            assert!(NAMES.contains(text.split('=').next().unwrap()));
        }
    }

    #[test]
    fn what_is_no_fault_says_what_would_be_one() {
        for (text, expected) in [
            (
                "slow",
                "no such fault: slow; there are expire=DUR, forget=N, token-expires=DUR, busy=N and daily-limit=N",
            ),
            ("expire", "expire=DUR is wanted, e.g. expire=10m"),
            ("expire=soon", "expire=DUR is wanted, e.g. expire=10m"),
            ("busy=-1", "busy=N is wanted, e.g. busy=2"),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap_err().to_string(), expected);
        }
    }
}
