//! Where the lines of a script come from: the command line, or standard input, which is read apart
//! so that the end of the connection is seen while it is silent.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use zeroize::Zeroizing;

/// How many octets of standard input are read at once.
const CHUNK: usize = 16 * 1024;

/// How many pieces of standard input are looked at for lines that are no longer sent, and how long
/// each may take to come.
const CHUNKS_COUNTED: usize = 64;
const COUNT_WAIT: Duration = Duration::from_millis(50);

/// What happens while lines are awaited.
pub(super) enum ScriptEvent {
    Octets(Zeroizing<Vec<u8>>),
    End,
    Failed(io::Error),
    ConnectionEnded,
}

pub(super) struct ScriptLines {
    octets: Zeroizing<Vec<u8>>,
    at: usize,
    is_all: bool,
    events: Receiver<ScriptEvent>,
}

impl ScriptLines {
    /// Lines that are given; one that holds several is several. None: those of standard input. Also
    /// where to report that the connection has ended.
    pub(super) fn new(given: &[String]) -> (Self, SyncSender<ScriptEvent>) {
        let (sender, events) = sync_channel(2);
        let mut octets = Zeroizing::new(Vec::new());
        for line in given {
            octets.extend_from_slice(line.as_bytes());
            octets.push(b'\n');
        }
        let is_all = !given.is_empty();
        let lines = Self {
            octets,
            at: 0,
            is_all,
            events,
        };
        (lines, sender)
    }

    /// Begins to read standard input, where the lines come from there.
    pub(super) fn start(&self, sender: SyncSender<ScriptEvent>) -> io::Result<()> {
        if self.is_all {
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("standard input".to_owned());
        thread.spawn(move || read(&sender)).map(drop)
    }

    /// The next line that is here, without its line end: LF, or CR LF.
    pub(super) fn ready(&mut self) -> Option<Range<usize>> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let (length, next) = match memchr::memchr(b'\n', rest) {
            Some(lf) => (lf, lf + 1),
            None if self.is_all && !rest.is_empty() => (rest.len(), rest.len()),
            None => return None,
        };
        let is_crlf = rest.get(..length).is_some_and(|line| line.ends_with(b"\r")) && next > length;
        let line = self.at..self.at + length - usize::from(is_crlf);
        self.at += next;
        Some(line)
    }

    /// The octets of a line that was ready, until more is waited for.
    pub(super) fn line(&self, line: Range<usize>) -> &[u8] {
        self.octets.get(line).unwrap_or_default()
    }

    /// Counts the lines that were not taken. Of standard input as far as it comes within a moment;
    /// the second value is whether that is all.
    pub(super) fn left(&mut self) -> (usize, bool) {
        let count = |octets: &[u8]| memchr::memchr_iter(b'\n', octets).count();
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let (mut lines, mut is_inside) =
            (count(rest), rest.last().is_some_and(|last| *last != b'\n'));
        for _ in 0..CHUNKS_COUNTED {
            if self.is_all {
                break;
            }
            match self.events.recv_timeout(COUNT_WAIT) {
                Ok(ScriptEvent::Octets(more)) => {
                    lines += count(&more);
                    is_inside = more.last().is_some_and(|last| *last != b'\n');
                }
                Ok(ScriptEvent::End) => self.is_all = true,
                Ok(ScriptEvent::ConnectionEnded) => {}
                Ok(ScriptEvent::Failed(_)) | Err(_) => break,
            }
        }
        (lines + usize::from(is_inside), self.is_all)
    }

    pub(super) fn wait(&mut self) -> Option<ScriptEvent> {
        if self.is_all {
            return None;
        }
        match self.events.recv().unwrap_or(ScriptEvent::End) {
            ScriptEvent::Octets(more) => {
                let rest = self.octets.get(self.at..).unwrap_or_default();
                if rest.is_empty() {
                    self.octets = more;
                } else {
                    self.octets = Zeroizing::new([rest, &more].concat());
                }
                self.at = 0;
                Some(ScriptEvent::Octets(Zeroizing::default()))
            }
            ScriptEvent::End => {
                // A last line without a line end is one.
                self.is_all = true;
                Some(ScriptEvent::End)
            }
            other => Some(other),
        }
    }
}

fn read(sender: &SyncSender<ScriptEvent>) {
    let mut input = io::stdin().lock();
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    loop {
        let event = match input.read(&mut buffer) {
            Ok(0) => ScriptEvent::End,
            Ok(count) => ScriptEvent::Octets(Zeroizing::new(
                buffer.get(..count).unwrap_or_default().to_vec(),
            )),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => ScriptEvent::Failed(error),
        };
        let is_last = !matches!(event, ScriptEvent::Octets(_));
        // No one reads any longer when the script is over.
        if sender.send(event).is_err() || is_last {
            return;
        }
    }
}
