//! What can harm somebody although no RFC forbids it, or although it is not a matter of one document.

use super::{Check, ExchangeSeen, LineRole, Rule};
use crate::analysis::finding::Level::{Info, Security, Should};
use crate::pop3::session::Phase;

/// How many octets before a control octet are shown.
const BEFORE_CONTROL: usize = 32;

/// Mechanisms that send the secret itself.
pub(super) fn is_plain(name: &str) -> bool {
    crate::pop3::sasl::Mechanism::named(name).is_some_and(|row| row.is_plain)
}

/// CR and 0 are other rules', and TAB is harmless.
fn is_control(octet: u8) -> bool {
    matches!(octet, 1..=8 | 11 | 12 | 14..=31 | 127)
}

/// Whether a text of UTF-8 has control characters other than TAB; CR and 0 are other rules'.
fn has_control(text: &[u8]) -> bool {
    text.iter().copied().any(is_control) || has_c1(text)
}

/// Whether a text of UTF-8 has the control characters of two octets.
fn has_c1(text: &[u8]) -> bool {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    std::str::from_utf8(text).is_ok_and(|text| text.chars().any(is_c1))
}

/// Where the first control octet stands.
fn first_control(text: &[u8]) -> Option<usize> {
    let c0 = text.iter().copied().position(is_control);
    // In UTF-8 the C1 controls are two octets.
    let is_c1 = |pair: &[u8]| matches!(pair, [0xc2, 0x80..=0x9f]);
    let c1 = text.windows(2).position(is_c1);
    c0.into_iter().chain(c1).min()
}

/// The octets of a line from a little before the first control octet: what is shown of a line is its start.
fn near_control(text: &[u8]) -> &[u8] {
    let first = first_control(text).unwrap_or_default();
    text.get(first.saturating_sub(BEFORE_CONTROL)..)
        .unwrap_or(text)
}

/// The spot of a status line that has control octets.
fn controlled(ended: &ExchangeSeen<'_>, what: &str) -> Option<super::Site> {
    let is_text =
        ended.exchange.sent.is_some() && super::words::behind_status(ended.status).is_some();
    (is_text && has_control(ended.status)).then(|| super::Site {
        octets: near_control(ended.status).to_vec(),
        ..ended.spot(what)
    })
}

/// Whether the control octets of a status line, with all between the first and the last, stand in the command as well, in any case
/// of the letters.
fn is_control_echoed(ended: &ExchangeSeen<'_>) -> bool {
    let first = first_control(ended.status);
    let last = ended.status.iter().rposition(|octet| is_control(*octet));
    // Controls of two octets are not looked for in the command: a security finding too many is better than one too few.
    let echo = first
        .zip(last)
        .and_then(|(first, last)| ended.status.get(first..=last));
    let Some(echo) = echo.filter(|_| !has_c1(ended.status)) else {
        return false;
    };
    let mut parts = ended.command.windows(echo.len().max(1));
    parts.any(|part| part.eq_ignore_ascii_case(echo))
}

/// Whether a text has a number with a dot inside, such as of a version or an address.
fn has_version(text: &str) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut parts = text.split('.').peekable();
    while let Some(part) = parts.next() {
        if let Some(next) = parts.peek()
            && is_digit(part.chars().last())
            && is_digit(next.chars().next())
        {
            return true;
        }
    }
    false
}

pub(super) const RULES: &[Rule] = &[
    // RFC 2449 §3: a status line is printable text. What is not may drive a terminal.
    Rule {
        id: "control-bytes",
        level: Security,
        source: "RFC 2449 §3",
        says: "status lines and listings are printable text",
        hint: "never show them raw: such octets can drive a terminal; the server must send printable text",
        check: &[
            Check::Line(|heard, known| {
                let is_text =
                    heard.role.is_servers() && !heard.is_tls_record() && !known.is_data(heard);
                // A reply is looked at beside its command.
                let is_reply = heard.role == LineRole::Status
                    && heard.sent.is_some()
                    && heard.behind_status().is_some();
                (is_text && !is_reply && has_control(heard.text)).then(|| super::Site {
                    octets: near_control(heard.text).to_vec(),
                    ..heard.spot("control octets in the line")
                })
            }),
            Check::Exchange(|ended, _| {
                let is_own = !is_control_echoed(ended);
                controlled(ended, "control octets in the line").filter(|_| is_own)
            }),
        ],
    },
    // RFC 2449 §3: what comes back of a client's own octets reaches that client alone, which knows what it sent.
    // Seen: Dovecot, Twisted.
    Rule {
        id: "control-bytes-echoed",
        level: Should,
        source: "RFC 2449 §3",
        says: "a reply does not repeat control octets of the command",
        hint: "only the client's own octets come back: the server should leave out of its replies what is not printable",
        check: &[Check::Exchange(|ended, _| {
            let is_echoed = is_control_echoed(ended);
            controlled(ended, "control octets of the command come back").filter(|_| is_echoed)
        })],
    },
    // RFC 2449 §10: what a banner tells helps attackers.
    Rule {
        id: "greeting-leaks",
        level: Info,
        source: "RFC 2449 §10",
        says: "the greeting tells neither versions nor addresses",
        hint: "harmless, and it helps who looks for old servers: make the greeting plain",
        check: &[Check::Line(|heard, _| {
            let text = heard
                .plain_text()
                .filter(|_| heard.role == LineRole::Greeting && heard.text.starts_with(b"+OK"))?;
            let text = text.split('<').next().unwrap_or_default();
            heard.when(has_version(text), "a version or an address in the greeting")
        })],
    },
    // RFC 2449 §6.9: IMPLEMENTATION may be left out before the login.
    Rule {
        id: "implementation-leaks",
        level: Info,
        source: "RFC 2449 §6.9, §10",
        says: "the version is told to nobody before the login",
        hint: "harmless, and it helps who looks for old servers: list IMPLEMENTATION behind the login only",
        check: &[Check::Line(|heard, known| {
            let line = heard
                .capability()
                .filter(|_| known.session.is_authorization())?
                .to_ascii_uppercase();
            let is_told = line.starts_with("IMPLEMENTATION ") && has_version(&line);
            heard.when(is_told, "a version before the login")
        })],
    },
    // RFC 2595 §2.3, RFC 5034 §4, RFC 8314 §4.1: no password in clear.
    Rule {
        id: "plaintext-auth-offered",
        level: Security,
        source: "RFC 2595 §2.3, RFC 5034 §4, RFC 8314 §4.1",
        says: "a server takes passwords inside TLS only",
        hint: "turn off cleartext logins and require STLS, or close port 110",
        check: &[
            Check::Line(|heard, known| {
                let line = heard
                    .capability()
                    .filter(|_| known.is_in_clear() && known.session.phase() == Phase::First)?
                    .to_ascii_uppercase();
                let mut words = line.split_ascii_whitespace();
                let is_offered = match words.next() {
                    Some("USER") => true,
                    Some("SASL") => words.any(is_plain),
                    _ => false,
                };
                heard.when(is_offered, "a cleartext login is offered")
            }),
            // Without CAPA, the reply to USER shows it: the next line of a client is the password.
            Check::Exchange(|ended, known| {
                let is_taken =
                    ended.verb == "USER" && ended.is_ok() && known.session.is_authorization();
                let is_untold =
                    known.session.is_capa_refused && known.session.last_announced().is_none();
                ended.when(
                    is_taken && is_untold && known.is_in_clear(),
                    "USER is accepted without TLS",
                )
            }),
        ],
    },
];
