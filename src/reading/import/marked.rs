//! Reads logs in which a mark says which side sent a line: those of `dialects`, and those whose
//! patterns the user gives.

use std::collections::HashMap;

use regex::bytes::{Captures, Regex};

use super::builder::TranscriptBuilder;
use super::dialects::{Coding, Note, ReadyDialect};
use super::lines::{TlsLog, host_port, numbered, text, without_cr};
use super::stamp::{self, Time};
use super::{ImportedTranscript, Options, Problem, Source};
use crate::pop3::command::Command;
use crate::pop3::tracker::{LineEnd, Side, State};
use crate::transcript::event::{Event, Party};

const CONNECTIONS_MAX: usize = 4096;
/// The most lines of the application that are kept as prose, for each connection.
const FOREIGN_MAX: usize = 100;
/// Microseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000_000;

#[derive(Debug)]
pub(super) struct Marks<'a> {
    /// For the head `imported`.
    pub(super) program: &'a str,
    pub(super) client: &'a Regex,
    pub(super) server: &'a Regex,
    pub(super) coding: Coding,
    pub(super) is_continued: bool,
    pub(super) lacks_data: bool,
    pub(super) hides_login: bool,
    pub(super) notes: &'a [(Note, Regex)],
    pub(super) skip: Option<&'a Regex>,
}

impl<'a> Marks<'a> {
    pub(super) fn of(ready: &'a ReadyDialect) -> Self {
        Self {
            program: ready.dialect.program,
            client: &ready.client,
            server: &ready.server,
            coding: ready.dialect.coding,
            is_continued: ready.dialect.is_continued,
            lacks_data: ready.dialect.lacks_data,
            hides_login: ready.dialect.hides_login,
            notes: &ready.notes,
            skip: ready.skip.as_ref(),
        }
    }

    fn said<'l>(&self, line: &'l [u8]) -> Option<(Side, Captures<'l>)> {
        let of = |side, mark: &Regex| mark.captures(line).map(|found| (side, found));
        of(Side::Client, self.client).or_else(|| of(Side::Server, self.server))
    }

    fn shown<'l>(&self, side: Side, found: &Captures<'l>) -> &'l [u8] {
        match side {
            Side::Client => shown(self.client, found),
            Side::Server => shown(self.server, found),
        }
    }

    fn note<'l>(&self, line: &'l [u8]) -> Option<(Note, Captures<'l>)> {
        let mut notes = self.notes.iter();
        notes.find_map(|(note, pattern)| pattern.captures(line).map(|found| (*note, found)))
    }
}

/// The octets that a line of the log shows: group `line`, or the first one that has no name.
fn shown<'l>(mark: &Regex, found: &Captures<'l>) -> &'l [u8] {
    let unnamed = || {
        let mut names = mark.capture_names().enumerate().skip(1);
        found.get(names.find(|(_, name)| name.is_none())?.0)
    };
    let group = found.name("line").or_else(unnamed);
    group.map(|group| group.as_bytes()).unwrap_or_default()
}

fn time(found: &Captures<'_>) -> Option<Time> {
    stamp::any(found.name("t")?.as_bytes())
}

#[derive(Debug, Default)]
struct Extent {
    has_cr: bool,
    has_server: bool,
    time: Option<Time>,
}

impl Extent {
    fn of(source: &Source<'_>, marks: &Marks<'_>) -> Self {
        let mut extent = Self::default();
        for (_, whole) in numbered(source.octets) {
            let (line, crs) = without_cr(whole);
            if let Some((side, found)) = marks.said(line) {
                extent.has_server |= side == Side::Server;
                extent.has_cr |= side == Side::Server && crs > 0;
                extent.time = extent.time.or_else(|| time(&found));
            }
        }
        extent
    }

    /// The head `imported`: the program, and what its log does not have.
    fn imported(&self, marks: &Marks<'_>) -> String {
        let mut lacks = Vec::new();
        if matches!(marks.coding, Coding::Plain | Coding::Nl)
            || marks.coding == Coding::WithCr && !self.has_cr
        {
            lacks.push("line ends");
        }
        match self.time {
            None => lacks.push("times"),
            Some(time) if !time.has_date => lacks.push("the date"),
            Some(time) if !time.is_utc => lacks.push("the time zone"),
            Some(_) => {}
        }
        if marks.lacks_data {
            lacks.push("message data");
        }
        let program = marks.program;
        match lacks.split_last() {
            None => program.to_owned(),
            Some((last, [])) => format!("{program}; {last} {} not in it", are(last)),
            Some((last, rest)) => {
                format!("{program}; {} and {last} are not in it", rest.join(", "))
            }
        }
    }
}

