//! Hides in a transcript what live recording would have hidden: follows it with the tracker, item
//! by item, in constant memory.
//!
//! It feeds a tracker of its own and is not an adaptor over [`super::steps`]. A line keeps its rows
//! and times where nothing in it is hidden, so what it is for has to be known before the next row
//! is read, while the reader of rows may hold octets back until then; and where that reader starts
//! over, as it does when a connection ends, this one goes on, because a secret may follow.

mod names;

use crate::pop3::command::Command;
use crate::pop3::tracker::{LineEnd, Role, Side, Step, Tracker};
use crate::transcript::elide::{Bodies, Elider};
use crate::transcript::event::{Event, EventKind, Malformed, split_time, with_time};
use crate::transcript::recorder::{ROW_MAX, message_elider, starts_upload};
use crate::transcript::secret::{Hider, flat};
use crate::transcript::text;
use crate::transcript::{Hole, Item, Piece, Row};
use names::Names;

pub(crate) const HEAD: &str = "redacted";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) bodies: Bodies,
    /// User names, and mail addresses in status lines, become `user-1` and so on.
    pub(crate) has_names: bool,
    /// Message data is searched for secrets; live recording does not do so, and searches other
    /// data.
    pub(crate) is_searching_data: bool,
    /// The file's head says what was taken out.
    pub(crate) is_told: bool,
}

/// Takes the items of one transcript and writes them without secrets.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    options: Options,
    tracker: Tracker,
    hider: Hider,
    names: Names,
    elider: Option<Elider>,
    is_message: bool,
    /// Rows of one line that has not ended, and how many octets they have.
    line: Vec<Row>,
    line_len: usize,
    /// The times of rows that were left out.
    lost_ms: u64,
    /// Data was left out, and what came after it was not the server's: the terminator was left out
    /// as well.
    is_in_hole: bool,
    head: HeadState,
    has_begun: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum HeadState {
    #[default]
    Start,
    Open,
    /// The head has its `redacted`, or needs none.
    Told,
    Done,
}

