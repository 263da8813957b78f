//! Temporary folders that do not stay when the program is ended by a signal.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A folder that is removed when it is dropped, and when INT, TERM, or HUP from its terminal end the program.
#[derive(Debug)]
pub struct Folder {
    folder: Arc<TempDir>,
    /// A signal has come, and the program ends by it.
    is_ending: Arc<AtomicBool>,
}

impl Folder {
    /// Makes one, for this user alone.
    ///
    /// Errors: it can't be made.
    pub fn new() -> io::Result<Self> {
        let folder = Arc::new(tempfile::tempdir()?);
        let is_ending = Arc::default();
        #[cfg(unix)]
        signals::watch(Arc::downgrade(&folder), Arc::clone(&is_ending))?;
        Ok(Self { folder, is_ending })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Folder {
    /// Waits for the signal to end the program: that its files are gone must not look like an error of its own.
    fn drop(&mut self) {
        while self.is_ending.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(unix)]
mod signals {
    use std::io::{self, IsTerminal as _};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Weak};
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use tempfile::TempDir;

    /// Waits in a thread for a signal that ends the program, and removes the folder before it does.
    pub(super) fn watch(folder: Weak<TempDir>, is_ending: Arc<AtomicBool>) -> io::Result<()> {
        // `nohup` ignores HUP, and takes standard input off the terminal.
        let has_terminal = io::stdin().is_terminal();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        if has_terminal {
            signals.add_signal(SIGHUP)?;
        }
        let wait = move || {
            for signal in signals.forever() {
                is_ending.store(true, Ordering::SeqCst);
                if let Some(folder) = folder.upgrade() {
                    // What can't be removed stays; the program ends in any case.
                    let _ = std::fs::remove_dir_all(folder.path());
                }
                let _ = emulate_default_handler(signal);
                is_ending.store(false, Ordering::SeqCst);
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)?;
        Ok(())
    }
}
