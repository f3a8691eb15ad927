//! What waits for a session, and how much that is.

use std::mem;
use std::ops::Add;
use std::sync::Arc;

use crate::protocol::Message;

/// Messages that one response delivers at the most.
const MOST_IN_A_RESPONSE: usize = 1000;

/// What waits for a session.
#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: Vec<Arc<Message>>,
    n_bytes: usize,
    /// What follows the next message that comes, by the fault `reorder`.
    late: Option<Arc<Message>>,
}

impl Queue {
    pub(super) fn push(&mut self, message: &Arc<Message>) {
        self.messages.push(Arc::clone(message));
        self.n_bytes += message.raw().len();
        self.give_up_waiting();
    }

    /// Adds a message that is to come after the next one.
    pub(super) fn push_late(&mut self, message: &Arc<Message>) {
        match self.late {
            Some(_) => self.push(message),
            None => self.late = Some(Arc::clone(message)),
        }
    }

    /// Takes what waits for the next message, if no other comes.
    pub(super) fn give_up_waiting(&mut self) {
        if let Some(late) = self.late.take() {
            self.push(&late);
        }
    }

    /// Takes what goes into one response. The rest stays for the next connect, which is not
    /// held while something waits: a client that was slow gets many responses and not a huge
    /// one.
    pub(super) fn take(&mut self) -> Vec<Arc<Message>> {
        if self.messages.len() <= MOST_IN_A_RESPONSE {
            return self.take_all();
        }
        let rest = self.messages.split_off(MOST_IN_A_RESPONSE);
        let taken = mem::replace(&mut self.messages, rest);
        self.n_bytes -= Size::of(&taken).n_bytes;
        taken
    }

    pub(super) fn take_all(&mut self) -> Vec<Arc<Message>> {
        self.n_bytes = 0;
        mem::take(&mut self.messages)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Puts messages before all others that wait: they have to leave once more.
    pub(super) fn put_back(&mut self, messages: Vec<Arc<Message>>) {
        self.n_bytes += Size::of(&messages).n_bytes;
        self.messages.splice(0..0, messages);
    }

    pub(super) fn size(&self) -> Size {
        Size {
            n_messages: self.messages.len(),
            n_bytes: self.n_bytes,
        }
    }
}

/// How many messages, and how many bytes of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Size {
    pub(super) n_messages: usize,
    pub(super) n_bytes: usize,
}

impl Size {
    pub(super) fn of(messages: &[Arc<Message>]) -> Self {
        Self {
            n_messages: messages.len(),
            n_bytes: messages.iter().map(|it| it.raw().len()).sum(),
        }
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            n_messages: self.n_messages + other.n_messages,
            n_bytes: self.n_bytes + other.n_bytes,
        }
    }
}
