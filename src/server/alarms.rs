//! When which connection has to be looked at, whatever happens on it.

use std::collections::BTreeSet;
use std::time::Instant;

use mio::Token;

/// The alarms of connections, at most one each.
///
/// Deadlines mostly move on, with every request; alarms do not move with them. One that goes
/// off too early finds a later deadline, and is set to that.
#[derive(Default)]
pub(crate) struct Alarms(BTreeSet<(Instant, Token)>);

/// When the alarm of a connection goes off, if it is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alarm(Option<Instant>);

impl Alarms {
    /// Sees to it that the alarm goes off at this deadline, or earlier.
    pub(crate) fn set(&mut self, token: Token, alarm: &mut Alarm, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if alarm.0.is_none_or(|set| deadline < set) {
            self.clear(token, alarm);
            self.0.insert((deadline, token));
            alarm.0 = Some(deadline);
        }
    }

    pub(crate) fn clear(&mut self, token: Token, alarm: &mut Alarm) {
        if let Some(set) = alarm.0.take() {
            self.0.remove(&(set, token));
        }
    }

    /// A connection whose alarm goes off; to be [cleared](Self::clear) and set anew.
    pub(crate) fn due(&self, now: Instant) -> Option<Token> {
        let &(at, token) = self.0.first()?;
        (at <= now).then_some(token)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_alarm_moves_only_to_an_earlier_time() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let (mut alarms, mut alarm) = (Alarms::default(), Alarm::default());
        let token = Token(7);
        alarms.set(token, &mut alarm, None);
        assert_eq!(alarms.next(), None);
        for (deadline, at) in [(5, 5), (9, 5), (3, 3)] {
            alarms.set(token, &mut alarm, Some(later(deadline)));
            assert_eq!(alarms.next(), Some(later(at)));
        }
        assert_eq!(alarms.due(later(2)), None);
        assert_eq!(alarms.due(later(3)), Some(token));
        alarms.clear(token, &mut alarm);
        assert_eq!(alarms.next(), None);
    }
}
