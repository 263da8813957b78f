//! What keeps a session from its next line: a reply that is not `+OK`, the greeting of a different
//! service, TLS that was asked for and is not on.

use super::Snapshot;
use crate::base::service::Service;
use crate::net::wrong_service::WrongService;
use crate::pop3::command::Effect;
use crate::pop3::tracker::{SentCommand, Status};
use crate::transcript::recorder::RecordedStep;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    Awaited,
    Pop3,
    /// Neither, and not of a known service.
    Odd,
    Other(&'static Service),
}

impl Greeting {
    /// Returns what is wrong with it, and what to do; None when it is a POP3 greeting, or has not
    /// come.
    pub(crate) fn mistake(self) -> Option<WrongService> {
        match self {
            Self::Awaited | Self::Pop3 => None,
            Self::Odd => Some(WrongService {
                what: "the server's first line is not a POP3 greeting: it is neither +OK nor -ERR"
                    .to_owned(),
                hint: "check the host and the port; a banner before the greeting is not POP3 (RFC 1939 §4)",
            }),
            Self::Other(service) => Some(service.into()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustRefusal {
    Negative,
    /// Neither `+OK` nor `-ERR`.
    Malformed,
    /// `+OK` to AUTH, where a challenge is due: no credentials were sent.
    NoChallenge,
}

impl TrustRefusal {
    /// Returns what happened, as the text after "STAT: ".
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Negative => "refused",
            Self::Malformed => "the reply is neither +OK nor -ERR",
            Self::NoChallenge => {
                "+OK came before any credentials were sent, so this is not a login (RFC 5034 §4)"
            }
        }
    }
}

/// Why a secret is not sent without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    NotPop3,
    NoGreeting,
    NoTls,
}

impl Risk {
    /// What it is: a sentence without a full stop.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::NotPop3 => "this server's greeting is not a POP3 greeting",
            Self::NoGreeting => "this server has sent no greeting, so it may not speak POP3",
            Self::NoTls => "TLS is not on, although STLS asked for it",
        }
    }

    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NotPop3 | Self::NoGreeting => {
                "check the host and the port: POP3 is on 110, over TLS on 995"
            }
            Self::NoTls => {
                "--allow-plaintext sends the password unencrypted: anyone on the network path can read it"
            }
        }
    }
}

impl Snapshot {
    /// Returns why a secret is not sent without a question; None if nothing is against it.
    pub(crate) fn risk(&self) -> Option<Risk> {
        match self.greeting {
            Greeting::Odd | Greeting::Other(_) => Some(Risk::NotPop3),
            Greeting::Awaited => Some(Risk::NoGreeting),
            Greeting::Pop3 => (self.is_tls_asked && !self.is_tls).then_some(Risk::NoTls),
        }
    }

    pub(crate) fn is_greeted(&self) -> bool {
        self.greeting != Greeting::Awaited
    }

    pub(super) fn note_sent(&mut self, seen: &RecordedStep) {
        if let RecordedStep::CommandSent(sent) = seen {
            self.is_tls_asked |= sent.effect() == Effect::Tls;
        }
    }

    /// Learns from a complete reply; the greeting is one.
    pub(super) fn note_reply(&mut self, sent: Option<&SentCommand>, status: Status) {
        if sent.is_none() && self.greeting == Greeting::Awaited {
            self.greeting = match status {
                Status::Malformed => Greeting::Odd,
                Status::Positive | Status::Negative => Greeting::Pop3,
            };
        }
        let refusal = match status {
            Status::Positive if sent.is_some_and(|sent| sent.lacks_credentials()) => {
                TrustRefusal::NoChallenge
            }
            Status::Positive => return,
            Status::Negative => TrustRefusal::Negative,
            Status::Malformed => TrustRefusal::Malformed,
        };
        self.refusals += 1;
        self.last_refusal = Some(refusal);
        self.refused_verb = sent.and_then(|sent| sent.command()).map(|row| row.verb);
    }
}
