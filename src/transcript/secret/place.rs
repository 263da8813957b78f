//! The place of the secret in a client line.

use super::line::HOLE;
use crate::base::edit_distance::typing_errors;
use crate::base::escape::is_hidden;
use crate::pop3::command::{ArgumentKind, Command, Words};
use crate::pop3::tracker::Role;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecretPlace {
    /// The octet offset at which the secret starts; it goes to the end of the line.
    pub(crate) from: usize,
    pub(crate) hole: &'static str,
}

/// The secret place of a client line (octets without line end): the password, the digest or the
/// response.
///
/// `is_guessed` also finds what the table does not know: secrets after verbs that are at most two
/// typing errors from those that take one, and nearer to no other; after such a verb without the
/// blank (`PAS secret`, `PASSsecret`); and where people of other protocols write them. Octets that
/// no one typed, such as a byte order mark, may come before the verb.
pub(crate) fn place(line: &[u8], role: Role, is_guessed: bool) -> Option<SecretPlace> {
    let found = match role {
        Role::Response => Some(SecretPlace {
            from: 0,
            hole: "response",
        }),
        Role::Command => {
            let start = junk(line);
            let rest = line.get(start..).unwrap_or_default();
            let found = match Command::of_line(rest) {
                Some(row) => argument_place(row, rest)
                    .or_else(|| surplus_place(row, rest).filter(|_| is_guessed))
                    .or_else(|| spaced_place(rest).filter(|_| is_guessed)),
                None if is_guessed => spaced_place(rest).or_else(|| guessed_place(rest)),
                None => None,
            };
            found.map(|place| SecretPlace {
                from: place.from + start,
                ..place
            })
        }
        _ => None,
    }?;
    let secret = line.get(found.from..).unwrap_or_default();
    // An empty response is `=` on the AUTH line and an empty line later; `*` cancels (RFC 5034 §4).
    // How many blanks a password has is a secret, too.
    let is_open = match found.hole {
        "response" => matches!(secret.trim_ascii(), b"" | b"*" | b"="),
        "password" => secret.is_empty(),
        _ => secret.trim_ascii().is_empty(),
    };
    (!is_open).then_some(found)
}

/// How many octets at the start of a line are no part of what was typed: a byte order mark, the
/// options of telnet (RFC 854), other octets that no verb begins with.
pub(super) fn junk(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        at += match rest {
            [0xff, 0xfa, ..] => match memchr::memmem::find(rest, &[0xff, 0xf0]) {
                Some(end) => end + 2,
                None => return at,
            },
            [0xff, 0xfb..=0xfe, _, ..] => 3,
            [0xff, 0xf0..=0xff, ..] => 2,
            // The octet that represents a hole.
            [HOLE, ..] => return at,
            [b'\t' | b'\r' | b'\n', ..] => return at,
            [0..=0x1f | 0x7f..=0xff, ..] => 1,
            _ => return at,
        };
    }
    at
}

/// The secret of a line that has more words than its command takes.
fn surplus_place(row: &Command, line: &[u8]) -> Option<SecretPlace> {
    let taken = row.verb_words() + row.args.len();
    if row.verb == "XCLIENT" {
        return named_place(line);
    }
    if Words::of(line).count() <= taken {
        return None;
    }
    let mut words = Words::of(line);
    words.by_ref().take(taken).count();
    let from = words.offset() + 1;
    let hole = "password";
    announced_place(line).or(match row.verb {
        "USER" => Some(SecretPlace { from, hole }),
        // Another spelling of APOP's.
        "RPOP" => Some(SecretPlace {
            from,
            hole: "digest",
        }),
        _ => None,
    })
}

pub(super) fn argument_place(row: &Command, line: &[u8]) -> Option<SecretPlace> {
    let at = |arg: &crate::pop3::command::Arg| matches!(arg.kind, ArgumentKind::Secret(_));
    let index = row.args.iter().position(at)?;
    let ArgumentKind::Secret(hole) = row.args.get(index)?.kind else {
        return None;
    };
    let mut words = Words::of(line);
    words.by_ref().take(row.verb_words() + index).count();
    // One blank ends the argument before it; what follows belongs to the secret, more blanks too
    // (RFC 1939 §7, PASS).
    Some(SecretPlace {
        from: words.offset() + 1,
        hole,
    })
}

/// What people of other protocols type before a password; in no row of the table.
const FOREIGN: [&[u8]; 4] = [b"PASS", b"PASSWORD", b"PASSWD", b"PWD"];

/// A password that is announced within the line: `user bob pass secret`.
fn announced_place(line: &[u8]) -> Option<SecretPlace> {
    let mut words = Words::of(line);
    words.next();
    while let Some(word) = words.next() {
        let is_announced = FOREIGN.iter().any(|meant| word.eq_ignore_ascii_case(meant));
        if is_announced && words.clone().next().is_some() {
            let from = words.offset() + 1;
            let hole = "password";
            return Some(SecretPlace { from, hole });
        }
    }
    named_place(line)
}

/// A password with its name: `pass=secret`, `pwd:secret`.
fn named_place(line: &[u8]) -> Option<SecretPlace> {
    let mut words = Words::of(line);
    while let Some(word) = words.next() {
        let sign = word.iter().position(|octet| b":=".contains(octet));
        let (name, _) = word.split_at(sign.unwrap_or(0));
        let is_named = FOREIGN.iter().any(|meant| name.eq_ignore_ascii_case(meant));
        if is_named {
            let from = words.offset() - word.len() + name.len() + 1;
            let hole = "password";
            return Some(SecretPlace { from, hole });
        }
    }
    None
}

