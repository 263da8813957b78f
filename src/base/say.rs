//! Poptalk's own words on standard error: errors, warnings, notes.

use std::io::Write;

use owo_colors::Stream;

use super::exit::Exit;
use super::style::{ColorChoice, Paint, Style};
use super::{escape, io_error, stdio, wrap};

/// An error, and what to do. One that shows a place in a file has several lines.
pub(crate) fn error(what: &str, hint: Option<&str>) {
    let mut lines = what.lines();
    let mut text = labelled("error", Paint::Negative, lines.next().unwrap_or_default());
    // These show a place in a file, with a mark below it.
    for line in lines {
        text += &format!("{}\n", shown(line));
    }
    if let Some(hint) = hint {
        text += &in_rows(&format!("hint: {hint}"));
    }
    stdio::say(&text);
}

pub(crate) fn warning(what: &str) {
    stdio::say(&labelled("warning", Paint::Warning, what));
}

/// A message with a coloured label before it.
fn labelled(label: &str, paint: Paint, what: &str) -> String {
    let style = Style::new(ColorChoice::Auto, Stream::Stderr);
    let text = in_rows(&format!("{label}: {what}"));
    let rest = text.strip_prefix(label).unwrap_or_default();
    format!("{}{rest}", style.paint(paint, label))
}

/// A line made safe, in rows of the terminal that standard error is.
fn in_rows(line: &str) -> String {
    wrap::wrapped(&shown(line), stdio::error_columns()) + "\n"
}

/// A line of poptalk's own for standard output, in rows of the terminal that it is.
pub(crate) fn for_output(line: &str) -> String {
    wrap::wrapped(line, stdio::output_columns())
}

pub(crate) fn note(what: &str) {
    stdio::say(&in_rows(&format!("poptalk: {what}")));
}

/// A question; the answer is typed after it.
pub(crate) fn question(what: &str) {
    stdio::say(&shown(what));
}

pub(crate) fn own(text: &str) {
    let lines = text.lines().map(in_rows);
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
