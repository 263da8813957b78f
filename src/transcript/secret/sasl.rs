//! What a SASL response holds: the secret, and the names.

/// The secret in a decoded SASL response, by mechanism; `count` is 1 for the first response of the
/// exchange.
pub(super) fn secret_in<'a>(mechanism: &[u8], count: usize, decoded: &'a [u8]) -> &'a [u8] {
    let after = |mark: &[u8]| {
        memchr::memmem::rfind(decoded, mark).map_or(decoded, |at| {
            decoded.get(at + mark.len()..).unwrap_or_default()
        })
    };
    match mechanism {
        b"LOGIN" if count == 1 => b"", // the name
        b"XOAUTH2" | b"OAUTHBEARER" => {
            // RFC 6750 §2.1 has `Bearer`; schemes are compared without regard to case.
            let mark = b"auth=bearer ";
            let start = memchr::memmem::rfind(&decoded.to_ascii_lowercase(), mark);
            let token = start.map_or(decoded, |at| {
                decoded.get(at + mark.len()..).unwrap_or_default()
            });
            token.split(|octet| *octet == 1).next().unwrap_or_default()
        }
        // RFC 2831 §2.1.2: `response=` and 32 digits, in a list with commas.
        b"DIGEST-MD5" => {
            let digits = after(b"response=");
            let digits = digits.split(|octet| *octet == b',').next();
            unquoted(digits.unwrap_or_default())
        }
        b"CRAM-MD5" | b"CRAM-SHA1" | b"CRAM-SHA256" => after(b" "),
        _ if mechanism.starts_with(b"SCRAM-") => match memchr::memmem::rfind(decoded, b",p=") {
            Some(at) => decoded.get(at + 3..).unwrap_or_default(),
            None => b"", // the first message: name and nonce
        },
        // PLAIN, and what looks like it: the last field.
        _ => after(b"\0"),
    }
}

/// Text without the quotes around it.
pub(super) fn unquoted(text: &[u8]) -> &[u8] {
    let pairs = [(b'"', b'"'), (b'\'', b'\''), (b'`', b'`'), (b'<', b'>')];
    match text.trim_ascii() {
        [first, inner @ .., last] if pairs.contains(&(*first, *last)) => inner,
        text => text,
    }
}

/// The names in a decoded SASL response; `count` as in [`secret_in`].
pub(super) fn names_in<'a>(mechanism: &[u8], count: usize, decoded: &'a [u8]) -> Vec<&'a [u8]> {
    let field = |mark: &[u8], ends: &[u8]| {
        let rest =
            memchr::memmem::find(decoded, mark).and_then(|at| decoded.get(at + mark.len()..));
        rest.and_then(|rest| rest.split(|octet| ends.contains(octet)).next())
    };
    let names = match mechanism {
        b"PLAIN" => decoded.split(|octet| *octet == 0).take(2).collect(),
        b"LOGIN" if count == 1 => vec![decoded],
        b"XOAUTH2" => field(b"user=", b"\x01").into_iter().collect(),
        b"OAUTHBEARER" => field(b"a=", b",\x01").into_iter().collect(),
        b"CRAM-MD5" | b"CRAM-SHA1" | b"CRAM-SHA256" => {
            let end = memchr::memrchr(b' ', decoded).unwrap_or(0);
            decoded.get(..end).into_iter().collect()
        }
        _ if mechanism.starts_with(b"SCRAM-") => field(b"n=", b",").into_iter().collect(),
        b"DIGEST-MD5" => field(b"username=\"", b"\"").into_iter().collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mechanism_has_its_names() {
        for (mechanism, decoded, want) in [
            ("PLAIN", "\0alice\0secret", vec!["alice"]),
            ("PLAIN", "al\0alice\0secret", vec!["al", "alice"]),
            ("LOGIN", "alice", vec!["alice"]),
            (
                "XOAUTH2",
                "user=alice\x01auth=Bearer t\x01\x01",
                vec!["alice"],
            ),
            (
                "OAUTHBEARER",
                "n,a=alice,\x01auth=Bearer t\x01\x01",
                vec!["alice"],
            ),
            ("CRAM-MD5", "two words 0123", vec!["two words"]),
            ("SCRAM-SHA-256", "n,,n=alice,r=abcd", vec!["alice"]),
            ("X-NEW", "alice", vec![]),
        ] {
            let names = names_in(mechanism.as_bytes(), 1, decoded.as_bytes());
            let want: Vec<&[u8]> = want.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(names, want, "{mechanism}");
        }
        assert!(names_in(b"LOGIN", 2, b"secret").is_empty());
    }
}
