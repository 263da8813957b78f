//! RFC 2449: CAPA.

use super::ExchangeSeen;
use super::predicates::{StartFault, fault};
use super::words::{has_tag, tag_of};
use super::{Check, Context, LineRole, List, Rule};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::session::Phase;
use crate::reading::dialogue::EventKind;

/// Tags that are registered with IANA.
const REGISTERED: &[&str] = &[
    "TOP",
    "USER",
    "SASL",
    "RESP-CODES",
    "LOGIN-DELAY",
    "PIPELINING",
    "EXPIRE",
    "UIDL",
    "IMPLEMENTATION",
    "STLS",
    "AUTH-RESP-CODE",
    "UTF8",
    "LANG",
];

fn is_registered(tag: &str) -> bool {
    REGISTERED
        .iter()
        .any(|known| known.eq_ignore_ascii_case(tag))
}

/// Whether a registered tag is joined to its parameter, or has a bad parameter.
fn is_malformed(line: &str) -> bool {
    malformed(line).is_some()
}

/// What is wrong with the tag of a capability, or with the parameter that it must have.
fn malformed(line: &str) -> Option<&'static str> {
    let tag = tag_of(line).to_ascii_uppercase();
    let first = line
        .split_ascii_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_ascii_uppercase();
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    match tag.as_str() {
        "EXPIRE" | "LOGIN-DELAY" if first.is_empty() => Some("the parameter is missing"),
        "EXPIRE" => (!is_number(&first) && first != "NEVER")
            .then_some("the parameter is neither a number nor NEVER"),
        "LOGIN-DELAY" => (!is_number(&first)).then_some("the parameter is not a number"),
        _ if is_registered(&tag) => None,
        _ => {
            let takes = ["EXPIRE", "LOGIN-DELAY", "SASL", "IMPLEMENTATION"];
            let glued = takes.iter().any(|known| tag.starts_with(known)) || tag.contains('.');
            let is_joined = glued
                || REGISTERED.iter().any(|known| {
                    tag.strip_prefix(known)
                        .is_some_and(|rest| rest.starts_with(['=', ':', ',']))
                });
            is_joined.then_some("the tag is malformed: text follows it without a space")
        }
    }
}

/// The registered tag that was probably meant.
fn meant(tag: &str) -> Option<&'static str> {
    let tag = tag.to_ascii_uppercase();
    if is_registered(&tag) || is_malformed(&tag) {
        return None;
    }
    if tag == "STARTTLS" {
        return Some("STLS");
    }
    let known = REGISTERED.iter().filter(|known| known.len() > 3);
    let mut known = known.filter(|known| {
        let is_start = tag.len() > 4 && known.starts_with(&tag);
        let most = known.len() / 3;
        let is_near = tag.len().abs_diff(known.len()) <= most;
        is_start || is_near && distance(known.as_bytes(), tag.as_bytes()) <= most
    });
    known.next().copied()
}

/// The number of octets to insert, delete or replace.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, a) in one.iter().enumerate() {
        let mut before = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (b, above) in other.iter().zip(row.iter().skip(1)) {
            left = (before + usize::from(a != b)).min(above + 1).min(left + 1);
            before = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The capability that announces a command.
pub(super) fn tag_for(verb: &str) -> Option<&'static str> {
    ["TOP", "UIDL", "STLS", "UTF8", "LANG", "USER"]
        .into_iter()
        .find(|tag| *tag == verb)
}

/// Whether a refusal says that the command does not exist, rather than that it cannot be carried
/// out now.
fn is_refused_as_such(ended: &ExchangeSeen<'_>, known: &Context) -> bool {
    let row = ended.exchange.sent.as_ref().and_then(|sent| sent.command());
    let is_place = match known.session.state {
        Some(crate::pop3::tracker::State::Authorization) => {
            row.is_some_and(|row| row.states.authorization)
        }
        Some(crate::pop3::tracker::State::Transaction) => {
            row.is_some_and(|row| row.states.transaction)
        }
        _ => false,
    };
    let is_there = match ended.number() {
        Some(message) => {
            known
                .counts
                .messages
                .is_some_and(|count| (1..=count).contains(&message))
                && !known.session.marked.contains(&message)
        }
        None => !ended.has_arguments(),
    };
    ended.is_err() && is_place && is_there && ended.code().is_none()
}

