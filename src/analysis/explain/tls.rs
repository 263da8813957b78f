//! Explains why there is no TLS, or why a certificate cannot be trusted: a sentence of poptalk's, or
//! the row of a transcript that has it.

use super::{Explained, ExplainedPart, said};
use crate::base::escape;
use crate::base::service::Service;
use crate::base::tls_fault;
use crate::transcript::event::{Event, Trust, split_time};

/// Explains such a text; None if it is something else, such as a reply.
pub(super) fn explain(text: &str) -> Option<Explained> {
    let is_reply = ["+OK", "-ERR"]
        .iter()
        .any(|status| text.starts_with(status));
    if is_reply {
        return None;
    }
    // As in a document that a browser shows.
    let text = text.replace('’', "'");
    let text = text.strip_suffix('.').unwrap_or(&text);
    let parts = parts(text).or_else(|| library_words(text).map(|part| vec![part]))?;
    Some(Explained {
        parts,
        is_known: true,
    })
}

/// Explains a message of poptalk's, a row of a transcript, or the sentences themselves.
fn parts(text: &str) -> Option<Vec<ExplainedPart>> {
    let row = text.strip_prefix("* ").unwrap_or(text);
    let event = match Event::parse(split_time(row).0) {
        Event::Upstream(event) => *event,
        event => event,
    };
    let said = match event {
        Event::ProxyProtocolFailed(why) => return Some(vec![no_header(&why)]),
        Event::TlsFailed(why) | Event::Lost { why: Some(why), .. } => why,
        Event::TlsStarted {
            trust: Some(trust), ..
        } => match trust {
            Trust::Verified => return None,
            Trust::Pinned => return Some(vec![pinned()]),
            Trust::Unverified(why) => why,
            Trust::Unknown => tls_fault::HIDDEN_ISSUER.says.to_owned(),
        },
        _ => text.strip_suffix(END).unwrap_or(text).to_owned(),
    };
    // Messages put other words before the sentences: `error: `, or which server it is.
    let colons = said.match_indices(COLON);
    let starts = std::iter::once(0).chain(colons.map(|(at, _)| at + COLON.len()));
    let mut rests = starts.filter_map(|start| said.get(start..));
    rests.find_map(faults)
}

const COLON: &str = ": ";

/// What poptalk puts after such sentences where it shows them.
const END: &str = "; continuing because of --insecure";

/// Explains each of these sentences; the hint of the last one may follow.
fn faults(said: &str) -> Option<Vec<ExplainedPart>> {
    let mut parts = Vec::new();
    let mut hint = String::new();
    let mut rest = said;
    for sentence in tls_fault::sentences(said) {
        let is_hint = !hint.is_empty() && hint == rest;
        if is_hint {
            break;
        }
        rest = rest.get(sentence.len()..).unwrap_or_default();
        rest = rest.trim_start_matches("; ");
        let (part, next) = fault(sentence).or_else(|| fault(&uncapitalized(sentence)))?;
        parts.push(part);
        hint = next;
    }
    Some(parts)
}

/// The text with a small first letter.
fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}

/// The explanation of a sentence, and its hint.
fn fault(sentence: &str) -> Option<(ExplainedPart, String)> {
    let shown = escape::escaped(sentence.as_bytes());
    if let Some(name) = sentence.strip_prefix("this is ") {
        let service = Service::named(name)?;
        let means = "The first octets of the server are those of this service.";
        return Some((
            said(shown, means, service.hint, ""),
            service.hint.to_owned(),
        ));
    }
    let fault = tls_fault::of_sentence(sentence)?;
    let part = said(shown, fault.means, fault.next, fault.source);
    Some((part, fault.hint()))
}

/// Explains the words of a TLS library, alone or inside its message.
fn library_words(text: &str) -> Option<ExplainedPart> {
    let is_message = ["SSL routines", "certificate verify failed", "verify error:"]
        .iter()
        .any(|words| text.contains(words));
    let is_alone = |fault: &&tls_fault::TlsFault| {
        let mut words = fault.library.iter();
        words.any(|words| words.eq_ignore_ascii_case(text))
    };
    let found = is_message.then(|| tls_fault::of_library(text)).flatten();
    let fault = found.or_else(|| tls_fault::all().find(is_alone))?;
    let shown = escape::escaped(text.as_bytes());
    let means = format!("In poptalk's words: {}. {}", fault.example(), fault.means);
    Some(said(shown, &means, fault.next, fault.source))
}

fn no_header(why: &str) -> ExplainedPart {
    let shown = escape::escaped(why.as_bytes());
    said(
        format!("no PROXY protocol header: {shown}"),
        "The server accepts only connections that begin with a header of the PROXY protocol, which \
         names the client. Without it the server sent no greeting and closed the connection.",
        "connect through the load balancer, or give --proxy-protocol; if the load balancer itself \
         failed, have it send the header",
        "PROXY protocol §2",
    )
}

fn pinned() -> ExplainedPart {
    said(
        "TLS is on; the certificate is the pinned one".to_owned(),
        "It has the fingerprint of --pin, or the one that you accepted. Its names, dates and issuer \
         were not verified.",
        "",
        "RFC 7469 §2.6",
    )
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
    fn a_reply_of_the_server_is_not_a_message_of_poptalk() {
        for text in [
            "-ERR error: the server's certificate is self-signed",
            "-ERR TLS failed: the server's certificate is self-signed",
            "+OK error: this is a web server, not POP3",
            "-ERR certificate has expired",
        ] {
            assert_eq!(explain(text), None, "{text}");
        }
    }

    #[test]
    fn a_sentence_is_known_as_people_copy_it() {
        for text in [
            "The server’s certificate is self-signed.",
            "warning: 192.0.2.1:995: the server's certificate is self-signed; give that \
             certificate with --ca FILE if you know that it is the server's; --insecure continues \
             anyway",
            "192.0.2.1:40000: no server: the server's certificate is self-signed",
        ] {
            let own = titles(text);
            assert_eq!(own.len(), 1, "{text}");
            assert!(own.concat().ends_with("is self-signed"), "{own:?}");
        }
        for text in [
            "the server's certificate is not for the address 127.0.0.1",
            "the certificate of an authority expired on 2021-01-01",
        ] {
            assert_eq!(titles(text), [text]);
        }
    }

    #[test]
    fn the_words_of_the_library_are_known() {
        for fault in tls_fault::all() {
            for words in fault.library {
                assert_eq!(titles(words), [*words]);
            }
        }
        let text = "verify error:num=20:unable to get local issuer certificate";
        let explained = explain(text).map(|explained| explained.text(80));
        let sentence = tls_fault::UNKNOWN_ISSUER.means.split(' ').next();
        assert!(explained.is_some_and(|text| text.contains(sentence.unwrap_or("?"))));
    }

    #[test]
    fn rows_about_a_pin_and_a_missing_header_are_known() {
        let pinned = "* tls TLSv1.3 TLS_AES_256_GCM_SHA384 pinned CN=localhost @12";
        assert!(titles(pinned).concat().contains("the pinned one"));
        let why = "the client closed after 3 octets of a header";
        let found = titles(&format!("* proxy-protocol failed: {why}"));
        assert_eq!(found, [format!("no PROXY protocol header: {why}")]);
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
