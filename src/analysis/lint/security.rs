//! What can harm people although no RFC forbids it, or although no single document covers it.

use super::{Check, ExchangeSeen, LineRole, Rule};
use crate::analysis::finding::Level::{Info, Security, Should};
use crate::pop3::session::Phase;

/// The number of octets shown before a control octet.
const BEFORE_CONTROL: usize = 32;

/// Mechanisms that send the secret itself.
pub(super) fn is_plain(name: &str) -> bool {
    crate::pop3::sasl::Mechanism::named(name).is_some_and(|row| row.is_plain)
}

/// CR and 0 have their own rules, and TAB is harmless.
fn is_control(octet: u8) -> bool {
    matches!(octet, 1..=8 | 11 | 12 | 14..=31 | 127)
}

/// Whether UTF-8 text has control characters other than TAB; CR and 0 have their own rules.
fn has_control(text: &[u8]) -> bool {
    text.iter().copied().any(is_control) || has_c1(text)
}

/// Whether UTF-8 text has control characters of two octets.
fn has_c1(text: &[u8]) -> bool {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    std::str::from_utf8(text).is_ok_and(|text| text.chars().any(is_c1))
}

/// The position of the first control octet.
fn first_control(text: &[u8]) -> Option<usize> {
    let c0 = text.iter().copied().position(is_control);
    // In UTF-8 the C1 controls are two octets.
    let is_c1 = |pair: &[u8]| matches!(pair, [0xc2, 0x80..=0x9f]);
    let c1 = text.windows(2).position(is_c1);
    c0.into_iter().chain(c1).min()
}

/// The octets of a line from shortly before the first control octet, since only the start of a line
/// is shown.
fn near_control(text: &[u8]) -> &[u8] {
    let first = first_control(text).unwrap_or_default();
    text.get(first.saturating_sub(BEFORE_CONTROL)..)
        .unwrap_or(text)
}

/// The site of a status line that has control octets.
fn controlled(ended: &ExchangeSeen<'_>, what: &str) -> Option<super::Site> {
    let is_text =
        ended.exchange.sent.is_some() && super::words::after_status(ended.status).is_some();
    (is_text && has_control(ended.status)).then(|| super::Site {
        octets: near_control(ended.status).to_vec(),
        ..ended.spot(what)
    })
}

/// Whether the command also contains the control octets of the status line, with everything between
/// the first and the last, ignoring case.
fn is_control_echoed(ended: &ExchangeSeen<'_>) -> bool {
    let first = first_control(ended.status);
    let last = ended.status.iter().rposition(|octet| is_control(*octet));
    // Controls of two octets are not looked for in the command: a superfluous security finding is
    // better than a missing one.
    let echo = first
        .zip(last)
        .and_then(|(first, last)| ended.status.get(first..=last));
    let Some(echo) = echo.filter(|_| !has_c1(ended.status)) else {
        return false;
    };
    let mut parts = ended.command.windows(echo.len().max(1));
    parts.any(|part| part.eq_ignore_ascii_case(echo))
}

/// Whether a text has a number with a dot inside, such as a version or an address.
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
    // RFC 2449 §3: a status line is printable text. Anything else may control a terminal.
    Rule {
        id: "control-bytes",
        level: Security,
        source: "RFC 2449 §3",
        says: "status lines and listings must be printable text",
        hint: "control octets can drive a terminal: clients must not display them raw, and servers must not send them",
        check: &[
            Check::Line(|seen, context| {
                let is_text =
                    seen.role.is_servers() && !seen.is_tls_record() && !context.is_data(seen);
                // A reply is compared with its command below.
                let is_reply = seen.role == LineRole::Status
                    && seen.sent.is_some()
                    && seen.after_status().is_some();
                (is_text && !is_reply && has_control(seen.text)).then(|| super::Site {
                    octets: near_control(seen.text).to_vec(),
                    ..seen.spot("the line has control octets")
                })
            }),
            Check::Exchange(|ended, _| {
                let is_own = !is_control_echoed(ended);
                controlled(ended, "the line has control octets").filter(|_| is_own)
            }),
        ],
    },
    // RFC 2449 §3: an echo of the client's own octets reaches only that client, which knows what it
    // sent.
    // Seen: Dovecot, Twisted.
    Rule {
        id: "control-bytes-echoed",
        level: Should,
        source: "RFC 2449 §3",
        says: "a reply should not repeat control octets of the command",
        hint: "the octets are the client's own, but the server should omit unprintable octets from its replies",
        check: &[Check::Exchange(|ended, _| {
            let is_echoed = is_control_echoed(ended);
            controlled(ended, "the reply repeats control octets of the command")
                .filter(|_| is_echoed)
        })],
    },
    // RFC 2449 §10: a banner helps attackers.
    Rule {
        id: "greeting-leaks",
        level: Info,
        source: "RFC 2449 §10",
        says: "the greeting should not show versions or addresses",
        hint: "harmless, but it helps attackers find outdated servers: keep the greeting plain",
        check: &[Check::Line(|seen, _| {
            let text = seen
                .plain_text()
                .filter(|_| seen.role == LineRole::Greeting && seen.text.starts_with(b"+OK"))?;
            let text = text.split('<').next().unwrap_or_default();
            seen.when(
                has_version(text),
                "the greeting shows a version or an address",
            )
        })],
    },
    // RFC 2449 §6.9: IMPLEMENTATION may be omitted before login.
    Rule {
        id: "implementation-leaks",
        level: Info,
        source: "RFC 2449 §6.9, §10",
        says: "the server should not show its version before login",
        hint: "harmless, but it helps attackers find outdated servers: list IMPLEMENTATION only after login",
        check: &[Check::Line(|seen, context| {
            let line = seen
                .capability()
                .filter(|_| context.session.is_authorization())?
                .to_ascii_uppercase();
            let is_told = line.starts_with("IMPLEMENTATION ") && has_version(&line);
            seen.when(is_told, "CAPA shows a version before login")
        })],
    },
    // RFC 2595 §2.3, RFC 5034 §4, RFC 8314 §4.1: no password in cleartext.
    Rule {
        id: "plaintext-auth-offered",
        level: Security,
        source: "RFC 2595 §2.3, RFC 5034 §4, RFC 8314 §4.1",
        says: "a server should accept passwords only inside TLS",
        hint: "turn off cleartext logins and require STLS, or close port 110",
        check: &[
            Check::Line(|seen, context| {
                let line = seen
                    .capability()
                    .filter(|_| context.is_in_clear() && context.session.phase() == Phase::First)?
                    .to_ascii_uppercase();
                let mut words = line.split_ascii_whitespace();
                let is_offered = match words.next() {
                    Some("USER") => true,
                    Some("SASL") => words.any(is_plain),
                    _ => false,
                };
                seen.when(is_offered, "the server offers a cleartext login")
            }),
            // Without CAPA, the reply to USER shows it: the client's next line is the password.
            Check::Exchange(|ended, context| {
                let is_taken =
                    ended.verb == "USER" && ended.is_ok() && context.session.is_authorization();
                let is_untold =
                    context.session.is_capa_refused && context.session.last_announced().is_none();
                ended.when(
                    is_taken && is_untold && context.is_in_clear(),
                    "the server accepted USER without TLS",
                )
            }),
        ],
    },
];
