//! Options that several subcommands have, each declared once: structs of arguments to be flattened
//! where they are needed.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::figures::read_size;
use crate::base::style::ColorChoice;
use crate::net::password::Sources;
use crate::net::target::user_name;
use crate::pop3::command::Shape;
use crate::transcript::elide::Bodies;

/// Who logs in, and where the password may come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CredentialArgs {
    /// User name to log in with
    #[arg(short = 'u', long, value_name = "USER", value_parser = user_name)]
    pub(crate) user: Option<String>,

    /// Read the password from the first line that COMMAND prints
    #[arg(long, value_name = "COMMAND", conflicts_with = "password_file")]
    pub(crate) password_command: Option<String>,

    /// Read the password from the first line of FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

impl CredentialArgs {
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            command: self.password_command.as_deref(),
            file: self.password_file.as_deref(),
        }
    }
}

/// How the replies to some verbs end.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ShapeArgs {
    /// Treat replies to VERB as multi-line (ended by a lone dot)
    #[arg(long, value_name = "VERB")]
    multi: Vec<String>,

    /// Treat replies to VERB as single-line
    #[arg(long, value_name = "VERB")]
    single: Vec<String>,
}

impl ShapeArgs {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Shape)> {
        let multi = self.multi.iter().map(|verb| (verb, Shape::Multi));
        let single = self.single.iter().map(|verb| (verb, Shape::Single));
        let all = multi.chain(single);
        all.map(|(verb, shape)| (verb.as_str(), shape))
    }

    /// Returns these together with the shapes that were recorded for other verbs.
    pub(crate) fn over(&self, recorded: &[(String, Shape)]) -> Self {
        let mut all = self.clone();
        for (verb, shape) in recorded {
            if self.iter().any(|(own, _)| own.eq_ignore_ascii_case(verb)) {
                continue;
            }
            match shape {
                Shape::Multi => all.multi.push(verb.clone()),
                _ => all.single.push(verb.clone()),
            }
        }
        all
    }
}

/// How long to wait for the server, and how much to take from it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LimitArgs {
    /// Seconds to wait for a connection and, outside the console, a reply [default: 15, and 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Limit what the server may send: octets, or with K, M or G [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    pub(crate) max_size: Option<u64>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct BodiesArgs {
    /// How to record message bodies: keep, elide, or elide=LINES to keep LINES lines of each
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub(crate) bodies: Bodies,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SecretsArgs {
    /// Write secrets in cleartext, to transcripts and to the screen
    #[arg(long)]
    pub(crate) keep_secrets: bool,
}

/// Whether there are transcripts; goes with a `--log` of the subcommand's own.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct NoLogArgs {
    /// Write no transcript
    #[arg(long, conflicts_with = "log")]
    pub(crate) no_log: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct ColorArgs {
    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

/// How the console looks.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ScreenArgs {
    #[command(flatten)]
    pub(crate) style: ColorArgs,

    /// Print plain lines, for screen readers: no colours, pager or line editor; `:pass` hides
    /// passwords
    #[arg(long)]
    pub(crate) plain: bool,
}

/// Reads a time in seconds, for options.
///
/// Errors: it is not a time above zero.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a time above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Shape, ShapeArgs};

    #[test]
    fn a_shape_that_is_given_replaces_the_recorded_one() {
        let given = ShapeArgs {
            multi: vec!["XTND".to_owned()],
            single: Vec::new(),
        };
        let recorded = [
            ("xtnd".to_owned(), Shape::Single),
            ("XLST".to_owned(), Shape::Multi),
        ];
        let all = given.over(&recorded);
        let all: Vec<_> = all.iter().collect();
        assert_eq!(all, [("XTND", Shape::Multi), ("XLST", Shape::Multi)]);
    }
}