fn are(word: &str) -> &'static str {
    let is_one = word.starts_with("the ") || word == "message data";
    if is_one { "is" } else { "are" }
}

#[derive(Debug)]
struct LoggedConnection {
    talk: TranscriptBuilder,
    foreign: usize,
    tls: TlsLog,
}

#[derive(Debug, Default, Clone)]
struct MarkedServer {
    host: String,
    port: String,
    has_tls: bool,
}

impl MarkedServer {
    fn read(&mut self, found: &Captures<'_>) {
        let group = |name| found.name(name).map(|group| text(group.as_bytes()));
        if let Some(host) = group("host") {
            host.trim_matches(['[', ']']).clone_into(&mut self.host);
        }
        if let Some(port) = group("port") {
            self.port = port;
        }
        self.has_tls |= found.name("tls").is_some();
    }

    fn place(&self) -> Option<String> {
        let port = match self.port.as_str() {
            "" if self.has_tls => "995",
            "" => "110",
            port => port,
        };
        (!self.host.is_empty()).then(|| host_port(&self.host, port))
    }

    /// TLS from the first octet: the log says so, or the port is for that.
    fn is_tls(&self) -> bool {
        self.has_tls || self.port == "995"
    }
}

struct MarkedReader<'a> {
    marks: &'a Marks<'a>,
    options: &'a Options,
    extent: Extent,
    imported: String,
    connections: Vec<LoggedConnection>,
    known: HashMap<Vec<u8>, usize>,
    current: Option<usize>,
    /// What was said before the first line of the next connection.
    server: MarkedServer,
    tls: TlsLog,
    before: Vec<String>,
    made: Vec<ImportedTranscript>,
    last_us: u64,
}

/// Reads a log. Errors: no line has a mark; too many connections.
pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
    marks: &Marks<'_>,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let extent = Extent::of(source, marks);
    let imported = extent.imported(marks);
    let mut reader = MarkedReader {
        marks,
        options,
        extent,
        imported,
        connections: Vec::new(),
        known: HashMap::new(),
        current: None,
        server: MarkedServer::default(),
        tls: TlsLog::default(),
        before: Vec::new(),
        made: Vec::new(),
        last_us: 0,
    };
    for (number, whole) in numbered(source.octets) {
        let (line, crs) = without_cr(whole);
        if !reader.line(line, crs) {
            let what = format!("more than {CONNECTIONS_MAX} connections");
            return Err(Problem::new(source, Some(number), &what, "split the log"));
        }
    }
    let made = reader.finish();
    if made.is_empty() {
        let hint = "name another format, or give its marks: poptalk import lines --client REGEX --server REGEX";
        let what = format!("no line of {}", marks.program);
        return Err(Problem::new(source, None, &what, hint));
    }
    Ok(made)
}

