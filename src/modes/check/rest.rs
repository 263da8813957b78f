//! The rest of a probe, for a new connection if its session ended early.

use crate::pop3::command::Words;
use crate::pop3::tracker::Side;
use crate::transcript::text;
use crate::transcript::{Item, Piece};

/// A probe that starts TLS after the greeting.
pub(super) fn with_stls(text: &str) -> String {
    let greeting = "S: +OK {{..}}\n";
    let stls = "S: +OK {{..}}\nC: STLS\nS: +OK {{..}}\n* tls {{..}}\n";
    text.replacen(greeting, stls, 1)
}

/// What a line of a probe is for, as far as a second session needs to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineUse {
    Login,
    /// It gives the number of messages: without it some rules know too little about what follows.
    Overview,
    Test,
}

/// Returns the rest of a probe from this row on, after the login and the listings that came before
/// it. None if the last line belongs to the login: a second login would end the same way, or fail
/// once more.
pub(super) fn of(text: &str, row: usize) -> Option<String> {
    let transcript = text::parse(text.as_bytes()).ok()?;
    let rows = || (1..).zip(&transcript.items);
    let is_client = |item: &Item| matches!(item, Item::Row(row) if row.side == Side::Client);
    let last = rows().take_while(|(number, _)| *number < row);
    let (last, _) = last.filter(|(_, item)| is_client(item)).last()?;
    let (mut out, mut part) = (Vec::new(), LineUse::Login);
    for (number, item) in rows() {
        if is_client(item) {
            // A response inside AUTH belongs to its command.
            part = part_of(item).unwrap_or(part);
            if number == last && part == LineUse::Login {
                return None;
            }
        }
        let is_kept = match item {
            Item::Row(_) | Item::Event(_) => {
                part != LineUse::Test && (part == LineUse::Login || number < last)
            }
            _ => true,
        };
        let is_last = number >= last && part != LineUse::Login;
        if number >= row || (is_kept && !is_last) {
            text::print_item(&mut out, item);
        }
    }
    String::from_utf8(out).ok()
}

/// None for a response inside AUTH.
fn part_of(item: &Item) -> Option<LineUse> {
    let Item::Row(row) = item else { return None };
    let line = match row.pieces.first() {
        Some(Piece::Octets(octets)) => octets.as_slice(),
        Some(Piece::Hole(_)) => return None,
        None => b"",
    };
    let mut words = Words::of(line);
    let verb = words.next().unwrap_or_default();
    if verb == b"*" {
        return None;
    }
    // AUTH alone asks for a list.
    let has_argument = words.next().is_some() || row.pieces.len() > 1;
    Some(match verb {
        b"USER" | b"PASS" | b"APOP" | b"STLS" => LineUse::Login,
        b"AUTH" if has_argument => LineUse::Login,
        b"STAT" => LineUse::Overview,
        b"LIST" if !has_argument => LineUse::Overview,
        _ => LineUse::Test,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: &str = "#!pop3 1\nneeds: login\n\n# A test.\nS: +OK\nC: CAPA\nS: +OK\nS: {{...}}\nS: .\nC: USER {{user}}\nS: +OK\nC: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK\nC: LIST 0\nS: -ERR\nC: LIST 9\nS: -ERR\nC: NOOP\nS: +OK\n* closed by client\n";

    /// The row of a command.
    fn row(command: &str) -> usize {
        PROBE.lines().position(|line| line == command).unwrap() + 1
    }

    #[test]
    fn the_rest_follows_a_second_login() {
        let rest = of(PROBE, row("C: LIST 9")).unwrap();
        let want = "#!pop3 1\nneeds: login\n\n# A test.\nS: +OK\nC: USER {{user}}\nS: +OK\nC: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK\nC: LIST 9\nS: -ERR\nC: NOOP\nS: +OK\n* closed by client\n";
        assert_eq!(rest, want);
        // A command that made the session end is not sent again.
        let rest = of(PROBE, row("C: LIST 0")).unwrap();
        assert!(
            !rest.contains("STAT") && rest.contains("C: LIST 0\n"),
            "{rest}"
        );
        let rest = of(PROBE, row("C: USER {{user}}")).unwrap();
        assert!(!rest.contains("CAPA") && rest.contains("C: USER"), "{rest}");
    }

    #[test]
    fn a_login_is_not_tried_twice() {
        for command in ["C: PASS {{password}}", "C: STAT"] {
            assert_eq!(of(PROBE, row(command)), None, "{command}");
        }
        assert_eq!(of(PROBE, row("C: CAPA")), None);
    }

    #[test]
    fn tls_begins_again_too() {
        let text = with_stls("S: +OK {{..}}\nC: NOOP\nS: +OK\nC: CAPA\nS: +OK\n");
        let rest = of(&text, 7).unwrap();
        assert_eq!(
            rest,
            "S: +OK {{..}}\nC: STLS\nS: +OK {{..}}\n* tls {{..}}\nC: CAPA\nS: +OK\n"
        );
    }
}
