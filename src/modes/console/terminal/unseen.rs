//! The line that is typed at an unseen prompt, key by key, where a console reports keys.

use zeroize::{Zeroize, Zeroizing};

/// Room for any usual secret: a buffer that grows leaves copies in memory.
const ROOM: usize = 512;

/// The virtual key code of Alt.
const ALT: u16 = 0x12;

/// A key as the console of Windows reports it.
#[derive(Clone, Copy)]
pub(crate) struct ConsoleKey {
    pub(crate) is_down: bool,
    /// The virtual key code.
    pub(crate) code: u16,
    /// The UTF-16 unit that it types, with Shift, Ctrl and AltGr applied; 0 if none.
    pub(crate) unit: u16,
    /// How often it was typed; held down, it repeats.
    pub(crate) count: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    More,
    /// Enter was pressed.
    Line,
    /// Ctrl-C was pressed.
    Interrupted,
    /// Ctrl-D or Ctrl-Z was pressed before anything else.
    End,
}

/// What has been typed so far.
pub(crate) struct UnseenLine(Zeroizing<Vec<u16>>);

impl UnseenLine {
    pub(crate) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(ROOM)))
    }

    pub(crate) fn press(&mut self, key: ConsoleKey) -> LineState {
        // A character that is typed by its number, or pasted but not on the keyboard, comes when
        // Alt is released.
        if !key.is_down && key.code != ALT {
            return LineState::More;
        }
        for _ in 0..key.count.max(1) {
            match self.unit(key.unit) {
                LineState::More => {}
                end => return end,
            }
        }
        LineState::More
    }

    fn unit(&mut self, unit: u16) -> LineState {
        match unit {
            0x03 => return LineState::Interrupted,
            0x04 | 0x1a if self.0.is_empty() => return LineState::End,
            // Ctrl-J and Enter.
            0x0a | 0x0d => return LineState::Line,
            // Backspace, and with Ctrl.
            0x08 | 0x7f => self.erase(),
            // Ctrl-U erases the line, as in a terminal of Unix.
            0x15 => self.0.zeroize(),
            // Tab may be in a password. Other control characters are slips of the finger.
            0x09 | 0x20.. => self.0.push(unit),
            _ => {}
        }
        LineState::More
    }

    /// Erases the last character, which may be a surrogate pair.
    fn erase(&mut self) {
        let last = self.0.pop();
        let is_low = |unit: u16| (0xdc00..0xe000).contains(&unit);
        let is_high = |unit: &u16| (0xd800..0xdc00).contains(unit);
        if last.is_some_and(is_low) && self.0.last().is_some_and(is_high) {
            self.0.pop();
        }
    }

    /// Returns the line as UTF-8; half a surrogate pair becomes U+FFFD.
    pub(crate) fn octets(&self) -> Zeroizing<Vec<u8>> {
        // A unit takes at most three octets.
        let mut octets = Zeroizing::new(Vec::with_capacity(self.0.len() * 3));
        for unit in char::decode_utf16(self.0.iter().copied()) {
            let mut buffer = Zeroizing::new([0; 4]);
            let c = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
            octets.extend_from_slice(c.encode_utf8(&mut *buffer).as_bytes());
        }
        octets
    }
}

