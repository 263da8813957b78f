//! Writes a page for a bug report or a class: one file that loads nothing and runs nothing, with
//! folded bodies.
//!
//! It is XML as well as HTML, so that an XML parser can prove it well-formed.

mod body;
mod style;
mod top;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::timing::Timing;
use super::{Highlight, LINE_SHOWN, hole, markup, safe};
use crate::analysis::finding::{Finding, Level};
use crate::base::escape;
use crate::base::figures;
use crate::pop3::tracker::{LineEnd, Role, Side, Status};
use crate::reading::dialogue::{Moment, TapeStep};
use crate::transcript::{Hole, Item, Piece};
use body::HtmlBody;

/// The largest body shown in full, in octets as on the wire; of a larger one, only the start is
/// shown.
pub(crate) const BODY_MAX: u64 = 1024 * 1024;

/// How much of a larger body is shown, in octets of HTML.
const BODY_START: usize = 16 * 1024;

/// The limit for all bodies of a page, in octets as on the wire; of later bodies, only the measures
/// are shown.
pub(crate) const BODIES_MAX: u64 = 32 * 1024 * 1024;

/// The most rows of the table; browsers cannot handle more.
pub(crate) const ROWS_MAX: u64 = 100_000;

/// A body with more lines is folded initially.
const FOLDED: u64 = 12;

const HEADS_MAX: usize = 50;

/// Writes a page with only findings: the name of each judged transcript, and its findings.
pub(crate) fn report(
    out: &mut dyn Write,
    title: &str,
    judged: &mut dyn Iterator<Item = (String, Option<&[Finding]>)>,
) -> io::Result<()> {
    let title = escaped(title);
    write!(
        out,
        "{}<title>{title} - poptalk</title>\n{}</head>\n<body>\n<header>\n<h1>{title}</h1>\n</header>\n<main>\n",
        style::HEAD,
        style::STYLE
    )?;
    for (name, findings) in judged {
        writeln!(out, "<section>\n<h2>{}</h2>", escaped(&name))?;
        if let Some(findings) = findings {
            top::items(out, findings, &|row| format!("row {row}"))?;
        }
        writeln!(out, "</section>")?;
    }
    write!(out, "</main>\n</body>\n</html>\n")
}

/// The top of a page: read a transcript once for this, and again for the page.
#[derive(Debug, Default)]
pub struct Survey {
    heads: Vec<(String, String)>,
    meter: Timing,
}

impl Survey {
    /// Returns an empty survey.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a step.
    pub fn emit(&mut self, step: &TapeStep<'_>) {
        if let TapeStep::Other(Item::Head { name, text }) = step
            && self.heads.len() < HEADS_MAX
        {
            let start: String = text.chars().take(1024).collect();
            self.heads.push((name.clone(), start));
        }
        self.meter.emit(step, &mut |_| {});
    }
}

/// Writes a page step by step.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    found: BTreeMap<usize, Level>,
    /// The last row that has an anchor.
    anchored: usize,
    shown_ms: u64,
    /// The time of the next event, in milliseconds since the previous item.
    passed_ms: u64,
    line: Option<HtmlLine>,
    body: Option<HtmlBody>,
    bodies: u64,
    rows: u64,
}

impl std::fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct HtmlLine {
    side: Side,
    moment: Moment,
    html: String,
    column: usize,
    octets: usize,
    left_out: usize,
    word: Option<Highlight>,
}

impl<'a> Page<'a> {
    /// Begins a page about the transcript `name`.
    ///
    /// Errors: `out` cannot be written.
    pub fn new(
        out: &'a mut dyn Write,
        name: &str,
        survey: &Survey,
        findings: &[Finding],
    ) -> io::Result<Self> {
        let title = escaped(name);
        write!(
            out,
            "{}<title>{title} - poptalk</title>\n{}</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
             <p>A POP3 session, recorded by poptalk: what the client (C) and the server (S) sent, octet for octet.</p>\n</header>\n<main>\n",
            style::HEAD,
            style::STYLE
        )?;
        top::summary(out, survey)?;
        top::list(out, findings)?;
        write!(
            out,
            "<section aria-labelledby=\"session\">\n<h2 id=\"session\">Session</h2>\n<table>\n\
             <caption class=\"unseen\">The lines of both sides and the events, in order</caption>\n\
             <thead><tr><th scope=\"col\" class=\"row\">row</th><th scope=\"col\" class=\"time\">after</th>\
             <th scope=\"col\" class=\"who\">by</th><th scope=\"col\">text</th></tr></thead>\n<tbody>\n"
        )?;
        let rows = findings.iter();
        Ok(Self {
            out,
            found: rows
                .filter_map(|finding| Some((finding.row?, finding.level)))
                .collect(),
            anchored: 0,
            shown_ms: 0,
            passed_ms: 0,
            line: None,
            body: None,
            bodies: 0,
            rows: 0,
        })
    }

