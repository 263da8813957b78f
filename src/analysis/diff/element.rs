//! What is brought side by side: a part of a dialogue with its key.

use super::align::Alike;
use super::uidl::Numbers;
use crate::pop3::command::{ArgumentKind, Words};
use crate::reading::dialogue::{Exchange, Part, fits};
use crate::transcript::Piece;

#[derive(Debug)]
pub(super) struct Element {
    pub(super) part: Part,
    key: Vec<u8>,
}

impl Element {
    /// With `numbers` the message numbers in its key are those of the other recording.
    pub(super) fn new(part: Part, numbers: Option<&Numbers>) -> Self {
        let key = match &part {
            Part::Exchange(exchange) => key(exchange, numbers),
            Part::Unrequested(_) => b"unrequested".to_vec(),
            Part::Injected(_) => b"injected".to_vec(),
            Part::Event(event) => format!("event {:?}", event.kind).into_bytes(),
            Part::AnyRows(place) => format!("any rows {}", place.row).into_bytes(),
        };
        Self { part, key }
    }

    fn command(&self) -> Option<&[Piece]> {
        match &self.part {
            Part::Exchange(exchange) => {
                exchange.command.as_ref().map(|line| line.pieces.as_slice())
            }
            _ => None,
        }
    }
}

impl Alike for Element {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn weight(&self) -> usize {
        let lines = match &self.part {
            Part::Exchange(exchange) => 2 + exchange.sasl.len(),
            _ => 1,
        };
        256 + lines * 256
    }

    fn fits(&self, new: &Self) -> bool {
        self.key == new.key
            || matches!((self.command(), new.command()), (Some(old), Some(new)) if fits(old, new))
    }
}

/// The verb, and the arguments that are no secret: what a command is, however it was typed.
fn key(exchange: &Exchange, numbers: Option<&Numbers>) -> Vec<u8> {
    let Some(command) = &exchange.command else {
        return if exchange.is_greeting {
            b"greeting".to_vec()
        } else {
            b"message".to_vec()
        };
    };
    let mut key = b"C".to_vec();
    let line = Piece::named(&command.pieces);
    let row = exchange.sent.as_ref().and_then(|sent| sent.command());
    let verb_words = row.map_or(1, |row| row.verb_words());
    for (index, word) in Words::of(&line).enumerate() {
        let kind = index
            .checked_sub(verb_words)
            .and_then(|index| row.and_then(|row| row.args.get(index)))
            .map(|arg| arg.kind);
        key.push(b' ');
        match kind {
            Some(ArgumentKind::Secret(_)) => break,
            Some(ArgumentKind::Message) => key.extend(Numbers::mapped(numbers, word).iter()),
            Some(ArgumentKind::Mechanism) => key.extend(word.to_ascii_uppercase()),
            _ if index < verb_words => key.extend(word.to_ascii_uppercase()),
            _ => key.extend(word),
        }
    }
    // What is behind the part that is kept; of a command with a secret nobody looks there.
    if !command.is_whole() && row.is_none() {
        key.extend(command.digest);
    }
    key
}
