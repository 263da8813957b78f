//! Guesses what a client line holds, from the line itself and from what came before it, without the
//! state of the session.

use super::line::{HOLE, STAND_IN};
use super::place::{SecretPlace, is_like_auth, junk, place};
use super::values::decode;
use crate::pop3::command::{Command, Words};
use crate::pop3::tracker::Role;

/// How many octets of a status line say what it is.
const STATUS: usize = 4;

#[derive(Debug, Clone, Default)]
pub(crate) struct Guess {
    after: After,
    /// Whether it was refused; None while it has no answer.
    is_refused: Option<bool>,
    status: Vec<u8>,
    /// How many responses AUTH has got, and how many its mechanism takes at least.
    responses: usize,
    needed: usize,
    /// AUTH has got them all, and `+OK`.
    is_done: bool,
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum After {
    #[default]
    Other,
    User,
    /// PASS without a password: its user waits to be asked.
    Pass,
    Auth,
}

impl Guess {
    /// The secret place of a client line (octets without line end).
    pub(crate) fn place(&self, line: &[u8], role: Role) -> Option<SecretPlace> {
        let from = junk(line);
        let rest = line.get(from..).unwrap_or_default();
        if role != Role::Command || rest.trim_ascii() == b"*" {
            return place(line, role, true);
        }
        let words = Words::of(rest).count();
        let whole = |hole| Some(SecretPlace { from, hole });
        // A line in which a secret is hidden already says where it is.
        let is_hidden = memchr::memchr(HOLE, rest).is_some() && rest.trim_ascii() != STAND_IN;
        match Command::of_line(rest) {
            Some(row) if row.verb == "RPOP" && words == 2 => {
                // The name in USER is not a secret; RFC 1081 has the user of another host here.
                let name = Words::of(rest).nth(1)?;
                let is_name = name.eq_ignore_ascii_case(&self.name);
                let from = line.trim_ascii_end().len() - name.len();
                let hole = "password";
                (self.expects_password() && !is_name).then_some(SecretPlace { from, hole })
            }
            Some(_) => place(line, role, true),
            None if words == 0 => None,
            None if is_hidden => place(line, role, true),
            // People who know ftp and ssh wait to be asked.
            None if words == 1 && self.expects_password() => whole("password"),
            None if words == 1 && self.expects_response(rest) => whole("response"),
            None => place(line, role, true)
                .or_else(|| whole("response").filter(|_| self.expects_response(rest))),
        }
    }

    /// Whether a line that is being typed may become a response of an AUTH before it: one that is
    /// whole may be shorter.
    pub(crate) fn may_be_response(&self, line: &[u8]) -> bool {
        let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/-_=".contains(octet);
        self.after == After::Auth && line.iter().all(is_digit) && Command::of_line(line).is_none()
    }

    /// Whether a place that was found is that of a response that was not asked for.
    pub(super) fn is_stray(line: &[u8], place: SecretPlace) -> bool {
        let from = junk(line);
        let rest = line.get(from..).unwrap_or_default();
        place.hole == "response" && place.from == from && Command::of_line(rest).is_none()
    }

    /// Takes note of a client line (octets without line end).
    pub(crate) fn note_sent(&mut self, line: &[u8], role: Role) {
        self.settle();
        let rest = line.get(junk(line)..).unwrap_or_default();
        let row = Command::of_line(rest);
        let is_auth = role == Role::Command && row.is_none() && is_like_auth(rest);
        let row = match row.filter(|_| role == Role::Command) {
            None if !is_auth => {
                self.responses += usize::from(rest != b"*");
                return;
            }
            row => row,
        };
        let mut words = Words::of(rest).skip(row.map_or(1, Command::verb_words));
        let first = words.next();
        self.name.clear();
        self.responses = usize::from(words.next().is_some());
        self.needed = 1;
        self.is_done = false;
        self.is_refused = None;
        self.after = match (row.map(|row| row.verb), first) {
            (Some("USER"), Some(name)) => {
                self.name = name.to_vec();
                After::User
            }
            (Some("PASS"), None) => After::Pass,
            (Some("AUTH") | None, Some(mechanism)) => {
                self.needed += usize::from(mechanism.eq_ignore_ascii_case(b"LOGIN"));
                After::Auth
            }
            _ => After::Other,
        };
    }

    /// Takes note of a status line, or of a part of one; `first`: it starts here.
    pub(crate) fn note_status(&mut self, octets: &[u8], first: bool) {
        if first {
            self.settle();
        }
        let room = STATUS.saturating_sub(self.status.len());
        self.status.extend(octets.iter().take(room));
    }

    /// The status line before is whole. The first one answers the command.
    fn settle(&mut self) {
        if !self.status.is_empty() {
            self.is_refused = Some(self.is_refused());
            self.is_done = self.is_done();
            self.status.clear();
        }
    }

    fn is_refused(&self) -> bool {
        let is_negative = !self.status.is_empty() && !self.is_ok();
        self.is_refused.unwrap_or(is_negative)
    }

    fn is_ok(&self) -> bool {
        self.status.starts_with(b"+OK")
    }

    fn is_done(&self) -> bool {
        self.is_done || self.is_ok() && self.responses >= self.needed
    }

    fn expects_password(&self) -> bool {
        match self.after {
            After::User => !self.is_refused(),
            After::Pass => true,
            After::Auth | After::Other => false,
        }
    }

    /// Whether a line that is not a command comes in place of a response. After a login it must
    /// look like one.
    fn expects_response(&self, line: &[u8]) -> bool {
        self.after == After::Auth && (!self.is_done() || is_response(line))
    }
}

/// Whether a line (octets without line end) looks like a SASL response: one word of base64.
pub(crate) fn is_response(line: &[u8]) -> bool {
    let word = line.trim_ascii();
    // A verb that is in no table is most often in one case.
    let is_verb =
        !word.iter().any(u8::is_ascii_uppercase) || !word.iter().any(u8::is_ascii_lowercase);
    let is_digits = word.len().is_multiple_of(4) || !is_verb;
    word.len() >= 8 && is_digits && Command::of_line(line).is_none() && decode(word).is_some()
}