/// The secret of a line whose verb does not end with a blank of ASCII, but with another blank or a
/// sign: `pass:secret`.
fn spaced_place(line: &[u8]) -> Option<SecretPlace> {
    let spaced = with_blanks(line)?;
    let place = match Command::of_line(&spaced) {
        Some(row) => argument_place(row, &spaced).or_else(|| surplus_place(row, &spaced)),
        None => guessed_place(&spaced),
    }?;
    // A blank of several octets is left whole.
    let (_, after) = spaced.split_at(place.from.min(spaced.len()));
    let (_, typed) = line.split_at(place.from.min(line.len()));
    let is_rest = |(new, old): &(&u8, &u8)| **new == b' ' && !old.is_ascii();
    let rest = after.iter().zip(typed).take_while(is_rest).count();
    Some(SecretPlace {
        from: place.from + rest,
        ..place
    })
}

/// A line with blanks of ASCII, as many octets, in place of all others, and of a sign after its
/// first word; None without any of these.
fn with_blanks(line: &[u8]) -> Option<Vec<u8>> {
    let mut spaced = Vec::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            let is_blank = !c.is_ascii() && (c.is_whitespace() || is_hidden(c));
            match is_blank {
                true => spaced.extend(std::iter::repeat_n(b' ', c.len_utf8())),
                false => spaced.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // The no-break space of ISO 8859.
        let blank = |octet: &u8| if *octet == 0xa0 { b' ' } else { *octet };
        spaced.extend(chunk.invalid().iter().map(blank));
    }
    let end = spaced
        .iter()
        .take_while(|octet| octet.is_ascii_alphanumeric());
    let end = end.count();
    if end > 0
        && let Some(sign @ (b':' | b'=')) = spaced.get_mut(end)
    {
        *sign = b' ';
    }
    (spaced != line).then_some(spaced)
}

fn guessed_place(line: &[u8]) -> Option<SecretPlace> {
    let mut words = Words::of(line);
    let verb = words.next()?.to_ascii_uppercase();
    let after_verb = words.offset();
    let hole = "password";
    if let Some(tagged) = without_tag(line) {
        let start = line.len() - tagged.len();
        return guessed_place(tagged).map(|place| SecretPlace {
            from: place.from + start,
            ..place
        });
    }
    if typing_errors(&verb, b"PASSWORD") <= 2 {
        let from = after_verb + 1;
        return Some(SecretPlace { from, hole });
    }
    // A blank in the middle of the verb.
    let second = words.clone().next().unwrap_or_default();
    let joined = [verb.as_slice(), &second.to_ascii_uppercase()].concat();
    if let Some((_, hole)) = secret_rows().find(|(row, _)| row.verb.as_bytes() == joined) {
        words.next();
        let from = words.offset() + 1;
        return Some(SecretPlace { from, hole });
    }
    if let Some(place) = announced_place(line) {
        return Some(place);
    }
    // IMAP's `LOGIN name password` and `AUTHENTICATE mechanism response`.
    let foreign = [(&b"LOGIN"[..], hole), (b"AUTHENTICATE", "response")];
    if let Some((_, hole)) = foreign.into_iter().find(|(meant, _)| verb == *meant)
        && words.next().is_some()
    {
        let from = words.offset() + 1;
        return Some(SecretPlace { from, hole });
    }
    let (row, hole, glued) = slip(&verb)?;
    if let Some(glued) = glued {
        let from = after_verb - glued;
        return Some(SecretPlace { from, hole });
    }
    let place = argument_place(row, line).filter(|place| place.from < line.len());
    Some(place.unwrap_or(SecretPlace {
        from: after_verb + 1,
        hole,
    }))
}

/// Whether a line that is in no table has a verb that was meant for AUTH.
pub(super) fn is_like_auth(line: &[u8]) -> bool {
    let line = without_tag(line).unwrap_or(line);
    let verb = Words::of(line).next().unwrap_or_default();
    slip(&verb.to_ascii_uppercase()).is_some_and(|(row, ..)| row.verb == "AUTH")
}

/// A line of IMAP without its tag: `a1 login name password`.
fn without_tag(line: &[u8]) -> Option<&[u8]> {
    let mut words = Words::of(line);
    words.next()?;
    let rest = line.get(words.offset()..)?;
    let verb = words.next()?;
    let verbs = [&b"LOGIN"[..], b"AUTHENTICATE"];
    let is_verb = verbs.iter().any(|meant| verb.eq_ignore_ascii_case(meant));
    (is_verb && words.next().is_some()).then_some(rest)
}

/// The commands that take a secret, and what represents it.
fn secret_rows() -> impl Iterator<Item = (&'static Command, &'static str)> {
    Command::all().filter_map(|row| {
        row.args.iter().find_map(|arg| match arg.kind {
            ArgumentKind::Secret(hole) => Some((row, hole)),
            _ => None,
        })
    })
}

/// The command with a secret that a verb in upper case was meant for; and how many octets of the
/// secret are glued to it.
fn slip(verb: &[u8]) -> Option<(&'static Command, &'static str, Option<usize>)> {
    let glued = secret_rows().find(|(row, _)| verb.starts_with(row.verb.as_bytes()));
    if let Some((row, hole)) = glued {
        return Some((row, hole, Some(verb.len() - row.verb.len())));
    }
    let errors = |row: &Command| {
        let meant = row.verb.split(' ').next().unwrap_or_default();
        typing_errors(verb, meant.as_bytes())
    };
    let (row, hole) = secret_rows().min_by_key(|(row, _)| errors(row))?;
    let others =
        Command::all().filter(|other| secret_rows().all(|(row, _)| row.verb != other.verb));
    let nearest = others.map(errors).min().unwrap_or(usize::MAX);
    let is_slip = errors(row) <= 2 && errors(row) <= nearest;
    is_slip.then_some((row, hole, None))
}
