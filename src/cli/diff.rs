//! `poptalk diff A B`: two transcripts, exchange by exchange.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use owo_colors::Stream;

use crate::analysis::diff::{self, Compared, Level, Options, Recording};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::reread::{RereadReader, Twice};
use crate::base::say;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Style};
use crate::modes::report::differences::{DifferencePrinter, WIDE};
use crate::modes::report::findings::{self, Format, Judged};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk diff before.pop3 after.pop3
  poptalk diff --level octets before.pop3 after.pop3
  poptalk diff --format junit before.pop3 after.pop3 > report.xml";

/// The most findings that are kept for JSON and JUnit; the rest is counted.
const FINDINGS_MAX: usize = 10_000;

/// How long the lines of one window may be brought side by side.
const PATIENCE: Duration = Duration::from_secs(2);

/// The arguments of `diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The transcript with what is expected; its holes stand for anything
    #[arg(value_name = "A")]
    old: PathBuf,

    /// The transcript to compare with it
    #[arg(value_name = "B")]
    new: PathBuf,

    /// How closely to compare
    #[arg(long, value_enum, default_value_t)]
    level: Level,

    /// Compare messages by their unique-ids, where both recordings have UIDL, whatever their numbers are
    #[arg(long)]
    map_uidl: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Print both sides side by side, as on a terminal of 160 columns and more
    #[arg(long)]
    side_by_side: bool,
}

/// Compares two transcripts and prints where they differ.
pub(crate) fn run(args: &DiffArgs) -> Result<Exit, Error> {
    let (old, new) = (open(&args.old), open(&args.new));
    // Both are named when both are not there.
    if let (Err(error), Err(_)) = (&old, &new) {
        error.say();
    }
    let (mut new, mut old) = (new?, old?);
    let options = Options {
        level: args.level,
        map_uidl: args.map_uidl,
        deadline: || Some(Instant::now() + PATIENCE),
    };
    let mut out = BufWriter::new(stdio::output());
    let result = match args.format {
        Format::Text => people(args, &mut old, &mut new, &options, &mut out),
        Format::Json | Format::Junit | Format::Html => {
            program(args, &mut old, &mut new, &options, &mut out)
        }
    };
    let flushed = out.flush();
    match result {
        Ok(summary) => {
            if args.map_uidl && summary.mapped.is_none() {
                say::note(
                    "not both recordings have UIDL: message numbers are compared as they are",
                );
            }
            let exit = match summary.different {
                0 => Exit::Well,
                _ => Exit::Refused,
            };
            Ok(say::written(&flushed, exit))
        }
        Err(unreadable) => {
            let path = if unreadable.is_new {
                &args.new
            } else {
                &args.old
            };
            let error = &unreadable.error;
            let (row, column) = (error.row, error.column);
            let what = format!("row {row} column {column} of {}: {error}", path.display());
            Err(Error::usage(what))
        }
    }
}

type Comparison = Result<diff::DiffSummary, diff::Unreadable>;

fn people(
    args: &DiffArgs,
    old: &mut Recording<RereadReader>,
    new: &mut Recording<RereadReader>,
    options: &Options,
    out: &mut dyn Write,
) -> Comparison {
    let columns = crossterm::terminal::size().map_or(WIDE, |(columns, _)| usize::from(columns));
    let is_terminal = stdio::is_output_terminal();
    let width = if args.side_by_side {
        Some(if is_terminal { columns } else { WIDE })
    } else {
        Some(columns).filter(|columns| is_terminal && *columns >= WIDE)
    };
    let style = Style::new(ColorChoice::Auto, Stream::Stdout);
    let mut printer = DifferencePrinter::new(out, style, width);
    // When nobody reads any more, the exit code is still to be found.
    let summary = diff::compare(old, new, options, &mut |told| _ = printer.emit(&told))?;
    let _ = printer.fold();
    Ok(summary)
}

fn program(
    args: &DiffArgs,
    old: &mut Recording<RereadReader>,
    new: &mut Recording<RereadReader>,
    options: &Options,
    out: &mut dyn Write,
) -> Comparison {
    let mut judged = Judged {
        files: [&args.old, &args.new]
            .map(|path| path.display().to_string())
            .to_vec(),
        ..Judged::default()
    };
    let summary = diff::compare(old, new, options, &mut |told| {
        let Compared::Differs(change) = told else {
            return;
        };
        for finding in change.findings {
            if judged.findings.len() < FINDINGS_MAX {
                judged.findings.push(finding);
            } else {
                judged.beyond += 1;
            }
        }
    })?;
    let judged = [judged];
    // A reader that has enough is no failure.
    let _ = match args.format {
        Format::Junit => findings::junit(out, &judged),
        Format::Html => findings::html(out, &judged),
        Format::Json | Format::Text => findings::json(out, &judged, None),
    };
    Ok(summary)
}

fn open(path: &Path) -> Result<Recording<RereadReader>, Error> {
    let opened = Twice::open(path).map(|file| Recording::new(file.reader(), file.reader()));
    opened.map_err(|error| {
        Error::about(path.display(), &error)
            .with_hint("name two transcripts, files that end in .pop3")
    })
}
