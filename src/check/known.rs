//! How known servers deviate: data, a file a flavour.
//!
//! ```toml
//! [[deviation]]
//! check = "http.empty-array"
//! seen = "HTTP 500"            # what the check says, with `*` for anything
//! over = ["long-polling"]      # the transports that show it; all, if left out
//! to = "8.0.10"                # the last version that does so; `from` is the first
//! source = "measured with CometD 8.0.10"
//! ```
//!
//! The version of a server is rarely known: where it is not, what any version does is known.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::{Flavour, Glob};
use crate::protocol::ConnectionType;

/// A way in which a server is known to deviate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The check that shows it.
    pub check: String,
    /// What the check says, with `*` for anything.
    pub seen: Glob,
    /// The transports that show it; all of them, if there is none here.
    #[serde(default)]
    pub over: Vec<String>,
    /// The first version that does so; any before, if it is not known.
    pub from: Option<Version>,
    /// The last version that does so; any later, if it still does.
    pub to: Option<Version>,
    /// Where it is known from.
    pub source: String,
}

/// The version of a server: numbers between dots.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Version(Vec<u32>);

/// A text that is no version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a version is numbers with dots between them, e.g. 8.0.10")]
pub struct NotAVersion;

/// A server that is checked as one: `cometd`, or `cometd@8.0.10`; `none` has no known deviations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// The flavour; nothing for a server that is checked as no other.
    pub flavour: Option<Flavour>,
    /// The version, if it is known.
    pub version: Option<Version>,
}

/// A text that names no known server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownServer {
    /// There is no such name.
    #[error("no such server: {0}")]
    Name(String),
    /// The name is known, and what follows the `@` is no version.
    #[error(transparent)]
    Version(#[from] NotAVersion),
}

/// Names for the command line, and the deviations of each.
const FLAVOURS: [(&str, Flavour, &str); 5] = [
    ("bayeux", Flavour::Bayeux, include_str!("known/bayeux.toml")),
    ("cometd", Flavour::CometD, include_str!("known/cometd.toml")),
    (
        "cometd-nodejs",
        Flavour::CometDNodejs,
        include_str!("known/cometd-nodejs.toml"),
    ),
    ("faye", Flavour::Faye, include_str!("known/faye.toml")),
    (
        "salesforce",
        Flavour::Salesforce,
        include_str!("known/salesforce.toml"),
    ),
];

/// The names of the known servers.
pub const NAMES: [&str; 5] = {
    let mut names = [""; 5];
    let mut n = 0;
    while n < names.len() {
        names[n] = FLAVOURS[n].0;
        n += 1;
    }
    names
};

impl Known {
    /// Every server is what its fingerprint says, in any version.
    pub fn of(flavour: Flavour) -> Self {
        Self {
            flavour: Some(flavour),
            version: None,
        }
    }

    /// How it is known to deviate over a transport.
    pub fn deviations(&self, over: ConnectionType) -> Vec<Deviation> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            deviation: Vec<Deviation>,
        }
        let file = FLAVOURS.iter().find(|(_, it, _)| Some(*it) == self.flavour);
        let Some((_, _, text)) = file else {
            return Vec::new();
        };
        // A test reads each of them.
        let file: File = toml::from_str(text).unwrap_or(File {
            deviation: Vec::new(),
        });
        let mut deviations = file.deviation;
        deviations.retain(|it| it.over.is_empty() || it.over.iter().any(|it| it == over.as_str()));
        deviations.retain(|it| {
            self.version
                .as_ref()
                .is_none_or(|version| it.is_of(version))
        });
        deviations
    }
}

impl Deviation {
    fn is_of(&self, version: &Version) -> bool {
        let is_late_enough = self.from.as_ref().is_none_or(|from| from <= version);
        is_late_enough && self.to.as_ref().is_none_or(|to| version <= to)
    }
}

impl PartialOrd for Version {
    /// 8.0 is every 8.0.x, so that neither comes before the other.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let n_both = self.0.len().min(other.0.len());
        Some(self.0[..n_both].cmp(&other.0[..n_both]))
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let numbers = text.split('.').map(str::parse);
        Ok(Self(
            numbers.collect::<Result<_, _>>().map_err(|_| NotAVersion)?,
        ))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl FromStr for Known {
    type Err = UnknownServer;

    fn from_str(text: &str) -> Result<Self, UnknownServer> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.parse()?)),
            None => (text, None),
        };
        let flavour = match FLAVOURS.iter().find(|(it, ..)| *it == name) {
            Some((_, flavour, _)) => Some(*flavour),
            None if name == "none" => None,
            None => return Err(UnknownServer::Name(name.to_owned())),
        };
        Ok(Self { flavour, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::all;

    #[test]
    fn every_known_deviation_is_of_a_check_and_says_where_it_is_from() {
        for (name, flavour, text) in FLAVOURS {
            toml::from_str::<toml::Table>(text).unwrap();
            let n_written = text.matches("[[deviation]]").count();
            let over = [
                ConnectionType::LongPolling,
                ConnectionType::CallbackPolling,
                ConnectionType::WebSocket,
            ];
            let deviations = over.map(|it| Known::of(flavour).deviations(it)).concat();
            let of_all = deviations.iter().filter(|it| it.over.is_empty()).count() / over.len();
            let of_some = deviations.iter().filter(|it| !it.over.is_empty());
            // Each stands once for each transport that it names.
            let of_some: f64 = of_some.map(|it| 1.0 / it.over.len() as f64).sum();
            let n_read = of_all + of_some.round() as usize;
            assert_eq!(
                n_read, n_written,
                "{name}: a field or a transport that is none"
            );
            for it in deviations {
                assert!(
                    all().iter().any(|check| check.id == it.check),
                    "{name}: {it:?}"
                );
                assert!(!it.source.is_empty(), "{name}: {it:?}");
            }
        }
    }

    #[test]
    fn a_version_is_held_against_the_first_and_the_last() {
        let deviation = |from: &str, to: &str| Deviation {
            check: String::new(),
            seen: "*".parse().unwrap(),
            over: Vec::new(),
            from: from.parse().ok(),
            to: to.parse().ok(),
            source: String::new(),
        };
        let is_of = |from, to, version: &str| deviation(from, to).is_of(&version.parse().unwrap());
        assert!(is_of("", "", "9.0.0"));
        assert!(is_of("", "8.0.10", "8.0.9") && is_of("", "8.0.10", "8.0.10"));
        assert!(!is_of("", "8.0.10", "8.0.11") && !is_of("", "8.0.10", "9"));
        assert!(is_of("8", "8", "8.0.10") && !is_of("8", "8", "9.0.0"));
        assert!(is_of("1.4", "", "1.4.3") && !is_of("1.5", "", "1.4.3"));
    }

    #[test]
    fn servers_are_named_with_or_without_a_version() {
        let known: Known = "cometd@8.0.10".parse().unwrap();
        assert_eq!(known.flavour, Some(Flavour::CometD));
        assert_eq!(known.version.unwrap().to_string(), "8.0.10");
        assert_eq!("none".parse::<Known>().unwrap().flavour, None);
        assert_eq!("faye".parse::<Known>(), Ok(Known::of(Flavour::Faye)));
        let error = |text: &str| text.parse::<Known>().unwrap_err().to_string();
        assert_eq!(error("comet"), "no such server: comet");
        assert_eq!(error("faye@x"), NotAVersion.to_string());
    }
}
