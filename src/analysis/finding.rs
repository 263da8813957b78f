//! What is found in a transcript: one finding per fact, whichever command judges.

use std::borrow::Cow;

use serde::Serialize;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule, in kebab-case; never renamed.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The line of the file, from 1. None if there is none: for a difference, if only the other
    /// file has it.
    pub row: Option<usize>,
    /// For a difference: the line of the other file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_row: Option<usize>,
    /// The octets of the file before that line. None without a row, and for a difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// The octets seen, at most the first 64, escaped as in a transcript; empty if nothing was
    /// sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub octets: String,
    /// How often it was found in the session; the other fields describe the first time.
    #[serde(skip_serializing_if = "is_once")]
    pub count: u64,
    /// Where else it was seen: with different octets in the same session, and in other probes of a
    /// check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) more: Vec<Occurrence>,
    /// What was found, for people, in one line. Wire text in it is escaped by
    /// [`crate::base::escape`].
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// The document and section that say so; empty if none does.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) source: &'static str,
}

impl Finding {
    /// Returns the message as people write it: where it is an event of the transcript, TLS is in
    /// upper case.
    pub(crate) fn message_for_people(&self) -> Cow<'_, str> {
        match self.message.strip_prefix("tls failed: ") {
            Some(why) => Cow::Owned(format!("TLS failed: {why}")),
            None => Cow::Borrowed(&self.message),
        }
    }

    /// Returns the other probes of a check in which this was found, each once.
    pub(crate) fn other_probes(&self) -> Vec<&'static str> {
        let mut probes: Vec<&'static str> = Vec::new();
        let others = self.more.iter().filter(|sight| sight.file.is_none());
        for probe in others.filter_map(|sight| sight.probe) {
            if !probes.contains(&probe) {
                probes.push(probe);
            }
        }
        probes
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Occurrence {
    /// The probe of a check; None: the probe of the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probe: Option<&'static str>,
    /// The line of the file, from 1.
    pub(crate) row: Option<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) octets: String,
    /// What was found there, if it differs from the finding's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The transcript of a session that was compared with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_once(count: &u64) -> bool {
    *count == 1
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Two recordings differ here.
    Difference,
    /// Violates a SHOULD.
    Should,
    /// Violates a MUST.
    Must,
    /// It can harm people.
    Security,
}

impl Level {
    /// Returns its name, as in every format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Difference => "difference",
            Self::Should => "should",
            Self::Must => "must",
            Self::Security => "security",
        }
    }

    /// Whether a judging command exits with 1 for it.
    pub(crate) fn is_failure(self) -> bool {
        self != Self::Info
    }
}
