//! How many files and sockets this process may have open.

/// Raises the soft limit to the hard one: every connection takes a descriptor, and shells as a
/// rule allow 1,024 though the system would give many more.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// What Apple's systems take at the most when they name no limit.
    const OPEN_MAX: u64 = 10_240;

    let limit = getrlimit(Resource::Nofile);
    for wanted in [limit.maximum, Some(OPEN_MAX)] {
        let is_more = match (limit.current, wanted) {
            (Some(current), Some(wanted)) => wanted > current,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let raised = Rlimit {
            current: wanted,
            ..limit
        };
        // What cannot be raised is good enough for most; what is then too many is told when it
        // happens.
        if !is_more || setrlimit(Resource::Nofile, raised).is_ok() {
            return;
        }
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit() {}
