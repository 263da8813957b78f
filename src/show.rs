//! A transcript for people: as on the screen, as a picture of where time went, as a page, as a drawing. Each goes over the
//! items once, in constant memory, and writes text; nothing of a file can drive a terminal or a browser.

pub mod html;
pub mod messages;
pub mod screen;
pub mod svg;
pub mod timeline;

use crate::follow::Follower;
use crate::tracker::{Role, Side, Status, Step};
use crate::transcript::{Hole, Piece, Row};
use crate::visible;

/// What stands for a secret.
const HIDDEN: &str = "••••••";

/// The most octets of one row that are shown.
const ROW_SHOWN: usize = 16 * 1024;

/// A row as text that is safe anywhere but for markup: escapes seen, secrets as dots.
#[must_use]
pub fn text_of(row: &Row) -> String {
    let mut text = String::new();
    for piece in &row.pieces {
        match piece {
            Piece::Octets(octets) => {
                let shown = octets.get(..ROW_SHOWN).unwrap_or(octets);
                visible::escape(shown, &mut text);
                if shown.len() < octets.len() {
                    text.push_str(&format!(" (and {} octets)", octets.len() - shown.len()));
                }
            }
            Piece::Hole(Hole::Named(_)) => text.push_str(HIDDEN),
            Piece::Hole(Hole::Text) => text.push_str("{{..}}"),
            Piece::Hole(Hole::Rows) => text.push_str("{{...}}"),
        }
    }
    text
}

/// Text of an event, of prose or of a head, made safe.
#[must_use]
pub fn safe(text: &str) -> String {
    let mut safe = String::new();
    visible::escape(text.as_bytes(), &mut safe);
    safe
}

/// Follows which rows of the server are status lines, so that a line of a message is never painted as one.
#[derive(Debug)]
pub struct Statuses(Follower);

impl Default for Statuses {
    fn default() -> Self {
        Self(Follower::new(false))
    }
}

impl Statuses {
    /// Takes an event.
    pub fn event(&mut self, event: &str) {
        self.0.event(event);
    }

    /// Takes a row; what its status line says, if it is one.
    pub fn row(&mut self, row: &Row) -> Option<Status> {
        let mut found = None;
        self.0.row(row, &mut |step| {
            if let Step::Line {
                role: Role::Greeting | Role::Status,
                octets,
                first: true,
                ..
            } = step
            {
                found = Some(Status::of_line(octets));
            }
        });
        found.filter(|_| row.side == Side::Server)
    }
}
