//! A maildrop: its messages, the exclusive lock on it, and the removal of marked messages.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

/// A message in a maildrop.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    body: MessageBody,
    unique_id: String,
}

#[derive(Clone)]
enum MessageBody {
    InMemory(Vec<u8>),
    Elsewhere {
        source: Arc<dyn MessageSource>,
        size: u64,
    },
}

impl PartialEq for MessageBody {
    /// Compares without reading: messages outside memory are equal only if they have the same
    /// source.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::InMemory(one), Self::InMemory(other)) => one == other,
            (
                Self::Elsewhere { source, size },
                Self::Elsewhere {
                    source: other,
                    size: its,
                },
            ) => Arc::ptr_eq(source, other) && size == its,
            _ => false,
        }
    }
}

impl Eq for MessageBody {}

impl Message {
    /// Creates a message from `octets`: as on the wire, but not stuffed. A last line without CRLF
    /// gets one, since a reply cannot end without it; an empty message stays empty.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>, unique_id: impl Into<String>) -> Self {
        let mut octets = octets.into();
        if !octets.is_empty() && !octets.ends_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        Self {
            body: MessageBody::InMemory(octets),
            unique_id: unique_id.into(),
        }
    }

    /// A message outside memory, of `size` octets: as on the wire, without stuffing. It is read
    /// when it is needed.
    pub(crate) fn kept_in(
        source: Arc<dyn MessageSource>,
        size: u64,
        unique_id: impl Into<String>,
    ) -> Self {
        Self {
            body: MessageBody::Elsewhere { source, size },
            unique_id: unique_id.into(),
        }
    }

    /// The octets as on the wire, but not stuffed; empty for a message outside memory.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        match &self.body {
            MessageBody::InMemory(octets) => octets,
            MessageBody::Elsewhere { .. } => b"",
        }
    }

    /// Where the octets of a message outside memory come from.
    pub(crate) fn source(&self) -> Option<&dyn MessageSource> {
        match &self.body {
            MessageBody::InMemory(_) => None,
            MessageBody::Elsewhere { source, .. } => Some(source.as_ref()),
        }
    }

    /// The exact size in octets, every line end two, stuffing not counted (RFC 1939 §11).
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.body {
            MessageBody::InMemory(octets) => octets.len() as u64,
            MessageBody::Elsewhere { size, .. } => *size,
        }
    }

    /// The unique-id: 1 to 70 characters from `!` to `~` (RFC 1939 §7).
    #[must_use]
    pub fn unique_id(&self) -> &str {
        &self.unique_id
    }

    /// How many of the `octets` are the header, the blank line and `lines` lines of the body (RFC
    /// 1939 §7, TOP). A message without a blank line is all header.
    pub(crate) fn top(&self, lines: u64) -> usize {
        let octets = self.octets();
        let body = if octets.starts_with(b"\r\n") {
            2
        } else {
            memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 4)
        };
        let Some(last) = lines.checked_sub(1) else {
            return body;
        };
        let rest = octets.get(body..).unwrap_or_default();
        memmem::find_iter(rest, b"\r\n")
            .zip(0..)
            .find(|(_, index)| *index == last)
            .map_or(octets.len(), |(at, _)| body + at + 2)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} octets)", self.unique_id, self.size())
    }
}

/// Where a message outside memory is kept.
pub(crate) trait MessageSource: Send + Sync + fmt::Debug {
    /// The octets from the start: as on the wire, not stuffed, exactly as many as the message's
    /// size. Only a block of them is in memory at a time. A failed read has already been reported
    /// to the person who runs the server.
    ///
    /// Errors: it cannot be read, or has changed.
    fn open(&self) -> Result<Box<dyn Read + Send>, StoreFailure>;
}

/// Where the messages of a maildrop are kept, if not only in memory.
pub(crate) trait Store: Send + Sync + fmt::Debug {
    /// The current messages, in order.
    fn read(&self) -> Result<Vec<Message>, StoreFailure>;

    /// Removes messages permanently. Each is either there or gone, whatever happens in the
    /// meantime.
    fn remove(&self, messages: &[&Message]) -> Result<(), StoreFailure>;
}

/// A store failed, and the reason was reported to the person who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreFailure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    InUse,
    Unreadable,
}

/// A maildrop. Clones are the same maildrop.
#[derive(Debug, Clone, Default)]
pub struct Maildrop(Arc<Mutex<MaildropInner>>);

#[derive(Debug, Default)]
struct MaildropInner {
    messages: Vec<Arc<Message>>,
    is_locked: bool,
    store: Option<Arc<dyn Store>>,
}

