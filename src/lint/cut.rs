//! Where a probe left because the replies did not fit the commands any more: one finding names the fault, and what each later reply
//! breaks as the reply to the wrong command is not told.

use super::Finding;
use crate::event::{EventKind, OUT_OF_STEP};
use crate::finding::Level;
use crate::tracker::Side;
use crate::transcript::{Item, Row};

/// The rules that name such a fault, the first one that was broken.
pub const NAMES: &[&str] = &["single-answered-multi", "status-twice", "unsolicited-data"];

/// Looks for the place.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// The first command behind the last line of the server that came before a command.
    first: usize,
    /// The server has said something since.
    is_answered: bool,
    is_out: bool,
}

impl Cut {
    /// Takes the item in this row.
    pub(super) fn see(&mut self, row: usize, item: &Item) {
        match item {
            Item::Row(Row {
                side: Side::Client, ..
            }) if std::mem::take(&mut self.is_answered) => self.first = row,
            Item::Row(Row {
                side: Side::Client, ..
            }) => {}
            Item::Row(_) => self.is_answered = true,
            Item::Event(text) => {
                self.is_out |=
                    EventKind::of(text) == EventKind::Closed && text.ends_with(OUT_OF_STEP);
            }
            _ => {}
        }
    }

    /// Leaves one finding of those from the place on. What can harm people is never left out.
    pub(super) fn apply(&self, findings: &mut Vec<Finding>) {
        if !self.is_out {
            return;
        }
        let is_before = |finding: &Finding| finding.row.is_some_and(|row| row < self.first);
        let names = |finding: &Finding| NAMES.contains(&finding.id);
        let is_named = findings.iter().any(|one| is_before(one) && names(one));
        let mut later: Vec<(usize, usize)> = Vec::new();
        for (index, one) in findings
            .iter()
            .enumerate()
            .filter(|(_, one)| !is_before(one))
        {
            let rank = NAMES.iter().position(|id| *id == one.id);
            later.push((rank.unwrap_or(NAMES.len()), index));
        }
        let kept = later.iter().min().filter(|_| !is_named);
        let kept = kept.map(|(_, index)| *index);
        let mut index = 0;
        findings.retain(|one| {
            let is_kept = is_before(one) || one.level == Level::Security || kept == Some(index);
            index += 1;
            is_kept
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::{Lint, judge};
    use crate::text::Reader;

    /// The rules that a session breaks, as it is and as one that was left there.
    fn found(rows: &str) -> (Vec<&'static str>, Vec<&'static str>) {
        let of = |end: &str| {
            let text = format!("* connected 127.0.0.1:110\nS: +OK ready\n{rows}{end}\n");
            let findings = judge(&mut Reader::new(text.as_bytes()), Lint::new());
            findings.unwrap().iter().map(|one| one.id).collect()
        };
        let end = "* closed by client";
        (of(end), of(&format!("{end}: the replies are out of step")))
    }

    #[test]
    fn a_listing_in_place_of_a_line_is_one_fault() {
        let login = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
        let listing = "C: LIST 0\nS: +OK 1 message\nS: 1 53\nS: .\n";
        let (all, one) = found(&format!("{login}{listing}"));
        assert!(all.len() > 1 && all.contains(&"list-malformed"), "{all:?}");
        assert_eq!(one, ["single-answered-multi"]);
    }

    #[test]
    fn what_was_found_before_is_kept() {
        let login = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
        let rows = format!("C: foo\nS: +OK\n{login}C: STAT\nS: +OK in\nS: +OK 2 320\n");
        let (_, kept) = found(&rows);
        assert_eq!(kept, ["unknown-command-ok", "status-twice"]);
    }
}
