//! While the terminal is ours, a signal that ends or stops the program restores it first.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once};
use std::thread;

use rustix::io::dup;
use rustix::process::{Signal, kill_current_process_group};
use rustix::stdio::{dup2_stdin, stdin};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGTTIN, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;

use crate::base::lock::lock;
use crate::modes::console::pager;

static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Held while the modes of the terminal are changed.
static MODES: Mutex<()> = Mutex::new(());

/// Shows again what the shell has written over, once the program continues.
static ON_RETURN: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// The signal to stop is ours: its sender means the program too.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Ctrl-C ends the program: nothing has begun that it could end instead.
static ENDS_ON_INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Another program, such as `$PAGER`, has the terminal and looks after it.
static IS_LENT: AtomicBool = AtomicBool::new(false);

/// Remembers how the terminal is, and looks out for signals from now on. To be called before the
/// terminal is changed.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // Where standard input is a file, only the pager changes the terminal.
        *lock(&BEFORE) = tcgetattr(stdin()).ok();
        if let Ok(mut signals) = Signals::new([SIGTERM, SIGHUP, SIGTSTP, SIGINT]) {
            drop(thread::spawn(move || {
                for signal in signals.forever() {
                    if signal == SIGINT && !ENDS_ON_INTERRUPT.load(Ordering::SeqCst) {
                        continue;
                    }
                    if signal != SIGTSTP {
                        leave(128 + signal);
                    }
                    if !IS_OURS.swap(false, Ordering::SeqCst) {
                        stop();
                        let on_return = lock(&ON_RETURN);
                        if let Some(on_return) = on_return.as_ref() {
                            on_return();
                        }
                    }
                }
            }));
        }
    });
}

/// Ends the program with this exit code. Every row is in the file already.
fn leave(code: i32) -> ! {
    // For good: anything else that wants to change the terminal waits for the end.
    let _held = changing();
    pager::restore();
    // The library that edits lines does not ask. What it would change from now on is not a
    // terminal.
    let terminal = dup(stdin());
    if let Ok(nothing) = File::open("/dev/null") {
        let _ = dup2_stdin(nothing);
    }
    if let Ok(terminal) = terminal {
        restore(&terminal);
    }
    signal_hook::low_level::exit(code)
}

/// While `run` continues, Ctrl-C ends the program.
pub(crate) fn ending_on_interrupt<T>(run: impl FnOnce() -> T) -> T {
    ENDS_ON_INTERRUPT.store(true, Ordering::SeqCst);
    let result = run();
    ENDS_ON_INTERRUPT.store(false, Ordering::SeqCst);
    result
}

/// To be held while the modes of the terminal are changed: never while something is waited for.
pub(crate) fn changing() -> MutexGuard<'static, ()> {
    lock(&MODES)
}

pub(crate) fn on_return(show: impl Fn() + Send + 'static) {
    *lock(&ON_RETURN) = Some(Box::new(show));
}

/// Ctrl-Z was pressed: stops the program, with those that run beside it in a pipeline, until the
/// shell lets it continue.
pub(crate) fn suspend() {
    IS_OURS.store(true, Ordering::SeqCst);
    if kill_current_process_group(Signal::TSTP).is_err() {
        IS_OURS.store(false, Ordering::SeqCst);
    }
    stop();
}

pub(crate) fn lent<T>(run: impl FnOnce() -> T) -> T {
    IS_LENT.store(true, Ordering::SeqCst);
    let result = run();
    IS_LENT.store(false, Ordering::SeqCst);
    result
}

/// Stops here. SIGTTIN has no other use in this program, so that the system does with it what it
/// does by default: where no shell is there that could let us continue, nothing.
fn stop() {
    if IS_LENT.load(Ordering::SeqCst) {
        let _ = raise(SIGTTIN);
        return;
    }
    let _held = changing();
    let now = tcgetattr(stdin());
    let was_paging = pager::lend();
    if now.is_ok() {
        restore(&stdin());
    } else if was_paging {
        let _ = crossterm::terminal::disable_raw_mode();
    }
    let _ = raise(SIGTTIN);
    if let Ok(now) = now {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &now);
    } else if was_paging {
        let _ = crossterm::terminal::enable_raw_mode();
    }
    if was_paging {
        pager::take_back();
    }
    // The window may have a different size, and the pager draws again.
    let _ = raise(SIGWINCH);
}

fn restore(terminal: &impl AsFd) {
    if let Some(before) = &*lock(&BEFORE) {
        // Where it is gone, there is nothing to give back.
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}
