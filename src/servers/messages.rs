//! The nine messages of the practice maildrop. Each one teaches something, and together they
//! contain what breaks mail programs.

use std::fmt::Write;

use super::maildrop::Message;

/// Where a text comes from: a file in `messages`, or code for octets that do not belong in a file.
enum TextSource {
    /// Text with LF line ends, which become CRLF.
    Text(&'static str),
    /// Octets exactly as they are sent.
    Made(fn() -> Vec<u8>),
}

use TextSource::{Made, Text};

/// The messages in order, each with its unique-id after `practice.`.
const MESSAGES: [(&str, TextSource); 9] = [
    ("1.hello", Text(include_str!("messages/1-hello.txt"))),
    ("2.lunch", Text(include_str!("messages/2-lunch.txt"))),
    ("3.dots", Text(include_str!("messages/3-dots.txt"))),
    ("4.book", Text(include_str!("messages/4-book.txt"))),
    ("5.gruesse", Text(include_str!("messages/5-gruesse.txt"))),
    ("6.picture", Text(include_str!("messages/6-picture.txt"))),
    ("7.large", Made(large)),
    ("8.escapes", Made(escapes)),
    ("9.empty", Text(include_str!("messages/9-empty.txt"))),
];

/// The size of the large message, in octets.
const LARGE: usize = 2_000_000;

/// The length of the long line, in octets without its line end.
const LONG_LINE: usize = 10_000;

/// The nine messages of the practice maildrop, in order:
///
/// 1. a hello, with what to try next;
/// 2. a short one, to be deleted and brought back;
/// 3. lines that begin with dots, the first line of the header among them;
/// 4. 800 lines, for the pager: a book of facts about POP3;
/// 5. UTF-8 in the body and RFC 2047 in the header;
/// 6. MIME parts and attachments;
/// 7. 2,000,000 octets;
/// 8. terminal escapes, octets that are not UTF-8, a bare CR, and a line of 10,000 octets;
/// 9. an empty body.
#[must_use]
pub fn practice() -> Vec<Message> {
    MESSAGES
        .iter()
        .map(|(id, source)| {
            let octets = match source {
                Text(text) => crlf(text),
                Made(make) => make(),
            };
            Message::new(octets, format!("practice.{id}"))
        })
        .collect()
}

/// The text with CRLF line ends, whether the working copy has LF or CRLF.
fn crlf(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len() + text.len() / 16);
    for line in text.lines() {
        octets.extend_from_slice(line.as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    octets
}

/// The large message: numbered lines of random-looking words that are the same each time.
fn large() -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "pigeon", "letter", "stamp", "parcel", "window", "counter", "basket", "ladder", "lantern",
        "river", "bridge", "morning", "ribbon", "whistle", "harbour", "teapot",
    ];
    /// Octets in a line of words, without the line end.
    const WIDTH: usize = 70;

    let mut text = crlf(include_str!("messages/7-large.txt"));
    text.reserve(LARGE.saturating_sub(text.len()));
    let mut seed: u32 = 2_463_534_242;
    let mut line = String::with_capacity(WIDTH + 16);
    for number in 1_u32.. {
        line.clear();
        // Writing into a string does not fail.
        let _ = write!(line, "{number:>6}");
        while line.len() < WIDTH {
            // Marsaglia's xorshift with 32 bits.
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let word = WORDS.get(seed as usize % WORDS.len()).copied();
            let _ = write!(line, " {}", word.unwrap_or_default());
        }
        let left = LARGE.saturating_sub(text.len());
        // The last line is cut to the exact size.
        if left < 2 * (line.len() + 2) {
            let width = left.saturating_sub(2);
            line = format!("{:=^width$}", " the end ");
        }
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(b"\r\n");
        if text.len() >= LARGE {
            break;
        }
    }
    text
}

