//! A message that stays in its file and is read when it is needed.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::regular::{self, Links};
use crate::servers::{MessageSource, StoreFailure};

use super::crlf::CrlfReader;
use super::maildir::{Maildir, MaildirEntry};
use super::mbox::{MboxMessage, Measure, MessageHash};
use super::{BLOCK, blocks, warn_about};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    /// None: the system does not provide it.
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let now = file.metadata()?;
        Ok(Self {
            length: now.len(),
            modified: now.modified().ok(),
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct StoredMessage {
    home: Home,
    stamp: Stamp,
    /// Where its lines are in the file, in octets.
    lines: Range<u64>,
    /// Its size on the wire.
    pub(super) size: u64,
}

#[derive(Debug, Clone)]
enum Home {
    /// A separate file, which may be renamed.
    Maildir {
        folders: Arc<Maildir>,
        entry: MaildirEntry,
    },
    /// A file to which messages are appended.
    Mbox { path: Arc<Path>, hash: MessageHash },
}

impl StoredMessage {
    /// Reads a message of a Maildir once, for its size.
    pub(super) fn of_maildir(folders: &Arc<Maildir>, entry: MaildirEntry) -> io::Result<Self> {
        let file = folders.file(&entry)?;
        // Taken before the file is read, so that a change during the reading is noticed later.
        let stamp = Stamp::of(&file)?;
        let (mut wire, mut length, mut size) = (CrlfReader::plain(), 0, 0);
        let mut count = |octets: &[u8]| size += octets.len() as u64;
        blocks(file, |octets| {
            length += octets.len() as u64;
            wire.feed(octets, &mut count);
            Ok(())
        })?;
        wire.finish(&mut count);
        Ok(Self {
            home: Home::Maildir {
                folders: Arc::clone(folders),
                entry,
            },
            stamp,
            lines: 0..length,
            size,
        })
    }

    pub(super) fn of_mbox(path: &Arc<Path>, stamp: Stamp, found: &MboxMessage) -> Self {
        Self {
            home: Home::Mbox {
                path: Arc::clone(path),
                hash: found.hash,
            },
            stamp,
            lines: found.lines.clone(),
            size: found.size,
        }
    }

    fn stream(&self) -> io::Result<FileStream> {
        let mut file = self.file()?;
        let stamp = self.check(&mut file, self.stamp)?;
        file.seek(SeekFrom::Start(self.lines.start))?;
        let left = self.lines.end.saturating_sub(self.lines.start);
        let most = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        Ok(FileStream {
            kept: self.clone(),
            file,
            stamp,
            left,
            block: vec![0; most],
            wire: Some(match &self.home {
                Home::Maildir { .. } => CrlfReader::plain(),
                Home::Mbox { .. } => CrlfReader::quoted(),
            }),
            out: Vec::new(),
            at: 0,
            size: 0,
        })
    }

    fn file(&self) -> io::Result<File> {
        let (folders, entry) = match &self.home {
            Home::Maildir { folders, entry } => (folders, entry),
            Home::Mbox { path, .. } => return regular::open(path, Links::Follow),
        };
        let mut result = folders.file(entry);
        if !matches!(&result, Err(error) if error.kind() == ErrorKind::NotFound) {
            return result;
        }
        // Its flags have changed.
        for entry in folders.find(&entry.base)? {
            result = folders.file(&entry);
            let is_it = |file| Stamp::of(file).is_ok_and(|now| now == self.stamp);
            if result.as_ref().is_ok_and(is_it) {
                break;
            }
        }
        result
    }

    /// The file's stamp now, if its message is still the one from when the stamp was `known`. A
    /// message appended to an mbox file changes no earlier message.
    ///
    /// Errors: it is a different message.
    fn check(&self, file: &mut File, known: Stamp) -> io::Result<Stamp> {
        let now = Stamp::of(file)?;
        if now == known {
            return Ok(now);
        }
        if let Home::Mbox { hash, .. } = self.home {
            let mut measure = Measure::new();
            file.seek(SeekFrom::Start(self.lines.start))?;
            let length = self.lines.end.saturating_sub(self.lines.start);
            blocks(file.take(length), |octets| {
                measure.feed(octets);
                Ok(())
            })?;
            if measure.finish() == (self.size, hash) {
                return Ok(now);
            }
        }
        Err(changed())
    }

    fn warn_about(&self, error: &io::Error) -> StoreFailure {
        match &self.home {
            Home::Maildir { entry, .. } => warn_about(&entry.path, "cannot be served", error),
            Home::Mbox { path, .. } => {
                let what = format!("the message at octet {} cannot be served", self.lines.start);
                warn_about(path, &what, error)
            }
        }
    }
}

fn changed() -> io::Error {
    io::Error::other("it has changed since login")
}

impl MessageSource for StoredMessage {
    fn open(&self) -> Result<Box<dyn Read + Send>, StoreFailure> {
        match self.stream() {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(self.warn_about(&error)),
        }
    }
}

#[derive(Debug)]
struct FileStream {
    kept: StoredMessage,
    file: File,
    stamp: Stamp,
    /// How many octets are still to be read.
    left: u64,
    block: Vec<u8>,
    /// None after the end.
    wire: Option<CrlfReader>,
    /// Octets on the wire, handed out up to `at`.
    out: Vec<u8>,
    at: usize,
    /// How many octets on the wire there were so far.
    size: u64,
}

impl FileStream {
    fn fill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.at = 0;
        let Self { out, .. } = self;
        let mut write = |octets: &[u8]| out.extend_from_slice(octets);
        if self.left == 0 {
            if let Some(wire) = self.wire.take() {
                wire.finish(&mut write);
                self.size += self.out.len() as u64;
                self.kept.check(&mut self.file, self.stamp)?;
                if self.size != self.kept.size {
                    return Err(changed());
                }
            }
            return Ok(());
        }
        let most =
            usize::try_from(self.left).map_or(self.block.len(), |left| left.min(self.block.len()));
        let count = match self
            .file
            .read(self.block.get_mut(..most).unwrap_or_default())
        {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        };
        if count == 0 {
            return Err(changed());
        }
        self.left = self.left.saturating_sub(count as u64);
        if let Some(wire) = &mut self.wire {
            wire.feed(self.block.get(..count).unwrap_or_default(), &mut write);
        }
        self.size += self.out.len() as u64;
        Ok(())
    }
}

impl Read for FileStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && self.wire.is_some() {
            if let Err(error) = self.fill() {
                self.kept.warn_about(&error);
                return Err(error);
            }
        }
        let ready = self.out.get(self.at..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
