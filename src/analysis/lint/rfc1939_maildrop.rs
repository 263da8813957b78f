//! RFC 1939, the maildrop: what STAT, LIST, UIDL, DELE, RSET and QUIT say about it must agree.

use super::input::ExchangeSeen;
use super::rfc1939_listing::{drop_listing, scan, unique};
use super::words::{field, number, two_numbers};
use super::{Check, Context, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Should};
use crate::pop3::command::Command;
use crate::reading::dialogue::EventKind;

/// Whether the last listing gives lower numbers to the messages after a deleted one.
fn is_renumbered(context: &Context) -> bool {
    let numbers = &context.listing.numbers;
    let left = numbers.len() as u64;
    let is_dense = numbers
        .keys()
        .zip(1..)
        .all(|(number, place)| *number == place);
    let is_all = context.counts.messages == Some(left + context.session.marked.len() as u64);
    is_dense && is_all && context.session.marked.iter().any(|marked| *marked <= left)
}

fn is_listing(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let is_whole = ended.is_complete() && !context.listing.has_holes && !context.listing.is_odd;
    ended.is(Command::lists_messages) && ended.is_ok() && !ended.has_arguments() && is_whole
}

fn is_message(text: &[u8], context: &Context) -> bool {
    number(field(text).0).is_none_or(|message| context.has_message(message))
}

