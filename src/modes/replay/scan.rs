//! What a transcript is about, read before it is played.

use std::path::Path;

use super::{ReplayError, cue, read};
use crate::pop3::command::{Command, Effect, Shape, Words};
use crate::pop3::tracker::Side;
use crate::servers::player::{CueAction, Player};
use crate::transcript::event::{Event, EventKind};
use crate::transcript::{Item, Piece};

/// What a transcript is about, before it is played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    pub(crate) server: Option<String>,
    /// How replies to some verbs are read (`:multi`, `:single`).
    pub(crate) shapes: Vec<(String, Shape)>,
    /// A handshake failed.
    pub has_tls_failure: bool,
    /// TLS began before the greeting.
    pub is_tls: bool,
    pub(crate) answers: u64,
    pub(crate) change: Option<(usize, String)>,
    /// It is a piece of a session: its first row is the client's, and no event reports the
    /// connection.
    pub(crate) is_piece: bool,
    pub(crate) lines: u64,
}

impl Preview {
    /// Reads the whole of a transcript.
    ///
    /// Errors: it can't be read.
    pub fn of(path: &Path) -> Result<Self, ReplayError> {
        let mut preview = Self::default();
        let (mut has_rows, mut is_connected) = (false, false);
        let mut items = read(path)?;
        for item in items.by_ref() {
            match item.map_err(|error| ReplayError::Parse(path.to_owned(), error))? {
                Item::Head { name, text } if name == "server" => preview.server = Some(text),
                Item::Row(row) => {
                    preview.is_piece |= !has_rows && !is_connected && row.side == Side::Client;
                    has_rows = true;
                }
                Item::Event(text) => {
                    let event = Event::parse(&text);
                    let kind = event.kind();
                    is_connected |= kind == EventKind::Connected;
                    preview.is_tls |= !has_rows && kind.is_timed();
                    preview.has_tls_failure |= kind == EventKind::TlsFailed;
                    if let Event::TakenAs { verb, shape } = event {
                        preview.shapes.push((verb, shape));
                    }
                }
                _ => {}
            }
        }
        if !items.is_transcript() {
            return Err(ReplayError::NotTranscript(path.to_owned()));
        }
        let mut player = Player::new(read(path)?);
        while let Some(cue) = cue(&mut player, path)? {
            preview.answers = cue.answers;
            if let CueAction::Send {
                pieces,
                is_response,
                ..
            } = cue.action
            {
                preview.lines += 1;
                if !is_response && preview.change.is_none() {
                    preview.change = change(&pieces).map(|verb| (cue.row, verb));
                }
            }
        }
        Ok(preview)
    }
}

/// The verb of a line that changes the maildrop, or is not known and so may change it.
fn change(pieces: &[Piece]) -> Option<String> {
    let line = Piece::head(pieces);
    let verb = || {
        let verb = Words::of(line).next().unwrap_or_default();
        String::from_utf8_lossy(verb).to_ascii_uppercase()
    };
    match Command::of_line(line) {
        Some(row) if row.effect == Effect::Delete || row.verb == "XTND XMIT" => Some(verb()),
        Some(_) => None,
        // An empty line has no verb.
        None => Some(verb()).filter(|verb| !verb.is_empty()),
    }
}
