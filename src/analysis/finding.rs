//! What is thought of a transcript: one finding a fact, whoever judges.

use serde::Serialize;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule, in kebab-case; never renamed.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The line of the file, from 1. None where there is none: of a difference, when only the other file has it.
    pub row: Option<usize>,
    /// Of a difference: the line of the other file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_row: Option<usize>,
    /// The octets of the file before that line. None where there is no row, and of a difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// The octets that were seen, the first 64 at most, escaped as in a transcript; empty where nothing was sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub octets: String,
    /// How often it was found in the session; what else stands here is of the first time.
    #[serde(skip_serializing_if = "is_once")]
    pub count: u64,
    /// Where else it was seen: with other octets in the same session, and in other probes of a check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) more: Vec<Occurrence>,
    /// What was found, for people: one line. Wire text in it is escaped as by [`crate::base::escape`].
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// The document and section that say so; empty when none does.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) source: &'static str,
}

impl Finding {
    /// The other probes of a check in which this was found, each once.
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
    /// The probe of a check; None: the one of the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probe: Option<&'static str>,
    /// The line of the file, from 1.
    pub(crate) row: Option<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) octets: String,
    /// What was found there, where that is something else than the finding says.
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
    /// The recordings differ here.
    Difference,
    /// Against a SHOULD.
    Should,
    /// Against a MUST.
    Must,
    /// It can harm somebody.
    Security,
}

impl Level {
    /// Its name, as in every format.
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

    /// Whether a program that was asked to judge ends with 1 for it.
    pub(crate) fn is_failure(self) -> bool {
        self != Self::Info
    }
}
