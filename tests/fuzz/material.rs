//! What the targets make of the octets that the fuzzer gives them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use poptalk::transcript::text;
use poptalk::pop3::tracker::{LineEnd, Side};
use poptalk::transcript::{Item, Piece, Row};

/// Octets as items, whatever they are: a line that breaks the format is one of the server, as it
/// is. So a transcript is good material, and what a mutation makes of it is as good.
pub fn items(octets: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match text::parse(line) {
            Ok(parsed) => items.extend(parsed.items),
            Err(_) => items.push(Item::Row(Row::new(
                Side::Server,
                0,
                [Piece::Octets(line.to_vec())],
                LineEnd::None,
            ))),
        }
    }
    items
}

/// The octets that both sides say in turn; a hole is no octet.
pub fn turns(items: &[Item]) -> Vec<(Side, Vec<u8>)> {
    let mut turns: Vec<(Side, Vec<u8>)> = Vec::new();
    for item in items {
        let Item::Row(row) = item else { continue };
        let mut octets = Vec::new();
        for piece in &row.pieces {
            if let Piece::Octets(piece) = piece {
                octets.extend_from_slice(piece);
            }
        }
        octets.extend_from_slice(row.end.octets());
        match turns.last_mut() {
            Some((side, before)) if *side == row.side => before.extend_from_slice(&octets),
            _ => turns.push((row.side, octets)),
        }
    }
    turns
}

/// The file that holds these items.
pub fn print(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        text::print_item(&mut out, item);
    }
    out
}

/// Two parts of the octets: before and behind the first line `=====`, or two halves.
pub fn halves(octets: &[u8]) -> (&[u8], &[u8]) {
    let mark = b"\n=====\n";
    match octets.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&octets[..at + 1], &octets[at + mark.len()..]),
        None => octets.split_at(octets.len() / 2),
    }
}

/// Cuts octets into slices of any size, the same ones for the same material.
pub struct Knife(u64);

impl Knife {
    /// A knife that this material moves.
    pub fn new(octets: &[u8]) -> Self {
        let mix = |seed: u64, octet: &u8| (seed ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
        Self(octets.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1)
    }

    /// A number below `limit`, or 0.
    pub fn number(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// The slices, none of them empty.
    pub fn slices<'a>(&mut self, mut octets: &'a [u8]) -> Vec<&'a [u8]> {
        let mut slices = Vec::new();
        while !octets.is_empty() {
            // Mostly short, at times a lot.
            let most = if self.number(8) == 0 {
                octets.len()
            } else {
                12
            };
            let (slice, rest) = octets.split_at((1 + self.number(most)).min(octets.len()));
            slices.push(slice);
            octets = rest;
        }
        slices
    }
}

/// Whether text drives a terminal or hides what it says; a line feed is allowed.
pub fn is_unsafe(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// A file in memory. Clones are the same file.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// What is in it.
    pub fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Memory {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
