//! Opens regular files only. Where another person may have put a link or a FIFO, opening it must
//! neither leave the folder nor wait.

#[cfg(unix)]
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use rustix::fs::FileType;
#[cfg(not(unix))]
use std::fs::FileType;

/// Whether the last part of a path may be a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It may: the user gave the path.
    Follow,
    /// It may not: the name was found in a folder.
    Refuse,
}

/// Opens a file to read it; never waits for the other end of a FIFO.
///
/// Errors: it can't be opened, is not a regular file, or is a link where links are refused. What is
/// checked is the file that was opened.
pub(crate) fn open(path: &Path, links: Links) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Reading a regular file is not changed by it.
        let mut flags = OFlags::NONBLOCK;
        if links == Links::Refuse {
            flags |= OFlags::NOFOLLOW;
        }
        options.custom_flags(flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    if links == Links::Refuse && path.symlink_metadata()?.is_symlink() {
        return Err(not_followed());
    }
    let file = options.open(path).map_err(|error| {
        let is_link = || {
            path.symlink_metadata()
                .is_ok_and(|found| found.is_symlink())
        };
        match links == Links::Refuse && is_link() {
            true => not_followed(),
            false => error,
        }
    })?;
    regular(file)
}

fn regular(file: File) -> io::Result<File> {
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match found.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// An open folder: its files are found in it even if its path leads elsewhere in the meantime.
///
/// The methods take a file by its path; only the last part of it counts.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    path: PathBuf,
    #[cfg(unix)]
    handle: File,
}

#[cfg(unix)]
impl OpenFolder {
    /// Opens a folder.
    ///
    /// Errors: it can't be opened, is not a folder, or is a link to one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self {
            path: path.to_owned(),
            handle: handle.into(),
        })
    }

    pub(crate) fn paths(&self) -> io::Result<Vec<PathBuf>> {
        use std::os::unix::ffi::OsStrExt as _;
        let mut paths = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                paths.push(self.path.join(OsStr::from_bytes(name)));
            }
        }
        Ok(paths)
    }

    /// What a file is; a link is one.
    pub(crate) fn kind(&self, path: &Path) -> io::Result<FileType> {
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        let found = rustix::fs::statat(&self.handle, name(path)?, flags)?;
        Ok(FileType::from_raw_mode(found.st_mode))
    }

    /// Opens a file to read it.
    ///
    /// Errors: as for [`open`] with [`Links::Refuse`].
    pub(crate) fn file(&self, path: &Path) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, name(path)?, flags, Mode::empty()) {
            Ok(file) => regular(file.into()),
            Err(_) if self.kind(path).is_ok_and(|kind| kind.is_symlink()) => Err(not_followed()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        let flags = rustix::fs::AtFlags::empty();
        Ok(rustix::fs::unlinkat(&self.handle, name(path)?, flags)?)
    }

    /// What was done to it is on the disk after this.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

#[cfg(unix)]
fn name(path: &Path) -> io::Result<&OsStr> {
    let name = path.file_name();
    name.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Elsewhere it is found by its path each time.
#[cfg(not(unix))]
impl OpenFolder {
    /// Looks for a folder.
    ///
    /// Errors: it is not there, or a link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata()?.is_symlink() {
            return Err(not_followed());
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    pub(crate) fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    /// What a file is; a link is one.
    pub(crate) fn kind(&self, path: &Path) -> io::Result<FileType> {
        Ok(path.symlink_metadata()?.file_type())
    }

    /// Opens a file to read it.
    ///
    /// Errors: as for [`open`] with [`Links::Refuse`].
    pub(crate) fn file(&self, path: &Path) -> io::Result<File> {
        open(path, Links::Refuse)
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// What was done to it is on the disk after this, where folders can be opened.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn not_followed() -> io::Error {
    io::Error::other("it is a link, and links are not followed here")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_open_stays_the_same_one() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["in", "out"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        std::fs::write(at("in/a"), "in").unwrap();
        std::fs::write(at("out/a"), "out").unwrap();
        std::os::unix::fs::symlink(at("out/a"), at("in/link")).unwrap();
        let folder = OpenFolder::open(&at("in")).unwrap();
        std::fs::rename(at("in"), at("old")).unwrap();
        std::os::unix::fs::symlink(at("out"), at("in")).unwrap();
        let text = folder.file(&at("in/a")).and_then(io::read_to_string);
        assert_eq!(text.unwrap(), "in");
        let mut paths = folder.paths().unwrap();
        paths.sort();
        assert_eq!(paths, [at("in/a"), at("in/link")]);
        assert!(folder.kind(&at("in/link")).unwrap().is_symlink());
        assert!(folder.file(&at("in/link")).is_err());
        folder.remove(&at("in/a")).unwrap();
        assert!(at("out/a").exists() && !at("old/a").exists());
        assert!(OpenFolder::open(&at("in")).is_err());
    }

    #[test]
    fn a_fifo_and_a_link_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(fifo.unwrap().success());
        let what = |name, links| {
            open(&at(name), links)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        for links in [Links::Follow, Links::Refuse] {
            assert_eq!(what("file", links), Ok(()));
            assert_eq!(
                what("fifo", links),
                Err("it is not a regular file".to_owned())
            );
        }
        assert_eq!(what("link", Links::Follow), Ok(()));
        let refused = "it is a link, and links are not followed here".to_owned();
        assert_eq!(what("link", Links::Refuse), Err(refused));
    }
}
