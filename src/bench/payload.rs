//! What a message of a run carries: a stamp that says whose it is, which one, and when it was
//! to be sent, and as many bytes beside it as were asked for.
//!
//! The stamp is one string, the first member of the data:
//! `{"bench":"RUN.PUBLISHER.SEQUENCE.INTENDED.SENT."}`, numbers to the base of 36 and times in
//! microseconds of the run's clock. What servers make of the rest of the data is no matter.

use std::borrow::Cow;
use std::time::Duration;

use crate::protocol::{Json, member};

/// The data of every message, apart from its stamp.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Filled up to this many bytes.
    Size(usize),
    /// This value beside the stamp.
    Json(Json),
}

/// Data with fewer bytes than a stamp has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a message of {size} bytes has no room for what the accounting needs: at least {SMALLEST}")]
pub struct TooSmall {
    /// As asked for.
    pub size: usize,
}

/// The least bytes that the data of a message has.
pub const SMALLEST: usize = 48;

/// Distinguishes this run's messages from those of others on the same channel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RunId(u32);

/// Whose a message is, which one, and when it was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The run.
    pub run: RunId,
    /// The publisher's number.
    pub publisher: u32,
    /// Counted from 0 for each publisher and channel, anew once the warm-up is over.
    pub sequence: u64,
    /// When it was to be sent, on the run's clock.
    pub intended: Duration,
    /// When it was handed to the session to be sent, on the run's clock.
    pub sent: Duration,
}

const NAME: &str = "bench";
const OPENING: &str = r#"{"bench":""#;
const RUNS: u32 = 36 * 36 * 36 * 36;

impl Payload {
    /// # Errors
    /// When there is no room for the stamp.
    pub fn of_size(size: usize) -> Result<Self, TooSmall> {
        match size >= SMALLEST {
            true => Ok(Self::Size(size)),
            false => Err(TooSmall { size }),
        }
    }

    /// The data of one message.
    pub fn data(&self, stamp: &Stamp) -> Json {
        let mut text = String::with_capacity(self.size());
        text.push_str(OPENING);
        stamp.write(&mut text);
        match self {
            Self::Size(size) => {
                let n_filled = size.saturating_sub(text.len() + 2);
                text.extend(std::iter::repeat_n('x', n_filled));
                text.push_str("\"}");
            }
            Self::Json(json) => {
                text.push_str("\",\"payload\":");
                text.push_str(json.as_str());
                text.push('}');
            }
        }
        Json::try_from(text).expect("a stamp has no character that JSON escapes")
    }

    /// About how many bytes the data of a message has.
    pub fn size(&self) -> usize {
        match self {
            Self::Size(size) => *size,
            Self::Json(json) => SMALLEST + json.as_str().len(),
        }
    }
}

impl RunId {
    /// Of one run alone, also among those of other machines.
    pub(super) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};

        Self::new(RandomState::new().hash_one("run"))
    }

    /// Of any number.
    pub fn new(seed: u64) -> Self {
        Self((seed % u64::from(RUNS)) as u32)
    }
}

impl Stamp {
    /// Reads the stamp of a delivery's data, if it has one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bayeux::bench::{Payload, RunId, Stamp};
    ///
    /// let stamp = Stamp {
    ///     run: RunId::new(7),
    ///     publisher: 3,
    ///     sequence: 1296,
    ///     intended: Duration::from_micros(1_000_000),
    ///     sent: Duration::from_micros(1_000_036),
    /// };
    /// let data = Payload::of_size(64)?.data(&stamp);
    /// assert_eq!(data.as_str().len(), 64);
    /// assert_eq!(Stamp::read(data.as_str()), Some(stamp));
    /// # Ok::<(), bayeux::bench::TooSmall>(())
    /// ```
    pub fn read(data: &str) -> Option<Self> {
        let text = match data.strip_prefix(OPENING) {
            Some(text) => Cow::Borrowed(text),
            // Written anew by the server, with its own order and blanks.
            None => Cow::Owned(serde_json::from_str::<String>(member(data, NAME)?).ok()?),
        };
        let mut numbers = text.as_bytes().split(|&it| it == b'.').map(number);
        let mut next = || numbers.next().flatten();
        let run = RunId(u32::try_from(next()?).ok()?);
        let publisher = u32::try_from(next()?).ok()?;
        let sequence = next()?;
        let intended = Duration::from_micros(next()?);
        let sent = intended.checked_add(Duration::from_micros(next()?))?;
        Some(Self {
            run,
            publisher,
            sequence,
            intended,
            sent,
        })
    }

