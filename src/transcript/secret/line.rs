//! The pieces of a line, and its octets.

use super::values::SecretFound;
use crate::transcript::{Hole, Piece};

/// The pieces of octets with holes at these places, which may overlap.
pub(super) fn with_holes(octets: &[u8], mut found: Vec<SecretFound>) -> Vec<Piece> {
    found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut pieces = Vec::new();
    let mut at = 0;
    for SecretFound { range, hole, .. } in found {
        if range.end <= at {
            continue;
        }
        if range.start >= at {
            pieces.push(Piece::Octets(
                octets.get(at..range.start).unwrap_or_default().to_vec(),
            ));
            pieces.push(Piece::Hole(Hole::Named(hole.to_owned())));
        }
        at = range.end;
    }
    pieces.push(Piece::Octets(octets.get(at..).unwrap_or_default().to_vec()));
    pieces.retain(|piece| !matches!(piece, Piece::Octets(octets) if octets.is_empty()));
    pieces
}

/// The pieces with open octets before them.
pub(super) fn joined(open: &[u8], after: Vec<Piece>) -> Vec<Piece> {
    Piece::joined(std::iter::once(Piece::Octets(open.to_vec())).chain(after))
}

/// The text of pieces, in which a hole shows its name.
pub(crate) fn named(pieces: &[Piece]) -> String {
    String::from_utf8_lossy(&Piece::named(pieces)).into_owned()
}

/// What represents a hole where only octets will do: in no verb, no name and no base64, and too
/// long to be two typing errors.
pub(super) const STAND_IN: &[u8] = &[HOLE; 8];

pub(super) const HOLE: u8 = 0x1a;

/// The octets of a line (without line end), with octets that no one types for each hole.
pub(crate) fn flat(pieces: &[Piece]) -> Vec<u8> {
    let mut line = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Octets(octets) => line.extend_from_slice(octets),
            Piece::Hole(_) => line.extend_from_slice(STAND_IN),
        }
    }
    line
}

/// The pieces before and after an octet offset of [`flat`].
pub(super) fn split(pieces: Vec<Piece>, at: usize) -> (Vec<Piece>, Vec<Piece>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut passed = 0;
    for piece in pieces {
        let length = match &piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Hole(_) => STAND_IN.len(),
        };
        match piece {
            piece if passed >= at => after.push(piece),
            Piece::Octets(mut octets) if passed + length > at => {
                let rest = octets.split_off(at - passed);
                before.push(Piece::Octets(octets));
                after.push(Piece::Octets(rest));
            }
            piece => before.push(piece),
        }
        passed += length;
    }
    (before, after)
}
