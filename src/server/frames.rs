//! Frames of websockets, each made once however many clients get it.

use std::sync::Arc;

use tungstenite::protocol::frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::protocol::{Message, encode};

/// Makes frames. A broadcast asks for the same one again and again, so the last is kept.
#[derive(Default)]
pub(super) struct Frames {
    last: Option<Frame>,
}

struct Frame {
    messages: Vec<Arc<Message>>,
    bytes: Arc<[u8]>,
}

/// A longer one is not worth the memory that keeping it takes.
const LONGEST_KEPT: usize = 64 * 1024;

impl Frames {
    /// The text frame with these messages, header and all.
    pub(super) fn of(&mut self, messages: &[Arc<Message>]) -> Arc<[u8]> {
        if let Some(last) = self.last.as_ref().filter(|it| it.is_of(messages)) {
            return Arc::clone(&last.bytes);
        }
        let text = encode(messages.iter().map(Arc::as_ref));
        let bytes: Arc<[u8]> = text_frame(text.into()).into();
        self.last = (bytes.len() <= LONGEST_KEPT).then(|| Frame {
            messages: messages.to_vec(),
            bytes: Arc::clone(&bytes),
        });
        bytes
    }
}

/// A frame with this text, header and all.
pub(crate) fn text_frame(text: Vec<u8>) -> Vec<u8> {
    let frame = frame::Frame::message(text, OpCode::Data(Data::Text), true);
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing into memory does not fail.
    let _ = frame.format(&mut bytes);
    bytes
}

impl Frame {
    /// Whether it has these messages, and not just messages with the same text.
    fn is_of(&self, messages: &[Arc<Message>]) -> bool {
        let mut pairs = self.messages.iter().zip(messages);
        self.messages.len() == messages.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_made_once_for_all_who_get_the_same_messages() {
        let message = |raw| Arc::new(Message::parse(raw).unwrap());
        let (a, b) = (
            message(r#"{"channel":"/a"}"#),
            message(r#"{"channel":"/a"}"#),
        );
        let mut frames = Frames::default();
        let first = frames.of(&[Arc::clone(&a)]);
        assert_eq!(&*first, b"\x81\x12[{\"channel\":\"/a\"}]");
        assert!(Arc::ptr_eq(&first, &frames.of(&[Arc::clone(&a)])));
        let both = frames.of(&[Arc::clone(&a), Arc::clone(&b)]);
        assert_eq!(both.len(), 2 + 2 * 16 + 3);
        // The same text is not the same message.
        assert!(!Arc::ptr_eq(&first, &frames.of(&[b])));
    }
}
