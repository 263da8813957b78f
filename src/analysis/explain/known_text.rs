//! A text of a server or a client that the table knows whole, explained.

use super::{ExplainedPart, quoted, said, texts};

/// Explains a text that a row knows whole.
pub(super) fn known_text(text: &str, found: &texts::KnownText) -> ExplainedPart {
    let names: Vec<&str> = found
        .origins
        .iter()
        .map(|origin| origin.who)
        .filter(|who| !who.is_empty())
        .collect();
    let verb = if found.is_of_client() {
        "printed by"
    } else {
        "seen with"
    };
    let is_common = found.origins.len() > names.len();
    let who = match (names.as_slice(), is_common) {
        ([], _) => String::new(),
        (names, true) => format!(" ({verb} {} and others)", listed(names)),
        (names, false) => format!(" ({verb} {})", listed(names)),
    };
    let mut sources: Vec<&str> = found.origins.iter().map(|origin| origin.source).collect();
    sources.dedup();
    said(
        format!("{}{who}: {}", quoted(text), found.meaning.means),
        found.meaning.cause,
        found.meaning.next,
        &sources.join("; "),
    )
}

/// Names in a row: `a, b, c`.
fn listed(names: &[&str]) -> String {
    names.join(", ")
}
