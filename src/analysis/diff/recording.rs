//! A transcript file that is read twice: once as a stream, and again where data differs.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Seek, SeekFrom};

use crate::pop3::tracker::LineEnd;
use crate::reading::dialogue::{Measures, Parts, Place};
use crate::transcript::text::{LineProblem, ParseError, Reader};
use crate::transcript::{Hole, Item, Piece, Row};

/// The most octets compared as one line; a longer line counts as several.
const LINE_MAX: usize = 64 * 1024;

/// A transcript file.
#[derive(Debug)]
pub struct Recording<R> {
    pub(super) parts: Parts<BufReader<R>>,
    pub(super) again: Again<R>,
}

impl<R: Read + Seek> Recording<R> {
    /// Takes two handles on the same file, both at its start.
    pub fn new(stream: R, again: R) -> Self {
        Self {
            parts: Parts::new(BufReader::new(stream)),
            again: Again(again),
        }
    }
}

/// The file, for reading it a second time.
#[derive(Debug)]
pub(super) struct Again<R>(R);

impl<R: Read + Seek> Again<R> {
    pub(super) fn parts(&mut self) -> Result<Parts<BufReader<&mut R>>, ParseError> {
        self.seek(Place::default())?;
        Ok(Parts::new(BufReader::new(&mut self.0)))
    }

    fn seek(&mut self, Place { row, offset }: Place) -> Result<(), ParseError> {
        match self.0.seek(SeekFrom::Start(offset)) {
            Ok(_) => Ok(()),
            Err(error) => Err(ParseError {
                row,
                column: 1,
                width: 0,
                line: String::new(),
                problem: LineProblem::Io(error.to_string()),
            }),
        }
    }

    pub(super) fn lines(&mut self, data: &Measures) -> Result<DataLines<'_, R>, ParseError> {
        let Place { row, offset } = data.first;
        self.seek(data.first)?;
        Ok(DataLines {
            rows: Reader::resume(BufReader::new(&mut self.0), row, offset),
            data: data.clone(),
            to_skip: data.skipped,
            left: data.octets,
            line: Vec::new(),
            length: 0,
            line_row: row,
            is_inside: false,
            ready: VecDeque::new(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataLine {
    pub(super) row: usize,
    /// As on the wire, stuffed.
    pub(super) pieces: Vec<Piece>,
    pub(super) end: LineEnd,
    /// Whether the line starts here; false for the later parts of a very long line.
    pub(super) is_start: bool,
}

impl DataLine {
    pub(super) fn is_any_rows(&self) -> bool {
        self.pieces == [Piece::Hole(Hole::Rows)]
    }
}

#[derive(Debug)]
pub(super) struct DataLines<'a, R> {
    rows: Reader<BufReader<&'a mut R>>,
    data: Measures,
    to_skip: u64,
    left: u64,
    line: Vec<Piece>,
    length: usize,
    line_row: usize,
    is_inside: bool,
    ready: VecDeque<DataLine>,
}

impl<R: Read> DataLines<'_, R> {
    pub(super) fn next(&mut self) -> Result<Option<DataLine>, ParseError> {
        while self.ready.is_empty() {
            let is_more = self.left > 0 || self.rows.row() < self.data.last_row;
            let is_empty = self.data.octets == 0 && !self.data.has_any_rows;
            let item = if is_more && !is_empty {
                self.rows.next().transpose()?
            } else {
                None
            };
            match item {
                Some(Item::Row(row)) if row.side == self.data.side => self.row(&row),
                Some(_) => {}
                None => {
                    self.end_line(LineEnd::None);
                    break;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    fn row(&mut self, row: &Row) {
        if row.pieces == [Piece::Hole(Hole::Rows)] {
            self.end_line(LineEnd::None);
            self.ready.push_back(DataLine {
                row: self.rows.row(),
                pieces: row.pieces.clone(),
                end: LineEnd::Crlf,
                is_start: true,
            });
            return;
        }
        for piece in &row.pieces {
            match piece {
                Piece::Octets(octets) => self.octets(octets),
                Piece::Hole(hole) => {
                    if self.to_skip > 0 {
                        self.to_skip -= 1;
                    } else if self.left > 0 {
                        self.left -= 1;
                        self.start();
                        self.line.push(Piece::Hole(hole.clone()));
                        self.length += 1;
                    }
                }
            }
        }
        self.octets(row.end.octets());
    }

    fn octets(&mut self, octets: &[u8]) {
        let skipped =
            usize::try_from(self.to_skip).map_or(octets.len(), |skip| skip.min(octets.len()));
        self.to_skip -= skipped as u64;
        let octets = octets.get(skipped..).unwrap_or_default();
        let taken = usize::try_from(self.left).map_or(octets.len(), |left| left.min(octets.len()));
        self.left -= taken as u64;
        let mut rest = octets.get(..taken).unwrap_or_default();
        while !rest.is_empty() {
            self.start();
            let room = rest.len().min(LINE_MAX.saturating_sub(self.length).max(1));
            let window = rest.get(..room).unwrap_or(rest);
            let take = memchr::memchr(b'\n', window).map_or(room, |lf| lf + 1);
            let (part, after) = rest.split_at(take);
            rest = after;
            match self.line.last_mut() {
                Some(Piece::Octets(last)) => last.extend_from_slice(part),
                _ => self.line.push(Piece::Octets(part.to_vec())),
            }
            self.length += part.len();
            if part.ends_with(b"\n") {
                self.end_line(LineEnd::Lf);
            } else if self.length >= LINE_MAX {
                self.end_line(LineEnd::None);
            }
        }
    }

    fn start(&mut self) {
        if self.line.is_empty() {
            self.line_row = self.rows.row();
        }
    }

    fn end_line(&mut self, end: LineEnd) {
        let mut pieces = std::mem::take(&mut self.line);
        self.length = 0;
        let mut end = end;
        let is_start = !std::mem::replace(&mut self.is_inside, end == LineEnd::None);
        if pieces.is_empty() {
            return;
        }
        if end == LineEnd::Lf
            && let Some(Piece::Octets(last)) = pieces.last_mut()
        {
            last.pop();
            if last.last() == Some(&b'\r') {
                last.pop();
                end = LineEnd::Crlf;
            }
            if last.is_empty() {
                pieces.pop();
            }
        }
        self.ready.push_back(DataLine {
            row: self.line_row,
            pieces,
            end,
            is_start,
        });
    }
}
