//! `poptalk import FORMAT FILE...`: recordings that other programs made, as transcripts.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::redact::Safe;
use super::shared::OutputArgs;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::say;
use crate::base::stdio;
use crate::modes::options::SecretsArgs;
use crate::reading::import::{
    self, FILE_MAX, Format, ImportedTranscript, Options, Patterns, Problem, Source,
};
use crate::transcript::file;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk import auto openssl.txt -o session.pop3
  poptalk import rawlog 20261123.in 20261123.out
  poptalk import lines --client '^> (.*)$' --server '^< (.*)$' session.log
  poptalk import pcap capture.pcap -o folder/";

/// The word that has the format found out.
const AUTO: &str = "auto";

const OUTPUT_HELP: &str = "Write to OUT (a new file, or a folder OUT/ for several connections) instead of standard output";

#[derive(Debug, clap::Args)]
#[command(mut_arg("output", |arg| arg.help(OUTPUT_HELP)))]
pub(crate) struct ImportArgs {
    /// What made the recording, or auto to detect it
    #[arg(value_name = "FORMAT", value_parser = format, help = format_help())]
    format: Chosen,

    /// Recordings; `-` is standard input; for a rawlog, NAME.in and NAME.out
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    place: OutputArgs,

    /// In a capture: a server's port, in addition to 110 (repeatable)
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,

    /// With lines: pattern of the client's lines, with a group around what was sent
    #[arg(long, value_name = "REGEX")]
    client: Option<String>,

    /// With lines: pattern of the server's lines, likewise
    #[arg(long, value_name = "REGEX")]
    server: Option<String>,

    #[command(flatten)]
    secrets: SecretsArgs,
}

fn format_help() -> String {
    format!(
        "Format of the recording: {}; or auto",
        Format::names().join(", ")
    )
}

/// The format, where it was given.
#[derive(Debug, Clone, Copy)]
struct Chosen(Option<Format>);

fn format(text: &str) -> Result<Chosen, String> {
    if text == AUTO {
        return Ok(Chosen(None));
    }
    Format::from_str(&text.replace('-', "_"), true)
        .map(|format| Chosen(Some(format)))
        .map_err(|_| format!("expected one of {AUTO}, {}", Format::names().join(", ")))
}

const LINES_HINT: &str = "poptalk import lines --client '^> (.*)$' --server '^< (.*)$' FILE";

/// The patterns of `lines`; None for another format.
fn patterns(args: &ImportArgs) -> Result<Option<Patterns>, Error> {
    let is_lines = matches!(args.format, Chosen(Some(Format::Lines)));
    match (is_lines, &args.client, &args.server) {
        (false, None, None) => Ok(None),
        (true, Some(client), Some(server)) => Patterns::new(client, server)
            .map(Some)
            .map_err(|error| Error::usage(error.to_string()).with_hint(LINES_HINT)),
        (true, ..) => Err(Error::usage("lines needs --client and --server").with_hint(LINES_HINT)),
        (false, ..) => {
            let what = "--client and --server work only with the format lines";
            Err(Error::usage(what).with_hint(LINES_HINT))
        }
    }
}

/// Imports, and writes the transcripts.
///
/// Errors: a file can't be read or be understood, or not be written.
pub(crate) fn run(args: &ImportArgs) -> Result<Exit, Error> {
    let patterns = patterns(args)?;
    let read = args.files.iter().map(|path| {
        let name = name(path);
        read(path)
            .and_then(|octets| unpacked(&name, octets))
            .map(|octets| (name, octets))
    });
    let read: Vec<(String, Vec<u8>)> = read.collect::<Result<_, _>>()?;
    let sources: Vec<Source<'_>> = read
        .iter()
        .map(|(name, octets)| Source { name, octets })
        .collect();
    let options = Options {
        ports: args.ports.clone(),
        is_keeping: args.secrets.keep_secrets,
    };
    let made = match (&patterns, args.format) {
        (Some(patterns), _) => import::import_lines(patterns, &sources, &options),
        (None, Chosen(Some(format))) => import::import(format, &sources, &options),
        (None, Chosen(None)) => import::import(recognize(&sources)?, &sources, &options),
    };
    let made = made.map_err(failure)?;
    write(args, &made)
}

