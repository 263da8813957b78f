//! One connection that becomes a transcript, as a recording reports it.

use super::{ImportedTranscript, Options};
use crate::base::service::Service;
use crate::pop3::command::Command;
use crate::pop3::tracker::{Awaited, LineEnd, Role, Side, State};
use crate::reading::redact::{self, Redactor};
use crate::transcript::event::{Event, with_time, without_time};
use crate::transcript::recorder::ROW_MAX;
use crate::transcript::secret::{Hider, place};
use crate::transcript::{Hole, Item, Piece, Row};

#[derive(Debug)]
pub(super) struct TranscriptBuilder {
    redactor: Redactor,
    text: Vec<u8>,
    /// The time of what comes next and of the last row, in microseconds since any moment.
    now_us: Option<u64>,
    last_ms: u64,
    zero_us: Option<u64>,
    /// The start of a line whose end has not come, and who sends it.
    tail: Vec<u8>,
    tail_side: Side,
    rows: u64,
    is_keeping: bool,
    is_after_hole: bool,
    /// Rows of the client are missing, the login perhaps among them.
    is_after_client_hole: bool,
    /// The server has sent something, and it was not POP3.
    is_greeted: bool,
    service: Option<&'static Service>,
    head_len: usize,
}

const FOREIGN_LEN: usize = 400;

/// Words that programs write in place of a secret.
const MASKS: &[&str] = &[
    "XX_DELETED_XX",
    "<omitted>",
    "<hidden>",
    "<password>",
    "<password hidden>",
    "(hidden)",
    "(password hidden)",
    "[hidden]",
    "[redacted]",
    "[omitted]",
];

impl TranscriptBuilder {
    /// A transcript with its head. `imported` says where it is from and what is not in it; `head`
    /// comes before.
    pub(super) fn new(options: &Options, head: &[(&str, String)], imported: &str) -> Self {
        Self::begun(options, head, imported, None)
    }

    /// The same; with the second in which the recording began, as [`super::stamp::started`] returns it.
    pub(super) fn begun(
        options: &Options,
        head: &[(&str, String)],
        imported: &str,
        zero: Option<(String, u64)>,
    ) -> Self {
        let mut talk = Self {
            redactor: Redactor::new(Hider::new(options.is_keeping), redact::Options::default()),
            text: Vec::new(),
            now_us: None,
            last_ms: 0,
            zero_us: zero.as_ref().map(|(_, zero)| *zero),
            tail: Vec::new(),
            tail_side: Side::Server,
            rows: 0,
            is_keeping: options.is_keeping,
            is_after_hole: false,
            is_after_client_hole: false,
            is_greeted: false,
            service: None,
            head_len: 0,
        };
        talk.item(Item::Prose("!pop3 1".to_owned()));
        let tool = format!("poptalk {}", env!("CARGO_PKG_VERSION"));
        let started = zero.map(|(started, _)| ("started", started));
        let own = [("tool", tool), ("imported", imported.to_owned())];
        for (name, text) in head.iter().chain(&started).chain(&own) {
            let (name, text) = ((*name).to_owned(), escaped(text));
            talk.item(Item::Head { name, text });
        }
        if options.is_keeping {
            let (name, text) = ("secrets", "kept in cleartext, by --keep-secrets");
            talk.item(Item::Head {
                name: name.to_owned(),
                text: text.to_owned(),
            });
        }
        talk.item(Item::Blank);
        talk.head_len = talk.text.len();
        talk
    }

    /// What comes next was seen at this time, in microseconds since any moment; the first one is
    /// the zero.
    pub(super) fn at(&mut self, us: u64) {
        self.zero_us.get_or_insert(us);
        self.now_us = Some(us);
    }

    pub(super) fn state(&self) -> State {
        self.redactor.tracker().state()
    }

    pub(super) fn awaited(&self) -> Option<Awaited> {
        self.redactor.tracker().awaited()
    }

    pub(super) fn is_in_data(&self) -> bool {
        matches!(self.awaited(), Some(Awaited::Terminator(_)))
    }

    /// Whether the client's next line is a SASL response.
    pub(super) fn expects_response(&self) -> bool {
        self.redactor.tracker().expects_response()
    }

    /// Whether the reply to an AUTH is awaited, so that challenges may come.
    pub(super) fn is_in_sasl(&self) -> bool {
        self.redactor.tracker().is_in_sasl()
    }

