//! What a rule sees: a line with its role, or a finished exchange; and how it reports where it is
//! broken.

use super::words::{after_status, code, digest, number};
use super::{Body, LineRole, List, Site};
use crate::pop3::command::{Command, Words};
use crate::pop3::tracker::{LineEnd, SentCommand, Side, Status};
use crate::reading::dialogue::{Exchange, LINE_KEPT, Line, Measures, Place};
use crate::transcript::Piece;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LineSeen<'a> {
    pub(crate) role: LineRole,
    pub(crate) place: Place,
    /// Its octets before the first hole, as on the wire, without the line end; at most
    /// [`LINE_KEPT`].
    pub(crate) text: &'a [u8],
    pub(crate) has_holes: bool,
    /// All its octets on the wire, line end included.
    pub(crate) octets: u64,
    pub(crate) end: LineEnd,
    /// The command that this line is, or whose reply it belongs to.
    pub(crate) sent: Option<&'a SentCommand>,
}

impl<'a> LineSeen<'a> {
    pub(super) fn of(role: LineRole, line: &'a Line, sent: Option<&'a SentCommand>) -> Self {
        // The CR may belong to a line end that was cut off.
        let whole = line.head().strip_suffix(b"\r");
        let whole = whole.filter(|_| line.end == LineEnd::None && line.pieces.len() == 1);
        Self {
            role,
            place: line.place,
            text: whole.unwrap_or(line.head()),
            has_holes: line
                .pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Hole(_))),
            octets: line.octets,
            end: line.end,
            sent,
        }
    }

    /// A line whose text has only its first octets.
    pub(super) fn injected(data: &'a Measures) -> Self {
        Self {
            role: LineRole::Injected,
            place: data.first,
            text: &data.head,
            has_holes: data.has_holes,
            octets: data.octets,
            end: LineEnd::None,
            sent: None,
        }
    }

    /// All its octets without the line end; None if it was cut off, has holes, or is too long to
    /// store.
    pub(crate) fn plain(&self) -> Option<&'a [u8]> {
        let is_whole = (self.text.len() + self.end.octets().len()) as u64 == self.octets;
        let is_cut = self.end == LineEnd::None;
        (is_whole && !is_cut && !self.has_holes).then_some(self.text)
    }

    /// The same as text, if it is UTF-8.
    pub(crate) fn plain_text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.plain()?).ok()
    }

    /// The text after the status indicator and its space; None if the line has no status indicator.
    pub(crate) fn after_status(&self) -> Option<&'a [u8]> {
        after_status(self.text)
    }

    /// A capability line, without surrounding spaces.
    pub(crate) fn capability(&self) -> Option<&'a str> {
        let is_listed = self.role == LineRole::Listed(List::Capabilities);
        let text = self.plain_text().filter(|_| is_listed)?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Whether it begins as a record of TLS does: an alert, or a handshake.
    pub(crate) fn is_tls_record(&self) -> bool {
        matches!(self.text, [0x15 | 0x16, 3, ..])
    }

    /// The verb of the command that this line is or answers, in upper case; empty if unknown.
    pub(crate) fn verb(&self) -> &'static str {
        verb(self.sent)
    }

    pub(crate) fn is_of(&self, purpose: fn(&Command) -> bool) -> bool {
        self.sent
            .and_then(SentCommand::command)
            .is_some_and(purpose)
    }

    /// The words of a command after its verb, up to the first hole.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let verb_words = self
            .sent
            .and_then(SentCommand::command)
            .map_or(1, Command::verb_words);
        Words::of(self.text).skip(verb_words)
    }

    pub(crate) fn spot(&self, what: impl Into<String>) -> Site {
        Site {
            place: self.place,
            octets: self.text.to_vec(),
            what: what.into(),
        }
    }

    /// A site here, if `is_broken`.
    pub(crate) fn when(&self, is_broken: bool, what: &str) -> Option<Site> {
        is_broken.then(|| self.spot(what))
    }
}

/// The verb of a command in the table; empty for any other.
fn verb(sent: Option<&SentCommand>) -> &'static str {
    sent.and_then(SentCommand::command)
        .map_or("", |row| row.verb)
}

/// The number of lines after the header that a TOP asks for.
pub(super) fn top_lines(sent: &SentCommand) -> Option<u64> {
    let is_top = sent.command().is_some_and(|row| row.verb == "TOP");
    let word = Words::of(sent.arguments()).nth(1).filter(|_| is_top)?;
    number(word)
}

