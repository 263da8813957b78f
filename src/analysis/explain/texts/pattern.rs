//! The notation of known texts: literal characters, and holes for what varies.
//!
//! `{n}` is a number, `{w}` a word without spaces, `{*}` any non-empty text, and `{?abc}` is `abc`
//! or nothing.

/// The longest text that is compared, in octets. A status line has at most 512 (RFC 2449 §4).
const LONGEST: usize = 1024;

/// Whether `pattern` matches the whole `text`.
pub(super) fn is_whole(pattern: &str, text: &str, ignores_case: bool) -> bool {
    text.len() <= LONGEST && fits(pattern, text, ignores_case)
}

fn fits(pattern: &str, text: &str, ignores_case: bool) -> bool {
    let Some((literal, rest)) = pattern.split_once('{') else {
        return is_equal(pattern, text, ignores_case);
    };
    let Some((start, text)) = text.split_at_checked(literal.len()) else {
        return false;
    };
    let Some((hole, rest)) = rest.split_once('}') else {
        return false;
    };
    if !is_equal(literal, start, ignores_case) {
        return false;
    }
    if let Some(optional) = hole.strip_prefix('?') {
        let with = text
            .split_at_checked(optional.len())
            .filter(|(start, _)| is_equal(optional, start, ignores_case));
        return with.is_some_and(|(_, text)| fits(rest, text, ignores_case))
            || fits(rest, text, ignores_case);
    }
    let most = match hole {
        "n" => text.bytes().take_while(u8::is_ascii_digit).count(),
        "w" => text.find(char::is_whitespace).unwrap_or(text.len()),
        _ => text.len(),
    };
    (1..=most)
        .rev()
        .filter_map(|length| text.split_at_checked(length))
        .any(|(_, text)| fits(rest, text, ignores_case))
}

fn is_equal(one: &str, other: &str, ignores_case: bool) -> bool {
    one == other || (ignores_case && one.eq_ignore_ascii_case(other))
}

/// The number of literal characters in a pattern; of two matching patterns, the more literal one is
/// more specific.
pub(super) fn weight(pattern: &str) -> usize {
    let mut weight = 0;
    let mut is_hole = false;
    for character in pattern.chars() {
        match character {
            '{' => is_hole = true,
            '}' => is_hole = false,
            _ if is_hole => {}
            _ => weight += 1,
        }
    }
    weight
}

/// A text that matches the pattern, with all optional parts or none.
#[cfg(test)]
pub(super) fn example(pattern: &str, with_optional: bool) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (hole, tail) = tail.split_once('}').unwrap_or((tail, ""));
        text.push_str(literal);
        match hole {
            "n" => text.push_str("17"),
            "w" => text.push_str("alice"),
            "*" => text.push_str("something else"),
            _ if with_optional => text.push_str(hole.trim_start_matches('?')),
            _ => {}
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_describes_the_whole_text() {
        for (pattern, text, expected) in [
            ("no such message", "no such message", true),
            ("no such message", "no such message 3", false),
            ("no such message", "There is no such message", false),
            ("no such message", "No such message", false),
            ("message {n} deleted", "message 12 deleted", true),
            ("message {n} deleted", "message  deleted", false),
            ("message {n} deleted", "message 1x deleted", false),
            ("user {w}.", "user alice.", true),
            ("user {w}.", "user a b.", false),
            ("{w} has {n} messages", "alice has 1 messages", true),
            ("failed: {*}", "failed: a b c", true),
            ("failed: {*}", "failed: ", false),
            ("\"{*}\" is wrong", "\"a \"b\" is wrong", true),
            ("{?[AUTH] }no{?.}", "[AUTH] no.", true),
            ("{?[AUTH] }no{?.}", "no", true),
            ("{?[AUTH] }no{?.}", "[SYS] no", false),
            ("für {w}", "für jörg", true),
            ("f{n}", "f", false),
            ("{n}", "ü", false),
            ("{*}ü", "üü", true),
        ] {
            assert_eq!(is_whole(pattern, text, false), expected, "{pattern} {text}");
        }
        assert!(is_whole("No {w}", "NO way", true));
        assert!(!is_whole("{*}", &"x".repeat(5000), false));
    }

    #[test]
    fn an_example_fits_its_pattern() {
        let pattern = "{?[AUTH] }user {w}, {n} of {*}{?.}";
        assert_eq!(
            example(pattern, true),
            "[AUTH] user alice, 17 of something else."
        );
        assert_eq!(example(pattern, false), "user alice, 17 of something else");
        for with in [true, false] {
            assert!(is_whole(pattern, &example(pattern, with), false));
        }
        assert_eq!(weight("{?[AUTH] }ab {n}"), 3);
    }
}