    fn write(&self, text: &mut String) {
        let delay = self.sent.saturating_sub(self.intended);
        let numbers = [
            u64::from(self.run.0),
            u64::from(self.publisher),
            self.sequence,
            micros(self.intended),
            micros(delay),
        ];
        for number in numbers {
            push(text, number);
            text.push('.');
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn push(text: &mut String, mut number: u64) {
    let mut digits = [0; 13];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = DIGITS[(number % 36) as usize];
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[start..].iter().map(|&it| char::from(it)));
}

fn number(text: &[u8]) -> Option<u64> {
    // Not `from_str_radix`, which takes a sign and capitals.
    let mut number: u64 = 0;
    if text.is_empty() {
        return None;
    }
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            _ => return None,
        };
        number = number.checked_mul(36)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(publisher: u32, sequence: u64, intended: u64, delay: u64) -> Stamp {
        Stamp {
            run: RunId::new(99),
            publisher,
            sequence,
            intended: Duration::from_micros(intended),
            sent: Duration::from_micros(intended + delay),
        }
    }

    #[test]
    fn the_smallest_message_holds_the_numbers_of_a_long_run() {
        // A million publishers, as many messages each, at the end of a day, a minute late.
        let stamp = stamp(999_999, 1_000_000, 86_400_000_000, 60_000_000);
        let data = Payload::of_size(SMALLEST).unwrap().data(&stamp);
        assert_eq!(data.as_str().len(), SMALLEST, "{data}");
        assert_eq!(Payload::of_size(SMALLEST - 1).unwrap_err().size, 47);
    }

    #[test]
    fn a_stamp_is_read_from_data_that_the_server_wrote_anew() {
        let data = r#"{ "payload": [1], "bench" : "2r.1.2.3.4." }"#;
        assert_eq!(Stamp::read(data), Some(stamp(1, 2, 3, 4)));
        let json = Payload::Json("[1]".parse().unwrap()).data(&stamp(1, 2, 3, 4));
        assert_eq!(json.as_str(), r#"{"bench":"2r.1.2.3.4.","payload":[1]}"#);
    }

    #[test]
    fn any_payload_that_is_json_can_be_sent() {
        for depth in [1, 126, 127, 128, 1000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            if let Ok(json) = text.parse() {
                let data = Payload::Json(json).data(&stamp(1, 2, 3, 4));
                assert_eq!(
                    Stamp::read(data.as_str()),
                    Some(stamp(1, 2, 3, 4)),
                    "{depth}"
                );
            }
        }
    }

    #[test]
    fn data_of_others_has_no_stamp() {
        for data in [
            "1",
            "{}",
            "null",
            r#"{"bench":1}"#,
            r#"{"bench":"1.2."}"#,
            r#"{"bench":"A.1.1.1.1."}"#,
        ] {
            assert_eq!(Stamp::read(data), None, "{data}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(publisher: u32, sequence: u64, intended in 0..u64::MAX / 2, delay in 0..u64::MAX / 2) {
            let stamp = stamp(publisher, sequence, intended, delay);
            let data = Payload::Size(64).data(&stamp);
            prop_assert_eq!(Stamp::read(data.as_str()), Some(stamp));
        }

        #[test]
        fn any_data_is_read_or_refused_without_panic(text in "\\PC*") {
            let _ = Stamp::read(&text);
            let _ = Stamp::read(&format!("{OPENING}{text}"));
        }
    }
}