#[derive(Debug)]
pub(crate) struct ExchangeSeen<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) body: Option<&'a Body>,
    /// The verb as in the table; empty for an unknown command and for the greeting.
    pub(crate) verb: &'static str,
    /// The command line before its first hole.
    pub(crate) command: &'a [u8],
    /// The status line before its first hole.
    pub(crate) status: &'a [u8],
}

impl<'a> ExchangeSeen<'a> {
    pub(super) fn new(exchange: &'a Exchange, body: Option<&'a Body>) -> Self {
        Self {
            body,
            verb: verb(exchange.sent.as_ref()),
            command: exchange.command.as_ref().map_or(b"", Line::head),
            status: exchange.status_line.as_ref().map_or(b"", Line::head),
            exchange,
        }
    }

    /// Returns the data of the reply, or of the message that the client sent.
    pub(crate) fn data(&self) -> Option<&'a Measures> {
        self.exchange.data.as_ref()
    }

    pub(crate) fn is(&self, purpose: fn(&Command) -> bool) -> bool {
        let row = self.exchange.sent.as_ref().and_then(SentCommand::command);
        row.is_some_and(purpose)
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.exchange.status == Some(Status::Positive)
    }

    pub(crate) fn is_err(&self) -> bool {
        self.exchange.status == Some(Status::Negative)
    }

    /// Whether the reply is complete: the status line, and the terminator if one belongs there.
    pub(crate) fn is_complete(&self) -> bool {
        self.exchange.status.is_some() && self.data().is_none_or(|data| data.terminator.is_some())
    }

    /// Whether rows of its data are missing from the transcript, perhaps its end as well.
    pub(crate) fn has_gap(&self) -> bool {
        self.data().is_some_and(|data| data.has_any_rows)
    }

    pub(crate) fn lacks_terminator(&self) -> bool {
        self.data().is_some_and(|data| data.lacks_terminator)
    }

    /// Whether the status line is `+OK` or `-ERR`, exactly.
    pub(crate) fn has_status_indicator(&self) -> bool {
        let is_exact = self.status.starts_with(b"+OK") || self.status.starts_with(b"-ERR");
        is_exact && after_status(self.status).is_some()
    }

    /// Whether the command line has more than 512 octets, CRLF included.
    pub(crate) fn is_oversize(&self) -> bool {
        let line = self.exchange.command.as_ref();
        line.is_some_and(|line| line.octets > 512)
    }

    /// Whether the command line ends with LF alone.
    pub(crate) fn is_bare_lf(&self) -> bool {
        let line = self.exchange.command.as_ref();
        line.is_some_and(|line| line.end == LineEnd::Lf)
    }

    /// Whether a server need not understand the command line: it ends with LF alone, or contains an
    /// octet 0.
    pub(crate) fn is_garbled(&self) -> bool {
        self.is_bare_lf() || self.command.contains(&0)
    }

    pub(crate) fn has_arguments(&self) -> bool {
        self.arguments().next().is_some()
    }

    /// The words after the verb, up to the first hole.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let row = self.exchange.sent.as_ref().and_then(SentCommand::command);
        Words::of(self.command).skip(row.map_or(1, Command::verb_words))
    }

    pub(crate) fn number(&self) -> Option<u64> {
        let word = self.arguments().next()?;
        number(word).filter(|_| self.is(Command::names_message))
    }

    /// The text after the status indicator; None if the line has holes.
    pub(crate) fn text(&self) -> Option<&'a [u8]> {
        let line = self.exchange.status_line.as_ref()?;
        let is_plain = line
            .pieces
            .iter()
            .all(|piece| matches!(piece, Piece::Octets(_)));
        after_status(self.status).filter(|_| is_plain && line.is_whole())
    }

    /// The response code, in upper case.
    pub(crate) fn code(&self) -> Option<String> {
        code(self.status)
    }

    /// A digest of the name of a USER; None if it is hidden.
    pub(crate) fn name(&self) -> Option<u64> {
        let name = self.arguments().next().filter(|_| self.verb == "USER")?;
        Some(digest(name))
    }

    /// The name of the mechanism of an AUTH, in upper case.
    pub(crate) fn mechanism(&self) -> Option<String> {
        let name = self.arguments().next().filter(|_| self.verb == "AUTH")?;
        Some(String::from_utf8_lossy(name).to_ascii_uppercase())
    }

    /// Whether an AUTH has an initial response, hidden or not.
    pub(crate) fn has_initial_response(&self) -> bool {
        let line = self.exchange.command.as_ref();
        self.verb == "AUTH"
            && (self.arguments().nth(1).is_some() || line.is_some_and(|line| line.pieces.len() > 1))
    }

    /// Whether the client has sent credentials: PASS, APOP, or AUTH with a response.
    pub(crate) fn has_credentials(&self) -> bool {
        let mut inside = self.exchange.sasl.iter();
        let is_answered = inside.any(|line| line.side == Side::Client && line.head() != b"*");
        self.verb != "AUTH" || self.has_initial_response() || is_answered
    }

    /// The place of the status line, or of the command if there is none.
    pub(crate) fn place(&self) -> Place {
        let lines = [&self.exchange.status_line, &self.exchange.command];
        let line = lines.into_iter().flatten().next();
        line.map_or_else(|| self.exchange.place(), |line| line.place)
    }

    pub(crate) fn spot(&self, what: impl Into<String>) -> Site {
        let seen = if self.exchange.status_line.is_some() {
            self.status
        } else {
            self.command
        };
        Site {
            place: self.place(),
            octets: seen.to_vec(),
            what: what.into(),
        }
    }

    /// A site at the first line beyond those that TOP asked for, or at the status line.
    pub(crate) fn at_excess(&self, what: &str) -> Site {
        let excess = self.body.and_then(|body| body.excess.clone());
        excess.map_or_else(
            || self.spot(what),
            |spot| Site {
                what: what.to_owned(),
                ..spot
            },
        )
    }

    /// A site at the status line, if `is_broken`.
    pub(crate) fn when(&self, is_broken: bool, what: &str) -> Option<Site> {
        is_broken.then(|| self.spot(what))
    }

    /// A site at the command, if `is_broken`.
    pub(crate) fn command_when(&self, is_broken: bool, what: &str) -> Option<Site> {
        let place = self.exchange.command.as_ref().map(|line| line.place);
        is_broken.then(|| Site {
            place: place.unwrap_or_else(|| self.place()),
            octets: self.command.to_vec(),
            what: what.to_owned(),
        })
    }
}

