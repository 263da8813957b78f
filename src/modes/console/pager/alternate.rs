//! The terminal's alternate screen: entered, drawn on, and left whatever happens.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::style::Print;
use crossterm::{cursor, execute, queue, terminal};

use crate::base::stdio;
use crate::modes::console::terminal::changing;

/// Whether the terminal is as the pager has set it.
static IS_SET: AtomicBool = AtomicBool::new(false);

/// The alternate screen while this lives.
#[derive(Debug, Default)]
pub(super) struct Alternate {
    drawn: Vec<String>,
    /// The column of the cursor, when it is seen.
    cursor: Option<usize>,
}

impl Alternate {
    pub(super) fn enter() -> io::Result<Self> {
        let _held = changing();
        terminal::enable_raw_mode()?;
        IS_SET.store(true, Ordering::SeqCst);
        let alternate = Self::default();
        enter()?;
        Ok(alternate)
    }

    /// Shows rows of safe text, and the cursor in a column of the last one. Only rows that have
    /// changed are written, all at once.
    pub(super) fn draw(&mut self, rows: Vec<String>, cursor: Option<usize>) -> io::Result<()> {
        // After `restore` the screen is no longer ours.
        let is_ours = IS_SET.load(Ordering::SeqCst);
        if !is_ours || rows == self.drawn && cursor == self.cursor {
            return Ok(());
        }
        let mut out = Vec::new();
        queue!(out, terminal::BeginSynchronizedUpdate, cursor::Hide)?;
        for (index, row) in rows.iter().enumerate() {
            if self.drawn.get(index) != Some(row) {
                // The clearing comes first: after a row that is full it would take the last
                // character.
                let clear = terminal::Clear(terminal::ClearType::UntilNewLine);
                queue!(out, cursor::MoveTo(0, number(index)), clear, Print(row))?;
            }
        }
        if let Some(column) = cursor {
            let row = number(rows.len().saturating_sub(1));
            queue!(out, cursor::MoveTo(number(column), row), cursor::Show)?;
        }
        queue!(out, terminal::EndSynchronizedUpdate)?;
        self.drawn = rows;
        self.cursor = cursor;
        let mut stdout = stdio::output();
        stdout.write_all(&out)?;
        stdout.flush()
    }

    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.drawn.clear();
        execute!(stdio::output(), terminal::Clear(terminal::ClearType::All))
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        let _held = changing();
        restore();
    }
}

/// Gives the terminal back if the pager has it. To be called before the program is ended from
/// another thread.
pub(crate) fn restore() {
    if IS_SET.swap(false, Ordering::SeqCst) {
        // A terminal that is gone needs nothing back.
        let _ = leave();
        let _ = terminal::disable_raw_mode();
    }
}

/// Leaves the screen for a while if the pager has it; returns whether it has. The modes of the
/// terminal are the caller's.
#[cfg(unix)]
pub(crate) fn lend() -> bool {
    let is_ours = IS_SET.swap(false, Ordering::SeqCst);
    if is_ours {
        let _ = leave();
    }
    is_ours
}

/// Enters the screen again after [`lend`]. The pager draws it when it hears of a new size.
#[cfg(unix)]
pub(crate) fn take_back() {
    let _ = enter();
    IS_SET.store(true, Ordering::SeqCst);
}

fn enter() -> io::Result<()> {
    // Without wrapping, a character that the terminal thinks wider than we do can't push the rows
    // down.
    execute!(
        stdio::output(),
        terminal::EnterAlternateScreen,
        terminal::DisableLineWrap,
        terminal::Clear(terminal::ClearType::All),
        cursor::Hide
    )
}

fn leave() -> io::Result<()> {
    execute!(
        stdio::output(),
        terminal::EndSynchronizedUpdate,
        terminal::EnableLineWrap,
        terminal::LeaveAlternateScreen,
        cursor::Show
    )
}

fn number(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
