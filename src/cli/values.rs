//! Values of options that are one of a few, as they are written on the command line. No room below
//! knows how its values are typed.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::analysis::{diff, finding};
use crate::base::style::ColorChoice;
use crate::modes::report::findings;
use crate::net::proxy_protocol::HeaderVersion;
use crate::net::tls::Version;
use crate::reading::import;

fn value(name: &'static str, help: &'static str) -> Option<PossibleValue> {
    Some(PossibleValue::new(name).help(help))
}

impl ValueEnum for ColorChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Auto => value("auto", "On a terminal with colours, unless NO_COLOR is set"),
            Self::Always => value("always", "Always"),
            Self::Never => value("never", "Never"),
        }
    }
}

impl ValueEnum for diff::Level {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Status, Self::Fields, Self::Text, Self::Octets]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Status => value(
                "status",
                "Commands (verb in any case, arguments that are not secret), `+OK` or `-ERR` of each reply, whether it is complete, unsolicited lines, TLS, time-outs",
            ),
            Self::Fields => value(
                "fields",
                "Also the fields of replies (STAT, LIST, UIDL ...), response codes of -ERR, the number of SASL challenges, and \
                 data: messages line by line, listings by their fields, capabilities in any order and case",
            ),
            Self::Text => value(
                "text",
                "Also the exact text of status lines, greeting and listings; not the greeting's timestamp, SASL, line ends",
            ),
            Self::Octets => value(
                "octets",
                "Every octet of both sides, including line ends and dot-stuffing, but not holes, times and the text of events",
            ),
        }
    }
}

/// What a rule may find; a difference is of two recordings, and no rule has it.
impl ValueEnum for finding::Level {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Info, Self::Should, Self::Must, Self::Security]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Info => "Worth knowing",
            Self::Difference => "The recordings differ here",
            Self::Should => "Breaks a SHOULD",
            Self::Must => "Breaks a MUST",
            Self::Security => "Can cause harm",
        };
        value(self.name(), help)
    }
}

impl ValueEnum for findings::Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json, Self::Junit, Self::Html]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Text => value("text", "Text for people"),
            Self::Json => value("json", "One JSON object"),
            Self::Junit => value("junit", "JUnit XML, for build servers"),
            Self::Html => value(
                "html",
                "A page for a bug report: one file, without scripts or external content",
            ),
        }
    }
}

impl ValueEnum for HeaderVersion {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::V1, Self::V2]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }))
    }
}

impl ValueEnum for Version {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Tls10 => value("1.0", "TLS 1.0: no longer safe (RFC 8996)"),
            Self::Tls11 => value("1.1", "TLS 1.1: no longer safe (RFC 8996)"),
            Self::Tls12 => value("1.2", "TLS 1.2"),
            Self::Tls13 => value("1.3", "TLS 1.3"),
        }
    }
}

impl ValueEnum for import::Format {
    fn value_variants<'a>() -> &'a [Self] {
        import::Format::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
