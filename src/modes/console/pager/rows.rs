//! Where the pager is in a spool, and which rows of text the screen shows there.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use crate::base::escape;
use crate::modes::console::spool::{SearchTerm, Spool, SpoolLine};

/// What comes before a row that continues with the line of the row above it.
pub(super) const MARK: &str = "↳ ";

/// The columns of [`MARK`].
const INDENT: usize = 2;

/// A place between two rows: how many lines are above it, and how many octets of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct RowPlace {
    pub(super) line: u64,
    pub(super) octets: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScreenRow {
    /// The line it belongs to, long lines counted once.
    pub(super) whole: u64,
    /// Where its octets are in the spool; the line end belongs to them.
    pub(super) place: Range<u64>,
    pub(super) octets: Vec<u8>,
    pub(super) matches: Vec<Range<usize>>,
    pub(super) is_continuation: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ScreenRows<'a> {
    pub(super) spool: &'a Spool,
    pub(super) columns: usize,
}

impl ScreenRows<'_> {
    /// The columns that come before a row, and those that are left for its octets.
    pub(super) fn margins(&self, is_continuation: bool) -> (usize, usize) {
        // On a screen that is no wider than this the mark would take too much of it.
        let indent = if is_continuation && self.columns >= 8 * INDENT {
            INDENT
        } else {
            0
        };
        (indent, self.columns - indent)
    }

    /// The rows from `top` on.
    pub(super) fn at(
        &self,
        top: RowPlace,
        count: usize,
        needle: Option<&SearchTerm>,
    ) -> io::Result<Vec<ScreenRow>> {
        let mut rows = Vec::new();
        let mut lines = self.spool.lines(top.line)?;
        while rows.len() < count {
            let Some(line) = lines.read()? else {
                break;
            };
            let (start, after) = (line.start, lines.next.offset);
            let octets = line.into_shown();
            let matches = needle.map_or_else(Vec::new, |needle| needle.matches(&octets));
            let parts = self.cut(&octets, start.is_continuation);
            for (index, part) in parts.iter().enumerate() {
                let is_above = start.line == top.line && part.end <= top.octets && part.end > 0;
                if is_above || rows.len() == count {
                    continue;
                }
                let upto = match parts.get(index + 1) {
                    Some(next) => start.offset + next.start as u64,
                    None => after,
                };
                rows.push(ScreenRow {
                    whole: start.whole,
                    place: start.offset + part.start as u64..upto,
                    octets: octets.get(part.clone()).unwrap_or_default().to_vec(),
                    matches: within(&matches, part),
                    is_continuation: start.is_continuation || index > 0,
                });
            }
        }
        Ok(rows)
    }

    /// The place `count` rows further down, but not further than the last screen of `height` rows.
    pub(super) fn down(&self, top: RowPlace, count: usize, height: usize) -> io::Result<RowPlace> {
        let last = self.last_screen(height)?;
        let mut places = self.places(top, top.line.saturating_add(count as u64))?;
        places.retain(|place| *place > top);
        let target = places.get(count.saturating_sub(1)).copied();
        Ok(target.map_or(last, |target| target.min(last)).max(top))
    }

    /// The place `count` rows further up.
    pub(super) fn up(&self, top: RowPlace, count: usize) -> io::Result<RowPlace> {
        let from = RowPlace {
            line: top.line.saturating_sub(count as u64),
            octets: 0,
        };
        let mut before: VecDeque<RowPlace> = VecDeque::new();
        for place in self.places(from, top.line)? {
            if place >= top {
                break;
            }
            before.push_back(place);
            if before.len() > count {
                before.pop_front();
            }
        }
        Ok(before.front().copied().unwrap_or(top))
    }

    /// The place from where on the rest fills `height` rows.
    pub(super) fn last_screen(&self, height: usize) -> io::Result<RowPlace> {
        let end = RowPlace {
            line: self.spool.progress().lines,
            octets: 0,
        };
        self.up(end, height)
    }

    /// The place before the row that holds the octet at `offset`.
    pub(super) fn of(&self, offset: u64) -> io::Result<RowPlace> {
        let start = self.spool.line_of(offset)?;
        let mut lines = self.spool.lines(start.line)?;
        let octets = lines.read()?.map_or_else(Vec::new, SpoolLine::into_shown);
        let inside = offset.saturating_sub(start.offset);
        let parts = self.cut(&octets, start.is_continuation);
        let part = parts.iter().rfind(|part| part.start as u64 <= inside);
        Ok(RowPlace {
            line: start.line,
            octets: part.map_or(0, |part| part.start),
        })
    }

    /// `place`, moved up to the start of its row: on a screen of another width the rows are others.
    pub(super) fn snap(&self, place: RowPlace) -> io::Result<RowPlace> {
        let mut places = self.places(RowPlace { octets: 0, ..place }, place.line)?;
        places.retain(|start| *start <= place);
        Ok(places.last().copied().unwrap_or(place))
    }

    /// The places before the rows from line `from.line` up to line `last`.
    fn places(&self, from: RowPlace, last: u64) -> io::Result<Vec<RowPlace>> {
        let mut places = Vec::new();
        let mut lines = self.spool.lines(from.line)?;
        while lines.next.line <= last {
            let Some(line) = lines.read()? else {
                break;
            };
            let start = line.start;
            let parts = self.cut(&line.into_shown(), start.is_continuation);
            places.extend(parts.iter().map(|part| RowPlace {
                line: start.line,
                octets: part.start,
            }));
        }
        Ok(places)
    }

    /// Cuts a line into rows; an empty line is one row.
    fn cut(&self, octets: &[u8], is_continuation: bool) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(rest) = octets.get(at..) {
            let (_, width) = self.margins(is_continuation || at > 0);
            let end = at + escape::fit(rest, width);
            parts.push(at..end);
            at = end;
            if at == octets.len() {
                break;
            }
        }
        parts
    }
}

