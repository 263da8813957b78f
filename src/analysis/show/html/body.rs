//! The data of a reply as HTML, with its measures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use crate::analysis::finding::Level;
use crate::analysis::show::{LineCutter, LinePart, hole, markup};
use crate::base::escape;
use crate::pop3::tracker::Side;
use crate::reading::dialogue::Moment;
use crate::transcript::Hole;

/// The data of a reply, or of a message that the client uploads.
#[derive(Debug)]
pub(super) struct HtmlBody {
    pub(super) side: Side,
    pub(super) moment: Moment,
    /// When its last part came, in milliseconds.
    pub(super) last_ms: u64,
    pub(super) html: String,
    /// The length of `html` where the start of a large body ends.
    pub(super) start: Option<usize>,
    column: usize,
    cutter: LineCutter,
    row: usize,
    pub(super) lines: u64,
    pub(super) octets: u64,
    /// How much of it may be shown, in octets.
    pub(super) room: u64,
    pub(super) has_mark: bool,
    /// Rows with findings that are not shown.
    pub(super) unseen: Vec<usize>,
}

impl HtmlBody {
    pub(super) fn new(side: Side, moment: Moment, room: u64) -> Self {
        Self {
            side,
            moment,
            last_ms: moment.ms,
            html: String::new(),
            start: None,
            column: 0,
            cutter: LineCutter::default(),
            row: moment.place.row,
            lines: 0,
            octets: 0,
            room,
            has_mark: false,
            unseen: Vec::new(),
        }
    }

    pub(super) fn feed(
        &mut self,
        octets: &[u8],
        moment: Moment,
        found: &BTreeMap<usize, Level>,
    ) -> io::Result<()> {
        self.row = moment.place.row;
        self.last_ms = moment.ms;
        self.octets += octets.len() as u64;
        let mut cutter = std::mem::take(&mut self.cutter);
        let result = cutter.feed(octets, &mut |cut| {
            match cut {
                LinePart::Text(text, first) => {
                    let is_found = first && found.contains_key(&self.row);
                    if is_found {
                        self.mark(self.row);
                    }
                    self.text(text);
                }
                LinePart::Crlf => self.end_line(""),
                LinePart::Lf => self.end_line("<span class=\"d\"> (ends in LF)</span>"),
            }
            Ok(())
        });
        self.cutter = cutter;
        result
    }

    fn mark(&mut self, row: usize) {
        // The first row is the row of the table.
        if row == self.moment.place.row {
            self.has_mark = true;
        } else if self.is_kept() {
            self.has_mark = true;
            let _ = write!(self.html, "<mark id=\"r{row}\">row {row}</mark> ");
        } else if !self.unseen.contains(&row) {
            self.unseen.push(row);
        }
    }

    fn is_kept(&self) -> bool {
        self.octets <= self.room
    }

    fn text(&mut self, text: &[u8]) {
        if self.is_kept() {
            let mut shown = String::new();
            self.column = escape::escape_within(text, self.column..usize::MAX, &mut shown);
            markup(&shown, &mut self.html);
        }
    }

    fn end_line(&mut self, note: &str) {
        self.lines += 1;
        self.column = 0;
        self.row += 1;
        if self.is_kept() {
            self.html.push_str(note);
            self.html.push('\n');
            if self.html.len() <= super::BODY_START || self.start.is_none() {
                self.start = Some(self.html.len());
            }
        }
    }

    pub(super) fn hole(&mut self, missing: &Hole) {
        self.cutter.is_inside = true;
        if self.is_kept() {
            self.html.push_str(hole(missing));
        }
    }

    pub(super) fn any_rows(&mut self) {
        if self.is_kept() {
            let _ = writeln!(self.html, "<span class=\"d\">{}</span>", hole(&Hole::Rows));
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        let mut cutter = std::mem::take(&mut self.cutter);
        let is_cut = cutter.finish(&mut |cut| {
            if let LinePart::Text(text, _) = cut {
                self.text(text);
            }
            Ok(())
        })?;
        if is_cut {
            self.end_line("<span class=\"d\"> (no line end)</span>");
        }
        Ok(())
    }
}
