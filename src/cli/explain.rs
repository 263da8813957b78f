//! `poptalk explain TEXT`: what a reply, a response code, a capability, a command or an error of
//! TLS means.

use crate::analysis::explain::{self, ExplainContext};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::say;
use crate::base::stdio;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk explain RETR
  poptalk explain '-ERR [IN-USE] maildrop is locked'
  poptalk explain SCRAM-SHA-256
  poptalk explain \"the server's certificate has expired\"";

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Command that was answered
    #[arg(long, value_name = "VERB")]
    to: Option<String>,

    /// Reply line, TLS error message, or a word: a command, a capability, a response code, a
    /// mechanism, a server's name
    #[arg(
        value_name = "TEXT",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<String>,
}

/// Prints the explanation; the exit code says whether there was one.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Error> {
    let context = ExplainContext {
        verb: args.to.as_ref().map(|verb| verb.to_ascii_uppercase()),
        ..ExplainContext::default()
    };
    let explained = explain::explain(&args.text.join(" "), &context);
    let result = stdio::print(explained.text(80).as_bytes());
    let exit = match explained.is_known {
        true => Exit::Well,
        false => Exit::Refused,
    };
    Ok(say::written(&result, exit))
}
