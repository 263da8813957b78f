//! `poptalk man`: the manual pages, made of the same table as the help.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::say;
use crate::base::stdio;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk man | man -l -                     read the page of poptalk
  poptalk man replay | man -l -              read the page of a subcommand
  poptalk man --dir ~/.local/share/man/man1  write them all";

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Subcommand to print the page of
    #[arg(value_name = "SUBCOMMAND", conflicts_with = "dir")]
    subcommand: Option<String>,

    /// Write all pages to FOLDER: poptalk.1, poptalk-replay.1, ...
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Prints a page of a command line, or writes all.
///
/// Errors: there is no such page, or a file can't be written.
pub(crate) fn run(args: &ManArgs, command: clap::Command) -> Result<Exit, Error> {
    if let Some(folder) = &args.dir {
        return write_all(folder, command);
    }
    let page = match &args.subcommand {
        None => Some(command),
        Some(name) => pages(command).find(|page| page.get_name() == format!("poptalk-{name}")),
    };
    let Some(page) = page else {
        let name = args.subcommand.as_deref().unwrap_or_default();
        return Err(Error::usage(format!("unknown subcommand `{name}`"))
            .with_hint("poptalk --help lists them all"));
    };
    let mut out = stdio::output();
    let result = Man::new(page).render(&mut out).and_then(|()| out.flush());
    Ok(say::written(&result, Exit::Well))
}

fn pages(mut command: clap::Command) -> impl Iterator<Item = clap::Command> {
    command.build();
    let version = command.get_version().unwrap_or_default().to_owned();
    let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    let pages = subcommands
        .into_iter()
        .filter(|page| page.get_name() != "help");
    pages.map(move |page| {
        let name = format!("poptalk-{}", page.get_name());
        page.name(name).version(version.clone())
    })
}

fn write_all(folder: &Path, command: clap::Command) -> Result<Exit, Error> {
    let failed = |path: &Path, error| {
        Error::about(path.display(), &error).with_hint("name a folder that you can write to")
    };
    files::expect_no_file(folder)
        .and_then(|()| fs::create_dir_all(folder))
        .map_err(|error| failed(folder, error))?;
    let all = std::iter::once(command.clone()).chain(pages(command));
    for page in all {
        let path = folder.join(format!("{}.1", page.get_name()));
        let mut text = Vec::new();
        Man::new(page)
            .render(&mut text)
            .and_then(|()| fs::write(&path, &text))
            .map_err(|error| failed(&path, error))?;
    }
    Ok(Exit::Well)
}
