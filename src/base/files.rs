//! Files and folders as poptalk creates them: readable by their owner only, and never overwriting
//! anything.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) fn read(path: &Path) -> io::Result<File> {
    match File::open(path) {
        // Windows does not open folders, and calls it a lack of permission.
        Err(_) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(file) if file.metadata()?.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        result => result,
    }
}

/// Whether a path that was given for output is a folder: one that exists, or a path that ends in a
/// slash.
pub(crate) fn is_folder(path: &Path) -> bool {
    let ends_in_slash = path.to_string_lossy().ends_with(std::path::is_separator);
    ends_in_slash || path.is_dir()
}

/// Returns the file that a path for output means: `name` in it if it is a folder ([`is_folder`]),
/// or else the path itself.
pub(crate) fn file_at(path: &Path, name: impl AsRef<OsStr>) -> PathBuf {
    match is_folder(path) {
        true => path.join(name.as_ref()),
        false => path.to_owned(),
    }
}

/// Says that a file is where a folder is wanted: at this path, or above it.
///
/// Errors: if it is so.
pub(crate) fn expect_no_file(folder: &Path) -> io::Result<()> {
    // Without a slash at the end, which a file can't have.
    let folder: PathBuf = folder.components().collect();
    let mut there = folder.ancestors().filter(|path| path.exists());
    match there.next() {
        Some(path) if !path.is_dir() => {
            let what = if path == folder {
                "a file, not a folder".to_owned()
            } else {
                format!("`{}` is a file, not a folder", path.display())
            };
            Err(io::Error::new(io::ErrorKind::NotADirectory, what))
        }
        _ => Ok(()),
    }
}

/// Makes a folder that only its owner can read, with those above it.
///
/// Errors: it can't be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    expect_no_file(folder)?;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What to do about a file for output that can't be made.
pub(crate) fn other_place(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "nothing is overwritten: give another name",
        io::ErrorKind::NotADirectory => "give another name for the folder",
        _ => "name a place that can be written to",
    }
}

pub(crate) fn make_folder_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => make_folder(folder),
        _ => Ok(()),
    }
}

/// Makes a new file that only its owner can read, and its folder.
///
/// Errors: it can't be made, or something is there already.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    make_folder_of(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A path for people: the home folder as `~`, where the shell knows that.
pub(crate) fn shorten(path: &Path) -> String {
    let home = etcetera::home_dir().ok().filter(|_| !cfg!(windows));
    match home
        .as_deref()
        .and_then(|home| path.strip_prefix(home).ok())
    {
        Some(rest) => format!("~{}{}", std::path::MAIN_SEPARATOR, rest.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_in_a_slash_is_a_folder() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |path: &str| folder.path().join(path);
        std::fs::write(at("file"), "evidence")?;
        for (path, file) in [
            ("new/er/", "new/er/x.pop3"),
            ("", "x.pop3"),
            ("new", "new"),
            ("new/y.pop3", "new/y.pop3"),
        ] {
            assert_eq!(file_at(&at(path), "x.pop3"), at(file));
        }
        create(&at("new/er/x.pop3"))?;
        assert!(at("new/er/x.pop3").is_file());
        for (path, why) in [
            ("file/", "a file, not a folder".to_owned()),
            (
                "file/x/y/",
                format!("`{}` is a file, not a folder", at("file").display()),
            ),
        ] {
            let error = make_folder(&at(path)).map_err(|error| error.to_string());
            assert_eq!(error, Err(why));
        }
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_made_is_for_its_owner_alone() -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir()?;
        let new = folder.path().join("new/er");
        create(&new.join("x.pop3"))?;
        for path in [new.as_path(), &folder.path().join("new")] {
            assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o700);
        }
        Ok(())
    }
}