/// Reads a line from the console without showing it.
///
/// Errors: Ctrl-C ([`io::ErrorKind::Interrupted`]); standard input is not a console, so that
/// nothing can be hidden ([`io::ErrorKind::Unsupported`]).
#[cfg(windows)]
pub(super) fn read() -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::ErrorKind;

    use crossterm_winapi::{Console, Handle, HandleType, InputRecord};

    // A terminal that gives a pipe, such as mintty, echoes by itself.
    let handle = Handle::new(HandleType::InputHandle)?;
    let _keys = KeyMode::start(handle.clone()).map_err(|_| ErrorKind::Unsupported)?;
    let console = Console::from(handle);
    let mut line = UnseenLine::new();
    loop {
        let InputRecord::KeyEvent(key) = console.read_single_input_event()? else {
            continue;
        };
        let key = ConsoleKey {
            is_down: key.key_down,
            code: key.virtual_key_code,
            unit: key.u_char,
            count: key.repeat_count,
        };
        match line.press(key) {
            LineState::More => {}
            LineState::Line => return Ok(line.octets()),
            LineState::Interrupted => return Err(ErrorKind::Interrupted.into()),
            LineState::End => return Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// While this lives, the console reports keys: it edits no lines, echoes nothing, and Ctrl-C is a
/// key.
#[cfg(windows)]
struct KeyMode {
    mode: crossterm_winapi::ConsoleMode,
    before: u32,
}

#[cfg(windows)]
impl KeyMode {
    /// Processed input, line input, echo input, virtual terminal input.
    const COOKED: u32 = 0x1 | 0x2 | 0x4 | 0x200;

    fn start(handle: crossterm_winapi::Handle) -> std::io::Result<Self> {
        let mode = crossterm_winapi::ConsoleMode::from(handle);
        let before = mode.mode()?;
        mode.set_mode(before & !Self::COOKED)?;
        Ok(Self { mode, before })
    }
}

#[cfg(windows)]
impl Drop for KeyMode {
    fn drop(&mut self) {
        let _ = self.mode.set_mode(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKSPACE: &str = "\u{8}";

    fn down(unit: u16) -> ConsoleKey {
        ConsoleKey {
            is_down: true,
            code: 0,
            unit,
            count: 1,
        }
    }

    /// Presses and releases the keys that type this text; gives the line and what the last did.
    fn typed(text: &str) -> (String, LineState) {
        let mut line = UnseenLine::new();
        let mut last = LineState::More;
        for unit in text.encode_utf16() {
            assert_eq!(last, LineState::More, "{text:?}");
            last = line.press(down(unit));
            let released = ConsoleKey {
                is_down: false,
                ..down(unit)
            };
            assert_eq!(line.press(released), LineState::More);
        }
        (String::from_utf8(line.octets().to_vec()).unwrap(), last)
    }

    #[test]
    fn enter_ends_the_line_that_was_typed_or_pasted() {
        for (keys, line) in [
            ("\r", ""),
            ("geheim\r", "geheim"),
            ("two words\t!\n", "two words\t!"),
            ("grün 🔑\r", "grün 🔑"),
        ] {
            assert_eq!(typed(keys), (line.to_owned(), LineState::Line));
        }
    }

    #[test]
    fn backspace_erases_a_whole_character() {
        for (keys, line) in [
            ("ab", "a"),
            ("a🔑", "a"),
            ("🔑é", "🔑"),
            ("", ""),
            ("a", ""),
        ] {
            assert_eq!(typed(&format!("{keys}{BACKSPACE}")).0, line, "{keys}");
        }
        assert_eq!(typed("wrong\u{15}right\r").0, "right");
    }

    #[test]
    fn control_keys_are_not_part_of_the_line() {
        assert_eq!(typed("a\u{1b}\u{1}\0b\r").0, "ab");
        assert_eq!(typed("geh\u{3}").1, LineState::Interrupted);
        assert_eq!(typed("\u{1a}").1, LineState::End);
        assert_eq!(typed("\u{4}").1, LineState::End);
        assert_eq!(typed("a\u{4}\r"), ("a".to_owned(), LineState::Line));
    }

    #[test]
    fn a_held_key_repeats_and_a_number_typed_with_alt_is_its_character() {
        let mut line = UnseenLine::new();
        line.press(ConsoleKey {
            count: 3,
            ..down(b'x'.into())
        });
        // Alt goes down, and up with the character.
        for (is_down, unit) in [(true, 0), (false, 0xe9), (false, 0)] {
            line.press(ConsoleKey {
                is_down,
                code: ALT,
                unit,
                count: 1,
            });
        }
        assert_eq!(line.octets().as_slice(), "xxxé".as_bytes());
    }

    #[test]
    fn half_a_pair_does_not_lose_the_rest() {
        let mut line = UnseenLine::new();
        for unit in [0x61, 0xd83d, 0x62] {
            line.press(down(unit));
        }
        assert_eq!(line.octets().as_slice(), "a\u{fffd}b".as_bytes());
    }
}
