//! An event with its place.

use super::Place;
use crate::transcript::event::{self, EventKind, Malformed, split_time};

/// Something other than octets that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventAt {
    pub(crate) place: Place,
    pub(crate) kind: EventKind,
    /// Its text after `* `, escapes as in the file, without its time.
    pub(crate) text: String,
    /// Milliseconds since the row before it, where the file says so.
    pub(crate) after_ms: Option<u64>,
}

impl EventAt {
    pub(crate) fn read(place: Place, text: &str) -> Self {
        let (text, after_ms) = split_time(text);
        Self {
            place,
            kind: EventKind::of(text),
            text: text.to_owned(),
            after_ms,
        }
    }

    pub(crate) fn said(&self) -> event::Event {
        event::Event::parse(&self.text)
    }

    /// Returns what it says of the shape of a secret.
    pub(crate) fn malformed(&self) -> Option<Malformed> {
        Malformed::of_event(&self.text)
    }
}
