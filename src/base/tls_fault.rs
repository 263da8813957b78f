//! Why there is no TLS, or why a certificate cannot be trusted: poptalk's sentences, each with what
//! it means and what to do next.
//!
//! The errors of a handshake, the doubts about a certificate that was accepted anyway,
//! `poptalk explain` and a table of GUIDE.md have them from here.

mod rows;

pub(crate) use rows::*;

/// A reason why there is no TLS, or why a certificate cannot be trusted.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsFault {
    /// Fragments of a TLS library's error text that identify this fault: OpenSSL's words, the
    /// number of Windows, or macOS's words.
    /// A row without words is our own judgement.
    pub(crate) library: &'static [&'static str],
    /// The sentence. `{who}` is the place of a [`Whose`], and `{}` that of a detail.
    pub(crate) says: &'static str,
    /// The sentence with the detail that is known after a certificate was read; empty if it is the
    /// same.
    pub(crate) says_with_detail: &'static str,
    pub(crate) means: &'static str,
    /// What to do.
    pub(crate) next: &'static str,
    /// Whether `--insecure` continues anyway.
    pub(crate) insecure_accepts: bool,
    pub(crate) kind: FaultKind,
    /// The document and section.
    pub(crate) source: &'static str,
}

/// What a fault is about: each kind is a rule of `poptalk lint`, except [`FaultKind::Client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The dates of a certificate.
    Expired,
    /// The names of the server's certificate.
    Name,
    /// Anything else that keeps a certificate from being trusted.
    Untrusted,
    /// The key or signature of a certificate.
    Weak,
    /// A version of TLS that is no longer safe.
    Version,
    /// The client's own options: the server is not to blame.
    Client,
    /// The server does not speak TLS on this port.
    Cleartext,
    /// Anything else in the handshake.
    Handshake,
}

/// Whose certificate has a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    Server,
    /// That of an authority, which the library does not name.
    Authority,
    /// The library does not say which of the chain it is.
    Unknown,
    /// That of the authority with this subject.
    #[cfg_attr(
        any(windows, target_vendor = "apple"),
        allow(dead_code, reason = "the system's library does not show the chain")
    )]
    Subject(&'a str),
}

const SERVER: &str = "the server's certificate";
const AUTHORITY: &str = "the certificate of an authority in the chain";
/// What is left of [`AUTHORITY`] in a sentence that was quoted from memory.
const ANY_AUTHORITY: &str = "the certificate of an authority";
const UNKNOWN: &str = "the server's certificate or an authority's";
const SUBJECT: (&str, &str) = ("the certificate of `", "`");

impl Whose<'_> {
    fn words(self) -> String {
        match self {
            Self::Server => SERVER.to_owned(),
            Self::Authority => AUTHORITY.to_owned(),
            Self::Unknown => UNKNOWN.to_owned(),
            Self::Subject(subject) => format!("{}{}{}", SUBJECT.0, unsplit(subject), SUBJECT.1),
        }
    }

    /// Returns the rest of a sentence that begins with such words.
    fn after(sentence: &str) -> Option<&str> {
        // The longest first: they begin alike.
        let fixed = [UNKNOWN, AUTHORITY, ANY_AUTHORITY, SERVER];
        let rest = fixed.iter().find_map(|words| sentence.strip_prefix(words));
        rest.or_else(|| {
            let subject = sentence.strip_prefix(SUBJECT.0)?;
            Some(subject.rsplit_once(SUBJECT.1)?.1)
        })
    }
}

/// Writes what would end the sentence, or the reason in an event of a transcript, as RFC 4514 §2.4
/// allows: an attacker may choose the subject.
fn unsplit(subject: &str) -> String {
    let plain = subject.replace("\\;", ";");
    plain.replace(';', "\\3B").replace(')', "\\29")
}

const WHO: &str = "{who}";

/// The place of a detail.
const DETAIL: &str = "{}";

impl TlsFault {
    /// The sentence about the server's certificate or the handshake, as documents show it.
    #[must_use]
    pub fn example(&self) -> String {
        let says = self.says.replace(WHO, SERVER);
        says.replace(DETAIL, "...")
    }

