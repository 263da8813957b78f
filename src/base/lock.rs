//! Mutexes, whatever has happened to the thread that held them before.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. Nothing is left half done under ours, so after a panic it is still good.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
