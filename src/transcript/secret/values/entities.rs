//! Character references of HTML (`&amp;`, `&#38;`, `&#x26;`), undone.

/// The names that web front ends write for characters that may not appear in HTML.
const NAMES: [(&[u8], u8); 5] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
];

/// The longest reference between `&` and `;`, as in `#x10ffff`, with some zeros before.
const LONGEST: usize = 12;

/// Octets without references, and where each of them is in `octets`; one place more says where they
/// end.
pub(super) fn decode(octets: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut places = Vec::with_capacity(octets.len() + 1);
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        let rest = octets.get(at + 1..).filter(|_| *octet == b'&');
        let (text, length) = rest.and_then(reference).unwrap_or(([*octet, 0, 0, 0], 1));
        let count = match length {
            1 => 1,
            _ => text.iter().take_while(|octet| **octet != 0).count().max(1),
        };
        for octet in text.iter().take(count) {
            decoded.push(*octet);
            places.push(at);
        }
        at += length;
    }
    places.push(octets.len());
    (decoded, places)
}

/// How many octets at the end may be the start of a reference.
pub(super) fn cut(octets: &[u8]) -> usize {
    let is_name = |octet: &&u8| octet.is_ascii_alphanumeric() || **octet == b'#';
    let name = octets.iter().rev().take_while(is_name).count();
    let before = octets.len() - name;
    match before.checked_sub(1).and_then(|at| octets.get(at)) {
        Some(b'&') if name <= LONGEST => name + 1,
        _ => 0,
    }
}

/// What a reference represents, as UTF-8 filled up with zeros, and its length with `&` and `;`;
/// `text` comes after the `&`.
fn reference(text: &[u8]) -> Option<([u8; 4], usize)> {
    let end = text
        .iter()
        .take(LONGEST + 1)
        .position(|octet| *octet == b';')?;
    let name = text.get(..end)?;
    let mut octets = [0; 4];
    if let Some((_, octet)) = NAMES.iter().find(|(known, _)| *known == name) {
        octets[0] = *octet;
    } else {
        let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
        let number = match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => digits.parse().ok()?,
        };
        char::from_u32(number)?.encode_utf8(&mut octets);
    }
    Some((octets, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_undone_and_the_rest_stays() {
        let (decoded, places) = decode("a&amp;b&#60;&#x3E;&no;&#xe4;&".as_bytes());
        assert_eq!(decoded, "a&b<>&no;ä&".as_bytes());
        assert_eq!(places[..6], [0, 1, 6, 7, 12, 18]);
        assert_eq!(decode(b"&#0;x").0, b"\0x");
        assert_eq!(decode(b"&#x110000;").0, b"&#x110000;");
    }

    #[test]
    fn the_start_of_a_reference_must_wait() {
        for (octets, count) in [
            ("x&", 1),
            ("x&am", 3),
            ("&#x3", 4),
            ("&amp;", 0),
            ("x", 0),
            ("", 0),
        ] {
            assert_eq!(cut(octets.as_bytes()), count, "{octets}");
        }
    }
}
