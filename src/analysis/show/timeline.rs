//! Shows where the time went: a waterfall of exchanges, with dots for waiting and `=` for the
//! transfer. It is complete without colour.

use std::io;

use super::timing::{ExchangeTime, Totals};
use super::{Canvas, Highlight};
use crate::base::figures;
use crate::pop3::tracker::Status;

const NAME: usize = 17;

const FIGURES: usize = NAME + 38;

const BARS: std::ops::RangeInclusive<usize> = 10..=200;

#[derive(Debug)]
pub(crate) struct Timeline<C> {
    canvas: C,
    columns: usize,
    /// The milliseconds that all columns represent.
    all_ms: u64,
}

impl<C: Canvas> Timeline<C> {
    /// Returns a timeline for a screen of `columns`; `totals` cover all the exchanges that will
    /// follow.
    pub(crate) fn new(mut canvas: C, columns: usize, totals: &Totals) -> io::Result<Self> {
        let columns = columns
            .saturating_sub(FIGURES)
            .clamp(*BARS.start(), *BARS.end());
        let head = format!(
            "{:NAME$}   {:columns$} {:>6} {:>6} {:>10} {:>9}",
            "", "", "wait", "data", "octets", "rate"
        );
        canvas.text(Highlight::Note, &head)?;
        canvas.end_line()?;
        Ok(Self {
            canvas,
            columns,
            all_ms: totals.busy_ms().max(1),
        })
    }

    pub(crate) fn lap(&mut self, lap: &ExchangeTime) -> io::Result<()> {
        let (mark, highlight) = match lap.status {
            Some(status @ Status::Positive) => ('+', Highlight::of(status)),
            Some(status @ Status::Negative) => ('-', Highlight::of(status)),
            Some(status @ Status::Malformed) => ('?', Highlight::of(status)),
            None => ('!', Highlight::Negative),
        };
        let answered = lap.start_ms.saturating_add(lap.wait_ms);
        let over = answered.saturating_add(lap.transfer_ms);
        let first = self.column(lap.start_ms).min(self.columns - 1);
        let middle = self.edge(first, lap.start_ms, answered);
        let last = self.edge(middle, answered, over);
        self.canvas.text(Highlight::Plain, &name(&lap.name))?;
        self.canvas.text(Highlight::Plain, " ")?;
        self.canvas.text(highlight, &mark.to_string())?;
        let blank = |columns: usize| " ".repeat(columns);
        self.canvas.text(Highlight::Plain, &blank(1 + first))?;
        self.canvas
            .text(Highlight::Odd, &".".repeat(middle - first))?;
        self.canvas
            .text(Highlight::Positive, &"=".repeat(last - middle))?;
        let rate = match lap.transfer_ms {
            0 => String::new(),
            ms => rate(lap.data_octets, ms),
        };
        let figures = format!(
            "{} {:>6} {:>6} {:>10} {rate:>9}",
            blank(self.columns - last),
            milliseconds(lap.wait_ms),
            milliseconds(lap.transfer_ms),
            figures::count(lap.octets),
        );
        self.canvas.text(Highlight::Plain, figures.trim_end())?;
        self.canvas.end_line()
    }

    pub(crate) fn finish(mut self, totals: &Totals) -> io::Result<C> {
        for line in lines(totals) {
            self.canvas.text(Highlight::Plain, &line)?;
            self.canvas.end_line()?;
        }
        Ok(self.canvas)
    }

    fn column(&self, ms: u64) -> usize {
        let column = u128::from(ms) * self.columns as u128 / u128::from(self.all_ms);
        usize::try_from(column).unwrap_or(self.columns)
    }

    /// The column at which a period ends that is drawn from the column `from`. A period longer than
    /// zero is always visible.
    fn edge(&self, from: usize, start_ms: u64, end_ms: u64) -> usize {
        let seen = from + usize::from(end_ms > start_ms);
        self.column(end_ms).max(seen).min(self.columns)
    }
}

/// A name in [`NAME`] columns.
fn name(name: &str) -> String {
    let mut shown = String::new();
    let mut columns = 0;
    for c in name.chars() {
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if columns + width > NAME {
            // The start identifies the exchange.
            shown.pop();
            while unicode_width::UnicodeWidthStr::width(shown.as_str()) >= NAME {
                shown.pop();
            }
            shown.push('…');
            break;
        }
        columns += width;
        shown.push(c);
    }
    let columns = unicode_width::UnicodeWidthStr::width(shown.as_str());
    shown.push_str(&" ".repeat(NAME.saturating_sub(columns)));
    shown
}

/// Milliseconds in six columns: from 100 seconds on in seconds, from 100,000 seconds on in hours.
fn milliseconds(ms: u64) -> String {
    match ms {
        0..100_000 => ms.to_string(),
        100_000..100_000_000 => format!("{} s", ms / 1000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

/// Octets a second, in nine columns.
fn rate(octets: u64, ms: u64) -> String {
    let mut rate = octets as f64 * 1000.0 / ms as f64;
    for unit in ["B/s", "kB/s", "MB/s"] {
        if rate < 999.5 {
            let digits = usize::from(rate < 99.95 && unit != "B/s");
            return format!("{rate:.digits$} {unit}");
        }
        rate /= 1000.0;
    }
    format!("{rate:.1} GB/s")
}

fn lines(totals: &Totals) -> Vec<String> {
    let count = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{} {one}s", figures::count(count)),
    };
    let mut first = count(totals.exchanges, "exchange");
    if totals.refused > 0 {
        first.push_str(&format!(", {} refused (-)", figures::count(totals.refused)));
    }
    if totals.unanswered > 0 {
        first.push_str(&format!(
            ", {} without a complete reply (!)",
            figures::count(totals.unanswered)
        ));
    }
    let octets = format!(
        "{} octets received, {} sent{}",
        figures::count(totals.server_octets),
        figures::count(totals.client_octets),
        if totals.has_holes {
            ", holes not counted"
        } else {
            ""
        }
    );
    let mut lines = vec![String::new(), first, octets];
    let connect = match totals.has_tls_first {
        true => "up to the greeting, including TLS",
        false => "up to the greeting",
    };
    let tls = match totals.is_tls_timed {
        true => "from +OK to STLS to the end of the handshake",
        false => "from +OK to STLS to the next command",
    };
    let times = [
        ("connect", totals.connect_ms, connect),
        ("TLS", totals.tls_ms, tls),
        ("wait", totals.wait_ms, "(.) for status lines"),
        ("transfer", totals.transfer_ms, "(=) of data"),
        ("client", totals.idle_ms, "client pauses, not in the bars"),
        ("total", totals.all_ms(), ""),
    ];
    for (name, ms, what) in times {
        // Most recordings have no STLS.
        if name != "TLS" || ms > 0 {
            let time = figures::duration(ms);
            lines.push(format!("{name:<9}{time:>12}  {what}").trim_end().to_owned());
        }
    }
    if let Some((name, ms)) = &totals.slowest {
        lines.push(format!("slowest: {name}, {}", figures::duration(*ms)));
    }
    lines
}
