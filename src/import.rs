//! Recordings that other programs made, as transcripts. Pure: octets of files in, texts of transcripts out.
//!
//! What a recording does not tell is not made up: a head says what is missing, and holes stand where octets were left out.
//! Secrets are hidden as in a live recording. In memory at once are the files ([`FILE_MAX`] each), of a capture at most two octets
//! more for each of the file, and the transcripts, at most about five octets for each of theirs.

mod conversation;
mod curl;
mod dump;
mod fetchmail;
mod fragments;
mod frames;
mod lines;
mod link;
mod mailkit;
mod packets;
mod pcap;
mod rawlog;
mod s_client;
mod sessions;
mod stamp;
mod talk;
mod tcp;
mod thunderbird;
mod unpack;

use std::borrow::Cow;

pub use pcap::TALKS_MAX;
pub use unpack::{Unpacked, unpack, unpacked_name};

/// The most octets of a file that is read.
pub const FILE_MAX: u64 = 128 * 1024 * 1024;

/// The program that made a recording, or its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Format {
    /// What `openssl s_client` wrote, or a copy of its terminal
    SClient,
    /// `curl -v`, --trace-ascii or --trace
    Curl,
    /// `fetchmail -vv`
    Fetchmail,
    /// A pair of files of Dovecot's rawlog: NAME.in and NAME.out
    Rawlog,
    /// Thunderbird's log of its POP3 module
    Thunderbird,
    /// MailKit's ProtocolLogger
    Mailkit,
    /// A capture of packets, pcap or pcapng, with POP3 in clear
    Pcap,
}

/// A file that was read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, for errors; of a rawlog its end tells the side.
    pub name: &'a str,
    /// All its octets.
    pub octets: &'a [u8],
}

/// What an import needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Ports of POP3 servers, besides 110, for captures.
    pub ports: Vec<u16>,
    /// Secrets stay as they are.
    pub is_keeping: bool,
}

/// One transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The text of its file.
    pub text: Vec<u8>,
}

/// Why a file can't be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place(file, *line))]
pub struct Problem {
    /// The name of the file.
    pub file: String,
    /// The line, from 1, where one can be named.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
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
    /// The format of a file, by what stands in its first lines; None when it is none of these.
    #[must_use]
    pub fn recognize(source: &Source<'_>) -> Option<Self> {
        let head = source.octets.get(..64 * 1024).unwrap_or(source.octets);
        let has = |needle: &str| memchr::memmem::find(head, needle.as_bytes()).is_some();
        let tests: [(Self, bool); 7] = [
            (Self::Pcap, pcap::is_capture(head)),
            (Self::Rawlog, rawlog::is_rawlog(source)),
            (Self::Fetchmail, has("POP3< ") || has("POP3> ")),
            (Self::Thunderbird, thunderbird::is_log(head)),
            (Self::Mailkit, mailkit::is_log(head)),
            (Self::Curl, curl::is_log(head)),
            (Self::SClient, s_client::is_log(head)),
        ];
        let found = tests.into_iter().find(|(_, is_it)| *is_it);
        found.map(|(format, _)| format)
    }
}

/// Makes transcripts of files; of each file, or pair of files, as many as it holds connections.
///
/// Errors: a file is not of this format, holds no POP3, or breaks its own rules.
pub fn import(
    format: Format,
    sources: &[Source<'_>],
    options: &Options,
) -> Result<Vec<Made>, Problem> {
    if format == Format::Rawlog {
        return rawlog::import(sources, options);
    }
    let mut made = Vec::new();
    for source in sources {
        let of_file = match format {
            Format::SClient => s_client::import(source, options),
            Format::Curl => curl::import(source, options),
            Format::Fetchmail => fetchmail::import(source, options),
            Format::Thunderbird => thunderbird::import(source, options),
            Format::Mailkit => mailkit::import(source, options),
            Format::Pcap | Format::Rawlog => pcap::import(source, options),
        }?;
        made.extend(of_file);
    }
    Ok(made)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_tcp;
