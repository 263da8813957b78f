//! Where a password comes from: a command, a file, the environment, `~/.netrc`, or a person. Never
//! an argument.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use zeroize::Zeroizing;

use crate::base::error::Explain;
use crate::base::files;
use crate::base::io_error::plain;
use crate::base::say;
use crate::net::netrc;
use crate::net::shell;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sources<'a> {
    pub(crate) command: Option<&'a str>,
    pub(crate) file: Option<&'a Path>,
}

/// Why there is no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("--password-command {0}")]
    Command(String),
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, String),
    /// `~/.netrc` is not in its form.
    #[error("{path}: {why}", path = files::shorten(.0), why = .1)]
    Netrc(PathBuf, String),
    /// The person who was asked pressed Ctrl-C.
    #[error("cancelled at the password prompt")]
    Cancelled,
    /// There is no one to ask.
    #[error("no password{}", for_user(.0))]
    Nowhere(String),
}

/// The user that a password is missing for; nothing before a user was named.
fn for_user(user: &str) -> String {
    match user {
        "" => String::new(),
        user => format!(" for `{user}`"),
    }
}

impl Explain for PasswordError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Nowhere(_) => Some(
                "give --password-command, --password-file, the variable POPTALK_PASSWORD, or a line in ~/.netrc",
            ),
            Self::Netrc(..) => Some("its form is `machine HOST login USER password PASSWORD`"),
            Self::Command(_) | Self::File(..) | Self::Cancelled => None,
        };
        hint.map(Cow::Borrowed)
    }
}

/// Returns what a person is asked for the password of a user with.
pub(crate) fn prompt(user: &str) -> String {
    match user {
        "" => "password (not shown): ".to_owned(),
        user => format!("password of {} (not shown): ", say::shown(user)),
    }
}

/// Finds the password of `user` on `host`: from the command or file that was named, the
/// environment, `~/.netrc`, or by `ask`.
///
/// Errors: a source that was named gives none, or there is no source.
pub(crate) fn find(
    sources: Sources<'_>,
    host: &str,
    user: &str,
    ask: Option<&mut dyn FnMut() -> io::Result<Zeroizing<Vec<u8>>>>,
) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
    if let Some(command) = sources.command {
        return of_command(command).map_err(PasswordError::Command);
    }
    if let Some(path) = sources.file {
        return of_file(path).map_err(|why| PasswordError::File(path.to_owned(), why));
    }
    if let Some(value) = std::env::var_os(shell::PASSWORD_VARIABLE) {
        return Ok(Zeroizing::new(value.into_encoded_bytes()));
    }
    if let Some(password) = of_netrc(host, user)? {
        return Ok(password);
    }
    let asked = ask.map_or(Err(io::ErrorKind::NotFound.into()), |ask| ask());
    asked.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => PasswordError::Cancelled,
        _ => PasswordError::Nowhere(user.to_owned()),
    })
}

/// The password that a file or the environment holds, so that it is hidden from the first octet on,
/// before it is needed. A command may ask a person, and a pipe can be read once: their password is
/// hidden from its first use on.
pub(crate) fn at_hand(sources: Sources<'_>) -> Option<Zeroizing<Vec<u8>>> {
    match (sources.command, sources.file) {
        (Some(_), _) => None,
        (None, Some(path)) => path.is_file().then(|| of_file(path).ok())?,
        (None, None) => std::env::var_os(shell::PASSWORD_VARIABLE)
            .map(|value| Zeroizing::new(value.into_encoded_bytes())),
    }
}

/// The first line that a command of the shell prints. It does not get the environment's password.
fn of_command(command: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let output = shell::command(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| plain(&error))?;
    let printed = Zeroizing::new(output.stdout);
    if output.status.success() {
        first_line(&printed).ok_or_else(|| "printed nothing".to_owned())
    } else {
        Err(format!("failed: {}", output.status))
    }
}

fn of_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = Zeroizing::new(std::fs::read(path).map_err(|error| plain(&error))?);
    first_line(&text).ok_or_else(|| "the first line is empty".to_owned())
}

fn of_netrc(host: &str, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, PasswordError> {
    match etcetera::home_dir() {
        Ok(home) => of_first_netrc(&home, NETRC_NAMES, host, user),
        Err(_) => Ok(None),
    }
}

/// What the file is called; the first that is there counts. On Windows other programs have both.
const NETRC_NAMES: &[&str] = match cfg!(windows) {
    true => &[".netrc", "_netrc"],
    false => &[".netrc"],
};

fn of_first_netrc(
    home: &Path,
    names: &[&str],
    host: &str,
    user: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, PasswordError> {
    for path in names.iter().map(|name| home.join(name)) {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                return netrc::password(&text, host, user)
                    .map_err(|error| PasswordError::Netrc(path, error.to_string()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(PasswordError::Netrc(path, plain(&error))),
        }
    }
    Ok(None)
}

/// The first line without its line end; None when it is empty.
fn first_line(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let line = text.split(|octet| *octet == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (!line.is_empty()).then(|| Zeroizing::new(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(sources: Sources<'_>) -> Result<String, PasswordError> {
        let found = find(sources, "no-such-host.example", "nobody", None)?;
        Ok(String::from_utf8_lossy(&found).into_owned())
    }

    #[test]
    fn a_file_gives_its_first_line_with_its_blanks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " two  spaces \r\nmore\n").unwrap();
        let args = Sources {
            file: Some(file.path()),
            ..Sources::default()
        };
        assert_eq!(from(args), Ok(" two  spaces ".to_owned()));
        let missing = Sources {
            file: Some(Path::new("/no/such/file")),
            ..Sources::default()
        };
        assert!(matches!(from(missing), Err(PasswordError::File(..))));
    }

    #[test]
    fn the_first_netrc_that_is_there_counts() {
        let home = tempfile::tempdir().unwrap();
        let found = || {
            let found = of_first_netrc(home.path(), &[".netrc", "_netrc"], "h", "u");
            found.unwrap().map(|password| password.to_vec())
        };
        assert_eq!(found(), None);
        for name in ["_netrc", ".netrc"] {
            let line = format!("machine h login u password {name}\n");
            std::fs::write(home.path().join(name), line).unwrap();
            assert_eq!(found(), Some(name.as_bytes().to_vec()));
        }
        std::fs::write(home.path().join(".netrc"), "login\n").unwrap();
        let error = of_first_netrc(home.path(), &[".netrc", "_netrc"], "h", "u").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(".netrc: line 2: a keyword without its value"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_gives_its_first_line_or_its_failure() {
        let command = |text: &'static str| Sources {
            command: Some(text),
            ..Sources::default()
        };
        assert_eq!(
            from(command("echo geheim; echo more")),
            Ok("geheim".to_owned())
        );
        assert!(
            matches!(from(command("exit 3")), Err(PasswordError::Command(why)) if why.contains('3'))
        );
        assert!(
            matches!(from(command("true")), Err(PasswordError::Command(why)) if why == "printed nothing")
        );
    }
}
