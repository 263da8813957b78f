//! What several subcommands share: options that no room below needs to know, each declared once,
//! and the error of a broken file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::analysis::diff;
use crate::analysis::finding::{Finding, Level};
use crate::base::error::Error;
use crate::base::files;
use crate::base::io_error::plain;
use crate::modes::replay::NAME_A_TRANSCRIPT;
use crate::modes::report::findings::Format;
use crate::net::target::Target;
use crate::transcript::file;
use crate::transcript::text::ParseError;

/// How long the lines of one window may be brought side by side.
const ALIGNMENT_MAX: Duration = Duration::from_secs(2);

/// When TLS begins.
#[derive(Debug, clap::Args)]
pub(super) struct TlsStartArgs {
    /// Use TLS from the first octet, as on port 995
    #[arg(long, group = "security")]
    pub(super) tls: bool,

    /// Send STLS first
    #[arg(long, group = "security")]
    pub(super) stls: bool,
}

impl TlsStartArgs {
    /// Errors: `--stls` comes too late, as the server speaks TLS from the first octet.
    pub(super) fn check(&self, target: &Target) -> Result<(), Error> {
        match self.stls && target.is_tls {
            true => Err(Error::usage(
                "--stls can't be used on a port where TLS is on from the first octet",
            )
            .with_hint("omit --stls")),
            false => Ok(()),
        }
    }
}

/// Where the transcripts of several sessions go.
#[derive(Debug, clap::Args)]
pub(super) struct LogFolderArgs {
    /// Write transcripts to new files in FOLDER [default: the state folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) log: Option<PathBuf>,
}

impl LogFolderArgs {
    /// Returns the folder that was given, and makes it when it is not there.
    ///
    /// Errors: it can't be made.
    pub(super) fn made(&self) -> Result<Option<&Path>, Error> {
        let Some(folder) = self.log.as_deref() else {
            return Ok(None);
        };
        files::make_folder(folder).map_err(|error| {
            Error::about(format_args!("--log {}", folder.display()), &error)
                .with_hint("name a folder that can be written to")
        })?;
        Ok(Some(folder))
    }

    /// Returns the folder that was given, made when it is not there; or else the state folder.
    ///
    /// Errors: it can't be made, or there is no place for a state folder.
    pub(super) fn or_state_folder(&self) -> Result<PathBuf, Error> {
        match self.made()? {
            Some(folder) => Ok(folder.to_owned()),
            None => file::state_folder()
                .map_err(|error| Error::usage(plain(&error)).with_hint("name a folder with --log")),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Write to OUT (a new file, or a folder OUT/) instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct FormatArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// Which rules judge, and which findings are a failure.
#[derive(Debug, clap::Args)]
pub(super) struct RuleArgs {
    /// Apply only this rule (repeatable)
    #[arg(long, value_name = "ID")]
    only: Vec<String>,

    /// Exit with 1 if there are findings at or above this level
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "must")]
    fail_on: Level,
}

impl RuleArgs {
    /// Returns whether the rule of this id judges.
    pub(super) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }

    /// Returns whether one of these findings makes the program end with 1.
    pub(super) fn is_failure<'a>(&self, findings: impl IntoIterator<Item = &'a Finding>) -> bool {
        let mut findings = findings.into_iter();
        findings.any(|finding| finding.level >= self.fail_on)
    }

    /// Errors: `--only` names a rule that is not among `ids`; the hint names the one that may have
    /// been meant: the one whose id begins alike, or has most words in common. `lists` is the
    /// command that lists them all.
    pub(super) fn check(&self, ids: &[&'static str], lists: &str) -> Result<(), Error> {
        let is_unknown = |id: &&String| !ids.contains(&id.as_str());
        let Some(unknown) = self.only.iter().find(is_unknown) else {
            return Ok(());
        };
        let likeness = |id: &&&str| {
            let pairs = unknown.bytes().zip(id.bytes());
            let start = pairs.take_while(|(a, b)| a == b).count();
            let words = unknown.split('-');
            let shared = words.filter(|word| id.split('-').any(|own| own == *word));
            start.max(shared.map(str::len).sum::<usize>())
        };
        let near = ids.iter().max_by_key(likeness);
        let near = near.filter(|id| likeness(id) > 2);
        let meant = near.map_or(String::new(), |id| format!("did you mean `{id}`? "));
        Err(Error::usage(format!("--only: unknown rule `{unknown}`"))
            .with_hint(format!("{meant}`{lists}` lists every rule")))
    }
}

/// How two recordings are compared.
#[derive(Debug, clap::Args)]
pub(super) struct ComparisonArgs {
    /// How closely to compare
    #[arg(long, value_enum, default_value_t)]
    level: diff::Level,

    /// Match messages by unique-id instead of number, if both recordings have UIDL
    #[arg(long)]
    pub(super) map_uidl: bool,
}

impl ComparisonArgs {
    /// Returns them as the comparison takes them.
    pub(super) fn options(&self) -> diff::Options {
        diff::Options {
            level: self.level,
            map_uidl: self.map_uidl,
            deadline: || Some(Instant::now() + ALIGNMENT_MAX),
        }
    }
}

/// Returns the error of a transcript that can't be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::about(path.display(), error).with_hint(NAME_A_TRANSCRIPT)
}

/// What is said of a text file that is not a transcript.
pub(super) fn not_a_transcript(path: &Path) -> String {
    let path = path.display();
    format!("{path}: not a transcript: it has no client or server row")
}

/// Returns the error of a transcript that breaks the format.
pub(super) fn broken(path: &Path, error: &ParseError) -> Error {
    let (row, column) = (error.row, error.column);
    Error::usage(format!(
        "row {row} column {column} of {}: {error}",
        path.display()
    ))
}
