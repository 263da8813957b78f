//! The files of a Maildir.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::regular::OpenFolder;

pub(super) const FOLDERS: [&str; 2] = ["cur", "new"];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MaildirEntry {
    /// The name without its flags: the flags change, the rest does not.
    pub(super) base: String,
    /// Where it is now.
    pub(super) path: PathBuf,
    folder: usize,
}

#[derive(Debug, Default)]
pub(super) struct MaildirListing {
    /// The messages, oldest name first.
    pub(super) entries: Vec<MaildirEntry>,
    /// How many symbolic links there are. None is followed: a Maildir from another source could
    /// name any file of the user.
    pub(super) links: usize,
}

/// A Maildir with its folders open: folders that replace them later are not served.
#[derive(Debug)]
pub(super) struct Maildir {
    folders: Vec<OpenFolder>,
    links: usize,
}

impl Maildir {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let (mut folders, mut links) = (Vec::new(), 0);
        for folder in FOLDERS {
            let path = root.join(folder);
            let is_link = |found: fs::Metadata| found.is_symlink();
            match OpenFolder::open(&path) {
                Ok(folder) => folders.push(folder),
                Err(_) if path.symlink_metadata().is_ok_and(is_link) => links += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { folders, links })
    }

    pub(super) fn list(&self) -> io::Result<MaildirListing> {
        let mut found = MaildirListing {
            links: self.links,
            ..MaildirListing::default()
        };
        self.each(|folder, entry| {
            if entry.base.starts_with('.') {
                return;
            }
            match folder.kind(&entry.path) {
                Ok(what) if what.is_file() => found.entries.push(entry),
                Ok(what) if what.is_symlink() => found.links += 1,
                // A folder, a FIFO, or removed in the meantime.
                _ => {}
            }
        })?;
        found.entries.sort();
        Ok(found)
    }

    /// Where the messages with this name are now, whatever their flags.
    pub(super) fn find(&self, base: &str) -> io::Result<Vec<MaildirEntry>> {
        let mut found = Vec::new();
        self.each(|_, entry| {
            if entry.base == base {
                found.push(entry);
            }
        })?;
        Ok(found)
    }

    pub(super) fn file(&self, entry: &MaildirEntry) -> io::Result<File> {
        self.folder(entry)?.file(&entry.path)
    }

    pub(super) fn remove(&self, entry: &MaildirEntry) -> io::Result<()> {
        self.folder(entry)?.remove(&entry.path)
    }

    /// Flushes the changes to the folders to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.folders.iter().try_for_each(OpenFolder::sync)
    }

    fn folder(&self, entry: &MaildirEntry) -> io::Result<&OpenFolder> {
        let folder = self.folders.get(entry.folder);
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn each(&self, mut warn_about: impl FnMut(&OpenFolder, MaildirEntry)) -> io::Result<()> {
        for (number, folder) in self.folders.iter().enumerate() {
            for path in folder.paths()? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let entry = MaildirEntry {
                    base: base(&name).to_owned(),
                    folder: number,
                    path,
                };
                warn_about(folder, entry);
            }
        }
        Ok(())
    }
}

/// Anything after the colon is flags.
fn base(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}
