//! Cuts a text into rows of a terminal, between words.

use unicode_width::UnicodeWidthChar;

/// The fewest columns that a text is cut for: narrower rows would cut most words.
const COLUMNS_MIN: usize = 20;

/// A line in rows of at most `columns`, cut at blanks where there are any.
pub(crate) fn rows(line: &str, columns: usize) -> Vec<&str> {
    let mut rows = Vec::new();
    let mut rest = line;
    while let Some(end) = overflow(rest, columns.max(COLUMNS_MIN)) {
        let (row, _) = rest.split_at(end);
        let is_blank_next = rest.get(end..).is_some_and(|rest| rest.starts_with(' '));
        let indent = row.len() - row.trim_start().len();
        let blank = row.rfind(' ').filter(|blank| *blank > indent);
        let cut = if is_blank_next {
            end
        } else {
            blank.unwrap_or(end)
        };
        let (row, after) = rest.split_at(cut);
        rows.push(row.trim_end());
        rest = after.trim_start();
    }
    rows.push(rest);
    rows
}

/// A line for a terminal of this many columns, without a line end, each row after the first indented
/// like it; unchanged where the width is not known.
pub(crate) fn wrapped(line: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return line.to_owned();
    };
    let text = line.trim_start_matches(' ');
    let (indent, _) = line.split_at(line.len() - text.len());
    let rows = rows(text, columns.saturating_sub(indent.len()));
    let rows = rows.into_iter().map(|row| format!("{indent}{row}"));
    rows.collect::<Vec<_>>().join("\n")
}

/// The octet at which a text goes beyond this many columns.
fn overflow(text: &str, columns: usize) -> Option<usize> {
    let mut column = 0;
    text.char_indices().find_map(|(at, letter)| {
        column += letter.width().unwrap_or(0);
        (column > columns).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_words() {
        let line = "one two three four five six seven";
        assert_eq!(rows(line, 20), ["one two three four", "five six seven"]);
        assert_eq!(rows(line, 18), ["one two three four", "five six seven"]);
        assert_eq!(rows("short", 20), ["short"]);
        let long = "x".repeat(45);
        assert_eq!(rows(&long, 20).concat(), long);
    }

    #[test]
    fn rows_keep_the_indent_of_their_line() {
        let line = "    hint: one two three four five";
        assert_eq!(
            wrapped(line, Some(24)),
            "    hint: one two three\n    four five"
        );
        assert_eq!(wrapped(line, None), line);
    }
}
