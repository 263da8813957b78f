//! Compares two aligned parts at a level.

use std::io::{Read, Seek};

use super::body::{self, DataView};
use super::mark::{ShownLine, both};
use super::recording::Again;
use super::uidl::Numbers;
use super::{Change, Level, Options, Unreadable};
use crate::analysis::finding::{self, Finding};
use crate::base::escape;
use crate::pop3::command::{ArgumentKind, Command, DataKind, Shape, Words};
use crate::pop3::tracker::{LineEnd, Side, Status};
use crate::reading::dialogue::{EventAt, EventKind, Exchange, Line, Measures, Part, fits};
use crate::transcript::{Hole, Piece};

pub(super) struct Comparer<'a, R> {
    pub(super) options: &'a Options,
    pub(super) numbers: Option<&'a Numbers>,
    pub(super) old: &'a mut Again<R>,
    pub(super) new: &'a mut Again<R>,
}

impl Change {
    fn new(name: String, old: Option<usize>, new: Option<usize>) -> Self {
        Self {
            name,
            old,
            new,
            findings: Vec::new(),
            marks: Vec::new(),
            hidden: 0,
        }
    }

    pub(super) fn find(
        &mut self,
        id: &'static str,
        rows: (Option<usize>, Option<usize>),
        what: &str,
    ) {
        self.findings.push(Finding {
            id,
            level: finding::Level::Difference,
            row: rows.0,
            other_row: rows.1,
            offset: None,
            octets: String::new(),
            count: 1,
            more: Vec::new(),
            message: format!("{}: {what}", self.name),
            hint: None,
            source: "",
        });
    }

    fn lines(&mut self, old: Option<&Line>, new: Option<&Line>, options: &Options) {
        match (old.map(shown), new.map(shown)) {
            (Some(old), Some(new)) => {
                self.marks.extend(both(old, new, (options.deadline)()));
            }
            (old, new) => {
                self.marks.extend(old.map(|line| line.alone(false)));
                self.marks.extend(new.map(|line| line.alone(true)));
            }
        }
    }
}