/// The format that all files have.
fn recognize(sources: &[Source<'_>]) -> Result<Format, Error> {
    let mut all: Option<Format> = None;
    for source in sources {
        let Some(format) = Format::recognize(source) else {
            return Err(unknown(source));
        };
        if all.is_some_and(|all| all != format) {
            let what = format!("{}: not the same format as the file before it", source.name);
            return Err(Error::usage(what).with_hint("import the files of each format separately"));
        }
        all = Some(format);
    }
    all.ok_or_else(|| Error::usage("no file"))
}

/// A file of no format: that of another protocol, or one to be named.
fn unknown(source: &Source<'_>) -> Error {
    let what = match import::other_protocol(source) {
        Some(service) => {
            let what = format!("{}: this is {}", source.name, service.name);
            return Error::usage(what).with_hint(service.hint);
        }
        None => format!(
            "{}: unknown format, not one of {}",
            source.name,
            Format::names().join(", ")
        ),
    };
    let hint = format!("name the format, or describe how the log marks its lines: {LINES_HINT}");
    Error::usage(what).with_hint(hint)
}

fn failure(problem: Problem) -> Error {
    Error::usage(problem.to_string()).with_hint(problem.hint)
}

fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failure = |error: io::Error| {
        Error::about(name(path), &error).with_hint("give a file that can be read")
    };
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failure)?)
    };
    let mut octets = Vec::new();
    input
        .take(FILE_MAX + 1)
        .read_to_end(&mut octets)
        .map_err(failure)?;
    if octets.len() as u64 > FILE_MAX {
        let what = format!("{}: more than {} MiB", name(path), FILE_MAX >> 20);
        let hint = "shorten it, or filter a capture: tcpdump -r FILE -w LESS tcp port 110";
        return Err(Error::usage(what).with_hint(hint));
    }
    Ok(octets)
}

/// The octets of a file as they were before gzip.
fn unpacked(name: &str, octets: Vec<u8>) -> Result<Vec<u8>, Error> {
    let source = Source {
        name,
        octets: &octets,
    };
    let unpacked = import::unpack(&source).map_err(failure)?;
    if unpacked.is_cut {
        let what = format!("{name}: the end of the gzip data is missing or damaged");
        say::warning(&what);
    }
    Ok(match unpacked.octets {
        Cow::Owned(octets) => octets,
        Cow::Borrowed(_) => octets,
    })
}

fn write(args: &ImportArgs, made: &[ImportedTranscript]) -> Result<Exit, Error> {
    let Some(output) = &args.place.output else {
        let [made] = made else {
            let what = format!("{} connections can't all go to standard output", made.len());
            let hint = "give a folder for the transcripts: -o FOLDER/";
            return Err(Error::usage(what).with_hint(hint));
        };
        let mut out = stdio::output();
        let printed = match stdio::is_output_terminal() {
            true => Safe(&mut out).write_all(&made.text),
            false => out.write_all(&made.text),
        };
        let printed = printed.and_then(|()| out.flush());
        return Ok(say::written(&printed, Exit::Well));
    };
    for (index, talk) in made.iter().enumerate() {
        let path = place(args, output, (made.len() > 1).then_some(index + 1));
        files::create(&path)
            .and_then(|mut file| file.write_all(&talk.text))
            .map_err(|error| {
                Error::about(path.display(), &error).with_hint(files::other_place(&error))
            })?;
        say::note(&format!("wrote {}", path.display()));
    }
    Ok(Exit::Well)
}

/// The file of one of several transcripts: `OUT-2.pop3`, or in a folder `CAPTURE-2.pop3`.
fn place(args: &ImportArgs, output: &Path, number: Option<usize>) -> PathBuf {
    let is_folder = files::is_folder(output);
    let stem = if is_folder {
        // Of `x.pcap.gz` the name is `x`.
        let first = args.files.first().and_then(|path| path.file_name());
        first
            .and_then(OsStr::to_str)
            .map(|name| OsStr::new(import::unpacked_name(name)))
            .or(first)
            .and_then(|name| Path::new(name).file_stem())
    } else {
        output.file_stem()
    };
    let stem = stem
        .filter(|stem| *stem != "-")
        .unwrap_or(OsStr::new("import"));
    let stem = stem.to_string_lossy();
    let name = match number {
        Some(number) => format!("{stem}-{number}.{}", file::EXTENSION),
        None if is_folder => format!("{stem}.{}", file::EXTENSION),
        None => return output.to_owned(),
    };
    if is_folder {
        output.join(name)
    } else {
        output.with_file_name(name)
    }
}
