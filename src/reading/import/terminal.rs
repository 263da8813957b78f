//! Reads what a terminal showed of a session that was typed into a program which passes lines on,
//! as `openssl s_client` and telnet do: the program's own lines, the server's, and the typed ones
//! where they were echoed.

use super::builder::TranscriptBuilder;
use super::foreign::{
    is_key, is_like_command, is_like_secret, is_login, is_misspelt_login, is_snip, second_status,
};
use super::lines::{is_status, numbered, text, text_after, without_cr};
use super::stamp;
use super::{ImportedTranscript, Options, Source};
use crate::base::service::Service;
use crate::pop3::command::Command;
use crate::pop3::tracker::{Awaited, LineEnd, Role, Side, State, Status};
use crate::transcript::event::Event;
use crate::transcript::secret::place;
use crate::transcript::{Hole, Piece};

pub(super) struct Program {
    pub(super) name: &'static str,
    /// Whether it prints this line.
    pub(super) is_own: fn(&[u8]) -> bool,
    /// What the line says about the connection.
    pub(super) news: fn(&[u8]) -> ProgramLine,
    /// Whether it took a typed line as its own command, as the next line shows.
    pub(super) took: fn(&[u8], &[u8]) -> bool,
    /// Whether it may print the greeting without its line end, so that the next line is glued to
    /// it.
    pub(super) glues: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProgramLine {
    Nothing,
    /// The session is over; what follows is the shell's.
    Over(Event),
    Prose,
}

#[derive(Debug, Default)]
pub(super) struct Opening {
    pub(super) head: Vec<(&'static str, String)>,
    pub(super) events: Vec<Event>,
    /// Nothing more will come: it failed.
    pub(super) is_failed: bool,
    /// The program itself agreed on TLS (`-starttls pop3`).
    pub(super) is_starttls: bool,
    /// The start of the session that the program did not show, in words.
    pub(super) unseen: Option<&'static str>,
}

/// How the file shows who said a line: a terminal turns LF into CR LF, so an extra CR is the
/// server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEndForm {
    /// A file or pipe: only what was received is in it.
    Pipe,
    /// What `script` keeps of a terminal: lines with this many CRs are not the server's.
    Terminal(usize),
    /// A copy without CRs: the order of the lines must show it.
    Copy,
}

impl LineEndForm {
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
                    "{name}; line ends are not in it; the order of the lines decides which side sent each"
                )
            }
            Self::Copy => format!(
                "{name}; line ends and times are not in it; the order of the lines decides which side sent each"
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

/// The lines before the session begins: up to the first status line, or to a greeting of another
/// protocol.
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

/// Whether the session begins with a line of the server: a status line, or what another service
/// says.
pub(super) fn begins(line: &[u8]) -> bool {
    line.starts_with(b"+OK") || line.starts_with(b"-ERR") || Service::of_line(line).is_some()
}

fn has_times(octets: &[u8]) -> bool {
    let mut lines = numbered(octets).map(|(_, line)| without_cr(line).0);
    lines.any(|line| stamp::front(line).is_some_and(|(_, rest)| begins(rest)))
}

/// The sessions of one text: a new one begins where the program connects again after a session.
/// `connects` gets the line and what follows it; `command` is what was typed to start it.
pub(super) fn parts<'a>(
    octets: &'a [u8],
    command: &str,
    connects: fn(&[u8], &[u8]) -> bool,
) -> Vec<&'a [u8]> {
    let has_times = has_times(octets);
    let mut parts = Vec::new();
    // Where the part begins, where the line before does if it is the command, and whether a session
    // was seen.
    let (mut start, mut before, mut has_session) = (0, None, false);
    // A message may quote a session: whether one was asked for, and whether it is coming.
    let (mut is_asked, mut is_message) = (false, false);
    let mut at = 0;
    for (_, whole) in numbered(octets) {
        let next = (at + whole.len() + 1).min(octets.len());
        let (_, line, _) = bare(whole, has_times);
        if is_message {
            is_message = line != b".";
            at = next;
            continue;
        }
        if has_session && connects(line, octets.get(next..).unwrap_or_default()) {
            let cut = before.unwrap_or(at);
            parts.push(octets.get(start..cut).unwrap_or_default());
            (start, has_session) = (cut, false);
        }
        has_session |= begins(line);
        is_message = is_asked && line.starts_with(b"+OK");
        if !line.trim_ascii().is_empty() {
            is_asked = Command::of_line(line).is_some_and(Command::fetches_message);
        }
        before = text_after(line, command).map(|_| at);
        at = next;
    }
    parts.push(octets.get(start..).unwrap_or_default());
    parts
}