/// The message that tries to control the terminal. Its octets are written as escapes here, so that
/// this file itself is harmless.
fn escapes() -> Vec<u8> {
    const HEAD: &[&[u8]] = &[
        b"From: Mallory <mallory@example.com>",
        b"To: Alice <alice@example.org>",
        b"Subject: \x1b]0;message 8 was here\x07your terminal, and who drives it",
        b"Date: Mon, 23 Nov 2026 08:47:00 +0000",
        b"Message-ID: <escapes.8@practice.example>",
        b"",
        b"Each line here holds octets that a terminal would obey. A program that",
        b"prints them as they are lets the sender of a mail drive your screen.",
        b"You should see all of them as marks such as ^[, \\x9b or <202E>.",
        b"",
        b"The window title:   \x1b]2;message 8 was here\x07 (in the Subject too)",
        b"The clipboard:      \x1b]52;c;Zm91bmQgaW4gbWVzc2FnZSA4\x07 (OSC 52)",
        b"A link:             \x1b]8;;https://example.com/\x1b\\example.org\x1b]8;;\x1b\\ (OSC 8)",
        b"Colours:            \x1b[31mred\x1b[0m, \x1b[7minverse\x1b[0m, \x1b[8mhidden\x1b[0m",
        b"The line above:     \x1b[1A\x1b[2Kgone\x1b[1B",
        b"The screen:         \x1b[2J\x1b[H\x1b[3J cleared, scroll-back too",
        b"The other screen:   \x1b[?1049h\x1b[?1049l",
        b"A bell:             \x07",
        b"Backspaces:         bad\x08\x08\x08good, and DEL: bad\x7f\x7f\x7f",
        b"A carriage return:  this line says one thing\rand shows another",
        b"Form feed, tab:     \x0b\x0c\x09.",
        b"Shift out, in:      \x0eabc\x0f",
        b"C1, one octet:      \x9b31mred\x9b0m \x9d2;title\x9c (not UTF-8)",
        b"C1, as UTF-8:       \xc2\x9b31mred\xc2\x9b0m",
        b"A bidi override:    \xe2\x80\xaemoc.elpmaxe\xe2\x80\xac is read backwards",
        b"No width at all:    pay\xe2\x80\x8bpal, pay\xe2\x81\xa0pal, \xef\xbb\xbfpaypal",
        b"Not UTF-8:          caf\xe9 (Latin-1), \xff\xfe, \xc3 \xed\xa0\x80, \xc0\xaf",
        b"A question to the terminal, which it would answer as if you typed it:",
        b"                    \x1b[c\x1b[6n\x05",
        b"An escape that is never ended: \x1b]0;all that follows is the title",
        b"",
        b"And a line of 10,000 octets. Each number marks where it ends:",
    ];
    let mut octets = HEAD.join(&b"\r\n"[..]);
    octets.extend_from_slice(b"\r\n");
    for end in (10..=LONG_LINE).step_by(10) {
        octets.extend_from_slice(format!("{end:.>10}").as_bytes());
    }
    octets.extend_from_slice(b"\r\nThat was it.\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: usize) -> Message {
        practice().into_iter().nth(number - 1).unwrap()
    }

    fn lines(message: &Message) -> Vec<&[u8]> {
        let octets = message.octets().strip_suffix(b"\r\n").unwrap();
        let mut lines = vec![];
        let mut start = 0;
        for end in memchr::memmem::find_iter(octets, b"\r\n") {
            lines.push(&octets[start..end]);
            start = end + 2;
        }
        lines.push(&octets[start..]);
        lines
    }

    #[test]
    fn every_unique_id_is_unique_and_in_its_form() {
        let mut seen: Vec<_> = practice()
            .iter()
            .map(|m| m.unique_id().to_owned())
            .collect();
        assert!(seen.iter().all(|id| (1..=70).contains(&id.len())));
        assert!(
            seen.iter()
                .all(|id| id.bytes().all(|octet| matches!(octet, b'!'..=b'~')))
        );
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn every_message_has_a_header_in_ascii_and_ends_its_lines_with_crlf() {
        for message in practice() {
            let octets = message.octets();
            assert!(!octets.contains(&0));
            assert_eq!(
                octets.iter().filter(|octet| **octet == b'\n').count(),
                lines(&message).len()
            );
            let header = &octets[..message.top(0)];
            assert!(header.is_ascii());
            for field in ["From: ", "To: ", "Subject: ", "Date: ", "Message-ID: "] {
                let field = format!("\r\n{field}");
                let header = [b"\r\n", header].concat();
                assert!(memchr::memmem::find(&header, field.as_bytes()).is_some());
            }
        }
    }

    #[test]
    fn dots_stand_at_line_starts_and_at_the_very_first_octet() {
        let message = number(3);
        let lines = lines(&message);
        assert!(lines[0].starts_with(b"."));
        for line in [&b"."[..], b"..", b"...", b".x", b". "] {
            assert!(lines.contains(&line), "{}", String::from_utf8_lossy(line));
        }
        assert_eq!(lines.last().unwrap(), b".");
    }

    #[test]
    fn the_book_has_800_lines_that_fit_a_narrow_window() {
        let message = number(4);
        assert_eq!(lines(&message).len(), 800);
        assert!(
            lines(&message)
                .iter()
                .all(|line| line.len() <= 72 && line.is_ascii())
        );
    }

    #[test]
    fn the_german_one_is_utf_8_with_encoded_words() {
        let message = number(5);
        let text = std::str::from_utf8(message.octets()).unwrap();
        assert!(!text.is_ascii());
        assert!(text.contains("Subject: =?UTF-8?B?"));
        // Composed by the reader: a line that an editor has normalised would lose its point.
        assert!(text.contains("e\u{301}"));
    }

    #[test]
    fn the_attachment_is_a_picture() {
        use base64::Engine;
        let message = number(6);
        let text = std::str::from_utf8(message.octets()).unwrap();
        let part = text
            .split("Content-Transfer-Encoding: base64\r\n\r\n")
            .nth(1)
            .unwrap();
        let coded: String = part
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .split("\r\n")
            .collect();
        let png = base64::engine::general_purpose::STANDARD
            .decode(coded)
            .unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xaeB`\x82"));
    }

    #[test]
    fn the_large_one_has_two_million_octets_and_is_the_same_each_time() {
        let message = number(7);
        assert_eq!(message.size(), 2_000_000);
        assert_eq!(message, number(7));
        assert!(lines(&message).iter().all(|line| line.len() <= 160));
    }

    #[test]
    fn the_one_with_escapes_has_a_line_of_10_000_octets_and_a_bare_cr() {
        let message = number(8);
        assert_eq!(
            lines(&message).iter().map(|line| line.len()).max(),
            Some(10_000)
        );
        assert!(lines(&message).iter().any(|line| line.contains(&b'\r')));
        for octets in [
            &b"\x1b]52;"[..],
            b"\x1b]8;;",
            b"\x1b[2J",
            b"\x9b",
            b"\x08",
            b"\x07",
            "\u{202e}".as_bytes(),
        ] {
            assert!(memchr::memmem::find(message.octets(), octets).is_some());
        }
    }

    #[test]
    fn the_empty_one_ends_with_its_header() {
        let message = number(9);
        assert_eq!(message.top(0), message.octets().len());
        assert!(message.octets().ends_with(b"\r\n\r\n"));
    }
}
