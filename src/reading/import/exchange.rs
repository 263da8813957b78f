//! The POP3 log of Microsoft Exchange: a line of CSV for each command, with the reply in its
//! context.

use std::collections::HashMap;

use super::builder::TranscriptBuilder;
use super::lines::{host_port, numbered, text, without_cr};
use super::{ImportedTranscript, Options, Problem, Source, stamp};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::event::Event;
use crate::transcript::{Hole, Piece};

/// The fields of a line where the log does not say them.
const FIELDS: &[u8] =
    b"dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context";

const IMPORTED: &str =
    "Exchange's POP3 log; greetings, reply data and the texts of successful replies are not in it";

const SESSIONS_MAX: usize = 4096;

pub(super) fn is_log(head: &[u8]) -> bool {
    numbered(head).any(|(_, line)| {
        line.starts_with(b"#Log-type: POP3 Log")
            || line.starts_with(b"#Log-Type: POP3 Log")
            || line.starts_with(b"dateTime,sessionId,seqNumber,sIp")
    })
}

/// The fields of a line; in quotes a comma belongs to the field, and two quotes are one.
fn fields(line: &[u8]) -> Vec<String> {
    let mut fields = vec![Vec::new()];
    let mut is_quoted = false;
    let mut rest = line.iter().copied().peekable();
    while let Some(octet) = rest.next() {
        match octet {
            b'"' if is_quoted && rest.peek() == Some(&b'"') => {
                rest.next();
                if let Some(field) = fields.last_mut() {
                    field.push(b'"');
                }
            }
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => fields.push(Vec::new()),
            octet => {
                if let Some(field) = fields.last_mut() {
                    field.push(octet);
                }
            }
        }
    }
    fields.iter().map(|field| text(field)).collect()
}

/// The reply in the context: `R=ok`, `R="-ERR Logon failure: ...";Msg=...`.
fn reply(context: &str) -> Option<String> {
    let rest = context
        .split_once("R=")
        .filter(|(before, _)| before.is_empty() || before.ends_with(';'))?
        .1;
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => rest.split(';').next().unwrap_or_default().to_owned(),
    })
}

pub(super) fn import(
    source: &Source<'_>,
    options: &Options,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let mut names = fields(FIELDS);
    let mut talks: Vec<TranscriptBuilder> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (number, line) in numbered(source.octets) {
        let (line, _) = without_cr(line);
        if let Some(of_log) = line.strip_prefix(b"#Fields: ") {
            names = fields(of_log);
            continue;
        }
        if line.starts_with(b"#") || line.starts_with(b"dateTime,") || line.trim_ascii().is_empty()
        {
            continue;
        }
        let values = fields(line);
        let value = |name: &str| {
            let at = names.iter().position(|known| known == name)?;
            values.get(at).map(String::as_str)
        };
        let (Some(session), Some(command)) = (value("sessionId"), value("command")) else {
            continue;
        };
        let time = value("dateTime").and_then(|time| stamp::any(time.as_bytes()));
        let index = match known.get(session) {
            Some(index) => *index,
            None if talks.len() == SESSIONS_MAX => {
                let what = format!("more than {SESSIONS_MAX} sessions");
                return Err(Problem::new(source, Some(number), &what, "split the log"));
            }
            None => {
                known.insert(session.to_owned(), talks.len());
                talks.push(start(options, value("sIp").unwrap_or_default(), time));
                talks.len() - 1
            }
        };
        let Some(talk) = talks.get_mut(index) else {
            continue;
        };
        if let Some(time) = time {
            talk.at(time.us);
        }
        match command {
            "OpenSession" => talk.hole(Side::Server),
            "CloseSession" => talk.prose("the session was closed"),
            command => exchange(
                talk,
                command,
                value("parameters").unwrap_or_default(),
                value("context").unwrap_or_default(),
            ),
        }
    }
    finished(source, talks)
}

fn finished(
    source: &Source<'_>,
    talks: Vec<TranscriptBuilder>,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let made: Vec<ImportedTranscript> = talks
        .into_iter()
        .filter(|talk| !talk.is_empty())
        .map(TranscriptBuilder::finish)
        .collect();
    if made.is_empty() {
        let hint = "give a file from Exchange's Logging\\Pop3 folder";
        return Err(Problem::new(
            source,
            None,
            "this log contains no session",
            hint,
        ));
    }
    Ok(made)
}

/// The start of a session with `server`, an address with its port.
fn start(options: &Options, server: &str, time: Option<stamp::Time>) -> TranscriptBuilder {
    let zero = time.and_then(|time| stamp::started(time.us));
    let mut head = vec![("server", server.to_owned())];
    head.extend(zero.iter().map(|(started, _)| ("started", started.clone())));
    let mut talk = TranscriptBuilder::new(options, &head, IMPORTED);
    if let Some((_, zero)) = zero {
        talk.started(zero);
    }
    if let Some((host, port)) = server.rsplit_once(':') {
        let place = host_port(host.trim_matches(['[', ']']), port);
        talk.event(&Event::connected(place));
        if port == "995" {
            talk.event(&Event::TlsUnknown);
        }
    }
    talk
}

fn exchange(talk: &mut TranscriptBuilder, command: &str, parameters: &str, context: &str) {
    if talk.is_tls_agreed() {
        talk.event(&Event::TlsUnknown);
    }
    let line = format!("{} {parameters}", command.to_ascii_uppercase());
    talk.line(Side::Client, line.trim_end().as_bytes(), LineEnd::Crlf);
    match reply(context).as_deref() {
        Some("ok") => {
            let text = vec![Piece::Octets(b"+OK".to_vec()), Piece::Hole(Hole::Text)];
            talk.row(Side::Server, text, LineEnd::Crlf);
        }
        Some(said) if said.starts_with('+') || said.starts_with('-') => {
            talk.line(Side::Server, said.as_bytes(), LineEnd::Crlf);
        }
        Some("err") => {
            let text = vec![Piece::Octets(b"-ERR".to_vec()), Piece::Hole(Hole::Text)];
            talk.row(Side::Server, text, LineEnd::Crlf);
        }
        _ => talk.hole(Side::Server),
    }
    talk.client_speaks();
}