impl Redactor {
    /// A redactor for one transcript. `hider` may know secrets already.
    pub(crate) fn new(hider: Hider, options: Options) -> Self {
        Self {
            options,
            hider,
            ..Self::default()
        }
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Takes one item; appends what is certain of it to `out`.
    pub(crate) fn item(&mut self, item: Item, out: &mut Vec<u8>) {
        self.begin_head(&item, out);
        match item {
            Item::Row(row) => self.row(row, out),
            Item::Head { name, text } => self.head(name, text, out),
            Item::Event(event) => {
                self.end_line(out);
                self.end_cut(out);
                self.happened(&event);
                // What is said of a secret's shape is in words of poptalk's own.
                let text = match Malformed::of_event(&event) {
                    Some(_) => event,
                    None => self.timed(&event),
                };
                text::print_item(out, &Item::Event(text));
            }
            Item::Prose(prose) => {
                self.end_line(out);
                let item = Item::Prose(self.free_text(&prose));
                text::print_item(out, &item);
            }
            Item::Unknown(line) => {
                self.end_line(out);
                text::print_item(out, &Item::Unknown(self.free_text(&line)));
            }
            Item::Blank => {
                self.end_line(out);
                text::print_item(out, &Item::Blank);
            }
        }
    }

    /// What was learned, for reading the same transcript again from its start: what comes before a
    /// secret is searched for it, too.
    pub(crate) fn into_hider(self) -> Hider {
        self.hider.again()
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_line(out);
        self.end_cut(out);
        self.end_head(out);
    }

    /// The head line is due before the first item that is no part of the head.
    fn begin_head(&mut self, item: &Item, out: &mut Vec<u8>) {
        let is_magic = matches!(item, Item::Prose(prose) if prose.starts_with("!pop3"));
        match (self.head, item) {
            (HeadState::Start, _) if is_magic => self.head = HeadState::Open,
            (HeadState::Start, Item::Head { .. } | Item::Prose(_) | Item::Unknown(_)) => {
                out.extend_from_slice(text::MAGIC.as_bytes());
                out.push(b'\n');
                self.head = HeadState::Open;
            }
            (_, Item::Head { .. } | Item::Prose(_) | Item::Unknown(_)) => {}
            (HeadState::Done, _) => {}
            (_, Item::Blank) => self.end_head(out),
            (_, Item::Row(_) | Item::Event(_)) => {
                let was_told = self.head != HeadState::Told;
                self.end_head(out);
                if was_told && self.options.is_told {
                    text::print_item(out, &Item::Blank);
                }
            }
        }
    }

    fn head(&mut self, name: String, text: String, out: &mut Vec<u8>) {
        if !self.options.is_told || !matches!(name.as_str(), HEAD | "secrets") {
            let text = self.free_text(&text);
            return text::print_item(out, &Item::Head { name, text });
        }
        // `secrets: kept in clear` is no longer true, and `redacted` is written once.
        if name == HEAD && self.head != HeadState::Told {
            let before: Vec<&str> = text.split(", ").collect();
            self.print_head(&before, out);
        }
    }

    fn end_head(&mut self, out: &mut Vec<u8>) {
        if self.options.is_told && self.head == HeadState::Start {
            out.extend_from_slice(text::MAGIC.as_bytes());
            out.push(b'\n');
        }
        if self.options.is_told && matches!(self.head, HeadState::Start | HeadState::Open) {
            self.print_head(&[], out);
        }
        self.head = HeadState::Done;
    }

    fn print_head(&mut self, before: &[&str], out: &mut Vec<u8>) {
        let bodies = match self.options.bodies {
            Bodies::Keep => None,
            Bodies::Elide { lines: 0 } => Some("message data".to_owned()),
            Bodies::Elide { lines } => Some(format!("message data after line {lines}")),
        };
        let names = self.options.has_names.then(|| "names".to_owned());
        let mut said: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        for word in std::iter::once("secrets".to_owned())
            .chain(bodies)
            .chain(names)
        {
            if !said.contains(&word) {
                said.push(word);
            }
        }
        let text = said.join(", ");
        let name = HEAD.to_owned();
        text::print_item(out, &Item::Head { name, text });
        self.head = HeadState::Told;
    }

    /// Text of a head, an event or prose, without the secrets that were seen.
    pub(crate) fn free_text(&self, text: &str) -> String {
        self.hider.hide_text(text)
    }

    /// Returns the text of an event without secrets, with its time counted from the last row that
    /// stays.
    fn timed(&self, event: &str) -> String {
        let (text, after_ms) = split_time(event);
        let text = self.free_text(text);
        match after_ms {
            Some(after_ms) => with_time(&text, after_ms.saturating_add(self.lost_ms)),
            None => text,
        }
    }

    fn happened(&mut self, event: &str) {
        let event = Event::parse(event);
        match event.kind() {
            EventKind::Connected => self.has_begun = true,
            EventKind::TlsStarted => self.tracker.tls_started(),
            EventKind::TimedOut => self.tracker.forget(&mut |_| {}),
            _ => {}
        }
        if let Event::TakenAs { verb, shape } = &event {
            self.tracker.set_shape(verb, *shape);
        }
    }

    fn row(&mut self, row: Row, out: &mut Vec<u8>) {
        self.begin(row.side);
        if self
            .line
            .first()
            .is_some_and(|first| first.side != row.side)
        {
            self.end_line(out);
        }
        if row.pieces == [Piece::Hole(Hole::Rows)] {
            self.end_line(out);
            return self.hole(row, out);
        }
        self.line_len += row.pieces.iter().map(Piece::octets).sum::<usize>();
        let is_whole = row.end != LineEnd::None || self.line_len >= ROW_MAX;
        self.line.push(row);
        // A file may have any number of rows without octets.
        if is_whole || self.line.len() >= ROW_MAX {
            self.end_line(out);
        }
    }

    /// Where the first row is the client's, and no `* connected` came, the file is a piece of a
    /// session: its first reply is not the greeting, and what it brings may be a message.
    fn begin(&mut self, side: Side) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first && side == Side::Client {
            self.tracker.skip_greeting();
        }
    }

