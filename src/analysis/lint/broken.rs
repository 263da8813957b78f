//! How often, and where, a rule was broken in a session.

use super::{Rule, SHOWN, Site};
use crate::analysis::finding::{Finding, Occurrence};
use crate::base::escape;
use crate::transcript::text::escape;

/// The most places stored for a broken rule, each with different octets.
const SIGHTS_MAX: usize = 8;

pub(super) const MESSAGE_MAX: usize = 400;

#[derive(Debug)]
pub(super) struct Broken {
    pub(super) rule: &'static Rule,
    pub(super) count: u64,
    /// The first places with octets or messages that differ: row, octets and message.
    sights: Vec<(usize, Vec<u8>, String)>,
}

impl Broken {
    pub(super) fn new(rule: &'static Rule) -> Self {
        Self {
            rule,
            count: 0,
            sights: Vec::new(),
        }
    }

    /// Counts one more site, and reports the first.
    pub(super) fn find(rows: &mut [Self], index: usize, spot: Site, emit: &mut dyn FnMut(Finding)) {
        let Some(broken) = rows.get_mut(index) else {
            return;
        };
        broken.count += 1;
        let shown = spot.octets.get(..SHOWN).unwrap_or(&spot.octets);
        let sights = &mut broken.sights;
        // An empty line shows nothing, so the message distinguishes the places.
        let is_known = |(_, octets, what): &(usize, Vec<u8>, String)| {
            octets == shown && (!shown.is_empty() || is_alike(what, &spot.what))
        };
        if sights.len() < SIGHTS_MAX && !sights.iter().any(is_known) {
            sights.push((spot.place.row, shown.to_vec(), spot.what.clone()));
        }
        if broken.count == 1 {
            let rule = broken.rule;
            emit(Finding {
                id: rule.id,
                level: rule.level,
                row: Some(spot.place.row),
                other_row: None,
                offset: Some(spot.place.offset),
                octets: escaped(shown),
                count: 1,
                more: Vec::new(),
                message: message(&spot.what),
                hint: Some(rule.hint.to_owned()),
                source: rule.source,
            });
        }
    }

    /// The places after the first, as far as the octets there differ.
    pub(super) fn more(&self) -> Vec<Occurrence> {
        let first = self.sights.first().map(|(.., what)| what.as_str());
        let is_other = |what: &str| !is_alike(what, first.unwrap_or_default());
        let more = self
            .sights
            .iter()
            .skip(1)
            .map(|(row, octets, what)| Occurrence {
                row: Some(*row),
                octets: escaped(octets),
                message: (octets.is_empty() && is_other(what)).then(|| message(what)),
                ..Occurrence::default()
            });
        more.collect()
    }
}

/// Whether two messages differ in numbers at most.
fn is_alike(one: &str, other: &str) -> bool {
    let words = |text: &'_ str| {
        text.bytes()
            .filter(|octet| !octet.is_ascii_digit())
            .collect::<Vec<_>>()
    };
    words(one) == words(other)
}

/// Octets escaped as in a transcript.
fn escaped(octets: &[u8]) -> String {
    let mut text = Vec::new();
    escape(&mut text, octets);
    String::from_utf8_lossy(&text).into_owned()
}

/// A message that is safe to show, even with wire text in it, and short enough to read.
fn message(what: &str) -> String {
    let mut shown = String::new();
    escape::escape(what.as_bytes(), &mut shown);
    if let Some((end, _)) = shown.char_indices().nth(MESSAGE_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
