//! RFC 5322: which octets messages may contain, and how long their lines are.

use super::predicates::message;
use super::{Check, Rule};
use crate::analysis::finding::Level::{Info, Should};

pub(super) const RULES: &[Rule] = &[
    // RFC 5322 §2.3: CR and LF appear only together in a message.
    Rule {
        id: "bare-cr-in-message",
        level: Info,
        source: "RFC 5322 §2.3",
        says: "in a message, a CR should appear only before LF",
        hint: "the message is malformed, but servers pass such messages on unchanged",
        check: &[Check::Exchange(|ended, _| message(ended)?.bare_cr.clone())],
    },
    // RFC 5322 §2.1.1: a line has at most 998 characters. POP3 itself has no limit.
    Rule {
        id: "long-data-line",
        level: Info,
        source: "RFC 5322 §2.1.1",
        says: "a line of a message should have at most 998 octets",
        hint: "the sender is at fault, and some clients cut or refuse such a message",
        check: &[Check::Exchange(|ended, _| {
            message(ended)?.long_line.clone()
        })],
    },
    // RFC 5322 §2.1, RFC 6856 §2.1: an octet 0 is not allowed in messages. A server that passes one
    // on is not to blame.
    Rule {
        id: "nul-in-message",
        level: Info,
        source: "RFC 5322 §2.1, RFC 6856 §2.1",
        says: "a message should not have NUL octets",
        hint: "a damaged file or binary mail can cause this: some clients cut the line at the NUL or hang",
        check: &[Check::Exchange(|ended, _| message(ended)?.nul.clone())],
    },
    // RFC 2449 §3, RFC 6856 §2.1: an octet 0 is not allowed in status lines and listings.
    Rule {
        id: "nul-octet",
        level: Should,
        source: "RFC 2449 §3, RFC 6856 §2.1",
        says: "the server should not send NUL octets in status lines and listings",
        hint: "the server may repeat octets from a client or a file: some clients cut the line at the NUL or hang",
        check: &[Check::Line(|seen, context| {
            let is_text = seen.role.is_servers() && !seen.is_tls_record() && !context.is_data(seen);
            seen.when(
                is_text && seen.text.contains(&0),
                "the line contains a NUL octet",
            )
        })],
    },
];
