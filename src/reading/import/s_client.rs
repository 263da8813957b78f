//! `openssl s_client`, of OpenSSL 0.9.8 to 3: its own lines, whole or cut down to a few as in
//! forums, and how it failed.

use super::lines::{TlsLog, host_port, numbered, text, text_after, without_cr, word};
use super::stamp;
use super::terminal::{self, Opening, Program, ProgramLine};
use super::{Imported, Options, Problem, Source};
use crate::transcript::event::{Event, Party};

/// Lines of s_client's own during a session, by their starts.
const OWN: &[&str] = &[
    "CONNECTED(",
    "Connecting to ",
    "depth=",
    "verify ",
    "Can't use SSL_get_servername",
    "DONE",
    "closed",
    "read:errno",
    "write:errno",
    "connect:errno",
    "RENEGOTIATING",
    "KEYUPDATE",
    "---",
    "SSL-Session:",
    "    Protocol  : ",
    "    Cipher    : ",
    "    Session-ID",
    "    Resumption PSK: ",
    "    Master-Key: ",
    "    PSK identity",
    "    SRP username: ",
    "    TLS session ticket",
    "    Start Time: ",
    "    Timeout   : ",
    "    Verify return code: ",
    "    Extended master secret: ",
    "    Max Early Data: ",
    "Post-Handshake New Session Ticket arrived:",
    "read R BLOCK",
    "Script started on",
    "Script done on",
    "$ ",
    "# ",
];

const SIGNS: &[&str] = &[
    "CONNECTED(",
    "CONNECTION ESTABLISHED",
    "depth=",
    "Can't use SSL_get_servername",
    "connect:errno=",
    "read:errno=",
    "write:errno=",
    "RENEGOTIATING",
    "Verify return code: ",
    "SSL handshake has read ",
    "New, TLSv1",
    "New, (NONE)",
];

const PROGRAM: Program = Program {
    name: "openssl s_client",
    is_own,
    news,
    took,
    glues: true,
};

pub(super) fn is_log(head: &[u8]) -> bool {
    let is_sign = |line: &[u8]| {
        let line = stamp::front(line).map_or(line, |(_, rest)| rest);
        let bare = line.trim_ascii();
        SIGNS.iter().any(|sign| bare.starts_with(sign.as_bytes()))
            || is_error(bare)
            || bare == b"DONE"
    };
    numbered(head).any(|(_, line)| is_sign(line))
}

/// `80FB...:error:0A00042E:SSL routines:...` or, of older ones, `140...:error:1408F10B:SSL
/// routines:...`.
fn is_error(line: &[u8]) -> bool {
    let id = line
        .split(|octet| *octet == b':')
        .next()
        .unwrap_or_default();
    let is_id = (3..=32).contains(&id.len()) && id.iter().all(u8::is_ascii_hexdigit);
    is_id
        && line
            .get(id.len()..)
            .is_some_and(|rest| rest.starts_with(b":error:"))
}

fn is_own(line: &[u8]) -> bool {
    let line = stamp::front(line).map_or(line, |(_, rest)| rest);
    let (line, _) = without_cr(line);
    is_error(line) || is_dump(line) || OWN.iter().any(|own| line.starts_with(own.as_bytes()))
}

/// A line of a session ticket: `    0010 - 55 ee 7c ...`.
fn is_dump(line: &[u8]) -> bool {
    let offset = line
        .strip_prefix(b"    ")
        .and_then(|rest| rest.split_at_checked(4));
    offset.is_some_and(|(offset, rest)| {
        offset.iter().all(u8::is_ascii_hexdigit) && rest.starts_with(b" - ")
    })
}

fn news(line: &[u8]) -> ProgramLine {
    if line.starts_with(b"closed") {
        ProgramLine::Over(Event::closed_by(Party::Server))
    } else if line.starts_with(b"read:errno=0") {
        // The server closed without a close_notify.
        ProgramLine::Over(Event::closed_by(Party::Server))
    } else if line.starts_with(b"read:errno") || line.starts_with(b"write:errno") {
        ProgramLine::Over(Event::lost(Some(text(line))))
    } else if line.starts_with(b"DONE") {
        ProgramLine::Over(Event::closed_by(Party::Client))
    } else if is_error(line) {
        ProgramLine::Prose
    } else {
        ProgramLine::Nothing
    }
}

/// Whether s_client took a typed line as its own command.
fn took(line: &[u8], next: &[u8]) -> bool {
    match line.first() {
        Some(b'Q') => next.starts_with(b"DONE"),
        Some(b'R') => next.starts_with(b"RENEGOTIATING"),
        Some(b'K' | b'k') => next.starts_with(b"KEYUPDATE"),
        _ => false,
    }
}

pub(super) fn import(source: &Source<'_>, options: &Options) -> Imported {
    let parts = terminal::parts(source.octets, "s_client", |line, _| {
        line.starts_with(b"CONNECTED(")
    });
    let one = |octets| {
        let (lines, has_session) = terminal::opening_lines(octets, &PROGRAM);
        let report = SClientReport::of(&lines);
        let is_failed = !has_session && report.failure.is_some();
        let opening = report.opening(is_failed);
        let part = Source { octets, ..*source };
        let made = terminal::import(&part, options, &PROGRAM, &opening, lines.len());
        (made, report)
    };
    let (mut all, mut report) = (Vec::new(), SClientReport::default());
    for part in parts {
        let (made, found) = one(part);
        all.extend(made);
        report = found;
    }
    if !all.is_empty() {
        return Ok(all);
    }
    let (what, hint) = if report.tls.version.is_some() {
        (
            "TLS was set up, but no line from a POP3 server follows",
            "let s_client wait for the greeting, and keep what it printed up to `closed`",
        )
    } else {
        (
            "no greeting from a POP3 server",
            "keep what s_client printed, from `CONNECTED` to `closed`",
        )
    };
    Err(Problem::new(source, None, what, hint))
}

