//! MailKit's ProtocolLogger: `C: ` and `S: ` before each line, all octets behind them.

use super::lines::{numbered, text, wire_line};
use super::talk::Talk;
use super::{Made, Options, Problem, Source, stamp};
use crate::tracker::Side;

/// Whether a file begins as such a log.
pub(super) fn is_log(head: &[u8]) -> bool {
    let mut lines = numbered(head)
        .map(|(_, line)| read(line).1)
        .filter(|line| !line.is_empty());
    lines
        .next()
        .is_some_and(|line| line.starts_with(b"Connected to ") || line.starts_with(b"S: +OK"))
}

/// The time of a line, where the log has them, and the line behind it.
fn read(line: &[u8]) -> (Option<u64>, &[u8]) {
    match stamp::date(line) {
        Some((us, rest)) => (Some(us), rest.trim_ascii_start()),
        None => (None, line),
    }
}

pub(super) fn import(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    let has_cr = numbered(source.octets)
        .any(|(_, line)| read(line).1.starts_with(b"S: ") && line.ends_with(b"\r"));
    let imported = if has_cr {
        "MailKit ProtocolLogger"
    } else {
        "MailKit ProtocolLogger; line ends are not in it"
    };
    let mut made = Vec::new();
    let mut talk: Option<Talk> = None;
    for (number, whole) in numbered(source.octets) {
        let (us, line) = read(whole);
        let said = |mark: &[u8]| {
            line.strip_prefix(mark)
                .or((line == mark.trim_ascii()).then_some(b""))
        };
        let server = line.strip_prefix(b"Connected to ");
        if server.is_some() || talk.is_none() {
            if let Some(talk) = talk.take().filter(|talk| !talk.is_empty()) {
                made.push(talk.finish());
            }
            let mut head: Vec<(&str, String)> = Vec::new();
            // `pop3://mail.example.org:110/?starttls=when-available`
            if let Some(url) = server {
                let url = text(url);
                let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let host = host.split(['/', '?']).next().unwrap_or_default();
                head.push(("server", host.to_owned()));
            }
            let zero = us.and_then(stamp::started);
            if let Some((started, _)) = &zero {
                head.push(("started", started.clone()));
            }
            let times = if us.is_none() {
                "; times are not in it"
            } else {
                ""
            };
            let mut new = Talk::new(options, &head, &format!("{imported}{times}"));
            if let Some((_, zero)) = zero {
                new.started(zero);
            }
            talk = Some(new);
        }
        let Some(talk) = &mut talk else { continue };
        if let Some(us) = us {
            talk.at(us);
        }
        if let Some(said) = said(b"C: ") {
            if talk.is_tls_agreed() {
                talk.event("tls unknown");
            }
            let (said, end) = wire_line(said, has_cr);
            talk.line(Side::Client, said, end);
        } else if let Some(said) = said(b"S: ") {
            let (said, end) = wire_line(said, has_cr);
            talk.line(Side::Server, said, end);
        } else if server.is_none() && !line.trim_ascii().is_empty() {
            let hint = "each line of MailKit's log begins with `C: `, `S: ` or `Connected to `";
            return Err(Problem::new(
                source,
                Some(number),
                "neither side says this line",
                hint,
            ));
        }
    }
    made.extend(talk.filter(|talk| !talk.is_empty()).map(Talk::finish));
    if made.is_empty() {
        let hint = "is it a log of MailKit's ProtocolLogger?";
        return Err(Problem::new(source, None, "no `C: ` and `S: ` lines", hint));
    }
    Ok(made)
}
