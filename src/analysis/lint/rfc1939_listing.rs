//! RFC 1939 §5, §7: the listings of STAT, LIST and UIDL, line by line.

use super::facts::Fetched;
use super::input::LineSeen;
use super::words::{field, number, two_numbers};
use super::{Check, Context, LineRole, List, Rule};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::session::Phase;
use crate::pop3::tracker::LineEnd;

/// The text that should be `n size`, if this is a line of LIST or the reply to LIST with a number.
pub(super) fn scan<'a>(seen: &LineSeen<'a>) -> Option<&'a [u8]> {
    listing(seen, List::Scan, "LIST")
}

/// The same for UIDL.
pub(super) fn unique<'a>(seen: &LineSeen<'a>) -> Option<&'a [u8]> {
    listing(seen, List::Unique, "UIDL")
}

fn listing<'a>(seen: &LineSeen<'a>, list: List, verb: &str) -> Option<&'a [u8]> {
    let text = seen.plain()?;
    if seen.role == LineRole::Listed(list) {
        return Some(text);
    }
    let is_single =
        seen.role == LineRole::Status && seen.verb() == verb && !seen.sent?.arguments().is_empty();
    let is_ok = text.starts_with(b"+OK");
    seen.after_status().filter(|_| is_single && is_ok)
}

/// The text of the reply to STAT.
pub(super) fn drop_listing<'a>(seen: &LineSeen<'a>) -> Option<&'a [u8]> {
    let is_stat =
        seen.role == LineRole::Status && seen.verb() == "STAT" && seen.text.starts_with(b"+OK");
    seen.plain().filter(|_| is_stat)?;
    seen.after_status()
}

/// Whether the spaces differ from the format: one between two fields.
fn has_odd_blanks(text: &[u8]) -> bool {
    text.starts_with(b" ") || text.contains(&b'\t') || memchr::memmem::find(text, b"  ").is_some()
}

/// The text with each run of spaces reduced to one.
fn squeezed(text: &[u8]) -> Vec<u8> {
    super::words::words(text).join(&b' ')
}

fn is_negative(word: &[u8]) -> bool {
    word.strip_prefix(b"-")
        .is_some_and(|digits| number(digits).is_some())
}

/// Whether records follow each other without line ends.
fn is_run_together(text: &[u8], octets: u64) -> bool {
    let words = super::words::words(text);
    let numbers = words.iter().filter(|word| number(word).is_some()).count();
    octets > 200 || (words.len() > 3 && numbers > 2)
}

/// The message of this line of UIDL, and an earlier one in the listing with the same unique-id.
fn twin(seen: &LineSeen<'_>, context: &Context) -> Option<(u64, u64)> {
    let text = unique(seen).filter(|_| seen.role != LineRole::Status)?;
    let id = field(text).1.trim_ascii_start();
    let other = context
        .listing
        .unique_ids
        .get(&super::words::digest(id))
        .filter(|_| !id.is_empty())?;
    let message = number(field(text).0)?;
    (message != *other).then_some((message, *other))
}

