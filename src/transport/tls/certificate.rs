//! What is wrong with a server's certificate, in words that help.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::super::excerpt::Excerpt;

/// Why a server's certificate is not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time is over.
    Expired {
        /// Since when, where that is known.
        since: Option<SystemTime>,
    },
    /// Its time is still to come.
    NotYetValid {
        /// When it begins, where that is known.
        from: Option<SystemTime>,
    },
    /// It is another host's.
    OtherHost {
        /// The names and addresses that it is for, where that is known.
        names: Option<Vec<String>>,
    },
    /// No root that is trusted leads to it.
    Untrusted(Untrusted),
    /// This system has no roots.
    NoRoots,
    /// Its authority has taken it back.
    Revoked,
    /// Anything else.
    Other {
        /// The verifier's reason.
        reason: String,
    },
}

/// Where a certificate comes from that no trusted root leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Untrusted {
    /// It is signed with its own key.
    SelfSigned,
    /// Somebody else issued it.
    Issued {
        /// Who.
        issuer: Option<Excerpt>,
        /// How many further certificates the server sent, that could lead to a root.
        n_intermediates: usize,
    },
}

impl CertificateProblem {
    pub(super) fn of(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::Expired => Self::Expired { since: None },
            E::ExpiredContext { not_after, .. } => Self::Expired {
                since: Some(time(*not_after)),
            },
            E::NotValidYet => Self::NotYetValid { from: None },
            E::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                from: Some(time(*not_before)),
            },
            E::NotValidForName => Self::OtherHost { names: None },
            E::NotValidForNameContext { presented, .. } => Self::OtherHost {
                names: Some(presented.iter().map(|it| host(it)).collect()),
            },
            // Not every system's verifier says more.
            E::UnknownIssuer => Self::Untrusted(Untrusted::Issued {
                issuer: None,
                n_intermediates: 0,
            }),
            E::Revoked => Self::Revoked,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::Other {
                reason: "it is not for servers".to_owned(),
            },
            E::Other(other) => match other.0.downcast_ref::<Self>() {
                Some(problem) => problem.clone(),
                None => Self::Other {
                    reason: Excerpt::of(other.0.to_string().as_bytes()).to_string(),
                },
            },
            error => Self::Other {
                reason: Excerpt::of(error.to_string().as_bytes()).to_string(),
            },
        }
    }
}

impl Untrusted {
    pub(super) fn of(
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Self {
        let certificate = EndEntityCert::try_from(end_entity).ok();
        match certificate {
            Some(it) if it.issuer() == it.subject() => Self::SelfSigned,
            certificate => Self::Issued {
                issuer: certificate.and_then(|it| common_name(it.issuer())),
                n_intermediates: intermediates.len(),
            },
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { since: None } => f.write_str("it has expired"),
            Self::Expired { since: Some(since) } => write!(f, "it expired on {}", date(*since)),
            Self::NotYetValid { from: None } => f.write_str("it is not valid yet"),
            Self::NotYetValid { from: Some(from) } => {
                write!(f, "it is not valid before {}", date(*from))
            }
            Self::OtherHost { names: None } => f.write_str("it is for another host"),
            Self::OtherHost { names: Some(names) } => match names.as_slice() {
                [] => f.write_str("it names no host (it has no subjectAltName)"),
                [_, ..] => write!(f, "it is for {}, not for this host", list(names)),
            },
            Self::Untrusted(Untrusted::SelfSigned) => f.write_str("it is self-signed"),
            Self::Untrusted(Untrusted::Issued {
                issuer: Some(issuer),
                ..
            }) => write!(f, "it is issued by '{issuer}', which is not trusted"),
            Self::Untrusted(Untrusted::Issued { issuer: None, .. }) => {
                f.write_str("its issuer is not trusted")
            }
            Self::NoRoots => f.write_str("this system has no certificates of authorities"),
            Self::Revoked => f.write_str("it is revoked"),
            Self::Other { reason } => f.write_str(reason),
        }
    }
}

impl Error for CertificateProblem {}

fn time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// Minutes are enough to find a clock that is wrong by a time zone.
fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    match clock.get(..5) {
        Some(minute) => format!("{day} {minute} UTC"),
        None => day.to_owned(),
    }
}

/// The library writes `DnsName("example.com")` and `IpAddress(127.0.0.1)`.
fn host(presented: &str) -> String {
    let name = presented.split_once('(').map_or(presented, |(_, it)| it);
    let name = name.trim_end_matches(')').trim_matches('"');
    Excerpt::of(name.as_bytes()).to_string()
}

/// Those that fit a line.
fn list(names: &[String]) -> String {
    const MOST: usize = 5;
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        n_more => format!("{shown} and {n_more} more"),
    }
}

/// The common name in the contents of a `Name` (RFC 5280, 4.1.2.4), or what else it ends with.
pub(super) fn common_name(name: &[u8]) -> Option<Excerpt> {
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let mut found = None;
    let mut rest = name;
    while let Some((set, after)) = element(rest) {
        rest = after;
        // A set of attributes, nearly always one: its type and its value.
        let Some((attribute, _)) = element(set) else {
            continue;
        };
        let Some((kind, value)) = element(attribute) else {
            continue;
        };
        let Some((value, _)) = element(value) else {
            continue;
        };
        found = Some(Excerpt::of(value));
        if kind == COMMON_NAME {
            break;
        }
    }
    found.filter(|it| !it.as_str().is_empty())
}

/// The contents of the first DER element, and what follows it.
pub(super) fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *der.get(1..)? {
        [length @ 0..=0x7f, ref rest @ ..] => (usize::from(length), rest),
        [0x81, length, ref rest @ ..] => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `C=DE, CN=Corp CA`, as it stands in a certificate, without the outermost header.
    const NAME: &[u8] = b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02DE\
        \x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07Corp CA";

    #[test]
    fn the_common_name_is_found_and_nothing_panics_on_the_way() {
        assert_eq!(common_name(NAME).unwrap().as_str(), "Corp CA");
        for end in 0..NAME.len() {
            let _ = common_name(&NAME[..end]);
        }
        assert_eq!(common_name(b"\x31\x84\xff\xff\xff\xff"), None);
    }

    #[test]
    fn dates_names_and_addresses_are_written_plainly() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_069);
        assert_eq!(date(time), "2026-11-23 00:01 UTC");
        assert_eq!(host(r#"DnsName("*.example.com")"#), "*.example.com");
        assert_eq!(host("IpAddress(::1)"), "::1");
        let names = ["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned);
        assert_eq!(list(&names), "a, b, c, d, e and 2 more");
    }
}
