//! `poptalk lint FILE...`: the rules over transcripts.

use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use owo_colors::Stream;

use super::shared::{FormatArgs, RuleArgs, broken, not_a_transcript, unreadable};
use crate::analysis::lint::{self, Lint, Rule};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
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

/// What to do about a file that is not a transcript.
const HINT: &str = "name a transcript, a file that ends in .pop3";

/// How much of a file is read at once, in octets.
const CHUNK: usize = 256 * 1024;

#[derive(Debug, clap::Args)]
#[command(mut_arg("fail_on", |arg| arg.default_value("should")))]
pub(crate) struct LintArgs {
    /// Transcripts to judge
    #[arg(value_name = "FILE", required_unless_present = "list")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    report: FormatArgs,

    #[command(flatten)]
    rules: RuleArgs,

    /// List every rule: id, level, source, requirement
    #[arg(long)]
    list: bool,
}

/// Judges transcripts and prints what was found.
///
/// Errors: there is no such rule.
pub(crate) fn run(args: &LintArgs) -> Result<Exit, Error> {
    let ids: Vec<_> = lint::rules().map(|rule| rule.id).collect();
    args.rules.check(&ids, "poptalk lint --list")?;
    let wants = |rule: &Rule| args.rules.wants(rule.id);
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
                exit = exit.max(if args.rules.is_failure(&judged.findings) {
                    Exit::Refused
                } else {
                    Exit::Well
                });
                if args.report.format == Format::Text {
                    let style = Style::new(ColorChoice::Auto, Stream::Stdout);
                    // When no one reads any longer, the exit code is still to be found.
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
    let _ = args.report.format.print(&mut out, &all, None);
    Ok(say::written(&out.flush(), exit))
}

/// Judges one file.
///
/// Errors: it can't be read, or there is nothing in it.
fn judge(path: &Path, wants: impl Fn(&Rule) -> bool) -> Result<Judged, Error> {
    let name = path.display().to_string();
    let file = files::read(path).map_err(|error| unreadable(path, &error))?;
    let mut reader = Reader::new(BufReader::with_capacity(CHUNK, file));
    match lint::judge(&mut reader, Lint::with(wants)) {
        // No finding would say that all is well.
        Ok(_) if reader.row() == 0 => Err(Error::usage(format!("{name}: the file is empty"))),
        Ok(_) if !reader.is_transcript() => {
            Err(Error::usage(not_a_transcript(path)).with_hint(HINT))
        }
        Ok(findings) => Ok(Judged {
            files: vec![name],
            findings,
            ..Judged::default()
        }),
        Err(error) => Err(broken(path, &error)),
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
