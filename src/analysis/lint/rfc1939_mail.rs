//! RFC 1939, messages: what RETR and TOP send, against each other and against LIST.

use super::context::{Fetched, HUGE_LINES};
use super::input::ExchangeSeen;
use super::predicates::message;
use super::words::{field, number};
use super::{Check, Context, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};

/// How the octets of a message differ from its size in the listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Same,
    ExtraBlank,
    NoFinalLineEnd,
    TwiceStuffed,
    Added,
    Shorter,
    Other,
}

/// Compares what RETR sent with the size in LIST; None if either is unknown.
fn size(ended: &ExchangeSeen<'_>, context: &Context) -> Option<(Size, u64, u64)> {
    let body = ended
        .body
        .filter(|body| ended.verb == "RETR" && !body.has_holes)?;
    let data = ended.data().filter(|_| ended.is_complete())?;
    let listed = context.message_of(ended)?.size?;
    let came = data.message_octets;
    let more = came.saturating_sub(listed);
    let size = match more {
        0 if came == listed => Size::Same,
        0 if listed - came == body.stuffed => Size::Other,
        0 => Size::Shorter,
        2 if body.ends_blank && listed > 0 => Size::ExtraBlank,
        2 => Size::NoFinalLineEnd,
        _ if more == body.twice_stuffed => Size::TwiceStuffed,
        _ if more == body.added_octets => Size::Added,
        _ => Size::Other,
    };
    Some((size, listed, came))
}

fn sized(ended: &ExchangeSeen<'_>, context: &Context, kind: Size) -> Option<Site> {
    let (size, listed, came) = size(ended, context)?;
    let what = format!("LIST says {listed} octets, but RETR sent {came}");
    let wrong = ended.body.and_then(|body| match kind {
        Size::TwiceStuffed => body.twice_stuffed_at.clone(),
        Size::Added => body.added_at.clone(),
        Size::ExtraBlank | Size::NoFinalLineEnd | Size::Shorter if body.lines > 0 => {
            Some(body.last_spot(""))
        }
        _ => None,
    });
    (size == kind).then(|| match wrong {
        Some(spot) => Site { what, ..spot },
        None => ended.spot(what),
    })
}

/// An empty line at the end of the reply to TOP that is not part of the message.
fn blank_of_top(ended: &ExchangeSeen<'_>, context: &Context) -> Option<Site> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    let body = ended
        .body
        .filter(|body| !body.has_holes && body.ends_blank)?;
    let whole = context
        .message_of(ended)
        .and_then(|message| message.retrieved);
    let is_longer = whole.is_some_and(|whole| {
        wanted > whole.body_lines && body.body_lines == whole.body_lines + 1 && !whole.ends_blank
    });
    let is_added = wanted == 0 && body.body_lines == 1 || is_longer;
    is_added.then(|| body.last_spot("TOP ends with an empty line that is not part of the message"))
}

/// Compares TOP of all lines with an earlier RETR: how many octets more RETR has in the same number
/// of lines.
fn more_than_top(ended: &ExchangeSeen<'_>, context: &Context) -> Option<(i128, Fetched)> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    // If a dot is alone, stuffing is missing and the octets prove nothing.
    let body = ended
        .body
        .filter(|body| !body.has_holes && body.single_dot.is_none() && body.first_dot.is_none())?;
    let whole = context.message_of(ended)?.retrieved?;
    let is_all = wanted >= whole.body_lines && body.body_lines == whole.body_lines;
    let came = ended.data()?.message_octets;
    let more = i128::from(whole.octets) - i128::from(came);
    (is_all && more != 0).then_some((more, whole))
}

/// The first header line that differs from the other reply.
fn other_header_line(ended: &ExchangeSeen<'_>, context: &Context) -> Option<Site> {
    let message = ended.number()?;
    let (_, before) = context
        .maildrop
        .headers
        .iter()
        .find(|(number, _)| *number == message)?;
    let mut lines = (0..).zip(&ended.body?.header_lines);
    let (_, (_, spot)) = lines.find(|(index, (digest, _))| before.get(*index) != Some(digest))?;
    Some(spot.clone())
}

