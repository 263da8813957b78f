//! An input that is read more than once: a regular file, or a copy of a pipe. The copy has no name,
//! so nothing of it stays when the program is killed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::base::files;
use crate::base::lock::lock;

/// The most octets of a pipe that are copied: one that does not end must not fill the disk.
pub(crate) const COPY_MAX: u64 = 1 << 30;

#[derive(Debug, Clone)]
pub(crate) struct Twice {
    file: Arc<Mutex<File>>,
}

impl Twice {
    /// Opens a file; what can't be read twice, such as a pipe, is copied first.
    ///
    /// Errors: it can't be opened or copied, is a folder, or does not end within [`COPY_MAX`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = files::read(path)?;
        match file.metadata()?.is_file() {
            true => Ok(Self::of(file)),
            false => Self::copy(file, COPY_MAX),
        }
    }

    fn of(file: File) -> Self {
        Self {
            file: Arc::new(Mutex::new(file)),
        }
    }

    /// Copies what can be read once.
    ///
    /// Errors: as above.
    pub(crate) fn copy(input: impl Read, most: u64) -> io::Result<Self> {
        let mut copy = tempfile::tempfile()?;
        let count = io::copy(&mut input.take(most.saturating_add(1)), &mut copy)?;
        if count > most {
            let what = format!("it has more than {most} octets; write it to a file first");
            return Err(io::Error::other(what));
        }
        Ok(Self::of(copy))
    }

    /// A reader with a place of its own, at the start.
    pub(crate) fn reader(&self) -> RereadReader {
        RereadReader {
            file: Arc::clone(&self.file),
            at: 0,
        }
    }
}

/// A reader with a place of its own in a shared file.
#[derive(Debug)]
pub(crate) struct RereadReader {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Read for RereadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = lock(&self.file);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(buffer)?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for RereadReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut file = lock(&self.file);
        self.at = match to {
            SeekFrom::Current(by) => {
                file.seek(SeekFrom::Start(self.at))?;
                file.seek(SeekFrom::Current(by))?
            }
            to => file.seek(to)?,
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_has_its_own_place() {
        let twice = Twice::copy(&b"one two"[..], 7).unwrap();
        let (mut a, mut b) = (twice.reader(), twice.reader());
        let mut three = [0; 3];
        a.read_exact(&mut three).unwrap();
        b.seek(SeekFrom::Start(4)).unwrap();
        let mut rest = String::new();
        b.read_to_string(&mut rest).unwrap();
        assert_eq!((&three, rest.as_str()), (b"one", "two"));
        rest.clear();
        a.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, " two");
    }

    #[test]
    fn an_input_without_an_end_is_refused() {
        let error = Twice::copy(io::repeat(b'x'), 1000).unwrap_err().to_string();
        assert!(error.contains("more than 1000 octets"), "{error}");
    }
}
