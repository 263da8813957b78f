//! Opens regular files only. Where another person may have put a link or a FIFO, opening it must neither leave the folder nor wait.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Whether the last part of a path may be a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It may: the user gave the path.
    Follow,
    /// It may not: the name was found in a folder.
    Refuse,
}

/// Opens a file to read it; never waits for the other end of a FIFO.
///
/// Errors: it can't be opened, is no regular file, or is a link where none may be. What is checked is the file that was opened.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
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
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match found.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

fn not_followed() -> io::Error {
    io::Error::other("it is a link, and links are not followed here")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

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
