//! Sessions in which a probe closed because the replies no longer matched the commands: one finding
//! names the fault, and what later replies break as replies to the wrong commands is not reported.

use super::Finding;
use crate::analysis::finding::Level;
use crate::pop3::tracker::Side;
use crate::transcript::event::Event;
use crate::transcript::{Item, Row};

/// The rules that name such a fault; the first broken one is reported.
pub(crate) const NAMES: &[&str] = &["single-answered-multi", "status-twice", "unsolicited-data"];

#[derive(Debug, Default)]
pub(super) struct CutFinder {
    /// The row of the first command after the server's last line before a command.
    first: usize,
    /// Whether the server has sent anything since.
    is_answered: bool,
    is_out: bool,
}

impl CutFinder {
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
                self.is_out |= Event::parse(text).is_out_of_step();
            }
            _ => {}
        }
    }

    /// Keeps one finding of those from the place on. Security findings are always kept.
    pub(super) fn apply(&self, findings: &mut Vec<Finding>) {
        if !self.is_out {
            shifted(findings);
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

/// The rules that replies break if they follow a different command.
const MISFITS: &[&str] = &[
    "list-malformed",
    "number-out-of-range-accepted",
    "number-zero-accepted",
    "quit-err",
    "required-command-refused",
    "stat-malformed",
    "status-missing",
    "uidl-malformed",
    "unknown-command-ok",
    "wrong-state-accepted",
];

/// A recording with a surplus reply from some place on: QUIT has two replies, and several before it
/// do not match. One finding says so, and the replies in between are not blamed for anything else.
/// Security findings stay, and so does what the client did.
fn shifted(findings: &mut Vec<Finding>) {
    let is_spare = |one: &&Finding| {
        let is_status = one.octets.starts_with("+OK") || one.octets.starts_with("-ERR");
        one.id == "data-after-quit" && is_status
    };
    let Some(spare) = findings.iter().find(is_spare).cloned() else {
        return;
    };
    let misfits = || findings.iter().filter(|one| MISFITS.contains(&one.id));
    let Some(first) = misfits().filter_map(|one| one.row).min() else {
        return;
    };
    // A single reply that does not match may be a separate fault, next to a farewell in two lines.
    if misfits().map(|one| one.count).sum::<u64>() < 2 {
        return;
    }
    let is_before = |one: &Finding| one.row.is_some_and(|row| row < first);
    let is_named = |one: &Finding| is_before(one) && NAMES.contains(&one.id);
    let has_name = findings.iter().any(is_named);
    findings.retain(|one| {
        let is_clients = super::rule(one.id).is_some_and(super::is_about_client);
        is_before(one) || is_clients || matches!(one.level, Level::Security | Level::Info)
    });
    if let Some(rule) = super::rule("status-twice").filter(|_| !has_name) {
        findings.push(Finding {
            id: rule.id,
            level: rule.level,
            message: format!(
                "the server sent more replies than there were commands: they do not match from row {first} on"
            ),
            hint: Some(rule.hint.to_owned()),
            source: rule.source,
            ..spare
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::lint::{Lint, judge};
    use crate::transcript::text::Reader;

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
    fn a_recording_whose_replies_are_one_too_many_is_one_fault() {
        // Seen: INetSim 1.3.2, LIST 0; what it sent after the next command had gone out.
        let login = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
        let listing = "C: LIST 0\nS: +OK 2 messages\nC: LIST 999999999\nS: 1 53\nS: 2 70\nS: .\n";
        let rest = "C: NOOP\nS: -ERR no such message\nC: STAT\nS: +OK\nC: QUIT\nS: +OK 2 123\nS: +OK bye\n";
        let (found, _) = found(&format!("{login}{listing}{rest}"));
        let musts: Vec<_> = found
            .iter()
            .filter(|id| crate::analysis::lint::rule(id).unwrap().level > super::Level::Info)
            .collect();
        assert_eq!(musts, [&"status-twice"], "{found:?}");
    }

    #[test]
    fn a_farewell_in_two_lines_hides_no_fault() {
        let rows = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK many\nC: QUIT\nS: +OK\nS: +OK bye\n";
        let (found, _) = found(rows);
        assert!(found.contains(&"stat-malformed") && found.contains(&"data-after-quit"));
    }

    #[test]
    fn what_was_found_before_is_kept() {
        let login = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
        let rows = format!("C: foo\nS: +OK\n{login}C: STAT\nS: +OK in\nS: +OK 2 320\n");
        let (_, kept) = found(&rows);
        assert_eq!(kept, ["unknown-command-ok", "status-twice"]);
    }
}