    fn hole(&mut self, row: Row, out: &mut Vec<u8>) {
        let is_data = self.tracker.skip_lines(row.side, &mut |_| {});
        self.is_in_hole = is_data && row.side == Side::Server;
        if !is_data {
            self.tracker.forget(&mut |_| {});
        }
        self.print(row, out);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        self.line_len = 0;
        let rows = std::mem::take(&mut self.line);
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return;
        };
        let (side, mut after_ms, end) = (first.side, first.after_ms, last.end);
        if self.is_in_hole && side == Side::Client {
            self.tracker.skip_data(&mut |_| {});
            self.elider = None;
        }
        self.is_in_hole = false;
        let joined = || Piece::joined(rows.iter().flat_map(|row| row.pieces.iter().cloned()));
        let is_same = |pieces: &[Piece]| match rows.as_slice() {
            [row] => row.pieces == pieces,
            _ => joined() == pieces,
        };
        let mut lines = lines(joined(), end);
        let is_one = lines.len() == 1;
        for (pieces, end) in lines.drain(..) {
            let line = self.line_pieces(side, pieces, end, out);
            let malformed = self.hider.take_malformed();
            match line {
                LineFate::Gone => self.lost_ms += after_ms,
                LineFate::Cut => {
                    let hole = [Piece::Hole(Hole::Rows)];
                    self.print(Row::new(side, after_ms, hole, LineEnd::Crlf), out);
                }
                LineFate::Stays(pieces) if is_one && is_same(&pieces) => {
                    for row in rows {
                        self.print(row, out);
                    }
                    return;
                }
                LineFate::Stays(pieces) => {
                    let row = Row::new(side, after_ms, pieces, end);
                    if !row.pieces.is_empty() || row.end != LineEnd::None {
                        self.print(row, out);
                    }
                    // The shape of a line that was cut is not known.
                    for malformed in malformed.iter().filter(|_| end != LineEnd::None) {
                        text::print_item(out, &Item::Event(malformed.words().to_owned()));
                    }
                }
            }
            after_ms = 0;
        }
        self.lost_ms += rows
            .iter()
            .skip(1)
            .map(|row| row.after_ms)
            .fold(0, u64::saturating_add);
    }

    fn line_pieces(
        &mut self,
        side: Side,
        pieces: Vec<Piece>,
        end: LineEnd,
        out: &mut Vec<u8>,
    ) -> LineFate {
        let mut octets = flat(&pieces);
        octets.extend_from_slice(end.octets());
        let has_octets = pieces.iter().any(|piece| matches!(piece, Piece::Octets(_)));
        // What the tracker holds back may only belong to data.
        let mut role = None;
        let mut elider = None;
        let mut is_message = self.is_message;
        let bodies = self.options.bodies;
        let mut emit = |step: Step<'_>| match step {
            Step::Line(line) if role.is_none() => role = Some((line.role, line.first)),
            Step::DataStarted(sent) => {
                elider = message_elider(bodies, sent);
                is_message = sent.command().is_some_and(Command::carries_message);
            }
            Step::ReplyEnded(Some(sent), status) if starts_upload(sent, status) => {
                elider = message_elider(bodies, sent);
                is_message = true;
            }
            _ => {}
        };
        self.tracker.feed(side, &octets, &mut emit);
        if end == LineEnd::None {
            self.tracker.flush(&mut emit);
        }
        let line = match role {
            None => match &mut self.elider {
                Some(elider) => match elider.feed(&[&Piece::known(&pieces), end.octets()].concat())
                {
                    (b"", true) => LineFate::Cut,
                    (b"", false) if has_octets || end != LineEnd::None => LineFate::Gone,
                    _ => LineFate::Stays(self.data(pieces)),
                },
                None => LineFate::Stays(self.data(pieces)),
            },
            Some((Role::Terminator, _)) => {
                self.end_cut(out);
                self.elider = None;
                LineFate::Stays(pieces)
            }
            Some((role, first)) => {
                let hidden = self.hider.hide_pieces(side, role, pieces, first);
                LineFate::Stays(if self.options.has_names {
                    for name in self.hider.sasl_names() {
                        self.names.meet(name);
                    }
                    let replaced = self.names.replace(hidden, role, first);
                    self.hider.hide_words(replaced, names::is_pseudonym)
                } else {
                    hidden
                })
            }
        };
        if elider.is_some() {
            self.elider = elider;
        }
        self.is_message = is_message;
        line
    }

    fn data(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        if self.options.is_searching_data || !self.is_message {
            self.hider.hide_values_in(pieces)
        } else {
            pieces
        }
    }

    fn end_cut(&mut self, out: &mut Vec<u8>) {
        if let Some(prose) = self.elider.as_mut().and_then(Elider::end) {
            text::print_item(out, &Item::Prose(prose));
        }
    }

    fn print(&mut self, mut row: Row, out: &mut Vec<u8>) {
        row.after_ms = row
            .after_ms
            .saturating_add(std::mem::take(&mut self.lost_ms));
        text::print_row(out, &row);
    }
}

enum LineFate {
    Stays(Vec<Piece>),
    /// A hole takes its place, and that of the rows after it.
    Cut,
    /// The hole before it takes its place, too.
    Gone,
}

/// The lines in a line: a file made by hand may have an LF in the middle of a row, where the wire
/// has two lines.
fn lines(pieces: Vec<Piece>, end: LineEnd) -> Vec<(Vec<Piece>, LineEnd)> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for piece in pieces {
        let Piece::Octets(mut octets) = piece else {
            line.push(piece);
            continue;
        };
        while let Some(lf) = memchr::memchr(b'\n', &octets) {
            let rest = octets.split_off(lf + 1);
            octets.truncate(lf);
            let end = if octets.ends_with(b"\r") {
                octets.pop();
                LineEnd::Crlf
            } else {
                LineEnd::Lf
            };
            line.push(Piece::Octets(octets));
            lines.push((Piece::joined(std::mem::take(&mut line)), end));
            octets = rest;
        }
        line.push(Piece::Octets(octets));
    }
    let line = Piece::joined(line);
    if !line.is_empty() || end != LineEnd::None || lines.is_empty() {
        lines.push((line, end));
    }
    lines
}

#[cfg(test)]
mod tests;
