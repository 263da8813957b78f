//! The marks of a log that the user gives: a pattern for the lines of each side.

use regex::bytes::{Regex, RegexBuilder};

use super::dialects::{BY_MARKS, ReadyDialect};
use super::lines::{numbered, without_cr};

const PATTERN_MAX: usize = 1 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    client: Regex,
    server: Regex,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("`{0}` is not a regular expression: {1}")]
    Syntax(String, String),
    #[error("`{0}` needs one group around what was sent, as in `^C: (.*)$`")]
    Groups(String),
}

impl Patterns {
    /// The patterns of the two sides. Each has one group, or one called `line`, around the octets;
    /// groups called `t` (a time) and `id` (which connection) may be there, too.
    ///
    /// Errors: a pattern is not a regular expression, is too large, or has no such group.
    pub(crate) fn new(client: &str, server: &str) -> Result<Self, PatternError> {
        Ok(Self {
            client: pattern(client)?,
            server: pattern(server)?,
        })
    }

    pub(super) fn marks(&self) -> ReadyDialect {
        ReadyDialect {
            dialect: &BY_MARKS,
            sign: self.server.clone(),
            client: self.client.clone(),
            server: self.server.clone(),
            notes: Vec::new(),
            skip: None,
        }
    }

    pub(super) fn has_mark(&self, text: &[u8]) -> bool {
        let mut lines = numbered(text).map(|(_, line)| without_cr(line).0);
        lines.any(|line| self.server.is_match(line))
    }
}

fn pattern(text: &str) -> Result<Regex, PatternError> {
    let mut builder = RegexBuilder::new(text);
    let built = builder.unicode(false).size_limit(PATTERN_MAX).build();
    let regex = built.map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default();
        let why = why.trim_start_matches("error: ").to_owned();
        PatternError::Syntax(text.to_owned(), why)
    })?;
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    let is_named = names.contains(&Some("line"));
    let plain = names.iter().filter(|name| name.is_none()).count();
    if is_named || plain == 1 {
        Ok(regex)
    } else {
        Err(PatternError::Groups(text.to_owned()))
    }
}