impl MarkedReader<'_> {
    /// Takes a line; false when there are too many connections.
    fn line(&mut self, line: &[u8], crs: usize) -> bool {
        let marks = self.marks;
        if let Some((side, found)) = marks.said(line) {
            let Some(index) = self.connection(side, &found) else {
                return false;
            };
            self.at(index, time(&found));
            self.said(index, side, marks.shown(side, &found), crs);
            return true;
        }
        if let Some((note, found)) = marks.note(line) {
            self.noted(note, &found);
            return true;
        }
        let current = self
            .current
            .and_then(|index| self.connections.get_mut(index));
        let is_skipped = marks.skip.is_some_and(|skip| skip.is_match(line));
        match current {
            Some(connection)
                if marks.is_continued && connection.talk.is_in_data() && !is_skipped =>
            {
                connection.talk.line(Side::Server, line, LineEnd::Crlf);
            }
            _ if is_skipped || line.trim_ascii().is_empty() => {}
            Some(connection) => {
                connection.foreign += 1;
                if connection.foreign <= FOREIGN_MAX {
                    connection.talk.foreign(&text(line));
                }
            }
            None if self.before.len() < FOREIGN_MAX => self.before.push(text(line)),
            None => {}
        }
        true
    }

    /// The connection of a line, a new one where it begins; None when there are too many.
    fn connection(&mut self, side: Side, found: &Captures<'_>) -> Option<usize> {
        let id = found.name("id").map(|id| id.as_bytes().to_vec());
        let id = id.unwrap_or_default();
        let is_greeting = side == Side::Server && self.marks.shown(side, found).starts_with(b"+OK");
        if let Some(index) = self.known.get(&id).copied() {
            self.current = Some(index);
            let is_over = self.connections.get(index).is_some_and(|connection| {
                connection.talk.state() == State::Update && connection.talk.awaited().is_none()
            });
            if !(is_over && is_greeting) {
                return Some(index);
            }
            let new = self.open(time(found));
            let old = std::mem::replace(self.connections.get_mut(index)?, new);
            self.end(old);
            return Some(index);
        }
        if self.connections.len() == CONNECTIONS_MAX {
            return None;
        }
        let new = self.open(time(found));
        self.connections.push(new);
        let index = self.connections.len() - 1;
        self.known.insert(id, index);
        self.current = Some(index);
        Some(index)
    }

    fn open(&mut self, time: Option<Time>) -> LoggedConnection {
        let server = std::mem::take(&mut self.server);
        let mut head = Vec::new();
        head.extend(server.place().map(|place| ("server", place)));
        let zero = time
            .filter(|time| time.has_date && time.is_utc)
            .and_then(|time| stamp::started(time.us));
        if let Some((started, _)) = &zero {
            head.push(("started", started.clone()));
        }
        let mut talk = TranscriptBuilder::new(self.options, &head, &self.imported);
        if let Some((_, zero)) = zero {
            talk.started(zero);
        }
        for line in self.before.drain(..) {
            talk.foreign(&line);
        }
        if let Some(place) = server.place() {
            talk.event(&Event::connected(place));
        }
        if let Some(event) = self.tls.take_event() {
            talk.event(&event);
        } else if server.is_tls() {
            talk.event(&Event::TlsUnknown);
        }
        LoggedConnection {
            talk,
            foreign: 0,
            tls: TlsLog::default(),
        }
    }

    fn at(&mut self, index: usize, time: Option<Time>) {
        let (Some(time), Some(connection)) = (time, self.connections.get_mut(index)) else {
            return;
        };
        let mut us = time.us;
        if !time.has_date && us < self.last_us {
            // The clock went past midnight.
            us += self.last_us - self.last_us % DAY;
            us += if us < self.last_us { DAY } else { 0 };
        }
        self.last_us = us;
        connection.talk.at(us);
    }

    fn said(&mut self, index: usize, side: Side, shown: &[u8], crs: usize) {
        let (marks, has_cr, has_server) = (self.marks, self.extent.has_cr, self.extent.has_server);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if let Some(event) = connection.tls.take_event() {
            connection.talk.event(&event);
        } else if connection.talk.is_tls_agreed() {
            connection.talk.event(&Event::TlsUnknown);
        }
        let talk = &mut connection.talk;
        if side == Side::Client && (!has_server || talk.is_empty()) {
            // The greeting, or every reply, is not in the log.
            talk.hole(Side::Server);
        }
        if marks.hides_login && side == Side::Client && is_after_login(talk, shown) {
            talk.prose("the login is not in the log");
            talk.hole(Side::Client);
        }
        match marks.coding {
            Coding::Plain => talk.line(side, shown, LineEnd::Crlf),
            Coding::WithCr => {
                let end = if has_cr && crs == 0 {
                    LineEnd::Lf
                } else {
                    LineEnd::Crlf
                };
                talk.line(side, shown, end);
            }
            Coding::Nl => pieces(talk, side, shown, b"[nl]", true),
            Coding::Eol => pieces(talk, side, shown, b"<EOL>", false),
            Coding::Literal => {
                let octets = unescaped(shown);
                let mut rest = octets.as_slice();
                while let Some(lf) = memchr::memchr(b'\n', rest) {
                    let (line, more) = rest.split_at(lf);
                    rest = more.get(1..).unwrap_or_default();
                    match line.strip_suffix(b"\r") {
                        Some(line) => talk.line(side, line, LineEnd::Crlf),
                        None => talk.line(side, line, LineEnd::Lf),
                    }
                }
                // poplib's client lines have no end; others log them with it.
                let is_ended = octets.ends_with(b"\r\n");
                if !is_ended && side == Side::Client || !rest.is_empty() {
                    talk.line(side, rest, LineEnd::Crlf);
                }
            }
        }
    }

    fn noted(&mut self, note: Note, found: &Captures<'_>) {
        let current = self
            .current
            .and_then(|index| self.connections.get_mut(index));
        let open = current.filter(|connection| connection.talk.state() != State::Update);
        match (note, open) {
            (Note::Server, _) => self.server.read(found),
            (Note::Connected, _) => {
                self.server = MarkedServer::default();
                self.server.read(found);
                // The next line is of a new connection.
                if self.known.len() == 1
                    && let Some(old) = self.connections.pop()
                {
                    self.known.clear();
                    self.current = None;
                    self.end(old);
                }
            }
            (Note::Tls, open) => {
                let group = |name| found.name(name).map(|group| text(group.as_bytes()));
                let version = group("version").map(|version| version_name(&version));
                let tls = open.map_or(&mut self.tls, |connection| &mut connection.tls);
                tls.version = version;
                tls.cipher = group("cipher").unwrap_or_default();
            }
            (Note::TlsFailed, Some(connection)) => {
                // Which side is to blame is not in the log, so that it is not an event.
                let why = found.name("why").map(|why| text(why.as_bytes()));
                connection.talk.prose(&why.unwrap_or_default());
            }
            (Note::LoginLeftOut, Some(connection)) => {
                connection.talk.prose("the log omits the login here");
                connection.talk.hole(Side::Client);
            }
            (Note::ClosedByClient, Some(connection)) => {
                connection.talk.event(&Event::closed_by(Party::Client))
            }
            (Note::TlsFailed | Note::LoginLeftOut | Note::ClosedByClient, None) => {}
        }
    }

    fn end(&mut self, connection: LoggedConnection) {
        let mut talk = connection.talk;
        if talk.is_empty() {
            return;
        }
        if !self.extent.has_server {
            talk.hole(Side::Server);
        } else if self.marks.lacks_data {
            talk.data_left_out();
        }
        self.made.push(talk.finish());
    }

    fn finish(mut self) -> Vec<ImportedTranscript> {
        for connection in std::mem::take(&mut self.connections) {
            self.end(connection);
        }
        self.made
    }
}

