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

/// What RETR brought against what LIST told; None when one of them is not known.
fn size(ended: &ExchangeSeen<'_>, known: &Context) -> Option<(Size, u64, u64)> {
    let body = ended
        .body
        .filter(|body| ended.verb == "RETR" && !body.has_holes)?;
    let data = ended.data().filter(|_| ended.is_complete())?;
    let listed = known.message_of(ended)?.size?;
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

fn sized(ended: &ExchangeSeen<'_>, known: &Context, kind: Size) -> Option<Site> {
    let (size, listed, came) = size(ended, known)?;
    let what = format!("LIST says {listed} octets, {came} came");
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

/// An empty line at the end of what TOP brought, which is not of the message.
fn blank_of_top(ended: &ExchangeSeen<'_>, known: &Context) -> Option<Site> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    let body = ended
        .body
        .filter(|body| !body.has_holes && body.ends_blank)?;
    let whole = known
        .message_of(ended)
        .and_then(|message| message.retrieved);
    let is_longer = whole.is_some_and(|whole| {
        wanted > whole.body_lines && body.body_lines == whole.body_lines + 1 && !whole.ends_blank
    });
    let is_added = wanted == 0 && body.body_lines == 1 || is_longer;
    is_added.then(|| body.last_spot("TOP ends with an empty line that is not of the message"))
}

/// What TOP brought of all lines against what RETR brought before: how many octets more RETR has, of as many lines.
fn more_than_top(ended: &ExchangeSeen<'_>, known: &Context) -> Option<(i128, Fetched)> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    // Where a dot stands alone, stuffing is missing, and octets say nothing.
    let body = ended
        .body
        .filter(|body| !body.has_holes && body.single_dot.is_none() && body.first_dot.is_none())?;
    let whole = known.message_of(ended)?.retrieved?;
    let is_all = wanted >= whole.body_lines && body.body_lines == whole.body_lines;
    let came = ended.data()?.message_octets;
    let more = i128::from(whole.octets) - i128::from(came);
    (is_all && more != 0).then_some((more, whole))
}

/// The first line of the header that came that is not as it was in the other reply.
fn other_header_line(ended: &ExchangeSeen<'_>, known: &Context) -> Option<Site> {
    let message = ended.number()?;
    let (_, before) = known
        .maildrop
        .headers
        .iter()
        .find(|(number, _)| *number == message)?;
    let mut lines = (0..).zip(&ended.body?.header_lines);
    let (_, (_, spot)) = lines.find(|(index, (digest, _))| before.get(*index) != Some(digest))?;
    Some(spot.clone())
}

/// Which of TOP and RETR doubled each dot once more than the other.
fn twice_stuffed(ended: &ExchangeSeen<'_>, known: &Context) -> Option<&'static str> {
    let (more, whole) = more_than_top(ended, known)?;
    let of_top = ended.body?.twice_stuffed;
    if more > 0 && more == i128::from(whole.twice_stuffed) {
        Some("RETR doubles dots once more than TOP")
    } else if more < 0 && -more == i128::from(of_top) {
        Some("TOP doubles dots once more than RETR")
    } else {
        None
    }
}

/// The empty line at the end of what RETR brought that TOP of all lines does not have.
fn blank_of_retr(ended: &ExchangeSeen<'_>, known: &Context) -> Option<Site> {
    let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
    let body = ended
        .body
        .filter(|body| !body.has_holes && !body.ends_blank && body.lines > 0)?;
    let whole = known.message_of(ended)?.retrieved?;
    let is_shorter = whole.ends_blank && body.body_lines + 1 == whole.body_lines;
    (is_shorter && wanted >= whole.body_lines)
        .then(|| body.last_spot("RETR has an empty line behind this one, and TOP has not"))
}

/// The count of lines that a TOP asks for.
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
        says: "LIST tells the octets that RETR sends, stuffing not counted",
        hint: "the server counts LF as one octet, counts stuffing, or changes the mail",
        check: &[Check::Exchange(|ended, known| {
            sized(ended, known, Size::Other)
        })],
    },
    // RFC 1939 §11: a line end that the server adds counts too.
    Rule {
        id: "size-no-final-newline",
        level: Info,
        source: "RFC 1939 §11",
        says: "a line end that the server adds is counted in the size",
        hint: "harmless: the stored message has no line end at its end",
        check: &[Check::Exchange(|ended, known| {
            sized(ended, known, Size::NoFinalLineEnd)
        })],
    },
    // RFC 1939 §3: the line end before the terminator is that of the last line.
    Rule {
        id: "extra-blank-line-before-end",
        level: Should,
        source: "RFC 1939 §3, §11",
        says: "no empty line is added at the end of a message",
        hint: "the server must not add a line end before the dot where one is there already; in RETR such a line can break signatures (DKIM)",
        check: &[Check::Exchange(|ended, known| {
            let added = sized(ended, known, Size::ExtraBlank);
            let of_top = added.or_else(|| blank_of_top(ended, known));
            of_top.or_else(|| blank_of_retr(ended, known))
        })],
    },
    // RFC 1939 §3: one dot is put in front, and it does not count.
    Rule {
        id: "double-stuffed",
        level: Should,
        source: "RFC 1939 §3, §11",
        says: "a dot is doubled once",
        hint: "the message was stored with stuffing, or proxy and server both stuff: take it away at delivery",
        check: &[
            Check::Exchange(|ended, known| sized(ended, known, Size::TwiceStuffed)),
            // Where the size counts the dots too, TOP and RETR may differ.
            Check::Exchange(|ended, known| {
                let what = twice_stuffed(ended, known)?;
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
        says: "RETR sends the whole message",
        hint: "do not delete this message: a dot that was not stuffed, a storage error, or a scanner cut it",
        check: &[Check::Exchange(|ended, known| {
            sized(ended, known, Size::Shorter)
        })],
    },
    // RFC 1939 §11: what RETR sends is the message that was counted.
    Rule {
        id: "retr-adds-headers",
        level: Info,
        source: "RFC 1939 §11",
        says: "RETR sends the message as it is stored",
        hint: "the server or a virus scanner adds header fields",
        check: &[Check::Exchange(|ended, known| {
            sized(ended, known, Size::Added)
        })],
    },
    // RFC 1939 §5: a message that is listed can be retrieved.
    Rule {
        id: "retr-refused",
        level: Should,
        source: "RFC 1939 §5",
        says: "a message that is listed can be retrieved",
        hint: "the server can't read this message: its log says why",
        check: &[Check::Exchange(|ended, known| {
            let message = ended
                .number()
                .filter(|_| ended.verb == "RETR" && ended.is_err())?;
            let is_there = known.maildrop.messages.get(&message)?.size.is_some()
                && !known.session.marked.contains(&message);
            ended.when(
                is_there && ended.code().is_none(),
                "a message that LIST has is refused",
            )
        })],
    },
    // RFC 1939 §5: the text behind +OK of RETR is free; a number there should be right all the same.
    Rule {
        id: "retr-text-mismatch",
        level: Info,
        source: "RFC 1939 §5",
        says: "a number of octets in the text of RETR is that of the message",
        hint: "clients must not use the text; the dot alone ends the message",
        check: &[Check::Exchange(|ended, known| {
            let body = ended
                .body
                .filter(|body| ended.verb == "RETR" && !body.has_holes && ended.is_complete())?;
            let (told, rest) = field(ended.text()?);
            let told = number(told).filter(|_| rest.starts_with(b" octets") && body.lines > 0)?;
            let came = ended.data()?.message_octets;
            // Where LIST says so too, other rules tell it.
            let listed = known.message_of(ended).and_then(|message| message.size);
            let is_other = told != came && listed != Some(told) && told.abs_diff(came) != 2;
            is_other.then(|| ended.spot(format!("the text says {told} octets, {came} came")))
        })],
    },
    // RFC 5322 §2.1: an empty line separates header and body.
    Rule {
        id: "message-without-blank-line",
        level: Info,
        source: "RFC 5322 §2.1",
        says: "an empty line stands behind the header",
        hint: "a message of a header only, or a damaged one",
        check: &[Check::Exchange(|ended, _| {
            let body = message(ended)
                .filter(|body| ended.is_complete() && !body.has_holes && body.lines > 0)?;
            let is_other = body.first_dot.is_some() || body.cr_crlf.is_some();
            let what = "the message ends here, and no empty line came before";
            (!body.has_blank && !is_other).then(|| body.last_spot(what))
        })],
    },
    // RFC 1939 §5: messages are mail; UW-IMAP keeps notes of its own as message 1.
    Rule {
        id: "internal-data-message",
        level: Info,
        source: "seen with UW-IMAP mailboxes",
        says: "a mailbox's own notes are no message",
        hint: "another program wrote this into the mailbox: do not delete it",
        check: &[Check::Exchange(|ended, _| message(ended)?.internal.clone())],
    },
    // RFC 1939 §7: TOP is optional. Where it is announced and refused, `capa-announces-refused` says so, which is worse.
    Rule {
        id: "top-missing",
        level: Should,
        source: "RFC 1939 §7",
        says: "TOP works",
        hint: "some servers switch TOP off so that nobody reads mail with it; clients must use RETR",
        check: &[Check::Exchange(|ended, known| {
            let message = ended
                .number()
                .filter(|_| ended.verb == "TOP" && ended.is_err())?;
            let is_there = known
                .counts
                .messages
                .is_some_and(|count| (1..=count).contains(&message));
            let is_announced = known.announces("TOP") == Some(true);
            let is_small = top_lines(ended).is_some_and(|lines| lines < 1_000_000);
            let is_sure =
                is_small && !known.session.marked.contains(&message) && ended.code().is_none();
            ended.when(
                is_there && is_sure && !is_announced && known.session.is_transaction(),
                "TOP is refused",
            )
        })],
    },
    // RFC 1939 §7: TOP sends the header, the blank line, and the first n lines of the body.
    Rule {
        id: "top-wrong-line-count",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP sends as many lines of the body as were asked for",
        hint: "the server counts a line that is not of the body, or adds one, such as a second empty line after the header; RETR may still be right",
        check: &[Check::Exchange(|ended, known| {
            let wanted = top_lines(ended).filter(|wanted| *wanted > 0 && ended.is_complete())?;
            let body = ended.body.filter(|body| !body.has_holes)?;
            let whole = known
                .message_of(ended)
                .and_then(|message| message.retrieved);
            let is_less =
                whole.is_some_and(|whole| wanted < whole.body_lines && body.body_lines < wanted);
            let is_other = body.body_lines > wanted || is_less;
            let what = format!("{wanted} lines were asked for, {} came", body.body_lines);
            is_other.then(|| ended.at_excess(&what))
        })],
    },
    // RFC 1939 §7: TOP with 0 sends the header and the blank line.
    Rule {
        id: "top-zero-is-all",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP with 0 lines sends the header alone",
        hint: "the server takes 0 for no limit: clients that look at headers fetch everything",
        check: &[Check::Exchange(|ended, _| {
            let body = ended
                .body
                .filter(|body| top_lines(ended) == Some(0) && !body.has_holes)?;
            // One empty line is one that was added, and not the body.
            let is_added = body.body_lines == 1 && body.ends_blank;
            let is_all = body.body_lines > 0 && !is_added;
            is_all.then(|| ended.at_excess("0 lines were asked for, and the body came"))
        })],
    },
    // RFC 1939 §7: when the count is greater than the lines of the body, the whole message is sent.
    Rule {
        id: "top-huge-n-fails",
        level: Should,
        source: "RFC 1939 §7",
        says: "TOP takes any number of lines",
        hint: "the server's counter overflows; clients should ask for 99999999 lines at most",
        check: &[Check::Exchange(|ended, known| {
            let lines = top_lines(ended).filter(|lines| *lines >= HUGE_LINES)?;
            let is_refused =
                ended.is_err() && ended.code().is_none() && !known.session.is_authorization();
            // Where fewer lines are refused too, or there is no such message, it is not the number.
            let message = ended
                .number()
                .filter(|message| known.has_message(*message))?;
            let takes_fewer = known.maildrop.messages.get(&message)?.takes_top;
            let is_refused = is_refused && takes_fewer;
            is_refused.then(|| ended.spot(format!("{lines} lines are refused")))
        })],
    },
    // RFC 1939 §7: the count of lines is not negative.
    Rule {
        id: "top-negative-accepted",
        level: Info,
        source: "RFC 1939 §7",
        says: "the lines of TOP are not negative",
        hint: "harmless; the reply shows what the server makes of a negative number",
        check: &[Check::Exchange(|ended, _| {
            let is_negative = ended.verb == "TOP"
                && ended
                    .arguments()
                    .nth(1)
                    .is_some_and(|word| word.starts_with(b"-"));
            ended.when(
                is_negative && ended.is_ok(),
                "a negative number of lines is accepted",
            )
        })],
    },
    // RFC 1939 §7: TOP with more lines than there are sends the whole message.
    Rule {
        id: "top-truncated",
        level: Must,
        source: "RFC 1939 §7",
        says: "TOP with more lines than the message has sends all of it",
        hint: "a proxy cuts long replies to TOP: use RETR",
        check: &[Check::Exchange(|ended, known| {
            let wanted = top_lines(ended).filter(|_| ended.is_complete())?;
            let body = ended.body.filter(|body| !body.has_holes)?;
            let whole = known.message_of(ended)?.retrieved?;
            // An empty line that RETR alone adds is not cut off.
            let is_added = whole.ends_blank && body.body_lines + 1 == whole.body_lines;
            let is_less =
                wanted >= whole.body_lines && body.body_lines < whole.body_lines && !is_added;
            let what = format!(
                "{} lines of the body came, the message has {}",
                body.body_lines, whole.body_lines
            );
            is_less.then(|| body.last_spot(&what))
        })],
    },
    // RFC 1939 §7: TOP sends the headers of the message, which RETR sends too.
    Rule {
        id: "top-differs-from-retr",
        level: Should,
        source: "RFC 1939 §7",
        says: "TOP and RETR send the same lines",
        hint: "the server makes the message anew each time: clients should trust RETR alone",
        check: &[
            Check::Exchange(|ended, known| {
                let body = ended
                    .body
                    .filter(|body| ended.is_complete() && !body.has_holes && body.has_blank)?;
                let before = known.message_of(ended)?;
                let other = match ended.verb {
                    "TOP" => before.retrieved.map(|whole| whole.header)?,
                    "RETR" => before.top_header?,
                    _ => return None,
                };
                let is_other = other != body.header_digest && twice_stuffed(ended, known).is_none();
                let line = other_header_line(ended, known).unwrap_or_else(|| ended.spot(""));
                let what = "TOP and RETR have different headers".to_owned();
                is_other.then_some(Site { what, ..line })
            }),
            Check::Exchange(|ended, known| {
                let (more, whole) = more_than_top(ended, known)?;
                let is_same_header = whole.header == ended.body?.header_digest;
                let octets = more.unsigned_abs();
                let (longer, shorter) = match more > 0 {
                    true => ("RETR", "TOP"),
                    false => ("TOP", "RETR"),
                };
                (is_same_header && twice_stuffed(ended, known).is_none()).then(|| {
                    let what = format!(
                        "as many lines, and {longer} sends {octets} octets more than {shorter}"
                    );
                    ended.spot(what)
                })
            }),
        ],
    },
    // RFC 1460 §5: LAST tells the highest number that was accessed, by RETR.
    Rule {
        id: "top-marks-seen",
        level: Info,
        source: "RFC 1460 §5",
        says: "TOP does not count as an access",
        hint: "after an interrupted session a message may look as if it was read",
        check: &[Check::Exchange(|ended, known| {
            let text = ended
                .text()
                .filter(|_| ended.verb == "LAST" && ended.is_ok())?;
            let is_higher = number(field(text).0)? > known.maildrop.last_number?;
            ended.when(is_higher, "LAST rose although only TOP was used")
        })],
    },
];
