//! What the fuzz targets reach of what a master sends, in builds of theirs alone.

use std::mem::{Discriminant, discriminant};

use super::message::FromMaster;
use super::zmtp::{Incoming, Item, LinkError};

/// Reads the bytes of a connection at once and in pieces, of which the first byte tells the
/// size: what comes of them has to be the same. Each message is read, and so are the bytes as one.
pub fn frames(bytes: &[u8]) {
    let Some((&size, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = read(bytes.chunks(bytes.len().max(1)));
    let pieces = read(bytes.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
    let messages = whole.0.iter().filter_map(|it| match it {
        Item::Message(message) => Some(message.as_slice()),
        Item::Greeting | Item::Ready => None,
    });
    for message in messages.chain([bytes]) {
        // What it says does not matter here.
        let _ = FromMaster::decode(message);
    }
}

/// What was read, and what kind of error ended it: of a server of something else, an error tells
/// as much as has come.
fn read<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Item>, Option<Discriminant<LinkError>>) {
    let mut incoming = Incoming::default();
    let mut items = Vec::new();
    for piece in pieces {
        incoming.push(piece);
        loop {
            match incoming.next() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(discriminant(&error))),
            }
        }
    }
    (items, None)
}
