//! `curl -v`: `> ` and `< ` lines. Message data goes to standard output, and is not among them.
//! Traces are in `dump`.

use super::curl_connections::Talks;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::dump;
use super::lines::{numbered, wire_line, without_cr};
use super::{Imported, Options, Problem, Source};
use crate::pop3::tracker::Side;

pub(super) fn is_log(head: &[u8]) -> bool {
    dump::is_trace(head)
        || numbered(head).any(|(_, line)| {
            line.starts_with(b"* Connected to ") || line.starts_with(b"*   Trying ")
        })
}

pub(super) fn import(source: &Source<'_>, options: &Options) -> Imported {
    if dump::is_trace(source.octets) {
        return dump::import(source, options);
    }
    let has_cr =
        numbered(source.octets).any(|(_, line)| line.starts_with(b"< ") && line.ends_with(b"\r"));
    let imported = if has_cr {
        "curl -v; times and message data are not in it"
    } else {
        "curl -v; line ends, times and message data are not in it"
    };
    let mut talks = Talks::new(options, imported);
    for (_, line) in numbered(source.octets) {
        let line = without_meter(line);
        if let Some(said) = said(line, b'>') {
            let (said, end) = wire_line(said, has_cr);
            talks.line(Side::Client, said, end);
        } else if let Some(said) = said(line, b'<') {
            let (said, end) = wire_line(said, has_cr);
            talks.line(Side::Server, said, end);
        } else if let Some(info) = line.strip_prefix(b"* ") {
            talks.info(info);
        }
        // The rest is message data without its stuffing, or what TLS sent: not octets as on the
        // wire.
    }
    let hint = "record with `curl -v ... 2>FILE`, or with --trace-ascii FILE";
    talks
        .finish()
        .ok_or_else(|| Problem::new(source, None, "no `> ` and `< ` lines", hint))
}

/// A row of the progress meter: percentages and octets (three times), two speeds, three times of
/// day, the speed now.
static METER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let (share, size) = (r" *\d+ +", r"[\d.]+[kMGTP]? +");
    let sizes = format!("(?:{share}{size}){{3}}{size}{size}");
    Regex::new(&format!(r"(?-u)^{sizes}(?:[-\d:dh]+ +){{3}}[\d.]+[kMGTP]?")).ok()
});

/// A line without what the progress meter wrote in front of it: it ends its rows with CR, not with
/// LF.
fn without_meter(line: &[u8]) -> &[u8] {
    let (bare, _) = without_cr(line);
    let at = bare.iter().rposition(|octet| *octet == b'\r');
    let rest = line.get(at.map_or(0, |at| at + 1)..).unwrap_or(line);
    // Only a row of the meter comes before a CR inside a line that curl itself wrote.
    let Some(row) = METER.as_ref().and_then(|meter| meter.find(rest)) else {
        return line;
    };
    rest.get(row.end()..).unwrap_or_default()
}

fn said(line: &[u8], mark: u8) -> Option<&[u8]> {
    match line {
        [first, b' ', said @ ..] if *first == mark => Some(said),
        [first] if *first == mark => Some(b""),
        _ => None,
    }
}
