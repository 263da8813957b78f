//! Sessions copied from a terminal in which TLS is not s_client's: telnet's, gnutls-cli's, and those of which only the talk is left.

use super::lines::{Tls, behind, host_port, numbered, text, word};
use super::stamp;
use super::terminal::{self, News, Opening, Program};
use super::words::Said;
use super::{Made, Options, Problem, Source};
use crate::pop3::command::Command;

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
    is_own: is_telnet,
    news: telnet_news,
    took: |_, _| false,
    glues: false,
};

fn starts(line: &[u8], starts: &[&str]) -> bool {
    let line = stamp::front(line).map_or(line, |(_, rest)| rest);
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

fn said(line: &[u8]) -> Option<Said> {
    Said::of(stamp::front(line).map_or(line, |(_, rest)| rest))
}

fn telnet_news(line: &[u8]) -> News {
    match said(line) {
        Some(Said::Lost) => News::Over("closed by server".to_owned()),
        Some(Said::Left) => News::Over("closed by client".to_owned()),
        _ => News::Nothing,
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

fn gnutls_news(line: &[u8]) -> News {
    if line.starts_with(b"- Peer has closed") {
        News::Over("closed by server".to_owned())
    } else if let Some(why) = line.strip_prefix(b"*** Fatal error: ") {
        News::Over(format!("connection lost: {}", text(why)))
    } else if line.starts_with(b"*** ") {
        News::Prose
    } else {
        News::Nothing
    }
}

fn has(head: &[u8], signs: &[&str]) -> bool {
    numbered(head).any(|(_, line)| starts(line, signs))
}

/// Whether a text is a session of telnet.
pub(super) fn is_telnet_log(head: &[u8]) -> bool {
    let (mut is_trying, mut is_connected) = (false, false);
    numbered(head).any(|(_, line)| {
        match said(line) {
            Some(Said::Escape | Said::Wrong(_) | Said::Refused { .. }) => return true,
            Some(Said::Lost) => return !line.starts_with(b"Ncat"),
            // Windows tries a host by its name, and says nothing more.
            Some(Said::Trying(to)) => is_trying |= to.ends_with("...") || !to.contains(' '),
            Some(Said::Connected(_)) => is_connected = true,
            Some(Said::Left | Said::Prompt) | None => {}
        }
        is_trying && (is_connected || is_status(line))
    })
}

fn is_status(line: &[u8]) -> bool {
    line.starts_with(b"+OK") || line.starts_with(b"-ERR")
}

/// Whether a text is a session of gnutls-cli.
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

/// Whether a text has a status line at the start of a line, and a command or another one.
pub(super) fn is_session(head: &[u8]) -> bool {
    let line = |line| stamp::front(line).map_or(line, |(_, rest)| rest);
    let mut lines = numbered(head).map(|(_, whole)| line(whole));
    let mut is_status = |line: &[u8]| line.starts_with(b"+OK") || line.starts_with(b"-ERR");
    lines.any(&mut is_status)
        && lines.any(|line| is_status(line) || Command::of_line(line.trim_ascii_end()).is_some())
}

pub(super) fn telnet(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    sessions(source, options, &TELNET)
}

/// A session without anything around it, or with what nc says.
pub(super) fn copy(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    sessions(source, options, &TERMINAL)
}

/// Lines after that of a connection in which its session must begin, so that it is no line of a message.
const OPENING_MAX: usize = 8;

fn sessions(
    source: &Source<'_>,
    options: &Options,
    program: &Program,
) -> Result<Vec<Made>, Problem> {
    let parts = terminal::parts(source.octets, "telnet ", |line, rest| {
        let is_start = matches!(said(line), Some(Said::Trying(_) | Said::Connected(_)));
        let mut ahead = numbered(rest).take(OPENING_MAX).map(|(_, line)| line);
        is_start
            && ahead.any(|line| {
                terminal::begins(line) || matches!(said(line), Some(Said::Lost | Said::Wrong(_)))
            })
    });
    all(source, parts, |part| {
        let (lines, has_session) = terminal::opening_lines(part.octets, program);
        let opening = telnet_opening(&lines, has_session);
        terminal::import(part, options, program, &opening, lines.len())
    })
}

/// What telnet says before a session, or instead of it.
fn telnet_opening(lines: &[&[u8]], has_session: bool) -> Opening {
    let mut attempt = Attempt::default();
    for line in lines {
        attempt.hear(line.trim_ascii());
    }
    attempt.opening(has_session)
}

/// An attempt to connect, as far as telnet has shown it.
#[derive(Default)]
struct Attempt {
    host: Option<String>,
    /// Telnet does not print it: it is known where the command is in the copy.
    port: Option<String>,
    /// The address that is being tried.
    trying: Option<String>,
    /// The events of its connections.
    connected: Vec<String>,
    failure: Option<String>,
    end: Option<&'static str>,
}

impl Attempt {
    fn hear(&mut self, line: &[u8]) {
        match said(line) {
            Some(Said::Trying(address)) => {
                self.trying = Some(word(address.trim_end_matches('.').as_bytes(), b""));
            }
            Some(Said::Connected(to)) => {
                let to = to.trim_end_matches('.');
                let to = to.split(' ').next().unwrap_or_default().to_owned();
                let host = self.host.get_or_insert(to);
                let place = self.trying.take().unwrap_or_else(|| host.clone());
                self.connected_to(&place);
            }
            Some(Said::Lost) => self.end = Some("closed by server"),
            Some(Said::Left) => self.end = Some("closed by client"),
            Some(Said::Wrong(why)) => {
                let why = why.rsplit_once(": ").map_or(why.as_str(), |(_, why)| why);
                self.failure = Some(why.to_ascii_lowercase());
            }
            Some(Said::Refused { host, port, why }) => {
                let host = Some(host).filter(|host| !host.is_empty());
                self.trying = host.or_else(|| self.trying.take());
                self.port = port.or_else(|| self.port.take());
                self.failure = Some(why.to_ascii_lowercase());
            }
            Some(Said::Escape) => {}
            Some(Said::Prompt) => {
                if let Some(target) = line.strip_prefix(b"telnet> open ") {
                    (self.host, self.port) = target_of(target);
                }
            }
            // The command: `$ telnet pop.example.org 110`.
            None => {
                if let Some(target) = behind(line, "telnet ") {
                    (self.host, self.port) = target_of(target);
                }
            }
        }
    }

    fn connected_to(&mut self, place: &str) {
        let place = joined(place, self.port.as_deref());
        self.connected.push(format!("connected {place}"));
    }

    fn opening(mut self, has_session: bool) -> Opening {
        // Windows does not say when it is connected.
        if has_session
            && self.connected.is_empty()
            && let Some(to) = self.trying.clone()
        {
            self.connected_to(&to);
            self.host = self.host.or(Some(to));
        }
        let mut opening = Opening {
            events: self.connected,
            ..Opening::default()
        };
        let port = self.port.as_deref();
        if let Some(host) = &self.host {
            opening.head.push(("server", joined(host, port)));
        }
        if has_session {
            return opening;
        }
        if !opening.events.is_empty() {
            opening.is_failed = self.end.is_some();
            opening.events.extend(self.end.map(str::to_owned));
        } else if let Some(why) = self.failure {
            let place = self.trying.or(self.host);
            let place = match (place, port) {
                (Some(place), port) => joined(&place, port),
                (None, Some(port)) => format!("port {port}"),
                (None, None) => "the server".to_owned(),
            };
            let event = format!("could not connect to {place}: {why}");
            opening.events.push(event);
            opening.is_failed = true;
        }
        opening
    }
}

/// Host and port of a command.
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

pub(super) fn gnutls(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    let parts = terminal::parts(source.octets, "gnutls-cli ", |line, _| {
        line.starts_with(b"Resolving '") || line.starts_with(b"Connecting to '")
    });
    all(source, parts, |part| {
        let (lines, has_session) = terminal::opening_lines(part.octets, &GNUTLS);
        let opening = gnutls_opening(&lines, has_session, part.octets);
        terminal::import(part, options, &GNUTLS, &opening, lines.len())
    })
}

/// What gnutls-cli says before a session, or instead of it.
fn gnutls_opening(lines: &[&[u8]], has_session: bool, octets: &[u8]) -> Opening {
    let mut start = GnutlsStart::default();
    for line in lines {
        start.hear(line.trim_ascii());
    }
    // With --starttls the session begins unencrypted; otherwise TLS is there first.
    let is_tls_later = has(octets, &["*** Starting TLS handshake"]);
    start.opening(has_session, is_tls_later)
}

/// A connection, as far as gnutls-cli has shown it.
#[derive(Default)]
struct GnutlsStart {
    opening: Opening,
    tls: Tls,
    failure: Option<String>,
}

impl GnutlsStart {
    fn hear(&mut self, line: &[u8]) {
        let opening = &mut self.opening;
        if behind(line, "--starttls-proto").is_some() {
            opening.unseen =
                Some("gnutls-cli --starttls-proto shows neither the greeting nor STLS");
        }
        if let Some(server) = line.strip_prefix(b"Resolving '") {
            let server = word(server, b"'").trim_end_matches(':').to_owned();
            opening.head.push(("server", server));
        } else if let Some(address) = line.strip_prefix(b"Connecting to '") {
            let address = word(address, b"'");
            opening.events.push(format!("connected {address}"));
        } else if let Some(status) = line.strip_prefix(b"- Status: ") {
            let status = text(status);
            let is_trusted = status.starts_with("The certificate is trusted");
            self.tls.doubt = Some(if is_trusted {
                String::new()
            } else {
                status.trim_end_matches('.').to_owned()
            });
        } else if let Some(description) = line.strip_prefix(b"- Description: ") {
            self.agreed(&text(description));
        } else if let Some(subject) =
            behind(line, "subject `").filter(|_| self.tls.subject.is_empty())
        {
            let subject = text(subject);
            let subject = subject.split('\'').next().unwrap_or_default();
            subject.clone_into(&mut self.tls.subject);
        } else if let Some(why) = line
            .strip_prefix(b"*** Fatal error: ")
            .or_else(|| line.strip_prefix(b"*** Handshake has failed"))
        {
            let why = text(why);
            let failure = format!("tls failed: {}", why.trim_end_matches('.'));
            self.failure.get_or_insert(failure);
        } else if let Some(why) = line.strip_prefix(b"Could not connect to ") {
            self.failure = Some(format!("could not connect to {}", text(why)));
        }
    }

    /// Takes version and cipher from `(TLS1.3-X.509)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)`.
    fn agreed(&mut self, description: &str) {
        let version = description.trim_start_matches('(').split(['-', ')']).next();
        self.tls.version = version.map(|version| version.replacen("TLS", "TLSv", 1));
        let cipher = description
            .rsplit_once('(')
            .map_or("", |(_, cipher)| cipher);
        cipher
            .trim_end_matches(')')
            .clone_into(&mut self.tls.cipher);
    }

    fn opening(self, has_session: bool, is_tls_later: bool) -> Opening {
        let Self {
            mut opening,
            mut tls,
            failure,
        } = self;
        if failure
            .as_deref()
            .is_some_and(|why| why.starts_with("could not connect"))
        {
            opening.events.clear();
        }
        if has_session {
            let event = tls.take_event();
            let unknown = (!is_tls_later).then(|| "tls unknown".to_owned());
            opening.events.extend(event.or(unknown));
        } else if let Some(failure) = failure {
            // The client refused: what it says of the certificate is the reason.
            let doubt = tls.doubt.filter(|doubt| !doubt.is_empty());
            opening.events.push(match doubt {
                Some(doubt) if failure.ends_with(" certificate") => {
                    format!("{failure} ({doubt})")
                }
                _ => failure,
            });
            opening.is_failed = true;
        }
        opening
    }
}

/// The transcripts of the sessions in a text.
fn all(
    source: &Source<'_>,
    parts: Vec<&[u8]>,
    one: impl Fn(&Source<'_>) -> Option<Made>,
) -> Result<Vec<Made>, Problem> {
    let parts = parts.into_iter().map(|octets| Source { octets, ..*source });
    let made: Vec<Made> = parts.filter_map(|part| one(&part)).collect();
    if made.is_empty() {
        let hint = "keep what the terminal showed, from the greeting `+OK` on";
        return Err(Problem::new(
            source,
            None,
            "no greeting of a POP3 server",
            hint,
        ));
    }
    Ok(made)
}
