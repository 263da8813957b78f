//! Standard output and standard error: everything that poptalk prints leaves through here.
//!
//! The reader of either stream may go away at any time. The macros of the standard library panic
//! then, in whatever thread happens to print, so no other file uses them or the handles of the two
//! streams (`tests/docs/layers.rs` checks that). Only the line editor, which is another crate,
//! writes to the terminal by itself.

use std::io::{self, IsTerminal, StdoutLock, Write};

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::ProgressDrawTarget;

/// How many writes of [`print`] and [`say`] have begun, and how many are done.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

/// Returns standard output, which no other thread can write to until the value is dropped. Its
/// errors are the caller's: see [`crate::base::say::written`].
pub(crate) fn output() -> StdoutLock<'static> {
    io::stdout().lock()
}

/// Writes to standard output, and hands it on at once.
///
/// Errors: the reader has gone ([`io::ErrorKind::BrokenPipe`]), or there is no room.
pub(crate) fn print(octets: &[u8]) -> io::Result<()> {
    counted(|| {
        let mut out = output();
        out.write_all(octets)?;
        out.flush()
    })
}

/// Writes a message to standard error, in one piece. A message without a reader is lost, and the
/// program continues without it: nothing depends on messages, and there is no other place to
/// complain.
pub(crate) fn say(text: &str) {
    let _ = counted(|| io::stderr().lock().write_all(text.as_bytes()));
}

fn counted(write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    BEGUN.fetch_add(1, Ordering::SeqCst);
    let written = write();
    DONE.fetch_add(1, Ordering::SeqCst);
    written
}

/// Returns a number that stays the same for as long as the same write of [`print()`] or [`say()`]
/// waits for its reader; None when none is in progress.
pub(crate) fn waiting() -> Option<u64> {
    let done = DONE.load(Ordering::SeqCst);
    (BEGUN.load(Ordering::SeqCst) > done).then_some(done)
}

pub(crate) fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

pub(crate) fn is_error_terminal() -> bool {
    io::stderr().is_terminal()
}

/// The columns of the terminal that standard output is; None if it is not a terminal, or has no
/// known width.
pub(crate) fn output_columns() -> Option<usize> {
    is_output_terminal().then(columns).flatten()
}

/// The same of standard error.
pub(crate) fn error_columns() -> Option<usize> {
    is_error_terminal().then(columns).flatten()
}

fn columns() -> Option<usize> {
    let size = crossterm::terminal::window_size().ok()?;
    Some(usize::from(size.columns)).filter(|columns| *columns > 0)
}

/// Returns where a progress bar is drawn: on standard error, if that is a terminal. The bar ignores
/// errors.
pub(crate) fn progress() -> ProgressDrawTarget {
    match is_error_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    }
}

/// Whether the reader of standard output is known to have gone, without a write. False where the
/// system does not report it.
#[cfg(unix)]
pub(crate) fn has_lost_reader() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = rustix::stdio::stdout();
    // An error of a pipe without a reader is reported whether or not it is asked for.
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR))
}

#[cfg(not(unix))]
pub(crate) fn has_lost_reader() -> bool {
    false
}
