//! The arguments, as typed.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod diff;
mod discover;
pub(crate) mod explain;
pub(crate) mod import;
pub(crate) mod learn;
pub(crate) mod lint;
mod listen_args;
pub(crate) mod man;
pub(crate) mod practice;
pub(crate) mod proxy;
pub(crate) mod redact;
pub(crate) mod replay;
pub(crate) mod serve;
mod shared;
pub(crate) mod show;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, Parser, Subcommand};
use owo_colors::Stream;

use crate::base::edit_distance::nearest;
use crate::base::error::Error;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Style};

/// What follows the first screen of help, as the `EXAMPLES` of a subcommand follow its options.
const EXAMPLES: &str = "  poptalk practice                           try it without a server
  poptalk --tls mail.example.org             options: poptalk connect -h
  poptalk -c capa -c quit mail.example.org   two commands, then leave
Manual: poptalk man | man -l -   Shells: poptalk completions bash, zsh, ...
Exit: 0 success, 1 refused or found, 2 usage, 3 connection, 4 TLS, 5 time-out";

/// A raw console for POP3: type it by hand, see every octet, keep the transcript
#[derive(Debug, Parser)]
#[command(
    name = "poptalk",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    max_term_width = 100,
    help_template = "{about}\n{usage-heading} {usage}\n\n{subcommands}{after-help}",
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,

    #[command(flatten)]
    connect: connect::ConnectArgs,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Open the console on a server, or run a script
    #[command(after_help = connect::EXAMPLES)]
    Connect(Later<connect::ConnectArgs>),
    /// Open the console on the built-in practice server
    #[command(after_help = practice::EXAMPLES)]
    Practice(Later<practice::PracticeArgs>),
    /// Learn POP3 by typing it: lessons in the console
    #[command(after_help = learn::EXAMPLES)]
    Learn(Later<learn::LearnArgs>),
    /// Run the practice server on a port
    #[command(after_help = serve::EXAMPLES)]
    Serve(Later<serve::ServeArgs>),
    /// Record what passes between a mail client and a server
    #[command(after_help = proxy::EXAMPLES)]
    Proxy(Later<proxy::ProxyArgs>),
    /// Replay the client's side of transcripts and compare the replies
    #[command(after_help = replay::EXAMPLES)]
    Replay(Later<replay::ReplayArgs>),
    /// Show a transcript as on the screen, or extract its messages
    #[command(after_help = show::EXAMPLES)]
    Show(Later<show::ShowArgs>),
    /// Compare two transcripts, exchange by exchange
    #[command(after_help = diff::EXAMPLES)]
    Diff(Later<diff::DiffArgs>),
    /// Probe a live server and judge its answers by the rules
    #[command(after_help = check::EXAMPLES)]
    Check(Later<check::CheckArgs>),
    /// Judge transcripts by the rules of the RFCs
    #[command(after_help = lint::EXAMPLES)]
    Lint(Later<lint::LintArgs>),
    /// Convert recordings of other programs to transcripts
    #[command(after_help = import::EXAMPLES)]
    Import(Later<import::ImportArgs>),
    /// Hide secrets, message data and names in a transcript
    #[command(after_help = redact::EXAMPLES)]
    Redact(Later<redact::RedactArgs>),
    /// Explain a reply, a response code, a capability or a command
    #[command(after_help = explain::EXAMPLES)]
    Explain(Later<explain::ExplainArgs>),
    /// Print a completion script for a shell
    #[command(hide = true, after_help = completions::EXAMPLES)]
    Completions(Later<completions::CompletionsArgs>),
    /// Print the manual pages
    #[command(hide = true, after_help = man::EXAMPLES)]
    Man(Later<man::ManArgs>),
}

/// The arguments of a subcommand. Their table is made only when the subcommand is there: a start
/// should not wait for the others.
#[derive(Debug)]
struct Later<T>(T);

impl<T: clap::Args> clap::Args for Later<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // The comment on the struct of the arguments would replace what the subcommand is said
            // to do.
            let about = Resettable::from(command.get_about().cloned());
            let long_about = Resettable::from(command.get_long_about().cloned());
            T::augment_args(command).about(about).long_about(long_about)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<T: clap::FromArgMatches> clap::FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Connects; a host that is not found may be a subcommand, misspelt.
