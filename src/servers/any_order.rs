//! Answers each command with the reply that a transcript recorded for it, in whatever order the
//! client asks. No socket, no clock; bodies are read from the transcript when they are needed.

mod index;
mod playing;

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

use crate::pop3::command::{Command, Effect};
use crate::pop3::tracker::Side;
use crate::reading::dialogue::Place;
use crate::transcript::text::Reader;
use crate::transcript::{Item, Piece};

use super::model::LONGEST_LINE;
use super::{Ending, Next, Secured, ServerSession, Summary};
pub use index::ReplyIndex;
use index::{RecordedReply, key};
use playing::{Filter, Playing};

/// Roughly how many octets one step produces.
const BLOCK: usize = 16 * 1024;

/// The mechanisms that can be played back: their responses need no check, and their challenges do
/// not matter.
const MECHANISMS: [(&str, &[&str]); 5] = [
    ("PLAIN", &[""]),
    ("LOGIN", &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
    ("CRAM-MD5", &["PDEuMkBwb3B0YWxrLmV4YW1wbGU+"]),
    ("XOAUTH2", &[""]),
    ("OAUTHBEARER", &[""]),
];

/// Gives the items of a transcript from a place on.
pub type Items = Reader<Box<dyn BufRead + Send>>;

/// Where the items come from.
pub trait ItemSource: Send + Sync {
    /// The items from this place on; None if they are no longer available.
    fn from(&self, place: Place) -> Option<Items>;
}

/// What the client's next line is, if not a command.
enum Owed {
    Nothing,
    /// A line of a message, and where the reply to the message is.
    Message(Option<Place>),
    /// A response, with the challenges still to send before a login that was not recorded.
    Response(std::vec::IntoIter<&'static str>),
    /// A response, with the challenges and the reply that were recorded.
    Recorded(std::vec::IntoIter<Place>, RecordedReply),
}

/// One client's session.
pub struct AnyOrder {
    index: Arc<ReplyIndex>,
    tape: Arc<dyn ItemSource>,
    asked: HashMap<Vec<u8>, usize>,
    playing: Option<Playing>,
    owed: Owed,
    is_tls: bool,
    has_tls: bool,
    input: Vec<u8>,
    read: usize,
    phase: AnyOrderPhase,
    summary: Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnyOrderPhase {
    Greeting,
    Talking,
    Handshake,
    Over,
}

impl AnyOrder {
    /// Serves one client. `has_tls`: STLS can be carried out; `is_tls`: the connection is already
    /// inside TLS.
    #[must_use]
    pub fn new(
        index: Arc<ReplyIndex>,
        tape: Arc<dyn ItemSource>,
        has_tls: bool,
        is_tls: bool,
    ) -> Self {
        Self {
            index,
            tape,
            asked: HashMap::new(),
            playing: None,
            owed: Owed::Nothing,
            is_tls,
            has_tls,
            input: Vec::new(),
            read: 0,
            phase: AnyOrderPhase::Greeting,
            summary: Summary::default(),
        }
    }

    fn play(&mut self, reply: &RecordedReply, filter: Filter, out: &mut Vec<u8>) {
        self.play_from(reply.place, reply.has_data, filter, out);
    }

    fn play_from(&mut self, place: Place, has_data: bool, filter: Filter, out: &mut Vec<u8>) {
        match self.tape.from(place) {
            Some(items) => {
                self.playing = Some(Playing {
                    items,
                    has_data,
                    is_line_start: true,
                    is_inside: false,
                    filter,
                });
            }
            None => out.extend_from_slice(b"-ERR [SYS/TEMP] the recording cannot be read\r\n"),
        }
    }

    /// The recorded reply to a command: the first one the first time; the last one is repeated.
    fn recorded(&mut self, line: &[u8]) -> Option<RecordedReply> {
        let key = self.index.key(line)?;
        let replies = self.index.replies(&key);
        let count = self.asked.entry(key).or_default();
        let reply = replies.get(*count).or(replies.last()).cloned();
        *count += 1;
        reply
    }

    fn answer(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.owed, Owed::Nothing) {
            Owed::Nothing => self.command(line, out),
            Owed::Message(reply) if line == b"." => match reply {
                Some(place) => self.play_from(place, false, Filter::All, out),
                None => out.extend_from_slice(b"+OK\r\n"),
            },
            Owed::Message(reply) => self.owed = Owed::Message(reply),
            Owed::Response(mut challenges) => match challenges.next() {
                _ if line == b"*" => out.extend_from_slice(b"-ERR cancelled\r\n"),
                Some(challenge) => {
                    challenge_with(challenge, out);
                    self.owed = Owed::Response(challenges);
                }
                None => self.log_in(out),
            },
            Owed::Recorded(mut challenges, reply) => match challenges.next() {
                // A recorded login that went on does not answer one that the client cancels.
                _ if line == b"*" && !reply.is_cancelled => {
                    out.extend_from_slice(b"-ERR cancelled\r\n");
                }
                Some(place) => {
                    self.play_from(place, false, Filter::All, out);
                    self.owed = Owed::Recorded(challenges, reply);
                }
                None => {
                    self.summary.has_logged_in |= reply.is_positive;
                    self.play(&reply, Filter::All, out);
                }
            },
        }
    }

    fn command(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let key = key(line);
        let mut words = key.split(|octet| *octet == b' ');
        let verb = words.next().unwrap_or_default().to_vec();
        let arguments: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        let row = Command::of_line(line);
        if verb == b"CAPA" && arguments.is_empty() {
            return self.capabilities(out);
        }
        if verb == b"STLS" && arguments.is_empty() {
            return self.stls(line, out);
        }
        match self.recorded(line) {
            Some(reply) => self.repeat(reply, row, out),
            None => match verb.as_slice() {
                b"USER" | b"QUIT" => out.extend_from_slice(b"+OK\r\n"),
                b"PASS" | b"APOP" => self.log_in(out),
                b"AUTH" => self.auth(&arguments, out),
                _ => self.derived(&verb, &arguments, out),
            },
        }
        if verb == b"QUIT" {
            self.phase = AnyOrderPhase::Over;
            self.summary.ending = Some(Ending::Played);
        }
    }

    fn repeat(&mut self, reply: RecordedReply, row: Option<&Command>, out: &mut Vec<u8>) {
        if let Some(upload) = reply.upload {
            self.owed = Owed::Message(upload);
        }
        let mut challenges = reply.challenges.clone().into_iter();
        if let Some(place) = challenges.next() {
            self.play_from(place, false, Filter::All, out);
            self.owed = Owed::Recorded(challenges, reply);
            return;
        }
        let is_login = row.is_some_and(|row| row.effect == Effect::Login) && !reply.has_data;
        self.summary.has_logged_in |= is_login && reply.is_positive;
        self.play(&reply, Filter::All, out);
    }

    fn capabilities(&mut self, out: &mut Vec<u8>) {
        let has_logged_in = self.summary.has_logged_in;
        let replies = self.index.capabilities(has_logged_in);
        let asked: &[u8] = if has_logged_in { b"CAPA 2" } else { b"CAPA 1" };
        let count = self.asked.entry(asked.to_vec()).or_default();
        let reply = replies.get(*count).or(replies.last()).cloned();
        *count += 1;
        match reply {
            Some(reply) if reply.has_data => {
                let is_tls = self.is_tls || !self.has_tls;
                self.play(&reply, Filter::Capabilities { is_tls }, out);
            }
            Some(reply) => self.play(&reply, Filter::All, out),
            None => not_recorded(out),
        }
    }

    /// STLS is accepted only if a handshake can follow.
    fn stls(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let reply = self.recorded(line);
        match reply {
            Some(reply) if !reply.is_positive => self.play(&reply, Filter::All, out),
            Some(reply) if self.has_tls && !self.is_tls => {
                self.play(&reply, Filter::All, out);
                self.phase = AnyOrderPhase::Handshake;
            }
            None if self.has_tls && !self.is_tls => {
                out.extend_from_slice(b"+OK begin the TLS handshake\r\n");
                self.phase = AnyOrderPhase::Handshake;
            }
            Some(_) => out.extend_from_slice(b"-ERR no TLS here\r\n"),
            None => not_recorded(out),
        }
    }

    /// The reply to a command without its own recording, derived from other replies.
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
                        self.play(&reply, top, out);
                    }
                    _ => not_recorded(out),
                }
            }
            _ => not_recorded(out),
        }
    }

    /// The line of a listing that begins with a message number.
    fn line_of(&self, verb: &[u8], number: &[u8]) -> Option<Vec<u8>> {
        let reply = self.index.replies(verb).last()?;
        let mut items = self.tape.from(reply.place)?;
        loop {
            let Ok(Item::Row(row)) = items.next()? else {
                continue;
            };
            let line = Piece::known(&row.pieces);
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
            out.extend_from_slice(b"-ERR this mechanism cannot be played back\r\n");
            return;
        };
        // An initial response answers the first challenge.
        let skipped = usize::from(arguments.len() > 1);
        let challenges: Vec<&'static str> = challenges.iter().skip(skipped).copied().collect();
        let mut challenges = challenges.into_iter();
        match challenges.next() {
            Some(challenge) => {
                challenge_with(challenge, out);
                self.owed = Owed::Response(challenges);
            }
            None if *name == "CRAM-MD5" => {
                out.extend_from_slice(b"-ERR the server speaks first in this mechanism\r\n");
            }
            None => self.log_in(out),
        }
    }

    fn log_in(&mut self, out: &mut Vec<u8>) {
        self.summary.has_logged_in = true;
        match self.index.login.clone() {
            Some(reply) => self.play(&reply, Filter::All, out),
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

impl ServerSession for AnyOrder {
    fn push(&mut self, octets: &[u8]) {
        self.input.drain(..self.read.min(self.input.len()));
        self.read = 0;
        self.input.extend_from_slice(octets);
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        if let Some(mut playing) = self.playing.take() {
            if !playing.next(out) {
                self.playing = Some(playing);
            }
            return Next::Again;
        }
        match self.phase {
            AnyOrderPhase::Over => return Next::Close,
            // RFC 2595 §4: cleartext sent after STLS must not be used inside TLS.
            AnyOrderPhase::Handshake if self.read < self.input.len() => {
                self.summary.ending = Some(Ending::Injected);
                self.phase = AnyOrderPhase::Over;
                return Next::Close;
            }
            AnyOrderPhase::Handshake => return Next::StartTls,
            AnyOrderPhase::Greeting => {
                self.phase = AnyOrderPhase::Talking;
                match self.index.greeting {
                    Some(place) => self.play_from(place, false, Filter::All, out),
                    None => out.extend_from_slice(b"+OK ready\r\n"),
                }
                return Next::Again;
            }
            AnyOrderPhase::Talking => {}
        }
        let pending = self.input.get(self.read..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', pending) else {
            if pending.len() > LONGEST_LINE {
                out.extend_from_slice(b"-ERR command line too long\r\n");
                self.phase = AnyOrderPhase::Over;
                return Next::Close;
            }
            return Next::Read;
        };
        let line = pending.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.read += end + 1;
        self.summary.commands += 1;
        self.answer(&line, out);
        Next::Again
    }

    fn tls_started(&mut self, _: Secured) {
        self.is_tls = true;
        if self.phase == AnyOrderPhase::Handshake {
            self.phase = AnyOrderPhase::Talking;
            self.input.clear();
            self.read = 0;
        }
    }

    fn summary(&self) -> Summary {
        self.summary
    }
}

#[cfg(test)]
mod tests;
