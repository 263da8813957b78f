//! `:view` and `:save`: a message decoded for reading, or kept in a file exactly as the server has
//! it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::Console;
use super::spool::Spool;
use super::view::{Mode, Shown};
use crate::analysis::mail::{self, DECODED_MAX};
use crate::base::files;
use crate::base::io_error::plain;
use crate::base::lock::lock;
use crate::base::plural::counted;
use crate::pop3::stuffing::Unstuffer;
use crate::pop3::tracker::Status;

/// How many octets are un-stuffed at once.
const BLOCK: usize = 64 * 1024;

/// The data of a reply that is whole: the message in its spool, stuffed.
struct FetchedMessage {
    spool: Arc<Spool>,
    from: u64,
    octets: u64,
}

impl FetchedMessage {
    /// The message that `shown` holds, when it is the whole reply to `title`.
    fn of(shown: &Shown, title: &str) -> Option<Self> {
        let spool = shown
            .spool
            .clone()
            .filter(|_| shown.is_whole && shown.title == title)?;
        Some(Self {
            spool,
            from: shown.head,
            octets: shown.octets,
        })
    }

    /// Hands the message on, un-stuffed, block by block, until `take` has enough.
    fn read(&self, mut take: impl FnMut(&[u8]) -> io::Result<bool>) -> io::Result<()> {
        let mut reader = self.spool.octets(self.from).take(self.octets);
        let mut unstuffer = Unstuffer::default();
        let mut block = vec![0; BLOCK];
        let mut out = Vec::with_capacity(BLOCK);
        loop {
            let count = reader.read(&mut block)?;
            out.clear();
            unstuffer.feed(block.get(..count).unwrap_or_default(), &mut out);
            if count == 0 || !take(&out)? {
                return Ok(());
            }
        }
    }
}

impl Console {
    pub(super) fn view_message(&mut self, text: &str) {
        if let Some(message) = self
            .fetch(text.trim())
            .and_then(|fetched| self.start_of(&fetched))
        {
            self.show_text(
                mail::readable(&message),
                &format!("message {}", text.trim()),
            );
        }
    }

    /// `:save N FILE`, and `:save N.P FILE` for a part.
    pub(super) fn save_message(&mut self, text: &str) {
        let Some((which, path)) = text.trim().split_once(' ') else {
            self.screen
                .warn("which message, and where to? `:save N FILE`, or `:save N.PART FILE`");
            return;
        };
        let (number, part) = match which.split_once('.') {
            Some((number, part)) => (number, Some(part)),
            None => (which, None),
        };
        let name = match part {
            None => format!("{number}.eml"),
            Some(part) => format!("{number}.{part}"),
        };
        let path = files::file_at(Path::new(path.trim()), name);
        let path = path.as_path();
        let new_folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        // Before anything is fetched: on a real server that may mark the message as read.
        let checked = is_free(path);
        if let Some(folder) = new_folder.filter(|folder| folder.is_dir()) {
            let text = format!("created the folder {}", folder.display());
            self.screen.note(&text);
        }
        if let Err(error) = checked {
            self.show_unwritten(path, &error);
            self.screen.note(
                "hint: name a file that does not exist yet, in a folder that can be written to",
            );
            return;
        }
        let Some(fetched) = self.fetch(number) else {
            return;
        };
        let saved = match part {
            None => write_new(path, |file| {
                fetched.read(|block| file.write_all(block).map(|()| true))
            }),
            Some(part) => {
                let Some(content) = self.part_of(&fetched, number, part) else {
                    return;
                };
                write_new(path, |file| file.write_all(&content))
            }
        };
        match saved {
            Ok(octets) => self.screen.note(&format!(
                "{} in {}",
                counted(octets, "octet"),
                path.display()
            )),
            Err(error) => self.show_unwritten(path, &error),
        }
    }

    fn show_unwritten(&self, path: &Path, error: &io::Error) {
        let text = format!("{}: {}", path.display(), plain(error));
        self.screen.warn(&text);
    }

    /// A part of a message, decoded. None without one, which was reported.
    fn part_of(&self, fetched: &FetchedMessage, number: &str, part: &str) -> Option<Vec<u8>> {
        let message = self.start_of(fetched).unwrap_or_default();
        let content = part
            .parse()
            .ok()
            .and_then(|part| mail::part(&message, part));
        if content.is_none() {
            self.screen.warn(&format!(
                "message {number} has no part {part}; `:view {number}` lists them"
            ));
        }
        content
    }

    fn start_of(&self, fetched: &FetchedMessage) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        let result = fetched.read(|block| {
            message.extend_from_slice(block);
            Ok(message.len() <= DECODED_MAX)
        });
        if let Err(error) = &result {
            self.screen.warn(&format!(
                "the message can't be read again: {}",
                plain(error)
            ));
        }
        result.ok().map(|()| message)
    }

    /// Fetches a message, unless it is the reply that came last. None when it could not be had,
    /// which was reported.
    fn fetch(&mut self, number: &str) -> Option<FetchedMessage> {
        if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
            self.screen.warn("which message? give a number from LIST");
            return None;
        }
        let title = format!("RETR {number}");
        if let Some(fetched) = FetchedMessage::of(&lock(&self.shown), &title) {
            return Some(fetched);
        }
        if !self.is_open() {
            self.show_closed();
            return None;
        }
        if let Some(now) = self.snapshot().filter(|now| now.outstanding > 0) {
            self.show_awaited(&now);
            return None;
        }
        lock(&self.shown).next_mode = Mode::Muted;
        self.screen.print(&format!("{title}\n"));
        self.send(title.as_bytes());
        self.await_reply();
        lock(&self.shown).next_mode = Mode::Screen;
        let fetched = FetchedMessage::of(&lock(&self.shown), &title);
        if fetched.is_none() && !self.is_refused() {
            self.screen.warn("the message is incomplete");
        }
        fetched
    }

    /// Whether the server has answered the last command with `-ERR`, which is on the screen.
    fn is_refused(&self) -> bool {
        let is_answered = self.snapshot().is_some_and(|now| now.outstanding == 0);
        is_answered
            && lock(&self.shown)
                .last
                .as_ref()
                .is_some_and(|last| Status::of_line(last.line.as_bytes()) == Status::Negative)
    }
}

fn is_free(path: &Path) -> io::Result<()> {
    files::create(path)?;
    std::fs::remove_file(path)
}

/// Writes a file that does not exist yet; returns its octets.
fn write_new(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<u64> {
    let mut file = files::create(path)?;
    write(&mut file)?;
    file.sync_all()?;
    file.metadata().map(|found| found.len())
}
