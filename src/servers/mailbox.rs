//! A Maildir or an mbox file as the practice server's maildrop. It is not changed, except that
//! deleted messages are removed if that was allowed. Each message is then either there or gone,
//! even if the program is killed. Messages stay in their files: only blocks of them are in memory,
//! and only while they are sent.

mod crlf;
mod maildir;
mod mbox;
mod stored_message;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::base::io_error::plain;
use crate::base::plural::counted;
use crate::base::regular::{self, Links};
use crate::base::say;
use crate::servers::{Message, Store, StoreFailure};

use maildir::{Maildir, MaildirEntry};
use mbox::MboxMessage;
use stored_message::{Stamp, StoredMessage};

/// The start of a message in an mbox file, after a blank line.
const FROM: &[u8] = b"From ";

/// The longest unique-id (RFC 1939 §7).
const ID_MAX: usize = 70;

/// A message that gets new flags while it is being read has a new name; then the mailbox is read
/// again, at most this many times.
const RETRIES: usize = 3;

/// How many octets of a file are in memory at a time.
const BLOCK: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MailboxKind {
    /// A folder with `cur` and `new`; each message is a file.
    Maildir,
    /// One file, each message after a `From ` line.
    Mbox,
}

/// On Windows, `1:2,S` is not a file, but a part of the file `1`.
const NO_MAILDIR: &str = "a Maildir needs `:` in file names, which Windows does not allow";

#[derive(Debug)]
pub(crate) struct Mailbox {
    path: Arc<Path>,
    kind: MailboxKind,
    may_delete: bool,
    /// If nothing may be deleted: the messages that clients have deleted, until the program ends.
    hidden: Mutex<HashSet<String>>,
    are_links_told: AtomicBool,
}

impl Mailbox {
    /// Opens a mailbox. With `may_delete`, messages that a session deletes are removed from it.
    ///
    /// Errors: it is neither a Maildir nor a file.
    pub(crate) fn open(path: &Path, may_delete: bool) -> Result<Self, String> {
        let found = fs::metadata(path).map_err(|error| plain(&error))?;
        let kind = match found.is_dir() {
            false => MailboxKind::Mbox,
            true if path.join("cur").is_dir() && cfg!(windows) => {
                return Err(NO_MAILDIR.to_owned());
            }
            true if path.join("cur").is_dir() => MailboxKind::Maildir,
            true => return Err("not a Maildir: the folder has no `cur`".to_owned()),
        };
        Ok(Self {
            path: path.into(),
            kind,
            may_delete,
            hidden: Mutex::default(),
            are_links_told: AtomicBool::default(),
        })
    }

    fn all(&self) -> io::Result<Vec<Message>> {
        match self.kind {
            MailboxKind::Maildir => {
                let read = || -> io::Result<Vec<Message>> {
                    let folders = Arc::new(Maildir::open(&self.path)?);
                    let listing = folders.list()?;
                    self.show_links(listing.links);
                    let files = with_ids(listing.entries).into_iter();
                    files
                        .map(|(id, entry)| {
                            Ok(message(StoredMessage::of_maildir(&folders, entry)?, id))
                        })
                        .collect()
                };
                let mut result = read();
                for _ in 0..RETRIES {
                    match &result {
                        Err(error) if error.kind() == ErrorKind::NotFound => result = read(),
                        _ => break,
                    }
                }
                result
            }
            MailboxKind::Mbox => {
                let file = regular::open(&self.path, Links::Follow)?;
                // Taken before the file is read, so that a change during the reading is noticed
                // later.
                let stamp = Stamp::of(&file)?;
                let (found, _) = mbox::scan(file)?;
                let found = with_hashes(found).into_iter();
                let kept = |found: &MboxMessage| StoredMessage::of_mbox(&self.path, stamp, found);
                Ok(found.map(|(id, found)| message(kept(&found), id)).collect())
            }
        }
    }

    fn show_links(&self, links: usize) {
        if links == 0 || self.are_links_told.swap(true, Ordering::Relaxed) {
            return;
        }
        say::warning(&format!(
            "{}: skipped {}: links in a Maildir are not followed",
            self.path.display(),
            counted(links, "symbolic link")
        ));
    }

    fn delete(&self, ids: &HashSet<&str>) -> io::Result<()> {
        match self.kind {
            MailboxKind::Maildir => {
                let folders = Maildir::open(&self.path)?;
                for (id, entry) in with_ids(folders.list()?.entries) {
                    if ids.contains(id.as_str()) {
                        match folders.remove(&entry) {
                            // Another program has removed it.
                            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                            result => result?,
                        }
                    }
                }
                folders.sync()
            }
            MailboxKind::Mbox => self.rewrite(ids),
        }
    }

