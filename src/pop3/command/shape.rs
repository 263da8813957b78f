//! What a reply looks like, and how a person may tell it where the table does not know.

/// How a positive reply goes on after its status line. A negative reply is always one line (RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One status line.
    Single,
    /// A status line, data lines, and a line with one dot.
    Multi,
    /// Challenges and responses (RFC 5034 §4), then one status line.
    Sasl,
    /// One status line, then the client sends a message that ends with one dot, then one more status line.
    Upload,
    /// Not known: taken as one line, and nothing waits for more.
    Unknown,
}

impl Shape {
    /// The event of a transcript that says how replies to `verb` were read from there on: `taken as multi-line: XFOO`.
    /// None for what no person can ask for.
    #[must_use]
    pub fn event(self, verb: &str) -> Option<String> {
        let shape = match self {
            Self::Multi => "multi-line",
            Self::Single => "single-line",
            Self::Sasl | Self::Upload | Self::Unknown => return None,
        };
        let is_verb = !verb.is_empty()
            && verb
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        is_verb.then(|| format!("taken as {shape}: {verb}"))
    }

    /// The verb and the shape that such an event tells.
    #[must_use]
    pub fn of_event(event: &str) -> Option<(&str, Self)> {
        let (shape, verb) = event.strip_prefix("taken as ")?.split_once(": ")?;
        match shape {
            "multi-line" => Some((verb, Self::Multi)),
            "single-line" => Some((verb, Self::Single)),
            _ => None,
        }
    }
}
