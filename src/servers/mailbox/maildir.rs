//! The files of a Maildir.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders in which messages lie.
pub(super) const FOLDERS: [&str; 2] = ["cur", "new"];

/// A message of a Maildir.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The name without its flags: they change, and it does not.
    pub(super) base: String,
    /// Where it lies now.
    pub(super) path: PathBuf,
}

/// What a Maildir holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The messages, oldest name first.
    pub(super) entries: Vec<Entry>,
    /// How many links there are. None is followed: a Maildir from elsewhere could name any file of the user.
    pub(super) links: usize,
}

pub(super) fn list(root: &Path) -> io::Result<Listing> {
    let mut found = Listing::default();
    for folder in FOLDERS {
        let is_link = |found: fs::Metadata| found.is_symlink();
        found.links += usize::from(root.join(folder).symlink_metadata().is_ok_and(is_link));
    }
    each(root, |entry| {
        if entry.base.starts_with('.') {
            return;
        }
        match entry.path.symlink_metadata() {
            Ok(what) if what.is_file() => found.entries.push(entry),
            Ok(what) if what.is_symlink() => found.links += 1,
            // A folder, a FIFO, or gone since.
            _ => {}
        }
    })?;
    found.entries.sort();
    Ok(found)
}

/// Where the messages with this name lie now, whatever their flags.
pub(super) fn find(root: &Path, base: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    each(root, |entry| {
        if entry.base == base {
            found.push(entry.path);
        }
    })?;
    Ok(found)
}

fn each(root: &Path, mut tell: impl FnMut(Entry)) -> io::Result<()> {
    for folder in FOLDERS {
        let folder = root.join(folder);
        if folder
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
        {
            continue;
        }
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            tell(Entry {
                base: base(&entry.file_name().to_string_lossy()).to_owned(),
                path: entry.path(),
            });
        }
    }
    Ok(())
}

/// What stands behind the colon are flags.
fn base(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}
