//! Which lessons are done: a file in the state folder with one name a line.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::log;

/// What a learner has done.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    path: Option<PathBuf>,
    done: Vec<String>,
}

impl Progress {
    /// Reads what was done before; nothing was where there is no file or no home folder.
    #[must_use]
    pub fn read() -> Self {
        let path = log::state_folder()
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

    /// Whether a lesson is done.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.done.iter().any(|done| done == name)
    }

    /// A lesson is done.
    ///
    /// Errors: the file can't be written; it counts for this run all the same.
    pub fn add(&mut self, name: &str) -> io::Result<()> {
        if self.has(name) {
            return Ok(());
        }
        self.done.push(name.to_owned());
        let Some(path) = &self.path else {
            return Err(io::Error::other("there is no home folder"));
        };
        if let Some(folder) = path.parent() {
            log::make_folder(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?;
        writeln!(file, "{name}")
    }

    /// Forgets everything.
    ///
    /// Errors: the file can't be removed.
    pub fn reset(&mut self) -> io::Result<()> {
        self.done.clear();
        match self.path.as_ref().map(std::fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
