//! Takes the stuffing dots out of data lines again (RFC 1939 §3), in any chunking.

/// Un-stuffs the data of one multi-line reply, without its terminator line.
#[derive(Debug)]
pub struct Unstuffer {
    /// The last two octets were CR LF, or nothing has come yet.
    is_line_start: bool,
    /// The last octet was CR.
    is_behind_cr: bool,
}

impl Default for Unstuffer {
    fn default() -> Self {
        Self {
            is_line_start: true,
            is_behind_cr: false,
        }
    }
}

impl Unstuffer {
    /// Appends the message's own octets to `out`. Only CR LF ends a line; a dot that starts one is left out.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            let is_stuffing = self.is_line_start && *octet == b'.';
            self.is_line_start = self.is_behind_cr && *octet == b'\n';
            self.is_behind_cr = *octet == b'\r';
            if !is_stuffing {
                out.push(*octet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unstuffer;

    #[test]
    fn each_stuffing_dot_goes_and_no_other() {
        for (wire, message) in [
            ("", ""),
            ("..\r\n", ".\r\n"),
            ("...\r\n", "..\r\n"),
            ("..a\r\nb.\r\n", ".a\r\nb.\r\n"),
            ("a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n"),
            ("..\r\r\n", ".\r\r\n"),
            ("a\n.\nb\r\n", "a\n.\nb\r\n"),
        ] {
            for chunk in [1, 2, 100] {
                let mut unstuffer = Unstuffer::default();
                let mut out = Vec::new();
                for piece in wire.as_bytes().chunks(chunk) {
                    unstuffer.feed(piece, &mut out);
                }
                assert_eq!(out, message.as_bytes(), "{wire:?} by {chunk}");
            }
        }
    }
}
