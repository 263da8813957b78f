//! One TCP connection of a capture as a transcript.

use core::net::SocketAddr;

use super::builder::TranscriptBuilder;
use super::sessions::CapturedSession;
use super::tcp::{Passage, StreamGap, What, index};
use super::{ImportedTranscript, Options, stamp};
use crate::pop3::command::Command;
use crate::pop3::tracker::{LineEnd, Side, State};
use crate::transcript::event::{Event, Party};
use crate::transcript::{Hole, Piece};

/// How far it is looked ahead for the octets after a segment's.
const AHEAD_MAX: usize = 16;

pub(super) struct Conversation {
    talk: TranscriptBuilder,
    /// Octets of either side that are TLS.
    encrypted: [u64; 2],
    is_encrypted: bool,
    is_closed: bool,
    /// How it was closed, to be written after all octets.
    close: Option<Event>,
    has_begun: bool,
    /// What came before the capture is still to be written as holes.
    lacks_start: bool,
    has_gap: bool,
    line_origin: LineOrigin,
    /// The sides of which fragments were left out.
    headless: [bool; 2],
}

/// The start of the line that the client's next octets belong to. Where it is not in the capture,
/// they may be the rest of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineOrigin {
    /// It is in the capture.
    Seen,
    /// The capture begins here: a line that is a command is whole.
    BeforeCapture,
    /// Octets before it were lost. After login a line that is a command is whole, and holds no
    /// secret.
    Lost,
}

impl Conversation {
    pub(super) fn new(server: SocketAddr, session: &CapturedSession, options: &Options) -> Self {
        let times = session.segments.iter().map(|segment| segment.us);
        let first = times.filter(|us| *us > 0).min();
        let zero = first.and_then(stamp::started);
        let imported = if zero.is_some() {
            "packet capture"
        } else {
            "packet capture; times are not in it"
        };
        let head = [("server", server.to_string())];
        let mut talk = TranscriptBuilder::begun(options, &head, imported, zero);
        talk.event(&Event::connected(server));
        let has_start = session.isn.iter().any(Option::is_some);
        if !has_start {
            talk.prose("the capture begins in the middle of the connection");
        }
        Self {
            talk,
            encrypted: [0; 2],
            is_encrypted: false,
            is_closed: false,
            close: None,
            has_begun: false,
            lacks_start: !has_start,
            has_gap: !has_start,
            line_origin: if has_start {
                LineOrigin::Seen
            } else {
                LineOrigin::BeforeCapture
            },
            headless: [false; 2],
        }
    }

    /// Fragments of a side are in the capture without the first one, so it is unknown whether they
    /// belong here.
    pub(super) fn has_headless(&mut self, side: Side) {
        if let Some(headless) = self.headless.get_mut(index(side)) {
            *headless = true;
        }
    }

