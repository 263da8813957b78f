//! The keys of the pager: the one table, from which the help screen is made too.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyAction {
    ScreenDown,
    ScreenUp,
    LineDown,
    LineUp,
    HalfDown,
    HalfUp,
    Top,
    Bottom,
    Search,
    Next,
    Previous,
    Unmark,
    Help,
    Redraw,
    Suspend,
    Leave,
}

#[derive(Debug)]
pub(super) struct Binding {
    keys: &'static [Key],
    pub(super) action: KeyAction,
    pub(super) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Plain(KeyCode),
    Control(char),
}

use Key::{Control, Plain};

const fn char(c: char) -> Key {
    Plain(KeyCode::Char(c))
}

/// All keys. Those of less, vi and mutt all work: most people know one of them.
pub(super) const KEYS: &[Binding] = &[
    Binding {
        keys: &[char(' '), char('f'), Plain(KeyCode::PageDown), Control('f')],
        action: KeyAction::ScreenDown,
        help: "one screen down",
    },
    Binding {
        keys: &[char('b'), Plain(KeyCode::PageUp), Control('b')],
        action: KeyAction::ScreenUp,
        help: "one screen up",
    },
    Binding {
        keys: &[
            char('j'),
            Plain(KeyCode::Down),
            Plain(KeyCode::Enter),
            Control('n'),
            Control('e'),
        ],
        action: KeyAction::LineDown,
        help: "one line down",
    },
    Binding {
        keys: &[char('k'), Plain(KeyCode::Up), Control('p'), Control('y')],
        action: KeyAction::LineUp,
        help: "one line up",
    },
    Binding {
        keys: &[char('d'), Control('d')],
        action: KeyAction::HalfDown,
        help: "half a screen down",
    },
    Binding {
        keys: &[char('u'), Control('u')],
        action: KeyAction::HalfUp,
        help: "half a screen up",
    },
    Binding {
        keys: &[char('g'), Plain(KeyCode::Home), char('<')],
        action: KeyAction::Top,
        help: "to the start",
    },
    Binding {
        keys: &[char('G'), Plain(KeyCode::End), char('>')],
        action: KeyAction::Bottom,
        help: "to the end; follow while more arrives",
    },
    Binding {
        keys: &[char('/')],
        action: KeyAction::Search,
        help: "search; lower case also finds capitals; \\xe9 works",
    },
    Binding {
        keys: &[char('n')],
        action: KeyAction::Next,
        help: "next match; after the last, from the top",
    },
    Binding {
        keys: &[char('N')],
        action: KeyAction::Previous,
        help: "previous match",
    },
    Binding {
        keys: &[Plain(KeyCode::Esc)],
        action: KeyAction::Unmark,
        help: "forget the search",
    },
    Binding {
        keys: &[char('h'), char('?'), Plain(KeyCode::F(1))],
        action: KeyAction::Help,
        help: "this help",
    },
    Binding {
        keys: &[Control('l'), char('r')],
        action: KeyAction::Redraw,
        help: "redraw the screen",
    },
    Binding {
        keys: &[Control('z')],
        action: KeyAction::Suspend,
        help: "suspend; resume with fg",
    },
    Binding {
        keys: &[char('q'), char('Q'), Control('c')],
        action: KeyAction::Leave,
        help: "back to the prompt; the rest is still recorded",
    },
];

impl KeyAction {
    pub(super) fn of(event: KeyEvent) -> Option<Self> {
        // Shift is in the character already; a key with Alt is another key.
        let key = match (event.code, event.modifiers - KeyModifiers::SHIFT) {
            (code, KeyModifiers::NONE) => Plain(code),
            (KeyCode::Char(c), KeyModifiers::CONTROL) => Control(c),
            _ => return None,
        };
        let binding = KEYS.iter().find(|binding| binding.keys.contains(&key))?;
        Some(binding.action)
    }
}

impl Binding {
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join("  ")
    }
}

impl Key {
    fn name(self) -> String {
        match self {
            Control(c) => format!("^{}", c.to_ascii_uppercase()),
            Plain(KeyCode::Char(' ')) => "space".to_owned(),
            Plain(KeyCode::Char(c)) => c.to_string(),
            Plain(KeyCode::PageDown) => "PgDn".to_owned(),
            Plain(KeyCode::PageUp) => "PgUp".to_owned(),
            Plain(code) => code.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let keys: Vec<Key> = KEYS
            .iter()
            .flat_map(|binding| binding.keys)
            .copied()
            .collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }

    #[test]
    fn the_help_fits_on_a_screen_of_80_by_24() {
        assert!(KEYS.len() < 20);
        for binding in KEYS {
            assert!(binding.names().len() <= 23, "{}", binding.names());
            assert!(binding.help.len() <= 52, "{}", binding.help);
        }
    }

    #[test]
    fn capitals_with_and_without_shift_are_the_same() {
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            let key = KeyEvent::new(KeyCode::Char('G'), modifiers);
            assert_eq!(KeyAction::of(key), Some(KeyAction::Bottom));
        }
        let key = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT);
        assert_eq!(KeyAction::of(key), None);
    }
}
