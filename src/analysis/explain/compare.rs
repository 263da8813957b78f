//! Compares the CAPA replies of one session: what appeared, what disappeared, and what each change
//! means.

use super::{capabilities, indented, quoted};
use crate::analysis::help;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapaChange {
    Tls,
    Login,
}

/// A reply to CAPA: its name, what came before it, its lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CapaReply<'a> {
    pub(crate) when: &'a str,
    /// What happened between the previous reply and this one; if several things, the last.
    pub(crate) change: CapaChange,
    pub(crate) lines: &'a [String],
}

/// Explains the first reply line by line, then what each later one changed, in lines of at most
/// `width` columns.
pub(crate) fn compare(answers: &[CapaReply<'_>], width: usize) -> String {
    let width = width.clamp(20, super::WIDEST);
    let mut text = String::new();
    let mut before: Option<&CapaReply<'_>> = None;
    for answer in answers {
        match before {
            None => {
                text.push_str(&help::wrap(&format!("{}:", answer.when), width));
                for line in answer.lines {
                    text.push_str(&entry("", line, means(line), width));
                }
            }
            Some(before) => {
                let title = format!("{}, compared with {}:", answer.when, before.when);
                text.push_str(&help::wrap(&title, width));
                text.push_str(&differences(before.lines, answer, width));
            }
        }
        before = Some(answer);
    }
    text
}

fn differences(before: &[String], answer: &CapaReply<'_>, width: usize) -> String {
    let mut text = String::new();
    for line in answer.lines {
        match before
            .iter()
            .find(|old| tag(old).eq_ignore_ascii_case(tag(line)))
        {
            None => text.push_str(&entry(
                "appeared: ",
                line,
                &changed(line, answer.change),
                width,
            )),
            Some(old) if !old.eq_ignore_ascii_case(line) => {
                let what = format!("It was {}. {}", quoted(old), changed(line, answer.change));
                text.push_str(&entry("changed: ", line, &what, width));
            }
            Some(_) => {}
        }
    }
    for old in before {
        if !answer
            .lines
            .iter()
            .any(|line| tag(line).eq_ignore_ascii_case(tag(old)))
        {
            text.push_str(&entry(
                "disappeared: ",
                old,
                &changed(old, answer.change),
                width,
            ));
        }
    }
    if text.is_empty() {
        text.push_str("  nothing changed\n");
    }
    text
}

fn entry(what: &str, line: &str, means: &str, width: usize) -> String {
    let head = indented(&format!("{what}{}", quoted(line)), width);
    head + &indented(means, width - 2)
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect::<String>()
}

fn tag(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

fn means(line: &str) -> &'static str {
    capabilities::find(tag(line)).map_or("poptalk does not know this capability.", |row| row.means)
}

/// What a capability means, and what it means that it changed.
fn changed(line: &str, change: CapaChange) -> String {
    let why = capabilities::find(tag(line)).map_or("", |row| match change {
        CapaChange::Tls => row.tls,
        CapaChange::Login => row.login,
    });
    let why = match why {
        "" => "poptalk does not know why it changed.",
        why => why,
    };
    format!("{} {why}", means(line))
}
