//! Poptalk's own words on standard error: errors, warnings, notes.

use std::io::Write;

use owo_colors::Stream;

use super::exit::Exit;
use super::style::{ColorChoice, Paint, Style};
use super::{escape, io_error, stdio};

/// An error, and what to do. One that shows a place in a file has several lines.
pub(crate) fn error(what: &str, hint: Option<&str>) {
    let style = Style::new(ColorChoice::Auto, Stream::Stderr);
    let mut lines = what.lines();
    let first = shown(lines.next().unwrap_or_default());
    let mut text = format!("{}: {first}\n", style.paint(Paint::Negative, "error"));
    for line in lines {
        text += &format!("{}\n", shown(line));
    }
    if let Some(hint) = hint {
        text += &format!("hint: {}\n", shown(hint));
    }
    stdio::say(&text);
}

pub(crate) fn warning(what: &str) {
    let style = Style::new(ColorChoice::Auto, Stream::Stderr);
    let warning = style.paint(Paint::Warning, "warning");
    stdio::say(&format!("{warning}: {}\n", shown(what)));
}

pub(crate) fn note(what: &str) {
    stdio::say(&format!("poptalk: {}\n", shown(what)));
}

/// A question; the answer is typed after it.
pub(crate) fn question(what: &str) {
    stdio::say(&shown(what));
}

pub(crate) fn own(text: &str) {
    let lines = text.lines().map(|line| shown(line) + "\n");
    stdio::say(&lines.collect::<String>());
}

/// How a program ends that has printed what it was asked for, and would end with `exit`. A reader
/// that has enough is no failure; a disk that is full is.
pub(crate) fn written(result: &std::io::Result<()>, exit: Exit) -> Exit {
    // What is buffered until the end of a line must arrive too.
    let flushed = stdio::output().flush();
    match result.as_ref().err().or(flushed.as_ref().err()) {
        Some(failure) if failure.kind() != std::io::ErrorKind::BrokenPipe => {
            let what = format!("standard output: {}", io_error::plain(failure));
            error(
                &what,
                Some("redirect the output to a place that can be written to"),
            );
            Exit::Usage
        }
        _ => exit,
    }
}

/// A text that is safe for a terminal, on one line.
pub(crate) fn shown(text: &str) -> String {
    escape::escaped(text.as_bytes())
}
