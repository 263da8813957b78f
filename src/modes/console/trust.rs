//! A certificate that cannot be verified: fetched on a connection of its own, shown, and trusted for
//! this session if you say so.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Console, POLL_EVERY, is_idle, terminal};
use crate::base::lock::lock;
use crate::base::style::Paint;
use crate::modes::plan::{self, Plan};
use crate::net::engine::{Connection, Notice, Observer, Snapshot};
use crate::net::tls::{TlsFacts, TlsSettings, TlsVerdict};
use crate::transcript::recorder::RecordedStep;

/// How long the server may take to begin TLS once it is connected.
const FETCH_WAIT: Duration = Duration::from_secs(15);

/// Which certificate `:open` accepts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrustOption {
    /// One that an authority signed.
    Authorities,
    /// The one that you are shown, if you agree.
    Ask,
    /// The one with this SHA-256.
    Pinned([u8; 32]),
}

impl TrustOption {
    /// Splits the argument of `:open` into the server and the option.
    ///
    /// Errors: an unknown option, or a fingerprint that is not one.
    pub(super) fn split(text: &str) -> Result<(String, Self), String> {
        let (mut server, mut trust) = (Vec::new(), Self::Authorities);
        for word in text.split_whitespace() {
            let is_fingerprint = word.len() >= FINGERPRINT_MIN
                || word
                    .get(..7)
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("sha256:"));
            match trust {
                Self::Ask if is_fingerprint => {
                    let pin = plan::fingerprint(word).map_err(|what| format!("--trust: {what}"))?;
                    trust = Self::Pinned(pin);
                }
                _ if word == "--trust" => trust = Self::Ask,
                _ if word.starts_with('-') => {
                    return Err(format!("unknown option `{word}`; `:open` has only --trust"));
                }
                _ => server.push(word),
            }
        }
        Ok((server.join(" "), trust))
    }
}

/// The digits of a SHA-256 without colons.
const FINGERPRINT_MIN: usize = 64;

impl Console {
    /// Fetches the server's certificate, shows it, and asks. Returns whether you agreed; if so, this
    /// session accepts that certificate only. One that is verified needs no question.
    pub(super) fn trust_if_agreed(&mut self) -> bool {
        if self.course.is_some() {
            return false;
        }
        self.screen
            .note("connecting again only to fetch the certificate, without a login");
        let facts = match self.fetch_certificate() {
            Ok(facts) => facts,
            Err(why) => {
                self.screen.warn(&format!("no certificate: {why}"));
                return false;
            }
        };
        if facts.verdict == TlsVerdict::Verified {
            self.screen.note("this certificate is verified");
            return true;
        }
        for line in facts.brief() {
            self.screen.line(Paint::Plain, &line);
        }
        let Some(certificate) = facts.certificate else {
            return false;
        };
        let Ok(pin) = plan::fingerprint(&certificate.fingerprint) else {
            return false;
        };
        let digits = certificate.fingerprint.replace(':', "");
        if let Some(failure) = &mut lock(&self.shown).tls_failure {
            if failure.has_shown_other(&certificate) {
                self.screen
                    .warn("this is not the certificate of the failed handshake");
            }
            failure.fetched = Some(Box::new(certificate));
        }
        terminal::discard_input();
        if !self.is_yes("trust this certificate until poptalk ends? [y/N] ") {
            self.screen.note("not trusted");
            return false;
        }
        self.plan.tls.pin = Some(pin);
        self.screen.note(&format!(
            "trusted until poptalk ends; next time: --pin SHA256:{digits}"
        ));
        true
    }

    fn fetch_certificate(&self) -> Result<Box<TlsFacts>, String> {
        let mut plan = Plan {
            tls: TlsSettings {
                is_insecure: true,
                pin: None,
                // It would name you to a server that you may not trust.
                own_certificate: None,
                ..self.plan.tls.clone()
            },
            ..self.plan.clone()
        };
        plan.forget_taken_log();
        let fetched = FetchedFacts::default();
        let connection = plan
            .open(false, Box::new(Arc::clone(&fetched)), &mut |_| ())
            .map_err(|failure| failure.to_string())?;
        let mut why = "the server did not begin TLS";
        if !connection.target().is_tls {
            let greeted = self.wait_for(&connection, is_idle);
            if let Some(mistake) = greeted.greeting.mistake() {
                return Err(mistake.what);
            }
            if is_idle(&greeted) {
                connection.send_line(b"STLS");
                let now = self.wait_for(&connection, |now| now.is_tls || now.refusals > 0);
                if now.refusals > 0 {
                    why = "the server refused STLS";
                }
            } else {
                why =
                    "the server sent no greeting; if this port is for TLS, give pop3s://HOST:PORT";
            }
        }
        connection.close();
        let facts = lock(&fetched).take();
        facts.ok_or_else(|| why.to_owned())
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

#[cfg(test)]
mod tests {
    use super::TrustOption;

    #[test]
    fn a_server_and_a_fingerprint_are_told_apart() {
        let hex = "ab".repeat(32);
        let colons = vec!["ab"; 32].join(":");
        let pinned = || TrustOption::Pinned([0xab; 32]);
        for (text, server, trust) in [
            ("", "", TrustOption::Authorities),
            (
                "pop.example.org:110",
                "pop.example.org:110",
                TrustOption::Authorities,
            ),
            (
                "mail--trust.example.org",
                "mail--trust.example.org",
                TrustOption::Authorities,
            ),
            ("--trust", "", TrustOption::Ask),
            (
                "pop.example.org --trust",
                "pop.example.org",
                TrustOption::Ask,
            ),
            (
                "--trust pop.example.org",
                "pop.example.org",
                TrustOption::Ask,
            ),
            (&format!("--trust sha256:{hex}"), "", pinned()),
            (&format!("--trust {hex}"), "", pinned()),
            (
                &format!("[::1]:995 --trust SHA256:{colons}"),
                "[::1]:995",
                pinned(),
            ),
        ] {
            assert_eq!(
                TrustOption::split(text),
                Ok((server.to_owned(), trust)),
                "{text}"
            );
        }
        for wrong in [
            "--tust",
            "--trustSHA256:00",
            "--insecure",
            "--trust sha256:12",
            "-trust",
        ] {
            assert!(TrustOption::split(wrong).is_err(), "{wrong}");
        }
    }
}
