//! Dovecot's rawlog: NAME.in is what the client sent, NAME.out what the server did, each line with
//! its time.

use super::builder::TranscriptBuilder;
use super::{ImportedTranscript, Options, Problem, Source, stamp, unpacked_name};
use crate::pop3::command::Command;
use crate::pop3::tracker::Side;
use crate::transcript::event::Event;

pub(super) fn is_rawlog(source: &Source<'_>) -> bool {
    side(source).is_some()
        && (stamp::unix(source.octets).is_some() || source.octets.starts_with(b"+OK"))
}

fn side<'a>(source: &Source<'a>) -> Option<(Side, &'a str)> {
    let name = unpacked_name(source.name);
    let of = |end, side| name.strip_suffix(end).map(|stem| (side, stem));
    of(".in", Side::Client).or_else(|| of(".out", Side::Server))
}

pub(super) fn import(
    sources: &[Source<'_>],
    options: &Options,
) -> Result<Vec<ImportedTranscript>, Problem> {
    let mut made = Vec::new();
    for source in sources {
        let hint = "give both files of the pair, NAME.in and NAME.out";
        let Some((own, stem)) = side(source) else {
            let what = "the name must end in .in or .out";
            return Err(Problem::new(source, None, what, hint));
        };
        let other = sources
            .iter()
            .find(|other| side(other).is_some_and(|(side, other)| side != own && other == stem));
        let Some(other) = other else {
            return Err(Problem::new(
                source,
                None,
                "the other side's file is missing",
                hint,
            ));
        };
        if own == Side::Server {
            made.push(pair(other, source, options)?);
        }
    }
    Ok(made)
}

#[derive(Debug, Clone, Copy)]
struct RawLine<'a> {
    us: Option<u64>,
    octets: &'a [u8],
}

/// The lines of one file, with LF; Dovecot's own stamp is in front of each, and only a line that is
/// not the last has an end.
fn lines<'a>(source: &Source<'a>) -> Result<impl Iterator<Item = RawLine<'a>> + use<'a>, Problem> {
    let octets = source.octets;
    let has_times = stamp::unix(octets).is_some();
    let lines = octets.split_inclusive(|octet| *octet == b'\n');
    let wrong = lines.clone().position(|line| stamp::unix(line).is_none());
    if let Some(wrong) = wrong.filter(|_| has_times) {
        let hint = "each line of a rawlog begins with SECONDS.MICROSECONDS";
        return Err(Problem::new(
            source,
            Some(wrong + 1),
            "a line without a time",
            hint,
        ));
    }
    Ok(
        lines.map(move |line| match stamp::unix(line).filter(|_| has_times) {
            Some((us, octets)) => RawLine {
                us: Some(us),
                octets,
            },
            None => RawLine {
                us: None,
                octets: line,
            },
        }),
    )
}

fn pair(
    client: &Source<'_>,
    server: &Source<'_>,
    options: &Options,
) -> Result<ImportedTranscript, Problem> {
    let mut client = lines(client)?.peekable();
    let mut server = lines(server)?.peekable();
    let first = [client.peek(), server.peek()];
    let zero = first.iter().filter_map(|line| line.as_ref()?.us).min();
    let zero = zero.and_then(stamp::started);
    let mut imported = "Dovecot rawlog".to_owned();
    let mut head = Vec::new();
    match &zero {
        Some((started, _)) => head.push(("started", started.clone())),
        None => imported += "; times and the order of the two sides are not in it",
    }
    let is_after_login = client.peek().is_some_and(|line| {
        Command::of_line(line.octets).is_some_and(|row| !row.states.authorization)
    });
    let mut talk = TranscriptBuilder::new(options, &head, &imported);
    if let Some((_, zero)) = zero {
        talk.started(zero);
    }
    if is_after_login {
        talk.prose("the log begins after login");
        talk.hole(Side::Server);
        talk.hole(Side::Client);
    }
    loop {
        let is_client = match (client.peek(), server.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(asked), Some(said)) => match (asked.us, said.us) {
                // What came in is older than what went out in the same turn.
                (Some(asked), Some(said)) => asked <= said,
                // Without times: a command goes out when nothing is awaited.
                _ => talk.awaited().is_none(),
            },
        };
        let (side, line) = if is_client {
            (Side::Client, client.next())
        } else {
            (Side::Server, server.next())
        };
        let Some(line) = line else { break };
        if let Some(us) = line.us {
            talk.at(us);
        }
        if talk.is_tls_agreed() {
            talk.event(&Event::TlsUnknown);
        }
        talk.octets(side, line.octets);
    }
    Ok(talk.finish())
}
