//! Finds where one of many texts may begin, in one pass however many there are: by their first four
//! octets.

use std::collections::HashMap;

/// How many octets of a text are looked up; no text is shorter.
const START: usize = super::VALUE_MIN;

/// How many bits the filter has, and how many words of 64 bits that is.
const BITS: u32 = 16;
const FILTER: usize = 1 << (BITS - 6);

/// How many starts may be taken out before the filter is made again.
const STALE_MAX: usize = 1024;

/// The texts that are looked for: the number of their value, and which of its needles it is.
///
/// An automaton of all texts would be rebuilt for each new secret. Here a text is added and taken
/// out at once, and nearly all octets are passed over by one look at the filter.
#[derive(Default)]
pub(super) struct ValueIndex {
    filter: Vec<u64>,
    texts: HashMap<[u8; START], Vec<(u64, usize)>>,
    stale: usize,
}

impl ValueIndex {
    /// Adds a text of at least [`START`] octets.
    pub(super) fn add(&mut self, text: &[u8], value: u64, needle: usize) {
        let Some(start) = text.first_chunk() else {
            return;
        };
        self.mark(*start);
        self.texts.entry(*start).or_default().push((value, needle));
    }

    pub(super) fn remove(&mut self, text: &[u8], value: u64) {
        let Some(start) = text.first_chunk() else {
            return;
        };
        let Some(texts) = self.texts.get_mut(start) else {
            return;
        };
        texts.retain(|(of, _)| *of != value);
        if !texts.is_empty() {
            return;
        }
        self.texts.remove(start);
        self.stale += 1;
        if self.stale >= STALE_MAX {
            self.stale = 0;
            self.filter.clear();
            let starts: Vec<_> = self.texts.keys().copied().collect();
            for start in starts {
                self.mark(start);
            }
        }
    }

    fn mark(&mut self, start: [u8; START]) {
        if self.filter.is_empty() {
            self.filter = vec![0; FILTER];
        }
        let (word, bit) = place(u32::from_le_bytes(start));
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
    }

    /// Hands out where a text may begin in `octets`, read through `fold`, with its value and its
    /// needle.
    pub(super) fn candidates(
        &self,
        octets: &[u8],
        fold: impl Fn(u8) -> u8,
        mut found: impl FnMut(usize, u64, usize),
    ) {
        if self.filter.is_empty() {
            return;
        }
        let mut start = 0_u32;
        for (last, octet) in octets.iter().enumerate() {
            start = start >> 8 | u32::from(fold(*octet)) << 24;
            let Some(at) = (last + 1).checked_sub(START) else {
                continue;
            };
            let (word, bit) = place(start);
            let is_marked = self.filter.get(word).is_some_and(|word| word & bit != 0);
            let texts = is_marked.then(|| self.texts.get(&start.to_le_bytes()));
            for (value, needle) in texts.flatten().into_iter().flatten() {
                found(at, *value, *needle);
            }
        }
    }
}

/// The word of the filter and the bit in it for a start.
fn place(start: u32) -> (usize, u64) {
    let hash = start.wrapping_mul(0x9e37_79b1) >> (32 - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &ValueIndex, text: &str) -> Vec<(usize, u64, usize)> {
        let mut all = Vec::new();
        index.candidates(
            text.as_bytes(),
            |octet| octet,
            |at, value, needle| {
                all.push((at, value, needle));
            },
        );
        all
    }

    #[test]
    fn each_text_is_found_where_it_begins() {
        let mut index = ValueIndex::default();
        assert!(found(&index, "geheim").is_empty());
        index.add(b"geheim", 7, 0);
        index.add(b"geheimnis", 8, 2);
        index.add(b"abc", 9, 0);
        assert_eq!(found(&index, "x geheim"), [(2, 7, 0), (2, 8, 2)]);
        assert!(found(&index, "gehe").len() == 2 && found(&index, "geh").is_empty());
        index.remove(b"geheim", 7);
        assert_eq!(found(&index, "geheim geheim"), [(0, 8, 2), (7, 8, 2)]);
    }

    #[test]
    fn what_was_taken_out_many_times_leaves_the_rest() {
        let mut index = ValueIndex::default();
        index.add(b"stays", 0, 0);
        for number in 1..3000_u64 {
            let text = format!("{number:08}");
            index.add(text.as_bytes(), number, 0);
            index.remove(text.as_bytes(), number);
        }
        assert_eq!(found(&index, "it stays"), [(3, 0, 0)]);
        assert!(index.texts.len() == 1);
    }
}
