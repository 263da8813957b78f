//! The line at the bottom in which a search is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::base::escape;

#[derive(Debug, Clone, Default)]
pub(super) struct PagerInput {
    text: Vec<char>,
    /// The characters before the cursor.
    cursor: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyEffect {
    More,
    Done(String),
    Cancelled,
}

impl PagerInput {
    /// Takes a key. `last` is what was typed the last time.
    pub(super) fn press(&mut self, key: KeyEvent, last: Option<&str>) -> KeyEffect {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let (before, after) = self.text.split_at(self.cursor.min(self.text.len()));
        match key.code {
            KeyCode::Enter => return KeyEffect::Done(self.text.iter().collect()),
            KeyCode::Esc => return KeyEffect::Cancelled,
            KeyCode::Char('c' | 'g') if is_control => return KeyEffect::Cancelled,
            // As in vi and less: rubbing out the `/` leaves.
            KeyCode::Backspace if self.text.is_empty() => return KeyEffect::Cancelled,
            KeyCode::Char('a') if is_control => self.cursor = 0,
            KeyCode::Char('e') if is_control => self.cursor = self.text.len(),
            KeyCode::Char('b') if is_control => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Char('f') if is_control => self.cursor = before.len() + after.len().min(1),
            KeyCode::Char('h') if is_control => self.remove(before.len().saturating_sub(1)),
            KeyCode::Char('d') if is_control => self.delete(),
            KeyCode::Char('k') if is_control => self.text.truncate(before.len()),
            KeyCode::Char('u') if is_control => self.remove(0),
            KeyCode::Char('w') if is_control => {
                let word = before
                    .iter()
                    .rposition(|c| !c.is_whitespace())
                    .map_or(0, |last| last + 1);
                let word = before.get(..word).unwrap_or_default();
                let from = word.iter().rposition(|c| c.is_whitespace());
                self.remove(from.map_or(0, |blank| blank + 1));
            }
            KeyCode::Char(c) if !is_control => {
                self.text.insert(before.len(), c);
                self.cursor += 1;
            }
            KeyCode::Backspace => self.remove(before.len().saturating_sub(1)),
            KeyCode::Delete => self.delete(),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = before.len() + after.len().min(1),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Up => {
                self.text = last.unwrap_or_default().chars().collect();
                self.cursor = self.text.len();
            }
            KeyCode::Down => *self = Self::default(),
            _ => {}
        }
        KeyEffect::More
    }

    /// What is to be shown in `columns` columns, and where the cursor is in it.
    pub(super) fn shown(&self, columns: usize) -> (String, usize) {
        let (before, after) = self.text.split_at(self.cursor.min(self.text.len()));
        // Of a long line the part before the cursor is shown, as far as it fits.
        for from in 0..=before.len() {
            let mut shown = String::from("/");
            let before: String = before.iter().skip(from).collect();
            let cursor = escape::escape_within(before.as_bytes(), 1..columns, &mut shown);
            if cursor >= columns && from < self.cursor {
                continue;
            }
            let after: String = after.iter().collect();
            let fitting = escape::fit(after.as_bytes(), columns.saturating_sub(cursor));
            let after = after.as_bytes().get(..fitting).unwrap_or_default();
            escape::escape_within(after, cursor..columns, &mut shown);
            return (shown, cursor);
        }
        (String::new(), 0)
    }

    fn remove(&mut self, from: usize) {
        let upto = self.cursor.min(self.text.len());
        self.text.drain(from.min(upto)..upto);
        self.cursor = from;
    }

    fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(keys: &[KeyEvent]) -> PagerInput {
        let mut entry = PagerInput::default();
        for key in keys {
            assert_eq!(entry.press(*key, Some("old")), KeyEffect::More);
        }
        entry
    }

    fn chars(text: &str) -> Vec<KeyEvent> {
        text.chars().map(|c| KeyCode::Char(c).into()).collect()
    }

    fn control(c: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        let mut keys = chars("two words gone");
        keys.extend([control('w'), KeyEvent::from(KeyCode::Home)]);
        keys.extend(chars("x"));
        keys.extend([KeyCode::Backspace, KeyCode::Right].map(KeyEvent::from));
        keys.extend([KeyEvent::from(KeyCode::Delete), control('e')]);
        let mut entry = type_in(&keys);
        assert_eq!(entry.shown(40), ("/to words ".into(), 10));
        let done = entry.press(KeyCode::Enter.into(), None);
        assert_eq!(done, KeyEffect::Done("to words ".into()));
    }

    #[test]
    fn what_was_typed_last_comes_back() {
        assert_eq!(type_in(&[KeyCode::Up.into()]).shown(40), ("/old".into(), 4));
    }

    #[test]
    fn rubbing_out_the_slash_leaves() {
        let mut entry = type_in(&[&chars("ab")[..], &[control('u')]].concat());
        assert_eq!(
            entry.press(KeyCode::Backspace.into(), None),
            KeyEffect::Cancelled
        );
    }

    #[test]
    fn a_long_line_shows_the_part_before_the_cursor() {
        let mut entry = type_in(&chars("abcdefghij"));
        assert_eq!(entry.shown(6), ("/ghij".into(), 5));
        entry.press(KeyCode::Home.into(), None);
        assert_eq!(entry.shown(6), ("/abcde".into(), 1));
    }

    #[test]
    fn what_is_typed_does_not_drive_the_terminal() {
        assert_eq!(type_in(&chars("a\u{202e}\u{7}")).shown(40).0, "/a<202E>^G");
    }
}