/// Reads a session. `begin` is the number of lines before it.
pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
    program: &Program,
    opening: &Opening,
    begin: usize,
) -> Option<ImportedTranscript> {
    let form = LineEndForm::of(source.octets, program.is_own);
    let has_times = has_times(source.octets);
    let imported = form.imported(program.name, has_times);
    let mut session = TerminalSession {
        talk: TranscriptBuilder::new(options, &opening.head, &imported),
        program,
        form,
        said: 0,
        is_over: opening.is_failed,
        is_starttls: opening.is_starttls,
        is_keeping: options.is_keeping,
        is_snipped: false,
        owes_response: false,
        until: None,
    };
    for event in &opening.events {
        session.talk.event(event);
    }
    if let Some(unseen) = opening.unseen {
        session.talk.prose(unseen);
        session.talk.hole(Side::Server);
        session.said += 1;
    }
    let lines = numbered(source.octets).map(|(_, line)| bare(line, has_times));
    let mut lines = lines.skip(begin);
    while let Some((time, line, crs)) = lines.next() {
        let mut ahead = lines
            .clone()
            .map(|(_, line, crs)| (line, crs))
            .take(AHEAD_MAX);
        let next = ahead.clone().next();
        let said = ahead.find(|(line, _)| !line.trim_ascii().is_empty());
        let ahead = Ahead {
            next: next.map_or(b"", |(line, _)| line),
            said: said.map_or(b"", |(line, _)| line),
            is_server: match (form, said) {
                (LineEndForm::Terminal(least), Some((_, crs))) => crs > least,
                _ => false,
            },
        };
        if let Some(time) = time {
            session.talk.at(time.us);
        }
        session.line(line, crs, ahead);
    }
    let is_empty = session.talk.is_empty() && !opening.is_failed;
    (!is_empty).then(|| session.talk.finish())
}

/// The start of a report of s_client's that has the keys of a later session.
const TICKET: &[u8] = b"Post-Handshake ";

/// The longest greeting in which a command is looked for.
const GLUED_MAX: usize = 1024;

/// Blank lines after a line that are looked over.
const AHEAD_MAX: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Ahead<'a> {
    next: &'a [u8],
    /// The next line that is not blank.
    said: &'a [u8],
    /// Its CRs show that the server sent it.
    is_server: bool,
}

impl Ahead<'_> {
    fn is_reply(&self) -> bool {
        let said = self.said;
        self.is_server || is_status(said) || said.starts_with(b"+ ") || said == b"+"
    }
}

enum TerminalOrigin {
    Side(Side),
    Program,
    /// A key of the TLS session that the program shows among the server's lines.
    Key,
}

struct TerminalSession<'a> {
    talk: TranscriptBuilder,
    program: &'a Program,
    form: LineEndForm,
    /// The lines of either side so far.
    said: usize,
    is_starttls: bool,
    is_keeping: bool,
    /// The paste leaves lines out somewhere before.
    is_snipped: bool,
    /// The client's next line is a response to a challenge whose AUTH is not there.
    owes_response: bool,
    /// The session has ended: what follows is the shell's.
    is_over: bool,
    until: Option<&'static str>,
}

