//! The words of the protocol. A hole in their place would say what the secret is, and the exchange
//! could no longer be read.

use std::ops::Range;

use crate::pop3::command::Command;

/// Words of replies, in lower case: the status indicators, capabilities, mechanisms, response
/// codes.
const WORDS: &[&[u8]] = &[
    b"+ok",
    b"-err",
    b"anonymous",
    b"auth-resp-code",
    b"cram-md5",
    b"digest-md5",
    b"expire",
    b"external",
    b"gssapi",
    b"implementation",
    b"in-use",
    b"login",
    b"login-delay",
    b"never",
    b"ntlm",
    b"oauthbearer",
    b"pipelining",
    b"plain",
    b"resp-codes",
    b"sasl",
    b"scram-sha-1",
    b"scram-sha-256",
    b"sys/perm",
    b"sys/temp",
    b"xoauth2",
];

/// Whether a place is inside a word of the protocol.
pub(super) fn is_protocol(octets: &[u8], place: &Range<usize>) -> bool {
    let is_word = |octet: &&u8| octet.is_ascii_alphanumeric() || b"*+-/".contains(octet);
    let before = octets.get(..place.start).unwrap_or_default();
    let after = octets.get(place.end..).unwrap_or_default();
    let start = place.start - before.iter().rev().take_while(is_word).count();
    let end = place.end + after.iter().take_while(is_word).count();
    let word = octets.get(start..end).unwrap_or_default();
    let mut verbs = Command::all().flat_map(|row| row.verb.split(' '));
    word.iter().all(|octet| is_word(&octet))
        && (verbs.any(|verb| verb.as_bytes().eq_ignore_ascii_case(word))
            || WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_verb_is_in_the_protocol_and_a_longer_word_is_not() {
        for (text, place, want) in [
            ("unknown LIST", 8..12, true),
            ("XCLIENT", 1..7, true),
            ("-ERR", 0..4, true),
            ("SASL PLAIN", 5..10, true),
            ("SASL PLAIN", 3..7, false),
            ("listen", 0..4, false),
            ("a+list", 2..6, false),
        ] {
            assert_eq!(is_protocol(text.as_bytes(), &place), want, "{text}");
        }
    }
}