    pub(super) fn has_clear(&self) -> bool {
        self.has_begun
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    pub(super) fn passages(&mut self, passages: &[Passage<'_>]) {
        for (at, passage) in passages.iter().enumerate() {
            let side = passage.side;
            if passage.us > 0 {
                self.talk.at(passage.us);
            }
            match passage.what {
                What::Octets(octets) => {
                    let is_record = is_record(&start(passages.get(at..).unwrap_or_default()));
                    self.octets(side, octets, is_record);
                }
                What::Gap(gap) => self.gap(side, gap),
                What::Close => self.closed(Event::closed_by(party(side))),
                What::Reset => self.closed(Event::lost(Some(format!("reset by {}", name(side))))),
            }
        }
    }

    /// What was sent before the capture is unknown: even whether a greeting or a login came.
    fn begin(&mut self) {
        if std::mem::take(&mut self.lacks_start) {
            self.talk.hole(Side::Server);
            self.talk.hole(Side::Client);
        }
    }

    fn closed(&mut self, event: Event) {
        if self.is_closed {
            return;
        }
        self.is_closed = true;
        if self.is_encrypted {
            self.close = Some(event);
        } else {
            self.talk.event(&event);
        }
    }

    fn gap(&mut self, side: Side, gap: StreamGap) {
        self.has_gap = true;
        if self.is_encrypted {
            return self.count(side, gap.count);
        }
        self.begin();
        let (count, name) = (gap.count, name(side));
        let (octets, are) = match count {
            1 => ("octet", "is"),
            _ => ("octets", "are"),
        };
        let or_close = match count {
            _ if !gap.may_be_close => String::new(),
            1 => ", or its close,".to_owned(),
            _ => format!(", or {} and its close,", count - 1),
        };
        let why = if gap.is_cut {
            ": the packet was truncated (`tcpdump -s 0` records whole packets)"
        } else {
            ""
        };
        self.talk.prose(&format!(
            "{count} {octets} of the {name}{or_close} {are} not in the capture{why}"
        ));
        if let Some(headless) = self.headless.get_mut(index(side))
            && std::mem::take(headless)
        {
            self.talk.prose(&format!(
                "IP fragments from the {name} are left out: the first one, which has the port, is missing"
            ));
        }
        if gap.may_be_close && count == 1 {
            return;
        }
        self.talk.hole(side);
        if side == Side::Client {
            self.line_origin = LineOrigin::Lost;
        }
    }

    fn octets(&mut self, side: Side, octets: &[u8], is_record: bool) {
        let is_agreed = self.talk.is_tls_agreed();
        let may_begin = !self.has_begun || self.has_gap || (is_agreed && side == Side::Client);
        // The capture may begin inside a record.
        let is_inside = self.lacks_start && is_binary(octets);
        if self.is_encrypted || is_inside || (is_record && may_begin) {
            self.is_encrypted = true;
            return self.count(side, octets.len() as u64);
        }
        self.has_begun = true;
        self.begin();
        if side == Side::Server && is_agreed {
            self.talk.event(&Event::injected(octets.len()));
        }
        if side == Side::Client && self.line_origin != LineOrigin::Seen {
            return self.rest_of_line(octets);
        }
        self.talk.octets(side, octets);
    }

    /// Octets of the client that may be the rest of a line.
    fn rest_of_line(&mut self, octets: &[u8]) {
        let end = memchr::memchr(b'\n', octets).map(|lf| lf + 1);
        let (rest, text_after) = octets.split_at(end.unwrap_or(octets.len()));
        let is_after_login =
            self.talk.state() == State::Transaction && !self.talk.expects_response();
        let is_whole = (self.line_origin == LineOrigin::BeforeCapture || is_after_login)
            && Command::of_line(rest).is_some();
        self.line_origin = match end {
            Some(_) => LineOrigin::Seen,
            None if is_whole => LineOrigin::Seen,
            None => return self.line_origin = LineOrigin::Lost,
        };
        if is_whole {
            self.talk.octets(Side::Client, rest);
        } else {
            let hole = Piece::Hole(Hole::Text);
            self.talk.row(Side::Client, vec![hole], LineEnd::Crlf);
        }
        self.talk.octets(Side::Client, text_after);
    }

    fn count(&mut self, side: Side, count: u64) {
        if let Some(all) = self.encrypted.get_mut(index(side)) {
            *all += count;
        }
    }

    pub(super) fn finish(mut self, is_cut: bool) -> Option<ImportedTranscript> {
        let [sent, received] = self.encrypted;
        if self.is_encrypted && sent + received > 0 {
            self.talk.event(&Event::TlsUnknown);
            self.talk.prose(&format!(
                "encrypted: {sent} octets from the client, {received} from the server; a capture lacks the keys, which `poptalk proxy` has"
            ));
            self.talk.hole(Side::Client);
            self.talk.hole(Side::Server);
        }
        if let Some(event) = self.close.take() {
            self.talk.event(&event);
        }
        if !self.is_closed {
            self.talk.prose(if is_cut {
                "the capture is cut off before the connection ends"
            } else {
                "the capture ends before the connection does"
            });
        }
        (!self.talk.is_empty()).then(|| self.talk.finish())
    }
}

/// The first octets of a passage and of what the same side says after it, three at most.
fn start(passages: &[Passage<'_>]) -> Vec<u8> {
    let mut start = Vec::new();
    let Some(first) = passages.first() else {
        return start;
    };
    let own = passages
        .iter()
        .take(AHEAD_MAX)
        .filter(|passage| passage.side == first.side);
    for passage in own {
        let What::Octets(octets) = passage.what else {
            break;
        };
        start.extend(octets.iter().take(3 - start.len()));
        if start.len() == 3 {
            break;
        }
    }
    start
}

/// Whether octets are not text: more control octets than one in twenty. A few are a probe, or show
/// nothing.
fn is_binary(octets: &[u8]) -> bool {
    let is_control = |octet: &&u8| octet.is_ascii_control() && !b"\t\r\n".contains(octet);
    octets.iter().filter(is_control).count() * 20 > octets.len().max(20)
}

/// Whether octets begin as a TLS record of an existing version (RFC 8446 §5.1).
fn is_record(start: &[u8]) -> bool {
    matches!(start, [20..=23, 3, 0..=4])
}

fn party(side: Side) -> Party {
    match side {
        Side::Client => Party::Client,
        Side::Server => Party::Server,
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}