/// The tags that were announced in an earlier phase and are missing in this one.
fn lost(ended: &ExchangeSeen<'_>, known: &Context, phase: Phase) -> Option<Vec<String>> {
    let is_now = ended.verb == "CAPA"
        && ended.is_ok()
        && ended.is_complete()
        && known.session.phase() == phase;
    let earlier = Phase::ALL.into_iter().rev().filter(|other| *other < phase);
    let before = earlier
        .filter_map(|phase| known.session.announced(phase))
        .next()
        .filter(|_| is_now)?;
    if known.session.announced(phase).is_some() || known.listing.has_holes {
        return None;
    }
    let now = &known.listing.capabilities;
    let tags = before.iter().map(|line| tag_of(line).to_ascii_uppercase());
    Some(tags.filter(|tag| !has_tag(now, tag)).collect())
}

pub(super) const RULES: &[Rule] = &[
    // RFC 2449 §5: CAPA is optional, but required with STLS (RFC 2595 §4).
    Rule {
        id: "capa-unsupported",
        level: Info,
        source: "RFC 2449 §5",
        says: "CAPA should list what the server supports",
        hint: "the server may be old: a client must try each command",
        check: &[Check::Exchange(|ended, known| {
            let is_refused =
                ended.verb == "CAPA" && ended.is_err() && known.session.last_announced().is_none();
            ended.when(is_refused && !known.has_user(), "the server refused CAPA")
        })],
    },
    // RFC 2449 §5 allows CAPA in the AUTHORIZATION state; RFC 1939 §7 lets only PASS or QUIT follow
    // USER.
    Rule {
        id: "capa-refused-mid-login",
        level: Info,
        source: "RFC 1939 §7, RFC 2449 §5",
        says: "CAPA may also work between USER and PASS",
        hint: "harmless: RFC 1939 allows only PASS or QUIT after USER, so send CAPA before USER",
        check: &[Check::Exchange(|ended, known| {
            let is_refused = ended.verb == "CAPA" && ended.is_err() && known.has_user();
            ended.when(
                is_refused && known.session.last_announced().is_some(),
                "the server refused CAPA after USER",
            )
        })],
    },
    // RFC 2449 §5: the list of capabilities is a multi-line reply and ends with a dot.
    Rule {
        id: "capa-no-terminator",
        level: Must,
        source: "RFC 2449 §5",
        says: "the list of capabilities must end with a line that contains only a dot",
        hint: "clients wait indefinitely: the server must send the dot",
        check: &[Check::Exchange(|ended, known| {
            let is_open =
                ended.verb == "CAPA" && ended.is_ok() && !ended.is_complete() && !ended.has_gap();
            ended.when(
                is_open && known.now.event == Some(EventKind::TimedOut),
                "the list never ended",
            )
        })],
    },
    // RFC 2449 §5: a status line comes before the list.
    Rule {
        id: "capa-no-status",
        level: Must,
        source: "RFC 2449 §5",
        says: "the reply to CAPA must begin with +OK",
        hint: "the server must send +OK before the list",
        check: &[Check::Line(|heard, known| {
            heard.when(
                fault(heard, known) == Some(StartFault::CapaWithoutStatus),
                "the list has no status line",
            )
        })],
    },
    // RFC 2449 §3: a capability line has a tag.
    Rule {
        id: "capa-blank-lines",
        level: Should,
        source: "RFC 2449 §3",
        says: "the list of capabilities should not have empty lines",
        hint: "the server must not send an extra line end",
        check: &[Check::Line(|heard, _| {
            let is_capability =
                heard.role == LineRole::Listed(List::Capabilities) && !heard.has_holes;
            let is_blank = heard
                .text
                .iter()
                .all(|octet| matches!(octet, b' ' | b'\t' | b'\r'));
            heard.when(is_capability && is_blank, "the list has an empty line")
        })],
    },
    // RFC 2449 §5: a capability line has at most 512 octets.
    Rule {
        id: "capa-line-over-512",
        level: Must,
        source: "RFC 2449 §5",
        says: "a capability line must have at most 512 octets, including CRLF",
        hint: "the server must shorten the line",
        check: &[Check::Line(|heard, _| {
            let is_long = heard.role == LineRole::Listed(List::Capabilities) && heard.octets > 512;
            is_long.then(|| heard.spot(format!("the line has {} octets", heard.octets)))
        })],
    },
    // RFC 2449 §3, §6: a tag, then parameters, each after a space.
    Rule {
        id: "capa-malformed-tag",
        level: Must,
        source: "RFC 2449 §3, §6",
        says: "a capability line must be a tag and its parameters, separated by spaces",
        hint: "clients do not recognise this capability: correct the line on the server",
        check: &[Check::Line(|heard, known| {
            let what = malformed(heard.named_capability(known)?)?;
            Some(heard.spot(what))
        })],
    },
    // RFC 2449 §6: clients look for the registered tag.
    Rule {
        id: "capa-misspelled-tag",
        level: Should,
        source: "IANA, POP3 capabilities",
        says: "capabilities should be spelled as registered",
        hint: "clients do not recognise this name: the server must spell it as in the RFC",
        check: &[Check::Line(|heard, known| {
            let tag = tag_of(heard.named_capability(known)?);
            let known = meant(tag).filter(|_| !tag.starts_with(['X', 'x']))?;
            Some(heard.spot(format!("the server may mean the registered tag `{known}`")))
        })],
    },
    // RFC 2449 §6: tags that begin with X are for private use; others are registered.
    Rule {
        id: "capa-unregistered-tag",
        level: Info,
        source: "RFC 2449 §9",
        says: "the names of private capabilities should begin with X",
        hint: "harmless: clients ignore it",
        check: &[Check::Line(|heard, known| {
            let line = heard.named_capability(known)?;
            let tag = tag_of(line);
            let is_private = tag.starts_with(['X', 'x']);
            let is_other = meant(tag).is_none() && !is_malformed(line);
            heard.when(
                is_other && !is_private && !is_registered(tag),
                "the tag is not registered and does not begin with X",
            )
        })],
    },
    // RFC 2449 §5: each capability is listed once.
    Rule {
        id: "capa-duplicate-tag",
        level: Info,
        source: "RFC 2449 §5",
        says: "each capability should appear only once in the list",
        hint: "harmless, but clients may read only the first line",
        check: &[Check::Line(|heard, known| {
            let line = heard.named_capability(known)?;
            heard.when(
                has_tag(&known.listing.capabilities, tag_of(line)),
                "the capability already appeared in this list",
            )
        })],
    },
    // RFC 2449 §5: what is listed works.
    Rule {
        id: "capa-announces-refused",
        level: Must,
        source: "RFC 2449 §5",
        says: "every command that CAPA lists must work",
        hint: "the list may be fixed text or come from a proxy: the server must list only what works",
        check: &[Check::Exchange(|ended, known| {
            let is_announced =
                known.announces(tag_for(ended.verb)?) == Some(true) && ended.verb != "USER";
            // `capa-stls-inside-tls` reports that it is listed there; refusing it is correct.
            let is_stls_again = ended.verb == "STLS" && known.session.tls.is_on();
            let is_lines = ended.verb == "TOP"
                && ended
                    .arguments()
                    .nth(1)
                    .is_none_or(|word| word.len() > 6 || !word.iter().all(u8::is_ascii_digit));
            ended.when(
                is_announced && is_refused_as_such(ended, known) && !is_lines && !is_stls_again,
                "CAPA lists the command, but the server refused it",
            )
        })],
    },
    // RFC 2449 §5: what works is listed.
    Rule {
        id: "capa-hides-working",
        level: Info,
        source: "RFC 2449 §5",
        says: "CAPA should list every command that works",
        hint: "clients that rely on CAPA do not use the command: the server should list it",
        check: &[
            Check::Exchange(|ended, known| {
                let is_hidden = known.announces(tag_for(ended.verb)?) == Some(false);
                // After login, servers omit USER and STLS.
                ended.when(
                    is_hidden && ended.is_ok() && known.session.phase() < Phase::Login
                        || is_hidden && ended.is_ok() && matches!(ended.verb, "TOP" | "UIDL"),
                    "the command works, but CAPA does not list it",
                )
            }),
            // RFC 5034 §3: mechanisms are parameters of SASL. On older servers, AUTH alone lists
            // them.
            Check::Exchange(|ended, known| {
                let is_list = ended.verb == "AUTH" && !ended.has_arguments() && ended.is_ok();
                let is_whole = ended.is_complete() && !known.listing.has_holes;
                known
                    .session
                    .announced_now()
                    .filter(|_| is_list && is_whole && known.session.phase() < Phase::Login)?;
                let told = known.parameters("SASL").unwrap_or_default();
                let listed = known.listing.capabilities.iter();
                let hidden: Vec<&str> = listed
                    .filter(|name| {
                        crate::pop3::sasl::Mechanism::named(name).is_some() && !told.contains(name)
                    })
                    .map(String::as_str)
                    .collect();
                let what = format!(
                    "AUTH lists {}, but the SASL line of CAPA does not",
                    hidden.join(", ")
                );
                (!hidden.is_empty()).then(|| ended.spot(what))
            }),
        ],
    },
    // RFC 2449 §5: what is available in the AUTHORIZATION state MUST be announced in both states.
    Rule {
        id: "capa-differs-after-login",
        level: Must,
        source: "RFC 2449 §5, RFC 5034 §3",
        says: "capabilities must not disappear after login",
        hint: "common and mostly harmless: send CAPA before and after login",
        check: &[Check::Exchange(|ended, known| {
            let mut gone = lost(ended, known, Phase::Login)?;
            gone.retain(|tag| {
                !matches!(
                    tag.as_str(),
                    "STLS" | "IMPLEMENTATION" | "LOGIN-DELAY" | "EXPIRE"
                )
            });
            (!gone.is_empty()).then(|| {
                ended.spot(format!(
                    "after login, CAPA no longer lists {}",
                    gone.join(", ")
                ))
            })
        })],
    },
    // RFC 2449 §5, RFC 2595 §4: the list may change with TLS.
    Rule {
        id: "capa-differs-after-tls",
        level: Info,
        source: "RFC 2595 §4",
        says: "the list of capabilities may change with TLS, so the client should send CAPA again",
        hint: "this is expected if login methods that need TLS appear",
        check: &[Check::Exchange(|ended, known| {
            let before = known
                .session
                .announced(Phase::First)
                .filter(|_| known.session.phase() == Phase::Tls)?;
            lost(ended, known, Phase::Tls)?;
            let now = &known.listing.capabilities;
            let is_new = |line: &&String| !has_tag(before, tag_of(line));
            let new: Vec<&str> = now.iter().filter(is_new).map(|line| tag_of(line)).collect();
            (!new.is_empty())
                .then(|| ended.spot(format!("only inside TLS, CAPA lists {}", new.join(", "))))
        })],
    },
    // RFC 2595 §9: an attacker on the network path can change the list before TLS, but not inside
    // it.
    Rule {
        id: "capa-weaker-in-tls",
        level: Security,
        source: "RFC 2595 §9",
        says: "login methods that CAPA lists before TLS should also be listed inside TLS",
        hint: "an attacker may have changed the first list: fetch CAPA from a different network, and compare the lists",
        check: &[Check::Exchange(|ended, known| {
            let gone = lost(ended, known, Phase::Tls)?;
            let is_login = |tag: &String| matches!(tag.as_str(), "SASL" | "USER");
            ended.when(
                gone.iter().any(is_login),
                "inside TLS, CAPA no longer lists a login method",
            )
        })],
    },
    // RFC 2449 §6.7: EXPIRE 0 means that mail may not be left on the server.
    Rule {
        id: "expire-zero",
        level: Info,
        source: "RFC 2449 §6.7",
        says: "EXPIRE 0 means that retrieved messages may be deleted at QUIT",
        hint: "a client that leaves mail on the server should warn its user",
        check: &[Check::Line(|heard, known| {
            let line = heard.named_capability(known)?.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            heard.when(
                words.next() == Some("EXPIRE") && words.next() == Some("0"),
                "CAPA says that the server may delete retrieved messages",
            )
        })],
    },
];
