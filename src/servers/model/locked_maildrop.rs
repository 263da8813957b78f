//! The TRANSACTION state: the messages of the locked maildrop, and the marks on them.

use std::sync::Arc;

use crate::servers::maildrop::{Lock, Message};

#[derive(Debug)]
pub(super) struct Opened {
    lock: Lock,
    marks: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    NotANumber,
    Unknown,
    Deleted(usize),
}

impl Opened {
    pub(super) fn new(lock: Lock) -> Self {
        let marks = vec![false; lock.messages().len()];
        Self { lock, marks }
    }

    /// The messages that are not marked, with their numbers. Numbers start at 1 and do not change
    /// (RFC 1939 §5).
    pub(super) fn kept(&self) -> impl Iterator<Item = (usize, &Arc<Message>)> {
        (1..)
            .zip(self.lock.messages())
            .zip(&self.marks)
            .filter_map(|(message, is_marked)| (!is_marked).then_some(message))
    }

    /// How many messages are not marked, and their size in octets.
    pub(super) fn total(&self) -> (usize, u64) {
        self.kept().fold((0, 0), |(count, octets), (_, message)| {
            (count + 1, octets.saturating_add(message.size()))
        })
    }

    /// The message for a number as given in a command: decimal digits (RFC 1939 §4).
    pub(super) fn find(&self, digits: &[u8]) -> Result<(usize, &Arc<Message>), Missing> {
        let number = decimal(digits).ok_or(Missing::NotANumber)?;
        let number = usize::try_from(number).map_err(|_| Missing::Unknown)?;
        let index = number.checked_sub(1).ok_or(Missing::Unknown)?;
        let message = self.lock.messages().get(index).ok_or(Missing::Unknown)?;
        match self.marks.get(index) {
            Some(false) => Ok((number, message)),
            _ => Err(Missing::Deleted(number)),
        }
    }

    pub(super) fn mark(&mut self, number: usize) {
        let index = number.checked_sub(1);
        if let Some(mark) = index.and_then(|index| self.marks.get_mut(index)) {
            *mark = true;
        }
    }

    pub(super) fn reset(&mut self) {
        self.marks.fill(false);
    }

    /// Removes the marked messages and releases the lock; returns how many messages were removed,
    /// how many are left, and whether all marked messages are gone.
    pub(super) fn commit(self) -> (usize, usize, bool) {
        let count = self.marks.len();
        let deleted = self.marks.iter().filter(|is_marked| **is_marked).count();
        match self.lock.commit(&self.marks) {
            Ok(left) => (deleted, left, true),
            Err(left) => (count.saturating_sub(left), left, false),
        }
    }
}

/// The value of decimal digits, saturated if it is too large. None for anything else, even with a
/// sign.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        Some(value.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}
