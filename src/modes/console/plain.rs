//! Reads lines on a terminal that can't edit them.

use std::io::BufRead;

use super::editor::Input;
use super::terminal;
use crate::base::stdio;

/// Asks for a line. What is typed is echoed by the terminal.
pub(super) fn read(prompt: &str) -> Input {
    // A prompt that is not visible cannot be answered.
    if stdio::print(prompt.as_bytes()).is_err() {
        return Input::End;
    }
    let mut line = Vec::new();
    let result = terminal::echoing(true, || {
        std::io::stdin().lock().read_until(b'\n', &mut line)
    });
    match result {
        Ok(0) | Err(_) => Input::End,
        Ok(_) => {
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match std::str::from_utf8(line) {
                Ok(text) => Input::Line(text.to_owned()),
                Err(_) => Input::Octets(line.to_vec()),
            }
        }
    }
}