impl<R: Read + Seek> Comparer<'_, R> {
    /// Returns the change between two parts with the same key; None if they are the same.
    pub(super) fn pair(&mut self, old: &Part, new: &Part) -> Result<Option<Change>, Unreadable> {
        let rows = (Some(old.place().row), Some(new.place().row));
        let mut change = Change::new(name(old), rows.0, rows.1);
        match (old, new) {
            (Part::Exchange(old), Part::Exchange(new)) => self.exchange(old, new, &mut change)?,
            (Part::Unrequested(old), Part::Unrequested(new))
                if self.lines_differ(old, new) && !old.is_any_rows() =>
            {
                change.find("diff-unrequested", rows, "the line differs");
                change.lines(Some(old), Some(new), self.options);
            }
            (Part::Injected(old), Part::Injected(new)) if self.options.level == Level::Octets => {
                self.data(old, new, DataKind::Lines, None, &mut change)?;
            }
            _ => {}
        }
        Ok((!change.findings.is_empty()).then_some(change))
    }

    /// Returns the change for a part that only one recording has.
    pub(super) fn alone(&self, part: &Part, is_new: bool) -> Change {
        let row = Some(part.place().row);
        let rows = if is_new { (None, row) } else { (row, None) };
        let mut change = Change::new(name(part), rows.0, rows.1);
        let which = if is_new { "second" } else { "first" };
        let what = format!("only in the {which} recording");
        let id = match part {
            Part::Exchange(_) => "diff-command",
            Part::Unrequested(_) => "diff-unrequested",
            Part::Injected(_) | Part::Event(_) | Part::AnyRows(_) => "diff-event",
        };
        change.find(id, rows, &what);
        let lines = match part {
            Part::Exchange(exchange) => vec![&exchange.command, &exchange.status_line],
            _ => Vec::new(),
        };
        let unrequested = match part {
            Part::Unrequested(line) => Some(line),
            _ => None,
        };
        for line in lines.into_iter().flatten().chain(unrequested) {
            change.marks.push(shown(line).alone(is_new));
        }
        if let Part::Exchange(exchange) = part
            && let Some(data) = &exchange.data
        {
            change.hidden = data.lines;
        }
        change
    }

    fn exchange(
        &mut self,
        old: &Exchange,
        new: &Exchange,
        change: &mut Change,
    ) -> Result<(), Unreadable> {
        let level = self.options.level;
        if let (Some(old), Some(new)) = (&old.command, &new.command)
            && level == Level::Octets
            && octets_differ(old, new)
        {
            let rows = (Some(old.place.row), Some(new.place.row));
            change.find("diff-octets", rows, "the command is spelled differently");
            change.lines(Some(old), Some(new), self.options);
        }
        let is_any = |line: &Option<Line>| line.as_ref().is_some_and(Line::is_any_rows);
        if is_any(&old.status_line) || is_any(&new.status_line) {
            return Ok(());
        }
        self.sasl(old, new, change);
        // A line that begins with a hole matches the whole reply.
        let is_open = |line: &Option<Line>| {
            line.as_ref()
                .is_some_and(|line| line.head().is_empty() && !line.pieces.is_empty())
        };
        let is_open = is_open(&old.status_line) || is_open(&new.status_line);
        let is_same = self.status(old, new, is_open, change);
        // What the client sent does not depend on the reply.
        let is_reply =
            |data: &Option<Measures>| data.as_ref().is_none_or(|data| data.side == Side::Server);
        if (!is_same || is_open) && (is_reply(&old.data) || is_reply(&new.data)) {
            return Ok(());
        }
        let row = old.sent.as_ref().and_then(|sent| sent.command());
        let kind = row.map_or(DataKind::Lines, |row| row.data);
        match (&old.data, &new.data) {
            (Some(old), Some(new)) => self.data(old, new, kind, row, change),
            (None, None) => Ok(()),
            (old, new) => {
                let rows = (
                    old.as_ref().map(|data| data.first.row),
                    new.as_ref().map(|data| data.first.row),
                );
                change.find("diff-data", rows, "only one reply has data");
                Ok(())
            }
        }
    }

    /// Compares the status lines; returns false if comparing the data after them is useless.
    fn status(&self, old: &Exchange, new: &Exchange, is_open: bool, change: &mut Change) -> bool {
        let lines = (&old.status_line, &new.status_line);
        let row_of = |line: &Option<Line>| line.as_ref().map(|line| line.place.row);
        let rows = (
            row_of(lines.0).or(change.old),
            row_of(lines.1).or(change.new),
        );
        let found = |change: &mut Change, id, what: &str| {
            change.find(id, rows, what);
            change.lines(lines.0.as_ref(), lines.1.as_ref(), self.options);
        };
        if let ((Some(first), Some(second)), true) = ((lines.0, lines.1), is_open)
            && fits(&first.pieces, &second.pieces)
        {
            return true;
        }
        if old.status != new.status {
            let what = format!("{} became {}", said(old.status), said(new.status));
            found(change, "diff-status", &what);
            return false;
        }
        let (Some(first), Some(second)) = (lines.0, lines.1) else {
            return true;
        };
        let level = self.options.level;
        if level == Level::Octets {
            if octets_differ(first, second) {
                found(change, "diff-octets", "the status line differs");
            }
            return true;
        }
        if level >= Level::Fields && !fits(&first.pieces, &second.pieces) {
            let fields = self.fields(old);
            if let Some(field) = differing(&first.pieces, &second.pieces, fields, self.numbers) {
                found(change, "diff-field", &field);
                return true;
            }
            if old.status == Some(Status::Negative) && response_code(first) != response_code(second)
            {
                found(change, "diff-field", "the response code differs");
                return true;
            }
        }
        if level >= Level::Text && self.texts_differ(old.is_greeting, first, second, old) {
            found(change, "diff-text", "the text differs");
        }
        true
    }

    /// The fields in the status line of an exchange; a listing has them in its lines.
    fn fields(&self, exchange: &Exchange) -> &'static [&'static str] {
        let sent = exchange.sent.as_ref();
        let is_single = sent.is_some_and(|sent| sent.shape() == Shape::Single);
        match sent.and_then(|sent| sent.command()) {
            Some(row) if is_single && exchange.status == Some(Status::Positive) => row.fields,
            _ => &[],
        }
    }

    fn texts_differ(&self, is_greeting: bool, old: &Line, new: &Line, exchange: &Exchange) -> bool {
        let of = |line: &Line| {
            if is_greeting {
                without_stamp(&line.pieces)
            } else {
                line.pieces.clone()
            }
        };
        let mut first = of(old);
        if self.numbers.is_some()
            && self.fields(exchange).first() == Some(&"msg")
            && let [Piece::Octets(octets)] = first.as_slice()
        {
            first = vec![Piece::Octets(body::mapped_word(octets, 1, self.numbers))];
        }
        let is_kept = old.is_whole() && new.is_whole();
        !fits(&first, &of(new)) || (!is_kept && octets_differ(old, new))
    }

    fn sasl(&self, old: &Exchange, new: &Exchange, change: &mut Change) {
        let challenges = |exchange: &Exchange| {
            let lines = exchange.sasl.iter();
            lines.filter(|line| line.side == Side::Server).count() as u64 + exchange.sasl_beyond
        };
        // The first line that only one of them has, and what the other has in its place.
        let shared = old.sasl.len().min(new.sasl.len());
        let row_of = |exchange: &Exchange| {
            let line = exchange.sasl.get(shared);
            let line = line.or(exchange.status_line.as_ref());
            Some(line.map_or(exchange.place().row, |line| line.place.row))
        };
        let rows = (row_of(old), row_of(new));
        let level = self.options.level;
        if level >= Level::Fields && challenges(old) != challenges(new) {
            let what = format!("{} challenges became {}", challenges(old), challenges(new));
            change.find("diff-sasl", rows, &what);
        } else if level == Level::Octets && old.sasl.len() != new.sasl.len() {
            change.find(
                "diff-sasl",
                rows,
                "one SASL exchange is longer than the other",
            );
        }
        if level < Level::Octets {
            return;
        }
        for (old, new) in old.sasl.iter().zip(&new.sasl) {
            if octets_differ(old, new) {
                let rows = (Some(old.place.row), Some(new.place.row));
                change.find("diff-octets", rows, "a line of the SASL exchange differs");
                // A response is a secret.
                if old.side == Side::Server && new.side == Side::Server {
                    change.lines(Some(old), Some(new), self.options);
                }
            }
        }
    }

    fn lines_differ(&self, old: &Line, new: &Line) -> bool {
        match self.options.level {
            Level::Status | Level::Fields => false,
            Level::Text => !fits(&old.pieces, &new.pieces),
            Level::Octets => octets_differ(old, new),
        }
    }

    fn data(
        &mut self,
        old: &Measures,
        new: &Measures,
        kind: DataKind,
        row: Option<&'static Command>,
        change: &mut Change,
    ) -> Result<(), Unreadable> {
        let level = self.options.level;
        let ends = |end: Option<LineEnd>| match level {
            Level::Octets => end,
            _ => end.map(|_| LineEnd::Crlf),
        };
        if ends(old.terminator) != ends(new.terminator) {
            let rows = (
                old.terminator_row.or(Some(old.last_row)),
                new.terminator_row.or(Some(new.last_row)),
            );
            let what = match (old.terminator, new.terminator) {
                (_, None) => "the second reply has no terminator",
                (None, _) => "the first reply has no terminator",
                _ => "the terminator has a different line end",
            };
            change.find("diff-end", rows, what);
        }
        let is_equal = old.digest == new.digest && old.octets == new.octets;
        let is_free = kind == DataKind::Free && level < Level::Text;
        // With mapped numbers, listings that are identical octet for octet differ in meaning.
        let is_mapped = kind == DataKind::Listing && self.numbers.is_some();
        if level == Level::Status || is_free || (is_equal && !is_mapped) {
            return Ok(());
        }
        let kinds = DataView {
            kind,
            level,
            fields: row.map_or(&[], |row| row.fields),
            numbers: self.numbers,
        };
        body::compare(
            (&mut *self.old, old),
            (&mut *self.new, new),
            &kinds,
            self.options,
            change,
        )
    }
}