/// Says that two messages share a unique-id but differ in size.
fn differ(message: u64, size: u64, other: u64, size_of_other: u64) -> Option<String> {
    (size != size_of_other).then(|| {
        format!("messages {other} and {message} share a unique-id, but have {size_of_other} and {size} octets")
    })
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §5: each scan listing is a line of its own.
    Rule {
        id: "missing-line-ends",
        level: Must,
        source: "RFC 1939 §5, §7",
        says: "each message in a listing must have its own line",
        hint: "the server omits line ends: it must end each line of the listing with CRLF",
        check: &[Check::Line(|seen, _| {
            let text = scan(seen).or_else(|| unique(seen))?;
            let is_listed = matches!(seen.role, LineRole::Listed(_));
            seen.when(
                is_listed && is_run_together(text, seen.octets),
                "the line lists more than one message",
            )
        })],
    },
    // RFC 1939 §5: the reply to STAT is `+OK`, a space, the count, a space, the octets.
    Rule {
        id: "stat-malformed",
        level: Must,
        source: "RFC 1939 §5",
        says: "the reply to STAT must be +OK, the message count and the size in octets, separated by single spaces",
        hint: "clients cannot read the reply: the server must send two numbers",
        check: &[Check::Line(|seen, _| {
            let text = drop_listing(seen)?;
            let is_huge = field(text)
                .1
                .strip_prefix(b" ")
                .is_some_and(|rest| is_negative(field(rest).0));
            seen.when(
                two_numbers(text).is_none() && !is_huge,
                "the reply is not two numbers",
            )
        })],
    },
    // RFC 1939 §5: only the line end should follow the size.
    Rule {
        id: "stat-extra-text",
        level: Info,
        source: "RFC 1939 §5",
        says: "nothing should follow the two numbers in the reply to STAT",
        hint: "harmless, but RFC 1939 strongly discourages additional text",
        check: &[Check::Line(|seen, _| {
            let (_, _, rest) = two_numbers(drop_listing(seen)?)?;
            seen.when(!rest.is_empty(), "text follows the two numbers")
        })],
    },
    // RFC 1939 §5: a scan listing is the message number, a space, the exact size in octets.
    Rule {
        id: "list-malformed",
        level: Must,
        source: "RFC 1939 §5",
        says: "a scan listing must be the message number, one space and the size in octets",
        hint: "clients cannot read the listing: the server must send two numbers",
        check: &[Check::Line(|seen, _| {
            let text = scan(seen)?;
            let is_huge = field(text)
                .1
                .strip_prefix(b" ")
                .is_some_and(|rest| is_negative(field(rest).0));
            let is_other = has_odd_blanks(text) && two_numbers(&squeezed(text)).is_some();
            let is_long = seen.role != LineRole::Status && is_run_together(text, seen.octets);
            let is_broken = two_numbers(text).is_none()
                && !is_huge
                && !is_other
                && !is_long
                && !text.is_empty();
            let is_bare = seen.role == LineRole::Status && text.is_empty();
            seen.when(
                is_broken || is_bare,
                "the scan listing is not a number and a size",
            )
        })],
    },
    // RFC 1939 §5: the reply to LIST with a number is about that message.
    Rule {
        id: "list-wrong-number",
        level: Must,
        source: "RFC 1939 §5",
        says: "the reply to LIST with a number must begin with that number",
        hint: "the server answers for a different message: do not delete anything in this session",
        check: &[Check::Exchange(|ended, _| {
            let asked = ended
                .number()
                .filter(|_| ended.verb == "LIST" && ended.is_ok())?;
            let (stated, _, _) = two_numbers(ended.text()?)?;
            // Zero, and numbers beyond 32 bits, have their own rules.
            let is_other = asked != stated && (1..=u64::from(u32::MAX)).contains(&asked);
            ended.when(
                is_other,
                "the reply has a message number that was not requested",
            )
        })],
    },
    // RFC 1939 §5: nothing should follow the size of a scan listing.
    Rule {
        id: "list-extra-columns",
        level: Info,
        source: "RFC 1939 §5",
        says: "nothing should follow the size in a scan listing",
        hint: "clients ignore additional text, but RFC 1939 strongly discourages it",
        check: &[Check::Line(|seen, _| {
            let text = scan(seen)?;
            let (_, _, rest) = two_numbers(text)?;
            let is_more =
                rest.iter().any(|octet| *octet != b' ') && !is_run_together(text, seen.octets);
            seen.when(is_more, "the line has more than two fields")
        })],
    },
    // RFC 1939 §5, §7: exactly one space separates the fields.
    Rule {
        id: "list-multiple-spaces",
        level: Should,
        source: "RFC 1939 §5, §7",
        says: "one space should separate the fields of a listing",
        hint: "the server pads its columns: some clients read the spaces as part of the unique-id",
        check: &[Check::Line(|seen, _| {
            let text = scan(seen).or_else(|| unique(seen))?;
            let text = text.strip_suffix(b" ").unwrap_or(text);
            seen.when(
                has_odd_blanks(text),
                "the fields are separated by more than one space or by a TAB",
            )
        })],
    },
    // RFC 1939 §5: a scan listing ends after the size.
    Rule {
        id: "list-trailing-space",
        level: Should,
        source: "RFC 1939 §5",
        says: "a scan listing should not end with a space",
        hint: "the server should end the line right after the size",
        check: &[Check::Line(|seen, _| {
            let text =
                scan(seen).filter(|text| text.ends_with(b" ") && two_numbers(text).is_some())?;
            seen.when(!text.is_empty(), "the line ends with a space")
        })],
    },
    // RFC 1939 §5: numbers are in base 10.
    Rule {
        id: "list-leading-zero",
        level: Info,
        source: "RFC 1939 §4",
        says: "message numbers should not have leading zeros",
        hint: "mostly harmless, but clients that compare numbers as text may not find the message",
        check: &[Check::Line(|seen, _| {
            let text = scan(seen).or_else(|| unique(seen))?;
            let (first, _) = field(text);
            seen.when(
                first.len() > 1 && first.starts_with(b"0") && number(first).is_some(),
                "the message number has a leading zero",
            )
        })],
    },
    // RFC 1939 §4: messages are numbered consecutively from 1; numbers of deleted messages stay
    // reserved.
    Rule {
        id: "list-number-gap",
        level: Must,
        source: "RFC 1939 §4",
        says: "messages must be numbered from 1 without gaps, in order",
        hint: "the server may use its own ids as numbers, or have lost messages: rebuild its index",
        check: &[Check::Line(|seen, context| {
            let text = scan(seen)
                .or_else(|| unique(seen))
                .filter(|_| seen.role != LineRole::Status)?;
            let message = number(field(text).0)?;
            let is_sure = context.session.phase() == Phase::Login
                && context.session.marked.is_empty()
                && !context.listing.has_holes
                && !context.listing.is_odd;
            let is_twice = context.listing.numbers.contains_key(&message);
            let is_gap = message != context.listing.before.saturating_add(1);
            seen.when(
                is_sure && is_gap && !is_twice,
                "the number is not the next in sequence",
            )
        })],
    },
    // RFC 1939 §4: each message has one number.
    Rule {
        id: "list-duplicate-number",
        level: Must,
        source: "RFC 1939 §4",
        says: "each number must appear only once in a listing",
        hint: "the maildrop's index may be damaged: rebuild it",
        check: &[Check::Line(|seen, context| {
            let text = scan(seen)
                .or_else(|| unique(seen))
                .filter(|_| seen.role != LineRole::Status)?;
            let is_twice = context
                .listing
                .numbers
                .contains_key(&number(field(text).0)?);
            seen.when(is_twice, "the number already appeared in this listing")
        })],
    },
    // RFC 1939 §7: the reply to UIDL with a number is that number and the unique-id.
    Rule {
        id: "uidl-n-format",
        level: Must,
        source: "RFC 1939 §7",
        says: "the reply to UIDL with a number must be that number, one space and the unique-id",
        hint: "clients stop here because of a known bug in server libraries: update the server",
        check: &[Check::Exchange(|ended, _| {
            let asked = ended
                .number()
                .filter(|_| ended.verb == "UIDL" && ended.is_ok() && ended.has_arguments())?;
            let stated = number(field(ended.text()?).0);
            ended.when(
                stated != Some(asked) && asked > 0,
                "the reply does not begin with the number requested",
            )
        })],
    },
    // RFC 1939 §7: a unique-id listing is the message number, a space, the unique-id.
    Rule {
        id: "uidl-malformed",
        level: Must,
        source: "RFC 1939 §7",
        says: "a unique-id listing must begin with the message number",
        hint: "clients cannot match the line to a message: the server must send the number, a space and the unique-id",
        check: &[Check::Line(|seen, _| {
            let text = unique(seen).filter(|_| seen.role != LineRole::Status)?;
            let words = super::words::words(text);
            let first = words.first()?;
            seen.when(
                number(first).is_none() && !is_run_together(text, seen.octets),
                "the line does not begin with a number",
            )
        })],
    },
    // RFC 1939 §7: a unique-id has one to 70 characters, so it is never empty.
    Rule {
        id: "uidl-without-id",
        level: Must,
        source: "RFC 1939 §7",
        says: "a unique-id must follow the message number",
        hint: "clients cannot recognise a message that they already have: the server must give each message a unique-id",
        check: &[Check::Line(|seen, _| {
            let text = unique(seen)?;
            let words = super::words::words(text);
            let is_bare = matches!(words.as_slice(), [first] if number(first).is_some());
            seen.when(is_bare, "the line has a message number but no unique-id")
        })],
    },
    // RFC 1939 §7: a unique-id has at most 70 characters.
    Rule {
        id: "uidl-too-long",
        level: Must,
        source: "RFC 1939 §7",
        says: "a unique-id must have at most 70 characters",
        hint: "long unique-ids have overflowed client buffers: a server that uses file names or Message-IDs should hash them",
        check: &[Check::Line(|seen, _| {
            let id = field(unique(seen)?).1.strip_prefix(b" ")?;
            let is_run = seen.octets > 200;
            seen.when(
                field(id).0.len() > 70 && !is_run,
                "the unique-id has more than 70 characters",
            )
        })],
    },
    // RFC 1939 §7: its characters are from 0x21 to 0x7E.
    Rule {
        id: "uidl-illegal-chars",
        level: Must,
        source: "RFC 1939 §7",
        says: "a unique-id must consist of characters from 0x21 to 0x7E",
        hint: "clients may cut such a unique-id: the server must use printable ASCII",
        check: &[Check::Line(|seen, _| {
            let text = unique(seen)?;
            let (message, rest) = field(text);
            number(message)?;
            let id = field(rest.trim_ascii_start()).0;
            let is_odd = id
                .iter()
                .any(|octet| !octet.is_ascii_graphic() && *octet != b'\t');
            seen.when(is_odd, "the unique-id has characters outside 0x21 to 0x7E")
        })],
    },
    // RFC 1939 §7: no information follows the unique-id.
    Rule {
        id: "uidl-extra-text",
        level: Must,
        source: "RFC 1939 §7",
        says: "nothing may follow the unique-id",
        hint: "clients read this text as part of the unique-id: the server must end the line before it",
        check: &[Check::Line(|seen, _| {
            let text = unique(seen).filter(|text| number(field(text).0).is_some())?;
            let id = field(text).1.trim_ascii_start();
            let is_run = seen.role != LineRole::Status && is_run_together(text, seen.octets);
            seen.when(
                !field(id).1.is_empty() && !is_run,
                "text follows the unique-id",
            )
        })],
    },
    // RFC 1939 §7: a unique-id belongs to one message; only copies that are identical octet for
    // octet may share one.
    // Seen: popa3d 1.0.3 (real/popa-session.pop3), which computes the unique-id from the message.
    Rule {
        id: "uidl-duplicate",
        level: Info,
        source: "RFC 1939 §7",
        says: "each message should have its own unique-id, unless two messages are identical octet for octet",
        hint: "clients may fetch only one of the two messages: compare them, since one may never be seen",
        check: &[Check::Line(|seen, context| {
            let (_, other) = twin(seen, context)?;
            Some(seen.spot(format!("message {other} has the same unique-id")))
        })],
    },
    // RFC 1939 §7: different messages have different unique-ids.
    Rule {
        id: "uidl-shared-by-different",
        level: Must,
        source: "RFC 1939 §7",
        says: "different messages must have different unique-ids",
        hint: "clients may never fetch the second message: the server must compute unique-ids from more than a few header fields",
        check: &[
            Check::Line(|seen, context| {
                let (message, other) = twin(seen, context)?;
                let size = |message| context.maildrop.messages.get(&message)?.size;
                let what = differ(message, size(message)?, other, size(other)?)?;
                Some(seen.spot(what))
            }),
            // The sizes, or the messages themselves, may come after the unique-ids.
            Check::Exchange(|ended, context| {
                if ended.verb != "LIST" || ended.has_arguments() || !ended.is_complete() {
                    return None;
                }
                let sizes = &context.listing.numbers;
                let mut found = context
                    .maildrop
                    .twins
                    .iter()
                    .filter_map(|(message, other)| {
                        differ(*message, *sizes.get(message)?, *other, *sizes.get(other)?)
                    });
                found.next().map(|what| ended.spot(what))
            }),
            Check::Exchange(|ended, context| {
                let message = ended.number().filter(|_| ended.verb == "RETR")?;
                let other = context.maildrop.twins.get(&message)?;
                let before = context.maildrop.messages.get(other)?.retrieved?;
                let data = ended.data().filter(|data| !data.has_holes);
                let now = Fetched {
                    octets: data?.message_octets,
                    body_lines: ended.body?.body_lines,
                    twice_stuffed: ended.body?.twice_stuffed,
                    ends_blank: ended.body?.ends_blank,
                    header: ended.body?.header_digest,
                };
                (ended.is_ok() && ended.is_complete() && now != before).then(|| {
                    ended.spot(format!(
                        "messages {other} and {message} share a unique-id but differ"
                    ))
                })
            }),
        ],
    },
    // RFC 1939 §3: the data of a listing consists of complete lines.
    Rule {
        id: "list-line-empty",
        level: Must,
        source: "RFC 1939 §5, §7",
        says: "a listing must not have empty lines",
        hint: "the server must not send an extra line end",
        check: &[Check::Line(|seen, _| {
            let is_listing = matches!(seen.role, LineRole::Listed(List::Scan | List::Unique));
            seen.when(
                is_listing && seen.plain() == Some(b"") && seen.end != LineEnd::None,
                "the listing has an empty line",
            )
        })],
    },
];