/// Whether a command is one that needs a login, and none was seen after USER or a greeting.
fn is_after_login(talk: &TranscriptBuilder, line: &[u8]) -> bool {
    let needs_login = Command::of_line(line)
        .is_some_and(|row| !row.states.authorization && row.states.transaction);
    needs_login && talk.state() == State::Authorization && !talk.is_after_client_hole()
}

/// `TLS1.2` and `TLS 1.2` as it is usually written.
fn version_name(version: &str) -> String {
    let digits = version.trim_start_matches("TLS").trim_start_matches('v');
    match digits.trim() {
        "" => version.to_owned(),
        digits => format!("TLSv{digits}"),
    }
}

/// Octets in which a word represents each line end; `is_ended` when the last one is left out.
fn pieces(talk: &mut TranscriptBuilder, side: Side, shown: &[u8], word: &[u8], is_ended: bool) {
    let mut rest = shown;
    while let Some(at) = memchr::memmem::find(rest, word) {
        let (line, more) = rest.split_at(at);
        talk.line(side, line, LineEnd::Crlf);
        rest = more.get(word.len()..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
    }
    let end = if is_ended {
        LineEnd::Crlf
    } else {
        LineEnd::None
    };
    talk.line(side, rest, end);
}

/// The octets of a string literal, without its quotes.
fn unescaped(literal: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(literal.len());
    let mut rest = literal;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        let (b'\\', Some((kind, more))) = (*first, more.split_first()) else {
            octets.push(*first);
            continue;
        };
        rest = more;
        let hex = |count: usize| {
            let digits = std::str::from_utf8(more.get(..count)?).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        match kind {
            b'r' => octets.push(b'\r'),
            b'n' => octets.push(b'\n'),
            b't' => octets.push(b'\t'),
            b'e' => octets.push(0x1b),
            b'0' => octets.push(0),
            b'x' if let Some(code) = hex(2).and_then(|code| u8::try_from(code).ok()) => {
                octets.push(code);
                rest = more.get(2..).unwrap_or_default();
            }
            b'u' if let Some(code) = hex(4).and_then(char::from_u32) => {
                octets.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                rest = more.get(4..).unwrap_or_default();
            }
            other => octets.push(*other),
        }
    }
    octets
}
