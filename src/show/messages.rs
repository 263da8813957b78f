//! Takes the messages out of a transcript: each RETR, un-stuffed, octet for octet.

use std::io::{self, Write};

use crate::follow::Follower;
use crate::stuffing::Unstuffer;
use crate::tracker::{Role, Side, Status, Step};
use crate::transcript::{Item, Piece, Row};

/// Where messages go.
pub trait Shelf {
    /// Begins a message; its number is that of RETR.
    ///
    /// Errors: it can't be kept.
    fn begin(&mut self, number: u64) -> io::Result<()>;
    /// More octets of it.
    ///
    /// Errors: they can't be kept.
    fn write(&mut self, octets: &[u8]) -> io::Result<()>;
    /// It has ended; `is_whole` when its terminator came and nothing was left out.
    ///
    /// Errors: it can't be kept.
    fn end(&mut self, is_whole: bool) -> io::Result<()>;
}

/// Reads messages out of items.
pub struct Messages<'a> {
    follower: Follower,
    shelf: &'a mut dyn Shelf,
    unstuffer: Unstuffer,
    block: Vec<u8>,
    is_inside: bool,
    has_hole: bool,
}

impl<'a> Messages<'a> {
    /// Puts them on a shelf.
    pub fn new(shelf: &'a mut dyn Shelf) -> Self {
        Self {
            follower: Follower::new(true),
            shelf,
            unstuffer: Unstuffer::default(),
            block: Vec::new(),
            is_inside: false,
            has_hole: false,
        }
    }

    /// Takes an item.
    ///
    /// Errors: the shelf's.
    pub fn feed(&mut self, item: &Item) -> io::Result<()> {
        match item {
            Item::Row(row) => self.row(row),
            Item::Event(event) => match self.follower.event(event) {
                true => self.end(false),
                false => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The transcript has ended.
    ///
    /// Errors: the shelf's.
    pub fn finish(&mut self) -> io::Result<()> {
        self.end(false)
    }

    fn end(&mut self, is_whole: bool) -> io::Result<()> {
        match std::mem::replace(&mut self.is_inside, false) {
            true => self.shelf.end(is_whole && !self.has_hole),
            false => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let has_hole = row
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Hole(_)));
        self.has_hole |= has_hole && self.is_inside;
        let mut result = Ok(());
        let Self {
            follower,
            shelf,
            unstuffer,
            block,
            is_inside,
            has_hole,
            ..
        } = self;
        follower.row(row, &mut |step| {
            if result.is_err() {
                return;
            }
            result = match step {
                Step::DataStarted(sent) if sent.verb() == "RETR" => {
                    *is_inside = true;
                    *has_hole = false;
                    *unstuffer = Unstuffer::default();
                    shelf.begin(sent.number().unwrap_or(0))
                }
                Step::Data {
                    side: Side::Server,
                    octets,
                } if *is_inside => {
                    block.clear();
                    unstuffer.feed(octets, block);
                    shelf.write(block)
                }
                Step::Line {
                    role: Role::Terminator,
                    side: Side::Server,
                    ..
                } if *is_inside => {
                    *is_inside = false;
                    shelf.end(!*has_hole)
                }
                Step::ReplyEnded(_, Status::Positive) if *is_inside => {
                    *is_inside = false;
                    shelf.end(!*has_hole)
                }
                _ => Ok(()),
            };
        });
        result
    }
}

/// A shelf that is a writer: all messages one after the other, for tests.
#[derive(Debug, Default)]
pub struct Heap(
    /// Each message, its number and whether it is whole.
    pub Vec<(u64, Vec<u8>, bool)>,
);

impl Shelf for Heap {
    fn begin(&mut self, number: u64) -> io::Result<()> {
        self.0.push((number, Vec::new(), false));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self.0.last_mut() {
            Some((_, message, _)) => message.write_all(octets),
            None => Ok(()),
        }
    }

    fn end(&mut self, is_whole: bool) -> io::Result<()> {
        if let Some(last) = self.0.last_mut() {
            last.2 = is_whole;
        }
        Ok(())
    }
}
