//! `:hex on`: the octets of a line, in rows of sixteen.

use std::sync::atomic::{AtomicBool, Ordering};

use super::POLL_EVERY;
use super::spool::Spool;
use crate::pop3::tracker::LineEnd;

const WIDTH: usize = 16;

pub(super) const ROWS_MAX: usize = 64;

/// The octets of a line in rows: offset, hexadecimal, text.
pub(super) fn rows(octets: &[u8]) -> impl Iterator<Item = String> {
    octets.chunks(WIDTH).enumerate().map(|(index, row)| {
        let hex: Vec<String> = row.iter().map(|octet| format!("{octet:02x}")).collect();
        let text = row.iter().map(|octet| match octet {
            b' '..=b'~' => char::from(*octet),
            _ => '.',
        });
        let text: String = text.collect();
        format!("{:04x}  {:<47}  {text}", index * WIDTH, hex.join(" "))
    })
}

/// How many rows the octets of a line fill on the screen.
pub(super) fn rows_of(octets: usize) -> usize {
    octets.div_ceil(WIDTH).min(ROWS_MAX)
}

/// Copies each line of `reply` to `dump`, its octets under it, until all has come or `is_left` is
/// set.
pub(super) fn dump(reply: &Spool, dump: &Spool, is_left: &AtomicBool) {
    let mut line = 0;
    loop {
        let progress = reply.progress();
        let upto = progress.settled();
        let Ok(mut lines) = reply.lines(line) else {
            return;
        };
        while line < upto
            && let Ok(Some(read)) = lines.read()
        {
            line += 1;
            let mut octets = read.octets.clone();
            octets.extend_from_slice(read.end.octets());
            let mut text = read.octets;
            // A bare LF would end the line here, too; this is how the pager shows one inside a
            // line.
            text.extend_from_slice(match read.end {
                LineEnd::Lf => b"^J\r\n",
                LineEnd::Crlf | LineEnd::None => b"\r\n",
            });
            for row in rows(&octets) {
                text.extend_from_slice(format!("  {row}\r\n").as_bytes());
            }
            if is_left.load(Ordering::Relaxed) || dump.append(&text).is_some() {
                return;
            }
        }
        if progress.is_finished && line >= upto || is_left.load(Ordering::Relaxed) {
            return;
        }
        let _ = reply.wait(progress.octets, POLL_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_offset_octets_and_text() {
        let all: Vec<String> = rows(b"+OK 2 320 and more\r\n").collect();
        assert_eq!(all.len(), rows_of(20));
        assert!(all[0].starts_with("0000  2b 4f 4b 20 32 "), "{all:?}");
        assert!(all[1].ends_with("  re.."), "{all:?}");
    }

    #[test]
    fn a_dump_has_each_line_and_its_octets() {
        let (reply, copy) = (Spool::new().unwrap(), Spool::new().unwrap());
        reply.append(b"+OK\r\nbare\nno end");
        reply.finish();
        dump(&reply, &copy, &AtomicBool::new(false));
        copy.finish();
        let mut lines = copy.lines(0).unwrap();
        let mut all = Vec::new();
        while let Some(line) = lines.read().unwrap() {
            assert_eq!(line.end, LineEnd::Crlf);
            all.push(String::from_utf8(line.octets).unwrap());
        }
        assert_eq!(all.len(), 6, "{all:?}");
        assert_eq!((all[0].as_str(), all[4].as_str()), ("+OK", "no end"));
        assert!(all[3].contains("62 61 72 65 0a"), "{all:?}");
    }
}
