//! `:why`, `:caps` and `:tls`: what the last reply means, what the server announced when, and what
//! TLS agreed.

use super::Console;
use super::paging::PagedPart;
use super::terminal;
use crate::analysis::explain::compare::{CapaChange, CapaReply, compare};
use crate::analysis::explain::{ExplainContext, explain, why_no_tls};
use crate::base::lock::lock;
use crate::base::style::Paint;
use crate::net::tls::TlsError;
use crate::pop3::session::{Phase, Tls};
use crate::pop3::tracker::State;

impl Console {
    pub(super) fn show_why(&mut self) {
        let failure = lock(&self.shown).tls_failure.clone();
        if let Some(failure) = failure {
            let explained = why_no_tls(&failure.what, failure.hint.as_deref());
            let text = explained.text(terminal::size().0);
            self.show_text(text, "why");
            return;
        }
        let Some(last) = lock(&self.shown).last.clone() else {
            self.screen.note("no reply yet");
            return;
        };
        let context = ExplainContext {
            verb: last.verb,
            state: last.state,
            is_tls: self.snapshot().map(|now| now.is_tls),
            has_codes: self.has_codes(),
        };
        let text = explain(&last.line, &context).text(terminal::size().0);
        self.show_text(text, "why");
        let now = self.snapshot();
        if let Some(hint) = now.and_then(|now| self.plan.header_hint(&now)) {
            self.screen.note(&format!("hint: {hint}"));
        }
    }

    pub(super) fn show_tls(&mut self) {
        let is_tls = self.snapshot().is_some_and(|now| now.is_tls);
        let details = {
            let shown = lock(&self.shown);
            let facts = shown.tls.as_ref().filter(|_| is_tls);
            let failure = shown.tls_failure.as_ref().map(TlsError::details);
            failure.or_else(|| facts.map(|facts| facts.details()))
        };
        match details {
            Some(details) => {
                let note = |line| PagedPart::Note(Paint::Plain, line);
                let output: Vec<PagedPart> = details.into_iter().map(note).collect();
                self.show(&output, "TLS");
            }
            None => self.show_no_tls(),
        }
    }

    fn show_no_tls(&self) {
        let next = match self.snapshot().map(|now| now.state) {
            // RFC 2595 §4: STLS is for the AUTHORIZATION state.
            Some(State::Transaction | State::Update) => {
                "it is too late for STLS, which works before login: `:close`, `:open`, then `stls`"
            }
            _ => "`stls` begins TLS, if CAPA announces it",
        };
        let what =
            format!("no TLS: anyone on the network path can read and change this session; {next}");
        self.screen.note(&what);
    }

    /// Whether CAPA announced RESP-CODES; None when it was not asked.
    fn has_codes(&self) -> Option<bool> {
        let knowledge = lock(&self.knowledge);
        let capabilities = &knowledge.session.capabilities;
        (!capabilities.is_empty()).then(|| {
            capabilities
                .iter()
                .any(|line| line.eq_ignore_ascii_case("RESP-CODES"))
        })
    }

    pub(super) fn show_caps(&mut self) {
        let session = lock(&self.knowledge).session.clone();
        // On port 995 there is no phase without TLS, and no STLS.
        let at_first = if session.tls == Tls::Direct {
            "before login"
        } else {
            "before TLS and login"
        };
        let names = [
            (Phase::First, at_first, CapaChange::Tls),
            (Phase::Tls, "inside TLS", CapaChange::Tls),
            (Phase::Login, "after login", CapaChange::Login),
        ];
        let answers: Vec<CapaReply<'_>> = names
            .into_iter()
            .filter_map(|(phase, when, change)| {
                let lines = session.announced(phase)?;
                Some(CapaReply {
                    when,
                    change,
                    lines,
                })
            })
            .collect();
        let hint = match answers.len() {
            0 => Some("no list of capabilities yet: `capa` asks for it"),
            1 => Some("`capa` again, inside TLS and after login, shows what changes"),
            _ => None,
        };
        let mut output = Vec::new();
        if !answers.is_empty() {
            output.push(PagedPart::Text(compare(&answers, terminal::size().0)));
        }
        output.extend(hint.map(|hint| PagedPart::Note(Paint::Note, hint.to_owned())));
        self.show(&output, "capabilities");
    }
}
