//! `fetchmail -vv`: `POP3> ` and `POP3< ` lines. Message data is not among them.

use super::builder::TranscriptBuilder;
use super::lines::{TlsLog, host_port, numbered, text, text_after, without_cr, word};
use super::{Imported, ImportedTranscript, Options, Problem, Source};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::event::Event;

const IMPORTED: &str = "fetchmail -vv; line ends, times and message data are not in it";

pub(super) fn import(source: &Source<'_>, options: &Options) -> Imported {
    let mut made = Vec::new();
    let mut talk: Option<TranscriptBuilder> = None;
    let mut tls = TlsLog::default();
    let mut poll = None;
    for (_, line) in numbered(source.octets) {
        let (line, _) = without_cr(line);
        if let Some(place) = text_after(line, "Trying to connect to ") {
            finish(talk.take(), &mut made);
            // `127.0.0.1/21110...connected.`
            let place = text(place);
            let (place, outcome) = place.split_once("...").unwrap_or((&place, ""));
            let (host, port) = place.rsplit_once('/').unwrap_or((place, "110"));
            let server = host_port(host, port);
            let mut new = TranscriptBuilder::new(options, &[("server", server.clone())], IMPORTED);
            if let Some(poll) = poll.take() {
                new.prose(&format!(
                    "fetchmail says: poll started at {poll}, in its own time zone"
                ));
            }
            if outcome.starts_with("connected") {
                new.event(&Event::connected(server));
            }
            talk = Some(new);
        } else if let Some(said) = text_after(line, "POP3> ") {
            let talk = talk.get_or_insert_with(|| TranscriptBuilder::new(options, &[], IMPORTED));
            talk.tls(tls.take_event());
            talk.line(Side::Client, said, LineEnd::Crlf);
        } else if let Some(said) =
            text_after(line, "POP3< ").or(line.ends_with(b"POP3<").then_some(b""))
        {
            let talk = talk.get_or_insert_with(|| TranscriptBuilder::new(options, &[], IMPORTED));
            talk.tls(tls.take_event());
            talk.line(Side::Server, said, LineEnd::Crlf);
        } else if let Some(said) = text_after(line, "SSL/TLS: using protocol ") {
            tls.version = Some(word(said, b","));
            tls.cipher = text_after(said, "cipher ")
                .map(|rest| word(rest, b","))
                .unwrap_or_default();
        } else if let Some(at) = text_after(line, "(protocol POP3) at ")
            && let Some(at) = text(at).strip_suffix(": poll started")
        {
            poll = Some(at.to_owned());
        } else if let Some(why) = text_after(line, "Server certificate verification error: ") {
            tls.doubt = Some(text(why));
        }
    }
    finish(talk, &mut made);
    if made.is_empty() {
        let hint = "record with `fetchmail -vv`: -v once does not show the lines";
        return Err(Problem::new(
            source,
            None,
            "no `POP3> ` and `POP3< ` lines",
            hint,
        ));
    }
    Ok(made)
}

fn finish(talk: Option<TranscriptBuilder>, made: &mut Vec<ImportedTranscript>) {
    if let Some(mut talk) = talk.filter(|talk| !talk.is_empty()) {
        talk.data_left_out();
        made.push(talk.finish());
    }
}
