//! Finds STLS where TLS has to be stitched together: the client's command, and its place among the
//! server's capabilities.

/// The longest line of capabilities that is put together before it is handed on.
const LINE_MAX: usize = 4096;

const VERB: &[u8] = b"STLS";

fn is_blank(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r')
}

/// Whether `line`, perhaps without its end yet, is STLS or may become so. Blanks before the verb
/// are taken as the command table takes them.
fn may_be_stls(line: &[u8], is_whole: bool) -> bool {
    let start = line.iter().position(|octet| !is_blank(octet));
    let word = start
        .and_then(|start| line.get(start..))
        .unwrap_or_default();
    let length = word.iter().position(is_blank);
    match length {
        None if !is_whole => VERB
            .get(..word.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(word)),
        length => word
            .get(..length.unwrap_or(word.len()))
            .is_some_and(|word| word.eq_ignore_ascii_case(VERB)),
    }
}

/// How many of the client's octets can be taken at once: all up to a line that is STLS or may
/// become so; or that line alone when it is the first and whole. `is_start`: a line starts there.
/// `is_last`: nothing more will come.
pub(super) fn cut(octets: &[u8], is_start: bool, is_last: bool) -> usize {
    let mut at = 0;
    let mut is_start = is_start;
    while let Some(rest) = octets.get(at..).filter(|rest| !rest.is_empty()) {
        let end = memchr::memchr(b'\n', rest);
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if is_start && may_be_stls(line, end.is_some()) && !(end.is_none() && is_last) {
            return match end {
                Some(end) if at == 0 => end + 1,
                _ => at,
            };
        }
        let Some(end) = end else {
            return octets.len();
        };
        at += end + 1;
        is_start = true;
    }
    at
}

#[derive(Debug, Default)]
pub(super) struct Capabilities {
    kept: Vec<u8>,
    is_inside: bool,
    has_stls: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadyOctets {
    pub(super) octets: Vec<u8>,
    /// It ends capabilities without STLS.
    pub(super) is_short_of_stls: bool,
}

impl Capabilities {
    /// Takes octets up to the end of a line; gives what can be handed on, and what is left.
    /// `is_capa`: they are data of a reply to CAPA.
    pub(super) fn feed<'a>(
        &mut self,
        is_capa: bool,
        octets: &'a [u8],
    ) -> (Option<ReadyOctets>, &'a [u8]) {
        let end = memchr::memchr(b'\n', octets);
        let (line, rest) = octets.split_at(end.map_or(octets.len(), |end| end + 1));
        self.kept.extend_from_slice(line);
        if end.is_none() && is_capa && !self.is_inside && self.kept.len() < LINE_MAX {
            return (None, rest);
        }
        let octets = std::mem::take(&mut self.kept);
        let is_whole = !std::mem::replace(&mut self.is_inside, end.is_none()) && end.is_some();
        let is_last = is_whole && matches!(octets.as_slice(), b".\r\n" | b".\n");
        if is_capa && is_whole && !is_last {
            self.has_stls |= may_be_stls(octets.strip_suffix(b"\n").unwrap_or(&octets), true);
        }
        let is_short_of_stls = is_capa && is_last && !self.has_stls;
        if is_last || !is_capa {
            self.has_stls = false;
        }
        let ready = ReadyOctets {
            octets,
            is_short_of_stls,
        };
        (Some(ready), rest)
    }

    /// What was kept back; no more lines are looked at.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.is_inside = false;
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stls_is_taken_alone() {
        for (octets, first) in [
            (&b"CAPA\r\nSTLS\r\nUSER x\r\n"[..], &b"CAPA\r\n"[..]),
            (b"stls\r\nUSER x\r\n", b"stls\r\n"),
            (b" \tStls now\nUSER x\r\n", b" \tStls now\n"),
            (b"USER STLS\r\nPASS", b"USER STLS\r\nPASS"),
            (b"STLSX\r\nSTLX\r\nNOOP\r\n", b"STLSX\r\nSTLX\r\nNOOP\r\n"),
            (b"NOOP\r\nST", b"NOOP\r\n"),
            (b"STLS", b""),
            (b"NOOP\r\n\r\n", b"NOOP\r\n\r\n"),
        ] {
            assert_eq!(&octets[..cut(octets, true, false)], first);
        }
        assert_eq!(cut(b"STLS\r\nX\r\n", false, false), 9, "the end of a line");
        assert_eq!(cut(b"NOOP\r\nSTL", true, true), 9, "nothing more comes");
    }

    #[test]
    fn stls_is_missed_in_any_pieces() {
        let reply = b"UIDL\r\nTOP\r\n.\r\n";
        for size in 1..=reply.len() {
            let mut capabilities = Capabilities::default();
            let (mut all, mut missed) = (Vec::new(), 0);
            for piece in reply.chunks(size) {
                let mut rest = piece;
                while !rest.is_empty() {
                    let (ready, after) = capabilities.feed(true, rest);
                    rest = after;
                    if let Some(ready) = ready {
                        missed += usize::from(ready.is_short_of_stls);
                        all.extend(ready.octets);
                    }
                }
            }
            assert_eq!((all.as_slice(), missed), (&reply[..], 1));
        }
        let (ready, _) = Capabilities::default().feed(false, b".\r\n");
        assert!(!ready.unwrap().is_short_of_stls);
    }

    #[test]
    fn capabilities_with_stls_are_left_alone() {
        let mut capabilities = Capabilities::default();
        for line in [&b"UIDL\r\n"[..], b"stls\r\n", b".\r\n"] {
            let (ready, _) = capabilities.feed(true, line);
            assert!(!ready.unwrap().is_short_of_stls);
        }
    }
}
