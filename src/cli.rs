//! The arguments, as typed.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cmd::{connect, practice, serve};

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
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let exit = match chosen(&Cli::command().get_matches()) {
        Ok(Command::Connect(args)) => connect::run(args),
        Ok(Command::Practice(args)) => practice::run(args),
        Ok(Command::Serve(args)) => serve::run(args),
        Err(error) => error.exit(),
    };
    exit.into()
}

/// The subcommand; `connect` where there is none. The whole `Cli` can't be built of a subcommand, for then there is no host.
fn chosen(matches: &ArgMatches) -> Result<Command, clap::Error> {
    if matches.subcommand_name().is_some() {
        Command::from_arg_matches(matches)
    } else {
        connect::ConnectArgs::from_arg_matches(matches).map(Command::Connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_from(args: &[&str]) -> Result<Command, clap::Error> {
        chosen(&Cli::command().try_get_matches_from(args)?)
    }

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_host_and_a_subcommand_stand_each_alone() {
        let command = chosen_from(&["poptalk", "pop.example.org", "--tls"]);
        assert!(matches!(command, Ok(Command::Connect(_))));
        let command = chosen_from(&["poptalk", "serve"]);
        assert!(matches!(command, Ok(Command::Serve(_))));
        let command = chosen_from(&["poptalk", "practice"]);
        assert!(matches!(command, Ok(Command::Practice(_))));
        assert!(chosen_from(&["poptalk", "--tls"]).is_err());
        assert!(chosen_from(&["poptalk", "--no-log"]).is_err());
    }
}
