//! Where a line that is being typed becomes secret: on its way to the server, and where a person
//! types one that poptalk need not see.

use crate::analysis::console_input::{self, Action, TypedLine};
use crate::pop3::command::Command;
use crate::pop3::tracker::Role;
use crate::transcript::secret::{self, Guess};

/// The offset in octets at which a typed line becomes secret; None when it does not.
///
/// `role` is what the line is for; `is_inside` says that `:send` has begun a line whose end was not
/// sent; `guess` knows what was sent before.
pub(super) fn secret_from(line: &str, role: Role, is_inside: bool, guess: &Guess) -> Option<usize> {
    let after = |text: &[u8]| line.len() - text.len();
    match console_input::read(line.as_bytes(), false) {
        TypedLine::ConsoleCommand(own, text) => {
            let from = match own.action {
                Action::Send => in_escaped(text, role, is_inside),
                Action::Pass => words(text).next(),
                // A password has no place after these words, but is typed there anyway.
                Action::Login | Action::Apop => words(text).nth(1),
                Action::Auth => words(text).nth(2),
                Action::Open => in_url(text),
                Action::Help => in_topic(text),
                _ => None,
            };
            from.map(|from| after(text) + from)
        }
        TypedLine::Help(topic) => in_topic(topic).map(|from| after(topic) + from),
        TypedLine::Wire(_) | TypedLine::Unknown(_) if is_inside => Some(0),
        TypedLine::Wire(_) => {
            let octets = line.as_bytes();
            let found = match guess.place(octets, role) {
                None if role == Role::Command && guess.may_be_response(octets) => 0,
                found => found?.from,
            };
            let is_whole = role == Role::Command && found == 0;
            (!is_whole || !may_become_command(octets)).then_some(found)
        }
        TypedLine::Unknown(_) => secret::place(line.as_bytes(), role, true).map(|place| place.from),
    }
}

/// Whether more keys can make a command of a line: its first ones are shown.
fn may_become_command(line: &[u8]) -> bool {
    let is_start = |row: &Command| {
        let start = row.verb.as_bytes().get(..line.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(line))
    };
    Command::all().any(is_start)
}

/// Where words start that are no options.
fn words(text: &[u8]) -> impl Iterator<Item = usize> {
    let starts = (0..text.len()).filter(|at| {
        let is_blank = |at: usize| text.get(at).is_none_or(u8::is_ascii_whitespace);
        !is_blank(*at) && (*at == 0 || is_blank(at - 1))
    });
    starts.filter(|at| !text.get(*at..).is_some_and(|word| word.starts_with(b"--")))
}

/// A command that is looked up with its arguments.
fn in_topic(topic: &[u8]) -> Option<usize> {
    secret::place(topic, Role::Command, true).map(|place| place.from)
}

/// The password of `USER:PASSWORD@HOST`, with a scheme or without, and of one whose `@` is still to
/// be typed: a port has digits only, an address without brackets has several colons, and options
/// follow the server.
fn in_url(text: &[u8]) -> Option<usize> {
    let from = memchr::memmem::find(text, b"://").map_or(0, |at| at + 3);
    let rest = text.get(from..)?;
    let colon = memchr::memchr(b':', rest)?;
    let is_password = match memchr::memrchr(b'@', rest) {
        Some(at) => colon < at,
        None => {
            let options = rest.windows(2).position(|pair| pair == b" -");
            if options.is_some_and(|options| options < colon) || text.starts_with(b"-") {
                return None;
            }
            let named = rest.get(colon + 1..options.unwrap_or(rest.len()))?;
            let port = named.split(|octet| *octet == b'/').next()?;
            !port.iter().all(u8::is_ascii_digit) && !port.contains(&b':')
        }
    };
    is_password.then_some(from + colon + 1)
}