/// The parts of `matches` that are in `part`, counted from its start.
fn within(matches: &[Range<usize>], part: &Range<usize>) -> Vec<Range<usize>> {
    matches
        .iter()
        .map(|found| {
            let start = found.start.clamp(part.start, part.end);
            start - part.start..found.end.clamp(start, part.end) - part.start
        })
        .filter(|found| !found.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spool(octets: &[u8]) -> Spool {
        let spool = Spool::new().unwrap();
        assert!(spool.append(octets).is_none());
        spool
    }

    fn shown(rows: ScreenRows<'_>, top: RowPlace, count: usize) -> Vec<String> {
        let text = |row: ScreenRow| String::from_utf8_lossy(&row.octets).into_owned();
        rows.at(top, count, None)
            .unwrap()
            .into_iter()
            .map(text)
            .collect()
    }

    #[test]
    fn long_lines_wrap_and_their_rows_are_marked() {
        let spool = spool(b"short\r\n0123456789abcdefghij0123\r\n\r\nbare\n");
        let rows = ScreenRows {
            spool: &spool,
            columns: 16,
        };
        let top = RowPlace::default();
        let texts = ["short", "0123456789abcdef", "ghij0123", "", "bare\n"];
        assert_eq!(shown(rows, top, 9), texts);
        let marks: Vec<bool> = rows
            .at(top, 9, None)
            .unwrap()
            .iter()
            .map(|row| row.is_continuation)
            .collect();
        assert_eq!(marks, [false, false, true, false, false]);
        let top = rows.down(top, 2, 2).unwrap();
        assert_eq!(shown(rows, top, 2), ["ghij0123", ""]);
        assert_eq!(shown(rows, rows.up(top, 1).unwrap(), 1), [texts[1]]);
        assert_eq!(rows.up(top, 100).unwrap(), RowPlace::default());
        let last = rows.down(top, 100, 3).unwrap();
        assert_eq!(shown(rows, last, 9), texts[2..]);
    }

    #[test]
    fn a_match_across_two_rows_is_marked_in_both() {
        let spool = spool(b"0123456789abcdefghij\r\n");
        let rows = ScreenRows {
            spool: &spool,
            columns: 16,
        };
        let needle = SearchTerm::new(b"efgh").unwrap();
        let found = rows.at(RowPlace::default(), 9, Some(&needle)).unwrap();
        let matches: Vec<_> = found.iter().flat_map(|row| row.matches.clone()).collect();
        assert_eq!(matches, [14..16, 0..2]);
        assert_eq!(found[1].place, 16..22);
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            3 => "[a-z\t]{0,60}".prop_map(String::into_bytes),
            3 => Just(b"\r\n".to_vec()),
            1 => Just(b"\n".to_vec()),
            1 => "[é日😀\u{301}\u{202e}]{1,20}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
            1 => Just(vec![b'x'; 9000]),
        ];
        proptest::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_hold_every_octet_in_order(octets in octets(), columns in 8..40usize) {
            let spool = spool(&octets);
            let rows = ScreenRows { spool: &spool, columns };
            let mut at = 0;
            for row in rows.at(RowPlace::default(), usize::MAX, None).unwrap() {
                prop_assert_eq!(row.place.start, at);
                let part = &octets[row.place.start as usize..row.place.end as usize];
                prop_assert!(part.starts_with(&row.octets));
                prop_assert!(matches!(&part[row.octets.len()..], b"" | b"\r\n"));
                at = row.place.end;
            }
            prop_assert_eq!(at, octets.len() as u64);
        }

        #[test]
        fn up_undoes_down(octets in octets(), columns in 8..40usize, steps in 1..50usize, height in 1..30usize) {
            let spool = spool(&octets);
            let rows = ScreenRows { spool: &spool, columns };
            let all = rows.at(RowPlace::default(), usize::MAX, None).unwrap();
            let top = rows.down(RowPlace::default(), steps, height).unwrap();
            let index = steps.min(all.len().saturating_sub(height));
            let below = rows.at(top, usize::MAX, None).unwrap();
            prop_assert_eq!(&below, &all[index..]);
            prop_assert_eq!(rows.up(top, index).unwrap(), RowPlace::default());
            if let Some(row) = below.first() {
                prop_assert_eq!(rows.of(row.place.start).unwrap(), top);
                prop_assert_eq!(rows.of(row.place.end - 1).unwrap(), top);
                prop_assert_eq!(rows.snap(top).unwrap(), top);
            }
        }
    }
}
