//! What several sessions of one run tell together, and no single one can.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{read, reply_to};
use crate::finding::{Finding, Level};
use crate::lint::SHOWN;
use crate::text;
use crate::tracker::Side;
use crate::transcript::{Piece, Row, Transcript};

/// A rule over the sessions of a run.
#[derive(Debug, Clone, Copy)]
pub struct Across {
    /// Its name, as that of any rule.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The document and section.
    pub source: &'static str,
    /// What is required.
    pub says: &'static str,
    /// What the administrator should do.
    pub hint: &'static str,
    /// What was seen, and its octets as text.
    check: fn(&Sessions) -> Option<(String, String)>,
}

/// The transcripts of a run, by probe.
type Sessions = BTreeMap<&'static str, Transcript>;

/// The rules that need more than one session.
pub const ACROSS: &[Across] = &[
    // RFC 1939 §4 leaves the words of the greeting to the server; two kinds of words are two servers.
    Across {
        id: "greeting-varies",
        level: Level::Info,
        source: "RFC 1939 §4",
        says: "each connection reaches the same server",
        hint: "a pool of servers of several versions makes faults that come and go; name the greeting when you report one",
        check: |sessions| {
            let greetings: BTreeSet<String> = sessions
                .values()
                .filter_map(greeting)
                .map(|line| words(&line))
                .collect();
            let shown = greetings.iter().nth(1)?.clone();
            Some((
                format!(
                    "{} greetings that differ in more than numbers",
                    greetings.len()
                ),
                shown,
            ))
        },
    },
    // RFC 1939 §7: the timestamp MUST be different each time the server issues a greeting.
    Across {
        id: "apop-timestamp-reused",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "each greeting has a timestamp of its own",
        hint: "who listened to one APOP can send it again: the timestamp must be new for each connection",
        check: |sessions| {
            let mut seen = BTreeSet::new();
            let mut stamps = sessions
                .values()
                .filter_map(greeting)
                .filter_map(|line| stamp(&line));
            let twice = stamps.find(|stamp| !seen.insert(stamp.clone()))?;
            Some(("two greetings have the same timestamp".to_owned(), twice))
        },
    },
    Across {
        id: "accepts-any-password",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "a wrong password is refused",
        hint: "everybody can read this mailbox: see how the server looks up passwords",
        check: |sessions| {
            let reply = reply_to_pass(sessions.get("09-wrong-password")?)?;
            let is_taken = reply.starts_with("+OK");
            is_taken.then(|| ("a password that nobody has is taken".to_owned(), reply))
        },
    },
    // RFC 2449 §6.5: the server may refuse a login that comes too soon; clients keep to it.
    Across {
        id: "login-delay-not-enforced",
        level: Level::Info,
        source: "RFC 2449 §6.5",
        says: "LOGIN-DELAY is kept to",
        hint: "take LOGIN-DELAY out of the capabilities: it makes clients wait for nothing",
        check: |sessions| {
            let capabilities = reply_to(sessions.get("10-session")?, "CAPA")?;
            let delay = capabilities.into_iter().find(|line| {
                let mut words = line.split(' ');
                words.next() == Some("LOGIN-DELAY")
                    && words.next().is_some_and(|seconds| {
                        seconds.parse().is_ok_and(|seconds: u64| seconds >= 60)
                    })
                    && words.next().is_none()
            })?;
            let logins = ["10-session", "11-deletion", "12-pipelining"];
            let taken = logins
                .iter()
                .filter_map(|name| reply_to_pass(sessions.get(name)?));
            let taken = taken.filter(|reply| reply.starts_with("+OK")).count();
            (taken > 1).then(|| (format!("{taken} logins within seconds were taken"), delay))
        },
    },
    // RFC 1939 §7: the unique-id of a message persists across sessions.
    Across {
        id: "uidl-changes-between-sessions",
        level: Level::Must,
        source: "RFC 1939 §7",
        says: "unique-ids are the same in every session",
        hint: "a client that leaves mail on the server fetches all of it again; store the unique-ids",
        check: |sessions| {
            let listing = |name| {
                let mut lines = reply_to(sessions.get(name)?, "UIDL")?;
                lines.remove(0);
                Some(lines)
            };
            let (first, second) = (listing("10-session")?, listing("11-deletion")?);
            let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
            // New mail may have come: then the lists differ in length, and what was there is still the same.
            let is_changed = first.len() > 1 && same + 1 < first.len().min(second.len());
            let shown = second.first().cloned().unwrap_or_default();
            is_changed.then(|| {
                (
                    "the unique-ids of the second session are not those of the first".to_owned(),
                    shown,
                )
            })
        },
    },
    // RFC 1939 §5: RETR sends a message; only DELE and QUIT remove one.
    Across {
        id: "retr-deletes",
        level: Level::Must,
        source: "RFC 1939 §5",
        says: "a message that was fetched stays until it is deleted",
        hint: "some providers delete what was fetched; who wants to keep mail on the server must look for a setting",
        check: |sessions| {
            fewer(
                sessions,
                "10-session",
                "11-deletion",
                "fetched, and not marked",
            )
        },
    },
    // RFC 1939 §6: without QUIT the server MUST NOT remove any messages.
    Across {
        id: "deleted-without-quit",
        level: Level::Must,
        source: "RFC 1939 §6",
        says: "what was marked stays where the session ends without QUIT",
        hint: "mail is lost when a connection breaks: deletions belong into the UPDATE state, behind QUIT",
        check: |sessions| {
            fewer(
                sessions,
                "11-deletion",
                "12-pipelining",
                "marked, without QUIT",
            )
        },
    },
];

