//! Matches octets against a row with holes, in linear time.

use memchr::memmem;

use crate::transcript::Piece;

/// A row with holes as a pattern: each hole represents any octets, none included.
///
/// The octets between two holes are looked for from the left, once: finding an earlier place never
/// makes a match fail, so nothing is tried twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matcher<'a> {
    pieces: &'a [Piece],
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(pieces: &'a [Piece]) -> Self {
        Self { pieces }
    }

    /// Whether the octets of a line (without line end) fit.
    pub(crate) fn fits(&self, octets: &[u8]) -> bool {
        let mut pieces = self.pieces;
        let mut rest = octets;
        if let [Piece::Octets(first), after @ ..] = pieces {
            let Some(cut) = rest.strip_prefix(first.as_slice()) else {
                return false;
            };
            rest = cut;
            pieces = after;
            if pieces.is_empty() {
                return rest.is_empty();
            }
        }
        if pieces.is_empty() {
            return rest.is_empty();
        }
        if let [after @ .., Piece::Octets(last)] = pieces {
            let Some(cut) = rest.strip_suffix(last.as_slice()) else {
                return false;
            };
            rest = cut;
            pieces = after;
        }
        for piece in pieces {
            if let Piece::Octets(middle) = piece {
                let Some(at) = memmem::find(rest, middle) else {
                    return false;
                };
                rest = rest.get(at + middle.len()..).unwrap_or_default();
            }
        }
        true
    }
}

/// Whether two lines are the same where neither has a hole. A hole of the other line is text like
/// any other when both have some.
pub(crate) fn fits(old: &[Piece], new: &[Piece]) -> bool {
    if old == new {
        return true;
    }
    match (has_hole(old), has_hole(new)) {
        (false, false) => false,
        (true, _) => Matcher::new(old).fits(&Piece::named(new)),
        (false, true) => Matcher::new(new).fits(&Piece::named(old)),
    }
}

fn has_hole(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Hole(_)))
}
