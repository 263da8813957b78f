//! The secrets of a run: what one connection has learned, the next one also hides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::values::Secret;
use super::{Guess, Hider, VALUE_MAX};
use crate::pop3::tracker::{Role, Side};

/// How many typed secrets and names are kept for later connections, the latest ones.
const KEPT_MAX: usize = 1024;

/// Secrets that several connections share. A clone is the same store.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    kept: Arc<Mutex<KeptSecrets>>,
    is_by_user: bool,
}

#[derive(Default)]
struct KeptSecrets {
    given: Vec<Secret>,
    typed: VecDeque<Secret>,
    names: VecDeque<Zeroizing<Vec<u8>>>,
    version: u64,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets((hidden))")
    }
}

impl Secrets {
    /// A store whose connections belong to different people: a secret is hidden from then on where
    /// its user logs in, and nowhere else, so that the transcript of one says nothing about the
    /// password of the other.
    pub(crate) fn by_user() -> Self {
        Self {
            is_by_user: true,
            ..Self::default()
        }
    }

    /// Learns the secret of a client line (octets without line end) that was typed and not sent,
    /// such as one without a connection.
    pub(crate) fn learn(&self, line: &[u8], guess: &Guess) {
        let mut hider = Hider::sharing(false, self);
        hider.guess = guess.clone();
        hider.hide(Side::Client, Role::Command, line, true);
    }

    pub(super) fn add(&self, mut secret: Secret) {
        if self.is_by_user && (secret.is_given || secret.user.is_empty()) {
            return;
        }
        // One octet more shows that there was more.
        secret.octets.truncate(VALUE_MAX + 1);
        let mut kept = self.lock();
        let is_same = |known: &Secret| known.octets == secret.octets && known.user == secret.user;
        if secret.is_given {
            if !kept.given.iter().any(is_same) {
                kept.version += 1;
                kept.given.push(secret);
            }
        } else if !kept.typed.iter().any(is_same) {
            kept.version += 1;
            if kept.typed.len() == KEPT_MAX {
                kept.typed.pop_front();
            }
            kept.typed.push_back(secret);
        }
    }

    pub(super) fn add_name(&self, name: &[u8]) {
        let mut kept = self.lock();
        if !self.is_by_user && !kept.names.iter().any(|known| known.as_slice() == name) {
            kept.version += 1;
            if kept.names.len() == KEPT_MAX {
                kept.names.pop_front();
            }
            kept.names.push_back(Zeroizing::new(name.to_vec()));
        }
    }

    /// What a new connection hides from its start on: names first.
    pub(super) fn at_start(&self) -> (Vec<Zeroizing<Vec<u8>>>, Vec<Secret>) {
        if self.is_by_user {
            return (Vec::new(), Vec::new());
        }
        let kept = self.lock();
        let secrets = kept.given.iter().chain(&kept.typed).cloned();
        (kept.names.iter().cloned().collect(), secrets.collect())
    }

    /// What is hidden once this user is named.
    pub(super) fn of_user(&self, user: &[u8]) -> Vec<Secret> {
        if !self.is_by_user {
            return Vec::new();
        }
        let kept = self.lock();
        let of_user = kept.typed.iter().filter(|secret| secret.user == user);
        of_user.cloned().collect()
    }

    /// A number that differs after each change.
    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    fn lock(&self) -> MutexGuard<'_, KeptSecrets> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
