//! Whether the replies still fit the commands: what a probe asks before it sends its next line.

use crate::pop3::command::{Command, Effect, Words};
use crate::pop3::tracker::{Role, SentCommand, Side, Status};
use crate::transcript::Piece;
use crate::transcript::recorder::RecordedStep;

const START_MAX: usize = 512;

/// The last command with its reply, and the unsolicited lines since.
#[derive(Debug, Default)]
pub(crate) struct Alignment {
    sent: Option<SentCommand>,
    status: Option<Status>,
    line: Vec<u8>,
    /// Unsolicited lines since the last command.
    strays: u64,
    stray_statuses: u64,
}

impl Alignment {
    pub(crate) fn see(&mut self, seen: &RecordedStep) {
        match seen {
            RecordedStep::CommandSent(sent) => {
                *self = Self {
                    sent: Some(sent.clone()),
                    ..Self::default()
                };
            }
            RecordedStep::Line {
                side: Side::Server,
                role,
                pieces,
                first: true,
                ..
            } => self.server_line(*role, pieces),
            RecordedStep::ReplyEnded(Some(sent), status) => {
                (self.sent, self.status) = (Some(sent.clone()), Some(*status));
            }
            _ => {}
        }
    }

    /// Whether more may be on its way: the reply is not the one to its command, or a login was
    /// refused, which two programs after each other may both answer. `is_wary`: whatever the reply
    /// to a login is.
    pub(crate) fn is_doubtful(&self, is_wary: bool) -> bool {
        let (Some(sent), Some(status)) = (&self.sent, self.status) else {
            // What came with the greeting is not a reply.
            return false;
        };
        if self.is_echo() && self.stray_statuses == 1 {
            // The true reply has come.
            return false;
        }
        let is_refused_login = status == Status::Negative && is_login(sent);
        self.strays > 0
            || status == Status::Malformed
            || is_refused_login
            || (is_wary && is_login(sent))
            || self.lacks_numbers()
    }

    /// Whether there is no other reason to wait than a reply without status indicator: a server may
    /// send nothing else.
    pub(crate) fn is_only_malformed(&self) -> bool {
        self.strays == 0 && self.status == Some(Status::Malformed)
    }

    /// Whether the server has answered once too often, or with a listing where one line belongs:
    /// which reply belongs to which command is not sure from here on.
    pub(crate) fn is_lost(&self) -> bool {
        let Some(sent) = &self.sent else {
            return false;
        };
        // RFC 1939 §5: of a message anything may be left over when a dot ended it too early.
        let is_message = sent.command().is_some_and(Command::fetches_message);
        let is_listing = self.strays > 0 && self.lacks_numbers() && has_number(sent);
        (self.stray_statuses > 0 && !is_message && !self.is_echo()) || is_listing
    }

    /// Whether it is about a login, after which nothing could be tested without one.
    pub(crate) fn is_about_login(&self) -> bool {
        self.sent.as_ref().is_some_and(is_login)
    }

    fn server_line(&mut self, role: Role, pieces: &[Piece]) {
        let text = Piece::head(pieces);
        let text = text.get(..START_MAX).unwrap_or(text);
        match role {
            Role::Status => self.line = text.to_vec(),
            Role::Unrequested => {
                self.strays += 1;
                let is_status = text.starts_with(b"+OK") || text.starts_with(b"-ERR");
                self.stray_statuses += u64::from(is_status);
            }
            _ => {}
        }
    }

    /// Whether the reply lacks numbers that belong into it (RFC 1939 §5: STAT, and LIST with a
    /// number; §7: UIDL).
    fn lacks_numbers(&self) -> bool {
        let (Some(sent), Some(Status::Positive)) = (&self.sent, self.status) else {
            return false;
        };
        let mut words = Words::of(&self.line).skip(1);
        let mut number = || {
            let word = std::str::from_utf8(words.next()?).ok()?;
            word.parse::<u64>().ok()
        };
        let asked = Words::of(sent.arguments()).next();
        let asked = asked.and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
        match (sent.verb().as_str(), has_number(sent)) {
            ("STAT", _) => number().is_none() || number().is_none(),
            ("LIST", true) => number() != asked || number().is_none(),
            ("UIDL", true) => number() != asked,
            _ => false,
        }
    }

