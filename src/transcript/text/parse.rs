//! Lines of a file to items, one at a time, with errors that say where.

use std::io::BufRead;

use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::{Hole, Item, Piece, Row, Transcript};

/// The most octets of a line of a file. We write at most 64 KiB of the wire a line, four octets for
/// one at the worst.
pub(crate) const LINE_LIMIT: usize = 1 << 20;

const RUN_ROWS: usize = 1024;

/// Parses a whole file that is in memory.
///
/// Errors: the first line that breaks the format.
pub fn parse(text: &[u8]) -> Result<Transcript, ParseError> {
    let items = Reader::new(text).collect::<Result<_, _>>()?;
    Ok(Transcript { items })
}

/// Reads items one by one, in constant memory.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    row: usize,
    offset: u64,
    in_head: bool,
    is_transcript: bool,
    has_failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            row: 0,
            offset: 0,
            in_head: true,
            is_transcript: false,
            has_failed: false,
        }
    }

    /// Reads on from the line `row`, which starts at `offset` and follows the head.
    pub fn resume(input: R, row: usize, offset: u64) -> Self {
        Self {
            row: row.saturating_sub(1),
            offset,
            in_head: false,
            ..Self::new(input)
        }
    }

    /// The number of the last line read, from 1.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// Whether a line that was read shows that this is a transcript, and not any text file.
    pub(crate) fn is_transcript(&self) -> bool {
        self.is_transcript
    }

    /// The octets of the file before the line that comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next item into `item`, whose memory is used again; false at the end, and after an
    /// error.
    ///
    /// Errors: the line breaks the format, or can't be read.
    pub fn read_into(&mut self, item: &mut Item) -> Result<bool, ParseError> {
        if self.has_failed {
            return Ok(false);
        }
        let spare = std::mem::replace(item, Item::Blank);
        let read = self.read(spare);
        self.has_failed = read.is_err();
        Ok(read?.map(|next| *item = next).is_some())
    }

    /// Takes the rows that come next as long as each is a plain line of the server that begins
    /// neither with a dot nor with a status indicator, which may end a reply; appends their octets,
    /// line ends included, and returns how many there were. It takes only what is buffered, and
    /// stops before anything else.
    pub(crate) fn read_run(&mut self, octets: &mut Vec<u8>) -> usize {
        let Ok(buffer) = self.input.fill_buf() else {
            return 0; // reading the next item gives the reason
        };
        let (before, mut rows, mut used) = (octets.len(), 0, 0);
        let mut rest = buffer;
        while let Some(lf) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(lf);
            let [b'S', b':', b' ', text @ ..] = line else {
                break;
            };
            let is_status = text.starts_with(b"+OK") || text.starts_with(b"-ERR");
            let is_other = is_status || matches!(text, [] | [b'.', ..] | [.., b'\r']);
            if is_other || memchr::memchr2(b'\\', b'{', text).is_some() || rows == RUN_ROWS {
                break;
            }
            octets.extend_from_slice(text);
            octets.extend_from_slice(b"\r\n");
            rest = after.get(1..).unwrap_or_default();
            used += lf + 1;
            rows += 1;
        }
        if std::str::from_utf8(octets.get(before..).unwrap_or_default()).is_err() {
            octets.truncate(before);
            return 0;
        }
        self.input.consume(used);
        self.row += rows;
        self.offset += used as u64;
        self.in_head &= rows == 0;
        self.is_transcript |= rows > 0;
        rows
    }

    /// Reads the next item; `spare` is one that is no longer needed.
    fn read(&mut self, spare: Item) -> Result<Option<Item>, ParseError> {
        self.line.clear();
        let mut window = std::io::Read::take(&mut self.input, LINE_LIMIT as u64 + 1);
        if let Err(error) = window.read_until(b'\n', &mut self.line) {
            return Err(self.error(LineProblem::Io(error.to_string()), 0, 0));
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        self.row += 1;
        self.offset += self.line.len() as u64;
        if self.line.len() > LINE_LIMIT {
            return Err(self.error(LineProblem::LineTooLong, 0, 0));
        }
        // A file that went through an editor of another system has CR LF.
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_whole = self.line.ends_with(b"\n");
        if let Some((side, text)) = plain_row(line).filter(|_| is_whole) {
            self.in_head = false;
            self.is_transcript = true;
            return Ok(Some(Item::Row(Row {
                side,
                after_ms: 0,
                pieces: again(spare, text),
                end: LineEnd::Crlf,
            })));
        }
        let parse = |line: &[u8]| match std::str::from_utf8(line) {
            // A CR that we write is an escape; one that is here belongs to the line end.
            Ok(line) => item(line.trim_end_matches('\r'), self.row, self.in_head),
            Err(error) => Err((LineProblem::NotUtf8, error.valid_up_to(), 1)),
        };
        let item = match parse(line) {
            Err((_, at, _)) if !is_whole && is_cut(line.get(at..).unwrap_or_default()) => {
                parse(line.get(..at).unwrap_or_default()).map(Item::cut)
            }
            item => item,
        };
        let item = item.map_err(|(problem, at, width)| self.error(problem, at, width))?;
        self.is_transcript |= item.is_proof();
        self.in_head &= matches!(item, Item::Head { .. } | Item::Prose(_) | Item::Unknown(_));
        Ok(Some(item))
    }

    fn error(&self, problem: LineProblem, at: usize, width: usize) -> ParseError {
        let end = self.line.len().min(at.saturating_add(200));
        let line = self.line.get(..end).unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end().replace(char::is_control, "\u{fffd}");
        let marked = |place: usize| (at..at.saturating_add(width)).contains(&place);
        let line = masked(&line, marked);
        let before = self.line.get(..at).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        ParseError {
            row: self.row,
            column,
            width,
            line,
            problem,
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Item, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let item = self.read(Item::Blank).transpose();
        self.has_failed = matches!(item, Some(Err(_)));
        item
    }
}

/// Masks the arguments of a client row, where a recording from elsewhere may have a password: all
/// but the keyword, which has three or four letters (RFC 1939 §3), and the octets that `is_shown`
/// names.
fn masked(line: &str, is_shown: impl Fn(usize) -> bool) -> String {
    let Some((mark, text)) = line.split_once(": ").filter(|_| line.starts_with('C')) else {
        return line.to_owned();
    };
    let word = text.split(' ').next().unwrap_or_default();
    let is_keyword = word.len() <= 4 && word.bytes().all(|octet| octet.is_ascii_alphabetic());
    let start = mark.len() + 2 + if is_keyword { word.len() } else { 0 };
    let mask = |(at, c): (usize, char)| {
        let is_open = at < start || c == ' ' || is_shown(at);
        if is_open { c } else { '\u{2022}' }
    };
    line.char_indices().map(mask).collect()
}

/// A line that breaks the format. Shown, it names the row and marks the place; the file's name is
/// the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\n{row:>4} | {line}\n     | {:>column$}{}{}", "^", "^".repeat(width.saturating_sub(1)), problem.hint())]
pub struct ParseError {
    /// The number of the line, from 1.
    pub row: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are wrong.
    pub(crate) width: usize,
    /// The line, at most 200 octets after the wrong place, control characters replaced.
    pub(crate) line: String,
    pub(crate) problem: LineProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineProblem {
    #[error("unknown version of the format")]
    Version,
    #[error("unknown escape `{0}`")]
    UnknownEscape(String),
    /// `\n` or `\-` with something after it.
    #[error("`{0}` may appear only at the end of a row")]
    NotLast(String),
    /// `{{` without a name and `}}`.
    #[error("`{{{{` opens a hole, but no name and `}}}}` follow it")]
    BadHole,
    #[error("invalid UTF-8")]
    NotUtf8,
    #[error("a line of more than {LINE_LIMIT} octets")]
    LineTooLong,
    #[error("{0}")]
    Io(String),
}

impl LineProblem {
    fn hint(&self) -> &'static str {
        match self {
            Self::Version => "\nhint: a newer poptalk may be able to read it",
            Self::UnknownEscape(_) => "\nhint: write a backslash as `\\\\`",
            Self::NotLast(_) => "\nhint: write a line feed inside a row as `\\x0a`",
            Self::BadHole => "\nhint: write two braces as `\\{{`, a hole as `{{password}}`",
            Self::NotUtf8 => "\nhint: write the octet as `\\xHH`",
            Self::LineTooLong => "\nhint: split it into rows that end in `\\-`",
            Self::Io(_) => "",
        }
    }
}

/// The side and text of a row without time, escapes and holes: nearly every row of a message is
/// one.
fn plain_row(line: &[u8]) -> Option<(Side, &[u8])> {
    let (side, text) = match line {
        [b'S', b':', b' ', text @ ..] => (Side::Server, text),
        [b'C', b':', b' ', text @ ..] => (Side::Client, text),
        _ => return None,
    };
    let is_plain =
        memchr::memchr2(b'\\', b'{', text).is_none() && std::str::from_utf8(text).is_ok();
    (is_plain && !text.is_empty() && !text.ends_with(b"\r")).then_some((side, text))
}

/// The pieces of a row of plain text, in the memory of an item that is no longer needed.
fn again(spare: Item, text: &[u8]) -> Vec<Piece> {
    let Item::Row(Row { mut pieces, .. }) = spare else {
        return vec![Piece::Octets(text.to_vec())];
    };
    pieces.truncate(1);
    match pieces.first_mut() {
        Some(Piece::Octets(octets)) => {
            octets.clear();
            octets.extend_from_slice(text);
        }
        _ => pieces = vec![Piece::Octets(text.to_vec())],
    }
    pieces
}

type At<T> = Result<T, (LineProblem, usize, usize)>;

fn item(line: &str, row: usize, in_head: bool) -> At<Item> {
    if line.is_empty() {
        return Ok(Item::Blank);
    }
    if let Some(prose) = line.strip_prefix('#') {
        let version = prose.strip_prefix("!pop3 ").filter(|_| row == 1);
        let is_other = version.is_some_and(|version| !matches!(version, "" | "1"));
        return if is_other {
            Err((LineProblem::Version, 7, prose.len().saturating_sub(6)))
        } else {
            Ok(Item::Prose(prose.to_owned()))
        };
    }
    if let Some(event) = line.strip_prefix("* ") {
        return Ok(Item::Event(event.to_owned()));
    }
    if let Some((side, after_ms, at)) = mark(line) {
        let (pieces, end) = pieces(line, at)?;
        let row = match pieces.len() {
            0 | 1 => Row {
                side,
                after_ms,
                pieces,
                end,
            },
            _ => Row::new(side, after_ms, pieces, end),
        };
        return Ok(Item::Row(row));
    }
    if let Some((name, text)) = line.split_once(": ").filter(|_| in_head)
        && name.len() >= 2
        && name.bytes().all(|octet| octet.is_ascii_lowercase())
    {
        return Ok(Item::Head {
            name: name.to_owned(),
            text: text.to_owned(),
        });
    }
    Ok(Item::Unknown(line.to_owned()))
}

/// Whether the end of a file, from where it can't be read, is the start of something that can: the
/// writer was killed there.
fn is_cut(rest: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match rest {
        b"\\" | b"\\x" | b"\\u" => true,
        [b'\\', b'x', digit] => digit.is_ascii_hexdigit(),
        [b'\\', b'u', b'{', digits @ ..] => digits.len() <= 6 && is_hex(digits),
        [b'{', b'{', name @ ..] => !name.contains(&b'}') || name.ends_with(b"}"),
        // Not UTF-8: a character of up to four octets that was cut.
        [first, ..] => !first.is_ascii() && rest.len() < 4,
        [] => false,
    }
}

/// The side and time at the start of a row, and the octet offset at which its text starts.
fn mark(line: &str) -> Option<(Side, u64, usize)> {
    let (mark, text) = line.split_once(':')?;
    let mut chars = mark.chars();
    let side = match chars.next()? {
        'C' => Side::Client,
        'S' => Side::Server,
        _ => return None,
    };
    let time = chars.as_str();
    let after_ms = match time.strip_prefix('@') {
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            digits.parse().ok()?
        }
        Some(_) => return None,
        None if time.is_empty() => 0,
        None => return None,
    };
    let gap = match text.bytes().next() {
        None => 0,
        Some(b' ') => 1,
        Some(_) => return None,
    };
    Some((side, after_ms, mark.len() + 1 + gap))
}