impl Maildrop {
    /// A maildrop that holds `messages`.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        let messages = messages.into_iter().map(Arc::new).collect();
        Self(Arc::new(Mutex::new(MaildropInner {
            messages,
            is_locked: false,
            store: None,
        })))
    }

    /// A maildrop whose messages are read from a store for each session, and are removed there.
    ///
    /// Errors: they cannot be read now.
    pub(crate) fn kept_in(store: Arc<dyn Store>) -> Result<Self, StoreFailure> {
        let maildrop = Self::new(store.read()?);
        maildrop.inside().store = Some(store);
        Ok(maildrop)
    }

    /// How many messages are in it now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inside().messages.len()
    }

    /// Takes the exclusive lock (RFC 1939 §4).
    ///
    /// Errors: another session has it, or the messages cannot be read.
    pub(crate) fn lock(&self) -> Result<Lock, Closed> {
        let mut inside = self.inside();
        if inside.is_locked {
            return Err(Closed::InUse);
        }
        inside.is_locked = true;
        let mut lock = Lock {
            maildrop: self.clone(),
            messages: inside.messages.clone(),
        };
        let store = inside.store.clone();
        drop(inside);
        if let Some(store) = store {
            let messages = store.read().map_err(|StoreFailure| Closed::Unreadable)?;
            lock.messages = messages.into_iter().map(Arc::new).collect();
            self.inside().messages.clone_from(&lock.messages);
        }
        Ok(lock)
    }

    fn inside(&self) -> MutexGuard<'_, MaildropInner> {
        // Nothing under the mutex can be left half done, so a panic elsewhere is no reason to stop
        // here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exclusive lock on a maildrop, and the messages as they were when it was taken. Dropping it
/// releases the lock and removes nothing.
#[derive(Debug)]
pub(crate) struct Lock {
    maildrop: Maildrop,
    messages: Vec<Arc<Message>>,
}

impl Lock {
    /// The messages in order; the first one has number 1.
    pub(crate) fn messages(&self) -> &[Arc<Message>] {
        &self.messages
    }

    /// Removes the messages whose entry in `marks` is `true`, releases the lock, and returns how
    /// many messages are left.
    ///
    /// Errors: not all could be removed; how many messages are left.
    pub(crate) fn commit(self, marks: &[bool]) -> Result<usize, usize> {
        let store = self.maildrop.inside().store.clone();
        if let Some(store) = store {
            let marked = self.messages.iter().zip(marks);
            let marked: Vec<&Message> = marked
                .filter_map(|(message, is_marked)| is_marked.then_some(message.as_ref()))
                .collect();
            if !marked.is_empty() && store.remove(&marked).is_err() {
                let left = store.read().map_or(self.messages.len(), |left| left.len());
                return Err(left);
            }
        }
        let mut inside = self.maildrop.inside();
        let mut marks = marks.iter();
        // Messages after the end of the marks arrived after the lock was taken.
        inside
            .messages
            .retain(|_| !marks.next().copied().unwrap_or(false));
        Ok(inside.messages.len())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.maildrop.inside().is_locked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::new(text.replace('\n', "\r\n"), "id")
    }

    fn top(text: &str, lines: u64) -> String {
        let message = message(text);
        let octets = message.octets().get(..message.top(lines)).unwrap();
        String::from_utf8_lossy(octets).replace("\r\n", "\n")
    }

    #[test]
    fn a_last_line_without_end_gets_one_and_counts_it() {
        assert_eq!(
            message("a: b\n\nno newline").octets(),
            b"a: b\r\n\r\nno newline\r\n"
        );
        assert_eq!(message("a\n.b\n").size(), 7);
        assert_eq!(message("").size(), 0);
    }

    #[test]
    fn top_counts_the_lines_of_the_body() {
        let text = "a: b\nc: d\n\none\n\nthree\n";
        assert_eq!(top(text, 0), "a: b\nc: d\n\n");
        assert_eq!(top(text, 1), "a: b\nc: d\n\none\n");
        assert_eq!(top(text, 2), "a: b\nc: d\n\none\n\n");
        assert_eq!(top(text, 3), text);
        assert_eq!(top(text, u64::MAX), text);
    }

    #[test]
    fn top_of_a_message_without_header_or_without_body() {
        assert_eq!(top("\none\ntwo\n", 1), "\none\n");
        assert_eq!(top("a: b\nc: d\n", 1), "a: b\nc: d\n");
        assert_eq!(top("a: b\n\n", 1), "a: b\n\n");
        assert_eq!(top("\n", 1), "\n");
        assert_eq!(top("", 1), "");
    }

    #[test]
    fn one_lock_at_a_time_and_dropping_it_removes_nothing() {
        let maildrop = Maildrop::new(vec![message("one\n"), message("two\n")]);
        let lock = maildrop.lock().unwrap();
        assert_eq!(maildrop.clone().lock().err(), Some(Closed::InUse));
        drop(lock);
        assert_eq!(maildrop.count(), 2);
        assert!(maildrop.lock().is_ok());
    }

    #[test]
    fn committing_removes_what_is_marked_and_releases() {
        let maildrop = Maildrop::new(vec![message("one\n"), message("two\n"), message("three\n")]);
        assert_eq!(maildrop.lock().unwrap().commit(&[true, false, true]), Ok(1));
        let lock = maildrop.lock().unwrap();
        assert_eq!(lock.messages().first().unwrap().octets(), b"two\r\n");
        assert_eq!(lock.commit(&[]), Ok(1));
    }
}