    /// Whether the reply is the command itself, after which the true reply comes.
    fn is_echo(&self) -> bool {
        let verb = self
            .sent
            .as_ref()
            .map(SentCommand::verb)
            .unwrap_or_default();
        let start = self.line.get(..verb.len()).unwrap_or_default();
        !verb.is_empty() && start.eq_ignore_ascii_case(verb.as_bytes())
    }
}

fn is_login(sent: &SentCommand) -> bool {
    let row = sent.command();
    row.is_some_and(|row| row.is_of_login() || row.effect == Effect::Tls)
}

/// Whether one message was asked for, by a number or by a hole in its place.
fn has_number(sent: &SentCommand) -> bool {
    let is_listing = sent.command().is_some_and(Command::lists_messages);
    is_listing && Words::of(sent.arguments()).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::recorder::Recorder;
    use crate::transcript::secret::Hider;

    /// What is made of a server's octets behind a command.
    fn after(command: &str, reply: &str) -> Alignment {
        let mut recorder = Recorder::new(Hider::new(false));
        let mut alignment = Alignment::default();
        for (side, octets) in [
            (Side::Server, "+OK ready\r\n".to_owned()),
            (Side::Client, format!("{command}\r\n")),
            (Side::Server, reply.to_owned()),
        ] {
            recorder.feed(side, octets.as_bytes(), 0, &mut |seen| alignment.see(&seen));
        }
        alignment
    }

    #[test]
    fn a_reply_that_fits_is_not_doubted() {
        for (command, reply) in [
            ("CAPA", "+OK\r\nTOP\r\n.\r\n"),
            ("CAPA", "-ERR what?\r\n"),
            ("USER a", "+OK\r\n"),
            ("STAT", "+OK 2 320\r\n"),
            ("LIST 1", "+OK 1 120 octets\r\n"),
            ("LIST 0", "-ERR no such message\r\n"),
            ("UIDL 1", "+OK 1 abc\r\n"),
            ("FOO", "FOO\r\n-ERR unknown\r\n"),
            ("LIST", "+OK\r\n1 120\r\n.\r\n"),
        ] {
            let alignment = after(command, reply);
            assert!(!alignment.is_doubtful(false), "{command}: {reply}");
            assert!(!alignment.is_lost(), "{command}: {reply}");
        }
        let echo = after("FOO", "FOO\r\n");
        assert!(echo.is_doubtful(false) && echo.is_only_malformed());
        assert!(after("USER a", "+OK\r\n").is_doubtful(true));
    }

    #[test]
    fn one_reply_too_many_is_lost_and_more_lines_of_an_error_are_not() {
        for (command, reply, is_lost) in [
            ("USER a", "-ERR no\r\n", false),
            ("USER a", "-ERR no\r\n+OK password required\r\n", true),
            ("STAT", "+OK logged in\r\n", false),
            ("STAT", "+OK logged in\r\n+OK 2 320\r\n", true),
            ("LIST 0", "+OK 3 messages\r\n", false),
            ("LIST 0", "+OK 3 messages\r\n1 53\r\n2 53\r\n.\r\n", true),
            ("FOO", "-ERR unknown\r\ntry HELP\r\n", false),
            ("CAPA", "TOP\r\nUIDL\r\n.\r\n", false),
            ("RETR 1", "+OK\r\na\r\n.\r\n+OK in the mail\r\n.\r\n", false),
        ] {
            let alignment = after(command, reply);
            assert!(alignment.is_doubtful(false), "{command}: {reply}");
            assert_eq!(alignment.is_lost(), is_lost, "{command}: {reply}");
        }
    }
}
