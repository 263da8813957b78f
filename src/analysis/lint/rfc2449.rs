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
        .any(|registered| registered.eq_ignore_ascii_case(tag))
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
            let glued =
                takes.iter().any(|registered| tag.starts_with(registered)) || tag.contains('.');
            let is_joined = glued
                || REGISTERED.iter().any(|registered| {
                    tag.strip_prefix(registered)
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
    let registered = REGISTERED.iter().filter(|registered| registered.len() > 3);
    let mut registered = registered.filter(|registered| {
        let is_start = tag.len() > 4 && registered.starts_with(&tag);
        let most = registered.len() / 3;
        let is_near = tag.len().abs_diff(registered.len()) <= most;
        is_start || is_near && distance(registered.as_bytes(), tag.as_bytes()) <= most
    });
    registered.next().copied()
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
fn is_refused_as_such(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let row = ended.exchange.sent.as_ref().and_then(|sent| sent.command());
    let is_place = match context.session.state {
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
            context
                .counts
                .messages
                .is_some_and(|count| (1..=count).contains(&message))
                && !context.session.marked.contains(&message)
        }
        None => !ended.has_arguments(),
    };
    ended.is_err() && is_place && is_there && ended.code().is_none()
}

/// The tags that were announced in an earlier phase and are missing in this one.
fn lost(ended: &ExchangeSeen<'_>, context: &Context, phase: Phase) -> Option<Vec<String>> {
    let is_now = ended.verb == "CAPA"
        && ended.is_ok()
        && ended.is_complete()
        && context.session.phase() == phase;
    let earlier = Phase::ALL.into_iter().rev().filter(|other| *other < phase);
    let before = earlier
        .filter_map(|phase| context.session.announced(phase))
        .next()
        .filter(|_| is_now)?;
    if context.session.announced(phase).is_some() || context.listing.has_holes {
        return None;
    }
    let now = &context.listing.capabilities;
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
        check: &[Check::Exchange(|ended, context| {
            let is_refused = ended.verb == "CAPA"
                && ended.is_err()
                && context.session.last_announced().is_none();
            ended.when(is_refused && !context.has_user(), "the server refused CAPA")
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
        check: &[Check::Exchange(|ended, context| {
            let is_refused = ended.verb == "CAPA" && ended.is_err() && context.has_user();
            ended.when(
                is_refused && context.session.last_announced().is_some(),
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
        check: &[Check::Exchange(|ended, context| {
            let is_open =
                ended.verb == "CAPA" && ended.is_ok() && !ended.is_complete() && !ended.has_gap();
            ended.when(
                is_open && context.now.event == Some(EventKind::TimedOut),
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
        check: &[Check::Line(|seen, context| {
            seen.when(
                fault(seen, context) == Some(StartFault::CapaWithoutStatus),
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
        check: &[Check::Line(|seen, _| {
            let is_capability =
                seen.role == LineRole::Listed(List::Capabilities) && !seen.has_holes;
            let is_blank = seen
                .text
                .iter()
                .all(|octet| matches!(octet, b' ' | b'\t' | b'\r'));
            seen.when(is_capability && is_blank, "the list has an empty line")
        })],
    },
    // RFC 2449 §5: a capability line has at most 512 octets.
    Rule {
        id: "capa-line-over-512",
        level: Must,
        source: "RFC 2449 §5",
        says: "a capability line must have at most 512 octets, including CRLF",
        hint: "the server must shorten the line",
        check: &[Check::Line(|seen, _| {
            let is_long = seen.role == LineRole::Listed(List::Capabilities) && seen.octets > 512;
            is_long.then(|| seen.spot(format!("the line has {} octets", seen.octets)))
        })],
    },
    // RFC 2449 §3, §6: a tag, then parameters, each after a space.
    Rule {
        id: "capa-malformed-tag",
        level: Must,
        source: "RFC 2449 §3, §6",
        says: "a capability line must be a tag and its parameters, separated by spaces",
        hint: "clients do not recognise this capability: correct the line on the server",
        check: &[Check::Line(|seen, context| {
            let what = malformed(seen.named_capability(context)?)?;
            Some(seen.spot(what))
        })],
    },
    // RFC 2449 §6: clients look for the registered tag.
    Rule {
        id: "capa-misspelled-tag",
        level: Should,
        source: "IANA, POP3 capabilities",
        says: "capabilities should be spelled as registered",
        hint: "clients do not recognise this name: the server must spell it as in the RFC",
        check: &[Check::Line(|seen, context| {
            let tag = tag_of(seen.named_capability(context)?);
            let registered = meant(tag).filter(|_| !tag.starts_with(['X', 'x']))?;
            Some(seen.spot(format!(
                "the server may mean the registered tag `{registered}`"
            )))
        })],
    },
    // RFC 2449 §6: tags that begin with X are for private use; others are registered.
    Rule {
        id: "capa-unregistered-tag",
        level: Info,
        source: "RFC 2449 §9",
        says: "the names of private capabilities should begin with X",
        hint: "harmless: clients ignore it",
        check: &[Check::Line(|seen, context| {
            let line = seen.named_capability(context)?;
            let tag = tag_of(line);
            let is_private = tag.starts_with(['X', 'x']);
            let is_other = meant(tag).is_none() && !is_malformed(line);
            seen.when(
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
        check: &[Check::Line(|seen, context| {
            let line = seen.named_capability(context)?;
            seen.when(
                has_tag(&context.listing.capabilities, tag_of(line)),
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
        check: &[Check::Exchange(|ended, context| {
            let is_announced =
                context.announces(tag_for(ended.verb)?) == Some(true) && ended.verb != "USER";
            // `capa-stls-inside-tls` reports that it is listed there; refusing it is correct.
            let is_stls_again = ended.verb == "STLS" && context.session.tls.is_on();
            let is_lines = ended.verb == "TOP"
                && ended
                    .arguments()
                    .nth(1)
                    .is_none_or(|word| word.len() > 6 || !word.iter().all(u8::is_ascii_digit));
            ended.when(
                is_announced && is_refused_as_such(ended, context) && !is_lines && !is_stls_again,
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
            Check::Exchange(|ended, context| {
                let is_hidden = context.announces(tag_for(ended.verb)?) == Some(false);
                // After login, servers omit USER and STLS.
                ended.when(
                    is_hidden && ended.is_ok() && context.session.phase() < Phase::Login
                        || is_hidden && ended.is_ok() && matches!(ended.verb, "TOP" | "UIDL"),
                    "the command works, but CAPA does not list it",
                )
            }),
            // RFC 5034 §3: mechanisms are parameters of SASL. On older servers, AUTH alone lists
            // them.
            Check::Exchange(|ended, context| {
                let is_list = ended.verb == "AUTH" && !ended.has_arguments() && ended.is_ok();
                let is_whole = ended.is_complete() && !context.listing.has_holes;
                context
                    .session
                    .announced_now()
                    .filter(|_| is_list && is_whole && context.session.phase() < Phase::Login)?;
                let stated = context.parameters("SASL").unwrap_or_default();
                let listed = context.listing.capabilities.iter();
                let hidden: Vec<&str> = listed
                    .filter(|name| {
                        crate::pop3::sasl::Mechanism::named(name).is_some()
                            && !stated.contains(name)
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
        check: &[Check::Exchange(|ended, context| {
            let mut gone = lost(ended, context, Phase::Login)?;
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
        check: &[Check::Exchange(|ended, context| {
            let before = context
                .session
                .announced(Phase::First)
                .filter(|_| context.session.phase() == Phase::Tls)?;
            lost(ended, context, Phase::Tls)?;
            let now = &context.listing.capabilities;
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
        check: &[Check::Exchange(|ended, context| {
            let gone = lost(ended, context, Phase::Tls)?;
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
        check: &[Check::Line(|seen, context| {
            let line = seen.named_capability(context)?.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            seen.when(
                words.next() == Some("EXPIRE") && words.next() == Some("0"),
                "CAPA says that the server may delete retrieved messages",
            )
        })],
    },
];
