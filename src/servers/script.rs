//! Plays the server's rows of a transcript, in order, and expects the client's. No socket, no
//! clock, and constant memory: the items come one by one.

use std::time::Duration;

use crate::pop3::tracker::{LINE_MAX, LineEnd, Side};
use crate::reading::dialogue::Matcher;
use crate::transcript::text::{self, ParseError};
use crate::transcript::{Hole, Item, Piece, Row};

use super::{Ending, Next, Secured, ServerSession, Summary};
use crate::transcript::event::{Event, EventKind};

/// Roughly how many octets one step produces.
const BLOCK: usize = 16 * 1024;

/// How fast the rows are played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Before each server row, wait as long as the recorded server did.
    pub is_timed: bool,
}

/// A transcript that is played to one client.
pub struct ScriptServer<I> {
    items: I,
    pace: Pace,
    /// The number of the file line that was read last, from 1.
    row: usize,
    /// The next item, if it was already read.
    ahead: Option<Item>,
    /// The row that the client must send, without its line end; rows without an end are joined.
    expected: Option<Vec<Piece>>,
    input: Vec<u8>,
    read: usize,
    /// TLS is active, from STLS or from the first octet.
    is_tls: bool,
    /// The transcript has reached the start of the session.
    is_connected: bool,
    /// The wait before the next row is over.
    has_waited: bool,
    /// Only the client's end is expected.
    is_silent: bool,
    phase: ScriptPhase,
    summary: Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScriptPhase {
    Playing,
    Handshake,
    Over,
}

impl<I: Iterator<Item = Result<Item, ParseError>>> ScriptServer<I> {
    /// Plays `items`. With `is_tls` the connection was inside TLS before the first octet, whatever
    /// the rows say.
    pub fn new(items: I, pace: Pace, is_tls: bool) -> Self {
        Self {
            items,
            pace,
            row: 0,
            ahead: None,
            expected: None,
            input: Vec::new(),
            read: 0,
            is_tls,
            is_connected: false,
            has_waited: false,
            is_silent: false,
            phase: ScriptPhase::Playing,
            summary: Summary::default(),
        }
    }

    fn item(&mut self) -> Option<Item> {
        if let Some(item) = self.ahead.take() {
            return Some(item);
        }
        match self.items.next() {
            Some(Ok(item)) => {
                self.row += 1;
                Some(item)
            }
            // The file was read once before it was served; a change since then ends the session.
            Some(Err(_)) | None => None,
        }
    }

    fn item_of_note(&mut self) -> Option<Item> {
        loop {
            let item = self.item()?;
            if matches!(item, Item::Row(_) | Item::Event(_)) {
                return Some(item);
            }
        }
    }

    /// Plays rows until the client must speak, or enough is ready to send.
    fn play(&mut self, out: &mut Vec<u8>) -> Next {
        while let Some(item) = self.item() {
            match item {
                Item::Row(row) if row.side == Side::Server => {
                    self.is_connected = true;
                    if self.pace.is_timed && !self.has_waited && row.after_ms > 0 {
                        let wait = Duration::from_millis(row.after_ms);
                        self.ahead = Some(Item::Row(row));
                        self.has_waited = true;
                        return Next::Wait(wait);
                    }
                    self.has_waited = false;
                    say(&row, out);
                    if out.len() >= BLOCK {
                        return Next::Again;
                    }
                }
                Item::Row(row) => {
                    // Part of a session: the client still waits for a greeting.
                    if !std::mem::replace(&mut self.is_connected, true) {
                        out.extend_from_slice(b"+OK\r\n");
                    }
                    self.expect(row);
                    return self.hear(out);
                }
                Item::Event(event) => {
                    if let Some(wish) = self.event(&event) {
                        return wish;
                    }
                }
                Item::Head { .. } | Item::Prose(_) | Item::Blank | Item::Unknown(_) => {}
            }
        }
        self.summary.ending = Some(Ending::Played);
        self.phase = ScriptPhase::Over;
        Next::Close
    }

