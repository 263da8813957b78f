//! The arguments, as typed.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cmd::{connect, diff, explain, import, practice, proxy, redact, replay, serve};
use crate::exit::Exit;
use crate::report;
use crate::secret::typing_errors;

/// A raw console for POP3: type the commands by hand, read every octet of the answers, keep the transcript
#[derive(Debug, Parser)]
#[command(
    name = "poptalk",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Try it without any server: poptalk practice"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    connect: connect::ConnectArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the console on a server, or play a script at it
    Connect(connect::ConnectArgs),
    /// Open the console on the built-in practice server
    Practice(practice::PracticeArgs),
    /// Be a server: the practice maildrop on a port
    Serve(serve::ServeArgs),
    /// Stand between a mail client and a server, and keep a transcript of each connection
    Proxy(proxy::ProxyArgs),
    /// Play the client's side of transcripts again, and compare
    Replay(replay::ReplayArgs),
    /// Compare two transcripts, exchange by exchange
    Diff(diff::DiffArgs),
    /// Make transcripts of recordings that other programs made
    Import(import::ImportArgs),
    /// Hide secrets, message data and names in a transcript
    Redact(redact::RedactArgs),
    /// Say what a reply, a response code, a capability or a command means
    Explain(explain::ExplainArgs),
}

/// Connects; a host that is not found may be a subcommand, misspelt.
fn connect(args: connect::ConnectArgs) -> Exit {
    let meant = args.host().and_then(meant);
    let exit = connect::run(args);
    if let Some(meant) = meant
        && exit == Exit::NoConnection
    {
        report::own(&format!("hint: did you mean `poptalk {meant}`?"));
    }
    exit
}

/// The subcommand that a host without a dot looks like.
fn meant(host: &str) -> Option<String> {
    let is_like = |name: &str| (1..=2).contains(&typing_errors(host.as_bytes(), name.as_bytes()));
    let command = <Cli as clap::CommandFactory>::command();
    let mut names = command.get_subcommands().map(clap::Command::get_name);
    names
        .find(|name| is_like(name) && !host.contains('.'))
        .map(str::to_owned)
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let exit = match cli.command {
        None => connect(cli.connect),
        Some(Command::Connect(args)) => connect::run(args),
        Some(Command::Practice(args)) => practice::run(args),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Proxy(args)) => proxy::run(args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Diff(args)) => diff::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Redact(args)) => redact::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
    };
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
