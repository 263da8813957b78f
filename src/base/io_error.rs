//! Errors of the operating system, in words.

use std::io;

/// The text of an I/O error without the number of the operating system, and without a full stop.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    // Windows ends its sentences.
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_and_the_full_stop_go() {
        for text in [
            "Connection refused (os error 111)",
            "Connection refused. (os error 10061)",
        ] {
            assert_eq!(plain(&io::Error::other(text)), "connection refused");
        }
        assert_eq!(plain(&io::Error::other("")), "");
    }
}
