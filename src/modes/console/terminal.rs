//! What passes between us and the terminal in addition to text.

#[cfg(unix)]
mod signals;
#[cfg(any(windows, test))]
mod unseen;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use unicode_width::UnicodeWidthStr;

use zeroize::Zeroizing;

use crate::base::{interrupts, stdio};

/// Columns and rows; 80 and 24 where they can't be known.
pub(crate) fn size() -> (usize, usize) {
    match known_size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns.into(), rows.into()),
        _ => (80, 24),
    }
}

/// The library's own `size` runs `tput` where the terminal has gone, and that would outlive the
/// program.
#[cfg(unix)]
fn known_size() -> std::io::Result<(u16, u16)> {
    crossterm::terminal::window_size().map(|size| (size.columns, size.rows))
}

#[cfg(not(unix))]
fn known_size() -> std::io::Result<(u16, u16)> {
    crossterm::terminal::size()
}

pub(crate) fn can_edit() -> bool {
    !matches!(
        std::env::var("TERM").as_deref(),
        Ok("dumb" | "cons25" | "emacs" | "")
    )
}

/// Whether Ctrl-C was pressed since it was asked last.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    pub(crate) fn listen() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        // Where it can't be listened to, Ctrl-C ends the program; the transcript is whole anyway.
        let _ = interrupts::on_ctrl_c(&flag);
        Self(flag)
    }

    /// Listens to Ctrl-C while `run` continues; after that it ends the program again.
    pub(crate) fn during<T>(run: impl FnOnce(&Self) -> T) -> T {
        let flag = Arc::new(AtomicBool::new(false));
        interrupts::during(&flag, || run(&Self(Arc::clone(&flag))))
    }

    /// Whether it was pressed; asked again, it is not.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_pressed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Asks for a secret; nothing of it is shown.
///
/// Errors: the terminal is gone, or Ctrl-C was pressed ([`io::ErrorKind::Interrupted`]).
pub(crate) fn ask_unseen(prompt: &str, interrupts: &Interrupts) -> io::Result<Zeroizing<Vec<u8>>> {
    watch();
    let _ = interrupts.take();
    let mut out = stdio::output();
    out.write_all(prompt.as_bytes())?;
    out.flush()?;
    let line = imp::read_unseen(interrupts);
    out.write_all(b"\n")?;
    line
}

pub(crate) use imp::{
    Quiet, changing, discard_input, echoing, ending_on_interrupt, is_input_waiting, lent,
    on_return, suspend, watch,
};

#[cfg(unix)]
mod imp {
    use std::io::{self, BufRead};
    use std::time::Duration;

    #[cfg(not(target_vendor = "apple"))]
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::stdio::stdin;
    use rustix::termios::{
        LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
    };
    use zeroize::Zeroizing;

    use super::Interrupts;
    pub(crate) use super::signals::{
        changing, ending_on_interrupt, lent, on_return, suspend, watch,
    };

    /// Between two prompts the terminal would echo what is typed ahead, a password too. While this
    /// lives it does not.
    #[derive(Debug)]
    pub(crate) struct Quiet(Option<Termios>);

    impl Quiet {
        /// Switches the echo off, and puts everything back also when a signal ends or stops the
        /// program.
        pub(crate) fn start() -> Self {
            let Ok(before) = tcgetattr(stdin()) else {
                return Self(None);
            };
            watch();
            set_echo(&before, false);
            Self(Some(before))
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            if let Some(before) = &self.0 {
                let _held = changing();
                let _ = tcsetattr(stdin(), OptionalActions::Now, before);
            }
        }
    }

    /// Runs `read` with the echo on or off.
    pub(crate) fn echoing<T>(is_on: bool, read: impl FnOnce() -> T) -> T {
        let before = tcgetattr(stdin()).ok();
        if let Some(before) = &before {
            set_echo(before, is_on);
        }
        // Puts it back.
        let _quiet = Quiet(before);
        read()
    }