fn connect(args: connect::ConnectArgs) -> Result<Exit, Error> {
    let host = args.host.clone();
    let exit = connect::run(args)?;
    // The table of subcommands takes a while to make.
    if exit == Exit::NoConnection
        && let Some(meant) = host.as_deref().and_then(meant)
    {
        say::own(&format!("hint: did you mean `poptalk {meant}`?"));
    }
    Ok(exit)
}

/// The subcommand that a host without a dot looks like.
fn meant(host: &str) -> Option<String> {
    if host.contains('.') {
        return None;
    }
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    nearest(host, names).map(str::to_owned)
}

/// Prints the help that was asked for, or what is wrong with the arguments. It holds words of the
/// command line's author: what could drive a terminal is made visible in them first.
fn refuse(error: &clap::Error) -> ExitCode {
    let given: Vec<OsString> = std::env::args_os().collect();
    let safe = |word: &OsString| escape::escaped(word.as_encoded_bytes()).into();
    let safe: Vec<OsString> = given.iter().map(safe).collect();
    let exit = if given == safe {
        print(error)
    } else if let Err(error) = Cli::try_parse_from(safe) {
        print(&error)
    } else {
        say::own(&error.render().to_string());
        Exit::Usage
    };
    let first = given.get(1).and_then(|word| word.to_str());
    if let Some(meant) = first
        .and_then(meant)
        .filter(|meant| Some(meant.as_str()) != first && error.use_stderr())
    {
        say::own(&format!("hint: did you mean `poptalk {meant}`?"));
    }
    exit.into()
}

/// Prints what clap has to say: help on standard output, an error on standard error.
fn print(error: &clap::Error) -> Exit {
    let stream = match error.use_stderr() {
        true => Stream::Stderr,
        false => Stream::Stdout,
    };
    let has_colour = Style::new(ColorChoice::Auto, stream).has_colour;
    let text = match has_colour {
        true => error.render().ansi().to_string(),
        false => error.render().to_string(),
    };
    if error.use_stderr() {
        stdio::say(&text);
        return Exit::Usage;
    }
    say::written(&stdio::print(text.as_bytes()), Exit::Well)
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    // A file that is as large as the system lets it be is an error of the write that met the limit,
    // and not the end of us. Spent on a flag that no one reads: were the signal ignored, the
    // programs that we start would inherit that.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    let ended = match cli.command {
        None => connect(cli.connect),
        Some(CliCommand::Connect(Later(args))) => connect::run(args),
        Some(CliCommand::Practice(Later(args))) => practice::run(args),
        Some(CliCommand::Learn(Later(args))) => learn::run(args),
        Some(CliCommand::Serve(Later(args))) => serve::run(args),
        Some(CliCommand::Proxy(Later(args))) => proxy::run(args),
        Some(CliCommand::Replay(Later(args))) => replay::run(&args),
        Some(CliCommand::Show(Later(args))) => show::run(&args),
        Some(CliCommand::Diff(Later(args))) => diff::run(&args),
        Some(CliCommand::Check(Later(args))) => check::run(args),
        Some(CliCommand::Lint(Later(args))) => lint::run(&args),
        Some(CliCommand::Import(Later(args))) => import::run(&args),
        Some(CliCommand::Redact(Later(args))) => redact::run(&args),
        Some(CliCommand::Explain(Later(args))) => explain::run(&args),
        Some(CliCommand::Completions(Later(args))) => completions::run(&args, Cli::command()),
        Some(CliCommand::Man(Later(args))) => man::run(&args, Cli::command()),
    };
    let exit = ended.unwrap_or_else(|error| {
        error.say();
        error.exit
    });
    exit.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn a_subcommand_needs_no_host_and_a_host_no_subcommand() {
        use clap::Parser;
        let read = |words: &[&str]| super::Cli::try_parse_from(words);
        assert!(
            read(&["poptalk", "practice", "--tls"])
                .unwrap()
                .command
                .is_some()
        );
        assert!(
            read(&["poptalk", "host", "995", "--tls"])
                .unwrap()
                .command
                .is_none()
        );
        assert!(read(&["poptalk", "--tls"]).is_err());
        // The server of a mail address can be looked up.
        assert!(read(&["poptalk", "-u", "alice@example.org"]).is_ok());
        assert!(read(&["poptalk", "connect", "-u", "alice@example.org"]).is_ok());
        assert!(read(&["poptalk", "host", "--dns", "192.0.2.1"]).is_err());
        assert!(read(&["poptalk", "-u", "a@b", "--dns", "dns.example"]).is_err());
    }
}