    /// What it means: a sentence with its full stop.
    #[must_use]
    pub fn means(&self) -> &'static str {
        self.means
    }

    /// What to do.
    #[must_use]
    pub fn next(&self) -> &'static str {
        self.next
    }

    /// The hint of an error: what to do.
    pub(crate) fn hint(&self) -> String {
        let next = self.next;
        match self.insecure_accepts {
            true => format!("{next}; --insecure continues anyway"),
            false => next.to_owned(),
        }
    }

    pub(crate) fn of(&self, whose: Whose<'_>) -> String {
        self.says.replace(WHO, &whose.words())
    }

    /// The sentence with its detail.
    pub(crate) fn with(&self, detail: &str) -> String {
        self.says.replace(DETAIL, detail)
    }

    /// The sentence about a certificate that was read.
    pub(crate) fn of_read(&self, whose: Whose<'_>, detail: &str) -> String {
        let says = match self.says_with_detail {
            "" => self.says,
            says => says,
        };
        // The subject comes last: it may contain anything.
        says.replace(DETAIL, detail).replace(WHO, &whose.words())
    }

    /// Whether it can be found by reading a certificate.
    pub(crate) fn is_readable(&self) -> bool {
        !self.says_with_detail.is_empty()
    }

    /// Whether `sentence` was made from this row.
    fn is(&self, sentence: &str) -> bool {
        let forms = [self.says, self.says_with_detail];
        forms.iter().filter(|form| !form.is_empty()).any(|form| {
            let (form, sentence) = match form.strip_prefix(WHO) {
                Some(form) => match Whose::after(sentence) {
                    Some(sentence) => (form, sentence),
                    None => return false,
                },
                None => (*form, sentence),
            };
            // A shell may have removed the backticks.
            let (form, sentence) = (form.replace('`', ""), sentence.replace('`', ""));
            match form.split_once(DETAIL) {
                Some((start, end)) => sentence
                    .strip_prefix(start)
                    .is_some_and(|rest| rest.len() > end.len() && rest.ends_with(end)),
                None => sentence == form,
            }
        })
    }
}

/// Returns all of them, as documents list them.
pub fn all() -> impl Iterator<Item = &'static TlsFault> {
    ALL.iter().copied()
}

/// Returns the row of a sentence; the most literal one.
pub(crate) fn of_sentence(sentence: &str) -> Option<&'static TlsFault> {
    let rows = all().filter(|row| row.is(sentence));
    rows.max_by_key(|row| row.says.len() + usize::from(!row.says.contains(DETAIL)) * 1000)
}

/// Returns the row for the library's words.
pub(crate) fn of_library(words: &str) -> Option<&'static TlsFault> {
    all().find(|row| row.library.iter().any(|known| words.contains(known)))
}

/// What separates the sentences about one certificate.
const SEPARATOR: &str = "; ";

/// Joins the sentences about one certificate.
pub(crate) fn joined<T: std::borrow::Borrow<str>>(sentences: &[T]) -> String {
    sentences.join(SEPARATOR)
}

/// Splits what [`joined`] made.
pub(crate) fn sentences(joined: &str) -> impl Iterator<Item = &str> {
    joined.split(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subject that an attacker chose to add a sentence, and to end the reason in an event.
    const SPLITTING: &str = r"CN=x\; the server's certificate was revoked) CN=y";

    /// The sentences that poptalk can make of a row.
    fn sentences_of(row: &TlsFault) -> Vec<String> {
        let whose = [
            Whose::Server,
            Whose::Authority,
            Whose::Unknown,
            Whose::Subject("CN=a `odd` authority"),
            Whose::Subject(SPLITTING),
        ];
        let mut all: Vec<String> = vec![row.with("detail").replace(WHO, SERVER)];
        if row.says.contains(WHO) {
            all.extend(whose.map(|whose| row.of(whose)));
            all.extend(whose.map(|whose| row.of_read(whose, "2026-01-01")));
        }
        all
    }

    #[test]
    fn each_sentence_leads_to_its_own_row() {
        for row in all() {
            for sentence in sentences_of(row) {
                let found = of_sentence(&sentence).map(|found| found.says);
                assert_eq!(found, Some(row.says), "{sentence}");
                assert_eq!(sentences(&sentence).count(), 1, "{sentence}");
                assert!(!sentence.contains(") "), "{sentence}");
            }
        }
        assert_eq!(of_sentence("the server's certificate is very nice"), None);
        assert_eq!(
            of_sentence("-ERR the server's certificate has expired"),
            None
        );
    }

    #[test]
    fn the_words_of_the_library_lead_to_one_row() {
        for row in all() {
            for words in row.library {
                let found = of_library(words).map(|found| found.says);
                assert_eq!(found, Some(row.says), "{words}");
            }
        }
        assert_eq!(of_library("application verification failure"), None);
    }

    #[test]
    fn each_row_says_what_it_means_and_what_to_do() {
        for row in all() {
            let says = row.says;
            assert!(row.means.ends_with('.'), "{says}");
            assert!(!row.next.is_empty() && !row.next.ends_with('.'), "{says}");
            assert!(
                row.source.contains("RFC ") || row.source.contains("OpenSSL"),
                "{says}"
            );
            assert!(
                !says.ends_with('.') && says.matches(DETAIL).count() < 2,
                "{says}"
            );
        }
    }

    /// Only a port that was seen to speak cleartext may be used without `--tls`, and then for STLS.
    #[test]
    fn no_next_step_leads_away_from_tls() {
        for row in all() {
            let leads_away = ["without --tls", "without TLS", "--allow-plaintext"];
            let is_away = leads_away.iter().any(|words| row.next.contains(words));
            let is_cleartext = row.says.contains("in cleartext") && row.next.contains("STLS");
            assert!(!is_away || is_cleartext, "{}: {}", row.says, row.next);
        }
    }
}