/// Whether the octets of two lines differ, apart from holes.
fn octets_differ(old: &Line, new: &Line) -> bool {
    let has_hole = |line: &Line| {
        line.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Hole(_)))
    };
    if old.digest == new.digest {
        return false;
    }
    let is_open = has_hole(old) || has_hole(new);
    !(is_open && old.end == new.end && fits(&old.pieces, &new.pieces))
}

/// A line for people. A secret stored in the file stays there, since a report may be shared.
fn shown(line: &Line) -> ShownLine {
    let pieces = match line.side {
        Side::Client => masked(&line.pieces),
        Side::Server => line.pieces.clone(),
    };
    ShownLine::new(line.place.row, line.side, &pieces, line.end)
}

/// A client's line with a hole instead of its secret argument.
fn masked(pieces: &[Piece]) -> Vec<Piece> {
    let [Piece::Octets(line)] = pieces else {
        return pieces.to_vec();
    };
    let secret = Command::of_line(line).and_then(|row| {
        let mut args = row.args.iter().zip(row.verb_words()..);
        args.find_map(|(arg, index)| match arg.kind {
            ArgumentKind::Secret(name) => Some((name, index)),
            _ => None,
        })
    });
    let Some((name, index)) = secret else {
        return pieces.to_vec();
    };
    let mut words = Words::of(line);
    match words.nth(index) {
        Some(word) => {
            let start = words.offset() - word.len();
            vec![
                Piece::Octets(line.get(..start).unwrap_or_default().to_vec()),
                Piece::Hole(Hole::Named(name.to_owned())),
            ]
        }
        None => pieces.to_vec(),
    }
}

