//! Pages text that is not a reply: a transcript from a file.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::spool::Spool;
use super::{external_pager, pager, terminal};
use crate::analysis::show::{Canvas, Highlight};

/// As much is put into the spool at once.
const BLOCK: usize = 64 * 1024;

/// The first text is waited for so long.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) fn can_page() -> bool {
    terminal::can_edit()
}

pub(crate) fn screen() -> (usize, usize) {
    terminal::size()
}

/// Shows what `write` puts on a canvas, in `$PAGER` or the built-in pager, while it does so. When
/// the person leaves, the canvas fails with [`io::ErrorKind::BrokenPipe`]. Returns what `write`
/// returned. Only the built-in pager has the colours.
///
/// Errors: there is no room for the text, or the pager fails.
pub(crate) fn page<T: Send>(
    title: &str,
    has_colour: bool,
    write: impl FnOnce(&mut SpoolWriter<'_>) -> T + Send,
) -> io::Result<T> {
    let (text, highlights) = (Spool::new()?, Spool::new()?);
    let is_left = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut lines = SpoolWriter {
                text: &text,
                highlights: &highlights,
                is_left: &is_left,
                held: Vec::with_capacity(BLOCK),
                held_highlights: Vec::new(),
                highlight: None,
            };
            // Also when a panic ends this thread: the pager waits for the end of the text.
            let _end = SpoolEndGuard(&text);
            let written = write(&mut lines);
            // What can't be kept is reported by the pager.
            let _ = lines.flush();
            written
        });
        // So that the first picture is not an empty one.
        let _ = text.wait(0, PATIENCE);
        let shown = show(&text, &highlights, title, has_colour);
        is_left.store(true, Ordering::Relaxed);
        let written = writer
            .join()
            .map_err(|_| io::Error::other("the text to show can't be read"));
        shown.and(written)
    })
}

/// Says that nothing more will come.
struct SpoolEndGuard<'a>(&'a Spool);

impl Drop for SpoolEndGuard<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

fn show(text: &Spool, highlights: &Spool, title: &str, has_colour: bool) -> io::Result<()> {
    if external_pager::page_in_own(text) {
        return Ok(());
    }
    let highlight = |line: u64| {
        let mut highlight = [0];
        let read = highlights.octets(line).read(&mut highlight);
        let highlight = HIGHLIGHTS
            .get(usize::from(highlight[0]))
            .filter(|_| read.is_ok());
        highlight.copied().unwrap_or(Highlight::Plain)
    };
    pager::page_in_colour(text, title, has_colour, &highlight, &|| false).map(drop)
}

/// The highlights by their octets in the file of highlights, one for each line.
const HIGHLIGHTS: [Highlight; 7] = [
    Highlight::Plain,
    Highlight::Client,
    Highlight::Positive,
    Highlight::Negative,
    Highlight::Odd,
    Highlight::Challenge,
    Highlight::Note,
];

/// Lines on their way into a spool, and the highlight of each into another: in the text, colours
/// would be octets of it.
#[derive(Debug)]
pub(crate) struct SpoolWriter<'a> {
    text: &'a Spool,
    highlights: &'a Spool,
    is_left: &'a AtomicBool,
    held: Vec<u8>,
    held_highlights: Vec<u8>,
    /// Of the line that is coming: the highlight that says what it is.
    highlight: Option<Highlight>,
}

impl SpoolWriter<'_> {
    fn flush(&mut self) -> io::Result<()> {
        if self.is_left.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // The highlight of a line is there before the line.
        let failures = [
            self.highlights.append(&self.held_highlights),
            self.text.append(&self.held),
        ];
        self.held.clear();
        self.held_highlights.clear();
        failures.into_iter().flatten().next().map_or(Ok(()), Err)
    }
}

impl Canvas for SpoolWriter<'_> {
    fn text(&mut self, highlight: Highlight, text: &str) -> io::Result<()> {
        self.held.extend_from_slice(text.as_bytes());
        // What is neither plain nor a note says what the line is; a time or a remark may be in any.
        self.highlight = match self.highlight {
            highlight if text.trim_start().is_empty() => highlight,
            None => Some(highlight),
            Some(Highlight::Note | Highlight::Plain) if highlight != Highlight::Note => {
                Some(highlight)
            }
            highlight => highlight,
        };
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        // A bare LF would be shown: in a reply it is worth seeing.
        self.held.extend_from_slice(b"\r\n");
        let highlight = self.highlight.take().unwrap_or(Highlight::Plain);
        let index = HIGHLIGHTS
            .iter()
            .position(|one| *one == highlight)
            .unwrap_or_default();
        self.held_highlights
            .push(u8::try_from(index).unwrap_or_default());
        if self.held.len() >= BLOCK {
            self.flush()?;
        }
        Ok(())
    }
}
