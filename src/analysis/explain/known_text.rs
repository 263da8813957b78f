//! Explains a server's or client's text that matches a row of the table.

use super::{ExplainedPart, quoted, said, texts};

/// Explains a text that matches a row.
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

/// Names as a list: `a, b, c`.
fn listed(names: &[&str]) -> String {
    names.join(", ")
}