fn pieces(line: &str, mut at: usize) -> At<(Vec<Piece>, LineEnd)> {
    let text = line.get(at..).unwrap_or_default();
    if memchr::memchr2(b'\\', b'{', text.as_bytes()).is_none() {
        // Nearly every row of a message: plain text.
        let plain = (!text.is_empty()).then(|| Piece::Octets(text.as_bytes().to_vec()));
        return Ok((plain.into_iter().collect(), LineEnd::Crlf));
    }
    let mut pieces = Vec::new();
    let mut octets = Vec::new();
    let mut end = LineEnd::Crlf;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let special = rest.find(['\\', '{']).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(special);
        octets.extend_from_slice(plain.as_bytes());
        at += special;
        if let Some(hole) = tail.strip_prefix("{{") {
            let (hole, width) = hole
                .split_once("}}")
                .and_then(|(name, _)| Some((Hole::called(name)?, name.len() + 4)))
                .ok_or((LineProblem::BadHole, at, 2))?;
            pieces.push(Piece::Octets(std::mem::take(&mut octets)));
            pieces.push(Piece::Hole(hole));
            at += width;
        } else if tail.starts_with('{') {
            octets.push(b'{');
            at += 1;
        } else if let Some(code) = tail.strip_prefix('\\') {
            let (width, line_end) = unescape(code, &mut octets, at)?;
            at += 1 + width;
            if line_end != LineEnd::Crlf {
                if at < line.len() {
                    let escape = tail.chars().take(2).collect();
                    return Err((LineProblem::NotLast(escape), at - 2, 2));
                }
                end = line_end;
            }
        }
    }
    if !octets.is_empty() {
        pieces.push(Piece::Octets(octets));
    }
    Ok((pieces, end))
}

