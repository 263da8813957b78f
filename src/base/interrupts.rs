//! Ctrl-C, and requests to end the program, as flags.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Sets a flag at each Ctrl-C from now on; Ctrl-C no longer ends the program.
///
/// Errors: the system does not report it.
pub(crate) fn on_ctrl_c(flag: &Arc<AtomicBool>) -> io::Result<()> {
    imp::on_ctrl_c(flag)
}

/// Sets a flag at each Ctrl-C and each request to end the program, from now on.
///
/// Errors: as for [`on_ctrl_c`].
pub(crate) fn on_end(flag: &Arc<AtomicBool>) -> io::Result<()> {
    imp::on_end(flag)
}

/// Sets a flag at each Ctrl-C while `run` continues; after that Ctrl-C ends the program again.
pub(crate) fn during<T>(flag: &Arc<AtomicBool>, run: impl FnOnce() -> T) -> T {
    imp::during(flag, run)
}

#[cfg(unix)]
mod imp {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;

    pub(super) fn on_ctrl_c(is_interrupted: &Arc<AtomicBool>) -> io::Result<()> {
        flag::register(SIGINT, Arc::clone(is_interrupted)).map(drop)
    }

    pub(super) fn on_end(is_interrupted: &Arc<AtomicBool>) -> io::Result<()> {
        on_ctrl_c(is_interrupted)?;
        flag::register(SIGTERM, Arc::clone(is_interrupted)).map(drop)
    }

    pub(super) fn during<T>(is_interrupted: &Arc<AtomicBool>, run: impl FnOnce() -> T) -> T {
        let _ = on_ctrl_c(is_interrupted);
        let is_over = Arc::new(AtomicBool::new(false));
        let _ = flag::register_conditional_default(SIGINT, Arc::clone(&is_over));
        let result = run();
        is_over.store(true, Ordering::Relaxed);
        result
    }
}

/// The C library's `signal` is of no use on Windows: it forgets the handler at each Ctrl-C, so that
/// the second of two quick ones would end the program, and it does not know of a closed window.
#[cfg(not(unix))]
mod imp {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use crate::base::lock::lock;

    /// The exit code of a program that Ctrl-C has ended: `STATUS_CONTROL_C_EXIT`.
    const ENDED_BY_CTRL_C: i32 = 0xc000_013a_u32.cast_signed();

    /// The flags to set; None before the first.
    static FLAGS: Mutex<Option<Vec<Arc<AtomicBool>>>> = Mutex::new(None);

    /// Ctrl-Break sets it, too.
    pub(super) fn on_ctrl_c(flag: &Arc<AtomicBool>) -> io::Result<()> {
        let mut flags = lock(&FLAGS);
        if flags.is_none() {
            ctrlc::set_handler(interrupt).map_err(io::Error::other)?;
        }
        flags.get_or_insert_default().push(Arc::clone(flag));
        Ok(())
    }

    pub(super) fn on_end(flag: &Arc<AtomicBool>) -> io::Result<()> {
        on_ctrl_c(flag)
    }

    pub(super) fn during<T>(flag: &Arc<AtomicBool>, run: impl FnOnce() -> T) -> T {
        let _ = on_ctrl_c(flag);
        let result = run();
        if let Some(flags) = &mut *lock(&FLAGS) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
        }
        result
    }

    fn interrupt() {
        let flags = lock(&FLAGS);
        match flags.as_deref().unwrap_or_default() {
            [] => std::process::exit(ENDED_BY_CTRL_C),
            flags => flags
                .iter()
                .for_each(|flag| flag.store(true, Ordering::SeqCst)),
        }
    }
}
