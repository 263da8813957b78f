//! Poptalk's own words on standard error, for scripts and for what goes wrong before and after a console.

pub mod differences;
pub mod findings;

use std::io::Write;

use owo_colors::Stream;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::figures;
use crate::base::stdio;
use crate::base::style::{ColorChoice, Paint, Style};
use crate::net::engine::{Ending, News};
use crate::net::mistake::SILENT_HINT;
use crate::pop3::tracker::Awaited;

/// An error, and what to do. One that shows a place in a file has several lines.
pub fn error(what: &str, hint: Option<&str>) {
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

/// Something to be aware of.
pub fn warning(what: &str) {
    let style = Style::new(ColorChoice::Auto, Stream::Stderr);
    let warning = style.paint(Paint::Warning, "warning");
    stdio::say(&format!("{warning}: {}\n", shown(what)));
}

/// Something worth knowing.
pub fn note(what: &str) {
    stdio::say(&format!("poptalk: {}\n", shown(what)));
}

/// A question; the answer is typed behind it.
pub fn question(what: &str) {
    stdio::say(&shown(what));
}

/// Lines of poptalk's own, as they are.
pub fn own(text: &str) {
    let lines = text.lines().map(|line| shown(line) + "\n");
    stdio::say(&lines.collect::<String>());
}

/// How a program ends that has printed what it was asked for, and would end with `exit`. A reader that has enough is no
/// failure; a disk that is full is.
#[must_use]
pub fn written(result: &std::io::Result<()>, exit: Exit) -> Exit {
    // What waits for the end of a line is to arrive as well.
    let flushed = stdio::output().flush();
    match result.as_ref().err().or(flushed.as_ref().err()) {
        Some(failure) if failure.kind() != std::io::ErrorKind::BrokenPipe => {
            let what = format!("standard output: {}", crate::net::dial::plain(failure));
            error(&what, Some("print to a place that can be written to"));
            Exit::Usage
        }
        _ => exit,
    }
}

/// What happened on a connection.
pub fn news(news: &News) {
    for (paint, text) in lines(news) {
        match paint {
            Paint::Negative => error(&text, None),
            Paint::Warning => warning(&text),
            // As behind an error.
            _ if text.starts_with("hint: ") => stdio::say(&format!("{}\n", shown(&text))),
            _ => note(&text),
        }
    }
}

/// What to do where a server sends more than is taken.
pub const MORE_HINT: &str = "--max-size SIZE takes more";

/// What happened on a connection, as lines for people.
#[must_use]
pub fn lines(news: &News) -> Vec<(Paint, String)> {
    let hinted = |paint, what: &str, hint: Option<&str>| {
        let hint = hint.map(|hint| (Paint::Note, format!("hint: {hint}")));
        std::iter::once((paint, what.to_owned()))
            .chain(hint)
            .collect()
    };
    match news {
        News::Tls(facts) => {
            let paint = if facts.doubt.is_some() { Paint::Warning } else { Paint::Note };
            vec![(paint, facts.line())]
        }
        News::TlsFailed(error) => {
            let mut lines: Vec<_> = hinted(Paint::Negative, &error.what, error.hint.as_deref());
            // Before the hint, which belongs to the error.
            let said = error.said().into_iter().map(|said| (Paint::Note, said));
            lines.splice(1..1, said);
            lines
        }
        News::Silent(mistake) => hinted(Paint::Warning, &mistake.what, Some(mistake.hint)),
        News::NotPop3(greeting) => greeting.mistake().map_or_else(Vec::new, |mistake| {
            hinted(Paint::Warning, &mistake.what, Some(mistake.hint))
        }),
        News::NotReached(why) => vec![(Paint::Warning, format!("{why}; the next server is tried"))],
        News::TimedOut(limit, awaited, last) => {
            let what = format!(
                "no reply for {} s, awaiting {}, last octets {}",
                limit.as_secs_f64(),
                awaiting(awaited),
                octets(last)
            );
            let hint = match awaited {
                Awaited::Greeting if last.is_empty() => SILENT_HINT,
                _ => "--timeout SECONDS waits longer",
            };
            hinted(Paint::Negative, &what, Some(hint))
        }
        News::KeptOpen(limit) => vec![(
            Paint::Warning,
            format!("the server has not closed {} s after QUIT (RFC 1939 §6)", limit.as_secs_f64()),
        )],
        News::Unannounced => vec![(
            Paint::Note,
            "the server ended TLS without close_notify (RFC 8314 §3.4): nothing proves that all has come".to_owned(),
        )],
        News::Ended(ending) => match ending {
            Ending::ByClient | Ending::OutOfStep | Ending::TlsFailed => Vec::new(),
            Ending::Injected => vec![(
                Paint::Negative,
                "octets came between STLS and the TLS handshake: somebody may have put them there; closed".to_owned(),
            )],
            Ending::TooMuch(most) => {
                let what = format!("more than {} came from the server; closed", figures::size(*most));
                hinted(Paint::Negative, &what, Some(MORE_HINT))
            }
            ending if ending.is_loss() => vec![(Paint::Negative, ending.event())],
            ending => vec![(Paint::Note, ending.event())],
        },
        News::LogFailed(why) => {
            vec![(Paint::Warning, format!("the transcript can't be written any more: {why}; the session goes on"))]
        }
        News::ShortSecret => vec![(
            Paint::Note,
            "a secret of less than four octets is hidden where it is typed, not where it comes back".to_owned(),
        )],
    }
}

/// Octets in hexadecimal, or `none`.
#[must_use]
pub fn octets(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "none".to_owned();
    }
    let hex: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    hex.join(" ")
}

/// What is awaited, in words.
#[must_use]
pub fn awaiting(awaited: &Awaited) -> String {
    match awaited {
        Awaited::Greeting => "the greeting".to_owned(),
        Awaited::Status(verb) => format!("the reply to {verb}"),
        Awaited::Terminator(verb) => format!("CRLF . CRLF, the end of the reply to {verb}"),
    }
}

/// A text that is safe for a terminal, on one line.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    escape::escape(text.as_bytes(), &mut shown);
    shown
}
