//! Where a text says that what comes next is a password.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Words before a password, in lower case.
const PASSWORDS: &[&[u8]] = &[b"pass", b"passwd", b"password", b"passphrase", b"pwd"];

/// What may come between such a word and the password.
const SIGNS: &[u8] = b" \t:=\"'`<([{";

/// Base64 that was cut out of a text, or has no padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether a password comes next: `text` ends with a word for one, or with what the client wrote
/// before it (`typed`, in lower case).
pub(super) fn is_password_next(text: &[u8], typed: &[u8]) -> bool {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let typed = typed.trim_ascii();
    if !typed.is_empty() && ends_with_word(&lower, typed) {
        return true; // glued to it, as in `PASSsecret`
    }
    let mut before = without_signs(&lower);
    if before.len() == lower.len() {
        return false;
    }
    for word in [&b"is"[..], b"was"] {
        let rest = before.strip_suffix(word).map(without_signs);
        before = rest
            .filter(|rest| rest.len() + word.len() < before.len())
            .unwrap_or(before);
    }
    let words = PASSWORDS.iter().copied().chain([typed]);
    let mut words = words.filter(|word| !word.is_empty());
    words.any(|word| ends_with_word(before, word))
}

fn without_signs(text: &[u8]) -> &[u8] {
    let signs = text.iter().rev().take_while(|octet| SIGNS.contains(octet));
    text.get(..text.len() - signs.count()).unwrap_or_default()
}

fn ends_with_word(text: &[u8], word: &[u8]) -> bool {
    let before = text.strip_suffix(word);
    before.is_some_and(|before| before.last().is_none_or(|octet| !is_letter(octet)))
}

/// Whether a word ends before this text: it does not continue as a name or an address would.
pub(super) fn is_word_end(after: &[u8]) -> bool {
    let marks = after.iter().take_while(|octet| b"._%+-=".contains(octet));
    match after.get(marks.count()) {
        Some(octet) => !is_letter(octet) && *octet != b'@',
        None => true,
    }
}

fn is_letter(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || !octet.is_ascii()
}

/// The whole word around a place, address or not.
pub(super) fn word_around(octets: &[u8], place: Range<usize>) -> Range<usize> {
    let is_word = |octet: &&u8| is_letter(octet) || b"._%+-=@".contains(octet);
    let before = octets.get(..place.start).unwrap_or_default();
    let after = octets.get(place.end..).unwrap_or_default();
    let start = place.start - before.iter().rev().take_while(is_word).count();
    start..place.end + after.iter().take_while(is_word).count()
}

/// What base64 says, with padding or without, in either alphabet (RFC 4648 §4, §5); None if it is
/// not base64.
pub(in crate::transcript::secret) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |octet: &u8| match octet {
        b'-' => b'+',
        b'_' => b'/',
        octet => *octet,
    };
    let digits = Zeroizing::new(text.trim_ascii().iter().map(digit).collect::<Vec<u8>>());
    LENIENT.decode(digits.as_slice()).ok().map(Zeroizing::new)
}

/// What a run of base64 digits says; a group of digits starts at `group`, or a multiple of four
/// away.
pub(super) fn decoded(
    octets: &[u8],
    run: &Range<usize>,
    group: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let start = run.start + (group + 4 - run.start % 4) % 4;
    let digits = octets.get(start..run.end)?;
    let padding = digits.iter().rev().take_while(|octet| **octet == b'=');
    let digits = digits.get(..digits.len() - padding.count())?;
    // One digit of a group is not an octet.
    let whole = digits.len() - usize::from(digits.len() % 4 == 1);
    decode(digits.get(..whole)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_announced_by_a_word_or_by_what_was_typed() {
        for (text, typed, want) in [
            ("-ERR you said PASS ", "", true),
            ("wrong password: `", "", true),
            ("your password is ", "", true),
            ("you said PAS ", "pas ", true),
            ("PASS", "pass", true),
            ("+OK ", "pass ", false),
            ("+OK mailbox of ", "pass ", false),
            ("password", "", false),
            ("compass ", "", false),
            ("password for ", "", false),
            ("", "", false),
        ] {
            assert_eq!(
                is_password_next(text.as_bytes(), typed.as_bytes()),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn a_word_goes_on_as_an_address_does() {
        for (after, want) in [
            ("", true),
            (".", true),
            (". x", true),
            ("@x", false),
            ("-b", false),
            ("1", false),
            (", x", true),
        ] {
            assert_eq!(is_word_end(after.as_bytes()), want, "{after}");
        }
    }

    #[test]
    fn a_run_is_decoded_from_the_middle() {
        let text = b"xxAGFsaWNl";
        for group in [2, 6, 10] {
            assert_eq!(decoded(text, &(0..10), group).unwrap()[..], b"\0alice"[..]);
            assert_eq!(decoded(text, &(2..10), group).unwrap()[..], b"\0alice"[..]);
        }
    }
}
