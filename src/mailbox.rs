//! A Maildir or an mbox file as the practice server's maildrop. Nothing in it is changed, except that deleted messages are removed
//! where that was allowed; then each is either there or gone, whenever the program is killed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::net::dial::plain;
use crate::report;
use crate::server::{Message, Store, Untold};

/// The folders of a Maildir in which messages lie.
const FOLDERS: [&str; 2] = ["cur", "new"];

/// How a message of an mbox file begins; a blank line stands before.
const FROM: &[u8] = b"From ";

/// The longest unique-id (RFC 1939 §7).
const ID_MAX: usize = 70;

/// A message that gets other flags while it is read has another name: then all is read again, so often.
const RETRIES: usize = 3;

/// What a mailbox is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A folder with `cur` and `new`; each message is a file.
    Maildir,
    /// One file, each message behind a line `From `.
    Mbox,
}

/// A mailbox of the person's own.
#[derive(Debug)]
pub struct Mailbox {
    path: PathBuf,
    kind: Kind,
    may_delete: bool,
    /// Where nothing may be deleted: what was deleted as far as clients are concerned, until the program ends.
    hidden: Mutex<HashSet<String>>,
}

impl Mailbox {
    /// Looks at a mailbox. With `may_delete` the messages that a session deletes are removed from it.
    ///
    /// Errors: it is neither a Maildir nor a file.
    pub fn open(path: &Path, may_delete: bool) -> Result<Self, String> {
        let found = fs::metadata(path).map_err(|error| plain(&error))?;
        let kind = match found.is_dir() {
            false => Kind::Mbox,
            true if path.join("cur").is_dir() => Kind::Maildir,
            true => return Err("a folder without `cur` in it is no Maildir".to_owned()),
        };
        Ok(Self {
            path: path.to_owned(),
            kind,
            may_delete,
            hidden: Mutex::default(),
        })
    }

    fn all(&self) -> io::Result<Vec<Message>> {
        match self.kind {
            Kind::Maildir => {
                let read = || -> io::Result<Vec<Message>> {
                    let files = maildir(&self.path)?.into_iter();
                    files
                        .map(|(id, path)| Ok(Message::new(on_the_wire(&fs::read(path)?), id)))
                        .collect()
                };
                let mut result = read();
                for _ in 0..RETRIES {
                    match &result {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => result = read(),
                        _ => break,
                    }
                }
                result
            }
            Kind::Mbox => {
                let file = fs::read(&self.path)?;
                let found = mbox(&file)?;
                Ok(found.into_iter().map(|found| found.message).collect())
            }
        }
    }

    fn delete(&self, ids: &HashSet<&str>) -> io::Result<()> {
        match self.kind {
            Kind::Maildir => {
                for (id, path) in maildir(&self.path)? {
                    if ids.contains(id.as_str()) {
                        match fs::remove_file(path) {
                            // Somebody else has removed it.
                            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                            result => result?,
                        }
                    }
                }
                FOLDERS
                    .iter()
                    .try_for_each(|folder| sync(&self.path.join(folder)))
            }
            Kind::Mbox => self.rewrite(ids),
        }
    }

    /// Writes the mbox file anew without some messages, beside it, and puts that in its place at once.
    fn rewrite(&self, ids: &HashSet<&str>) -> io::Result<()> {
        // Where it is a link, the file that it means is replaced.
        let path = self.path.canonicalize()?;
        let mut old = File::open(&path)?;
        // Held until the end; a program that delivers with the same kind of lock waits.
        old.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another program has locked it"),
            TryLockError::Error(error) => error,
        })?;
        let before = old.metadata()?;
        let mut file = Vec::new();
        old.read_to_end(&mut file)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::Builder::new()
            .prefix(".poptalk-")
            .tempfile_in(folder)?;
        for found in mbox(&file)? {
            if !ids.contains(found.message.unique_id()) {
                new.write_all(file.get(found.place).unwrap_or_default())?;
            }
        }
        keep_owner(new.as_file(), &before)?;
        new.as_file().set_permissions(before.permissions())?;
        new.as_file().sync_all()?;
        // Who delivers with another lock, or none, has made it longer.
        let now = fs::metadata(&path)?;
        if now.len() != file.len() as u64 || now.modified()? != before.modified()? {
            return Err(io::Error::other("the file has changed meanwhile"));
        }
        new.persist(&path)?;
        sync(folder)
    }

    fn tell(&self, what: &str, error: &io::Error) -> Untold {
        report::warning(&format!(
            "{}: {what}: {}",
            self.path.display(),
            plain(error)
        ));
        Untold
    }
}

impl Store for Mailbox {
    fn read(&self) -> Result<Vec<Message>, Untold> {
        let mut messages = self
            .all()
            .map_err(|error| self.tell("can't be read", &error))?;
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        messages.retain(|message| !hidden.contains(message.unique_id()));
        Ok(messages)
    }

    fn remove(&self, messages: &[&Message]) -> Result<(), Untold> {
        let ids = messages.iter().map(|message| message.unique_id());
        if !self.may_delete {
            let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
            hidden.extend(ids.map(str::to_owned));
            return Ok(());
        }
        self.delete(&ids.collect())
            .map_err(|error| self.tell("deleted messages are not all removed", &error))
    }
}