    /// Reads on to the end of the client's line.
    fn expect(&mut self, row: Row) {
        let mut end = row.end;
        let mut pieces = row.pieces;
        while end == LineEnd::None {
            match self.item() {
                Some(Item::Row(next)) if next.side == Side::Client => {
                    end = next.end;
                    pieces.extend(next.pieces);
                }
                Some(other) => {
                    self.ahead = Some(other);
                    break;
                }
                None => break,
            }
        }
        self.expected = Some(Row::new(Side::Client, 0, pieces, end).pieces);
    }

    fn event(&mut self, event: &str) -> Option<Next> {
        let event = Event::parse(event);
        if event.is_server_gone() {
            self.summary.ending = Some(Ending::Played);
            self.phase = ScriptPhase::Over;
            return Some(Next::Close);
        }
        self.is_connected |= event.kind() == EventKind::Connected;
        if event.kind() == EventKind::TlsStarted && !self.is_tls {
            // RFC 2595 §4: cleartext sent after STLS must not be used inside TLS.
            if self.read < self.input.len() {
                self.summary.ending = Some(Ending::Injected);
                self.phase = ScriptPhase::Over;
                return Some(Next::Close);
            }
            self.phase = ScriptPhase::Handshake;
            return Some(Next::StartTls);
        }
        if event.kind() == EventKind::TimedOut {
            // The recorded server sent nothing then, and the client should find that out, too: by
            // its next line, or by its end.
            self.ahead = self.item_of_note();
            let is_next = matches!(&self.ahead, Some(Item::Row(row)) if row.side == Side::Client);
            self.is_silent = !is_next;
            return self.is_silent.then_some(Next::Read);
        }
        None
    }

    fn hear(&mut self, out: &mut Vec<u8>) -> Next {
        let Some(expected) = &self.expected else {
            return self.play(out);
        };
        if expected.as_slice() == [Piece::Hole(Hole::Rows)] {
            // Any number of lines: the next row shows where they end.
            self.expected = None;
            return self.play(out);
        }
        let pending = self.input.get(self.read..).unwrap_or_default();
        let end = memchr::memchr(b'\n', pending);
        if end.is_none() && pending.len() <= LINE_MAX {
            return Next::Read;
        }
        let line = pending
            .get(..end.unwrap_or(pending.len()))
            .unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !Matcher::new(expected).fits(line) {
            let text = format!(
                "-ERR the recording continues with `{}` (row {})\r\n",
                shown(expected),
                self.row
            );
            out.extend_from_slice(text.as_bytes());
            self.summary.ending = Some(Ending::Left { row: self.row });
            self.phase = ScriptPhase::Over;
            return Next::Close;
        }
        self.summary.commands += 1;
        self.read += end.map_or(pending.len(), |at| at + 1);
        self.expected = None;
        Next::Again
    }
}

impl<I: Iterator<Item = Result<Item, ParseError>> + Send> ServerSession for ScriptServer<I> {
    fn push(&mut self, octets: &[u8]) {
        self.input.drain(..self.read.min(self.input.len()));
        self.read = 0;
        self.input.extend_from_slice(octets);
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        match self.phase {
            ScriptPhase::Over => Next::Close,
            ScriptPhase::Handshake => Next::StartTls,
            ScriptPhase::Playing if self.is_silent => {
                self.input.clear();
                self.read = 0;
                Next::Read
            }
            ScriptPhase::Playing => self.hear(out),
        }
    }

    fn tls_started(&mut self, _: Secured) {
        self.is_tls = true;
        if self.phase == ScriptPhase::Handshake {
            self.phase = ScriptPhase::Playing;
            self.input.clear();
            self.read = 0;
        }
    }

    fn summary(&self) -> Summary {
        self.summary
    }
}

/// The octets of a server row; a hole sends nothing.
fn say(row: &Row, out: &mut Vec<u8>) {
    if row.pieces.as_slice() == [Piece::Hole(Hole::Rows)] {
        return;
    }
    out.extend(Piece::known(&row.pieces));
    out.extend_from_slice(row.end.octets());
}

/// A row as written in the file, cut to fit a status line.
fn shown(pieces: &[Piece]) -> String {
    let mut line = Vec::new();
    let row = Row::new(Side::Client, 0, pieces.iter().cloned(), LineEnd::Crlf);
    text::print_row(&mut line, &row);
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_end_matches('\n');
    line.strip_prefix("C: ")
        .unwrap_or("")
        .chars()
        .take(200)
        .collect()
}
