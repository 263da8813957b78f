//! How far one word is from another, in typing errors.

/// The most typing errors at which a word is still taken for another.
const NEAR: usize = 2;

/// Returns the name that an unknown word probably means, in any case: the one with the fewest
/// typing errors, two at most.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let errors = |name: &&str| typing_errors(word.as_bytes(), name.to_ascii_lowercase().as_bytes());
    names.min_by_key(errors).filter(|name| errors(name) <= NEAR)
}

/// How many octets must be put in, left out, changed or swapped with their neighbour to make `b` of
/// `a`; `usize::MAX` if the lengths alone differ too much. That also keeps an endless word cheap.
pub(crate) fn typing_errors(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > NEAR {
        return usize::MAX;
    }
    let characters = |octets: &[u8]| octets.iter().copied().map(char::from).collect::<String>();
    strsim::osa_distance(&characters(a), &characters(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_put_in_left_out_changed_or_swapped_are_one_error_each() {
        for (typed, errors) in [
            ("retr", 0),
            ("rert", 1),
            ("ret", 1),
            ("rretr", 1),
            ("rte", 2),
        ] {
            assert_eq!(typing_errors(typed.as_bytes(), b"retr"), errors, "{typed}");
        }
        assert!(typing_errors(b"r", b"retr") > NEAR);
    }

    #[test]
    fn the_nearest_name_is_meant() {
        let names = ["check", "connect", "serve"];
        assert_eq!(nearest("Chekc", names.into_iter()), Some("check"));
        assert_eq!(nearest("swerve", names.into_iter()), Some("serve"));
        assert_eq!(nearest("mail", names.into_iter()), None);
    }
}
