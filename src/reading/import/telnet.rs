//! Sessions copied from a terminal in which TLS is not s_client's: telnet's, gnutls-cli's, and
//! those of which only the session itself is left.

use super::lines::{TlsLog, host_port, is_status, numbered, text, text_after, word};
use super::stamp;
use super::terminal::{self, Opening, Program, ProgramLine};
use super::words::PhraseMeaning;
use super::{Imported, ImportedTranscript, Options, Problem, Source};
use crate::pop3::command::Command;
use crate::transcript::event::{Event, Party};

const TELNET: Program = Program {
    name: "telnet",
    is_own: is_telnet,
    news: telnet_news,
    took: |_, _| false,
    glues: false,
};

const GNUTLS: Program = Program {
    name: "gnutls-cli",
    is_own: is_gnutls,
    news: gnutls_news,
    took: |_, _| false,
    glues: false,
};

const TERMINAL: Program = Program {
    name: "a copy of a terminal",
    ..TELNET
};

fn starts(line: &[u8], starts: &[&str]) -> bool {
    let line = untimed(line);
    starts
        .iter()
        .any(|start| line.starts_with(start.as_bytes()))
}

fn is_shell(line: &[u8]) -> bool {
    starts(line, &["Script started on", "Script done on", "$ ", "# "])
}

fn is_telnet(line: &[u8]) -> bool {
    is_shell(line) || said(line).is_some()
}

fn said(line: &[u8]) -> Option<PhraseMeaning> {
    PhraseMeaning::of(untimed(line))
}

fn untimed(line: &[u8]) -> &[u8] {
    stamp::front(line).map_or(line, |(_, rest)| rest)
}

fn telnet_news(line: &[u8]) -> ProgramLine {
    match said(line) {
        Some(PhraseMeaning::Lost) => ProgramLine::Over(Event::closed_by(Party::Server)),
        Some(PhraseMeaning::Left) => ProgramLine::Over(Event::closed_by(Party::Client)),
        _ => ProgramLine::Nothing,
    }
}

fn is_gnutls(line: &[u8]) -> bool {
    is_shell(line)
        || starts(
            line,
            &[
                "- Peer has closed",
                "*** ",
                "|<",
                "- Status: ",
                "- Description: ",
                "- Handshake was",
            ],
        )
}

fn gnutls_news(line: &[u8]) -> ProgramLine {
    if line.starts_with(b"- Peer has closed") {
        ProgramLine::Over(Event::closed_by(Party::Server))
    } else if let Some(why) = line.strip_prefix(b"*** Fatal error: ") {
        ProgramLine::Over(Event::lost(Some(text(why))))
    } else if line.starts_with(b"*** ") {
        ProgramLine::Prose
    } else {
        ProgramLine::Nothing
    }
}

fn has(head: &[u8], signs: &[&str]) -> bool {
    numbered(head).any(|(_, line)| starts(line, signs))
}

pub(super) fn is_telnet_log(head: &[u8]) -> bool {
    let (mut is_trying, mut is_connected) = (false, false);
    numbered(head).any(|(_, line)| {
        match said(line) {
            Some(
                PhraseMeaning::Escape | PhraseMeaning::Wrong(_) | PhraseMeaning::Refused { .. },
            ) => return true,
            Some(PhraseMeaning::Lost) => return !line.starts_with(b"Ncat"),
            // Windows tries a host by its name, and says nothing more.
            Some(PhraseMeaning::Trying(to)) => {
                is_trying |= to.ends_with("...") || !to.contains(' ')
            }
            Some(PhraseMeaning::Connected(_)) => is_connected = true,
            Some(PhraseMeaning::Left | PhraseMeaning::Prompt) | None => {}
        }
        is_trying && (is_connected || is_status(line))
    })
}

pub(super) fn is_gnutls_log(head: &[u8]) -> bool {
    has(
        head,
        &[
            "- Simple Client Mode:",
            "- Peer has closed the GnuTLS connection",
            "*** Starting TLS handshake",
            "- Handshake was completed",
        ],
    ) || (has(head, &["Resolving '"]) && has(head, &["Connecting to '"]))
}

/// Whether a text has a status line at the start of a line, and a command or another status line.
pub(super) fn is_session(head: &[u8]) -> bool {
    let mut lines = numbered(head).map(|(_, whole)| untimed(whole));
    lines.any(is_status)
        && lines.any(|line| is_status(line) || Command::of_line(line.trim_ascii_end()).is_some())
}

pub(super) fn telnet(source: &Source<'_>, options: &Options) -> Imported {
    sessions(source, options, &TELNET)
}

/// A session with nothing around it, or with the lines of nc.
pub(super) fn copy(source: &Source<'_>, options: &Options) -> Imported {
    sessions(source, options, &TERMINAL)
}

/// Lines after that of a connection in which its session must begin, so that it is not a line of a
/// message.
const OPENING_MAX: usize = 8;

