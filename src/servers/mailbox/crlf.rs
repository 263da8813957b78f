//! Converts the octets of a file to those on the wire: CR LF at the end of each line, mbox quotes
//! removed. Only the octets of a possible quote are held back, so a line may be longer than memory.

use super::FROM;

/// Converts octets of a file, in slices of any size, to octets on the wire.
#[derive(Debug, Clone)]
pub(super) struct CrlfReader {
    is_quoted: bool,
    at: CrlfState,
}

/// What comes before the next octet.
#[derive(Debug, Clone, Copy)]
enum CrlfState {
    /// A line end, or nothing at all.
    Start,
    /// Octets of a line, the last of them not CR.
    Text,
    /// Octets of a line, the last of them CR.
    Cr,
    /// The `>` at the start of a line and this many octets of `From `; one `>` and these are held
    /// back.
    Quote(usize),
}

impl CrlfReader {
    /// For a file whose lines are those of the message.
    pub(super) fn plain() -> Self {
        Self {
            is_quoted: false,
            at: CrlfState::Start,
        }
    }

    /// For an mbox file: the first octet of lines such as `>From ` and `>>From ` is not part of the
    /// message.
    pub(super) fn quoted() -> Self {
        Self {
            is_quoted: true,
            at: CrlfState::Start,
        }
    }

    /// Takes octets of the file and passes those for the wire to `out`.
    pub(super) fn feed(&mut self, octets: &[u8], out: &mut impl FnMut(&[u8])) {
        let mut rest = octets;
        while let [first, after @ ..] = rest {
            match self.at {
                CrlfState::Start if self.is_quoted && *first == b'>' => {
                    self.at = CrlfState::Quote(0);
                    rest = after;
                }
                CrlfState::Quote(count) if FROM.get(count) == Some(first) => {
                    self.at = CrlfState::Quote(count + 1);
                    if count + 1 == FROM.len() {
                        out(FROM);
                        self.at = CrlfState::Text;
                    }
                    rest = after;
                }
                CrlfState::Quote(0) if *first == b'>' => {
                    out(b">");
                    rest = after;
                }
                CrlfState::Quote(_) => self.let_go(out),
                CrlfState::Start | CrlfState::Text | CrlfState::Cr => rest = self.line(rest, out),
            }
        }
    }

    /// Takes octets up to a line end; returns the rest.
    fn line<'a>(&mut self, octets: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let end = memchr::memchr(b'\n', octets);
        let (text, after) = octets.split_at(end.unwrap_or(octets.len()));
        match text {
            [] => {}
            [.., b'\r'] => self.at = CrlfState::Cr,
            _ => self.at = CrlfState::Text,
        }
        out(text);
        let Some((_, after)) = after.split_first() else {
            return b"";
        };
        out(match self.at {
            CrlfState::Cr => b"\n",
            _ => b"\r\n",
        });
        self.at = CrlfState::Start;
        after
    }

    /// At the end of the file: adds the line end if the last line has none.
    pub(super) fn finish(mut self, out: &mut impl FnMut(&[u8])) {
        self.let_go(out);
        if !matches!(self.at, CrlfState::Start) {
            out(b"\r\n");
        }
    }

    /// The octets held back are not a quote.
    pub(super) fn let_go(&mut self, out: &mut impl FnMut(&[u8])) {
        if let CrlfState::Quote(count) = self.at {
            out(b">");
            out(FROM.get(..count).unwrap_or_default());
            self.at = CrlfState::Text;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::servers::mailbox) fn slices<'a>(
        octets: &'a [u8],
        sizes: &'a [usize],
    ) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = octets;
        let mut sizes = sizes.iter().cycle();
        std::iter::from_fn(move || {
            let (slice, after) = rest.split_at((*sizes.next()?).min(rest.len()));
            rest = after;
            (!slice.is_empty()).then_some(slice)
        })
    }

    pub(in crate::servers::mailbox) fn file() -> impl Strategy<Value = Vec<u8>> {
        let words = [
            "\n",
            "\r\n",
            "\r",
            "\n\n",
            "From ",
            "From",
            "F",
            ">",
            ">>From ",
            "\n\nFrom ",
            "a b",
            "\0",
        ];
        proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..30)
            .prop_map(|words| words.concat().into_bytes())
    }

    /// The same, with all of it in memory.
    pub(in crate::servers::mailbox) fn reference(octets: &[u8], is_quoted: bool) -> Vec<u8> {
        let mut wire = Vec::new();
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            let has_quote = is_quoted && quotes > 0 && line[quotes..].starts_with(FROM);
            let line = &line[usize::from(has_quote)..];
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let is_ended = text.len() < line.len();
            wire.extend_from_slice(
                text.strip_suffix(b"\r")
                    .filter(|_| is_ended)
                    .unwrap_or(text),
            );
            wire.extend_from_slice(b"\r\n");
        }
        wire
    }

    fn streamed<'a>(mut wire: CrlfReader, slices: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        for slice in slices {
            wire.feed(slice, &mut |octets| out.extend_from_slice(octets));
        }
        wire.finish(&mut |octets| out.extend_from_slice(octets));
        out
    }

    #[test]
    fn every_line_end_is_two_octets_and_the_last_line_has_one() {
        for (file, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\r\nb\n\n", "a\r\nb\r\n\r\n"),
            ("a\r", "a\r\r\n"),
            ("a\r\r\n", "a\r\r\n"),
            ("\n", "\r\n"),
            ("a\rb\n", "a\rb\r\n"),
            (">From ", ">From \r\n"),
        ] {
            assert_eq!(
                streamed(CrlfReader::plain(), slices(file.as_bytes(), &[1])),
                wire.as_bytes()
            );
        }
    }

    #[test]
    fn of_quotes_one_is_taken_away() {
        for (file, wire) in [
            (">From x\n", "From x\r\n"),
            (">>>From x\n", ">>From x\r\n"),
            ("> From x\n", "> From x\r\n"),
            (">Fro", ">Fro\r\n"),
            (">From", ">From\r\n"),
            (">From ", "From \r\n"),
            (">F>From \n", ">F>From \r\n"),
            ("a>From \n", "a>From \r\n"),
            (">\n>\r\n>", ">\r\n>\r\n>\r\n"),
        ] {
            for size in [1, 2, 100] {
                assert_eq!(
                    streamed(CrlfReader::quoted(), slices(file.as_bytes(), &[size])),
                    wire.as_bytes(),
                    "{file:?} by {size}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn the_slices_do_not_matter(
            file in file(),
            sizes in proptest::collection::vec(1_usize..9, 1..6),
        ) {
            let sliced = |wire| streamed(wire, slices(&file, &sizes));
            prop_assert_eq!(sliced(CrlfReader::plain()), reference(&file, false));
            prop_assert_eq!(sliced(CrlfReader::quoted()), reference(&file, true));
        }
    }
}