/// Gives a file to whom the one before belonged: an administrator must not take a mailbox away from its owner.
#[cfg(unix)]
fn keep_owner(file: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid()))
}

/// Elsewhere a new file belongs to whoever may write into its folder.
#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// What was done to a folder is on the disk behind this.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Some systems open no folders.
        Err(_) if cfg!(not(unix)) => Ok(()),
        result => result,
    }
}

/// The messages of a Maildir, oldest name first: unique-id, and where it lies now.
fn maildir(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let entries = match fs::read_dir(path.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && entry.path().is_file() {
                // What stands behind the colon are flags, which change.
                let base = name.split(':').next().unwrap_or_default().to_owned();
                found.push((base, entry.path()));
            }
        }
    }
    found.sort();
    let mut ids = Ids::default();
    let named = found.into_iter().map(|(base, path)| {
        let is_id = (1..=ID_MAX).contains(&base.len())
            && base.bytes().all(|octet| octet.is_ascii_graphic());
        let id = if is_id { base } else { hashed(base.as_bytes()) };
        (ids.another(id), path)
    });
    Ok(named.collect())
}

/// A message in an mbox file.
struct Found {
    message: Message,
    /// Where it stands, its `From ` line and the blank line behind it included.
    place: Range<usize>,
}

/// The messages of an mbox file.
///
/// Errors: it does not begin as one.
fn mbox(file: &[u8]) -> io::Result<Vec<Found>> {
    if !file.is_empty() && !file.starts_with(FROM) {
        return Err(io::Error::other(
            "no mbox file: it does not begin with `From `",
        ));
    }
    let mut starts = Vec::new();
    let (mut at, mut is_blank) = (0, true);
    for line in file.split_inclusive(|octet| *octet == b'\n') {
        if is_blank && line.starts_with(FROM) {
            starts.push(at);
        }
        is_blank = matches!(line, b"\n" | b"\r\n");
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    let mut ids = Ids::default();
    let found = starts.iter().zip(ends).map(|(start, end)| {
        let place = *start..end;
        let mut lines = file
            .get(place.clone())
            .unwrap_or_default()
            .split_inclusive(|octet| *octet == b'\n')
            .skip(1)
            .collect::<Vec<_>>();
        // The blank line belongs to the file.
        if matches!(lines.last(), Some(&b"\n" | &b"\r\n")) {
            lines.pop();
        }
        let mut octets = Vec::with_capacity(place.len());
        for line in lines {
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            let is_quoted = quotes > 0
                && line
                    .get(quotes..)
                    .is_some_and(|rest| rest.starts_with(FROM));
            octets.extend_from_slice(line.get(usize::from(is_quoted)..).unwrap_or_default());
        }
        let octets = on_the_wire(&octets);
        let id = ids.another(hashed(&octets));
        Found {
            message: Message::new(octets, id),
            place,
        }
    });
    Ok(found.collect())
}

/// Unique-ids, all of them different.
#[derive(Default)]
struct Ids(HashMap<String, usize>);

impl Ids {
    fn another(&mut self, id: String) -> String {
        let count = self.0.entry(id.clone()).or_default();
        *count += 1;
        match *count {
            1 => id,
            count => format!("{}-{count}", hashed(id.as_bytes())),
        }
    }
}

fn hashed(octets: &[u8]) -> String {
    let digest = Sha256::digest(octets);
    digest
        .iter()
        .take(20)
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// Octets of a file with CR LF at the end of each line.
fn on_the_wire(octets: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => {
                wire.extend_from_slice(text);
                wire.extend_from_slice(b"\r\n");
            }
            text => wire.extend_from_slice(text),
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_file_is_taken_apart_and_its_quotes_are_taken_away() {
        let file = b"From a Mon\nSubject: 1\n\n>From here\n>>From there\nFrom inside\n\nFrom b Tue\nSubject: 2\n\nend\n";
        let found = mbox(file).unwrap();
        let texts: Vec<_> = found
            .iter()
            .map(|found| String::from_utf8_lossy(found.message.octets()))
            .collect();
        assert_eq!(
            texts,
            [
                "Subject: 1\r\n\r\nFrom here\r\n>From there\r\nFrom inside\r\n",
                "Subject: 2\r\n\r\nend\r\n"
            ]
        );
        let whole: Vec<u8> = found
            .iter()
            .flat_map(|found| file[found.place.clone()].to_vec())
            .collect();
        assert_eq!(whole, file);
        assert!(mbox(b"").unwrap().is_empty());
        assert!(mbox(b"Subject: 1\n").is_err());
    }

    #[test]
    fn messages_that_are_the_same_have_unique_ids_all_the_same() {
        let found = mbox(b"From a\nx\n\nFrom a\nx\n\nFrom a\nx\n").unwrap();
        let ids: HashSet<_> = found
            .iter()
            .map(|found| found.message.unique_id())
            .collect();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.len() <= ID_MAX));
    }
}