    /// Writes a copy of the mbox file without some messages, then replaces the file with it
    /// atomically.
    fn rewrite(&self, ids: &HashSet<&str>) -> io::Result<()> {
        // If it is a symbolic link, replace its target.
        let path = self.path.canonicalize()?;
        let mut old = File::open(&path)?;
        // Held until the end; a program that uses the same kind of lock for delivery waits.
        old.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another program has locked it"),
            TryLockError::Error(error) => error,
        })?;
        let before = old.metadata()?;
        let (found, length) = mbox::scan(&old)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let new = tempfile::Builder::new()
            .prefix(".poptalk-")
            .tempfile_in(folder)?;
        for (id, found) in with_hashes(found) {
            if !ids.contains(id.as_str()) {
                copy(&mut old, found.place, new.as_file())?;
            }
        }
        keep_owner(new.as_file(), &before)?;
        new.as_file().set_permissions(before.permissions())?;
        new.as_file().sync_all()?;
        // A program that delivers with a different lock, or none, has appended to it.
        let now = fs::metadata(&path)?;
        if now.len() != length || now.modified()? != before.modified()? {
            return Err(changed_meanwhile());
        }
        if cfg!(windows) {
            // A file that is open can't be replaced there: the lock has to go a moment earlier.
            drop(old);
        }
        new.persist(&path)?;
        sync(folder)
    }
}

impl Store for Mailbox {
    fn read(&self) -> Result<Vec<Message>, StoreFailure> {
        let mut messages = self
            .all()
            .map_err(|error| warn_about(&self.path, "cannot be read", &error))?;
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        messages.retain(|message| !hidden.contains(message.unique_id()));
        Ok(messages)
    }

    fn remove(&self, messages: &[&Message]) -> Result<(), StoreFailure> {
        let ids = messages.iter().map(|message| message.unique_id());
        if !self.may_delete {
            let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
            hidden.extend(ids.map(str::to_owned));
            return Ok(());
        }
        self.delete(&ids.collect()).map_err(|error| {
            warn_about(&self.path, "not all deleted messages were removed", &error)
        })
    }
}

fn message(kept: StoredMessage, id: String) -> Message {
    let size = kept.size;
    Message::kept_in(Arc::new(kept), size, id)
}

/// Reports a problem with a mailbox, or with a file in it, to the person who runs the server.
fn warn_about(path: &Path, what: &str, error: &io::Error) -> StoreFailure {
    say::warning(&format!("{}: {what}: {}", path.display(), plain(error)));
    StoreFailure
}

fn blocks(mut file: impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => take(block.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Appends a range of one file to another file.
fn copy(from: &mut File, place: Range<u64>, mut to: &File) -> io::Result<()> {
    let length = place.end.saturating_sub(place.start);
    from.seek(SeekFrom::Start(place.start))?;
    if io::copy(&mut from.take(length), &mut to)? != length {
        return Err(changed_meanwhile());
    }
    Ok(())
}

fn changed_meanwhile() -> io::Error {
    io::Error::other("the file has changed in the meantime")
}

/// Gives a file the owner of the previous one: an administrator must not take a mailbox away from
/// its owner.
#[cfg(unix)]
fn keep_owner(file: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid()))
}

/// On other systems the permissions of the folder apply to a new file.
#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Flushes the changes to a folder to the disk.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Some systems cannot open folders.
        Err(_) if cfg!(not(unix)) => Ok(()),
        result => result,
    }
}

fn with_ids(entries: Vec<MaildirEntry>) -> Vec<(String, MaildirEntry)> {
    let mut ids = Ids::default();
    let named = entries.into_iter().map(|entry| {
        let base = &entry.base;
        let is_id = (1..=ID_MAX).contains(&base.len())
            && base.bytes().all(|octet| octet.is_ascii_graphic());
        let id = match is_id {
            true => base.clone(),
            false => hashed(base.as_bytes()),
        };
        (ids.another(id), entry)
    });
    named.collect()
}

fn with_hashes(found: Vec<MboxMessage>) -> Vec<(String, MboxMessage)> {
    let mut ids = Ids::default();
    let named = found
        .into_iter()
        .map(|found| (ids.another(in_hex(&found.hash)), found));
    named.collect()
}

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
    in_hex(&Sha256::digest(octets))
}

fn in_hex(hash: &[u8]) -> String {
    let octets = hash.iter().take(20);
    octets.map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests;
