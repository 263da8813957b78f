//! Temporary folders that do not stay when the program is ended by a signal.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

/// A folder that is removed when it is dropped, and when INT, TERM, or HUP from its terminal end the program.
#[derive(Debug)]
pub struct Folder(Arc<TempDir>);

impl Folder {
    /// Makes one, for this user alone.
    ///
    /// Errors: it can't be made.
    pub fn new() -> io::Result<Self> {
        let folder = Arc::new(tempfile::tempdir()?);
        #[cfg(unix)]
        signals::watch(Arc::downgrade(&folder))?;
        Ok(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(unix)]
mod signals {
    use std::io::{self, IsTerminal as _};
    use std::sync::Weak;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use tempfile::TempDir;

    /// Waits in a thread for a signal that ends the program, and removes the folder before it does.
    pub(super) fn watch(folder: Weak<TempDir>) -> io::Result<()> {
        // `nohup` ignores HUP, and takes standard input off the terminal.
        let has_terminal = io::stdin().is_terminal();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        if has_terminal {
            signals.add_signal(SIGHUP)?;
        }
        let wait = move || {
            for signal in signals.forever() {
                if let Some(folder) = folder.upgrade() {
                    // What can't be removed stays; the program ends in any case.
                    let _ = std::fs::remove_dir_all(folder.path());
                }
                let _ = emulate_default_handler(signal);
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)?;
        Ok(())
    }
}
