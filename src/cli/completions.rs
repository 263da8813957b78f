//! `poptalk completions SHELL`: what a shell needs to complete the arguments.

use clap_complete::{Shell, generate};

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::say;
use crate::base::stdio;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk completions bash > ~/.local/share/bash-completion/completions/poptalk
  poptalk completions zsh > ~/.zfunc/_poptalk   # with ~/.zfunc in $fpath
  poptalk completions fish > ~/.config/fish/completions/poptalk.fish";

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut command: clap::Command) -> Result<Exit, Error> {
    let mut text = Vec::new();
    generate(args.shell, &mut command, "poptalk", &mut text);
    Ok(say::written(&stdio::print(&text), Exit::Well))
}
