//! `--fault` and `--seed`, which a server and a proxy have.

use std::time::SystemTime;

use bayeux::server::{Fault, FaultError};

use super::exit::Stop;

/// The faults that these texts name.
pub(super) fn faults(texts: &[String]) -> Result<Vec<Fault>, Stop> {
    let faults = texts.iter().map(|text| {
        text.parse().map_err(|error: FaultError| {
            let hint = error.hint().to_owned();
            Stop::usage(format!("--fault {text} is no fault"))
                .cause(error)
                .hint(hint)
        })
    });
    faults.collect()
}

/// One that is easily typed again.
pub(super) fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| u64::from(it.subsec_nanos()) % 1_000_000)
}
