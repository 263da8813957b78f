//! Draws a terminal with the start of a session, for a page that can show pictures. It loads
//! nothing and runs nothing.

use std::io;

use unicode_width::UnicodeWidthChar;

use super::{Canvas, Highlight, markup};

const COLUMNS: usize = 80;

/// The width of a character and the height of a row, in the picture's units.
const CELL: (f64, f64) = (8.4, 19.0);

/// The margins of the text: left and right, above, below.
const MARGIN: (f64, f64, f64) = (20.0, 52.0, 14.0);

const STYLE: &str = "text { font: 14px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #e6e6e0; white-space: pre; } \
    .c { fill: #ffffff; font-weight: 600; } .p { fill: #7bd184; font-weight: 600; } .n { fill: #ff8f8f; font-weight: 600; } \
    .o { fill: #e8c46a; } .q { fill: #7cc7d8; } .d { fill: #a0a09a; }";

/// A canvas that draws a picture.
#[derive(Debug)]
pub struct Drawing {
    most: usize,
    /// Finished rows, as XML.
    rows: Vec<String>,
    row: String,
    column: usize,
    has_more: bool,
}

impl Drawing {
    /// Returns a drawing of at most this many rows.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            rows: Vec::new(),
            row: String::new(),
            column: 0,
            has_more: false,
        }
    }

    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.column = 0;
        if self.rows.len() < self.most {
            self.rows.push(row);
        } else {
            self.has_more = true;
        }
    }

    /// Returns the picture. `title` describes it for readers who cannot see it.
    #[must_use]
    pub fn finish(mut self, title: &str) -> String {
        if self.column > 0 {
            self.end_row();
        }
        if self.has_more {
            self.rows
                .push("<tspan class=\"d\">  …and more</tspan>".to_owned());
        }
        let (side, above, below) = MARGIN;
        let width = COLUMNS as f64 * CELL.0 + 2.0 * side;
        let height = above + self.rows.len() as f64 * CELL.1 + below;
        let mut name = String::new();
        markup(&super::safe(title), &mut name);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             role=\"img\">\n<title>{name}</title>\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#17181a\"/>\n\
             <circle cx=\"20\" cy=\"18\" r=\"6\" fill=\"#ff8f8f\"/><circle cx=\"40\" cy=\"18\" r=\"6\" fill=\"#e8c46a\"/>\
             <circle cx=\"60\" cy=\"18\" r=\"6\" fill=\"#7bd184\"/>\n"
        );
        for (index, row) in self.rows.iter().enumerate() {
            let y = above + index as f64 * CELL.1;
            svg.push_str(&format!(
                "<text x=\"{side:.0}\" y=\"{y:.0}\" xml:space=\"preserve\">{row}</text>\n"
            ));
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl Canvas for Drawing {
    fn text(&mut self, highlight: Highlight, text: &str) -> io::Result<()> {
        let class = match highlight {
            Highlight::Plain => None,
            Highlight::Client => Some("c"),
            Highlight::Positive => Some("p"),
            Highlight::Negative => Some("n"),
            Highlight::Odd => Some("o"),
            Highlight::Challenge => Some("q"),
            Highlight::Note => Some("d"),
        };
        let mut rest = text;
        while !rest.is_empty() && !self.is_full() {
            let mut room = COLUMNS - self.column;
            let fitting = rest.char_indices().find(|(_, c)| {
                let width = c.width().unwrap_or(0);
                room.checked_sub(width).map(|left| room = left).is_none()
            });
            let (row, after) = rest.split_at(fitting.map_or(rest.len(), |(at, _)| at));
            if !row.is_empty() {
                self.column = COLUMNS - room;
                if let Some(class) = class {
                    self.row.push_str(&format!("<tspan class=\"{class}\">"));
                }
                markup(row, &mut self.row);
                if class.is_some() {
                    self.row.push_str("</tspan>");
                }
            }
            rest = after;
            if !rest.is_empty() {
                self.end_row();
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.end_row();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.has_more
    }
}
