//! `poptalk lint FILE...`: the rules over transcripts.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use owo_colors::Stream;

use crate::analysis::finding::Level;
use crate::analysis::lint::{self, Lint, Rule};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Style};
use crate::modes::report::findings::{self, Format, Judged};
use crate::transcript::text::Reader;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk lint recording.pop3
  poptalk lint --only unstuffed-dot-line *.pop3
  poptalk lint --list  every rule";

/// How much of a file is read at once, in octets.
const CHUNK: usize = 256 * 1024;

/// The arguments of `lint`.
#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// The transcripts to judge
    #[arg(value_name = "FILE", required_unless_present = "list")]
    files: Vec<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Judge by this rule only; may be given many times
    #[arg(long, value_name = "ID")]
    only: Vec<String>,

    /// Name every rule: id, level, source, what it says
    #[arg(long)]
    list: bool,

    /// End with 1 for findings of this level and above
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "should")]
    fail_on: Level,
}

/// Judges transcripts and prints what was found.
///
/// Errors: there is no such rule.
pub(crate) fn run(args: &LintArgs) -> Result<Exit, Error> {
    if let Some(unknown) = args.only.iter().find(|id| lint::rule(id).is_none()) {
        let mut ids = lint::rules().map(|rule| rule.id);
        return Err(no_rule(unknown, &mut ids, "poptalk lint --list"));
    }
    let wants = |rule: &Rule| args.only.is_empty() || args.only.iter().any(|id| id == rule.id);
    let mut out = BufWriter::new(stdio::output());
    if args.list {
        let printed = list(&mut out, wants).and_then(|()| out.flush());
        return Ok(say::written(&printed, Exit::Well));
    }
    let mut exit = Exit::Well;
    let mut all = Vec::new();
    for path in &args.files {
        match judge(path, wants) {
            Ok(judged) => {
                let is_failure = judged.findings.iter().any(|one| one.level >= args.fail_on);
                exit = exit.max(if is_failure {
                    Exit::Refused
                } else {
                    Exit::Well
                });
                if args.format == Format::Text {
                    let style = Style::new(ColorChoice::Auto, Stream::Stdout);
                    // When nobody reads any more, the exit code is still to be found.
                    let _ = findings::text(&mut out, &judged, style);
                } else {
                    all.push(judged);
                }
            }
            Err(error) => {
                let _ = out.flush();
                error.say();
                exit = error.exit;
            }
        }
    }
    let _ = match args.format {
        Format::Text => Ok(()),
        Format::Json => findings::json(&mut out, &all, None),
        Format::Junit => findings::junit(&mut out, &all),
        Format::Html => findings::html(&mut out, &all),
    };
    Ok(say::written(&out.flush(), exit))
}

/// Judges one file.
///
/// Errors: it can't be read, or there is nothing in it.
fn judge(path: &Path, wants: impl Fn(&Rule) -> bool) -> Result<Judged, Error> {
    let name = path.display().to_string();
    let open = || {
        let file = File::open(path)?;
        match file.metadata()?.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        }
    };
    let file = open().map_err(|error: io::Error| {
        Error::about(&name, &error).with_hint("name a transcript, a file that ends in .pop3")
    })?;
    let mut reader = Reader::new(BufReader::with_capacity(CHUNK, file));
    match lint::judge(&mut reader, Lint::with(wants)) {
        // No finding would say that all is well.
        Ok(_) if reader.row() == 0 => Err(Error::usage(format!("{name}: the file is empty"))),
        Ok(findings) => Ok(Judged {
            files: vec![name],
            findings,
            ..Judged::default()
        }),
        Err(error) => {
            let what = format!(
                "row {} column {} of {name}: {error}",
                error.row, error.column
            );
            Err(Error::usage(what))
        }
    }
}

/// One line for each rule: id, level, source, what it says.
fn list(out: &mut dyn Write, wants: impl Fn(&Rule) -> bool) -> io::Result<()> {
    for rule in lint::rules().filter(|rule| wants(rule)) {
        let level = rule.level.name();
        writeln!(
            out,
            "{:<34} {level:<8} {}: {}",
            rule.id, rule.source, rule.says
        )?;
    }
    Ok(())
}

/// Returns the error that there is no such rule, with the one that may have been meant: the one whose id begins alike, or has most words in common.
pub(super) fn no_rule(
    unknown: &str,
    ids: &mut dyn Iterator<Item = &'static str>,
    lists: &str,
) -> Error {
    let likeness = |id: &&str| {
        let pairs = unknown.bytes().zip(id.bytes());
        let start = pairs.take_while(|(a, b)| a == b).count();
        let words = unknown.split('-');
        let shared = words.filter(|word| id.split('-').any(|own| own == *word));
        start.max(shared.map(str::len).sum::<usize>())
    };
    let near = ids.max_by_key(likeness).filter(|id| likeness(id) > 2);
    let meant = near.map_or(String::new(), |id| format!("did you mean `{id}`? "));
    Error::usage(format!("--only: there is no rule `{unknown}`"))
        .with_hint(format!("{meant}`{lists}` names every rule"))
}
