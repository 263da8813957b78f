//! Items to lines of a file. Each content has exactly one printed form.

use crate::base::escape;
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::{Item, Piece, Row, Transcript};

/// Prints a whole transcript.
#[must_use]
pub fn print(transcript: &Transcript) -> String {
    let mut out = Vec::new();
    for item in &transcript.items {
        print_item(&mut out, item);
    }
    // Only UTF-8 is written; a bug here must not lose the file.
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends one item and a line end.
pub fn print_item(out: &mut Vec<u8>, item: &Item) {
    match item {
        Item::Row(row) => return print_row(out, row),
        Item::Head { name, text } => out.extend_from_slice(format!("{name}: {text}").as_bytes()),
        Item::Event(text) => out.extend_from_slice(format!("* {text}").as_bytes()),
        Item::Prose(text) => out.extend_from_slice(format!("#{text}").as_bytes()),
        Item::Blank => {}
        Item::Unknown(line) => out.extend_from_slice(line.as_bytes()),
    }
    out.push(b'\n');
}

/// Appends a row.
pub fn print_row(out: &mut Vec<u8>, row: &Row) {
    let is_empty = row.pieces.is_empty() && row.end == LineEnd::Crlf;
    let text = start(out, row.side, row.after_ms, is_empty);
    for (index, piece) in row.pieces.iter().enumerate() {
        match piece {
            Piece::Octets(octets) => {
                let next_is_hole = matches!(row.pieces.get(index + 1), Some(Piece::Hole(_)));
                escape_before(out, octets, next_is_hole);
            }
            Piece::Hole(hole) => {
                out.extend_from_slice(b"{{");
                out.extend_from_slice(hole.name().as_bytes());
                out.extend_from_slice(b"}}");
            }
        }
    }
    finish(out, text, row.end);
}

/// Appends a row that is one run of octets: the quick way for the data of a message.
pub fn print_octets(out: &mut Vec<u8>, side: Side, after_ms: u64, octets: &[u8], end: LineEnd) {
    let text = start(
        out,
        side,
        after_ms,
        octets.is_empty() && end == LineEnd::Crlf,
    );
    escape_before(out, octets, false);
    finish(out, text, end);
}

pub(crate) fn escape(out: &mut Vec<u8>, octets: &[u8]) {
    escape_before(out, octets, false);
}

/// Starts a row and returns the offset of its text.
fn start(out: &mut Vec<u8>, side: Side, after_ms: u64, is_empty: bool) -> usize {
    out.push(match side {
        Side::Client => b'C',
        Side::Server => b'S',
    });
    if after_ms > 0 {
        out.extend_from_slice(format!("@{after_ms}").as_bytes());
    }
    out.extend_from_slice(if is_empty { b":" } else { b": " });
    out.len()
}

fn finish(out: &mut Vec<u8>, text: usize, end: LineEnd) {
    match end {
        // Too many editors lose a blank at the end of a line.
        LineEnd::Crlf if out.len() > text && out.ends_with(b" ") => {
            out.pop();
            out.extend_from_slice(b"\\s");
        }
        LineEnd::Crlf => {}
        LineEnd::Lf => out.extend_from_slice(b"\\n"),
        LineEnd::None => out.extend_from_slice(b"\\-"),
    }
    out.push(b'\n');
}

fn escape_before(out: &mut Vec<u8>, octets: &[u8], next_is_hole: bool) {
    if is_plain(octets) {
        out.extend_from_slice(octets);
        return;
    }
    let mut chunks = octets.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            let at_end = chars.peek().is_none() && chunk.invalid().is_empty();
            let before_hole = next_is_hole && at_end && chunks.peek().is_none();
            match c {
                '\\' => out.extend_from_slice(b"\\\\"),
                '{' if before_hole || chars.peek() == Some(&'{') => out.extend_from_slice(b"\\{"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\0' => out.extend_from_slice(b"\\0"),
                c if c.is_control() => {
                    for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                        hex(out, octet);
                    }
                }
                c if is_invisible(c) => {
                    out.extend_from_slice(format!("\\u{{{:04X}}}", u32::from(c)).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for octet in chunk.invalid() {
            hex(out, *octet);
        }
    }
}

/// Whether octets are in the file as they are. Written so that the compiler makes vector code of
/// it.
fn is_plain(octets: &[u8]) -> bool {
    let mut odd = false;
    for octet in octets {
        odd |= !(0x20..=0x7e).contains(octet) | (*octet == b'\\') | (*octet == b'{');
    }
    !odd
}

fn hex(out: &mut Vec<u8>, octet: u8) {
    out.extend_from_slice(format!("\\x{octet:02x}").as_bytes());
}

/// Characters that are invisible or change how others are shown: unescaped, they could deceive a
/// reader.
fn is_invisible(c: char) -> bool {
    let selects_a_variant = matches!(c, '\u{180b}'..='\u{180f}' | '\u{e0100}'..='\u{e01ef}');
    escape::is_hidden(c) || selects_a_variant
}
