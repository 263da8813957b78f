//! A drawing of a session in a terminal, for a page that can show a picture.

use super::{Statuses, safe, text_of};
use crate::tracker::{Side, Status};
use crate::transcript::Item;

/// The width of a character and the height of a line, in the drawing's units.
const CELL: (f64, f64) = (8.4, 19.0);

/// The most columns of a line.
const COLUMNS: usize = 100;

/// Collects lines until there are enough.
#[derive(Debug)]
pub struct Drawing {
    lines: Vec<String>,
    most: usize,
    left_out: usize,
    statuses: Statuses,
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().take(COLUMNS).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Drawing {
    /// Of at most so many lines.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            lines: Vec::new(),
            most,
            left_out: 0,
            statuses: Statuses::default(),
        }
    }

    /// Takes an item.
    pub fn item(&mut self, item: &Item) {
        let line = match item {
            Item::Row(row) => {
                let status = self.statuses.row(row);
                let text = text_of(row);
                match (row.side, status) {
                    (Side::Client, _) => {
                        format!(
                            "<tspan class=\"p\">&gt; </tspan><tspan class=\"c\">{}</tspan>",
                            escaped(&text)
                        )
                    }
                    (Side::Server, Some(status)) => {
                        let class = match status {
                            Status::Positive => "g",
                            Status::Negative | Status::Malformed => "b",
                        };
                        let word = text.find(' ').unwrap_or(text.len());
                        let (indicator, rest) = text.split_at(word);
                        format!(
                            "<tspan class=\"{class}\">{}</tspan>{}",
                            escaped(indicator),
                            escaped(rest)
                        )
                    }
                    (Side::Server, None) => escaped(&text),
                }
            }
            Item::Event(event) => {
                self.statuses.event(event);
                format!("<tspan class=\"d\">  {}</tspan>", escaped(&safe(event)))
            }
            _ => return,
        };
        if self.lines.len() < self.most {
            self.lines.push(line);
        } else {
            self.left_out += 1;
        }
    }

    /// The drawing.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.left_out > 0 {
            let text = format!("  ({} lines more)", self.left_out);
            self.lines
                .push(format!("<tspan class=\"d\">{text}</tspan>"));
        }
        let width = COLUMNS as f64 * CELL.0 + 40.0;
        let height = self.lines.len() as f64 * CELL.1 + 64.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"A POP3 session in poptalk\">\n<style>\
             text {{ font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #e6e6e0; white-space: pre; }} \
             .p {{ fill: #a0a09a; }} .c {{ fill: #ffffff; font-weight: 600; }} .g {{ fill: #7bd184; font-weight: 600; }} \
             .b {{ fill: #ff8f8f; font-weight: 600; }} .d {{ fill: #a0a09a; }}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#17181a\"/>\n\
             <circle cx=\"20\" cy=\"18\" r=\"6\" fill=\"#ff8f8f\"/><circle cx=\"40\" cy=\"18\" r=\"6\" fill=\"#e8c46a\"/><circle cx=\"60\" cy=\"18\" r=\"6\" fill=\"#7bd184\"/>\n"
        );
        for (index, line) in self.lines.iter().enumerate() {
            let y = 52.0 + index as f64 * CELL.1;
            svg.push_str(&format!(
                "<text x=\"20\" y=\"{y:.0}\" xml:space=\"preserve\">{line}</text>\n"
            ));
        }
        svg.push_str("</svg>\n");
        svg
    }
}
