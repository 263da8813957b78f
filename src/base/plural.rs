//! Counts with their nouns.

use std::fmt::Display;

/// Returns `1 message`, `2 messages`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular_and_none_is_not() {
        let counts = [0_u64, 1, 2].map(|count| counted(count, "octet"));
        assert_eq!(counts, ["0 octets", "1 octet", "2 octets"]);
    }
}