/// Reads what follows a backslash; returns its width in octets and the line end that it means.
fn unescape(code: &str, octets: &mut Vec<u8>, at: usize) -> At<(usize, LineEnd)> {
    let bad = |width: usize| {
        let shown: String = code.chars().take(width).collect();
        let shown = shown.replace(char::is_control, "\u{fffd}");
        (
            LineProblem::UnknownEscape(format!("\\{shown}")),
            at,
            1 + shown.chars().count(),
        )
    };
    let plain = match code.bytes().next() {
        Some(b'n') => return Ok((1, LineEnd::Lf)),
        Some(b'-') => return Ok((1, LineEnd::None)),
        Some(b'x') => {
            let digits = code.get(1..3).ok_or_else(|| bad(3))?;
            let octet = u8::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.starts_with('+'))
                .ok_or_else(|| bad(3))?;
            octets.push(octet);
            return Ok((3, LineEnd::Crlf));
        }
        Some(b'u') => {
            let digits = code.get(1..).and_then(|code| code.strip_prefix('{'));
            let (digits, _) = digits
                .and_then(|code| code.split_once('}'))
                .ok_or_else(|| bad(1))?;
            let c = u32::from_str_radix(digits, 16)
                .ok()
                .filter(|_| digits.len() <= 6 && !digits.starts_with('+'))
                .and_then(char::from_u32)
                .ok_or_else(|| bad(digits.len() + 3))?;
            octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok((digits.len() + 3, LineEnd::Crlf));
        }
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b's') => b' ',
        Some(b'0') => b'\0',
        Some(octet @ (b'\\' | b'{')) => octet,
        _ => return Err(bad(1)),
    };
    octets.push(plain);
    Ok((1, LineEnd::Crlf))
}
