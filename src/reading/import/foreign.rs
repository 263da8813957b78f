//! Recognizes lines of a paste that neither side sent, or that may be a secret.

use crate::pop3::command::Command;
use crate::pop3::tracker::Role;
use crate::transcript::secret::place;

/// Marks that people put where they left lines out.
const SNIPS: &[&str] = &[
    "...",
    "\u{2026}",
    "[...]",
    "[..]",
    "[\u{2026}]",
    "(...)",
    "<...>",
    "{...}",
    "[snip]",
    "<snip>",
    "(snip)",
    "--snip--",
    "-- snip --",
    "--- snip ---",
    "---snip---",
    "*snip*",
    "[cut]",
    "<cut>",
    "[snipped]",
    "<snipped>",
    "[truncated]",
    "[gek\u{fc}rzt]",
    "[coup\u{e9}]",
    "[cortado]",
    "--8<--",
    "----8<----",
];

/// Whether a line says that lines were left out there.
pub(super) fn is_snip(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    let line = line.trim();
    line.len() <= 16 && SNIPS.contains(&line.to_lowercase().as_str())
}

/// Whether a line shows a key of a TLS session, as s_client prints it.
pub(super) fn is_key(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"Resumption PSK:") || line.starts_with(b"Master-Key:")
}

pub(super) fn is_login(line: &[u8]) -> bool {
    place(line, Role::Command, false).is_some()
}

/// Whether the first word of a line may be a misspelt PASS or the like, with what follows it.
pub(super) fn is_misspelt_login(line: &[u8]) -> bool {
    let Some(found) = place(line, Role::Command, true) else {
        return false;
    };
    let open = line.get(..found.from).unwrap_or_default();
    let words = open.split(u8::is_ascii_whitespace);
    words.filter(|word| !word.is_empty()).count() <= 1
}

/// Whether a line is one word that looks like a password or base64.
pub(super) fn is_like_secret(line: &[u8]) -> bool {
    let word = line.trim_ascii();
    let is_mixed = |at: usize, octet: &u8| {
        octet.is_ascii_digit() || (at > 0 && octet.is_ascii_uppercase()) || b"+/=".contains(octet)
    };
    word.len() >= 8
        && !is_prompt(word)
        && !word.iter().any(u8::is_ascii_whitespace)
        && (0..).zip(word).any(|(at, octet)| is_mixed(at, octet))
}

/// `C:\Users\Bob>` and `bob@host:~$`: shells that wait.
fn is_prompt(word: &[u8]) -> bool {
    match word {
        [drive, b':', b'\\', .., b'>'] => drive.is_ascii_alphabetic(),
        [.., b'$' | b'#' | b'%'] => word.contains(&b'@') && word.contains(&b':'),
        _ => false,
    }
}

/// Whether a line looks like an unknown command: a short word of letters, and few words.
pub(super) fn is_like_command(line: &[u8]) -> bool {
    let words = line.split(u8::is_ascii_whitespace);
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).take(4).collect();
    let is_verb =
        |word: &&[u8]| (3..=8).contains(&word.len()) && word.iter().all(u8::is_ascii_alphabetic);
    words.len() <= 3 && words.first().is_some_and(is_verb) && Command::of_line(line).is_none()
}

/// Where a second status line begins inside a first one.
pub(super) fn second_status(line: &[u8]) -> Option<usize> {
    let starts = ["+OK", "-ERR"].map(|status| {
        let rest = line.get(3..)?;
        memchr::memmem::find(rest, status.as_bytes()).map(|at| at + 3)
    });
    starts.into_iter().flatten().min()
}
