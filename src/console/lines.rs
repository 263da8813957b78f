//! Pages text that is no reply: a transcript from a file.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::spool::Spool;
use super::{external_pager, pager, terminal};

/// As much is put into the spool at once.
const BLOCK: usize = 64 * 1024;

/// The first text is waited for so long.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether the terminal can page.
#[must_use]
pub fn can_page() -> bool {
    terminal::can_edit()
}

/// Columns and rows of the terminal.
#[must_use]
pub fn screen() -> (usize, usize) {
    terminal::size()
}

/// Shows what `write` writes, lines that end in LF, in `$PAGER` or the built-in pager while it is written. When the person leaves,
/// writing fails with [`io::ErrorKind::BrokenPipe`]. Returns what `write` returned.
///
/// Errors: there is no room for the text, or the pager fails.
pub fn page<T: Send>(
    title: &str,
    has_colour: bool,
    write: impl FnOnce(&mut dyn Write) -> T + Send,
) -> io::Result<T> {
    let spool = Spool::new()?;
    let is_left = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut lines = Lines {
                spool: &spool,
                is_left: &is_left,
                held: Vec::with_capacity(BLOCK),
            };
            let written = write(&mut lines);
            // What can't be kept is told by the pager.
            let _ = lines.flush();
            spool.finish();
            written
        });
        // So that the first picture is not an empty one.
        let _ = spool.wait(0, PATIENCE);
        let shown = show(&spool, title, has_colour);
        is_left.store(true, Ordering::Relaxed);
        let written = writer
            .join()
            .map_err(|_| io::Error::other("what was to be shown can't be read"));
        shown.and(written)
    })
}

fn show(spool: &Spool, title: &str, has_colour: bool) -> io::Result<()> {
    let program = std::env::var("PAGER").ok();
    let program = program.filter(|pager| !pager.trim().is_empty());
    if program.is_some_and(|program| external_pager::page(&program, spool).is_ok()) {
        return Ok(());
    }
    pager::page(spool, title, has_colour, &|| false).map(drop)
}

/// Lines on their way into a spool.
struct Lines<'a> {
    spool: &'a Spool,
    is_left: &'a AtomicBool,
    held: Vec<u8>,
}

impl Write for Lines<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\n") {
                // A bare LF would be shown: in a reply it is worth seeing.
                Some(line) => {
                    self.held.extend_from_slice(line);
                    self.held.extend_from_slice(b"\r\n");
                }
                None => self.held.extend_from_slice(line),
            }
        }
        if self.held.len() >= BLOCK {
            self.flush()?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_left.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let failure = self.spool.append(&self.held);
        self.held.clear();
        match failure {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