/// Says which of TOP and RETR doubled each dot once more than the other.
fn twice_stuffed(ended: &ExchangeSeen<'_>, context: &Context) -> Option<&'static str> {
    let (more, whole) = more_than_top(ended, context)?;
    let of_top = ended.body?.twice_stuffed;
    if more > 0 && more == i128::from(whole.twice_stuffed) {
        Some("RETR doubles each dot one more time than TOP")
    } else if more < 0 && -more == i128::from(of_top) {
        Some("TOP doubles each dot one more time than RETR")
    } else {
        None
    }
}

/// The empty line at the end of RETR that TOP of all lines does not have.
fn blank_of_retr(ended: &ExchangeSeen<'_>, context: &Context) -> Option<Site> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    let body = ended
        .body
        .filter(|body| !body.has_holes && !body.ends_blank && body.lines > 0)?;
    let whole = context.message_of(ended)?.retrieved?;
    let is_shorter = whole.ends_blank && body.body_lines + 1 == whole.body_lines;
    (is_shorter && wanted >= whole.body_lines)
        .then(|| body.last_spot("RETR sends an empty line after this one, but TOP does not"))
}

/// The number of lines that a TOP asks for.
fn top_lines(ended: &ExchangeSeen<'_>) -> Option<u64> {
    let word = ended.arguments().nth(1).filter(|_| ended.verb == "TOP")?;
    number(word)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §5: LIST gives the exact size; RFC 6856 §2.1 says SHOULD.
    Rule {
        id: "size-list-vs-retr",
        level: Should,
        source: "RFC 1939 §5, RFC 6856 §2.1",
        says: "LIST should give the number of octets that RETR sends, not counting dot-stuffing",
        hint: "the server may count a line end as one octet, count dot-stuffing, or change the message",
        check: &[Check::Exchange(|ended, context| {
            sized(ended, context, Size::Other)
        })],
    },
    // RFC 1939 §11: a line end that the server adds also counts.
    Rule {
        id: "size-no-final-newline",
        level: Info,
        source: "RFC 1939 §11",
        says: "the size in LIST includes a line end that the server adds",
        hint: "harmless: the stored message probably does not end with a line end",
        check: &[Check::Exchange(|ended, context| {
            sized(ended, context, Size::NoFinalLineEnd)
        })],
    },
    // RFC 1939 §3: the line end before the terminator belongs to the last line.
    Rule {
        id: "extra-blank-line-before-end",
        level: Should,
        source: "RFC 1939 §3, §11",
        says: "the server should not add an empty line at the end of a message",
        hint: "an extra line can break DKIM signatures: the server must not add a line end if the message already has one",
        check: &[Check::Exchange(|ended, context| {
            let added = sized(ended, context, Size::ExtraBlank);
            let of_top = added.or_else(|| blank_of_top(ended, context));
            of_top.or_else(|| blank_of_retr(ended, context))
        })],
    },
    // RFC 1939 §3: one dot is added in front, and it does not count.
    Rule {
        id: "double-stuffed",
        level: Should,
        source: "RFC 1939 §3, §11",
        says: "a dot should be doubled only once",
        hint: "a proxy may add a second dot, or the message may have been stored dot-stuffed: then remove the dots at delivery",
        check: &[
            Check::Exchange(|ended, context| sized(ended, context, Size::TwiceStuffed)),
            // If the size also counts the dots, TOP and RETR may differ.
            Check::Exchange(|ended, context| {
                let what = twice_stuffed(ended, context)?;
                let line = ended.body.and_then(|body| body.twice_stuffed_at.clone());
                let line = line.unwrap_or_else(|| ended.spot(""));
                let what = what.to_owned();
                Some(Site { what, ..line })
            }),
        ],
    },
    // RFC 1939 §5: RETR sends the whole message.
    Rule {
        id: "retr-truncated",
        level: Must,
        source: "RFC 1939 §5",
        says: "RETR must send the whole message",
        hint: "do not delete this message: an unstuffed dot, a storage error or a scanner may have cut it short",
        check: &[Check::Exchange(|ended, context| {
            sized(ended, context, Size::Shorter)
        })],
    },
    // RFC 1939 §11: RETR sends the message that was counted.
    Rule {
        id: "retr-adds-headers",
        level: Info,
        source: "RFC 1939 §11",
        says: "RETR should send the stored message unchanged",
        hint: "the server or a virus scanner may have added header fields",
        check: &[Check::Exchange(|ended, context| {
            sized(ended, context, Size::Added)
        })],
    },
    // RFC 1939 §5: a message that is listed can be retrieved.
    Rule {
        id: "retr-refused",
        level: Should,
        source: "RFC 1939 §5",
        says: "RETR should work for every message that LIST lists",
        hint: "the server may be unable to read this message: check its log",
        check: &[Check::Exchange(|ended, context| {
            let message = ended
                .number()
                .filter(|_| ended.verb == "RETR" && ended.is_err())?;
            let is_there = context.maildrop.messages.get(&message)?.size.is_some()
                && !context.session.marked.contains(&message);
            ended.when(
                is_there && ended.code().is_none(),
                "the server refused a message that it listed",
            )
        })],
    },
    // RFC 1939 §5: the text after +OK of RETR is free, but a number there should still be correct.
    Rule {
        id: "retr-text-mismatch",
        level: Info,
        source: "RFC 1939 §5",
        says: "a size in the text of the reply to RETR should match the message",
        hint: "clients must not rely on the text: only the final dot ends the message",
        check: &[Check::Exchange(|ended, context| {
            let body = ended
                .body
                .filter(|body| ended.verb == "RETR" && !body.has_holes && ended.is_complete())?;
            let (stated, rest) = field(ended.text()?);
            let stated =
                number(stated).filter(|_| rest.starts_with(b" octets") && body.lines > 0)?;
            let came = ended.data()?.message_octets;
            // If LIST says so too, other rules report it.
            let listed = context.message_of(ended).and_then(|message| message.size);
            let is_other = stated != came && listed != Some(stated) && stated.abs_diff(came) != 2;
            is_other.then(|| {
                ended.spot(format!(
                    "the reply text says {stated} octets, but RETR sent {came}"
                ))
            })
        })],
    },
    // RFC 5322 §2.1: an empty line separates header and body.
    Rule {
        id: "message-without-blank-line",
        level: Info,
        source: "RFC 5322 §2.1",
        says: "an empty line should follow the header",
        hint: "the message may have only a header, or be damaged",
        check: &[Check::Exchange(|ended, _| {
            let body = message(ended)
                .filter(|body| ended.is_complete() && !body.has_holes && body.lines > 0)?;
            let is_other = body.first_dot.is_some() || body.cr_crlf.is_some();
            let what = "the message ends without an empty line after its header";
            (!body.has_blank && !is_other).then(|| body.last_spot(what))
        })],
    },
    // RFC 1939 §5: messages are mail; UW-IMAP keeps its own notes as message 1.
    Rule {
        id: "internal-data-message",
        level: Info,
        source: "seen with UW-IMAP mailboxes",
        says: "a mail program's internal data should not be listed as a message",
        hint: "a mail program stores its own data in this mailbox: do not delete this message",
        check: &[Check::Exchange(|ended, _| message(ended)?.internal.clone())],
    },
    // RFC 1939 §7: TOP is optional. If it is announced and refused, that is worse, and
    // `capa-announces-refused` reports it.
    Rule {
        id: "top-missing",
        level: Should,
        source: "RFC 1939 §7",
        says: "the server should support TOP",
        hint: "some servers disable TOP so that clients cannot use it to read mail: use RETR",
        check: &[Check::Exchange(|ended, context| {
            let message = ended
                .number()
                .filter(|_| ended.verb == "TOP" && ended.is_err())?;
            let is_there = context
                .counts
                .messages
                .is_some_and(|count| (1..=count).contains(&message));
            let is_announced = context.announces("TOP") == Some(true);
            let is_small = top_lines(ended).is_some_and(|lines| lines < 1_000_000);
            let is_sure =
                is_small && !context.session.marked.contains(&message) && ended.code().is_none();
            ended.when(
                is_there && is_sure && !is_announced && context.session.is_transaction(),
                "the server refused TOP",
            )
        })],
    },
    // RFC 1939 §7: TOP sends the header, the blank line, and the first n lines of the body.
    Rule {
        id: "top-wrong-line-count",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP must send as many lines of the body as requested",
        hint: "the server may miscount lines or add one, such as a second empty line after the header: RETR may still be correct",
        check: &[Check::Exchange(|ended, context| {
            let wanted = top_lines(ended).filter(|wanted| *wanted > 0 && ended.is_complete())?;
            let body = ended.body.filter(|body| !body.has_holes)?;
            let whole = context
                .message_of(ended)
                .and_then(|message| message.retrieved);
            let is_less =
                whole.is_some_and(|whole| wanted < whole.body_lines && body.body_lines < wanted);
            let is_other = body.body_lines > wanted || is_less;
            let what = format!(
                "the client asked for {wanted} lines of the body, but the server sent {}",
                body.body_lines
            );
            is_other.then(|| ended.at_excess(&what))
        })],
    },
    // RFC 1939 §7: TOP with 0 sends the header and the blank line.
    Rule {
        id: "top-zero-is-all",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP with 0 lines must send only the header",
        hint: "the server reads 0 as no limit: clients that want only headers fetch whole messages",
        check: &[Check::Exchange(|ended, _| {
            let body = ended
                .body
                .filter(|body| top_lines(ended) == Some(0) && !body.has_holes)?;
            // A single empty line was added, and is not the body.
            let is_added = body.body_lines == 1 && body.ends_blank;
            let is_all = body.body_lines > 0 && !is_added;
            is_all.then(|| {
                ended.at_excess(
                    "the client asked for 0 lines of the body, but the server sent the body",
                )
            })
        })],
    },
    // RFC 1939 §7: when the count is greater than the lines of the body, the whole message is sent.
    Rule {
        id: "top-huge-n-fails",
        level: Should,
        source: "RFC 1939 §7",
        says: "TOP should accept any number of lines",
        hint: "the server's counter may overflow: clients should ask for at most 99999999 lines",
        check: &[Check::Exchange(|ended, context| {
            let lines = top_lines(ended).filter(|lines| *lines >= HUGE_LINES)?;
            let is_refused =
                ended.is_err() && ended.code().is_none() && !context.session.is_authorization();
            // If fewer lines are also refused, or there is no such message, the number is not the
            // cause.
            let message = ended
                .number()
                .filter(|message| context.has_message(*message))?;
            let takes_fewer = context.maildrop.messages.get(&message)?.takes_top;
            let is_refused = is_refused && takes_fewer;
            is_refused.then(|| ended.spot(format!("the server refused TOP with {lines} lines")))
        })],
    },
    // RFC 1939 §7: the count of lines is not negative.
    Rule {
        id: "top-negative-accepted",
        level: Info,
        source: "RFC 1939 §7",
        says: "the line count of TOP should not be negative",
        hint: "harmless: the reply shows how the server reads a negative number",
        check: &[Check::Exchange(|ended, _| {
            let is_negative = ended.verb == "TOP"
                && ended
                    .arguments()
                    .nth(1)
                    .is_some_and(|word| word.starts_with(b"-"));
            ended.when(
                is_negative && ended.is_ok(),
                "the server accepted a negative number of lines",
            )
        })],
    },
    // RFC 1939 §7: TOP with more lines than there are sends the whole message.
    Rule {
        id: "top-truncated",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP must send the whole message if it has fewer lines than requested",
        hint: "a proxy may cut long replies to TOP: use RETR",
        check: &[Check::Exchange(|ended, context| {
            let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
            let body = ended.body.filter(|body| !body.has_holes)?;
            let whole = context.message_of(ended)?.retrieved?;
            // An empty line that only RETR adds was not cut off.
            let is_added = whole.ends_blank && body.body_lines + 1 == whole.body_lines;
            let is_less =
                wanted >= whole.body_lines && body.body_lines < whole.body_lines && !is_added;
            let what = format!(
                "the server sent {} lines of the body, but the message has {}",
                body.body_lines, whole.body_lines
            );
            is_less.then(|| body.last_spot(&what))
        })],
    },
    // RFC 1939 §7: TOP sends the same headers of the message as RETR.
    Rule {
        id: "top-differs-from-retr",
        level: Should,
        source: "RFC 1939 §7",
        says: "TOP and RETR should send the same lines",
        hint: "the server may generate the message for each request: clients should rely on RETR alone",
        check: &[
            Check::Exchange(|ended, context| {
                let body = ended
                    .body
                    .filter(|body| ended.is_complete() && !body.has_holes && body.has_blank)?;
                let before = context.message_of(ended)?;
                let other = match ended.verb {
                    "TOP" => before.retrieved.map(|whole| whole.header)?,
                    "RETR" => before.top_header?,
                    _ => return None,
                };
                let is_other =
                    other != body.header_digest && twice_stuffed(ended, context).is_none();
                let line = other_header_line(ended, context).unwrap_or_else(|| ended.spot(""));
                let what = "TOP and RETR sent different headers".to_owned();
                is_other.then_some(Site { what, ..line })
            }),
            Check::Exchange(|ended, context| {
                let (more, whole) = more_than_top(ended, context)?;
                let is_same_header = whole.header == ended.body?.header_digest;
                let octets = more.unsigned_abs();
                let (longer, shorter) = match more > 0 {
                    true => ("RETR", "TOP"),
                    false => ("TOP", "RETR"),
                };
                (is_same_header && twice_stuffed(ended, context).is_none()).then(|| {
                    let what = format!(
                        "the number of lines is the same, but {longer} sends {octets} more octets than {shorter}"
                    );
                    ended.spot(what)
                })
            }),
        ],
    },
    // RFC 1460 §5: LAST gives the highest number accessed by RETR.
    Rule {
        id: "top-marks-seen",
        level: Info,
        source: "RFC 1460 §5",
        says: "TOP should not mark a message as accessed",
        hint: "after an interrupted session, a message fetched only with TOP may appear as read",
        check: &[Check::Exchange(|ended, context| {
            let text = ended
                .text()
                .filter(|_| ended.verb == "LAST" && ended.is_ok())?;
            let is_higher = number(field(text).0)? > context.maildrop.last_number?;
            ended.when(
                is_higher,
                "LAST increased although the client used only TOP",
            )
        })],
    },
];
