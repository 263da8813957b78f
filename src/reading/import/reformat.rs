//! Undoes what consoles and web pages do to the lines of a session: blanks that fill each line up,
//! a blank line after each.

use std::borrow::Cow;

use super::lines::{numbered, without_cr};

/// Fewer lines show no habit.
const LINES_MIN: usize = 4;

pub(super) fn undone(octets: &[u8]) -> Cow<'_, [u8]> {
    let narrow = unpadded(octets);
    match single_spaced(&narrow) {
        Some(text) => Cow::Owned(text),
        None => narrow,
    }
}

fn blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// Without the blanks at the ends of lines, if most lines have them.
fn unpadded(octets: &[u8]) -> Cow<'_, [u8]> {
    let lines = || numbered(octets).map(|(_, line)| without_cr(line).0);
    let said = lines().filter(|line| !blank(line)).count();
    let padded = lines()
        .filter(|line| !blank(line) && line.ends_with(b" "))
        .count();
    // The dot that ends data has no blank by itself.
    if said < LINES_MIN || padded * 5 < said * 4 {
        return Cow::Borrowed(octets);
    }
    let mut text = Vec::with_capacity(octets.len());
    for (_, whole) in numbered(octets) {
        let (line, crs) = without_cr(whole);
        text.extend_from_slice(line.trim_ascii_end());
        text.extend(std::iter::repeat_n(b'\r', crs));
        text.push(b'\n');
    }
    Cow::Owned(text)
}

/// Without every second line of the session, if all of these are blank.
fn single_spaced(octets: &[u8]) -> Option<Vec<u8>> {
    let is_status = |line: &[u8]| line.starts_with(b"+OK") || line.starts_with(b"-ERR");
    let before = numbered(octets)
        .take_while(|(_, line)| !is_status(line))
        .count();
    let session = || numbered(octets).skip(before).map(|(_, line)| line);
    if session().skip(1).step_by(2).any(|line| !blank(line)) {
        return None;
    }
    let all = session().step_by(2).count();
    let said = session().step_by(2).filter(|line| !blank(line)).count();
    if said < LINES_MIN || said * 2 < all {
        return None;
    }
    let mut text = Vec::with_capacity(octets.len());
    for (at, (_, line)) in numbered(octets).enumerate() {
        if at < before || (at - before) % 2 == 0 {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
    }
    Some(text)
}
