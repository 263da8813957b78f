//! One session of a check, reduced to what rules over several sessions need: read from its
//! transcript in constant memory.

use std::collections::BTreeSet;
use std::io::BufRead;

use crate::analysis::lint::context::NOBODY;
use crate::pop3::command::{Effect, Words};
use crate::pop3::session::SessionState;
use crate::pop3::tracker::{Role, SentCommand, Side, Status, Step};
use crate::reading::dialogue::{EventKind, TapeReader, TapeStep, WaitPhase};
use crate::transcript::text::ParseError;
use crate::transcript::{Item, Piece};

/// The longest line that is read, in octets; the RFCs allow 512.
const LINE_MAX: usize = 1024;

const LINES_MAX: usize = 10_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// The greeting as text, at most 1,024 octets.
    pub(crate) greeting: Option<String>,
    /// The lines of the last CAPA reply (RFC 2449 §5).
    pub(crate) capabilities: Vec<String>,
    pub(crate) has_login: bool,
    /// When it happened: wall-clock milliseconds from when the command was sent to when its reply
    /// had arrived, both at most a second late. None if the transcript does not say when it
    /// started.
    pub(crate) login_at: Option<(u64, u64)>,
    /// The status and the text of the reply to PASS.
    pub(crate) login: Option<(Status, String)>,
    /// PASS was answered twice, once with `+OK` and once with `-ERR`: then neither counts.
    pub(crate) is_login_contradicted: bool,
    /// USER was answered with `+OK` for a name that does not exist.
    pub(crate) takes_nobody: bool,
    /// The server's total time for its replies from USER on, up to the first refusal, in
    /// milliseconds.
    pub(crate) refused_ms: Option<u64>,
    pub(crate) has_tls: bool,
    pub(crate) tls_failure: Option<String>,
    /// The first line that the server sent in cleartext in place of the handshake.
    pub(crate) cleartext: Option<String>,
    pub(crate) is_capa_refused: bool,
    pub(crate) user_refusal: Option<String>,
    pub(crate) apop_refusal: Option<String>,
    /// The refusal of STLS, if TLS was not active and the client not logged in.
    pub(crate) stls_refusal: Option<String>,
    /// The first message count from STAT.
    pub(crate) count: Option<u64>,
    /// The unique-ids of the first UIDL listing (RFC 1939 §7).
    pub(crate) unique_ids: Option<BTreeSet<String>>,
}

impl Session {
    /// Reads a transcript.
    ///
    /// Errors: the first line that cannot be read.
    pub(crate) fn read(input: impl BufRead) -> Result<Self, ParseError> {
        let mut reading = SessionReading::default();
        TapeReader::read(input, &mut |step| {
            if let Some(step) = step_of(&step) {
                reading.state.apply(&step);
            }
            reading.take(&step);
            true
        })?;
        Ok(reading.finish())
    }
}

/// The tracker's step, with only the octets of a line before its first hole.
fn step_of<'a>(step: &TapeStep<'a>) -> Option<Step<'a>> {
    Some(match step {
        TapeStep::Line(line, _) => Step::Line(line.with(Piece::head(line.content))),
        TapeStep::Data { side, octets, .. } => Step::Data {
            side: *side,
            octets,
        },
        TapeStep::Step(step) => *step,
        _ => return None,
    })
}

#[derive(Default)]
struct SessionReading {
    session: Session,
    state: SessionState,
    unique_ids: Option<BTreeSet<String>>,
    line: Vec<u8>,
    /// What came between the `+OK` to STLS and the handshake.
    before_tls: Vec<u8>,
    /// From USER on, until the first refusal.
    waited_ms: Option<u64>,
    /// Wall-clock milliseconds at the current row; None if the start is unknown.
    now_ms: Option<u64>,
    /// When the last command was sent.
    sent_ms: Option<u64>,
}

