//! The lines of a script that wait for their turn.

use zeroize::Zeroizing;

use super::Pacing;

#[derive(Default)]
pub(super) struct SendQueue {
    octets: Zeroizing<Vec<u8>>,
    at: usize,
    pub(super) turns: Option<Pacing>,
}

impl SendQueue {
    pub(super) fn push(&mut self, lines: Zeroizing<Vec<u8>>, turns: Pacing) {
        if self.left() == 0 {
            self.octets = lines;
            self.at = 0;
        } else {
            self.octets.extend_from_slice(&lines);
        }
        self.turns = Some(turns);
    }

    pub(super) fn left(&self) -> usize {
        self.octets.len() - self.at
    }

    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let rest = self.octets.get(self.at..)?;
        let line = rest.get(..=memchr::memchr(b'\n', rest)?)?;
        self.at += line.len();
        Some(line)
    }
}
