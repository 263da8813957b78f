//! Percent-encoding (RFC 3986 §2.1), undone.

/// Octets without percent-encoding, and the place of each in `octets`; one more place says where
/// they end. A `%` that two hexadecimal digits do not follow stays.
pub(crate) fn decode(octets: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut places = Vec::with_capacity(octets.len() + 1);
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        places.push(at);
        let digits = octets.get(at + 1..at + 3).filter(|_| *octet == b'%');
        match digits.and_then(value) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(*octet);
                at += 1;
            }
        }
    }
    places.push(octets.len());
    (decoded, places)
}

/// How many octets at the end may be the start of one that is encoded.
pub(crate) fn cut(octets: &[u8]) -> usize {
    match octets {
        [.., b'%', digit] if digit.is_ascii_hexdigit() => 2,
        [.., b'%'] => 1,
        _ => 0,
    }
}

fn value(digits: &[u8]) -> Option<u8> {
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{cut, decode};

    #[test]
    fn what_is_encoded_is_one_octet_and_the_rest_stays() {
        let (decoded, places) = decode(b"a%4fb%e9%zz%4");
        assert_eq!(decoded, b"aOb\xe9%zz%4");
        assert_eq!(places, [0, 1, 4, 5, 8, 9, 10, 11, 12, 13]);
        assert_eq!(decode(b""), (vec![], vec![0]));
    }

    #[test]
    fn the_start_of_an_encoded_octet_is_told() {
        for (octets, count) in [("50%", 1), ("50%4", 2), ("50%4f", 0), ("50%x", 0), ("", 0)] {
            assert_eq!(cut(octets.as_bytes()), count, "{octets}");
        }
    }
}
