//! What happens to a response on its way: the steps in which its bytes are written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::alteration::infinite;
use crate::protocol::{Message, encode};

/// What happens to a response on its way; by default nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Passage {
    pub(super) delay: Duration,
    pub(super) body: Body,
    pub(super) is_infinite: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Body {
    #[default]
    Whole,
    Nothing,
    /// So many bytes of the body, or half of it.
    Cut(Option<usize>),
    /// A byte of the body at a time.
    Drip(Duration),
    CloseBefore,
    CloseAfter,
}

/// What a connection does with a response, one after the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Wait(Duration),
    Write(Vec<u8>),
    /// Each of these bytes is written after this pause.
    Drip(VecDeque<u8>, Duration),
    /// The connection ends.
    Close,
    /// The connection stays open, and nothing more is written to it or answered on it.
    FallSilent,
}

impl Passage {
    /// Whether a response is written as it is.
    pub(crate) fn is_sound(&self) -> bool {
        *self == Self::default()
    }

    /// What happens to a response with the replies to several messages.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            delay: self.delay.saturating_add(other.delay),
            body: match other.body {
                Body::Whole => self.body,
                body => body,
            },
            is_infinite: self.is_infinite || other.is_infinite,
        }
    }

    /// Writes messages as an array.
    pub(crate) fn encode(&self, messages: &[Arc<Message>]) -> String {
        let messages = messages.iter().map(Arc::as_ref);
        match self.is_infinite {
            true => infinite(messages),
            false => encode(messages),
        }
    }

    /// The steps for an HTTP response.
    pub(crate) fn steps(&self, response: Vec<u8>) -> Vec<Step> {
        let head = response.windows(4).position(|it| it == b"\r\n\r\n");
        let head = head.map_or(0, |it| it + 4);
        self.steps_from(response, head)
    }

    /// The steps for a frame of a websocket with this text. A cut frame is a whole one, with
    /// less in it; one that drips comes at once, late by what the drops would have taken.
    pub(crate) fn frame_steps(&self, text: String) -> Vec<Step> {
        let text = text.into_bytes();
        match self.body {
            Body::Drip(pause) => {
                let n_bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
                let wait = self.delay.saturating_add(pause.saturating_mul(n_bytes));
                vec![Step::Wait(wait), Step::Write(text)]
            }
            // Other frames follow it.
            Body::Nothing => Vec::new(),
            _ => self.steps_from(text, 0),
        }
    }

    fn steps_from(&self, mut bytes: Vec<u8>, head: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.delay.is_zero() {
            steps.push(Step::Wait(self.delay));
        }
        match self.body {
            Body::Whole => steps.push(Step::Write(bytes)),
            Body::Nothing => steps.push(Step::FallSilent),
            Body::CloseBefore => steps.push(Step::Close),
            Body::CloseAfter => steps.extend([Step::Write(bytes), Step::Close]),
            Body::Cut(at) => {
                let n_bytes = bytes.len() - head;
                let at = at.unwrap_or(n_bytes / 2).min(n_bytes);
                bytes.truncate(boundary(&bytes, head + at));
                steps.extend([Step::Write(bytes), Step::Close]);
            }
            Body::Drip(pause) => {
                let body = bytes.split_off(head);
                steps.extend([Step::Write(bytes), Step::Drip(body.into(), pause)]);
            }
        }
        steps
    }
}

/// The end of the last whole character before.
fn boundary(bytes: &[u8], mut at: usize) -> usize {
    while at > 0 && bytes.get(at).is_some_and(|it| it & 0xC0 == 0x80) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Faults, Place};
    use super::*;

    const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";

    fn passage(whats: &[&str]) -> Passage {
        let faults = whats.iter().map(|it| format!("connect:{it}"));
        let faults: Vec<Fault> = faults.map(|it| it.parse().unwrap()).collect();
        let now = std::time::Instant::now();
        Faults::new(faults, 0, now)
            .meet(now, Place::Connect)
            .passage()
    }

    fn written(text: &str) -> Step {
        Step::Write(text.as_bytes().to_vec())
    }

    #[test]
    fn a_response_is_written_in_the_steps_of_its_fault() {
        let ms = Duration::from_millis;
        let head = &RESPONSE[..RESPONSE.len() - 4];
        for (whats, expected) in [
            (&[][..], vec![written(RESPONSE)]),
            (&["drop"], vec![Step::FallSilent]),
            (&["delay=1ms"], vec![Step::Wait(ms(1)), written(RESPONSE)]),
            (
                &["delay=1ms", "delay=2ms", "close=before"],
                vec![Step::Wait(ms(3)), Step::Close],
            ),
            (&["close=after"], vec![written(RESPONSE), Step::Close]),
            (&["cut"], vec![written(&format!("{head}bo")), Step::Close]),
            (&["cut=0"], vec![written(head), Step::Close]),
            (&["cut=99"], vec![written(RESPONSE), Step::Close]),
        ] {
            assert_eq!(passage(whats).steps(RESPONSE.into()), expected, "{whats:?}");
        }
        let body = b"body".to_vec();
        let drip = [written(head), Step::Drip(body.into(), ms(5))];
        assert_eq!(passage(&["drip=5ms"]).steps(RESPONSE.into()), drip);
    }

    #[test]
    fn a_frame_is_whole_whatever_is_in_it() {
        let steps = |what| passage(&[what]).frame_steps("[\u{e9}]".to_owned());
        assert_eq!(steps("drop"), []);
        assert_eq!(
            steps("cut"),
            [written("[\u{e9}"[..1].as_ref()), Step::Close]
        );
        assert_eq!(
            steps("drip=5ms"),
            [Step::Wait(Duration::from_millis(20)), written("[\u{e9}]")]
        );
        assert_eq!(steps("close=after"), [written("[\u{e9}]"), Step::Close]);
    }

    #[test]
    fn several_messages_share_their_response() {
        let both = passage(&["delay=1ms"]).and(passage(&["delay=2ms", "cut", "infinity"]));
        assert_eq!(both, passage(&["delay=3ms", "cut", "infinity"]));
        assert_eq!(
            passage(&["drop"]).and(Passage::default()),
            passage(&["drop"])
        );
        assert!(Passage::default().is_sound() && !both.is_sound());
    }
}
