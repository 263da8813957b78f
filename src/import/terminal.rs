//! Reads what a terminal showed of a session that was typed into a program which passes lines on, as `openssl s_client` and
//! telnet do: the program's own lines, the server's, and the typed ones where they were echoed.

use super::lines::{numbered, text, without_cr};
use super::stamp;
use super::talk::Talk;
use super::{Made, Options, Source};
use crate::command::Command;
use crate::secret::place;
use crate::service::Service;
use crate::tracker::{Awaited, LineEnd, Role, Side, State, Status};
use crate::transcript::{Hole, Piece};

/// What such a program prints of its own.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// Whether it prints this line.
    pub(super) is_own: fn(&[u8]) -> bool,
    /// What the line says of the connection.
    pub(super) news: fn(&[u8]) -> News,
    /// Whether it took a typed line for itself, as the next line shows.
    pub(super) took: fn(&[u8], &[u8]) -> bool,
}

/// What a line of the program's own says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    /// The session is over; what follows is the shell's.
    Over(String),
    Prose,
}

/// What comes before the session.
#[derive(Debug, Default)]
pub(super) struct Opening {
    pub(super) head: Vec<(&'static str, String)>,
    pub(super) events: Vec<String>,
    /// Nothing more is to come: it failed.
    pub(super) is_failed: bool,
}

/// How the file shows who said a line: a terminal turns LF into CR LF, so that a CR too many is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A file or pipe: only what was received is in it.
    Pipe,
    /// What `script` keeps of a terminal: lines with this many CRs are not the server's.
    Terminal(usize),
    /// A copy without CRs: the order of the lines must show it.
    Copy,
}

impl Form {
    fn of(octets: &[u8], is_own: fn(&[u8]) -> bool) -> Self {
        let crs = |line| without_cr(line).1;
        // What `script` itself writes does not go through the terminal.
        let lines = || {
            let lines = numbered(octets).map(|(_, line)| line);
            lines.filter(|line| !line.starts_with(b"Script ") && !line.is_empty())
        };
        let own = lines().find(|line| is_own(line)).map(crs);
        let least = own.or_else(|| lines().map(crs).min()).unwrap_or_default();
        match (least, lines().map(crs).max()) {
            (least, Some(most)) if most <= least => Self::Copy,
            (0, _) => Self::Pipe,
            (least, _) => Self::Terminal(least),
        }
    }

    fn imported(self, name: &str, has_times: bool) -> String {
        let times = if has_times { "" } else { " and times" };
        match self {
            Self::Pipe => format!(
                "{name}; what was typed{times} {} not in it",
                if has_times { "is" } else { "are" }
            ),
            Self::Terminal(_) => format!("{name}; line ends of the client{times} are not in it"),
            Self::Copy if has_times => {
                format!(
                    "{name}; line ends are not in it; the order of the lines decides who said each"
                )
            }
            Self::Copy => format!(
                "{name}; line ends and times are not in it; the order of the lines decides who said each"
            ),
        }
    }
}

/// A line without a time in front of it, where the session's lines have one.
fn bare(whole: &[u8], has_times: bool) -> (Option<stamp::Time>, &[u8], usize) {
    let (line, crs) = without_cr(whole);
    if has_times && let Some((time, rest)) = stamp::front(line) {
        return (Some(time), rest, crs);
    }
    (None, line, crs)
}

/// The lines before the session begins: up to the first status line, or to a greeting of another protocol.
pub(super) fn opening_lines<'a>(octets: &'a [u8], program: &Program) -> (Vec<&'a [u8]>, bool) {
    let has_times = has_times(octets);
    let mut lines: Vec<&[u8]> = Vec::new();
    for (_, whole) in numbered(octets) {
        let (_, line, _) = bare(whole, has_times);
        if begins(line) {
            // Commands right before it are of the session, whose start was cut off.
            while let Some(last) = lines.last()
                && Command::of_line(last).is_some()
                && !(program.is_own)(last)
            {
                lines.pop();
            }
            return (lines, true);
        }
        lines.push(line);
    }
    (lines, false)
}

/// Whether the session begins with a line of the server: a status line, or what another service says.
fn begins(line: &[u8]) -> bool {
    line.starts_with(b"+OK") || line.starts_with(b"-ERR") || Service::of_line(line).is_some()
}

fn has_times(octets: &[u8]) -> bool {
    let mut lines = numbered(octets).map(|(_, line)| without_cr(line).0);
    lines.any(|line| stamp::front(line).is_some_and(|(_, rest)| begins(rest)))
}

/// Reads a session. `begin` is the number of lines before it.
pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
    program: &Program,
    opening: &Opening,
    begin: usize,
) -> Option<Made> {
    let form = Form::of(source.octets, program.is_own);
    let has_times = has_times(source.octets);
    let imported = form.imported(program.name, has_times);
    let mut session = Session {
        talk: Talk::new(options, &opening.head, &imported),
        program,
        form,
        is_first: true,
        is_over: opening.is_failed,
        until: None,
    };
    for event in &opening.events {
        session.talk.event(event);
    }
    let lines = numbered(source.octets).map(|(_, line)| bare(line, has_times));
    let mut lines = lines.skip(begin).peekable();
    while let Some((time, line, crs)) = lines.next() {
        let next = lines.peek().map(|(_, line, _)| *line).unwrap_or_default();
        if let Some(time) = time {
            session.talk.at(time.us);
        }
        session.line(line, crs, next);
    }
    let is_empty = session.talk.is_empty() && !opening.is_failed;
    (!is_empty).then(|| session.talk.finish())
}

