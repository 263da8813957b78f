//! Temporary folders that do not stay when the program is ended by a signal.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A folder that is removed when it is dropped, and when INT, TERM, HUP or QUIT end the program.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    folder: Arc<TempDir>,
    /// A signal has come, and the program ends by it.
    is_ending: Arc<AtomicBool>,
}

impl TemporaryFolder {
    /// Makes one, for this user alone.
    pub(crate) fn new() -> io::Result<Self> {
        // First: a signal that comes while it is made waits.
        #[cfg(unix)]
        let signals = signals::catch()?;
        let folder = Arc::new(tempfile::tempdir()?);
        let is_ending = Arc::default();
        #[cfg(unix)]
        signals::watch(signals, Arc::downgrade(&folder), Arc::clone(&is_ending))?;
        Ok(Self { folder, is_ending })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for TemporaryFolder {
    /// Waits for the signal to end the program: its missing files must not look like an error.
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

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use tempfile::TempDir;

    /// How often to try to remove a folder into which files are still written.
    const TRIES: usize = 10;

    /// From here on the signals wait for [`watch`].
    pub(super) fn catch() -> io::Result<Signals> {
        let signals = Signals::new([SIGINT, SIGTERM, SIGQUIT])?;
        if !is_hangup_ignored() {
            signals.add_signal(SIGHUP)?;
        }
        Ok(signals)
    }

    /// Whether the program was started to survive HUP, as by `nohup`: a handler would undo that.
    fn is_hangup_ignored() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        match ignored.map(|mask| u64::from_str_radix(mask.trim(), 16)) {
            Some(Ok(mask)) => mask & 1 << (SIGHUP - 1) != 0,
            // Elsewhere this is unknown. `nohup` takes standard input off the terminal.
            _ => !io::stdin().is_terminal(),
        }
    }

    /// Waits in a thread for a signal that ends the program, and removes the folder before it does.
    pub(super) fn watch(
        mut signals: Signals,
        folder: Weak<TempDir>,
        is_ending: Arc<AtomicBool>,
    ) -> io::Result<()> {
        let wait = move || {
            for signal in signals.forever() {
                is_ending.store(true, Ordering::SeqCst);
                if let Some(folder) = folder.upgrade() {
                    // What can't be removed stays; the program ends in any case.
                    let is_left = |_: &usize| std::fs::remove_dir_all(folder.path()).is_err();
                    let _ = (0..TRIES).take_while(is_left).count();
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
