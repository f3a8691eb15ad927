//! What one client has received of one publisher on one channel, held against the sequence
//! numbers: nothing is lost that is only late, and nothing counts twice.

use std::ops::Range;

/// One client's receipts from one publisher on one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Reception {
    /// What was published before the client subscribed.
    first: u64,
    /// One more than the highest that arrived.
    next: u64,
    /// Rare, so that it costs one word while there is none.
    odd: Option<Box<Odd>>,
}

#[derive(Clone, Debug, Default)]
struct Odd {
    /// What is missing below `next`, in order.
    gaps: Vec<Range<u64>>,
    /// What was published while the client had no session.
    outages: Vec<Range<u64>>,
}

/// What an arrival is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// The next one, or one after it.
    InOrder,
    /// Not seen before, and behind a later one.
    OutOfOrder,
    /// Seen before.
    Duplicate,
    /// Published before the client's subscription was confirmed: nobody could expect it.
    Early,
}

/// What came of all that was published.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Balance {
    /// Those that the client was to receive.
    pub(super) n_expected: u64,
    /// Those that it did not.
    pub(super) n_lost: u64,
    /// Those of the lost ones that were published while it had no session.
    pub(super) n_lost_without_session: u64,
    /// Those of the other lost ones of which nobody knows whether they reached the server.
    pub(super) n_lost_unacknowledged: u64,
}

impl Reception {
    /// Of a client whose subscription was confirmed when so many had been published.
    pub(super) fn since(n_published: u64) -> Self {
        Self {
            first: n_published,
            next: n_published,
            odd: None,
        }
    }

    /// Takes an arrival.
    pub(super) fn arrived(&mut self, sequence: u64) -> Arrival {
        if sequence >= self.next {
            if sequence > self.next {
                let gap = self.next..sequence;
                self.odd.get_or_insert_default().gaps.push(gap);
            }
            self.next = sequence + 1;
            return Arrival::InOrder;
        }
        if sequence < self.first {
            return Arrival::Early;
        }
        match self.odd.as_mut().is_some_and(|it| it.fill(sequence)) {
            true => Arrival::OutOfOrder,
            false => Arrival::Duplicate,
        }
    }

    /// The client has a session again after it had none, and so many have been published.
    pub(super) fn renewed(&mut self, n_published: u64) {
        if n_published <= self.next {
            return;
        }
        let outages = &mut self.odd.get_or_insert_default().outages;
        match outages.last_mut() {
            // No message is missed twice, however often the session is lost before the next one.
            Some(last) if last.end >= self.next => last.end = last.end.max(n_published),
            _ => outages.push(self.next..n_published),
        }
    }

    /// How many may still be on their way.
    pub(super) fn n_on_their_way(&self, n_published: u64) -> u64 {
        n_published.saturating_sub(self.next)
    }

    /// One more than the highest number that arrived.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing is missing below the highest that arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.odd.as_ref().is_none_or(|it| it.gaps.is_empty())
    }

    /// How many arrived of what was expected, if nothing is missing below the highest.
    pub(super) fn n_arrived(&self) -> u64 {
        self.next - self.first
    }

    /// Nothing arrives any more, and so many have been published: the rest is missing.
    pub(super) fn ends_at(&mut self, n_published: u64) {
        if n_published > self.next {
            let rest = self.next..n_published;
            self.odd.get_or_insert_default().gaps.push(rest);
            self.next = n_published;
        }
    }

    /// The sum, when so many have been published. `rejected` were not carried out, and
    /// `unacknowledged` perhaps not; both are in order.
    pub(super) fn balance(
        &self,
        n_published: u64,
        rejected: &[u64],
        unacknowledged: &[u64],
    ) -> Balance {
        let len = |it: &Range<u64>| (it.end - it.start) - n_within(it, rejected);
        let end = n_published.max(self.next);
        let tail = self.next..end;
        let odd = self.odd.as_deref();
        let outages = odd.map_or(&[][..], |it| &it.outages);
        let mut balance = Balance {
            n_expected: end - self.first,
            ..Balance::default()
        };
        for missing in odd.map_or(&[][..], |it| &it.gaps).iter().chain([&tail]) {
            // What was rejected and came all the same is not taken away.
            balance.n_expected -= n_within(missing, rejected);
            balance.n_lost += len(missing);
            balance.n_lost_unacknowledged += n_within(missing, unacknowledged);
            for outage in outages {
                let overlap = missing.start.max(outage.start)..missing.end.min(outage.end);
                if !overlap.is_empty() {
                    balance.n_lost_without_session += len(&overlap);
                    balance.n_lost_unacknowledged -= n_within(&overlap, unacknowledged);
                }
            }
        }
        balance
    }
}

/// How many of the numbers, which are in order, lie within the range.
fn n_within(range: &Range<u64>, numbers: &[u64]) -> u64 {
    let n_below = |end: u64| numbers.partition_point(|&it| it < end);
    (n_below(range.end) - n_below(range.start)) as u64
}

