//! A certificate that cannot be verified: fetched on a connection of its own, shown, and trusted for
//! this session if you say so.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::paging::PagedPart;
use super::{Console, POLL_EVERY, is_idle};
use crate::base::lock::lock;
use crate::base::style::Paint;
use crate::modes::plan::{self, Plan};
use crate::net::engine::{Connection, Notice, Observer, Snapshot};
use crate::net::tls::{TlsFacts, TlsSettings};
use crate::transcript::recorder::RecordedStep;

/// How long the server may take to begin TLS once it is connected.
const FETCH_WAIT: Duration = Duration::from_secs(15);

/// What `:open` is to trust.
pub(super) enum TrustOption {
    /// What the authorities have signed.
    Authorities,
    /// What you are shown, if you agree.
    Ask,
    /// The certificate with this SHA-256.
    Pinned([u8; 32]),
}

impl TrustOption {
    /// Splits the argument of `:open` into the server and what to trust.
    ///
    /// Errors: the text after `--trust` is not a fingerprint; says what one looks like.
    pub(super) fn split(text: &str) -> Result<(&str, Self), String> {
        let Some((server, fingerprint)) = text.split_once("--trust") else {
            return Ok((text, Self::Authorities));
        };
        let trust = match fingerprint.trim() {
            "" => Self::Ask,
            fingerprint => Self::Pinned(plan::fingerprint(fingerprint)?),
        };
        Ok((server.trim(), trust))
    }
}

impl Console {
    /// Fetches the server's certificate, shows it, and asks. If you agree, this session trusts it
    /// and no other; returns whether you did.
    pub(super) fn trust_if_agreed(&mut self) -> bool {
        if self.course.is_some() {
            return false;
        }
        self.screen
            .note("fetching the certificate on a connection of its own, without a login");
        let facts = match self.fetch_certificate() {
            Ok(facts) => facts,
            Err(why) => {
                self.screen.warn(&format!("no certificate: {why}"));
                return false;
            }
        };
        let note = |line| PagedPart::Note(Paint::Plain, line);
        let lines: Vec<PagedPart> = facts.judged_chain().into_iter().map(note).collect();
        self.show(&lines, "certificate");
        if let Some(failure) = &mut lock(&self.shown).tls_failure {
            failure.learn(&facts);
        }
        let Some(certificate) = &facts.certificate else {
            return false;
        };
        let Ok(pin) = plan::fingerprint(&certificate.fingerprint) else {
            return false;
        };
        if !self.is_yes("trust this certificate for this session? [y/N] ") {
            return false;
        }
        self.plan.tls.pin = Some(pin);
        self.screen.note(&format!(
            "trusted until poptalk ends; to trust it again: --pin SHA256:{}",
            certificate.fingerprint
        ));
        true
    }

    fn fetch_certificate(&self) -> Result<Box<TlsFacts>, String> {
        let mut plan = Plan {
            tls: TlsSettings {
                is_insecure: true,
                pin: None,
                ..self.plan.tls.clone()
            },
            ..self.plan.clone()
        };
        plan.forget_taken_log();
        let fetched = FetchedFacts::default();
        let connection = plan
            .open(false, Box::new(Arc::clone(&fetched)), &mut |_| ())
            .map_err(|failure| failure.to_string())?;
        if !connection.target().is_tls {
            let greeted = self.wait_for(&connection, is_idle);
            if let Some(mistake) = greeted.greeting.mistake() {
                return Err(mistake.what);
            }
            if is_idle(&greeted) {
                connection.send_line(b"STLS");
                self.wait_for(&connection, |now| now.is_tls || now.refusals > 0);
            }
        }
        connection.close();
        let facts = lock(&fetched).take();
        facts.ok_or_else(|| "the server did not begin TLS".to_owned())
    }

    /// Waits until `is_enough`, for [`FETCH_WAIT`] at most; Ctrl-C ends the wait.
    fn wait_for(&self, connection: &Connection, is_enough: fn(&Snapshot) -> bool) -> Snapshot {
        let until = Instant::now() + FETCH_WAIT;
        loop {
            let now = connection.wait(POLL_EVERY, is_enough);
            let is_over = now.ending.is_some() || self.interrupts.take();
            if is_over || is_enough(&now) || Instant::now() > until {
                return now;
            }
        }
    }
}

type FetchedFacts = Arc<Mutex<Option<Box<TlsFacts>>>>;

impl Observer for FetchedFacts {
    fn on_octets(&mut self, _: &[u8]) {}

    fn on_step(&mut self, _: RecordedStep) {}

    fn on_notice(&mut self, news: Notice) {
        if let Notice::Tls(facts) = news {
            *lock(self) = Some(facts);
        }
    }

    fn on_idle(&mut self, _: &Snapshot) {}
}
