//! The lines of a log, and what is in them.

use core::net::IpAddr;

use crate::pop3::tracker::LineEnd;
use crate::transcript::event::{Event, Trust};

/// The lines of a file with their numbers, without LF. A CR stays.
pub(super) fn numbered(octets: &[u8]) -> impl Iterator<Item = (usize, &[u8])> + Clone {
    let lines = octets.split_inclusive(|octet| *octet == b'\n');
    (1..).zip(lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)))
}

/// A line without the CRs at its end, and how many these were.
pub(super) fn without_cr(line: &[u8]) -> (&[u8], usize) {
    let end = line
        .iter()
        .rposition(|octet| *octet != b'\r')
        .map_or(0, |at| at + 1);
    let (line, crs) = line.split_at(end);
    (line, crs.len())
}

/// How a line ended on the wire, as far as the log shows it: `is_known` where the log keeps the CR.
pub(super) fn wire_line(line: &[u8], is_known: bool) -> (&[u8], LineEnd) {
    match line.strip_suffix(b"\r") {
        Some(line) => (line, LineEnd::Crlf),
        None if is_known => (line, LineEnd::Lf),
        None => (line, LineEnd::Crlf),
    }
}

pub(super) fn is_status(line: &[u8]) -> bool {
    line.starts_with(b"+OK") || line.starts_with(b"-ERR")
}

/// What follows `mark` in a line, as text.
pub(super) fn text_after<'a>(line: &'a [u8], mark: &str) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(line, mark.as_bytes())?;
    line.get(at + mark.len()..)
}

pub(super) fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).trim().to_owned()
}

/// The start of a line up to a blank or one of `ends`.
pub(super) fn word(octets: &[u8], ends: &[u8]) -> String {
    let end = octets
        .iter()
        .position(|octet| octet.is_ascii_whitespace() || ends.contains(octet));
    text(
        octets
            .get(..end.unwrap_or(octets.len()))
            .unwrap_or_default(),
    )
}

pub(super) fn host_port(host: &str, port: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(_)) => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// What a log says about TLS, until all of it is there.
#[derive(Debug, Default)]
pub(super) struct TlsLog {
    pub(super) version: Option<String>,
    pub(super) cipher: String,
    pub(super) subject: String,
    /// Empty when the certificate was verified; None when the log does not say.
    pub(super) doubt: Option<String>,
}

impl TlsLog {
    /// The event, once; None if the log mentions no TLS.
    pub(super) fn take_event(&mut self) -> Option<Event> {
        let tls = std::mem::take(self);
        let trust = match tls.doubt {
            None => Trust::Unknown,
            Some(why) if why.is_empty() => Trust::Verified,
            Some(why) => Trust::Unverified(why),
        };
        Some(Event::TlsStarted {
            version: tls.version?,
            cipher: tls.cipher,
            trust: Some(trust),
            subject: tls.subject.trim_end().to_owned(),
        })
    }
}
