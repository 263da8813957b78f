//! `poptalk diff A B`: two transcripts, exchange by exchange.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::shared::{ComparisonArgs, FormatArgs, broken};
use crate::analysis::diff::{self, Compared, Options, Recording};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::reread::{RereadReader, Twice};
use crate::base::say;
use crate::base::stdio;
use crate::modes::report::differences::DifferencePrinter;
use crate::modes::report::findings::{Format, Judged};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk diff before.pop3 after.pop3
  poptalk diff --level octets before.pop3 after.pop3
  poptalk diff --format junit before.pop3 after.pop3 > report.xml";

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The expected transcript; its holes match anything
    #[arg(value_name = "A")]
    old: PathBuf,

    /// Transcript to compare with it
    #[arg(value_name = "B")]
    new: PathBuf,

    #[command(flatten)]
    comparison: ComparisonArgs,

    #[command(flatten)]
    report: FormatArgs,

    /// Print both side by side, as on terminals of 160 or more columns
    #[arg(long)]
    side_by_side: bool,
}

pub(crate) fn run(args: &DiffArgs) -> Result<Exit, Error> {
    let (old, new) = (open(&args.old), open(&args.new));
    // Both are named when both are not there.
    if let (Err(error), Err(_)) = (&old, &new) {
        error.say();
    }
    let (mut new, mut old) = (new?, old?);
    let options = args.comparison.options();
    let mut out = BufWriter::new(stdio::output());
    let result = match args.report.format {
        Format::Text => people(args, &mut old, &mut new, &options, &mut out),
        Format::Json | Format::Junit | Format::Html => {
            program(args, &mut old, &mut new, &options, &mut out)
        }
    };
    let flushed = out.flush();
    match result {
        Ok(summary) => {
            if args.comparison.map_uidl && summary.mapped.is_none() {
                say::note(
                    "UIDL is missing in one of the recordings: comparing message numbers as they are",
                );
            }
            let exit = match summary.different {
                0 => Exit::Well,
                _ => Exit::Refused,
            };
            Ok(say::written(&flushed, exit))
        }
        Err(unreadable) if unreadable.is_new => Err(broken(&args.new, &unreadable.error)),
        Err(unreadable) => Err(broken(&args.old, &unreadable.error)),
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
    let mut printer = DifferencePrinter::for_stdout(out, args.side_by_side);
    // When no one reads any longer, the exit code is still to be found.
    let summary = diff::compare(old, new, options, &mut |compared| {
        _ = printer.emit(&compared)
    })?;
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
    let mut judged = Judged::of_two(&args.old, &args.new);
    let summary = diff::compare(old, new, options, &mut |compared| {
        if let Compared::Differs(change) = compared {
            judged.add(change.findings);
        }
    })?;
    // A reader that has enough is not a failure.
    let _ = args.report.format.print(out, &[judged], None);
    Ok(summary)
}

fn open(path: &Path) -> Result<Recording<RereadReader>, Error> {
    let opened = Twice::open(path).map(|file| Recording::new(file.reader(), file.reader()));
    opened.map_err(|error| {
        Error::about(path.display(), &error)
            .with_hint("name two transcripts, files that end in .pop3")
    })
}