/// Compares the sessions of a run; each finding is about no row, since no file has it alone.
#[must_use]
pub fn across(played: &BTreeMap<&'static str, PathBuf>) -> Vec<Finding> {
    let sessions = played.iter();
    judge(
        &sessions
            .filter_map(|(name, path)| Some((*name, read(path)?)))
            .collect(),
    )
}

fn judge(sessions: &Sessions) -> Vec<Finding> {
    let found = ACROSS.iter().filter_map(|rule| {
        let (message, seen) = (rule.check)(sessions)?;
        let mut octets = Vec::new();
        text::escape(
            &mut octets,
            seen.as_bytes().get(..SHOWN).unwrap_or(seen.as_bytes()),
        );
        Some(Finding {
            id: rule.id,
            level: rule.level,
            row: None,
            other_row: None,
            offset: None,
            octets: String::from_utf8_lossy(&octets).into_owned(),
            count: 1,
            message,
            hint: Some(rule.hint.to_owned()),
            source: rule.source,
        })
    });
    found.collect()
}

fn words_of(row: &Row) -> String {
    let pieces = row.pieces.iter().map(|piece| match piece {
        Piece::Octets(octets) => String::from_utf8_lossy(octets).into_owned(),
        Piece::Hole(_) => String::new(),
    });
    pieces.collect()
}

fn greeting(transcript: &Transcript) -> Option<String> {
    let row = transcript.rows().next()?;
    (row.side == Side::Server).then(|| words_of(row))
}

/// A greeting without its numbers and what stands in angle brackets: what is left is the same each time.
fn words(greeting: &str) -> String {
    let mut is_inside = false;
    let kept = greeting.chars().filter(|letter| {
        is_inside |= *letter == '<';
        let is_kept = !is_inside && !letter.is_ascii_digit();
        is_inside &= *letter != '>';
        is_kept
    });
    kept.collect()
}

fn stamp(greeting: &str) -> Option<String> {
    let start = greeting.find('<')?;
    let stamp = greeting.get(start..)?;
    let end = stamp.find('>')?;
    stamp.get(..=end).map(str::to_owned)
}

/// The reply to PASS, whatever the password was.
fn reply_to_pass(transcript: &Transcript) -> Option<String> {
    let mut rows = transcript.rows();
    rows.find(|row| {
        row.side == Side::Client && words_of(row).to_ascii_uppercase().starts_with("PASS")
    })?;
    rows.find(|row| row.side == Side::Server).map(words_of)
}

