//! What happened on one connection: rows of octets, who sent them, when, and events. Knows no POP3.

use super::text::MAGIC;
use crate::pop3::tracker::{LineEnd, Side};

/// A transcript: its items in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The items, in order. Heads come before the first blank line, row or event.
    pub items: Vec<Item>,
}

impl Transcript {
    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.items.iter().filter_map(|item| match item {
            Item::Row(row) => Some(row),
            _ => None,
        })
    }

    /// The octets of one side, as on the wire; a hole gives none.
    #[must_use]
    pub fn octets(&self, side: Side) -> Vec<u8> {
        let mut octets = Vec::new();
        let is_there = |row: &&Row| row.pieces != [Piece::Hole(Hole::Rows)];
        for row in self.rows().filter(|row| row.side == side).filter(is_there) {
            octets.extend(Piece::known(&row.pieces));
            octets.extend_from_slice(row.end.octets());
        }
        octets
    }
}

/// One line of a transcript file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `name: text`, about the whole file.
    Head {
        /// Lower case letters, two or more.
        name: String,
        /// Text without control characters.
        text: String,
    },
    /// Octets on the wire.
    Row(Row),
    /// Something other than octets that happened: the text after `* `, escapes as in the file.
    Event(String),
    /// Text for people, after `#`. The file's first line is one: `!pop3 1`.
    Prose(String),
    /// An empty line.
    Blank,
    /// A line that is none of these; kept and written back as it is.
    Unknown(String),
}

impl Item {
    /// Whether the item shows that its file is a transcript: most other text files are prose and
    /// unknown lines alone. The first line may be cut: the file ends in the middle of it.
    pub(crate) fn is_proof(&self) -> bool {
        match self {
            Self::Head { .. } | Self::Row(_) | Self::Event(_) => true,
            Self::Prose(text) => {
                let magic = MAGIC.strip_prefix('#').unwrap_or(MAGIC);
                text.starts_with('!') && magic.starts_with(text.as_str())
            }
            Self::Blank | Self::Unknown(_) => false,
        }
    }

    /// The item with its end unknown: the file ends in the middle of it.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Row(row) => Self::Row(Row {
                end: LineEnd::None,
                ..row
            }),
            item => item,
        }
    }
}

/// A line, or a part of one, that one side sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who sent it.
    pub side: Side,
    /// Milliseconds since the row before; the first row counts from the head's `started`.
    pub after_ms: u64,
    /// Octets and holes, without the line end. Two runs of octets are never adjacent, and none is
    /// empty.
    pub pieces: Vec<Piece>,
    /// How the line ends; `LineEnd::None` when the next row of this side continues with it.
    pub end: LineEnd,
}

impl Row {
    /// A row of `pieces`; neighbouring octets are joined and empty ones dropped.
    #[must_use]
    pub fn new(
        side: Side,
        after_ms: u64,
        pieces: impl IntoIterator<Item = Piece>,
        end: LineEnd,
    ) -> Self {
        Self {
            side,
            after_ms,
            pieces: Piece::joined(pieces),
            end,
        }
    }
}

/// A run of octets, or a place without octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Octets as on the wire.
    Octets(Vec<u8>),
    /// A place whose octets are not in the file.
    Hole(Hole),
}

impl Piece {
    /// Returns the octets before the first hole.
    pub(crate) fn head(pieces: &[Self]) -> &[u8] {
        match pieces.first() {
            Some(Self::Octets(octets)) => octets,
            _ => b"",
        }
    }

    /// Returns the octets of pieces; a hole has none.
    pub(crate) fn known(pieces: &[Self]) -> Vec<u8> {
        let octets = pieces.iter().map(|piece| match piece {
            Self::Octets(octets) => octets.as_slice(),
            Self::Hole(_) => b"",
        });
        octets.collect::<Vec<_>>().concat()
    }

    /// Returns how many octets it has, where a hole counts as one.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Octets(octets) => octets.len(),
            Self::Hole(_) => 1,
        }
    }

    /// Joins neighbouring octets, and drops those that are empty.
    pub(crate) fn joined(pieces: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (_, Self::Octets(new)) if new.is_empty() => {}
                (Some(Self::Octets(old)), Self::Octets(new)) => old.extend_from_slice(&new),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    /// Returns the octets of pieces, with the name of each hole in braces.
    pub(crate) fn named(pieces: &[Self]) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in pieces {
            match piece {
                Self::Octets(octets) => text.extend_from_slice(octets),
                Self::Hole(hole) => {
                    text.extend_from_slice(b"{{");
                    text.extend_from_slice(hole.name().as_bytes());
                    text.extend_from_slice(b"}}");
                }
            }
        }
        text
    }
}

/// A place whose octets are not in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hole {
    /// `{{name}}`: a secret was here. Lower case letters, digits, `-` and `_`.
    Named(String),
    /// `{{..}}`: any text within the line.
    Text,
    /// `{{...}}`: any number of rows.
    Rows,
}

impl Hole {
    /// The hole called `name` (without braces); None when that is not a name.
    pub(crate) fn called(name: &str) -> Option<Self> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        match name {
            ".." => Some(Self::Text),
            "..." => Some(Self::Rows),
            "" => None,
            _ => name
                .chars()
                .all(is_name)
                .then(|| Self::Named(name.to_owned())),
        }
    }

    /// Its name, without braces.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Text => "..",
            Self::Rows => "...",
        }
    }
}