    /// Takes a step.
    ///
    /// Errors: the page cannot be written.
    pub fn emit(&mut self, step: &TapeStep<'_>) -> io::Result<()> {
        match step {
            TapeStep::Line {
                side,
                role,
                pieces,
                first,
                end,
                moment,
            } => {
                self.begin_line(*side, *role, *moment, *first)?;
                if let Some(line) = &mut self.line {
                    line.add(*role, pieces);
                }
                match *end {
                    LineEnd::None => Ok(()),
                    end => self.end_line(end),
                }
            }
            TapeStep::Data {
                side,
                octets,
                moment,
            } => self.data(*side, octets, *moment),
            TapeStep::Injected { octets, moment } => self.data(Side::Server, octets, *moment),
            TapeStep::Hole { side, hole, moment } => {
                self.body(*side, *moment).map(|body| body.hole(hole))
            }
            TapeStep::AnyRows {
                side,
                is_data: true,
                moment,
            } => self.body(*side, *moment).map(HtmlBody::any_rows),
            TapeStep::AnyRows { side, moment, .. } => self.any_rows(*side, *moment),
            TapeStep::Abandoned => self.end_all(),
            TapeStep::Passed { after_ms, .. } => {
                self.passed_ms = *after_ms;
                Ok(())
            }
            TapeStep::Event(event) => {
                let passed_ms = std::mem::take(&mut self.passed_ms);
                let ms = self.shown_ms.saturating_add(passed_ms);
                let place = event.place;
                self.end_all()?;
                self.note(Some(Moment { place, ms }), "*", "event", &event.text)
            }
            TapeStep::Other(Item::Prose(text)) if !text.starts_with('!') => {
                self.end_body()?;
                self.note(None, "#", "comment", text.trim_start())
            }
            TapeStep::Other(Item::Unknown(text)) => {
                self.end_body()?;
                self.note(None, "?", "unknown", text)
            }
            _ => Ok(()),
        }
    }

    /// Ends the page.
    ///
    /// Errors: the page cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.end_all()?;
        writeln!(self.out, "</tbody>\n</table>")?;
        if self.rows > ROWS_MAX {
            let more = self.rows - ROWS_MAX;
            writeln!(self.out, "<p>{more} more rows are in the transcript.</p>")?;
        }
        write!(self.out, "</section>\n</main>\n</body>\n</html>\n")
    }

    fn any_rows(&mut self, side: Side, moment: Moment) -> io::Result<()> {
        self.end_all()?;
        let text = format!("<span class=\"d\">{}</span>", hole(&Hole::Rows));
        self.row(Some(side), moment, &text)
    }

    fn data(&mut self, side: Side, octets: &[u8], moment: Moment) -> io::Result<()> {
        // There are few marks, and those of earlier rows are not needed again.
        let found = std::mem::take(&mut self.found);
        let fed = self
            .body(side, moment)
            .and_then(|body| body.feed(octets, moment, &found));
        self.found = found;
        fed
    }

    fn body(&mut self, side: Side, moment: Moment) -> io::Result<&mut HtmlBody> {
        if self.body.as_ref().is_none_or(|body| body.side != side) {
            self.end_all()?;
        }
        let room = BODIES_MAX.saturating_sub(self.bodies).min(BODY_MAX);
        Ok(self
            .body
            .get_or_insert_with(|| HtmlBody::new(side, moment, room)))
    }

    fn end_all(&mut self) -> io::Result<()> {
        self.end_body()?;
        self.end_line(LineEnd::None)
    }

    fn end_body(&mut self) -> io::Result<()> {
        let Some(mut body) = self.body.take() else {
            return Ok(());
        };
        body.finish()?;
        let (octets, lines) = (body.octets, body.lines);
        let is_large = octets > body.room;
        let mut text = String::new();
        let is_open = lines <= FOLDED || body.has_mark && !is_large;
        let open = if is_open { " open=\"open\"" } else { "" };
        let _ = write!(
            text,
            "<details{open}><summary>{} octets in {} lines",
            figures::count(octets),
            figures::count(lines)
        );
        match body.last_ms.saturating_sub(body.moment.ms) {
            0 => {}
            ms => _ = write!(text, ", in {}", figures::duration(ms)),
        }
        let shown = match is_large {
            true => body.start.unwrap_or(0),
            false => body.html.len(),
        };
        match (is_large, shown) {
            (false, _) => {}
            (true, 0) => text.push_str(", too large for this page"),
            (true, _) => text.push_str(", too large for this page: only the start is shown"),
        }
        text.push_str("</summary>");
        for row in &body.unseen {
            let _ = write!(text, "<span id=\"r{row}\"></span>");
        }
        if shown > 0 {
            text.push_str("<pre dir=\"ltr\">");
            text.push_str(body.html.get(..shown).unwrap_or_default());
            text.push_str("</pre>");
        }
        if is_large {
            text.push_str("<p class=\"d\">The rest is in the transcript.</p>");
        }
        text.push_str("</details>");
        self.bodies += if is_large { BODY_START as u64 } else { octets };
        self.row(Some(body.side), body.moment, &text)?;
        self.shown_ms = self.shown_ms.max(body.last_ms);
        Ok(())
    }

    fn begin_line(
        &mut self,
        side: Side,
        role: Role,
        moment: Moment,
        is_first: bool,
    ) -> io::Result<()> {
        self.end_body()?;
        if is_first || self.line.as_ref().is_none_or(|line| line.side != side) {
            self.end_line(LineEnd::None)?;
            self.line = Some(HtmlLine::new(side, role, moment));
        }
        Ok(())
    }

    fn end_line(&mut self, end: LineEnd) -> io::Result<()> {
        let Some(mut line) = self.line.take() else {
            return Ok(());
        };
        if line.left_out > 0 {
            let _ = write!(
                line.html,
                "<span class=\"d\"> (and {} more octets)</span>",
                line.left_out
            );
        }
        line.html.push_str(match end {
            LineEnd::Crlf => "",
            LineEnd::Lf => "<span class=\"d\"> (ends in LF)</span>",
            LineEnd::None => "<span class=\"d\"> (no line end)</span>",
        });
        let html = format!("<code dir=\"ltr\">{}</code>", line.html);
        self.row(Some(line.side), line.moment, &html)
    }

    fn row(&mut self, side: Option<Side>, moment: Moment, html: &str) -> io::Result<()> {
        let (class, mark, name) = match side {
            Some(Side::Client) => ("c", "C", "client"),
            Some(Side::Server) => ("s", "S", "server"),
            None => ("e", "*", "event"),
        };
        self.table_row(class, Some(moment), (mark, name), html)
    }

    fn note(
        &mut self,
        moment: Option<Moment>,
        mark: &str,
        name: &str,
        text: &str,
    ) -> io::Result<()> {
        self.table_row("e", moment, (mark, name), &escaped(text))
    }

    fn table_row(
        &mut self,
        class: &str,
        moment: Option<Moment>,
        (mark, name): (&str, &str),
        html: &str,
    ) -> io::Result<()> {
        self.rows += 1;
        if self.rows > ROWS_MAX {
            return Ok(());
        }
        let (mut anchor, mut number, mut time, mut found) = Default::default();
        if let Some(Moment { place, ms }) = moment {
            let row = place.row;
            // A row may contain several lines, and be reported late.
            if row > self.anchored {
                self.anchored = row;
                anchor = format!(" id=\"r{row}\"");
            }
            number = row.to_string();
            let after_ms = ms.saturating_sub(self.shown_ms);
            self.shown_ms = self.shown_ms.max(ms);
            if after_ms > 0 {
                time = figures::duration(after_ms);
            }
            // Inside a body the line itself is marked.
            if self.found.contains_key(&row) && !html.starts_with("<details") {
                found = " found";
            }
        }
        writeln!(
            self.out,
            "<tr class=\"{class}{found}\"{anchor}><td>{number}</td><td>{time}</td><th scope=\"row\">\
             <span aria-hidden=\"true\">{mark}</span><span class=\"unseen\">{name}</span></th><td>{html}</td></tr>"
        )
    }
}