fn stat(ended: &ExchangeSeen<'_>) -> Option<(u64, u64)> {
    let text = ended
        .text()
        .filter(|_| ended.verb == "STAT" && ended.is_ok())?;
    two_numbers(text).map(|(count, octets, _)| (count, octets))
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §5: STAT counts the messages that LIST lists.
    Rule {
        id: "stat-list-mismatch",
        level: Should,
        source: "RFC 1939 §5",
        says: "STAT and LIST should report the same messages",
        hint: "the server's counters disagree: rebuild its index",
        check: &[Check::Exchange(|ended, context| {
            let is_clean = context.session.marked.is_empty();
            let (stat, listed) = if is_listing(ended, context) && ended.verb == "LIST" {
                (
                    context.counts.stat.map(|(count, _)| count)?,
                    context.listing.lines,
                )
            } else {
                (
                    stat(ended).map(|(count, _)| count)?,
                    context.counts.listed.map(|(lines, _)| lines)?,
                )
            };
            let is_other = is_clean && stat != listed && !context.maildrop.was_reset;
            is_other.then(|| {
                ended.spot(format!(
                    "STAT counts {stat} messages, but LIST lists {listed}"
                ))
            })
        })],
    },
    // RFC 1939 §5, RFC 6856 §2.1: the sum of the sizes may differ from the octets of STAT.
    Rule {
        id: "stat-octets-mismatch",
        level: Info,
        source: "RFC 1939 §5, RFC 6856 §2.1",
        says: "the size in STAT should be the sum of the sizes in LIST",
        hint: "the server's total may be outdated or overflow 32 bits, but clients use it only to show progress",
        check: &[Check::Exchange(|ended, context| {
            let is_list = is_listing(ended, context)
                && ended.verb == "LIST"
                && context.session.marked.is_empty();
            let (count, octets) = context.counts.stat.filter(|_| is_list)?;
            let is_other = count == context.listing.lines && octets != context.listing.sum;
            is_other.then(|| {
                ended.spot(format!(
                    "STAT says {octets} octets, but the sizes add up to {}",
                    context.listing.sum
                ))
            })
        })],
    },
    // RFC 1939 §5: the text after +OK of a listing is free, but a number in it should still be
    // correct.
    Rule {
        id: "list-text-count-mismatch",
        level: Info,
        source: "RFC 1939 §5",
        says: "a count in the text of the reply to LIST should match the number of lines",
        hint: "the server's counter may be out of date: clients must not rely on the text",
        check: &[Check::Exchange(|ended, context| {
            let is_list = is_listing(ended, context) && ended.verb == "LIST";
            let stated = number(field(ended.text().filter(|_| is_list)?).0)?;
            let is_other = stated != context.listing.lines;
            is_other.then(|| {
                ended.spot(format!(
                    "the reply text says {stated}, but the number of lines is {}",
                    context.listing.lines
                ))
            })
        })],
    },
    // RFC 1939 §4: the maildrop holds all messages; some providers show only a window of it.
    Rule {
        id: "list-window",
        level: Info,
        source: "seen at providers",
        says: "a maildrop of exactly 100, 250, 500 or 1000 messages may be part of a larger one",
        hint: "fetch and delete the messages, and log in again: if the count is the same, the provider shows only part of the mailbox",
        check: &[Check::Exchange(|ended, context| {
            let count = stat(ended).map(|(count, _)| count)?;
            ended.when(
                matches!(count, 100 | 250 | 500 | 1000) && context.counts.stat.is_none(),
                "the maildrop has a round number of messages",
            )
        })],
    },
    // RFC 1939 §11: sizes are counted in octets; many programs miscount beyond 31 bits.
    Rule {
        id: "size-huge",
        level: Should,
        source: "seen in servers with 32-bit counters",
        says: "a size should not be negative, and should fit in 31 bits",
        hint: "the server may use 32-bit counters: update it",
        check: &[Check::Line(|seen, context| {
            let listed = scan(seen).filter(|text| is_message(text, context));
            let text = listed.or_else(|| drop_listing(seen))?;
            let size = field(field(text).1.strip_prefix(b" ")?).0;
            let is_negative = size.starts_with(b"-") && number(size.get(1..)?).is_some();
            let is_large =
                seen.verb() == "LIST" && number(size).is_some_and(|size| size > i32::MAX as u64);
            seen.when(
                is_negative || is_large,
                "the size is negative or does not fit in 31 bits",
            )
        })],
    },
    // RFC 1939 §11: a message has at least a header.
    Rule {
        id: "size-zero",
        level: Info,
        source: "RFC 1939 §11",
        says: "a message should not be empty",
        hint: "a failed delivery or a full disk can cause this: delete the message",
        check: &[Check::Line(|seen, context| {
            let text = scan(seen).filter(|text| is_message(text, context))?;
            let (_, size, _) = two_numbers(text)?;
            seen.when(size == 0, "the message has 0 octets")
        })],
    },
    // RFC 1939 §4, §11: a message does not change within a session.
    Rule {
        id: "size-changes",
        level: Should,
        source: "RFC 1939 §4, §11",
        says: "a message should keep its size during the session",
        hint: "the server may add header fields such as X-UIDL or Status while a client reads the message",
        check: &[
            Check::Line(|seen, context| {
                let (message, size, _) = two_numbers(scan(seen)?)?;
                let before = context.maildrop.messages.get(&message)?.size?;
                // After DELE the numbers may have moved; that is worse, and has its own rule.
                let is_other = before != size && context.session.marked.is_empty();
                is_other
                    .then(|| seen.spot(format!("the size changed from {before} to {size} octets")))
            }),
            Check::Exchange(|ended, context| {
                let (count, octets) = stat(ended)?;
                let (count_before, before) = context
                    .counts
                    .stat
                    .filter(|_| context.session.marked.is_empty())?;
                let is_other = count == count_before && octets != before;
                is_other.then(|| {
                    ended.spot(format!("the size changed from {before} to {octets} octets"))
                })
            }),
        ],
    },
    // RFC 1939 §4: the maildrop is locked: no messages come or go during a session.
    Rule {
        id: "maildrop-changes",
        level: Must,
        source: "RFC 1939 §4",
        says: "the number of messages must stay the same during a session",
        hint: "numbers may now refer to different messages: the server must not change the maildrop during a session",
        check: &[Check::Exchange(|ended, context| {
            let (count, _) = stat(ended)?;
            let (before, _) = context
                .counts
                .stat
                .filter(|_| context.session.marked.is_empty())?;
            let is_other = count != before && !(context.maildrop.was_reset && count < before);
            is_other.then(|| {
                ended.spot(format!(
                    "the maildrop had {before} messages and now has {count}"
                ))
            })
        })],
    },
    // RFC 1939 §7: UIDL is optional, but without it mail cannot be left on the server. If it is
    // announced and refused, that is worse, and `capa-announces-refused` reports it.
    Rule {
        id: "uidl-missing",
        level: Should,
        source: "RFC 1939 §7",
        says: "the server should support UIDL",
        hint: "clients cannot leave mail on this server: use a different server, or IMAP",
        check: &[Check::Exchange(|ended, context| {
            let is_refused = ended.verb == "UIDL" && ended.is_err() && !ended.has_arguments();
            let is_announced = context.announces("UIDL") == Some(true);
            let is_broken = is_refused
                && context.session.is_transaction()
                && context.counts.messages != Some(0)
                && !is_announced;
            ended.when(
                is_broken && ended.code().is_none(),
                "the server refused UIDL",
            )
        })],
    },
    // RFC 1939 §5, §7: LIST and UIDL list the same messages.
    Rule {
        id: "uidl-list-mismatch",
        level: Must,
        source: "RFC 1939 §5, §7",
        says: "LIST and UIDL must list the same messages",
        hint: "the server's indexes disagree: rebuild them",
        check: &[Check::Exchange(|ended, context| {
            let is_sure = is_listing(ended, context)
                && context.session.marked.is_empty()
                && !context.maildrop.was_reset;
            let other = match ended.verb {
                "UIDL" => context.counts.listed.map(|(lines, _)| lines),
                _ => context.counts.unique,
            };
            let other = other.filter(|_| is_sure)?;
            let what = format!(
                "this listing has {} messages, but the other listing has {other}",
                context.listing.lines
            );
            (other != context.listing.lines).then(|| ended.spot(what))
        })],
    },
    // RFC 1939 §7: a unique-id is persistent.
    Rule {
        id: "uidl-unstable-in-session",
        level: Must,
        source: "RFC 1939 §7",
        says: "a message must keep its unique-id",
        hint: "clients fetch the same mail repeatedly: the server must not compute unique-ids from data that reading changes",
        check: &[Check::Line(|seen, context| {
            let (first, rest) = field(unique(seen)?);
            let before = context.maildrop.messages.get(&number(first)?)?.unique_id?;
            let is_other = super::words::digest(rest.trim_ascii_start()) != before;
            seen.when(
                is_other && context.session.marked.is_empty(),
                "the unique-id has changed",
            )
        })],
    },
    // RFC 1939 §5: a deleted message is neither listed nor counted.
    Rule {
        id: "dele-still-listed",
        level: Must,
        source: "RFC 1939 §5",
        says: "the server must neither list nor count a deleted message",
        hint: "the server ignores deletion marks until QUIT",
        check: &[Check::Exchange(|ended, context| {
            let is_shown = is_listing(ended, context)
                && !is_renumbered(context)
                && context
                    .session
                    .marked
                    .iter()
                    .any(|marked| context.listing.numbers.contains_key(marked));
            // Seen: Twisted answers LIST for a deleted message with `+OK 1 0`.
            let is_named = ended.is(Command::lists_messages) && ended.is_ok();
            let is_told = ended
                .number()
                .is_some_and(|message| is_named && context.session.marked.contains(&message));
            if is_told {
                let what = format!(
                    "the server still answers {} with +OK for a deleted message",
                    ended.verb
                );
                return Some(ended.spot(what));
            }
            let is_counted = stat(ended).is_some_and(|(count, _)| {
                context.counts.messages == Some(count) && !context.session.marked.is_empty()
            });
            ended.when(
                is_shown || is_counted,
                "a deleted message is still listed or counted",
            )
        })],
    },
    // RFC 1939 §5: a reference to a deleted message is an error.
    Rule {
        id: "dele-still-retrievable",
        level: Must,
        source: "RFC 1939 §5",
        says: "the server must not send a deleted message",
        hint: "the server ignores deletion marks until QUIT",
        check: &[Check::Exchange(|ended, context| {
            let is_use = ended.is(Command::fetches_message) && ended.is_ok();
            let is_marked = ended
                .number()
                .is_some_and(|message| context.session.marked.contains(&message));
            ended.when(is_use && is_marked, "the server sent a deleted message")
        })],
    },
    // RFC 1939 §5: any reference to a deleted message is an error, including a second DELE.
    Rule {
        id: "dele-twice-ok",
        level: Must,
        source: "RFC 1939 §5",
        says: "DELE of a deleted message must get -ERR, like any other command for the message",
        hint: "the server must check the deletion mark, or its counters may decrease twice",
        check: &[Check::Exchange(|ended, context| {
            let is_marked = ended
                .number()
                .is_some_and(|message| context.session.marked.contains(&message));
            ended.when(
                ended.verb == "DELE" && ended.is_ok() && is_marked,
                "the server accepted a second DELE of the same message",
            )
        })],
    },
    // RFC 1939 §5: message numbers do not change during a session.
    Rule {
        id: "dele-renumbers",
        level: Must,
        source: "RFC 1939 §5",
        says: "message numbers must stay the same after DELE",
        hint: "stop deleting: the next DELE may remove the wrong message",
        check: &[Check::Exchange(|ended, context| {
            let is_broken = is_listing(ended, context)
                && !context.session.marked.is_empty()
                && is_renumbered(context);
            ended.when(is_broken, "messages got lower numbers after DELE")
        })],
    },
    // RFC 1939 §5: RSET removes all marks.
    Rule {
        id: "rset-incomplete",
        level: Must,
        source: "RFC 1939 §5",
        says: "after RSET, no message may be marked as deleted",
        hint: "QUIT may delete mail: close the connection without QUIT",
        check: &[Check::Exchange(|ended, context| {
            let now = match stat(ended) {
                Some((count, _)) => count,
                None if is_listing(ended, context) => context.listing.lines,
                None => return None,
            };
            let before = context
                .counts
                .messages
                .filter(|_| context.maildrop.was_reset && context.session.marked.is_empty())?;
            (now < before).then(|| {
                ended.spot(format!(
                    "the maildrop had {before} messages, but has {now} after RSET"
                ))
            })
        })],
    },
    // RFC 1939 §6: QUIT is answered.
    Rule {
        id: "quit-no-reply",
        level: Should,
        source: "RFC 1939 §6",
        says: "the server should answer QUIT before it closes the connection",
        hint: "if you sent DELE, check in the next session whether the messages are gone",
        check: &[Check::Exchange(|ended, context| {
            let is_silent = ended.verb == "QUIT" && ended.exchange.status.is_none();
            // A server that closes after a failed login may not have read the QUIT.
            let is_login = context
                .last_if(|last| last.is(Command::is_of_login))
                .is_some();
            let is_refused = is_login && context.is_after_refusal()
                || context.is_after_oversize()
                || context.is_after_errors()
                || context.is_after_refused_option()
                || context.is_answered_in_message();
            ended.when(
                is_silent && !is_refused && super::predicates::is_cut(context),
                "the server did not answer QUIT",
            )
        })],
    },
    // RFC 1939 §6: -ERR to QUIT means that some messages were not removed.
    Rule {
        id: "quit-err",
        level: Must,
        source: "RFC 1939 §6",
        says: "QUIT must get +OK and remove the messages marked as deleted",
        hint: "the server may be unable to write the maildrop (disk full, quota, read-only) or, before login, not support QUIT",
        check: &[Check::Exchange(|ended, _| {
            ended.when(
                ended.verb == "QUIT" && ended.is_err(),
                "the server answered QUIT with -ERR",
            )
        })],
    },
    // RFC 1939 §6: after the reply to QUIT the server closes the connection.
    Rule {
        id: "quit-keeps-open",
        level: Should,
        source: "RFC 1939 §6",
        says: "the server should close the connection after QUIT",
        hint: "the server keeps finished sessions open, so it may run out of connections",
        check: &[Check::Event(|event, context| {
            let is_late = event.kind == EventKind::TimedOut && context.has_quit();
            is_late.then(|| Site::at(event.place, "the connection stayed open after QUIT"))
        })],
    },
    // RFC 1939 §6: the UPDATE state may take a while.
    Rule {
        id: "quit-slow",
        level: Info,
        source: "RFC 1939 §6",
        says: "QUIT may take a long time while the server rewrites a large mailbox",
        hint: "wait up to ten minutes for the reply: a client that closes early does not know what was deleted",
        check: &[Check::Exchange(|ended, _| {
            let took = ended.exchange.reply_ms.filter(|_| ended.verb == "QUIT")?;
            (took > 10_000).then(|| ended.spot(format!("QUIT took {} s", took / 1000)))
        })],
    },
];