    /// How often to look for Ctrl-C while a secret is awaited, where the system does not report it
    /// at once.
    const WAKE: Duration = Duration::from_millis(200);

    /// Reads a line without showing it.
    pub(super) fn read_unseen(interrupts: &Interrupts) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut line = Zeroizing::new(Vec::new());
        let count = echoing(false, || {
            // Reading alone would continue after Ctrl-C.
            while !is_input_waiting(WAKE) {
                if interrupts.take() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
            io::stdin().lock().read_until(b'\n', &mut line)
        });
        if count? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(line)
    }

    fn set_echo(before: &Termios, is_on: bool) {
        let _held = changing();
        let mut modes = before.clone();
        modes.local_modes.set(LocalModes::ECHO, is_on);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
    }

    /// Forgets what was typed and not read: it was not meant for the question that follows.
    pub(crate) fn discard_input() {
        let _ = tcflush(stdin(), QueueSelector::IFlush);
    }

    /// Whether a line, or the end, is there after `time`; a signal ends the wait early.
    #[cfg(target_vendor = "apple")]
    pub(crate) fn is_input_waiting(time: Duration) -> bool {
        use std::os::fd::AsRawFd as _;

        use filedescriptor::{POLLIN, poll, pollfd};
        let fd = io::stdin().as_raw_fd();
        let mut fds = [pollfd {
            fd,
            events: POLLIN,
            revents: 0,
        }];
        matches!(poll(&mut fds, Some(time)), Ok(count) if count > 0)
    }

    /// Whether a line, or the end, is there after `time`; a signal ends the wait early.
    #[cfg(not(target_vendor = "apple"))]
    pub(crate) fn is_input_waiting(time: Duration) -> bool {
        let stdin = stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let time = Timespec::try_from(time).ok();
        matches!(poll(&mut fds, time.as_ref()), Ok(count) if count > 0)
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    use zeroize::Zeroizing;

    use super::Interrupts;

    /// Elsewhere nothing is echoed between two prompts.
    #[derive(Debug)]
    pub(crate) struct Quiet;

    impl Quiet {
        pub(crate) fn start() -> Self {
            Self
        }
    }

    /// Runs `read`. The console shows what is typed.
    pub(crate) fn echoing<T>(_: bool, read: impl FnOnce() -> T) -> T {
        read()
    }

    /// Reads a line without showing it; Ctrl-C is a key then.
    pub(super) fn read_unseen(_: &Interrupts) -> io::Result<Zeroizing<Vec<u8>>> {
        super::unseen::read()
    }

    /// Elsewhere no signal has to be looked out for.
    pub(crate) fn watch() {}

    /// Elsewhere no signal thread changes the terminal.
    pub(crate) fn changing() {}

    /// Elsewhere a program is not stopped.
    pub(crate) fn on_return(_: impl Fn() + Send + 'static) {}

    /// Elsewhere a program is not stopped.
    pub(crate) fn suspend() {}

    pub(crate) fn lent<T>(run: impl FnOnce() -> T) -> T {
        run()
    }

    /// Elsewhere Ctrl-C is looked at when the connection is there.
    pub(crate) fn ending_on_interrupt<T>(run: impl FnOnce() -> T) -> T {
        run()
    }

    /// Elsewhere what was typed ahead stays.
    pub(crate) fn discard_input() {}

    /// Not known elsewhere.
    pub(crate) fn is_input_waiting(_: std::time::Duration) -> bool {
        false
    }
}

/// The rows of a screen that safe lines fill.
pub(super) fn rows_of(text: &str, columns: usize) -> usize {
    let rows = |line: &str| line.width().div_ceil(columns.max(1)).max(1);
    text.lines().map(rows).sum()
}

/// Whether safe lines fit on the screen with the prompt under them.
pub(super) fn fits(text: &str) -> bool {
    let (columns, height) = size();
    rows_of(text, columns) < height
}