    /// Whether the server agreed to STLS and the handshake comes next.
    pub(super) fn is_tls_agreed(&self) -> bool {
        self.redactor.tracker().is_tls_agreed()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 && self.tail.is_empty()
    }

    /// Octets as on the wire, in any pieces.
    pub(super) fn octets(&mut self, side: Side, octets: &[u8]) {
        if side != self.tail_side {
            self.end_tail();
            self.tail_side = side;
        }
        let mut rest = octets;
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, text_after) = rest.split_at(lf + 1);
            rest = text_after;
            let mut whole = std::mem::take(&mut self.tail);
            whole.extend_from_slice(line);
            self.whole(side, &whole);
        }
        self.tail.extend_from_slice(rest);
        while self.tail.len() > ROW_MAX {
            let text_after = self.tail.split_off(ROW_MAX);
            let row = std::mem::replace(&mut self.tail, text_after);
            self.row(side, vec![Piece::Octets(row)], LineEnd::None);
        }
    }

    fn whole(&mut self, side: Side, line: &[u8]) {
        let (line, end) = match line {
            [line @ .., b'\r', b'\n'] => (line, LineEnd::Crlf),
            [line @ .., b'\n'] => (line, LineEnd::Lf),
            line => (line, LineEnd::None),
        };
        self.parts(side, line, end);
        if line.is_empty() {
            self.row(side, Vec::new(), end);
        }
    }

    /// A line as rows, none of them longer than those of a live recording.
    fn parts(&mut self, side: Side, line: &[u8], end: LineEnd) {
        for (index, part) in line.chunks(ROW_MAX).enumerate() {
            let is_last = (index + 1) * ROW_MAX >= line.len();
            let end = if is_last { end } else { LineEnd::None };
            self.row(side, vec![Piece::Octets(part.to_vec())], end);
        }
    }

    /// The start of a line does not continue in what comes next.
    fn end_tail(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.row(self.tail_side, vec![Piece::Octets(tail)], LineEnd::None);
        }
    }

    /// A line without its end, as a log shows it. What the log's program masked by stars becomes a
    /// hole.
    pub(super) fn line(&mut self, side: Side, line: &[u8], end: LineEnd) {
        if side == Side::Client {
            self.client_speaks();
        }
        let pieces = match side {
            // A log that begins in the middle of AUTH: a response looks like nothing known.
            Side::Client if self.rows == 0 && Command::of_line(line).is_none() => {
                vec![Piece::Hole(Hole::Text)]
            }
            Side::Client => self.unmasked(line),
            Side::Server => vec![Piece::Octets(line.to_vec())],
        };
        self.end_tail();
        match pieces.as_slice() {
            [Piece::Octets(octets)] if octets.len() > ROW_MAX => self.parts(side, octets, end),
            _ => self.row(side, pieces, end),
        }
    }

    pub(super) fn row(&mut self, side: Side, pieces: Vec<Piece>, end: LineEnd) {
        self.rows += 1;
        self.is_after_hole = false;
        if side == Side::Server && !self.is_greeted {
            self.is_greeted = true;
            self.service = match pieces.first() {
                Some(Piece::Octets(octets)) => Service::of_start(octets),
                _ => None,
            };
        }
        let after_ms = match (self.now_us, self.zero_us) {
            (Some(now), Some(zero)) => {
                let now_ms = now.saturating_sub(zero) / 1000;
                let after_ms = now_ms.saturating_sub(self.last_ms);
                self.last_ms += after_ms;
                after_ms
            }
            _ => 0,
        };
        self.item(Item::Row(Row::new(side, after_ms, pieces, end)));
    }

    pub(super) fn hole(&mut self, side: Side) {
        self.end_tail();
        self.row(side, vec![Piece::Hole(Hole::Rows)], LineEnd::Crlf);
        self.is_after_hole = side == Side::Server;
        self.is_after_client_hole |= side == Side::Client;
    }

    /// Whether rows of the client are missing somewhere before.
    pub(super) fn is_after_client_hole(&self) -> bool {
        self.is_after_client_hole
    }

    /// In a log that leaves data out: what was awaited when the client speaks again is not in it.
    /// Its end must have come, since these programs wait for it.
    pub(super) fn client_speaks(&mut self) {
        if self.is_in_data() {
            self.data_left_out();
            let dot = vec![Piece::Octets(b".".to_vec())];
            self.row(Side::Server, dot, LineEnd::Crlf);
        }
    }

    /// In a log that leaves data out: it is over, or the connection is; whether what was awaited
    /// came is not known.
    pub(super) fn data_left_out(&mut self) {
        if self.is_in_data() && !self.is_after_hole {
            self.hole(Side::Server);
        }
    }

    /// TLS begins if the log says so, or if it must have: the session continues after the `+OK` to
    /// STLS.
    pub(super) fn tls(&mut self, event: Option<Event>) {
        let unknown = self.is_tls_agreed().then_some(Event::TlsUnknown);
        if let Some(event) = event.or(unknown) {
            self.event(&event);
        }
    }

    /// Something other than octets that happened.
    pub(super) fn event(&mut self, event: &Event) {
        self.end_tail();
        self.item(Item::Event(without_time(&escaped(&event.to_string()))));
    }

    /// The same at a time in microseconds, counted as in [`Self::at`].
    pub(super) fn event_at(&mut self, event: &Event, us: u64) {
        self.end_tail();
        let zero = *self.zero_us.get_or_insert(us);
        let after_ms = (us.saturating_sub(zero) / 1000).saturating_sub(self.last_ms);
        self.item(Item::Event(with_time(
            &escaped(&event.to_string()),
            after_ms,
        )));
    }

    pub(super) fn prose(&mut self, prose: &str) {
        self.end_tail();
        self.item(Item::Prose(escaped(&format!(" {prose}"))));
    }

    /// A line that neither side sent, as prose. What may be a secret is left out.
    pub(super) fn foreign(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let is_doubtful = !self.is_keeping && names_secret(line);
        if is_doubtful {
            self.prose("a line that may hold a secret was left out here");
        } else {
            let short: String = line.chars().take(FOREIGN_LEN).collect();
            self.prose(&short);
        }
    }

    pub(super) fn finish(mut self) -> ImportedTranscript {
        self.end_tail();
        self.redactor.finish(&mut self.text);
        self.hide_in_prose();
        ImportedTranscript {
            text: self.text,
            service: self.service,
        }
    }

    /// A foreign line may show a secret before it is said.
    fn hide_in_prose(&mut self) {
        let (head, body) = self.text.split_at(self.head_len.min(self.text.len()));
        if !body
            .split(|octet| *octet == b'\n')
            .any(|line| line.starts_with(b"# "))
        {
            return;
        }
        let mut text = head.to_vec();
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            match std::str::from_utf8(line) {
                Ok(prose) if prose.starts_with("# ") => {
                    text.extend_from_slice(self.redactor.free_text(prose).as_bytes());
                }
                _ => text.extend_from_slice(line),
            }
        }
        self.text = text;
    }

    /// The pieces of a client line whose secret the program showed as stars: `PASS *`, `AUTH PLAIN
    /// ********`.
    fn unmasked(&self, line: &[u8]) -> Vec<Piece> {
        let is_mask = |octets: &[u8]| {
            let is_row = |mark: &[u8]| {
                !octets.is_empty() && octets.chunks(mark.len()).all(|part| part == mark)
            };
            // Seen: `....` in Perl's Net::Cmd, `XX_DELETED_XX` in Wormly's test.
            is_row(b"*")
                || is_row(b".")
                || is_row("\u{2022}".as_bytes())
                || MASKS
                    .iter()
                    .any(|mask| octets.eq_ignore_ascii_case(mask.as_bytes()))
        };
        let role = if self.expects_response() {
            Role::Response
        } else {
            Role::Command
        };
        if let Some(found) = place(line, role, false) {
            let (open, secret) = line.split_at(found.from.min(line.len()));
            if is_mask(secret.trim_ascii()) {
                return vec![
                    Piece::Octets(open.to_vec()),
                    Piece::Hole(Hole::Named(found.hole.to_owned())),
                ];
            }
        }
        vec![Piece::Octets(line.to_vec())]
    }

    fn item(&mut self, item: Item) {
        self.redactor.item(item, &mut self.text);
    }
}

/// Whether a line names a password or the like, so that it may show it.
fn names_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let words = [
        "passw",
        "pass ",
        "pass:",
        "pass=",
        "pwd",
        "secret",
        "token",
        "authoriz",
        "credential",
    ];
    words.iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let rest = line.get(at..).unwrap_or_default();
            // A value follows: a colon, an equals sign, or a word in quotes.
            rest.contains(['=', ':', '"', '\'']) || rest.starts_with("pass ")
        })
    })
}

/// Text from a recording, for a head, an event or prose.
fn escaped(text: &str) -> String {
    let mut out = Vec::new();
    crate::transcript::text::escape(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}