fn sessions(source: &Source<'_>, options: &Options, program: &Program) -> Imported {
    let parts = terminal::parts(source.octets, "telnet ", |line, rest| {
        let is_start = matches!(
            said(line),
            Some(PhraseMeaning::Trying(_) | PhraseMeaning::Connected(_))
        );
        let mut ahead = numbered(rest).take(OPENING_MAX).map(|(_, line)| line);
        is_start
            && ahead.any(|line| {
                terminal::begins(line)
                    || matches!(
                        said(line),
                        Some(PhraseMeaning::Lost | PhraseMeaning::Wrong(_))
                    )
            })
    });
    all(source, parts, |part| {
        let (lines, has_session) = terminal::opening_lines(part.octets, program);
        let opening = telnet_opening(&lines, has_session);
        terminal::import(part, options, program, &opening, lines.len())
    })
}

fn telnet_opening(lines: &[&[u8]], has_session: bool) -> Opening {
    let mut log = TelnetLog::default();
    for line in lines {
        log.read(line.trim_ascii());
    }
    log.finish(has_session)
}

#[derive(Default)]
struct TelnetLog {
    opening: Opening,
    host: Option<String>,
    port: Option<String>,
    trying: Option<String>,
    failure: Option<String>,
    closed_by: Option<Party>,
}

impl TelnetLog {
    fn read(&mut self, line: &[u8]) {
        match said(line) {
            Some(PhraseMeaning::Trying(address)) => {
                self.trying = Some(word(address.trim_end_matches('.').as_bytes(), b""));
            }
            Some(PhraseMeaning::Connected(to)) => self.connected(&to),
            Some(PhraseMeaning::Lost) => self.closed_by = Some(Party::Server),
            Some(PhraseMeaning::Left) => self.closed_by = Some(Party::Client),
            Some(PhraseMeaning::Wrong(why)) => {
                let why = why.rsplit_once(": ").map_or(why.as_str(), |(_, why)| why);
                self.failure = Some(why.to_ascii_lowercase());
            }
            Some(PhraseMeaning::Refused { host, port, why }) => {
                self.trying = Some(host)
                    .filter(|host| !host.is_empty())
                    .or(self.trying.take());
                self.port = port.or(self.port.take());
                self.failure = Some(why.to_ascii_lowercase());
            }
            Some(PhraseMeaning::Escape) => {}
            Some(PhraseMeaning::Prompt) => {
                if let Some(target) = line.strip_prefix(b"telnet> open ") {
                    (self.host, self.port) = target_of(target);
                }
            }
            // The command: `$ telnet pop.example.org 110`.
            None => {
                if let Some(target) = text_after(line, "telnet ") {
                    (self.host, self.port) = target_of(target);
                }
            }
        }
    }

    fn connected(&mut self, to: &str) {
        let to = to.trim_end_matches('.');
        let to = to.split(' ').next().unwrap_or_default();
        let host = self.host.get_or_insert_with(|| to.to_owned());
        let place = self.trying.take().unwrap_or_else(|| host.clone());
        // telnet does not print the port: it is known where the command is in the copy.
        self.add_connected(&place);
    }

    fn add_connected(&mut self, place: &str) {
        let event = Event::connected(joined(place, self.port.as_deref()));
        self.opening.events.push(event);
    }

    fn finish(mut self, has_session: bool) -> Opening {
        let is_connected = !self.opening.events.is_empty();
        // Windows does not say when it is connected.
        if has_session
            && !is_connected
            && let Some(to) = self.trying.clone()
        {
            self.add_connected(&to);
            self.host.get_or_insert(to);
        }
        if let Some(host) = &self.host {
            let server = joined(host, self.port.as_deref());
            self.opening.head.push(("server", server));
        }
        if has_session {
            return self.opening;
        }
        if is_connected {
            self.opening.is_failed = self.closed_by.is_some();
            let closed = self.closed_by.map(Event::closed_by);
            self.opening.events.extend(closed);
        } else if let Some(why) = self.failure.take() {
            let place = self.place();
            let event = Event::NotReached(format!("{place}: {why}"));
            self.opening.events.push(event);
            self.opening.is_failed = true;
        }
        self.opening
    }

    fn place(&self) -> String {
        match (self.trying.as_ref().or(self.host.as_ref()), &self.port) {
            (Some(place), port) => joined(place, port.as_deref()),
            (None, Some(port)) => format!("port {port}"),
            (None, None) => "the server".to_owned(),
        }
    }
}

fn target_of(target: &[u8]) -> (Option<String>, Option<String>) {
    let target = text(target);
    let words = target.split_ascii_whitespace();
    // `script` writes the command in quotes.
    let words = words.map(|word| word.trim_matches(|c| matches!(c, '"' | '\'' | ']')));
    let mut words = words.filter(|word| !word.is_empty() && !word.starts_with('-'));
    let host = words.next().map(str::to_owned);
    let is_port = |word: &&str| word.starts_with("pop") || word.parse::<u16>().is_ok();
    (host, words.next().filter(is_port).map(str::to_owned))
}

/// Host and port, which telnet takes by name, too; the host alone where the port is not known.
fn joined(host: &str, port: Option<&str>) -> String {
    match port {
        None => host.to_owned(),
        Some("pop3" | "pop-3") => host_port(host, "110"),
        Some("pop3s") => host_port(host, "995"),
        Some(port) => host_port(host, port),
    }
}

