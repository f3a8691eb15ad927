//! The receptions of one client: one for each channel and publisher of which it has received.
//!
//! Most clients have exactly one, which then costs neither a hash nor memory of its own: the next
//! delivery of one of thousands of clients finds nothing of it in the processor's cache.

use rustc_hash::FxHashMap;

use super::reception::Reception;

/// A channel and a publisher, by their numbers.
pub(super) type Stream = (usize, u32);

/// A client's receptions. Those of a plan at the most: nobody else chooses what they are found by.
#[derive(Debug, Default)]
pub(super) struct Receptions {
    first: Option<(Stream, Reception)>,
    others: FxHashMap<Stream, Reception>,
}

impl Receptions {
    pub(super) fn known(&mut self, stream: Stream) -> Option<&mut Reception> {
        match &mut self.first {
            Some((known, reception)) if *known == stream => Some(reception),
            _ if self.others.is_empty() => None,
            _ => self.others.get_mut(&stream),
        }
    }

    /// The one that is known, or one that begins now.
    pub(super) fn begun(&mut self, stream: Stream) -> &mut Reception {
        let is_first = match &self.first {
            Some((known, _)) => *known == stream,
            None => !self.others.contains_key(&stream),
        };
        match is_first {
            true => {
                &mut self
                    .first
                    .get_or_insert_with(|| (stream, Reception::default()))
                    .1
            }
            false => self.others.entry(stream).or_default(),
        }
    }

    pub(super) fn remove(&mut self, stream: Stream) -> Option<Reception> {
        match self.first.take_if(|(known, _)| *known == stream) {
            Some((_, reception)) => Some(reception),
            None => self.others.remove(&stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_kept_as_a_map_keeps_them(steps in prop::collection::vec((0..4_u8, 0..3_usize, 0..2_u32), 0..60)) {
            let mut receptions = Receptions::default();
            let mut map: HashMap<Stream, Reception> = HashMap::new();
            for (n, (step, channel, publisher)) in steps.into_iter().enumerate() {
                let stream = (channel, publisher);
                match step {
                    0 => prop_assert_eq!(
                        receptions.remove(stream).map(|it| it.next()),
                        map.remove(&stream).map(|it| it.next())
                    ),
                    1 => {
                        receptions.begun(stream).arrived(n as u64);
                        map.entry(stream).or_default().arrived(n as u64);
                    }
                    _ => prop_assert_eq!(
                        receptions.known(stream).map(|it| it.next()),
                        map.get(&stream).map(Reception::next)
                    ),
                }
            }
        }
    }
}
