//! Which lessons are done: the file `lessons` in the state folder, with one key a line. A key is
//! the name of a built-in lesson, or the path of any other.

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
    /// Reads the file. Without one, or without a home folder, no lesson is done.
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

    /// Whether the lesson of this key is done.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.done.iter().any(|done| done == key)
    }

    /// Records that a lesson is done.
    ///
    /// Errors: the file cannot be written. The lesson still counts in this run.
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

    /// Forgets the lessons whose keys `is_meant` accepts, and returns those that were done.
    ///
    /// Errors: the file cannot be written. It is unchanged then.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.done.iter().cloned().partition(|key| is_meant(key));
        if let Some(path) = self.path.as_ref().filter(|_| !gone.is_empty()) {
            let lines: String = kept.iter().map(|key| format!("{key}\n")).collect();
            // Rename a complete file into place, so that a full disk costs no progress.
            let new = path.with_extension("new");
            std::fs::write(&new, lines)?;
            std::fs::rename(&new, path)?;
        }
        self.done = kept;
        Ok(gone)
    }
}
