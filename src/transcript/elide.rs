//! Leaves message data out of a transcript, and keeps how much it was.

use crate::base::plural::counted;
use crate::pop3::stuffing::Unstuffer;

/// How message data is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bodies {
    /// It stays.
    #[default]
    Keep,
    /// All of it after the first `lines` lines of each message is left out.
    Elide {
        /// How many lines stay.
        lines: u64,
    },
}

impl std::str::FromStr for Bodies {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "expected keep, elide or elide=LINES";
        match text.split_once('=') {
            None if text == "keep" => Ok(Self::Keep),
            None if text == "elide" => Ok(Self::Elide { lines: 0 }),
            Some(("elide", lines)) if lines.bytes().all(|octet| octet.is_ascii_digit()) => lines
                .parse()
                .map(|lines| Self::Elide { lines })
                .map_err(|_| WRONG),
            _ => Err(WRONG),
        }
    }
}

impl Bodies {
    /// The elider of one message; None when it is to stay.
    pub(crate) fn elider(self) -> Option<Elider> {
        match self {
            Self::Keep => None,
            Self::Elide { lines } => Some(Elider {
                kept: lines,
                unstuffer: Unstuffer::default(),
                scratch: Vec::new(),
                cut: None,
            }),
        }
    }
}

/// Leaves out the data of one message, in any chunking, in constant memory.
#[derive(Debug)]
pub(crate) struct Elider {
    kept: u64,
    unstuffer: Unstuffer,
    scratch: Vec<u8>,
    cut: Option<Elision>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Elision {
    lines: u64,
    octets: u64,
    unstuffed: u64,
    in_line: bool,
}

impl Elider {
    /// Takes octets of data lines, as on the wire; returns those that stay, and whether what is
    /// left out begins here: a hole belongs there.
    pub(crate) fn feed<'a>(&mut self, octets: &'a [u8]) -> (&'a [u8], bool) {
        let mut at = 0;
        while self.kept > 0 {
            let rest = octets.get(at..).unwrap_or_default();
            let Some(lf) = memchr::memchr(b'\n', rest) else {
                at = octets.len();
                break;
            };
            at += lf + 1;
            self.kept -= 1;
        }
        let (stays, goes) = octets.split_at(at);
        self.unstuff(stays);
        if goes.is_empty() {
            return (stays, false);
        }
        let unstuffed = self.unstuff(goes);
        let begins = self.cut.is_none();
        let cut = self.cut.get_or_insert_default();
        cut.lines += memchr::memchr_iter(b'\n', goes).count() as u64;
        cut.octets += goes.len() as u64;
        cut.unstuffed += unstuffed;
        cut.in_line = !goes.ends_with(b"\n");
        (stays, begins)
    }

    /// Returns what was left out, as prose; None if nothing was. Restarts the count.
    pub(crate) fn end(&mut self) -> Option<String> {
        let cut = self.cut.take()?;
        let lines = cut.lines + u64::from(cut.in_line);
        Some(format!(
            " cut: {}, {} octets, {} without the stuffing dots",
            counted(lines, "line"),
            cut.octets,
            cut.unstuffed
        ))
    }

    fn unstuff(&mut self, octets: &[u8]) -> u64 {
        self.scratch.clear();
        self.unstuffer.feed(octets, &mut self.scratch);
        self.scratch.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_octets_in_any_chunking() {
        let data = b"a\r\n..b\r\n\r\n..\r\nno end";
        for (lines, kept, said) in [
            (
                0,
                "",
                " cut: 5 lines, 20 octets, 18 without the stuffing dots",
            ),
            (
                1,
                "a\r\n",
                " cut: 4 lines, 17 octets, 15 without the stuffing dots",
            ),
            (
                4,
                "a\r\n..b\r\n\r\n..\r\n",
                " cut: 1 line, 6 octets, 6 without the stuffing dots",
            ),
        ] {
            for chunk in [1, 3, 100] {
                let mut elider = Bodies::Elide { lines }.elider().unwrap();
                let mut stays = Vec::new();
                let mut holes = 0;
                for piece in data.chunks(chunk) {
                    let (kept, begins) = elider.feed(piece);
                    stays.extend_from_slice(kept);
                    holes += u32::from(begins);
                }
                assert_eq!(stays, kept.as_bytes());
                assert_eq!(holes, 1);
                assert_eq!(elider.end().as_deref(), Some(said));
                assert_eq!(elider.end(), None);
            }
        }
    }

    #[test]
    fn a_message_that_is_short_enough_is_not_cut() {
        let mut elider = Bodies::Elide { lines: 2 }.elider().unwrap();
        assert_eq!(elider.feed(b"a\r\nb\r\n"), (&b"a\r\nb\r\n"[..], false));
        assert_eq!(elider.end(), None);
    }

    #[test]
    fn the_option_is_read() {
        assert_eq!("elide=12".parse(), Ok(Bodies::Elide { lines: 12 }));
        assert_eq!("elide".parse(), Ok(Bodies::Elide { lines: 0 }));
        assert_eq!("keep".parse(), Ok(Bodies::Keep));
        for wrong in ["", "elide=", "elide=-1", "elide=+1", "drop"] {
            assert!(wrong.parse::<Bodies>().is_err(), "{wrong}");
        }
    }
}