impl TerminalSession<'_> {
    /// Takes a line of the session. What is ahead shows whether the program took it for itself.
    fn line(&mut self, line: &[u8], crs: usize, ahead: Ahead<'_>) {
        if self.is_over {
            return;
        }
        let line = self.without_padding(line);
        if self.is_in_report(line, ahead) {
            return;
        }
        if self.form == LineEndForm::Copy && is_snip(line) {
            return self.snip(ahead);
        }
        let side = match self.origin(line, crs, ahead) {
            TerminalOrigin::Side(side) => side,
            TerminalOrigin::Program => return self.own(line),
            TerminalOrigin::Key => return self.talk.hole(Side::Server),
        };
        if side == Side::Client && self.form != LineEndForm::Pipe && self.is_cut_before(line) {
            self.talk
                .prose("the recording begins in the middle of a session");
            self.talk.hole(Side::Server);
        }
        self.said += 1;
        let end = match self.form {
            LineEndForm::Pipe if crs == 0 => LineEnd::Lf,
            _ => LineEnd::Crlf,
        };
        match side {
            Side::Client => self.client_line(line, end, ahead),
            Side::Server => self.server_line(line, crs, end, ahead),
        }
    }

    /// A line without the octets that s_client shows after a short greeting.
    fn without_padding<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        // Seen: OpenSSL 3.0.22, -starttls pop3: as many octets as the reply to STLS had, NULs after
        // a shorter greeting.
        let is_padded = self.program.glues && self.said == 1;
        let nuls = line.iter().take_while(|octet| is_padded && **octet == 0);
        line.get(nuls.count()..).unwrap_or_default()
    }

    /// Whether a line is of a report of the program's. A report that breaks off is over at a status
    /// line.
    fn is_in_report(&mut self, line: &[u8], ahead: Ahead<'_>) -> bool {
        if let Some(until) = self.until {
            let is_said = is_status(line);
            if is_said || line.starts_with(until.as_bytes()) {
                self.until = None;
            }
            if !is_said {
                return true;
            }
        }
        let begins = (line == b"---" && ahead.next.starts_with(TICKET)) || line.starts_with(TICKET);
        if begins {
            self.until = Some("read R BLOCK");
        }
        begins
    }

    fn origin(&self, line: &[u8], crs: usize, ahead: Ahead<'_>) -> TerminalOrigin {
        let is_own = (self.program.is_own)(line);
        let is_status = Status::of_line(line) != Status::Malformed;
        TerminalOrigin::Side(match self.form {
            LineEndForm::Pipe if crs == 0 && is_own => return TerminalOrigin::Program,
            // Only the client says such a line; taken for the server's, it would show the secret.
            LineEndForm::Pipe if crs == 0 && is_login(line) => Side::Client,
            LineEndForm::Pipe => Side::Server,
            LineEndForm::Terminal(least) if crs > least => Side::Server,
            LineEndForm::Terminal(least) if is_own || crs < least => {
                return TerminalOrigin::Program;
            }
            // The greeting may come while the terminal is still set up.
            LineEndForm::Terminal(_) if self.said == 0 && is_status => Side::Server,
            LineEndForm::Terminal(_) => Side::Client,
            LineEndForm::Copy if is_own && !self.talk.is_in_data() => {
                return TerminalOrigin::Program;
            }
            LineEndForm::Copy if self.program.glues && is_key(line) => return TerminalOrigin::Key,
            LineEndForm::Copy if self.is_cut_before(line) => Side::Client,
            LineEndForm::Copy if self.is_stray_challenge(line) => Side::Server,
            LineEndForm::Copy => self.side(line, is_status, ahead),
        })
    }

    /// Whether a line comes first that was typed: what was before it is not in the file.
    fn is_cut_before(&self, line: &[u8]) -> bool {
        let is_status = Status::of_line(line) != Status::Malformed;
        self.said == 0 && !is_status && Command::of_line(line).is_some()
    }

    fn client_line(&mut self, line: &[u8], end: LineEnd, ahead: Ahead<'_>) {
        if (self.program.took)(line, ahead.next) {
            let what = if self.talk.expects_response() || is_login(line) {
                "a secret".to_owned()
            } else {
                text(line)
            };
            let name = self.program.name.rsplit(' ').next().unwrap_or_default();
            let own = format!("{name} took this line as its own command and did not send it:");
            return self.talk.prose(&format!("{own} {what}"));
        }
        if std::mem::take(&mut self.owes_response)
            && !self.is_keeping
            && Command::of_line(line).is_none()
        {
            let hole = Piece::Hole(Hole::Named("response".to_owned()));
            return self.talk.row(Side::Client, vec![hole], end);
        }
        if self.form != LineEndForm::Pipe && self.is_foreign(line, ahead) {
            return self.foreign(line);
        }
        self.talk.line(Side::Client, line, end);
    }

    fn server_line(&mut self, line: &[u8], crs: usize, end: LineEnd, ahead: Ahead<'_>) {
        // The line itself is counted.
        let is_first = self.said == 1;
        if is_first && let Some(inner) = self.glued(line, crs, ahead) {
            let (greeting, rest) = line.split_at(inner);
            self.talk.prose(
                "s_client -starttls shows only part of the greeting, and neither STLS nor its reply",
            );
            let pieces = vec![Piece::Octets(greeting.to_vec()), Piece::Hole(Hole::Text)];
            self.talk.row(Side::Server, pieces, LineEnd::Crlf);
            return self.line(rest, crs, ahead);
        }
        self.owes_response = self.is_stray_challenge(line);
        let is_status = Status::of_line(line) != Status::Malformed;
        let is_reply = is_status || self.is_challenge(line) || self.owes_response;
        if is_reply && !is_first && self.talk.awaited().is_none() && !self.talk.is_in_data() {
            // What was typed is not in the file.
            self.talk.hole(Side::Client);
        }
        if self.form == LineEndForm::Copy
            && let Some(found) = place(line, Role::Command, false)
        {
            // Data, or a login that was typed while data was awaited: it can be either.
            let open = line.get(..found.from).unwrap_or_default().to_vec();
            let hole = Piece::Hole(Hole::Named(found.hole.to_owned()));
            return self
                .talk
                .row(Side::Server, vec![Piece::Octets(open), hole], end);
        }
        self.talk.line(Side::Server, line, end);
    }

    /// The side of a line, by the order of the lines.
    fn side(&self, line: &[u8], is_status: bool, ahead: Ahead<'_>) -> Side {
        let is_typed = || self.is_snipped && Command::of_line(line).is_some() && ahead.is_reply();
        match self.talk.awaited() {
            // The end of the data may be among what was left out.
            Some(Awaited::Terminator(_)) if is_typed() => Side::Client,
            Some(Awaited::Terminator(_) | Awaited::Greeting) => Side::Server,
            _ if is_status || self.is_challenge(line) => Side::Server,
            _ => Side::Client,
        }
    }

    /// Whether a line is a challenge of the AUTH that is in progress. No base64 begins with `+` and
    /// a space, so it is one even where the response to the last one is missing; `+` without a
    /// space may begin a response that is owed.
    fn is_challenge(&self, line: &[u8]) -> bool {
        self.talk.is_in_sasl() && (line == b"+" || line.starts_with(b"+ "))
    }

    /// Whether a line that would be a typed one is not of the session: the shell's, another
    /// program's or a person's.
    fn is_foreign(&self, line: &[u8], ahead: Ahead<'_>) -> bool {
        let is_command = Command::of_line(line).is_some();
        let is_copy = self.form == LineEndForm::Copy;
        if is_copy && line.trim_ascii().is_empty() {
            return !is_command;
        }
        let is_left = self.talk.state() == State::Update && self.talk.awaited().is_none();
        if is_left && (is_copy || !ahead.is_reply()) {
            return !is_command || !ahead.is_reply();
        }
        let is_sasl = self.talk.is_in_sasl() || self.talk.expects_response();
        if is_command || is_sasl || ahead.is_reply() || line.trim_ascii().is_empty() {
            return false;
        }
        // A server may close instead of an answer.
        let is_closed = matches!((self.program.news)(ahead.said), ProgramLine::Over(_));
        !(is_misspelt_login(line) || is_like_secret(line) || is_closed && is_like_command(line))
    }

    fn foreign(&mut self, line: &[u8]) {
        if !self.is_keeping && (is_login(line) || is_misspelt_login(line)) {
            self.talk
                .prose("a line that may hold a secret was left out here");
        } else {
            self.talk.foreign(&text(line));
        }
    }

    /// Lines were left out of the paste here.
    fn snip(&mut self, ahead: Ahead<'_>) {
        self.is_snipped = true;
        let is_data = self.talk.is_in_data();
        self.talk.hole(Side::Server);
        // A reply without its command adds a hole.
        if !is_data && !ahead.is_reply() {
            self.talk.hole(Side::Client);
        }
    }

    /// Where another line begins that is glued to the greeting.
    fn glued(&self, line: &[u8], crs: usize, ahead: Ahead<'_>) -> Option<usize> {
        if let Some(at) = second_status(line) {
            return Some(at);
        }
        if !self.program.glues {
            return None;
        }
        if ahead.next.starts_with(TICKET)
            && let Some(greeting) = line.strip_suffix(b"---")
        {
            return Some(greeting.len());
        }
        // A reply without a command before it: that was typed in the greeting's line. A login is
        // hidden in any case.
        let is_whole = match self.form {
            LineEndForm::Pipe => true,
            LineEndForm::Terminal(least) => crs > least,
            LineEndForm::Copy => false,
        };
        let is_likely = ahead.is_reply() || self.is_starttls;
        if is_whole || !is_likely || line.len() > GLUED_MAX {
            return None;
        }
        let mut found = None;
        for at in 4..line.len() {
            let rest = line.get(at..)?;
            let Some(command) = Command::of_line(rest) else {
                continue;
            };
            let has_word = rest.contains(&b' ');
            if is_login(rest) || (self.is_starttls && command.verb == "USER" && has_word) {
                return Some(at);
            }
            if self.is_starttls && ahead.is_reply() {
                found = Some(at);
            }
        }
        found
    }

    /// Whether a line is a challenge of an AUTH that is not in the recording: a response follows,
    /// and is a secret.
    fn is_stray_challenge(&self, line: &[u8]) -> bool {
        let is_known = self.talk.is_in_sasl() || self.talk.is_in_data();
        let text = line.strip_prefix(b"+ ").unwrap_or_default();
        !is_known && (line == b"+" || (line.starts_with(b"+ ") && !text.contains(&b' ')))
    }

    fn own(&mut self, line: &[u8]) {
        match (self.program.news)(line) {
            ProgramLine::Nothing => {}
            ProgramLine::Over(event) => {
                self.talk.event(&event);
                self.is_over = true;
            }
            ProgramLine::Prose => self.talk.prose(&text(line)),
        }
    }
}