#[derive(Debug, Default)]
struct SClientReport {
    server: Option<String>,
    address: Option<String>,
    is_connected: bool,
    is_starttls: bool,
    tls: TlsLog,
    failure: Option<Event>,
}

impl SClientReport {
    fn of(lines: &[&[u8]]) -> Self {
        let mut report = Self::default();
        for line in lines {
            report.line(line.trim_ascii());
        }
        // The target may be known later than the reason for the failure.
        if let Some(Event::NotReached(why)) = &mut report.failure {
            let place = report.server.as_deref().or(report.address.as_deref());
            *why = format!("{}: {why}", place.unwrap_or("the server"));
        }
        report
    }

    fn line(&mut self, line: &[u8]) {
        let after = |mark: &str| line.strip_prefix(mark.as_bytes());
        self.is_starttls |= text_after(line, "-starttls pop3").is_some();
        if let Some(server) = text_after(line, "-connect ")
            && self.server.is_none()
        {
            self.server = Some(word(server, b"\"'"));
        } else if let Some(address) = after("Connecting to ") {
            self.address = Some(word(address, b""));
        } else if line.starts_with(b"CONNECTED(") || line.starts_with(b"CONNECTION ESTABLISHED") {
            self.is_connected = true;
        } else if let Some(subject) = after("subject=").or_else(|| after("Peer certificate: ")) {
            self.tls.subject = text(subject);
        } else if let Some(new) = after("New, ").or_else(|| after("Reused, ")) {
            // OpenSSL 1.0 and 1.1 name here the version that brought the cipher, as `TLSv1/SSLv3`:
            // `Protocol` has the session's.
            let version = word(new, b",");
            let cipher = text_after(new, "Cipher is ").map(|rest| word(rest, b""));
            if cipher.as_deref() != Some("(NONE)") {
                self.tls.version.get_or_insert(version);
                self.tls.cipher = cipher.unwrap_or_default();
            }
        } else if let Some(version) =
            field(line, "Protocol").or_else(|| after("Protocol version: "))
        {
            // `Protocol  : TLSv1.2` is printed after a failed handshake, too.
            if self.tls.version.is_some() || self.failure.is_none() {
                self.tls.version = Some(text(version));
            }
        } else if let Some(cipher) = field(line, "Cipher").or_else(|| after("Ciphersuite: ")) {
            match text(cipher).as_str() {
                "0000" | "(NONE)" => self.tls.version = None,
                cipher => cipher.clone_into(&mut self.tls.cipher),
            }
        } else if let Some(code) = text_after(line, "Verify return code: ") {
            let code = text(code);
            let is_verified = code.starts_with("0 ");
            self.tls.doubt = Some(if is_verified { String::new() } else { code });
        } else if let Some(verdict) = after("Verification: ") {
            if verdict.starts_with(b"OK") {
                self.tls.doubt = Some(String::new());
            }
        } else if let Some(why) = after("Verification error: ").or_else(|| after("verify error:")) {
            self.tls.doubt.get_or_insert(text(why));
        } else if is_error(line) {
            self.error(line);
        } else if let Some(number) = after("connect:errno=") {
            if self.failure.is_none() {
                let why = format!("errno {}", word(number, b""));
                self.failure = Some(Event::NotReached(why));
            }
        } else if line.starts_with(b"write:errno") || line.starts_with(b"read:errno") {
            self.failure
                .get_or_insert_with(|| Event::lost(Some(text(line))));
        }
    }

    fn error(&mut self, line: &[u8]) {
        let line = text(line);
        // `ID:error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:...`, of which the function may be
        // empty.
        let fields: Vec<&str> = line.split(':').collect();
        let at = fields
            .iter()
            .position(|field| *field == "error")
            .unwrap_or_default();
        let field = |after: usize| fields.get(at + after).copied().unwrap_or_default();
        let (library, function, reason) = (field(2), field(3), field(4));
        if reason.is_empty() {
            return;
        }
        let is_system = library == "system library";
        let is_about_tcp = ["BIO", "lookup", "addrinfo"]
            .iter()
            .any(|word| function.contains(word) || library.contains(word));
        let failure = if is_system || is_about_tcp {
            Event::NotReached(reason.to_ascii_lowercase())
        } else {
            Event::TlsFailed(reason.to_owned())
        };
        self.failure.get_or_insert(failure);
    }

    fn opening(&self, is_failed: bool) -> Opening {
        let mut opening = Opening {
            is_failed,
            is_starttls: self.is_starttls,
            ..Opening::default()
        };
        opening
            .head
            .extend(self.server.clone().map(|server| ("server", server)));
        let place = match (&self.server, &self.address) {
            (Some(server), Some(address)) => server
                .rsplit_once(':')
                .map(|(_, port)| host_port(address, port)),
            (server, _) => server.clone(),
        };
        if let Some(place) = place.filter(|_| self.is_connected) {
            opening.events.push(Event::connected(place));
        }
        if is_failed {
            opening.events.extend(self.failure.clone());
            return opening;
        }
        let mut tls = TlsLog {
            version: self.tls.version.clone(),
            cipher: self.tls.cipher.clone(),
            subject: self.tls.subject.clone(),
            doubt: self.tls.doubt.clone(),
        };
        let event = tls.take_event();
        opening.events.push(event.unwrap_or(Event::TlsUnknown));
        opening
    }
}

/// What follows `name` and a colon, as in `    Protocol  : TLSv1.2`.
fn field<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name.as_bytes())?.trim_ascii_start();
    rest.strip_prefix(b":").map(<[u8]>::trim_ascii)
}