impl SessionReading {
    fn finish(self) -> Session {
        let mut session = self.session;
        session.has_tls = self.state.tls.is_on();
        session.capabilities = match self.state.capabilities.is_empty() {
            true => self.state.last_announced().unwrap_or_default().to_vec(),
            false => self.state.capabilities,
        };
        session
    }

    fn take(&mut self, step: &TapeStep<'_>) {
        match step {
            TapeStep::Row { after_ms, phase } => {
                self.now_ms = self.now_ms.map(|now| now.saturating_add(*after_ms));
                if let (Some(waited), WaitPhase::Waiting) = (&mut self.waited_ms, phase) {
                    *waited += after_ms;
                }
            }
            TapeStep::Passed { after_ms, .. } => {
                self.now_ms = self.now_ms.map(|now| now.saturating_add(*after_ms));
            }
            TapeStep::Other(Item::Head { name, text }) if name == "started" => {
                let started = text.parse::<jiff::Timestamp>().ok();
                self.now_ms = started.and_then(|start| u64::try_from(start.as_millisecond()).ok());
            }
            TapeStep::Line(line, _) if line.side == Side::Server && line.first => {
                self.server_line(line.role, line.content);
            }
            TapeStep::Step(Step::CommandSent(sent)) => {
                self.sent_ms = self.now_ms;
                if sent.verb() == "USER" && self.session.refused_ms.is_none() {
                    self.waited_ms = Some(0);
                }
            }
            TapeStep::Step(Step::DataStarted(sent)) => self.start(sent),
            TapeStep::Data {
                side: Side::Server,
                octets,
                ..
            } => self.data(octets),
            TapeStep::Step(Step::ReplyEnded(Some(sent), status)) => self.end(sent, *status),
            TapeStep::Event(event) => match event.kind {
                EventKind::TlsStarted => self.state.tls_started(),
                EventKind::TlsFailed => self.tls_failed(&event.text),
                _ => {}
            },
            TapeStep::Injected { octets, .. } => {
                let room = LINE_MAX.saturating_sub(self.before_tls.len());
                self.before_tls.extend(octets.iter().take(room));
            }
            TapeStep::Abandoned => self.unique_ids = None,
            _ => {}
        }
    }

    fn tls_failed(&mut self, event: &str) {
        self.session.tls_failure = Some(event.to_owned());
        let said = std::mem::take(&mut self.before_tls);
        let line = said.split(|octet| *octet == b'\n').next();
        let line = line.filter(|line| !line.is_empty());
        self.session.cleartext =
            line.map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
    }

    fn server_line(&mut self, role: Role, pieces: &[Piece]) {
        let text = Piece::head(pieces);
        let text = String::from_utf8_lossy(text.get(..LINE_MAX).unwrap_or(text)).into_owned();
        match role {
            Role::Greeting => self.session.greeting = Some(text),
            Role::Unrequested => self.second(&text),
            _ => {}
        }
    }

    /// An unsolicited line: it may be a second reply.
    fn second(&mut self, text: &str) {
        let second = match text {
            _ if text.starts_with("+OK") => Status::Positive,
            _ if text.starts_with("-ERR") => Status::Negative,
            _ => return,
        };
        let last = self.state.last.as_ref();
        let Some((verb, _)) = last.filter(|(_, first)| *first != second) else {
            return;
        };
        let session = &mut self.session;
        match verb.as_str() {
            "USER" => session.takes_nobody = false,
            "PASS" => {
                (session.login, session.has_login) = (None, false);
                session.is_login_contradicted = true;
            }
            _ => {}
        }
    }

    fn start(&mut self, sent: &SentCommand) {
        self.line.clear();
        self.unique_ids = (sent.verb() == "UIDL").then(BTreeSet::new);
    }

