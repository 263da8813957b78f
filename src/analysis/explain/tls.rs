//! Explains why there is no TLS, or why a certificate cannot be trusted: a sentence of poptalk's, or
//! the row of a transcript that has it.

use super::{Explained, ExplainedPart, said};
use crate::base::escape;
use crate::base::tls_fault;
use crate::transcript::event::{Event, Trust, split_time};

/// Explains such a text; None if it is something else.
pub(super) fn explain(text: &str) -> Option<Explained> {
    let said = sentences_of(text);
    let parts: Option<Vec<ExplainedPart>> = said.iter().map(|one| fault(one)).collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| Explained {
            parts,
            is_known: true,
        })
}

/// The sentences in a text: a message of poptalk's, a row of a transcript, or the sentences
/// themselves.
fn sentences_of(text: &str) -> Vec<String> {
    let text = ["error: ", "TLS FAILED: ", "NOT VERIFIED: "]
        .iter()
        .fold(text, |text, start| text.strip_prefix(start).unwrap_or(text));
    let row = text.strip_prefix("* ").unwrap_or(text);
    let said = match Event::parse(split_time(row).0) {
        Event::TlsFailed(why) | Event::Lost { why: Some(why), .. } => why,
        Event::TlsStarted {
            trust: Some(Trust::Unverified(why)),
            ..
        } => why,
        Event::TlsStarted {
            trust: Some(Trust::Unknown),
            ..
        } => tls_fault::HIDDEN_ISSUER.says.to_owned(),
        _ => text.to_owned(),
    };
    tls_fault::sentences(&said).map(str::to_owned).collect()
}

fn fault(sentence: &str) -> Option<ExplainedPart> {
    let fault = tls_fault::of_sentence(sentence)?;
    let shown = escape::escaped(sentence.as_bytes());
    Some(said(shown, fault.means, fault.next, fault.source))
}

/// What a sentence means and where that is from, if it is known.
pub(super) fn meaning(sentence: &str) -> Option<(&'static str, &'static str)> {
    let fault = tls_fault::of_sentence(sentence)?;
    Some((fault.means, fault.source))
}
