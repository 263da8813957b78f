//! Where transcripts are written: a new file for each connection, for its owner alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use jiff::Timestamp;

use crate::base::files::{create, is_folder, make_folder};

pub(crate) const EXTENSION: &str = "pop3";

/// Where the transcript of a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Destination {
    /// A new file in the state folder.
    #[default]
    StateFolder,
    /// This file, which must not exist yet; or a new file in this folder: see [`is_folder`].
    Path(PathBuf),
    /// A new file in this folder, which is made if it does not exist, or no longer does.
    Folder(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// The folder of the platform for what a program keeps between runs, and in it ours.
///
/// Errors: there is no home folder.
pub(crate) fn state_folder() -> io::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    let folder = match cfg!(windows) {
        // `%LOCALAPPDATA%`: the folder for data is copied to other machines at log-on.
        true => base.cache_dir(),
        false => base.state_dir().unwrap_or_else(|| base.data_dir()),
    };
    Ok(folder.join("poptalk"))
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    /// The open file, at its start.
    pub(crate) file: File,
}

/// Opens the transcript of a connection to `name` that starts at `now`; None where none is wanted.
///
/// Errors: the folder can't be made, or the file can't be made or exists already: a transcript is
/// evidence and never overwritten.
pub(crate) fn open(place: &Destination, name: &str, now: Timestamp) -> io::Result<Option<Log>> {
    match place {
        Destination::Nowhere => Ok(None),
        Destination::StateFolder => in_folder(&state_folder()?, name, now).map(Some),
        Destination::Folder(path) => in_folder(path, name, now).map(Some),
        Destination::Path(path) if is_folder(path) => in_folder(path, name, now).map(Some),
        Destination::Path(path) => {
            // A pipe or a device holds no evidence that could be lost.
            let is_special = path.metadata().is_ok_and(|found| !found.is_file());
            let file = if is_special {
                OpenOptions::new().write(true).open(path)?
            } else {
                create(path)?
            };
            Ok(Some(Log {
                path: path.clone(),
                file,
            }))
        }
    }
}

fn in_folder(folder: &Path, name: &str, now: Timestamp) -> io::Result<Log> {
    make_folder(folder)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let name: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .take(80)
        .collect();
    let stem = format!("{}-{name}", now.strftime("%Y-%m-%dT%H-%M-%SZ"));
    // Two connections in one second.
    for count in 1_u32.. {
        let tail = if count == 1 {
            String::new()
        } else {
            format!("-{count}")
        };
        let path = folder.join(format!("{stem}{tail}.{EXTENSION}"));
        match create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| Log { path, file }),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// The head of a transcript: who was called, when, and by what.
pub(crate) fn head(server: &str, now: Timestamp, is_keeping: bool) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("server", server.to_owned()),
        ("started", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("tool", format!("poptalk {}", env!("CARGO_PKG_VERSION"))),
    ];
    if is_keeping {
        head.push(("secrets", "kept in cleartext, by --keep-secrets".to_owned()));
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_connections_in_one_second_get_two_files() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let place = Destination::Path(folder.path().to_owned());
        let now = Timestamp::UNIX_EPOCH;
        let names: Vec<String> = [(); 2]
            .iter()
            .filter_map(|()| open(&place, "a/b:110", now).ok().flatten())
            .map(|log| {
                log.path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default()
            })
            .collect();
        assert_eq!(
            names,
            [
                "1970-01-01T00-00-00Z-a_b_110.pop3",
                "1970-01-01T00-00-00Z-a_b_110-2.pop3"
            ]
        );
        Ok(())
    }

    #[test]
    fn a_file_that_exists_is_left_alone() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("kept.pop3");
        std::fs::write(&path, "evidence")?;
        let kind = open(&Destination::Path(path.clone()), "x", Timestamp::UNIX_EPOCH)
            .map_err(|error| error.kind());
        assert_eq!(kind.map(|_| ()), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(std::fs::read_to_string(path)?, "evidence");
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir()?;
        let place = Destination::Path(folder.path().to_owned());
        let mode = open(&place, "x", Timestamp::UNIX_EPOCH)?
            .map(|log| log.file.metadata().map(|m| m.permissions().mode()));
        assert_eq!(mode.transpose()?.map(|mode| mode & 0o777), Some(0o600));
        Ok(())
    }
}
