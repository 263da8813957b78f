//! `curl --trace` and `--trace-ascii`: blocks of octets with their count, in hex or as text.

use super::curl_connections::Talks;
use super::lines::{numbered, without_cr};
use super::{ImportedTranscript, Options, Problem, Source, stamp};
use crate::pop3::tracker::{LineEnd, Side};

const PER_LINE: usize = 16;

/// The most octets of a block that count as a line of the talk.
const BLOCK_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block<'a> {
    Info(&'a [u8]),
    Said(Side, usize),
    /// Message data, which curl traces in part only, or what TLS sent.
    Other,
}

fn block(line: &[u8]) -> Option<(Option<u64>, Block<'_>)> {
    let (us, line) = match stamp::clock(line) {
        Some((us, rest)) => (Some(us), rest.strip_prefix(b" ")?),
        None => (None, line),
    };
    let count = |rest: &[u8]| {
        let digits = rest.split(|octet| *octet == b' ').next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let block = if let Some(info) = line.strip_prefix(b"== Info: ") {
        Block::Info(info)
    } else if let Some(rest) = line.strip_prefix(b"=> Send header, ") {
        Block::Said(Side::Client, count(rest)?)
    } else if let Some(rest) = line.strip_prefix(b"<= Recv header, ") {
        Block::Said(Side::Server, count(rest)?)
    } else if line.starts_with(b"=> Send ") || line.starts_with(b"<= Recv ") {
        Block::Other
    } else {
        return None;
    };
    Some((us, block))
}

/// How many lines of something else may come before a trace.
const BEFORE_MAX: usize = 200;

fn first(octets: &[u8]) -> Option<&[u8]> {
    let lines = numbered(octets).map(|(_, line)| without_cr(line).0);
    lines.take(BEFORE_MAX).find(|line| block(line).is_some())
}

pub(super) fn is_trace(octets: &[u8]) -> bool {
    first(octets).is_some()
}

/// The octets of a line of a dump: after `0040: `, in hex or as text.
fn dumped(line: &[u8], is_hex: bool) -> Option<Vec<u8>> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (offset, rest) = line.split_at(colon);
    let is_offset = (4..=8).contains(&colon) && offset.iter().all(u8::is_ascii_hexdigit);
    let rest = rest.strip_prefix(b": ").filter(|_| is_offset)?;
    Some(if is_hex { unhex(rest) } else { rest.to_vec() })
}

fn unhex(columns: &[u8]) -> Vec<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let pairs = columns
        .chunks(3)
        .take(PER_LINE)
        .map_while(|pair| match pair {
            [high, low, b' '] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        });
    pairs.collect()
}

/// Whether the dumps of a file are in hex: the first one has that form, and says as many octets as
/// it counts.
fn is_hex(octets: &[u8]) -> bool {
    let mut said = None;
    for (_, line) in numbered(octets) {
        match (block(line), said) {
            (Some((_, Block::Said(_, count))), _) => said = Some(count),
            (Some(_), _) => said = None,
            (None, Some(count)) => {
                let full = dumped(line, true).unwrap_or_default();
                return count > 0 && full.len() == count.min(PER_LINE);
            }
            (None, None) => {}
        }
    }
    false
}

pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let is_hex = is_hex(source.octets);
    let has_times = first(source.octets).is_some_and(|line| stamp::clock(line).is_some());
    let imported = match (is_hex, has_times) {
        (true, true) => "curl --trace; the date and message data are not in it",
        (true, false) => "curl --trace; times and message data are not in it",
        (false, true) => {
            "curl --trace-ascii; octets that are not ASCII are dots in it, the date and message data are not in it"
        }
        (false, false) => {
            "curl --trace-ascii; octets that are not ASCII are dots in it, times and message data are not in it"
        }
    };
    let mut talks = Talks::new(options, imported);
    let mut open: Option<(usize, Side, usize, Vec<u8>)> = None;
    for (number, line) in numbered(source.octets) {
        let (line, _) = without_cr(line);
        if let Some((us, block)) = block(line) {
            end(source, &mut talks, open.take(), is_hex)?;
            if let Some(us) = us {
                talks.at(us);
            }
            match block {
                Block::Info(info) => talks.info(info),
                Block::Said(side, count) => open = Some((number, side, count, Vec::new())),
                Block::Other => {}
            }
        } else if let Some((_, _, _, octets)) = &mut open
            && let Some(more) = dumped(line, is_hex)
            && octets.len() + more.len() <= BLOCK_MAX
        {
            octets.extend_from_slice(&more);
        }
    }
    end(source, &mut talks, open, is_hex)?;
    let hint = "record with `curl --trace-ascii FILE` or `curl --trace FILE`";
    talks
        .finish()
        .ok_or_else(|| Problem::new(source, None, "no `Send header` and `Recv header`", hint))
}

/// A block is complete: its count gives the line end that a text dump leaves out.
fn end(
    source: &Source<'_>,
    talks: &mut Talks<'_>,
    open: Option<(usize, Side, usize, Vec<u8>)>,
    is_hex: bool,
) -> Result<(), Problem> {
    let Some((number, side, count, mut octets)) = open else {
        return Ok(());
    };
    if is_hex && octets.len() == count {
        let end = match octets.as_slice() {
            [.., b'\r', b'\n'] => LineEnd::Crlf,
            [.., b'\n'] => LineEnd::Lf,
            _ => LineEnd::None,
        };
        octets.truncate(octets.len() - end.octets().len());
        talks.line(side, &octets, end);
        return Ok(());
    }
    let end = match count.checked_sub(octets.len()) {
        Some(2) => LineEnd::Crlf,
        Some(1) => LineEnd::Lf,
        Some(0) => LineEnd::None,
        _ => {
            let what = format!("{} octets where {count} were announced", octets.len());
            let hint = "the trace was cut or changed: remove that block";
            return Err(Problem::new(source, Some(number), &what, hint));
        }
    };
    talks.line(side, &octets, end);
    Ok(())
}
