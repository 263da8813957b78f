//! Recordings that other programs made, as transcripts. Pure: octets of files in, texts of
//! transcripts out.
//!
//! Nothing that a recording lacks is made up: a head says what is missing, and holes mark omitted
//! octets. Secrets are hidden as in a live recording. In memory at once are the files ([`FILE_MAX`]
//! each), of a capture at most two octets more for each of the file, and the transcripts, at most
//! about five octets for each of theirs.

mod builder;
mod conversation;
mod curl;
mod curl_connections;
mod dialects;
mod dump;
mod exchange;
mod fetchmail;
mod foreign;
mod formats;
mod fragments;
mod frames;
mod lines;
mod link;
mod marked;
mod packets;
mod paste;
mod patterns;
mod pcap;
mod rawlog;
mod reformat;
mod s_client;
mod sessions;
mod stamp;
mod tcp;
mod telnet;
mod terminal;
mod thunderbird;
mod unpack;
mod words;

use std::borrow::Cow;

pub use formats::Format;
pub(crate) use patterns::Patterns;

pub(crate) use unpack::{unpack, unpacked_name};

use crate::base::service::Service;
use paste::Unwrapped;

/// Octets in which the sign of a format is looked for, at first and in a long file.
const HEAD: usize = 64 * 1024;
const LONG_HEAD: usize = 4 * 1024 * 1024;

pub(crate) const FILE_MAX: u64 = 128 * 1024 * 1024;

/// A file that was read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, for errors; of a rawlog its end gives the side.
    pub name: &'a str,
    /// All its octets.
    pub octets: &'a [u8],
}

/// What an import needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Ports of POP3 servers, in addition to 110, for captures.
    pub ports: Vec<u16>,
    /// Secrets stay as they are.
    pub is_keeping: bool,
}

/// One transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedTranscript {
    /// The text of its file.
    pub text: Vec<u8>,
    /// The server was not a POP3 server, by the first line it sent.
    service: Option<&'static Service>,
}

/// The transcripts of a file, or why it can't be imported.
pub type Imported = Result<Vec<ImportedTranscript>, Problem>;

/// Why a file can't be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place(file, *line))]
pub struct Problem {
    pub(crate) file: String,
    /// The line, from 1, where one can be named.
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
    /// What to do.
    pub hint: Cow<'static, str>,
}

fn place(file: &str, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("line {line} of {file}: "),
        None => format!("{file}: "),
    }
}

impl Problem {
    fn new(
        source: &Source<'_>,
        line: Option<usize>,
        what: &str,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            file: source.name.to_owned(),
            line,
            what: what.to_owned(),
            hint: hint.into(),
        }
    }
}

impl Format {
    /// The format of a file, by what is in its lines; None if it is none of them.
    #[must_use]
    pub fn recognize(source: &Source<'_>) -> Option<Self> {
        let octets = source.octets;
        if pcap::is_capture(octets.get(..HEAD).unwrap_or(octets)) {
            return Some(Self::Pcap);
        }
        if rawlog::is_rawlog(source) {
            return Some(Self::Rawlog);
        }
        let unquoted = Unwrapped::unquoted(octets);
        let found = unquoted.and_then(|text| Self::of_text(&text.octets));
        found.or_else(|| Self::of_text(&Unwrapped::plain(octets).octets))
    }

    /// The format of a text. A long log may begin with something else.
    fn of_text(text: &[u8]) -> Option<Self> {
        let part = |length: usize| text.get(..length).unwrap_or(text);
        let is_long = text.len() > HEAD;
        Self::of_part(part(HEAD)).or_else(|| is_long.then(|| Self::of_part(part(LONG_HEAD)))?)
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        let has = |needle: &str| memchr::memmem::find(part, needle.as_bytes()).is_some();
        let marked = dialects::of_text(part, None).map(|row| row.dialect.format);
        // What marks each line is surer than what a line may happen to say.
        let is_sure = marked.is_some_and(|format| !matches!(format, Self::Mailkit | Self::Arrows));
        let tests: [(Self, bool); 7] = [
            (Self::Exchange, exchange::is_log(part)),
            (
                Self::Fetchmail,
                !is_sure && (has("POP3< ") || has("POP3> ")),
            ),
            (Self::Thunderbird, !is_sure && thunderbird::is_log(part)),
            (Self::Curl, !is_sure && curl::is_log(part)),
            (
                Self::GnutlsCli,
                marked.is_none() && telnet::is_gnutls_log(part),
            ),
            (Self::SClient, marked.is_none() && s_client::is_log(part)),
            (
                Self::Telnet,
                marked.is_none() && telnet::is_telnet_log(part),
            ),
        ];
        let found = tests.into_iter().find(|(_, is_it)| *is_it);
        let found = found.map(|(format, _)| format).or(marked);
        found.or_else(|| telnet::is_session(part).then_some(Self::Terminal))
    }
}

