//! Poptalk's own words on standard error, for scripts and for what goes wrong before and after a
//! console.

pub(crate) mod differences;
pub(crate) mod findings;

use std::time::Duration;

use crate::base::figures;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::Paint;
use crate::net::engine::{CloseReason, Notice};
use crate::net::wrong_service::SILENT_HINT;
use crate::pop3::tracker::Awaited;

pub(crate) fn news(news: &Notice) {
    for (paint, text) in lines(news) {
        match paint {
            Paint::Negative => say::error(&text, None),
            Paint::Warning => say::warning(&text),
            // As after an error.
            _ if text.starts_with("hint: ") => stdio::say(&format!("{}\n", say::shown(&text))),
            _ => say::note(&text),
        }
    }
}

/// What to do when a server sends more than the limit.
pub(crate) const MORE_HINT: &str = "--max-size SIZE sets a higher limit";

pub(crate) fn lines(news: &Notice) -> Vec<(Paint, String)> {
    match news {
        Notice::HeaderSent(_) => Vec::new(),
        Notice::Tls(facts) => {
            let paint = if facts.is_doubtful() { Paint::Warning } else { Paint::Note };
            vec![(paint, facts.line())]
        }
        Notice::TlsFailed(error) => {
            let mut lines = hinted(Paint::Negative, &error.what, error.hint.as_deref());
            // Before the hint, which belongs to the error.
            let said = error.said().into_iter().map(|said| (Paint::Note, said));
            lines.splice(1..1, said);
            lines
        }
        Notice::Silent(mistake) => hinted(Paint::Warning, &mistake.what, Some(mistake.hint)),
        Notice::NotPop3(greeting) => greeting.mistake().map_or_else(Vec::new, |mistake| {
            hinted(Paint::Warning, &mistake.what, Some(mistake.hint))
        }),
        Notice::NotReached(why) => vec![(Paint::Warning, format!("{why}; trying the next server"))],
        Notice::TimedOut(limit, awaited, last) => timed_out(*limit, awaited, last),
        Notice::KeptOpen(limit) => vec![(
            Paint::Warning,
            format!("the server has not closed the connection {} s after QUIT (RFC 1939 §6)", limit.as_secs_f64()),
        )],
        Notice::Unannounced => vec![(
            Paint::Note,
            "the server ended TLS without close_notify (RFC 8314 §3.4): nothing proves that all data has arrived".to_owned(),
        )],
        Notice::Ended(ending) => ended(ending),
        Notice::LogFailed(why) => {
            vec![(Paint::Warning, format!("the transcript can no longer be written: {why}; the session continues"))]
        }
        Notice::ShortSecret => vec![(
            Paint::Note,
            "secrets shorter than four octets are hidden only where typed, not when echoed".to_owned(),
        )],
    }
}

fn hinted(paint: Paint, what: &str, hint: Option<&str>) -> Vec<(Paint, String)> {
    let hint = hint.map(|hint| (Paint::Note, format!("hint: {hint}")));
    let what = std::iter::once((paint, what.to_owned()));
    what.chain(hint).collect()
}

fn timed_out(limit: Duration, awaited: &Awaited, last: &[u8]) -> Vec<(Paint, String)> {
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

fn ended(ending: &CloseReason) -> Vec<(Paint, String)> {
    match ending {
        CloseReason::ByClient | CloseReason::OutOfStep | CloseReason::TlsFailed => Vec::new(),
        CloseReason::Injected => vec![(
            Paint::Negative,
            "octets arrived between STLS and the TLS handshake, perhaps injected by an attacker; closed"
                .to_owned(),
        )],
        CloseReason::TooMuch(most) => {
            let size = figures::size(*most);
            let what = format!("the server sent more than {size}; closed");
            hinted(Paint::Negative, &what, Some(MORE_HINT))
        }
        ending if ending.is_loss() => vec![(Paint::Negative, ending.event().to_string())],
        ending => vec![(Paint::Note, ending.event().to_string())],
    }
}

/// Octets in hexadecimal, or `none`.
pub(crate) fn octets(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "none".to_owned();
    }
    let hex: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    hex.join(" ")
}

pub(crate) fn awaiting(awaited: &Awaited) -> String {
    match awaited {
        Awaited::Greeting => "the greeting".to_owned(),
        Awaited::Status(verb) => format!("the reply to {verb}"),
        Awaited::Terminator(verb) => format!("CRLF . CRLF, the end of the reply to {verb}"),
    }
}
