//! The spool of one reply: a file without a name that one thread fills while another reads lines
//! and searches.
//!
//! Its memory does not grow with the reply: what is kept is a file, and where some of its lines
//! start.

mod lines;
mod search;

use crate::base::lock::lock;
use std::fs::File;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

pub use lines::LineStart;
pub(crate) use lines::{Lines, SpoolLine};
pub use search::{Direction, SearchResult, SearchTerm};

use lines::{Cutter, LineIndex};

/// The octets of a reply, as on the wire, in a temporary file. It is shared by an `Arc`.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Taken by the writer, for as long as it takes to write.
    cutter: Mutex<Cutter>,
    /// Taken for moments only.
    state: Mutex<SpoolState>,
    grown: Condvar,
}

/// How far a spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolProgress {
    /// Octets that can be read.
    pub octets: u64,
    /// Lines as [`Lines`] gives them; the last one may still grow.
    pub lines: u64,
    /// Lines that have ended, of these: they stay as they are.
    pub(crate) ended: u64,
    /// Lines as the server sent them, however long.
    pub(crate) whole: u64,
    pub(crate) is_finished: bool,
}

impl SpoolProgress {
    /// Returns how many lines stay as they are: one that has not ended may still become a different
    /// one.
    pub(super) fn settled(&self) -> u64 {
        match self.is_finished {
            true => self.lines,
            false => self.ended,
        }
    }
}

#[derive(Debug)]
struct SpoolState {
    progress: SpoolProgress,
    index: LineIndex,
    failure: Option<String>,
}

impl Spool {
    /// An empty spool.
    ///
    /// Errors: no temporary file can be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self::on(tempfile::tempfile()?, LineIndex::default()))
    }

    fn on(file: File, index: LineIndex) -> Self {
        let state = SpoolState {
            progress: SpoolProgress::default(),
            index,
            failure: None,
        };
        Self {
            file,
            cutter: Mutex::default(),
            state: Mutex::new(state),
            grown: Condvar::new(),
        }
    }

    /// Adds octets at the end; blocks of some KiB are best.
    ///
    /// When they can't be written (the disk is full), the reason is returned this one time and
    /// remembered as [`Spool::failure`]. What was written can be read; what comes later is passed
    /// over.
    pub fn append(&self, octets: &[u8]) -> Option<io::Error> {
        let mut cutter = lock(&self.cutter);
        let mut rest = octets;
        let (mut at, has_failed) = {
            let state = lock(&self.state);
            (state.progress.octets, state.failure.is_some())
        };
        if has_failed {
            return None;
        }
        while !rest.is_empty() {
            let error = match positioned::write(&self.file, rest, at) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    let (written, more) = rest.split_at(count.min(rest.len()));
                    self.publish(&mut cutter, written);
                    at += written.len() as u64;
                    rest = more;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            lock(&self.state).failure = Some(error.to_string());
            self.grown.notify_all();
            return Some(error);
        }
        None
    }

    /// Lets readers see octets that are in the file.
    fn publish(&self, cutter: &mut Cutter, octets: &[u8]) {
        let mut state = lock(&self.state);
        cutter.feed(octets, |start| state.index.add(start));
        let SpoolState { progress, .. } = &mut *state;
        progress.octets += octets.len() as u64;
        (progress.lines, progress.ended, progress.whole) = cutter.counts();
        drop(state);
        self.grown.notify_all();
    }

    /// Says that nothing more will come.
    pub fn finish(&self) {
        lock(&self.state).progress.is_finished = true;
        self.grown.notify_all();
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> SpoolProgress {
        lock(&self.state).progress
    }

    /// Why octets are missing at the end; None when all were kept.
    pub(crate) fn failure(&self) -> Option<String> {
        lock(&self.state).failure.clone()
    }

    /// Waits until there are more than `octets` octets, or nothing more will come, or `timeout` is
    /// over.
    pub(crate) fn wait(&self, octets: u64, timeout: Duration) -> SpoolProgress {
        let is_enough = |state: &mut SpoolState| {
            state.progress.octets <= octets
                && !state.progress.is_finished
                && state.failure.is_none()
        };
        let waited = self
            .grown
            .wait_timeout_while(lock(&self.state), timeout, is_enough);
        waited.unwrap_or_else(PoisonError::into_inner).0.progress
    }

    /// The lines from `line` on, counted from 0, up to what is there now.
    ///
    /// Errors: the file can't be read.
    pub fn lines(&self, line: u64) -> io::Result<Lines<'_>> {
        let (near, end) = {
            let state = lock(&self.state);
            (
                state.index.last(|start| start.line <= line),
                state.progress.octets,
            )
        };
        let mut lines = Lines::new(self, near, end);
        while lines.next.line < line && lines.skip()? {}
        Ok(lines)
    }

    /// The start of the line that holds the octet at `offset`.
    ///
    /// Errors: the file can't be read.
    pub fn line_of(&self, offset: u64) -> io::Result<LineStart> {
        let (near, end) = {
            let state = lock(&self.state);
            (
                state.index.last(|start| start.offset <= offset),
                state.progress.octets,
            )
        };
        let mut lines = Lines::new(self, near, end);
        let mut start = near;
        while lines.skip()? && lines.next.offset <= offset {
            start = lines.next;
        }
        Ok(start)
    }

    /// Looks for the first match that starts at `offset` or after it, or for the last one that
    /// starts before it. `is_over` is asked every now and then whether to give up.
    ///
    /// Errors: the file can't be read.
    pub fn find(
        &self,
        needle: &SearchTerm,
        way: Direction,
        offset: u64,
        is_over: &mut dyn FnMut() -> bool,
    ) -> io::Result<SearchResult> {
        let end = self.progress().octets;
        let mut read = |offset, octets: &mut [u8]| self.read_exact(offset, octets);
        let from = offset.min(end);
        search::find(needle, way, from, end, search::BLOCK, &mut read, is_over)
    }

    fn read_exact(&self, mut offset: u64, mut octets: &mut [u8]) -> io::Result<()> {
        while !octets.is_empty() {
            match positioned::read(&self.file, octets, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    offset += count as u64;
                    octets = octets.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn octets(&self, at: u64) -> impl io::Read {
        Octets { spool: self, at }
    }
}

struct Octets<'a> {
    spool: &'a Spool,
    at: u64,
}

impl io::Read for Octets<'_> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let count = positioned::read(&self.spool.file, octets, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reading and writing at a place, so that the two threads share no position in the file.
mod positioned {
    use std::fs::File;
    use std::io;
    #[cfg(unix)]
    use std::os::unix::fs::FileExt;
    #[cfg(windows)]
    use std::os::windows::fs::FileExt;

    #[cfg(unix)]
    pub(super) fn read(file: &File, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(octets, offset)
    }

    #[cfg(unix)]
    pub(super) fn write(file: &File, octets: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(octets, offset)
    }

    #[cfg(windows)]
    pub(super) fn read(file: &File, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek_read(octets, offset)
    }

    #[cfg(windows)]
    pub(super) fn write(file: &File, octets: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(octets, offset)
    }
}

#[cfg(test)]
mod tests;
