//! Explains why there is no TLS, or why a certificate cannot be trusted: a sentence of poptalk's, or
//! the row of a transcript that has it.

use super::{Explained, ExplainedPart, said};
use crate::base::escape;
use crate::base::service::Service;
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
    let text = STARTS
        .iter()
        .find_map(|start| text.split_once(start))
        .map_or(text, |(_, rest)| rest);
    let text = text.strip_suffix(END).unwrap_or(text);
    let row = text.strip_prefix("* ").unwrap_or(text);
    let event = match Event::parse(split_time(row).0) {
        Event::Upstream(event) => *event,
        event => event,
    };
    let said = match event {
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

/// What poptalk puts before such sentences where it shows them, and after them.
const STARTS: &[&str] = &[
    "error: ",
    "TLS FAILED: ",
    "TLS failed: ",
    "NOT VERIFIED: ",
    "NOT VERIFIED, perhaps valid: ",
];
const END: &str = "; continuing because of --insecure";

fn fault(sentence: &str) -> Option<ExplainedPart> {
    let shown = escape::escaped(sentence.as_bytes());
    if let Some(name) = sentence.strip_prefix("this is ") {
        let service = Service::named(name)?;
        let means = "The first octets of the server are those of this service.";
        return Some(said(shown, means, service.hint, ""));
    }
    let fault = tls_fault::of_sentence(sentence)?;
    Some(said(shown, fault.means, fault.next, fault.source))
}

/// What a sentence means and where that is from, if it is known.
pub(super) fn meaning(sentence: &str) -> Option<(&'static str, &'static str)> {
    let fault = tls_fault::of_sentence(sentence)?;
    Some((fault.means, fault.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::explain::{ExplainContext, why_no_tls};

    fn titles(text: &str) -> Vec<String> {
        let explained = crate::analysis::explain::explain(text, &ExplainContext::default());
        let titles = explained.parts.iter().map(|part| match part {
            ExplainedPart::Said(said) => said.title.clone(),
            ExplainedPart::Command(row) => row.verb.to_owned(),
        });
        titles.filter(|_| explained.is_known).collect()
    }

    #[test]
    fn a_sentence_is_known_wherever_poptalk_shows_it() {
        let (late, own) = (
            "the server's certificate expired on 2021-01-01",
            "the server's certificate is self-signed",
        );
        for text in [
            format!("{late}; {own}"),
            format!("* tls TLSv1.3 X unverified ({late}; {own}) CN=localhost @12"),
            format!("TLSv1.3 X, CN=a, valid to 2021-01-01, NOT VERIFIED: {late}; {own}{END}"),
        ] {
            assert_eq!(titles(&text), [late, own], "{text}");
        }
        for text in [
            format!("* tls failed: {own} @7"),
            format!("tls failed: {own}"),
            format!("error: {own}"),
            format!("TLS FAILED: {own}"),
            format!("* connection lost: {own}"),
            format!("* upstream tls failed: {own}"),
        ] {
            assert_eq!(titles(&text), [own], "{text}");
        }
        let web = "this is a web server, not POP3";
        assert_eq!(titles(&format!("* tls failed: {web}")), [web]);
        let hidden = titles("* tls TLSv1.3 X unknown CN=localhost");
        assert_eq!(hidden, [tls_fault::HIDDEN_ISSUER.says]);
    }

    #[test]
    fn a_text_that_is_not_a_whole_sentence_is_not_explained() {
        for text in [
            "-ERR the server's certificate has expired",
            "the server's certificate has expired; so what",
            "* tls TLSv1.3 X verified CN=localhost",
            "* tls failed: it rained",
            "certificate",
            "",
        ] {
            assert_eq!(explain(text), None, "{text}");
        }
    }

    #[test]
    fn why_says_what_the_sentence_means() {
        let fault = &tls_fault::WRONG_USE;
        let what = fault.of(tls_fault::Whose::Server);
        let text = why_no_tls(&what, Some("ask")).text(80);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains(fault.means) && text.contains(fault.source),
            "{text}"
        );
        assert!(text.contains("next: ask;"), "{text}");
    }
}
