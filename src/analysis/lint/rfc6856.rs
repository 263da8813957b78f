//! RFC 6856: UTF8 and LANG.

use super::context::Utf8;
use super::predicates::message;
use super::words::field;
use super::{Check, Context, LineRole, LineSeen, List, Rule};
use crate::analysis::finding::Level::{Info, Must, Should};

/// Whether a server line of text holds octets above 127.
fn is_eight_bit(seen: &LineSeen<'_>, context: &Context) -> bool {
    let is_text = matches!(
        seen.role,
        LineRole::Greeting | LineRole::Status | LineRole::Unrequested
    );
    is_text && !seen.text.is_ascii() && !seen.is_tls_record() && !context.is_data(seen)
}

fn is_tag(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §3, RFC 6856 §3: text is ASCII until LANG or UTF8 is accepted.
    Rule {
        id: "eight-bit-status",
        level: Should,
        source: "RFC 1939 §3, RFC 6856 §3",
        says: "the server's text should be ASCII until it accepts UTF8 or LANG",
        hint: "the server's texts may be translated: send English, or offer LANG",
        check: &[Check::Line(|seen, context| {
            // The reply to LANG is already in the new language.
            let is_lang = matches!(seen.verb(), "LANG" | "UTF8");
            let valid = std::str::from_utf8(seen.text).is_ok();
            let what = if valid {
                "the line has octets above 127, encoded as UTF-8"
            } else {
                "the line has octets above 127 that are not UTF-8"
            };
            seen.when(
                is_eight_bit(seen, context) && context.utf8 == Utf8::Off && !is_lang,
                what,
            )
        })],
    },
    // RFC 6856 §3.1: with LANG or UTF8 the text is UTF-8.
    Rule {
        id: "invalid-utf8-status",
        level: Must,
        source: "RFC 6856 §2.1, §3.1",
        says: "the server's text must be UTF-8 after it accepts UTF8 or LANG",
        hint: "the server's texts are in a different encoding: convert them to UTF-8",
        check: &[Check::Line(|seen, context| {
            let is_invalid = is_eight_bit(seen, context) && std::str::from_utf8(seen.text).is_err();
            let is_whole = seen.plain().is_some();
            seen.when(
                is_invalid && context.utf8 != Utf8::Off && is_whole,
                "the line has octets that are not UTF-8",
            )
        })],
    },
    // RFC 6856 §2, §4: without UTF8 the server sends no header with octets above 127.
    Rule {
        id: "eight-bit-headers",
        level: Info,
        source: "RFC 6856 §2, §4",
        says: "without UTF8, a message header should be ASCII",
        hint: "the message may be internationalized or damaged: the server should send a surrogate, or -ERR [UTF8]",
        check: &[Check::Exchange(|ended, context| {
            let spot = message(ended)?.eight_bit.clone();
            spot.filter(|_| context.utf8 != Utf8::On)
        })],
    },
    // RFC 6856 §3: the reply to LANG with a tag begins with that tag.
    Rule {
        id: "lang-reply-without-tag",
        level: Must,
        source: "RFC 6856 §3.2",
        says: "the reply to LANG with a tag must be +OK and the language tag",
        hint: "clients cannot know which language is active: the server must send the tag",
        check: &[Check::Exchange(|ended, _| {
            let is_set = ended.verb == "LANG" && ended.has_arguments() && ended.is_ok();
            let text = ended.text().filter(|_| is_set)?;
            ended.when(!is_tag(field(text).0), "the line has no language tag")
        })],
    },
    // RFC 6856 §3: each line of the list is a tag and a description of the language.
    Rule {
        id: "lang-list-malformed",
        level: Must,
        source: "RFC 6856 §3.2",
        says: "each line of the language list must begin with a tag",
        hint: "the server must send the tag, a space and the name of the language",
        check: &[Check::Line(|seen, _| {
            let text = seen
                .plain()
                .filter(|_| seen.role == LineRole::Listed(List::Languages))?;
            seen.when(!is_tag(field(text).0), "the line has no language tag")
        })],
    },
    // RFC 6856 §2.1: UTF8 USER lets names and passwords be UTF-8; nothing else is a parameter.
    Rule {
        id: "utf8-capability-parameter",
        level: Should,
        source: "RFC 6856 §2.1",
        says: "the only parameter of UTF8 should be USER",
        hint: "clients ignore parameters that they do not know",
        check: &[Check::Line(|seen, _| {
            let mut words = seen.capability()?.split_ascii_whitespace();
            let is_utf8 = words.next()?.eq_ignore_ascii_case("UTF8");
            let is_odd = words.any(|word| !word.eq_ignore_ascii_case("USER"));
            seen.when(is_utf8 && is_odd, "UTF8 does not have this parameter")
        })],
    },
];
