//! RFC 1460: LAST, which RFC 1725 took out.

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
    // RFC 1725 took LAST out in 1994; no later document has it.
    // Seen: popa3d, solid-pop3d, Twisted.
    Rule {
        id: "last-works",
        level: Info,
        source: "RFC 1460 §5, RFC 1725",
        says: "LAST is a command of old servers",
        hint: "harmless; clients use UIDL to find out what is new",
        check: &[Check::Exchange(|ended, _| {
            ended.when(last(ended).is_some(), "LAST works")
        })],
    },
    // RFC 1460 §5: LAST gives the highest message number that was accessed.
    // Seen: solid-pop3d says 0 whatever was fetched.
    Rule {
        id: "last-disagrees",
        level: Info,
        source: "RFC 1460 §5",
        says: "LAST is not lower than the messages that RETR brought",
        hint: "a client that relies on LAST fetches everything again: use UIDL",
        check: &[Check::Exchange(|ended, known| {
            let told = last(ended)?;
            let highest = known.maildrop.highest_retrieved;
            let what = format!("LAST says {told} after RETR {highest}");
            (told < highest).then(|| ended.spot(what))
        })],
    },
];