/// Makes transcripts of files; of each file, or pair of files, as many as it holds connections.
///
/// Errors: a file is not of this format, holds no POP3, or breaks its own rules.
pub fn import(format: Format, sources: &[Source<'_>], options: &Options) -> Imported {
    match format {
        Format::Rawlog => rawlog::import(sources, options),
        Format::Pcap => each(sources, |source| pcap::import(source, options)),
        Format::Lines => Err(Problem {
            file: "lines".to_owned(),
            line: None,
            what: "the marks of the two sides are missing".to_owned(),
            hint: "give --client REGEX and --server REGEX, each with a group around what was sent"
                .into(),
        }),
        format => each(sources, |source| text(format, source, options)),
    }
}

/// Makes transcripts of logs of which the user gives the marks.
///
/// Errors: no line has a mark, or no line is of POP3.
pub(crate) fn import_lines(
    patterns: &Patterns,
    sources: &[Source<'_>],
    options: &Options,
) -> Imported {
    each(sources, |source| {
        unwrapped(
            source,
            |text| patterns.has_mark(text),
            |source| marked::import(source, options, &patterns.marks()),
        )
    })
}

/// The other protocol whose session a text is: its server says so in the first line that looks like
/// a server's.
pub(crate) fn other_protocol(source: &Source<'_>) -> Option<&'static Service> {
    let text = Unwrapped::plain(source.octets);
    let head = text.octets.get(..HEAD).unwrap_or(&text.octets);
    // Marks that logs put in front of what the server sent.
    let marks: &[u8] = b"<>SCR: \t-";
    let bare = |line: &[u8]| {
        let at = line.iter().position(|octet| !marks.contains(octet));
        line.get(at.unwrap_or(line.len())..)
            .unwrap_or_default()
            .to_vec()
    };
    let mut lines = lines::numbered(head).map(|(_, line)| line);
    lines.find_map(|line| Service::of_line(line).or_else(|| Service::of_line(&bare(line))))
}

fn each(sources: &[Source<'_>], import: impl Fn(&Source<'_>) -> Imported) -> Imported {
    let mut made = Vec::new();
    for source in sources {
        made.extend(import(source)?);
    }
    Ok(made)
}

/// A text, of which only the connections to POP3 servers count.
fn text(format: Format, source: &Source<'_>, options: &Options) -> Imported {
    let is_format = |text: &[u8]| Format::of_text(text) == Some(format);
    unwrapped(source, is_format, |source| match format {
        Format::SClient | Format::GnutlsCli | Format::Telnet | Format::Terminal => {
            let octets = reformat::undone(source.octets);
            let source = Source {
                octets: &octets,
                ..*source
            };
            terminal_text(format, &source, options)
        }
        Format::Curl => curl::import(source, options),
        Format::Fetchmail => fetchmail::import(source, options),
        Format::Thunderbird => thunderbird::import(source, options),
        Format::Exchange => exchange::import(source, options),
        format => {
            let row = dialects::of_text(source.octets, Some(format))
                .or_else(|| dialects::of_format(format));
            match row {
                Some(row) => marked::import(source, options, row),
                None => Ok(Vec::new()),
            }
        }
    })
}

fn terminal_text(format: Format, source: &Source<'_>, options: &Options) -> Imported {
    match format {
        Format::SClient => s_client::import(source, options),
        Format::GnutlsCli => telnet::gnutls(source, options),
        Format::Telnet => telnet::telnet(source, options),
        _ => telnet::copy(source, options),
    }
}

/// Imports a text as its program wrote it: without quoting and the like, if then it is of the
/// format.
fn unwrapped(
    source: &Source<'_>,
    is_format: impl Fn(&[u8]) -> bool,
    import: impl Fn(&Source<'_>) -> Imported,
) -> Imported {
    let text = Unwrapped::unquoted(source.octets).filter(|text| is_format(&text.octets));
    let text = text.unwrap_or_else(|| Unwrapped::plain(source.octets));
    let inner = Source {
        name: source.name,
        octets: &text.octets,
    };
    let made = import(&inner).map_err(|problem| Problem {
        line: problem.line.map(|line| text.number(line)),
        ..problem
    })?;
    let other = made.iter().find_map(|made| made.service);
    let made: Vec<ImportedTranscript> = made
        .into_iter()
        .filter(|made| made.service.is_none())
        .collect();
    match other {
        Some(service) if made.is_empty() => {
            let what = format!("this is {}", service.name);
            Err(Problem::new(source, None, &what, service.hint))
        }
        _ => Ok(made),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_tcp;
