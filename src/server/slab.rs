//! A table whose keys are the tokens that the system tells events with.

use mio::Token;

/// Values by their tokens. A token that was removed is given again.
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The token that the next value gets.
    pub(crate) fn next_token(&self) -> Token {
        Token(self.free.last().copied().unwrap_or(self.values.len()))
    }

    pub(crate) fn insert(&mut self, value: T) -> Token {
        let token = self.next_token();
        match self.free.pop() {
            Some(at) => self.values[at] = Some(value),
            None => self.values.push(Some(value)),
        }
        token
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.values.get_mut(token.0)?.as_mut()
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        let value = self.values.get_mut(token.0)?.take()?;
        self.free.push(token.0);
        if self.is_empty() {
            // After a flood its table is not kept.
            *self = Self::new();
        }
        Some(value)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.free.clear();
        std::mem::take(&mut self.values).into_iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_given_again() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.next_token(), a);
        assert_eq!(slab.insert('c'), a);
        assert_eq!(slab.get_mut(b), Some(&mut 'b'));
        assert_eq!(slab.drain().collect::<String>(), "cb");
        assert_eq!(slab.len(), 0);
    }
}
