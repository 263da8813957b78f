//! Where the time went: a line an exchange, with a bar for the wait and one for the transfer.

use std::fmt::Write;

use crate::dialogue::Exchange;
use crate::style::{Paint, Style};

/// How many columns the name of an exchange has.
const NAME: usize = 22;

/// How many columns the figures have.
const FIGURES: usize = 30;

/// Draws exchanges as they come; totals at the end.
#[derive(Debug)]
pub struct Timeline {
    style: Style,
    bar: usize,
    /// Milliseconds a column.
    scale: f64,
    waited: u64,
    transferred: u64,
    octets: u64,
    exchanges: u64,
    slowest: (u64, String),
}

impl Timeline {
    /// For a terminal of `columns`; the longest exchange takes `longest_ms`.
    #[must_use]
    pub fn new(style: Style, columns: usize, longest_ms: u64) -> Self {
        let bar = columns.saturating_sub(NAME + FIGURES).clamp(10, 120);
        Self {
            style,
            bar,
            // A column is one millisecond at least.
            scale: (longest_ms as f64 / bar as f64).max(1.0),
            waited: 0,
            transferred: 0,
            octets: 0,
            exchanges: 0,
            slowest: (0, String::new()),
        }
    }

    /// The line for an exchange, `transfer_ms` from its status line to its end.
    pub fn line(&mut self, exchange: &Exchange, transfer_ms: u64) -> String {
        let (wait, transfer) = (exchange.reply_ms.unwrap_or(0), transfer_ms);
        let data = exchange.data.as_ref().map_or(0, |data| data.octets);
        let status = exchange.status_line.as_ref().map_or(0, |line| line.octets);
        let octets = data + status;
        self.waited += wait;
        self.transferred += transfer;
        self.octets += octets;
        self.exchanges += 1;
        let name = super::safe(&exchange.name());
        if wait + transfer >= self.slowest.0 {
            self.slowest = (wait + transfer, name.clone());
        }
        let columns = |ms: u64| {
            let columns = (ms as f64 / self.scale).ceil();
            if ms == 0 {
                0
            } else {
                (columns as usize).clamp(1, self.bar)
            }
        };
        let (waits, transfers) = (columns(wait), columns(transfer));
        let transfers = transfers.min(self.bar.saturating_sub(waits));
        let blank = " ".repeat(self.bar.saturating_sub(waits + transfers));
        let name: String = name.chars().take(NAME - 1).collect();
        format!(
            "{name:<NAME$}{}{}{blank} {:>7} ms {:>9} octets\n",
            self.style.paint(Paint::Warning, &".".repeat(waits)),
            self.style.paint(Paint::Positive, &"=".repeat(transfers)),
            wait + transfer,
            octets
        )
    }

    /// What it comes to.
    #[must_use]
    pub fn totals(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{} exchanges: waiting for replies (.) {} ms, transfer (=) {} ms, {} octets of the server",
            self.exchanges, self.waited, self.transferred, self.octets
        );
        if self.slowest.0 > 0 {
            let _ = writeln!(text, "slowest: {}, {} ms", self.slowest.1, self.slowest.0);
        }
        text
    }
}