struct Session<'a> {
    talk: Talk,
    program: &'a Program,
    form: Form,
    is_first: bool,
    /// The session has ended: what follows is the shell's.
    is_over: bool,
    /// The start of the line that ends a report of the program's.
    until: Option<&'static str>,
}

impl Session<'_> {
    /// Takes a line of the session. `next` shows whether the program took it for itself.
    fn line(&mut self, line: &[u8], crs: usize, next: &[u8]) {
        if self.is_over {
            return;
        }
        let is_status = Status::of_line(line) != Status::Malformed;
        if let Some(until) = self.until {
            let is_said = line.starts_with(b"+OK") || line.starts_with(b"-ERR");
            if is_said || line.starts_with(until.as_bytes()) {
                self.until = None;
            }
            if !is_said {
                return;
            }
        }
        if line == b"---" && next.starts_with(b"Post-Handshake ") {
            self.until = Some("read R BLOCK");
            return;
        }
        let is_own = (self.program.is_own)(line);
        let is_first = std::mem::take(&mut self.is_first);
        let side = match self.form {
            Form::Pipe if crs == 0 && is_own => return self.own(line),
            // Only the client says such a line; taken for the server's, it would show the secret.
            Form::Pipe if crs == 0 && is_login(line) => Side::Client,
            Form::Pipe => Side::Server,
            Form::Terminal(least) if crs > least => Side::Server,
            Form::Terminal(least) if is_own || crs < least => return self.own(line),
            // The greeting may come while the terminal is still set up.
            Form::Terminal(_) if is_first && is_status => Side::Server,
            Form::Terminal(_) => Side::Client,
            Form::Copy if is_own && !self.talk.is_in_data() => return self.own(line),
            Form::Copy if is_first && !is_status && Command::of_line(line).is_some() => {
                self.talk
                    .prose("the recording begins in the middle of a session");
                self.talk.hole(Side::Server);
                Side::Client
            }
            Form::Copy => self.side(line, is_status),
        };
        let end = match self.form {
            Form::Pipe if crs == 0 => LineEnd::Lf,
            _ => LineEnd::Crlf,
        };
        if side == Side::Client {
            if (self.program.took)(line, next) {
                let what = if self.talk.expects_response() || is_login(line) {
                    "a secret".to_owned()
                } else {
                    text(line)
                };
                let name = self.program.name.rsplit(' ').next().unwrap_or_default();
                let own = format!("{name} took this line for itself and did not send it:");
                return self.talk.prose(&format!("{own} {what}"));
            }
            let is_left = self.talk.state() == State::Update && self.talk.awaited().is_none();
            if self.form == Form::Copy
                && (is_left || line.trim_ascii().is_empty())
                && Command::of_line(line).is_none()
            {
                // An empty line of the paste, or the shell after QUIT.
                return self.talk.foreign(&text(line));
            }
            return self.talk.line(side, line, end);
        }
        if is_first && let Some(inner) = second_status(line) {
            let (greeting, rest) = line.split_at(inner);
            // Seen: OpenSSL 3.0.22, -starttls pop3: of the greeting as many octets as the reply to STLS had.
            self.talk.prose(
                "s_client -starttls shows a part of the greeting, and neither STLS nor its reply",
            );
            let pieces = vec![Piece::Octets(greeting.to_vec()), Piece::Hole(Hole::Text)];
            self.talk.row(Side::Server, pieces, LineEnd::Crlf);
            return self.line(rest, crs, next);
        }
        let is_reply = is_status || self.is_challenge(line);
        if is_reply && !is_first && self.talk.awaited().is_none() && !self.talk.is_in_data() {
            // What was typed is not in the file.
            self.talk.hole(Side::Client);
        }
        if self.form == Form::Copy
            && let Some(found) = place(line, Role::Command, false)
        {
            // Data, or a login that was typed while data was awaited: it can be either.
            let open = line.get(..found.from).unwrap_or_default().to_vec();
            let hole = Piece::Hole(Hole::Named(found.hole.to_owned()));
            return self.talk.row(side, vec![Piece::Octets(open), hole], end);
        }
        self.talk.line(side, line, end);
    }

    /// The side of a line, by the order of the lines.
    fn side(&self, line: &[u8], is_status: bool) -> Side {
        match self.talk.awaited() {
            Some(Awaited::Terminator(_) | Awaited::Greeting) => Side::Server,
            _ if is_status || self.is_challenge(line) => Side::Server,
            _ => Side::Client,
        }
    }

    /// Whether a line is a challenge of the AUTH that is going on. No base64 begins with `+` and a space, so it is one even
    /// where the response to the last one is missing; `+` without a space may begin a response that is owed.
    fn is_challenge(&self, line: &[u8]) -> bool {
        self.talk.is_in_sasl() && (line == b"+" || line.starts_with(b"+ "))
    }

    fn own(&mut self, line: &[u8]) {
        match (self.program.news)(line) {
            News::Nothing => {}
            News::Over(event) => {
                self.talk.event(&event);
                self.is_over = true;
            }
            News::Prose => self.talk.prose(&text(line)),
        }
    }
}

/// Whether a line carries a secret.
fn is_login(line: &[u8]) -> bool {
    place(line, Role::Command, false).is_some()
}

/// Where a second status line begins inside a first one.
fn second_status(line: &[u8]) -> Option<usize> {
    let starts = ["+OK", "-ERR"].map(|status| {
        let rest = line.get(3..)?;
        memchr::memmem::find(rest, status.as_bytes()).map(|at| at + 3)
    });
    starts.into_iter().flatten().min()
}
