//! Sessions copied from a terminal in which TLS is not s_client's: telnet's, gnutls-cli's, and those of which only the talk is left.

use super::lines::{Tls, behind, host_port, numbered, text, word};
use super::stamp;
use super::terminal::{self, News, Opening, Program};
use super::{Made, Options, Problem, Source};
use crate::command::Command;

const TELNET: Program = Program {
    name: "telnet",
    is_own: is_telnet,
    news: telnet_news,
    took: |_, _| false,
};

const GNUTLS: Program = Program {
    name: "gnutls-cli",
    is_own: is_gnutls,
    news: gnutls_news,
    took: |_, _| false,
};

const TERMINAL: Program = Program {
    name: "a copy of a terminal",
    is_own: is_shell,
    news: |_| News::Nothing,
    took: |_, _| false,
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
    is_shell(line)
        || starts(
            line,
            &[
                "Trying ",
                "Connected to ",
                "Escape character is ",
                "Connection closed by foreign host",
                "Connection closed.",
                "telnet> ",
                "telnet: ",
            ],
        )
}

fn telnet_news(line: &[u8]) -> News {
    if line.starts_with(b"Connection closed by foreign host") {
        News::Over("closed by server".to_owned())
    } else if line.starts_with(b"Connection closed.") {
        News::Over("closed by client".to_owned())
    } else {
        News::Nothing
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
    has(
        head,
        &[
            "Escape character is ",
            "Connection closed by foreign host",
            "telnet: ",
        ],
    ) || has(head, &["Trying "]) && has(head, &["Connected to "])
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
    )
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
    let (lines, has_session) = terminal::opening_lines(source.octets, &TELNET);
    let mut opening = Opening::default();
    let (mut host, mut port, mut trying) = (None, None, None);
    let mut failure = None;
    for line in &lines {
        let line = line.trim_ascii();
        let said = text(line);
        if let Some(target) = behind(line, "telnet ").filter(|_| !line.starts_with(b"telnet: ")) {
            // The command: `$ telnet pop.example.org 110`.
            let target = text(target);
            let mut words = target
                .split_ascii_whitespace()
                .filter(|word| !word.starts_with('-'));
            host = words.next().map(str::to_owned);
            port = words.next().map(str::to_owned);
        } else if let Some(address) = line.strip_prefix(b"Trying ") {
            trying = Some(text(address).trim_end_matches('.').to_owned());
        } else if let Some(to) = line.strip_prefix(b"Connected to ") {
            let to = text(to).trim_end_matches('.').to_owned();
            host = host.or(Some(to));
            let place = trying.take().or_else(|| host.clone()).unwrap_or_default();
            // telnet does not print the port: it is known where the command is in the copy.
            opening
                .events
                .push(format!("connected {}", joined(&place, port.as_deref())));
        } else if said.starts_with("telnet: ") {
            failure = said
                .rsplit_once(": ")
                .map(|(_, why)| why.to_ascii_lowercase());
        }
    }
    if let Some(host) = &host {
        opening.head.push(("server", joined(host, port.as_deref())));
    }
    if let Some(why) = failure.filter(|_| !has_session) {
        let place = trying.or(host).unwrap_or_else(|| "the server".to_owned());
        opening
            .events
            .push(format!("could not connect to {place}: {why}"));
        opening.is_failed = true;
    }
    finish(source, options, &TELNET, &opening, lines.len())
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
    let (lines, has_session) = terminal::opening_lines(source.octets, &GNUTLS);
    let mut opening = Opening::default();
    let mut tls = Tls::default();
    let mut failure = None;
    for line in &lines {
        let line = line.trim_ascii();
        if let Some(server) = line.strip_prefix(b"Resolving '") {
            opening.head.push((
                "server",
                word(server, b"'").trim_end_matches(':').to_owned(),
            ));
        } else if let Some(address) = line.strip_prefix(b"Connecting to '") {
            opening
                .events
                .push(format!("connected {}", word(address, b"'")));
        } else if let Some(status) = line.strip_prefix(b"- Status: ") {
            let status = text(status);
            let is_trusted = status.starts_with("The certificate is trusted");
            tls.doubt = Some(if is_trusted {
                String::new()
            } else {
                status.trim_end_matches('.').to_owned()
            });
        } else if let Some(description) = line.strip_prefix(b"- Description: ") {
            // `(TLS1.3-X.509)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)`
            let description = text(description);
            let version = description.trim_start_matches('(').split(['-', ')']).next();
            tls.version = version.map(|version| version.replacen("TLS", "TLSv", 1));
            let cipher = description
                .rsplit_once('(')
                .map_or("", |(_, cipher)| cipher);
            cipher.trim_end_matches(')').clone_into(&mut tls.cipher);
        } else if let Some(subject) = behind(line, "subject `").filter(|_| tls.subject.is_empty()) {
            let subject = text(subject);
            subject
                .split('\'')
                .next()
                .unwrap_or_default()
                .clone_into(&mut tls.subject);
        } else if let Some(why) = line
            .strip_prefix(b"*** Fatal error: ")
            .or_else(|| line.strip_prefix(b"*** Handshake has failed"))
        {
            let why = text(why);
            failure.get_or_insert(format!("tls failed: {}", why.trim_end_matches('.')));
        } else if let Some(why) = line.strip_prefix(b"Could not connect to ") {
            failure = Some(format!("could not connect to {}", text(why)));
        }
    }
    if failure
        .as_deref()
        .is_some_and(|why| why.starts_with("could not connect"))
    {
        opening.events.clear();
    }
    if has_session {
        // With --starttls the session begins unencrypted; otherwise TLS is there first.
        let event = tls.take_event();
        let is_later = has(source.octets, &["*** Starting TLS handshake"]);
        opening
            .events
            .extend(event.or((!is_later).then(|| "tls unknown".to_owned())));
    } else if let Some(failure) = failure {
        opening.events.push(failure);
        opening.is_failed = true;
    }
    finish(source, options, &GNUTLS, &opening, lines.len())
}

/// A session without anything around it.
pub(super) fn copy(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    let (lines, _) = terminal::opening_lines(source.octets, &TERMINAL);
    finish(source, options, &TERMINAL, &Opening::default(), lines.len())
}

fn finish(
    source: &Source<'_>,
    options: &Options,
    program: &Program,
    opening: &Opening,
    begin: usize,
) -> Result<Vec<Made>, Problem> {
    let made = terminal::import(source, options, program, opening, begin);
    made.map(|made| vec![made]).ok_or_else(|| {
        let hint = "keep what the terminal showed, from the greeting `+OK` on";
        Problem::new(source, None, "no greeting of a POP3 server", hint)
    })
}