    fn data(&mut self, octets: &[u8]) {
        let Some(ids) = &mut self.unique_ids else {
            return;
        };
        for octet in octets {
            if *octet != b'\n' {
                if self.line.len() < LINE_MAX {
                    self.line.push(*octet);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line);
            if ids.len() < LINES_MAX {
                ids.extend(line.trim_end().split(' ').nth(1).map(str::to_owned));
            }
            self.line.clear();
        }
    }

    fn end(&mut self, sent: &SentCommand, status: Status) {
        let Self { session, state, .. } = self;
        let is_positive = status == Status::Positive;
        if status == Status::Negative && session.refused_ms.is_none() {
            session.refused_ms = self.waited_ms.take();
        }
        if sent.outcome(status) == Effect::Login && !session.has_login {
            session.has_login = true;
            session.login_at = self.sent_ms.zip(self.now_ms);
        }
        let text = || String::from_utf8_lossy(state.status_line()).into_owned();
        match sent.verb().as_str() {
            "USER" if is_positive && sent.arguments() == NOBODY.as_bytes() => {
                session.takes_nobody = true;
            }
            "CAPA" => session.is_capa_refused |= status == Status::Negative,
            "USER" if status == Status::Negative && !session.has_login => {
                session.user_refusal = Some(text());
            }
            "APOP" if status == Status::Negative && !session.has_login => {
                session.apop_refusal = Some(text());
            }
            "STLS"
                if !is_positive
                    && !state.tls.is_on()
                    && !session.has_login
                    && session.stls_refusal.is_none() =>
            {
                session.stls_refusal = Some(text());
            }
            "PASS" => session.login = Some((status, text())),
            "STAT" if is_positive && session.count.is_none() => {
                let count = Words::of(state.status_line()).nth(1);
                session.count = count.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            }
            "UIDL" if session.unique_ids.is_none() => session.unique_ids = self.unique_ids.take(),
            _ => {}
        }
        self.unique_ids = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelined_replies_belong_to_their_commands() {
        let text = "S: +OK hi\nC: USER a\nC: PASS {{password}}\nC: STAT\nC: UIDL\nS@5: +OK\nS@7: +OK in\nS: +OK 2 30\nS: +OK\nS: 1 a\nS: 2 b\nS: .\n";
        let session = Session::read(text.as_bytes()).unwrap();
        assert!(session.has_login);
        assert_eq!(session.greeting.as_deref(), Some("+OK hi"));
        assert_eq!(session.count, Some(2));
        assert_eq!(session.refused_ms, None);
        let ids = session.unique_ids.unwrap();
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_refusal_is_timed_from_user_on() {
        let text = "S@90: +OK\nC@80: USER a\nS@5: +OK\nC@70: PASS {{password}}\nS@7: -ERR no\nC@9: QUIT\nS@9: -ERR\n";
        let session = Session::read(text.as_bytes()).unwrap();
        assert_eq!(session.refused_ms, Some(12));
        assert_eq!(
            session.login,
            Some((Status::Negative, "-ERR no".to_owned()))
        );
    }

    #[test]
    fn a_login_that_is_answered_twice_counts_where_both_agree() {
        let of = |second: &str| {
            let login = "S: +OK\nC: USER poptalk-no-such-user\nS: +OK\nC: PASS x\nS: +OK\n";
            Session::read(format!("{login}{second}C: QUIT\nS: +OK\n").as_bytes()).unwrap()
        };
        let once = of("");
        assert!(once.has_login && once.takes_nobody && once.login.is_some());
        assert!(of("S: +OK in\n").has_login);
        let contradicted = of("S: -ERR no\n");
        assert!(!contradicted.has_login && contradicted.is_login_contradicted);
        assert_eq!(contradicted.login, None);
        let text = "S: +OK\nC: USER poptalk-no-such-user\nS: +OK\nS: -ERR no\n";
        assert!(!Session::read(text.as_bytes()).unwrap().takes_nobody);
    }

    #[test]
    fn capabilities_are_the_last_ones() {
        let text = "S: +OK\nC: CAPA\nS: +OK\nS: stls\nS: .\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\n";
        let session = Session::read(text.as_bytes()).unwrap();
        assert_eq!(session.capabilities, ["SASL PLAIN"]);
    }
}