/// How many messages STAT counted first.
fn count(transcript: &Transcript) -> Option<u64> {
    let status = reply_to(transcript, "STAT")?.into_iter().next()?;
    status.split(' ').nth(1)?.parse().ok()
}

/// Whether messages went between two sessions, although nothing was deleted.
fn fewer(sessions: &Sessions, first: &str, second: &str, what: &str) -> Option<(String, String)> {
    let (before, after) = (count(sessions.get(first)?)?, count(sessions.get(second)?)?);
    (after < before).then(|| {
        let message = format!(
            "of {before} messages {} are gone in the next session: {what}",
            before - after
        );
        (message, format!("+OK {after}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::catalogue::{self, Seen};

    fn sessions(files: &[(&'static str, &str)]) -> Sessions {
        let parse = |file: &str| crate::text::parse(file.as_bytes()).unwrap();
        files
            .iter()
            .map(|(name, file)| (*name, parse(file)))
            .collect()
    }

    fn found(files: &[(&'static str, &str)]) -> Vec<&'static str> {
        judge(&sessions(files))
            .iter()
            .map(|finding| finding.id)
            .collect()
    }

    #[test]
    fn greetings_are_compared() {
        let same = [
            ("01-greeting", "S: +OK a1 ready <1@x>\n"),
            ("10-session", "S: +OK a2 ready <2@x>\n"),
        ];
        assert!(found(&same).is_empty());
        let varies = [
            ("01-greeting", "S: +OK ready\n"),
            ("10-session", "S: +OK Dovecot ready.\n"),
        ];
        assert_eq!(found(&varies), ["greeting-varies"]);
        let reused = [
            ("01-greeting", "S: +OK <1@x>\n"),
            ("10-session", "S: +OK <1@x>\n"),
        ];
        assert_eq!(found(&reused), ["apop-timestamp-reused"]);
    }

    #[test]
    fn logins_are_compared() {
        let login = "S: +OK\nC: CAPA\nS: +OK\nS: LOGIN-DELAY 600\nS: .\nC: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK in\n";
        let files = [
            ("10-session", login),
            ("11-deletion", login),
            ("09-wrong-password", login),
        ];
        assert_eq!(
            found(&files),
            ["accepts-any-password", "login-delay-not-enforced"]
        );
    }

    #[test]
    fn mail_that_goes_away_is_missed() {
        let of = |count: u32| format!("S: +OK\nC: STAT\nS: +OK {count} 100\n");
        let (three, two, one) = (of(3), of(2), of(1));
        let files = [
            ("10-session", three.as_str()),
            ("11-deletion", &two),
            ("12-pipelining", &one),
        ];
        assert_eq!(found(&files), ["retr-deletes", "deleted-without-quit"]);
        let files = [
            ("10-session", one.as_str()),
            ("11-deletion", &two),
            ("12-pipelining", &two),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn unique_ids_are_compared() {
        let of = |ids: [&str; 3]| {
            let [a, b, c] = ids;
            format!("S: +OK\nC: UIDL\nS: +OK\nS: 1 {a}\nS: 2 {b}\nS: 3 {c}\nS: .\n")
        };
        let (first, second) = (of(["a", "b", "c"]), of(["d", "e", "f"]));
        let files = [
            ("10-session", first.as_str()),
            ("11-deletion", second.as_str()),
        ];
        assert_eq!(found(&files), ["uidl-changes-between-sessions"]);
        assert!(found(&[("10-session", &first), ("11-deletion", &first)]).is_empty());
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        for rule in ACROSS {
            assert_eq!(catalogue::seen(rule.id), Seen::Across, "{}", rule.id);
            assert!(!rule.hint.is_empty() && !rule.says.is_empty());
        }
        let across = catalogue::OTHERS
            .iter()
            .filter(|(_, seen)| *seen == Seen::Across);
        assert_eq!(across.count(), ACROSS.len());
    }
}