#[derive(Debug)]
pub(super) struct ListingLines {
    list: List,
    sent: SentCommand,
    place: Place,
    text: Vec<u8>,
    octets: u64,
    has_holes: bool,
    /// Rows are missing: the next lines need not belong to this listing.
    is_torn: bool,
}

impl ListingLines {
    pub(super) fn new(list: List, sent: SentCommand) -> Self {
        Self {
            list,
            sent,
            place: Place::default(),
            text: Vec::new(),
            octets: 0,
            has_holes: false,
            is_torn: false,
        }
    }

    /// With `is_run`, each line of the octets is a row of the file.
    pub(super) fn feed(
        &mut self,
        octets: &[u8],
        mut place: Place,
        is_run: bool,
        emit: &mut dyn FnMut(&LineSeen<'_>),
    ) {
        let mut rest = if self.is_torn { b"" } else { octets };
        while !rest.is_empty() {
            if self.octets == 0 {
                self.place = place;
            }
            let (piece, after) = match memchr::memchr(b'\n', rest) {
                Some(at) => rest.split_at(at + 1),
                None => (rest, &b""[..]),
            };
            self.octets += piece.len() as u64;
            // Two octets more than a line may have, so that the line end is seen.
            let room = if self.has_holes {
                0
            } else {
                LINE_KEPT + 2 - self.text.len()
            };
            self.text.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                self.emit(emit);
            }
            if is_run {
                place.next_row(piece.len() as u64);
            }
            rest = after;
        }
    }

    pub(super) fn hole(&mut self) {
        if self.is_torn {
            return;
        }
        self.octets += 1;
        self.has_holes = true;
    }

    /// Rows are missing here, perhaps from the middle of a line.
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
        self.octets = 0;
        self.text.clear();
    }

    /// Emits a line that was cut off.
    pub(super) fn finish(&mut self, emit: &mut dyn FnMut(&LineSeen<'_>)) {
        if self.octets > 0 {
            self.emit(emit);
        }
    }

    fn emit(&mut self, emit: &mut dyn FnMut(&LineSeen<'_>)) {
        let (text, end) = match self.text.as_slice() {
            [text @ .., b'\r', b'\n'] => (text, LineEnd::Crlf),
            [text @ .., b'\n'] => (text, LineEnd::Lf),
            text => (text, LineEnd::None),
        };
        emit(&LineSeen {
            role: LineRole::Listed(self.list),
            place: self.place,
            text,
            has_holes: self.has_holes,
            octets: self.octets,
            end,
            sent: Some(&self.sent),
        });
        self.text.clear();
        self.octets = 0;
        self.has_holes = false;
    }
}
