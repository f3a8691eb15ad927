//! Names of what a broker has: sessions, links and held requests.

/// Names a session within its broker; never given twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct SessionKey(u64);

impl SessionKey {
    /// The key of a session from its number.
    pub(super) fn of(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// Names a link within its broker; never given twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(in crate::server) struct LinkId(pub(super) u64);

/// A request that waits for its response; unique within a broker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(in crate::server) struct HoldId(pub(super) u64);
