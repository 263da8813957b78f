//! `poptalk redact FILE`: a transcript without its secrets, and on request without message data and
//! names.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::shared::{OutputArgs, broken};
use crate::base::error::Error;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::say;
use crate::base::stdio;
use crate::modes::options::BodiesArgs;
use crate::reading::redact::{Options, Redactor};
use crate::transcript::elide::Bodies;
use crate::transcript::secret::Hider;
use crate::transcript::text::Reader;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk redact recording.pop3 -o shared.pop3
  poptalk redact --bodies elide=10 --names recording.pop3";

/// The most octets that are read from a pipe: they are kept in a file without a name, to be read
/// twice.
const PIPE_MAX: u64 = 1024 * 1024 * 1024;

/// As much is put together before it is written.
const BLOCK: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct RedactArgs {
    /// Transcript; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    place: OutputArgs,

    /// Also hide each line of this file, wherever it appears
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    #[command(flatten)]
    data: BodiesArgs,

    /// Replace user names, and mail addresses in status lines, with user-1, ...
    #[arg(long)]
    names: bool,
}

/// Redacts one transcript.
///
/// Errors: a file can't be read, or not be written.
pub(crate) fn run(args: &RedactArgs) -> Result<Exit, Error> {
    let mut hider = Hider::new(false);
    if let Some(path) = &args.secret_file {
        remember(&mut hider, path)?;
    }
    let options = Options {
        bodies: args.data.bodies,
        has_names: args.names,
        is_searching_data: true,
        is_told: true,
    };
    let unread = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::FileTooLarge => "write it to a file first, and name that file",
            _ => "give a transcript that can be read",
        };
        Error::about(args.file.display(), &error).with_hint(hint)
    };
    let mut input = twice(&args.file).map_err(unread)?;
    let hider = collect(hider, &input);
    input.rewind().map_err(unread)?;
    let redactor = Redactor::new(hider, options);
    let Some(path) = &args.place.output else {
        let out = stdio::output();
        return match stdio::is_output_terminal() {
            true => copy(args, redactor, input, &mut Safe(out)),
            false => copy(args, redactor, input, &mut { out }),
        };
    };
    let name = match args.file == Path::new("-") {
        true => OsString::from("redacted.pop3"),
        false => args.file.file_name().unwrap_or_default().to_owned(),
    };
    let path = files::file_at(path, name);
    let unwritten = |error: io::Error| {
        Error::about(path.display(), &error).with_hint(files::other_place(&error))
    };
    let mut file = files::create(&path).map_err(unwritten)?;
    copy(args, redactor, input, &mut file).inspect_err(|_| {
        // What there is of it may mislead.
        let _ = std::fs::remove_file(&path);
    })
}

/// A transcript that can be read twice: the file, or what comes from a pipe.
fn twice(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return spooled(&mut io::stdin().lock(), PIPE_MAX);
    }
    let mut file = files::read(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => spooled(&mut file, PIPE_MAX),
    }
}

fn spooled(input: &mut dyn Read, most: u64) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    if io::copy(&mut input.take(most + 1), &mut file)? > most {
        let what = format!("more than {} MiB from a pipe", most >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    file.rewind()?;
    Ok(file)
}

/// Reads the transcript for its secrets. What can't be read is reported when it is read again.
/// Messages are passed over: a secret is learned from commands and replies.
fn collect(hider: Hider, input: &File) -> Hider {
    let options = Options {
        bodies: Bodies::Elide { lines: 0 },
        ..Options::default()
    };
    let mut redactor = Redactor::new(hider, options);
    let mut out = Vec::new();
    for item in Reader::new(BufReader::new(input)).map_while(Result::ok) {
        redactor.item(item, &mut out);
        out.clear();
    }
    redactor.finish(&mut out);
    redactor.into_hider()
}

/// A terminal: a stranger's recording must not drive it. Whole lines are written to it.
pub(super) struct Safe<W>(pub(super) W);

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut shown = String::new();
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            escape::escape(text, &mut shown);
            if text.len() < line.len() {
                shown.push('\n');
            }
        }
        self.0.write_all(shown.as_bytes())?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn remember(hider: &mut Hider, path: &Path) -> Result<(), Error> {
    let text = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        let option = format_args!("--secret-file {}", path.display());
        Error::about(option, &error).with_hint("give a file with a secret on each line")
    })?;
    for line in text.split(|octet| *octet == b'\n') {
        hider.remember("secret", line.strip_suffix(b"\r").unwrap_or(line));
    }
    if hider.take_short() {
        say::warning(
            "a secret shorter than four octets can't be hidden everywhere; it was skipped",
        );
    }
    Ok(())
}

fn copy(
    args: &RedactArgs,
    mut redactor: Redactor,
    input: File,
    output: &mut dyn Write,
) -> Result<Exit, Error> {
    let mut out = Vec::new();
    let mut failure = None;
    for item in Reader::new(BufReader::new(input)) {
        match item {
            Ok(item) => redactor.item(item, &mut out),
            Err(error) => {
                failure = Some(broken(&args.file, &error));
                break;
            }
        }
        if out.len() >= BLOCK && !write(args, output, &mut out)? {
            return Ok(Exit::Well);
        }
    }
    redactor.finish(&mut out);
    write(args, output, &mut out)?;
    failure.map_or(Ok(Exit::Well), Err)
}

/// Writes a block; false when no one reads any longer.
fn write(args: &RedactArgs, output: &mut dyn Write, out: &mut Vec<u8>) -> Result<bool, Error> {
    let result = output.write_all(out).and_then(|()| output.flush());
    out.clear();
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            let place = args.place.output.as_deref();
            let place = place.unwrap_or(Path::new("standard output"));
            Err(Error::about(place.display(), &error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_read_up_to_a_bound() {
        let mut text = String::new();
        spooled(&mut &b"C: NOOP"[..], 7)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "C: NOOP");
        let error = spooled(&mut &b"C: NOOP"[..], 6).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_comes_before_a_secret_is_searched_for_it() {
        let text = "#!pop3 1\nserver: pop3://bob:geheim12@h\nnote: geheim12\n\n# he used geheim12\n\
            S: +OK Z2VoZWltMTI= before\nC: PASS geheim12\nS: +OK\n";
        let options = Options {
            is_searching_data: true,
            is_told: true,
            ..Options::default()
        };
        let mut file = spooled(&mut text.as_bytes(), 1000).unwrap();
        let hider = collect(Hider::new(false), &file);
        file.rewind().unwrap();
        let mut redactor = Redactor::new(hider, options);
        let mut out = Vec::new();
        for item in Reader::new(BufReader::new(file)) {
            redactor.item(item.unwrap(), &mut out);
        }
        redactor.finish(&mut out);
        let out = String::from_utf8(out).unwrap();
        let want = "#!pop3 1\nserver: pop3://bob:{{password}}@h\nnote: {{password}}\nredacted: secrets\n\n\
            # he used {{password}}\nS: +OK {{password}} before\nC: PASS {{password}}\nS: +OK\n";
        assert_eq!(out, want);
    }

    #[test]
    fn a_terminal_gets_nothing_that_drives_it() {
        let mut out = Vec::new();
        Safe(&mut out)
            .write_all("# \u{1b}[2J\u{202e}\nC: NOOP\n".as_bytes())
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "# ^[[2J<202E>\nC: NOOP\n");
    }
}
