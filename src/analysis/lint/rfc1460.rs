//! RFC 1460: LAST, which RFC 1725 removed.

use super::input::ExchangeSeen;
use super::words::{field, number};
use super::{Check, Rule};
use crate::analysis::finding::Level::Info;

fn last(ended: &ExchangeSeen<'_>) -> Option<u64> {
    let text = ended
        .text()
        .filter(|_| ended.verb == "LAST" && ended.is_ok())?;
    number(field(text).0)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1725 removed LAST in 1994; no later document has it.
    // Seen: popa3d, solid-pop3d, Twisted.
    Rule {
        id: "last-works",
        level: Info,
        source: "RFC 1460 §5, RFC 1725",
        says: "LAST is an obsolete command",
        hint: "harmless, but clients should use UIDL to find new messages",
        check: &[Check::Exchange(|ended, _| {
            ended.when(last(ended).is_some(), "the server accepted LAST")
        })],
    },
    // RFC 1460 §5: LAST gives the highest message number accessed.
    // Seen: solid-pop3d always says 0.
    Rule {
        id: "last-disagrees",
        level: Info,
        source: "RFC 1460 §5",
        says: "LAST should report at least the highest message number fetched with RETR",
        hint: "a client that relies on LAST may fetch messages again: use UIDL",
        check: &[Check::Exchange(|ended, context| {
            let stated = last(ended)?;
            let highest = context.maildrop.highest_retrieved;
            let what = format!("LAST says {stated} after RETR {highest}");
            (stated < highest).then(|| ended.spot(what))
        })],
    },
];
