//! What is recorded of a malformed secret. It gives nothing that helps to guess the secret: no
//! octet, no length.

use crate::pop3::sasl::is_base64;
use Flaw::{Controls, LongLine, NotAscii, NotBase64, NotHexadecimal, Spaces, UpperCase};
use SecretKind::{Digest, InitialResponse, Password, Response};

/// A secret that the client sent, or what it sent in the secret's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SecretKind {
    Password,
    Digest,
    InitialResponse,
    Response,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// Anything but 32 hexadecimal digits (RFC 1939 §7).
    NotHexadecimal,
    /// 32 hexadecimal digits, but not all in lower case (RFC 1939 §7).
    UpperCase,
    /// Not base64 (RFC 5034 §4).
    NotBase64,
    /// The line of AUTH has more than 255 octets (RFC 5034 §4). Only of a token: with a password
    /// the length would help to guess it.
    LongLine,
    /// C0 controls or DEL.
    Controls,
    /// Octets above 127 (RFC 6856 §2.1).
    NotAscii,
    /// A space before it or after it, which some servers take for a part of it and some do not (RFC
    /// 1939 §7).
    Spaces,
}

/// A secret and its flaw: `malformed digest: not 32 hexadecimal digits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Malformed {
    pub(crate) secret: SecretKind,
    pub(crate) flaw: Flaw,
}

const WORDS: &[(SecretKind, Flaw, &str)] = &[
    (Password, Controls, "malformed password: control octets"),
    (Password, NotAscii, "malformed password: not ASCII"),
    (
        Password,
        Spaces,
        "malformed password: a space before or after it",
    ),
    (
        Digest,
        NotHexadecimal,
        "malformed digest: not 32 hexadecimal digits",
    ),
    (Digest, UpperCase, "malformed digest: not in lower case"),
    (
        InitialResponse,
        NotBase64,
        "malformed initial response: not base64",
    ),
    (
        InitialResponse,
        LongLine,
        "malformed initial response: its line has more than 255 octets",
    ),
    (Response, NotBase64, "malformed response: not base64"),
];

/// The mechanisms whose secret is a token, which no one guesses.
const TOKENS: &[&[u8]] = &[b"OAUTHBEARER", b"XOAUTH2"];

impl Malformed {
    /// Returns every one that an event can say.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|&(secret, flaw, _)| Self { secret, flaw })
    }

    pub(crate) fn words(self) -> &'static str {
        let row = WORDS
            .iter()
            .find(|(secret, flaw, _)| (*secret, *flaw) == (self.secret, self.flaw));
        row.map_or("malformed secret", |(_, _, words)| words)
    }

    /// Returns what the text of an event says of a secret; None for another event.
    pub(crate) fn of_event(text: &str) -> Option<Self> {
        let row = WORDS.iter().find(|(_, _, words)| *words == text);
        row.map(|&(secret, flaw, _)| Self { secret, flaw })
    }

    pub(crate) fn of_password(password: &[u8]) -> impl Iterator<Item = Self> {
        let flaws = [
            (Controls, password.iter().any(u8::is_ascii_control)),
            (NotAscii, !password.is_ascii()),
            (
                Spaces,
                password.starts_with(b" ") || password.ends_with(b" "),
            ),
        ];
        Self::there(Password, flaws)
    }

    fn there<const N: usize>(
        secret: SecretKind,
        flaws: [(Flaw, bool); N],
    ) -> impl Iterator<Item = Self> {
        let found = flaws.into_iter().filter(|(_, is_there)| *is_there);
        found.map(move |(flaw, _)| Self { secret, flaw })
    }

    pub(crate) fn of_digest(digest: &[u8]) -> Option<Self> {
        let digest = digest.trim_ascii();
        let flaw = if digest.len() != 32 || !digest.iter().all(u8::is_ascii_hexdigit) {
            NotHexadecimal
        } else if digest.iter().any(u8::is_ascii_uppercase) {
            UpperCase
        } else {
            return None;
        };
        Some(Self {
            secret: Digest,
            flaw,
        })
    }

    /// Returns the flaws of an initial response; `line` is the octets of its whole line, CRLF
    /// included.
    pub(crate) fn of_initial_response(
        response: &[u8],
        mechanism: &[u8],
        line: usize,
    ) -> impl Iterator<Item = Self> {
        let is_token = TOKENS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(mechanism));
        let flaws = [
            (NotBase64, !is_base64(response.trim_ascii())),
            (LongLine, is_token && line > 255),
        ];
        Self::there(InitialResponse, flaws)
    }

    /// Returns the flaw of a response on a line of its own.
    pub(crate) fn of_response(response: &[u8]) -> Option<Self> {
        let flaw = NotBase64;
        (!is_base64(response)).then_some(Self {
            secret: Response,
            flaw,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn what_is_printed_is_parsed_as_the_same() {
        for (secret, flaw, words) in WORDS {
            let malformed = Malformed {
                secret: *secret,
                flaw: *flaw,
            };
            assert_eq!(malformed.words(), *words);
            assert_eq!(Malformed::of_event(words), Some(malformed));
            assert_eq!(
                super::super::EventKind::of(words),
                super::super::EventKind::Malformed
            );
        }
        assert_eq!(Malformed::of_event("malformed digest: odd"), None);
    }

    #[test]
    fn a_digest_is_32_hexadecimal_digits_in_lower_case() {
        let flaw = |digest: &str| Malformed::of_digest(digest.as_bytes()).map(|one| one.flaw);
        assert_eq!(flaw("c4c9334bac560ecc979e58001b3e22fb"), None);
        assert_eq!(flaw("C4C9334bac560ecc979e58001b3e22fb"), Some(UpperCase));
        for digest in [
            "alice@example.com",
            "c4c9334b",
            "c4c9334bac560ecc979e58001b3e22fg",
            "c4c9334bac560ecc979e58001b3e22fb a",
        ] {
            assert_eq!(flaw(digest), Some(NotHexadecimal), "{digest}");
        }
    }

    #[test]
    fn a_password_may_have_several_flaws() {
        let flaws = |password: &str| {
            Malformed::of_password(password.as_bytes())
                .map(|one| one.flaw)
                .collect::<Vec<_>>()
        };
        assert_eq!(flaws("two words"), []);
        assert_eq!(flaws(" a"), [Spaces]);
        assert_eq!(flaws("é\u{7f} "), [Controls, NotAscii, Spaces]);
    }

    #[test]
    fn only_of_a_token_is_it_said_that_it_is_long() {
        let long = STANDARD.encode([b'x'; 240]);
        let flaws = |mechanism: &str| {
            let line = "AUTH  ".len() + mechanism.len() + long.len() + 2;
            Malformed::of_initial_response(long.as_bytes(), mechanism.as_bytes(), line).count()
        };
        assert_eq!((flaws("xoauth2"), flaws("PLAIN")), (1, 0));
    }

    #[test]
    fn a_response_is_base64_with_its_padding() {
        for (text, is_fine) in [
            ("YQ==", true),
            ("", true),
            ("YQ", false),
            ("alice", false),
            ("YQ== ", false),
            ("YR==", false),
        ] {
            assert_eq!(
                Malformed::of_response(text.as_bytes()).is_none(),
                is_fine,
                "{text}"
            );
        }
    }
}
