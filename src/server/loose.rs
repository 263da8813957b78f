//! Answers by command from a transcript, whatever the order in which a client asks: each command gets the reply that was
//! recorded for it. No socket, no clock; bodies are read from the transcript when they are asked for.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

use crate::command::{Command, Effect, Words};
use crate::dialogue::{Part, Place};
use crate::text::{ParseError, Reader};
use crate::tracker::{LineEnd, Side, Status};
use crate::transcript::{Hole, Item, Piece, Row};

use super::model::LONGEST_LINE;
use super::{Ending, Peer, Secured, Summary, Wish};

/// About how many octets one step brings.
const BLOCK: usize = 16 * 1024;

/// The mechanisms that can be played: their answers need not be checked, and their challenges are of no matter.
const MECHANISMS: [(&str, &[&str]); 5] = [
    ("PLAIN", &[""]),
    ("LOGIN", &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
    ("CRAM-MD5", &["PDEuMkBwb3B0YWxrLmV4YW1wbGU+"]),
    ("XOAUTH2", &[""]),
    ("OAUTHBEARER", &[""]),
];

/// The items of a transcript from a place on.
pub type Items = Reader<Box<dyn BufRead + Send>>;

/// Where the items come from.
pub trait Tape: Send + Sync {
    /// The items from this place on; None when they can't be had any more.
    fn from(&self, place: Place) -> Option<Items>;
}

/// What was recorded: where each reply stands, not the replies themselves.
#[derive(Debug, Clone, Default)]
pub struct Index {
    greeting: Option<Place>,
    /// By verb, upper case, and arguments.
    replies: HashMap<Vec<u8>, Vec<Reply>>,
    /// The reply to the first login that was accepted.
    login: Option<Reply>,
    /// Replies to CAPA before the login, and behind it.
    capabilities: [Option<Reply>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Reply {
    place: Place,
    has_data: bool,
}

impl Index {
    /// Reads the parts of a dialogue.
    ///
    /// Errors: the transcript breaks the format.
    pub fn of(parts: impl Iterator<Item = Result<Part, ParseError>>) -> Result<Self, ParseError> {
        let mut index = Self::default();
        for part in parts {
            let Part::Exchange(exchange) = part? else {
                continue;
            };
            let Some(status_line) = &exchange.status_line else {
                continue;
            };
            let reply = Reply {
                place: status_line.place,
                has_data: exchange.data.is_some(),
            };
            if exchange.is_greeting {
                index.greeting = Some(reply.place);
                continue;
            }
            let Some(command) = &exchange.command else {
                continue;
            };
            let row = Command::of_line(command.head());
            let is_positive = exchange.status == Some(Status::Positive);
            if row.is_some_and(|row| row.effect == Effect::Login) && !reply.has_data {
                if is_positive {
                    index.login.get_or_insert(reply);
                }
                continue;
            }
            if row.is_some_and(|row| row.verb == "CAPA") && is_positive {
                let place = usize::from(index.login.is_some());
                if let Some(place) = index.capabilities.get_mut(place) {
                    place.get_or_insert(reply);
                }
            }
            if let [Piece::Octets(line)] = command.pieces.as_slice() {
                index.replies.entry(key(line)).or_default().push(reply);
            }
        }
        Ok(index)
    }
}

/// A command line as it is looked up: the verb in upper case, one space between words.
fn key(line: &[u8]) -> Vec<u8> {
    let mut words = Words::of(line);
    let mut key = words.next().unwrap_or_default().to_ascii_uppercase();
    for word in words {
        key.push(b' ');
        key.extend_from_slice(word);
    }
    key
}

/// One client that is answered.
pub struct Loose {
    index: Arc<Index>,
    tape: Arc<dyn Tape>,
    /// How often each command was asked.
    asked: HashMap<Vec<u8>, usize>,
    playing: Option<Playing>,
    /// The challenges of AUTH that are still to be sent.
    challenges: Option<std::vec::IntoIter<&'static str>>,
    is_tls: bool,
    has_tls: bool,
    input: Vec<u8>,
    read: usize,
    phase: Phase,
    summary: Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Talking,
    Handshake,
    Over,
}

/// A reply on its way out.
struct Playing {
    items: Items,
    has_data: bool,
    is_line_start: bool,
    /// The status line is out.
    is_inside: bool,
    /// What a line of data must be to be sent.
    filter: Filter,
}

/// Which lines of the data are sent.
enum Filter {
    All,
    /// TOP: the header, and so many lines of the body.
    Top {
        is_body: bool,
        lines: u64,
        /// Whether the line that has begun is among them.
        is_wanted: bool,
    },
    /// CAPA: no STLS where it is not permitted, and only mechanisms that can be played.
    Capabilities {
        is_tls: bool,
    },
}

impl Loose {
    /// Answers one client. `has_tls`: STLS can be carried out; `is_tls`: the connection is inside TLS already.
    #[must_use]
    pub fn new(index: Arc<Index>, tape: Arc<dyn Tape>, has_tls: bool, is_tls: bool) -> Self {
        Self {
            index,
            tape,
            asked: HashMap::new(),
            playing: None,
            challenges: None,
            is_tls,
            has_tls,
            input: Vec::new(),
            read: 0,
            phase: Phase::Greeting,
            summary: Summary::default(),
        }
    }

    fn play(&mut self, reply: Reply, filter: Filter, out: &mut Vec<u8>) {
        match self.tape.from(reply.place) {
            Some(items) => {
                self.playing = Some(Playing {
                    items,
                    has_data: reply.has_data,
                    is_line_start: true,
                    is_inside: false,
                    filter,
                });
            }
            None => out.extend_from_slice(b"-ERR [SYS/TEMP] the recording can't be read\r\n"),
        }
    }

    /// The reply that was recorded for a command: the first time the first one, and the last one again and again.
    fn recorded(&mut self, key: &[u8]) -> Option<Reply> {
        let replies = self.index.replies.get(key)?;
        let count = self.asked.entry(key.to_vec()).or_default();
        let reply = replies.get(*count).or(replies.last()).copied();
        *count += 1;
        reply
    }

    fn answer(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if let Some(mut challenges) = self.challenges.take() {
            if line == b"*" {
                out.extend_from_slice(b"-ERR cancelled\r\n");
            } else if let Some(challenge) = challenges.next() {
                challenge_with(challenge, out);
                self.challenges = Some(challenges);
            } else {
                self.log_in(out);
            }
            return;
        }
        let key = key(line);
        let mut words = key.split(|octet| *octet == b' ');
        let verb = words.next().unwrap_or_default().to_vec();
        let arguments: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        match verb.as_slice() {
            b"CAPA" => {
                let place = usize::from(self.summary.has_logged_in);
                let found = self.index.capabilities.get(place).copied().flatten();
                let found = found.or(self.index.capabilities.iter().flatten().next().copied());
                match found {
                    Some(reply) => {
                        let is_tls = self.is_tls || !self.has_tls;
                        self.play(reply, Filter::Capabilities { is_tls }, out);
                    }
                    None => not_recorded(out),
                }
            }
            b"STLS" if self.has_tls && !self.is_tls => {
                out.extend_from_slice(b"+OK begin the TLS handshake\r\n");
                self.phase = Phase::Handshake;
            }
            b"USER" => out.extend_from_slice(b"+OK\r\n"),
            b"PASS" | b"APOP" => self.log_in(out),
            b"AUTH" => self.auth(&arguments, out),
            b"QUIT" => {
                match self.recorded(&key) {
                    Some(reply) => self.play(reply, Filter::All, out),
                    None => out.extend_from_slice(b"+OK\r\n"),
                }
                self.phase = Phase::Over;
                self.summary.ending = Some(Ending::Played);
            }
            _ => match self.recorded(&key) {
                Some(reply) => self.play(reply, Filter::All, out),
                None => self.derived(&verb, &arguments, out),
            },
        }
    }

    /// What follows from other replies.
    fn derived(&mut self, verb: &[u8], arguments: &[Vec<u8>], out: &mut Vec<u8>) {
        match (verb, arguments) {
            (b"NOOP" | b"RSET", []) | (b"DELE", [_]) => out.extend_from_slice(b"+OK\r\n"),
            (b"LIST" | b"UIDL", [number]) => match self.line_of(verb, number) {
                Some(line) => {
                    out.extend_from_slice(b"+OK ");
                    out.extend_from_slice(&line);
                    out.extend_from_slice(b"\r\n");
                }
                None => out.extend_from_slice(b"-ERR no such message in the recording\r\n"),
            },
            (b"TOP", [number, lines]) => {
                let lines = std::str::from_utf8(lines).ok().and_then(|n| n.parse().ok());
                let whole = [b"RETR ", number.as_slice()].concat();
                match (self.recorded(&whole), lines) {
                    (Some(reply), Some(lines)) => {
                        let top = Filter::Top {
                            is_body: false,
                            lines,
                            is_wanted: false,
                        };
                        self.play(reply, top, out);
                    }
                    _ => not_recorded(out),
                }
            }
            _ => not_recorded(out),
        }
    }

    /// The line of a listing that begins with a number.
    fn line_of(&self, verb: &[u8], number: &[u8]) -> Option<Vec<u8>> {
        let reply = self.index.replies.get(verb)?.last()?;
        let mut items = self.tape.from(reply.place)?;
        loop {
            let Ok(Item::Row(row)) = items.next()? else {
                continue;
            };
            let line = octets(&row);
            if row.side == Side::Server && line == b"." {
                return None;
            }
            if line.split(|octet| *octet == b' ').next() == Some(number) {
                return Some(line);
            }
        }
    }

    fn auth(&mut self, arguments: &[Vec<u8>], out: &mut Vec<u8>) {
        let name = arguments.first().map(|name| name.to_ascii_uppercase());
        let found = MECHANISMS
            .iter()
            .find(|(known, _)| name.as_deref() == Some(known.as_bytes()));
        let Some((name, challenges)) = found else {
            out.extend_from_slice(b"-ERR this mechanism can't be played\r\n");
            return;
        };
        // An initial response stands for the answer to the first challenge.
        let skipped = usize::from(arguments.len() > 1);
        let challenges: Vec<&'static str> = challenges.iter().skip(skipped).copied().collect();
        let mut challenges = challenges.into_iter();
        match challenges.next() {
            Some(challenge) => {
                challenge_with(challenge, out);
                self.challenges = Some(challenges);
            }
            None if *name == "CRAM-MD5" => {
                out.extend_from_slice(b"-ERR the server speaks first in this mechanism\r\n");
            }
            None => self.log_in(out),
        }
    }

    fn log_in(&mut self, out: &mut Vec<u8>) {
        self.summary.has_logged_in = true;
        match self.index.login {
            Some(reply) => self.play(reply, Filter::All, out),
            None => out.extend_from_slice(b"+OK\r\n"),
        }
    }
}

fn challenge_with(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn not_recorded(out: &mut Vec<u8>) {
    out.extend_from_slice(b"-ERR not in the recording\r\n");
}

fn octets(row: &Row) -> Vec<u8> {
    let mut octets = Vec::new();
    for piece in &row.pieces {
        if let Piece::Octets(piece) = piece {
            octets.extend_from_slice(piece);
        }
    }
    octets
}

impl Playing {
    /// Hands out some of the reply; true when it is over.
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let enough = out.len() + BLOCK;
        while out.len() < enough {
            // Most of a message is plain lines, which need not be looked at one by one.
            let is_plain = self.has_data && self.is_inside && matches!(self.filter, Filter::All);
            if is_plain && self.is_line_start && self.items.read_run(out) > 0 {
                continue;
            }
            let row = match self.items.next() {
                Some(Ok(Item::Row(row))) if row.side == Side::Server => row,
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => {
                    // The recording was cut here; the client is to get a whole reply.
                    if self.has_data && self.is_inside {
                        let end: &[u8] = match self.is_line_start {
                            true => b".\r\n",
                            false => b"\r\n.\r\n",
                        };
                        out.extend_from_slice(end);
                    }
                    return true;
                }
            };
            if row.pieces == [Piece::Hole(Hole::Rows)] {
                continue;
            }
            let is_start = std::mem::replace(&mut self.is_line_start, row.end != LineEnd::None);
            let line = octets(&row);
            let is_status = !std::mem::replace(&mut self.is_inside, true);
            let is_end = is_start && line == b"." && row.end != LineEnd::None;
            if is_status || is_end || self.filter.is_sent(&line, is_start) {
                let line = self.filter.changed(line, is_status);
                out.extend_from_slice(&line);
                out.extend_from_slice(row.end.octets());
            }
            let is_over = if self.has_data {
                is_end && !is_status
            } else {
                self.is_line_start
            };
            if is_over {
                return true;
            }
        }
        false
    }
}

impl Filter {
    fn is_sent(&mut self, line: &[u8], is_start: bool) -> bool {
        match self {
            Self::All => true,
            Self::Top {
                is_body,
                lines,
                is_wanted,
            } => {
                if !*is_body {
                    *is_body = is_start && line.is_empty();
                    return true;
                }
                // A long line stands in several rows: all of them, or none.
                if is_start {
                    *is_wanted = *lines > 0;
                    *lines -= u64::from(*is_wanted);
                }
                *is_wanted
            }
            Self::Capabilities { is_tls } => !(*is_tls && line.eq_ignore_ascii_case(b"STLS")),
        }
    }

    /// A line as it is sent.
    fn changed(&self, line: Vec<u8>, is_status: bool) -> Vec<u8> {
        let is_sasl = || {
            line.get(..5)
                .is_some_and(|tag| tag.eq_ignore_ascii_case(b"SASL "))
        };
        if is_status || !matches!(self, Self::Capabilities { .. }) || !is_sasl() {
            return line;
        }
        let known = MECHANISMS.iter().map(|(name, _)| name.as_bytes());
        let mut kept = b"SASL".to_vec();
        for name in known.filter(|name| {
            let mut words = line.split(|octet| *octet == b' ');
            words.any(|word| word.eq_ignore_ascii_case(name))
        }) {
            kept.push(b' ');
            kept.extend_from_slice(name);
        }
        kept
    }
}

impl Peer for Loose {
    fn push(&mut self, octets: &[u8]) {
        self.input.drain(..self.read.min(self.input.len()));
        self.read = 0;
        self.input.extend_from_slice(octets);
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Wish {
        if let Some(mut playing) = self.playing.take() {
            if !playing.next(out) {
                self.playing = Some(playing);
            }
            return Wish::Again;
        }
        match self.phase {
            Phase::Over => return Wish::Close,
            Phase::Handshake => return Wish::StartTls,
            Phase::Greeting => {
                self.phase = Phase::Talking;
                match self.index.greeting {
                    Some(place) => {
                        let has_data = false;
                        self.play(Reply { place, has_data }, Filter::All, out);
                    }
                    None => out.extend_from_slice(b"+OK ready\r\n"),
                }
                return Wish::Again;
            }
            Phase::Talking => {}
        }
        let pending = self.input.get(self.read..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', pending) else {
            if pending.len() > LONGEST_LINE {
                out.extend_from_slice(b"-ERR a command line is shorter\r\n");
                self.phase = Phase::Over;
                return Wish::Close;
            }
            return Wish::Read;
        };
        let line = pending.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.read += end + 1;
        self.summary.commands += 1;
        self.answer(&line, out);
        Wish::Again
    }

    fn tls_started(&mut self, _: Secured) {
        self.is_tls = true;
        if self.phase == Phase::Handshake {
            self.phase = Phase::Talking;
            self.input.clear();
            self.read = 0;
        }
    }

    fn summary(&self) -> Summary {
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::dialogue::Parts;

    struct Memory(&'static [u8]);

    impl Tape for Memory {
        fn from(&self, place: Place) -> Option<Items> {
            let rest = self.0.get(usize::try_from(place.offset).ok()?..)?;
            let file = Box::new(Cursor::new(rest));
            Some(Reader::resume(file, place.row, place.offset))
        }
    }

    fn peer(file: &'static [u8]) -> Loose {
        let index = Index::of(Parts::new(file)).unwrap();
        Loose::new(Arc::new(index), Arc::new(Memory(file)), false, false)
    }

    /// What is said behind the greeting.
    fn answer(file: &'static [u8], line: &str) -> String {
        let (mut peer, mut out) = (peer(file), Vec::new());
        peer.push(line.as_bytes());
        for _ in 0..20 {
            peer.next(&mut out);
        }
        let said = String::from_utf8(out).unwrap();
        said.split_once("\r\n").unwrap().1.to_owned()
    }

    #[test]
    fn a_long_line_of_a_message_stays_whole_in_its_top() {
        let file =
            b"S: +OK\nC: RETR 1\nS: +OK\nS: a: b\nS:\nS: long\\-\nS:  tail\nS: second\nS: .\n";
        for (lines, want) in [
            (0, ""),
            (1, "long tail\r\n"),
            (2, "long tail\r\nsecond\r\n"),
        ] {
            let said = answer(file, &format!("TOP 1 {lines}\r\n"));
            assert_eq!(said, format!("+OK\r\na: b\r\n\r\n{want}.\r\n"));
        }
    }

    #[test]
    fn a_message_that_was_cut_gets_its_end() {
        for (row, line) in [("S: half\n", "half\r\n"), ("S: half\\-\n", "half\r\n")] {
            let file = format!("S: +OK\nC: RETR 1\nS: +OK\n{row}* closed by server\n").leak();
            let said = answer(file.as_bytes(), "RETR 1\r\n");
            assert_eq!(said, format!("+OK\r\n{line}.\r\n"));
        }
    }

    #[test]
    fn a_step_goes_on_however_much_waits_to_be_sent() {
        let mut peer = peer(b"S: +OK\nC: NOOP\nS: +OK done\n");
        let mut out = vec![b'x'; BLOCK];
        peer.push(b"NOOP\r\n");
        for _ in 0..9 {
            peer.next(&mut out);
        }
        assert!(out.ends_with(b"+OK\r\n+OK done\r\n"));
    }
}
