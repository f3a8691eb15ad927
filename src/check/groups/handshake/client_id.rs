//! The ids of sessions: whoever guesses one speaks for its client.

use std::collections::BTreeSet;
use std::time::Duration;

use super::begun;
use crate::check::asking::{TYPES, first_reply, handshake_with};
use crate::check::judging::keeps;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::VERSION;

const CLAUSE: &str = "Client ID";

pub(super) const CHARSET: Check = Check::must(
    "hs.clientid-charset",
    "a clientId has letters and digits only",
    CLAUSE,
    charset,
);

pub(super) const ENTROPY: Check = Check::should(
    "hs.clientid-entropy",
    "a clientId has room for 128 random bits",
    CLAUSE,
    entropy,
);

pub(super) const UNIQUE: Check = Check::must(
    "hs.clientid-unique",
    "two handshakes begin two sessions, also if the second has the clientId of the first",
    CLAUSE,
    unique,
);

pub(super) const DISTINCT: Check = Check::must(
    "hs.clientid-distinct",
    "of 200 sessions no two have the same clientId",
    CLAUSE,
    distinct,
)
.intrusive()
.patience(Duration::from_secs(60));

/// Sessions of which the positions that never change are told from those that do.
const N_SAMPLES: usize = 8;

/// Sessions that are compared.
const N_SESSIONS: usize = 200;

/// What the specification asks for.
const BITS: u32 = 128;

const FIELD: &str = "clientId";

fn charset(subject: &Subject) -> Result<Finding, Obstacle> {
    let (handshake, reply) = begun(&mut subject.session()?)?;
    Ok(keeps("hs.clientid-charset", &handshake, &reply))
}

fn entropy(subject: &Subject) -> Result<Finding, Obstacle> {
    room(&sessions(subject, N_SAMPLES)?)
}

/// Whether these ids have room for what the specification asks for.
fn room(ids: &[String]) -> Result<Finding, Obstacle> {
    let (bits, n_ids) = (bits(ids), ids.len());
    let longest = ids.iter().map(String::len).max().unwrap_or(0);
    let seen = format!("at most {bits} bits in {longest} characters");
    if bits >= BITS {
        Ok(Finding::holds_as(seen))
    } else if n_ids < N_SAMPLES {
        // Three ids of 32 hex digits have one in common by chance in one run of eight.
        let too_few = "and then the time was over: too few to tell";
        Err(Obstacle::Inapplicable(format!(
            "{n_ids} sessions, {too_few}"
        )))
    } else {
        Ok(Finding::deviates(seen).at(FIELD))
    }
}

fn unique(subject: &Subject) -> Result<Finding, Obstacle> {
    let first = subject.handshaken()?;
    let theirs = first.client_id().unwrap_or_default();
    {
        let second = subject.handshaken()?;
        if second.client_id() == Some(theirs) {
            return Ok(Finding::deviates("both have the same clientId").at(FIELD));
        }
    }
    let mut third = subject.session()?;
    let handshake = handshake_with(&mut third, TYPES)
        .string("version", VERSION)
        .client_id(theirs)
        .build();
    let reply = first_reply(&mut third, handshake)?;
    let seen = "a handshake with the clientId of a session is given that session";
    Ok(Finding::expect(reply.client_id() != Some(theirs), seen).at(FIELD))
}

fn distinct(subject: &Subject) -> Result<Finding, Obstacle> {
    let ids = sessions(subject, N_SESSIONS)?;
    let n_distinct = ids.iter().collect::<BTreeSet<_>>().len();
    let n_sessions = ids.len();
    Ok(if n_distinct < n_sessions {
        Finding::deviates(format!("{n_distinct} clientIds for {n_sessions} sessions")).at(FIELD)
    } else if n_sessions < N_SESSIONS {
        Finding::holds_as(format!("{n_sessions} sessions, and then the time was over"))
    } else {
        Finding::holds()
    })
}

/// The client ids of so many sessions, one after the other; fewer where time runs out.
fn sessions(subject: &Subject, n_wanted: usize) -> Result<Vec<String>, Obstacle> {
    let enough = subject.left() / 3;
    let mut ids = Vec::with_capacity(n_wanted);
    while ids.len() < n_wanted && (ids.len() < 2 || subject.left() > enough) {
        let session = subject.handshaken()?;
        ids.extend(session.client_id().map(str::to_owned));
    }
    Ok(ids)
}

/// The bits that these ids can have by their length and alphabet, positions left out that are
/// the same in all of them. What looks random need not be: it is an upper bound.
fn bits(ids: &[String]) -> u32 {
    let ids: Vec<&[u8]> = ids.iter().map(|it| it.as_bytes()).collect();
    let shortest = ids.iter().map(|it| it.len()).min().unwrap_or(0);
    let longest = ids.iter().map(|it| it.len()).max().unwrap_or(0);
    let is_same = |nth: &usize| ids.iter().all(|it| it[*nth] == ids[0][*nth]);
    let n_same = (0..shortest).filter(is_same).count();
    let n_bits = alphabet(&ids).log2() * (longest - n_same) as f64;
    // At most some thousand: ids come in a response whose size is limited.
    n_bits as u32
}

/// How many characters these ids seem to choose from.
fn alphabet(ids: &[&[u8]]) -> f64 {
    let used: BTreeSet<u8> = ids.iter().flat_map(|it| it.iter().copied()).collect();
    let has = |is_it: fn(&u8) -> bool| used.iter().any(is_it);
    let letters =
        |any: fn(&u8) -> bool, beyond_hex: fn(&u8) -> bool| match (has(any), has(beyond_hex)) {
            (false, _) => 0,
            (true, false) => 6,
            (true, true) => 26,
        };
    let n_digits = if has(u8::is_ascii_digit) { 10 } else { 0 };
    let n_small = letters(u8::is_ascii_lowercase, |it| (b'g'..=b'z').contains(it));
    let n_capital = letters(u8::is_ascii_uppercase, |it| (b'G'..=b'Z').contains(it));
    let n_others = used.iter().filter(|it| !it.is_ascii_alphanumeric()).count();
    (n_digits + n_small + n_capital + n_others).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits_of(ids: &[&str]) -> u32 {
        bits(&ids.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_never_changes_holds_no_bits() {
        assert_eq!(bits_of(&["abcdef0123456789", "1032547698badcfe"]), 64);
        assert_eq!(bits_of(&["node7x0123", "node7x4560"]), 20);
        assert_eq!(bits_of(&["1", "2", "3"]), 3);
        assert_eq!(bits_of(&["", ""]), 0);
        assert_eq!(bits_of(&[]), 0);
    }

    #[test]
    fn a_digit_that_few_ids_have_in_common_tells_nothing() {
        let id = |nth: usize| format!("0123456789abcdef0123456789abcd{}f", nth % 10);
        let ids: Vec<_> = (0..N_SAMPLES).map(id).collect();
        let Err(Obstacle::Inapplicable(reason)) = room(&ids[..3]) else {
            panic!("three ids are judged");
        };
        assert_eq!(
            reason,
            "3 sessions, and then the time was over: too few to tell"
        );
        assert!(!room(&ids).unwrap().holds);
    }
}