/// What `:send` sends may be any lines, and any octet of them may be escaped; each could be the one
/// with a secret.
fn in_escaped(text: &[u8], role: Role, is_inside: bool) -> Option<usize> {
    if is_inside && !text.is_empty() {
        return Some(0);
    }
    let (octets, places) = unescape(text);
    let mut role = role;
    let mut start = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        if let Some(place) = secret::place(bare, role, true) {
            return Some(
                places
                    .get(start + place.from)
                    .copied()
                    .unwrap_or(text.len()),
            );
        }
        // What follows AUTH may be its responses.
        if Command::of_line(bare).is_some_and(|row| row.verb == "AUTH") {
            role = Role::Response;
        }
        start += line.len();
    }
    None
}

/// Octets with the place of each in the text; an incomplete escape is taken literally.
fn unescape(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut octets, mut places) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        let escape = |width: usize| {
            let escape = text.get(at..at + width)?;
            let octet = console_input::unescape(escape).ok()?.first().copied()?;
            Some((octet, width))
        };
        let is_escape = text.get(at) == Some(&b'\\');
        let found = if is_escape {
            escape(2).or_else(|| escape(4))
        } else {
            escape(1)
        };
        let (octet, width) = found.unwrap_or((b'\\', 1));
        octets.push(octet);
        places.push(at);
        at += width;
    }
    (octets, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(line: &str) -> Option<usize> {
        secret_from(line, Role::Command, false, &Guess::default())
    }

    #[test]
    fn an_escaped_verb_has_a_secret_all_the_same() {
        assert_eq!(from(r":send \x50ASS geheim\r\n"), Some(14));
        assert_eq!(from(r":send NOOP\x0aPASS geheim"), Some(19));
        assert_eq!(from(r":send AUTH LOGIN\r\nYWxp"), Some(20));
        assert_eq!(from(r":send NOOP\r\n\x"), None);
        assert_eq!(
            secret_from(r":send heim\r\n", Role::Command, true, &Guess::default()),
            Some(6)
        );
        let guess = Guess::default();
        assert_eq!(secret_from("heim", Role::Command, true, &guess), Some(0));
    }

    #[test]
    fn a_password_that_is_told_to_poptalk_is_masked() {
        for before in ["auth login", "user alice", "pass"] {
            let mut guess = Guess::default();
            guess.note_sent(before.as_bytes(), Role::Command);
            let from = |line| secret_from(line, Role::Command, false, &guess);
            assert_eq!(from("Z2VoZWlt"), Some(0), "{before}");
            assert_eq!(from("stat"), None, "{before}");
            // It may become STAT.
            assert_eq!(from("st"), None, "{before}");
            assert_eq!(from("stx"), Some(0), "{before}");
        }
        let mut guess = Guess::default();
        guess.note_sent(b"auth plain AGEAYg==", Role::Command);
        guess.note_status(b"+OK", true);
        // More keys make a response of it.
        for (line, want) in [("Z2VoZWltMTIzN", Some(0)), ("xfoo bar", None)] {
            let from = secret_from(line, Role::Command, false, &guess);
            assert_eq!(from, want, "{line}");
        }
        assert_eq!(from(":pass geheim"), Some(6));
        assert_eq!(from(":pass"), None);
        assert_eq!(from(":login alice"), None);
        assert_eq!(from(":login alice --dry geheim"), Some(19));
        assert_eq!(from(":auth plain alice geheim"), Some(18));
        assert_eq!(from(":open pop3://alice:geheim@host"), Some(19));
        assert_eq!(from(":open alice:ge@im@host"), Some(12));
        assert_eq!(from(":open pop3://alice@host:110"), None);
        assert_eq!(from(":open pop3://alice:gehe"), Some(19));
        assert_eq!(from(":open host:110"), None);
        assert_eq!(from(":open pop3://host:110/"), None);
        assert_eq!(from(":open [::1]:110"), None);
        assert_eq!(from(":open fe80::1"), None);
        assert_eq!(from(":open host:110 --trust"), None);
        assert_eq!(from(":open pop3s://host:995 --trust SHA256:12ab"), None);
        assert_eq!(from(":open --trust SHA256:12ab"), None);
        assert_eq!(from(":open alice:gehe --trust"), Some(12));
        assert_eq!(from("? pass geheim"), Some(7));
        assert_eq!(from("? retr"), None);
    }
}