pub(super) fn gnutls(source: &Source<'_>, options: &Options) -> Imported {
    let parts = terminal::parts(source.octets, "gnutls-cli ", |line, _| {
        line.starts_with(b"Resolving '") || line.starts_with(b"Connecting to '")
    });
    all(source, parts, |part| {
        let (lines, has_session) = terminal::opening_lines(part.octets, &GNUTLS);
        let opening = gnutls_opening(&lines, has_session, part.octets);
        terminal::import(part, options, &GNUTLS, &opening, lines.len())
    })
}

/// What gnutls-cli prints before a session, or instead of it.
fn gnutls_opening(lines: &[&[u8]], has_session: bool, octets: &[u8]) -> Opening {
    let mut log = GnutlsLog::default();
    for line in lines {
        log.read(line.trim_ascii());
    }
    // With --starttls the session begins unencrypted; otherwise TLS is there first.
    let is_later = has(octets, &["*** Starting TLS handshake"]);
    log.finish(has_session, is_later)
}

#[derive(Default)]
struct GnutlsLog {
    opening: Opening,
    tls: TlsLog,
    failure: Option<Event>,
}

impl GnutlsLog {
    fn read(&mut self, line: &[u8]) {
        if text_after(line, "--starttls-proto").is_some() {
            self.opening.unseen =
                Some("gnutls-cli --starttls-proto shows neither the greeting nor STLS");
        }
        if let Some(server) = line.strip_prefix(b"Resolving '") {
            let server = word(server, b"'").trim_end_matches(':').to_owned();
            self.opening.head.push(("server", server));
        } else if let Some(address) = line.strip_prefix(b"Connecting to '") {
            let event = Event::connected(word(address, b"'"));
            self.opening.events.push(event);
        } else if let Some(status) = line.strip_prefix(b"- Status: ") {
            self.status(&text(status));
        } else if let Some(description) = line.strip_prefix(b"- Description: ") {
            self.description(&text(description));
        } else if let Some(subject) =
            text_after(line, "subject `").filter(|_| self.tls.subject.is_empty())
        {
            let subject = text(subject);
            let subject = subject.split('\'').next().unwrap_or_default();
            subject.clone_into(&mut self.tls.subject);
        } else if let Some(why) = line
            .strip_prefix(b"*** Fatal error: ")
            .or_else(|| line.strip_prefix(b"*** Handshake has failed"))
        {
            let why = text(why);
            self.failure
                .get_or_insert(Event::TlsFailed(why.trim_end_matches('.').to_owned()));
        } else if let Some(why) = line.strip_prefix(b"Could not connect to ") {
            self.failure = Some(Event::NotReached(text(why)));
        }
    }

    /// Whether the certificate is trusted, or why not.
    fn status(&mut self, status: &str) {
        let is_trusted = status.starts_with("The certificate is trusted");
        self.tls.doubt = Some(if is_trusted {
            String::new()
        } else {
            status.trim_end_matches('.').to_owned()
        });
    }

    /// Version and cipher: `(TLS1.3-X.509)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)`.
    fn description(&mut self, description: &str) {
        let version = description.trim_start_matches('(').split(['-', ')']).next();
        self.tls.version = version.map(|version| version.replacen("TLS", "TLSv", 1));
        let cipher = description
            .rsplit_once('(')
            .map_or("", |(_, cipher)| cipher);
        cipher
            .trim_end_matches(')')
            .clone_into(&mut self.tls.cipher);
    }

    fn finish(mut self, has_session: bool, is_later: bool) -> Opening {
        if matches!(self.failure, Some(Event::NotReached(_))) {
            self.opening.events.clear();
        }
        if has_session {
            let event = self.tls.take_event();
            let event = event.or((!is_later).then_some(Event::TlsUnknown));
            self.opening.events.extend(event);
        } else if let Some(failure) = self.failure {
            // The client refused: what it says of the certificate is the reason.
            let doubt = self.tls.doubt.filter(|doubt| !doubt.is_empty());
            self.opening.events.push(match (failure, doubt) {
                (Event::TlsFailed(why), Some(doubt)) if why.ends_with(" certificate") => {
                    Event::TlsFailed(format!("{why} ({doubt})"))
                }
                (failure, _) => failure,
            });
            self.opening.is_failed = true;
        }
        self.opening
    }
}

fn all(
    source: &Source<'_>,
    parts: Vec<&[u8]>,
    one: impl Fn(&Source<'_>) -> Option<ImportedTranscript>,
) -> Imported {
    let parts = parts.into_iter().map(|octets| Source { octets, ..*source });
    let made: Vec<ImportedTranscript> = parts.filter_map(|part| one(&part)).collect();
    if made.is_empty() {
        let hint = "keep what the terminal showed, from the greeting `+OK` on";
        return Err(Problem::new(
            source,
            None,
            "no greeting from a POP3 server",
            hint,
        ));
    }
    Ok(made)
}
