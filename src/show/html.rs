//! A page of its own: no script, nothing fetched, bodies folded; for a bug report or a class.

use std::io::{self, Write};

use super::{Statuses, safe, text_of};
use crate::finding::Finding;
use crate::tracker::{Side, Status};
use crate::transcript::{Item, Row};

/// Replies of more rows than this are folded.
const FOLDED: usize = 12;

/// Of one reply at most so many octets of text are in the page.
const SHOWN: usize = 1024 * 1024;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
"#;

const STYLE: &str = r#"<style>
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fdfdfb; --dim: #5c5c5c; --good: #14691b; --bad: #a3151f; --edge: #d5d5cf; --client: #0b4a8f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e0; --paper: #17181a; --dim: #a0a09a; --good: #7bd184; --bad: #ff8f8f; --edge: #3a3b3e; --client: #8ec1ff; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; color: var(--dim); } dd { margin: 0; }
ol { list-style: none; padding: 0; font: 14px/1.45 ui-monospace, monospace; border-top: 1px solid var(--edge); }
li { padding: .1rem 0 .1rem 4.5rem; position: relative; white-space: pre-wrap; overflow-wrap: anywhere; }
li > time { position: absolute; left: 0; width: 4rem; text-align: right; color: var(--dim); }
.c { color: var(--client); font-weight: 600; } .c::before { content: "C: "; } .s::before { content: "S: "; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; } .e { color: var(--dim); font-style: italic; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; border-left: 2px solid var(--edge); padding-left: .6rem; }
summary { cursor: pointer; color: var(--dim); }
@media print { body { max-width: none; margin: 0; } details { display: block; } li { break-inside: avoid; } }
</style>
"#;

/// Writes a page as items come.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    statuses: Statuses,
    /// Rows of a reply that may be folded: how many, their octets of text, and as much of the text as is kept.
    rows: usize,
    octets: usize,
    data: String,
    in_list: bool,
}

/// Text as it may stand in a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

impl<'a> Page<'a> {
    /// Begins a page about the transcript `name`, with what was found in it.
    ///
    /// Errors: `out` can't be written.
    pub fn new(out: &'a mut dyn Write, name: &str, findings: &[Finding]) -> io::Result<Self> {
        let title = escaped(&safe(name));
        write!(
            out,
            "{HEAD}<title>{title}</title>\n{STYLE}</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        )?;
        if !findings.is_empty() {
            write!(out, "<h2>Findings</h2>\n<ul>\n")?;
            for finding in findings {
                let row = finding
                    .row
                    .map_or(String::new(), |row| format!(" (row {row})"));
                writeln!(
                    out,
                    "<li style=\"padding-left:0\"><b>{}</b> {}: {}{row}</li>",
                    finding.level.name(),
                    escaped(finding.id),
                    escaped(&safe(&finding.message))
                )?;
            }
            writeln!(out, "</ul>")?;
        }
        writeln!(out, "<dl>")?;
        Ok(Self {
            out,
            statuses: Statuses::default(),
            rows: 0,
            octets: 0,
            data: String::new(),
            in_list: false,
        })
    }

    /// Takes an item.
    ///
    /// Errors: `out` can't be written.
    pub fn item(&mut self, item: &Item) -> io::Result<()> {
        match item {
            Item::Head { name, text } if !self.in_list => {
                let (name, text) = (escaped(&safe(name)), escaped(&safe(text)));
                writeln!(self.out, "<dt>{name}</dt><dd>{text}</dd>")
            }
            Item::Blank => Ok(()),
            Item::Prose(prose) if prose.starts_with('!') => Ok(()),
            Item::Row(row) => self.row(row),
            Item::Event(event) => {
                self.statuses.event(event);
                self.fold()?;
                self.list()?;
                writeln!(self.out, "<li class=\"e\">* {}</li>", escaped(&safe(event)))
            }
            Item::Prose(text) | Item::Unknown(text) | Item::Head { text, .. } => {
                self.fold()?;
                self.list()?;
                writeln!(self.out, "<li class=\"e\">{}</li>", escaped(&safe(text)))
            }
        }
    }

    fn list(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.in_list, true) {
            true => Ok(()),
            false => write!(self.out, "</dl>\n<h2>Session</h2>\n<ol>\n"),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let status = self.statuses.row(row);
        let text = escaped(&text_of(row));
        if row.side == Side::Server && status.is_none() {
            self.rows += 1;
            self.octets += text.len() + 1;
            if self.data.len() + text.len() < SHOWN {
                self.data.push_str(&text);
                self.data.push('\n');
            }
            return Ok(());
        }
        self.fold()?;
        self.list()?;
        let time = match row.after_ms {
            0 => String::new(),
            ms => format!("<time>{ms} ms</time>"),
        };
        match (row.side, status) {
            (Side::Client, _) => {
                writeln!(self.out, "<li>{time}<span class=\"c\">{text}</span></li>")
            }
            (Side::Server, status) => {
                let class = match status {
                    Some(Status::Positive) => "good",
                    _ => "bad",
                };
                let word = text.find(' ').unwrap_or(text.len());
                let (indicator, rest) = text.split_at(word);
                writeln!(
                    self.out,
                    "<li>{time}<span class=\"s\"><span class=\"{class}\">{indicator}</span>{rest}</span></li>"
                )
            }
        }
    }

    /// Writes the rows of a reply behind its status line.
    fn fold(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.list()?;
        let (rows, octets) = (self.rows, self.octets);
        let left_out = octets.saturating_sub(self.data.len());
        let note = match left_out {
            0 => String::new(),
            count => format!("({count} octets more are in the transcript)"),
        };
        if rows > FOLDED {
            writeln!(
                self.out,
                "<li><details><summary>{rows} lines, {octets} octets</summary><pre>{}{note}</pre></details></li>",
                self.data
            )?;
        } else {
            writeln!(self.out, "<li><pre>{}{note}</pre></li>", self.data)?;
        }
        self.rows = 0;
        self.octets = 0;
        self.data.clear();
        Ok(())
    }

    /// Ends the page.
    ///
    /// Errors: `out` can't be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.fold()?;
        self.list()?;
        write!(self.out, "</ol>\n</main>\n</body>\n</html>\n")
    }
}
