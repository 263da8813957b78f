//! Which lessons are done: a file in the state folder with one key a line: a name of the built-in course, or a path.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::base::files;
use crate::transcript::file;

#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    path: Option<PathBuf>,
    done: Vec<String>,
}

impl Progress {
    /// Reads what was done before; nothing was where there is no file or no home folder.
    pub(crate) fn read() -> Self {
        let path = file::state_folder()
            .ok()
            .map(|folder| folder.join("lessons"));
        let text = path
            .as_ref()
            .and_then(|path| std::fs::read_to_string(path).ok());
        let lines = text.unwrap_or_default();
        Self {
            path,
            done: lines.lines().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.done.iter().any(|done| done == key)
    }

    /// A lesson is done.
    ///
    /// Errors: the file can't be written; it counts for this run all the same.
    pub(crate) fn add(&mut self, key: &str) -> io::Result<()> {
        if self.has(key) {
            return Ok(());
        }
        self.done.push(key.to_owned());
        let Some(path) = &self.path else {
            return Err(io::Error::other("there is no home folder"));
        };
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?;
        writeln!(file, "{key}")
    }

    /// Forgets some lessons; returns which of them were done.
    ///
    /// Errors: the file can't be written, and was left unchanged.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.done.iter().cloned().partition(|key| is_meant(key));
        if let Some(path) = self.path.as_ref().filter(|_| !gone.is_empty()) {
            let lines: String = kept.iter().map(|key| format!("{key}\n")).collect();
            // Whole or not at all: a full disk costs no progress.
            let new = path.with_extension("new");
            std::fs::write(&new, lines)?;
            std::fs::rename(&new, path)?;
        }
        self.done = kept;
        Ok(gone)
    }
}