impl HtmlLine {
    fn new(side: Side, role: Role, moment: Moment) -> Self {
        let is_status = matches!(role, Role::Greeting | Role::Status);
        Self {
            side,
            moment,
            html: String::new(),
            column: 0,
            octets: 0,
            left_out: 0,
            // Its first octets decide its colour.
            word: is_status.then_some(Highlight::Plain),
        }
    }

    fn add(&mut self, role: Role, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => match self.word {
                    Some(highlight) => {
                        let highlight = match highlight {
                            Highlight::Plain => Highlight::of(Status::of_line(octets)),
                            highlight => highlight,
                        };
                        let word = memchr::memchr(b' ', octets).unwrap_or(octets.len());
                        let (word, rest) = octets.split_at(word);
                        self.word = rest.is_empty().then_some(highlight);
                        self.octets(class(highlight), word);
                        self.octets("", rest);
                    }
                    None if role == Role::Terminator => self.octets("d", octets),
                    None => self.octets("", octets),
                },
                Piece::Hole(missing) => {
                    self.word = None;
                    self.html.push_str(hole(missing));
                }
            }
        }
    }

    fn octets(&mut self, class: &str, octets: &[u8]) {
        let room = LINE_SHOWN.saturating_sub(self.octets);
        let shown = octets.get(..room).unwrap_or(octets);
        self.left_out += octets.len() - shown.len();
        self.octets += shown.len();
        if shown.is_empty() {
            return;
        }
        let mut text = String::new();
        self.column = escape::escape_within(shown, self.column..usize::MAX, &mut text);
        if class.is_empty() {
            return markup(&text, &mut self.html);
        }
        let _ = write!(self.html, "<span class=\"{class}\">");
        markup(&text, &mut self.html);
        self.html.push_str("</span>");
    }
}

fn class(highlight: Highlight) -> &'static str {
    match highlight {
        Highlight::Positive => "good",
        Highlight::Negative => "bad",
        Highlight::Odd => "odd",
        _ => "",
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    markup(&safe(text), &mut escaped);
    escaped
}