fn name(part: &Part) -> String {
    let name = match part {
        Part::Exchange(exchange) => exchange.name(),
        Part::Unrequested(_) => "an unsolicited line".to_owned(),
        Part::Injected(_) => "octets before the TLS handshake".to_owned(),
        Part::Event(EventAt { kind, .. }) => match kind {
            EventKind::TlsStarted => "TLS started",
            EventKind::TlsFailed => "TLS failed",
            EventKind::TimedOut => "time-out",
            EventKind::NotConnected => "no connection",
            EventKind::Injected => "octets before the TLS handshake",
            EventKind::Connected => "connected",
            EventKind::Closed | EventKind::Lost => "closed",
            EventKind::Malformed => "a malformed secret",
            EventKind::Other => "event",
        }
        .to_owned(),
        Part::AnyRows(_) => "any rows".to_owned(),
    };
    let mut shown = String::new();
    escape::escape(name.as_bytes(), &mut shown);
    shown
}

fn said(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Positive) => "`+OK`",
        Some(Status::Negative) => "`-ERR`",
        Some(Status::Malformed) => "a line without `+OK` or `-ERR`",
        None => "no reply",
    }
}

/// Describes the first field that differs between two status lines. A field with a hole, and
/// everything after it, counts as equal.
fn differing(
    old: &[Piece],
    new: &[Piece],
    fields: &[&'static str],
    numbers: Option<&Numbers>,
) -> Option<String> {
    let (old, new) = (words(old), words(new));
    for (index, field) in fields.iter().enumerate() {
        let (old, new) = (old.get(index + 1), new.get(index + 1));
        let (Some(old), Some(new)) = (old, new) else {
            let which = if old.is_some() { "first" } else { "second" };
            let is_alone = old.is_some() != new.is_some();
            return is_alone.then(|| format!("only the {which} reply has `{field}`"));
        };
        let has_hole = |word: &[Piece]| word.iter().any(|piece| matches!(piece, Piece::Hole(_)));
        let changed = || format!("`{field}` was `{}`, is `{}`", short(old), short(new));
        if has_hole(old) || has_hole(new) {
            return (!fits(old, new)).then(changed);
        }
        let (old, new) = (Piece::named(old), Piece::named(new));
        let numbers = numbers.filter(|_| *field == "msg");
        if *Numbers::mapped(numbers, &old) != *new {
            return Some(changed());
        }
    }
    None
}

/// A word for a message, at most its first 80 octets.
fn short(word: &[Piece]) -> String {
    let word = Piece::named(word);
    let mut shown = String::new();
    escape::escape(word.get(..80).unwrap_or(&word), &mut shown);
    shown
}

fn words(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut words: Vec<Vec<Piece>> = Vec::new();
    let mut is_inside = false;
    let mut add = |piece: Piece, is_inside: bool| match words.last_mut() {
        Some(word) if is_inside => word.push(piece),
        _ => words.push(vec![piece]),
    };
    for piece in pieces {
        let Piece::Octets(octets) = piece else {
            add(piece.clone(), is_inside);
            is_inside = true;
            continue;
        };
        for (index, word) in octets.split(|octet| b" \t".contains(octet)).enumerate() {
            is_inside &= index == 0;
            if !word.is_empty() {
                add(Piece::Octets(word.to_vec()), is_inside);
                is_inside = true;
            }
        }
        is_inside &= !octets.ends_with(b" ") && !octets.ends_with(b"\t");
    }
    words
}

/// The response code of a `-ERR` line, in upper case (RFC 2449 §8).
fn response_code(line: &Line) -> Option<Vec<u8>> {
    let text = line.head();
    let word = Words::of(text).nth(1)?.strip_prefix(b"[")?;
    let length = word.iter().position(|octet| *octet == b']');
    word.get(..length.unwrap_or(word.len()))
        .map(<[u8]>::to_ascii_uppercase)
}

/// A greeting without its timestamp, which changes in each session (RFC 1939 §7).
fn without_stamp(pieces: &[Piece]) -> Vec<Piece> {
    let mut kept = pieces.to_vec();
    for piece in &mut kept {
        let Piece::Octets(octets) = piece else {
            continue;
        };
        let stamp = octets
            .iter()
            .position(|octet| *octet == b'<')
            .and_then(|start| {
                let length = octets.iter().skip(start).position(|octet| *octet == b'>')?;
                let range = start..start + length + 1;
                octets.get(range.clone())?.contains(&b'@').then_some(range)
            });
        if let Some(range) = stamp {
            octets.drain(range);
        }
    }
    kept
}
