//! Reads status indicators: the one place that decides what counts as a yes.

/// The meaning of a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// `+OK`, in any case. Servers must send upper case (RFC 1939 §3); clients take either.
    Positive,
    /// `-ERR`, in any case.
    Negative,
    /// Neither, so not a yes: `+yes`, `foo`, an empty line. Taken as a reply of one line.
    Malformed,
}

impl Status {
    /// Reads the status indicator of a line (octets). A space or the end of the line should follow
    /// it (RFC 1939 §3). Other punctuation after it is ignored; a letter or a digit makes it a
    /// different word, such as `+OKAY`.
    pub(crate) fn of_line(line: &[u8]) -> Self {
        let starts = |word: &[u8]| {
            line.split_at_checked(word.len())
                .is_some_and(|(start, rest)| {
                    let is_longer = rest.first().is_some_and(u8::is_ascii_alphanumeric);
                    start.eq_ignore_ascii_case(word) && !is_longer
                })
        };
        if starts(b"+OK") {
            Self::Positive
        } else if starts(b"-ERR") {
            Self::Negative
        } else {
            Self::Malformed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plus_ok_is_a_yes() {
        for line in ["+OK", "+OK ready", "+ok", "+OK\r\n", "+OK, ready"] {
            assert_eq!(Status::of_line(line.as_bytes()), Status::Positive, "{line}");
        }
        for line in ["-ERR", "-err no"] {
            assert_eq!(Status::of_line(line.as_bytes()), Status::Negative, "{line}");
        }
        for line in [
            "", "+", "+ ", "+yes", "+OKAY", "+OKready", "+OK7", "+ERR", "-NO", "foo", "OK", " +OK",
            "* OK", "220 x",
        ] {
            assert_eq!(
                Status::of_line(line.as_bytes()),
                Status::Malformed,
                "{line}"
            );
        }
    }
}