impl Odd {
    /// Takes a number out of the gap that it lies in, if there is one.
    fn fill(&mut self, sequence: u64) -> bool {
        let at = self.gaps.partition_point(|gap| gap.end <= sequence);
        let Some(gap) = self.gaps.get_mut(at) else {
            return false;
        };
        if !gap.contains(&sequence) {
            return false;
        }
        let behind = sequence + 1..gap.end;
        gap.end = sequence;
        if gap.is_empty() {
            self.gaps.remove(at);
            if !behind.is_empty() {
                self.gaps.insert(at, behind);
            }
        } else if !behind.is_empty() {
            self.gaps.insert(at + 1, behind);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn late_is_not_lost_and_twice_is_not_two() {
        let mut reception = Reception::default();
        let arrivals = [0, 1, 3, 2, 3, 6].map(|it| reception.arrived(it));
        use Arrival::{Duplicate, InOrder, OutOfOrder};
        assert_eq!(
            arrivals,
            [InOrder, InOrder, InOrder, OutOfOrder, Duplicate, InOrder]
        );
        let balance = reception.balance(9, &[], &[]);
        assert_eq!((balance.n_expected, balance.n_lost), (9, 4));
    }

    #[test]
    fn a_client_that_joins_later_expects_what_follows() {
        let mut reception = Reception::since(5);
        assert_eq!(reception.arrived(4), Arrival::Early);
        assert_eq!(reception.arrived(5), Arrival::InOrder);
        assert_eq!(
            reception.balance(6, &[], &[]),
            Balance {
                n_expected: 1,
                ..Balance::default()
            }
        );
    }

    #[test]
    fn what_was_refused_or_published_in_an_outage_is_told_apart() {
        let mut reception = Reception::default();
        reception.arrived(0);
        reception.renewed(4);
        reception.arrived(5);
        let balance = reception.balance(8, &[2], &[3, 6]);
        assert_eq!(
            balance,
            Balance {
                n_expected: 7,
                n_lost: 5,
                n_lost_without_session: 2,
                n_lost_unacknowledged: 1,
            }
        );
    }

    #[test]
    fn two_losses_of_the_session_before_the_next_message_are_one_outage() {
        let mut reception = Reception::default();
        reception.arrived(0);
        reception.renewed(3);
        reception.renewed(5);
        reception.renewed(5);
        let balance = reception.balance(6, &[], &[2]);
        assert_eq!((balance.n_expected, balance.n_lost), (6, 5));
        assert_eq!(balance.n_lost_without_session, 4);
        assert_eq!(balance.n_lost_unacknowledged, 0);
    }

    #[test]
    fn what_is_rejected_and_delivered_all_the_same_counts_as_delivered() {
        let mut reception = Reception::default();
        (0..4).for_each(|it| _ = reception.arrived(it));
        let balance = reception.balance(6, &[1, 4], &[]);
        // Four came, and one of the other two is missing.
        assert_eq!((balance.n_expected, balance.n_lost), (5, 1));
    }

    proptest! {
        #[test]
        fn any_outages_and_refusals_add_up(
            steps in prop::collection::vec((0..30_u64, any::<bool>()), 0..60),
            unpublished in prop::collection::btree_map(0..30_u64, any::<bool>(), 0..30),
        ) {
            let mut reception = Reception::default();
            let mut arrived = BTreeSet::new();
            for (number, is_renewal) in steps {
                match is_renewal {
                    true => reception.renewed(number),
                    false => {
                        reception.arrived(number);
                        arrived.insert(number);
                    }
                }
            }
            let of = |is_rejected| -> Vec<u64> {
                let kind = unpublished.iter().filter(|it| *it.1 == is_rejected);
                kind.map(|it| *it.0).collect()
            };
            let balance = reception.balance(30, &of(true), &of(false));
            prop_assert_eq!(balance.n_expected, arrived.len() as u64 + balance.n_lost);
            let n_explained = balance.n_lost_without_session + balance.n_lost_unacknowledged;
            prop_assert!(n_explained <= balance.n_lost);
        }

        #[test]
        fn any_arrivals_add_up(first in 0..5_u64, arrivals in prop::collection::vec(0..30_u64, 0..60)) {
            let mut reception = Reception::since(first);
            let mut seen = BTreeSet::new();
            for sequence in arrivals {
                let arrival = reception.arrived(sequence);
                let expected = match (sequence < first, seen.contains(&sequence)) {
                    (true, _) => Arrival::Early,
                    (false, true) => Arrival::Duplicate,
                    (false, false) if seen.last().is_some_and(|&it| it > sequence) => Arrival::OutOfOrder,
                    (false, false) => Arrival::InOrder,
                };
                prop_assert_eq!(arrival, expected);
                if sequence >= first {
                    seen.insert(sequence);
                }
            }
            let balance = reception.balance(30, &[], &[]);
            prop_assert_eq!(balance.n_expected, 30 - first);
            prop_assert_eq!(balance.n_lost, 30 - first - seen.len() as u64);
        }
    }
}
