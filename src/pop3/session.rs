//! The state of a session so far: the one place that computes it, from the tracker's steps and the
//! columns of the command table. Computed, never stored.

mod phase;

use std::collections::BTreeSet;

use crate::pop3::command::{Effect, Words};
use crate::pop3::sasl;
use crate::pop3::tracker::{Role, SentCommand, Side, State, Status, Step};
pub(crate) use phase::{Accepted, Login, Phase, Tls};

/// The maximum number of message numbers and capabilities that are remembered.
const MAX: usize = 10_000;

const MARKS_MAX: usize = 65_536;

/// The longest status line that is remembered, in octets; the RFCs allow 512.
const LINE_MAX: usize = 1024;

/// The longest challenge that is remembered, in octets of base64. RFC 5034 §4 has no limit; none of
/// our mechanisms needs this much.
const CHALLENGE_MAX: usize = 64 * 1024;

/// The state of a session, and what both sides have said that still matters.
///
/// Feed it each [`Step`]. It accepts partly known lines: for a line with a hole, pass the octets
/// before the hole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionState {
    /// The state (RFC 1939 §3); None before the greeting, and if it is unknown.
    pub(crate) state: Option<State>,
    pub(crate) is_greeted: bool,
    pub(crate) tls: Tls,
    pub(crate) login: Option<Login>,
    pub(crate) refused_logins: u32,
    /// The name from the last USER.
    pub(crate) user: Option<String>,
    /// Whether USER was answered with `+OK` and no login was tried since.
    pub(crate) accepted: Accepted,
    /// CAPA was refused in the current phase, outside TLS or inside it.
    pub(crate) is_capa_refused: bool,
    /// The lines of the last CAPA reply (RFC 2449 §5) so far.
    pub(crate) capabilities: Vec<String>,
    /// The announced SASL mechanisms (RFC 5034 §3), in upper case.
    pub(crate) mechanisms: Vec<String>,
    /// The announced language tags (RFC 6856 §3.1).
    pub(crate) languages: Vec<String>,
    /// The numbers of the messages, as shown by a listing or STAT, including marked ones.
    pub(crate) listed: BTreeSet<u64>,
    /// The messages marked as deleted. After QUIT they stay here, although the server removes them.
    pub(crate) marked: BTreeSet<u64>,
    /// The timestamp of the greeting, for APOP (RFC 1939 §7), if it has the required form.
    pub(crate) timestamp: Option<Vec<u8>>,
    /// The greeting had such a timestamp, and TLS started after it (RFC 2595 §4).
    pub(crate) has_void_timestamp: bool,
    /// The last challenge inside AUTH (RFC 5034 §4): base64, without its `+ `, up to the limit.
    pub(crate) challenge: Vec<u8>,
    /// The verb of the last command that was answered, in upper case, with its status.
    pub(crate) last: Option<(String, Status)>,
    phase: Phase,
    announced: [Option<Vec<String>>; Phase::ALL.len()],
    status: Vec<u8>,
    listing: ComingListing,
    line: Vec<u8>,
}

impl SessionState {
    pub(crate) fn apply(&mut self, step: &Step<'_>) {
        match *step {
            Step::Line(line) if line.side == Side::Server => {
                self.server_line(line.role, line.content, line.first);
            }
            Step::Data {
                side: Side::Server,
                octets,
            } => self.data(octets),
            Step::CommandSent(sent) if sent.command().is_some_and(|row| row.verb == "USER") => {
                self.user = Some(String::from_utf8_lossy(sent.arguments()).into_owned());
            }
            Step::DataStarted(sent) => self.start_data(sent),
            Step::ReplyEnded(sent, status) => {
                let listing = std::mem::take(&mut self.listing);
                match sent {
                    Some(sent) => self.answered(sent, status, listing),
                    None => {
                        self.is_greeted = true;
                        if matches!(self.state, None | Some(State::Greeting)) {
                            self.enter(State::Authorization);
                        }
                    }
                }
            }
            Step::StateChanged(state) => self.enter(state),
            Step::TlsAgreed => self.agree_tls(),
            _ => {}
        }
    }

    /// The TLS handshake is done. After the greeting that means STLS: everything learned before is
    /// void, and the session is in AUTHORIZATION (RFC 2595 §4).
    pub(crate) fn tls_started(&mut self) {
        if !self.is_greeted && self.tls != Tls::Agreed {
            self.tls = Tls::Direct;
            return;
        }
        self.void();
        self.tls = Tls::ByStls;
        self.phase = Phase::Tls;
        self.login = None;
        self.marked.clear();
        if self.accepted == Accepted::Yes {
            self.accepted = Accepted::BeforeTls;
        }
        if self.state == Some(State::Transaction) {
            self.state = Some(State::Authorization);
        }
    }

    /// Whether the session is certainly before login.
    pub(crate) fn is_authorization(&self) -> bool {
        self.state == Some(State::Authorization)
    }

    pub(crate) fn is_transaction(&self) -> bool {
        self.state == Some(State::Transaction)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the lines of the last CAPA reply in a phase, for comparison: those from before TLS
    /// are void after it.
    pub(crate) fn announced(&self, phase: Phase) -> Option<&[String]> {
        self.announced.get(phase as usize)?.as_deref()
    }

    /// Returns the lines of the last complete CAPA reply in any phase.
    pub(crate) fn last_announced(&self) -> Option<&[String]> {
        let mut phases = Phase::ALL.into_iter().rev();
        phases.find_map(|phase| self.announced(phase))
    }

    /// Returns the lines of the last complete CAPA reply that is still valid: not one from before
    /// STLS (RFC 2595 §4).
    pub(crate) fn announced_now(&self) -> Option<&[String]> {
        let mut phases = Phase::ALL.into_iter().rev();
        phases.find_map(|phase| {
            let is_void = phase == Phase::First && self.tls == Tls::ByStls;
            let holds = phase <= self.phase && !is_void;
            self.announced(phase).filter(|_| holds)
        })
    }

    /// Takes the lines of a complete CAPA reply that did not come as [`Step::Data`].
    pub(crate) fn announce(&mut self, lines: Vec<String>) {
        if let Some(place) = self.announced.get_mut(self.phase as usize) {
            *place = Some(lines);
        }
    }

    /// Forgets the capabilities of every phase.
    pub(crate) fn forget_announced(&mut self) {
        self.announced = Default::default();
    }

    /// Returns the known numbers of the messages that are not marked as deleted.
    pub(crate) fn messages(&self) -> impl Iterator<Item = u64> {
        let listed = self.listed.iter().copied();
        listed.filter(|number| !self.marked.contains(number))
    }

    pub(crate) fn has_message(&self, number: u64) -> bool {
        self.listed.contains(&number) && !self.marked.contains(&number)
    }

    pub(crate) fn status_line(&self) -> &[u8] {
        &self.status
    }

    fn server_line(&mut self, role: Role, octets: &[u8], first: bool) {
        match role {
            Role::Status if first => {
                self.status.clear();
                self.status.extend(octets.iter().take(LINE_MAX));
            }
            Role::Greeting => self.timestamp = sasl::timestamp(octets).map(<[u8]>::to_vec),
            Role::Continuation => {
                let text = if first {
                    self.challenge.clear();
                    let text = octets.strip_prefix(b"+").unwrap_or(octets);
                    text.strip_prefix(b" ").unwrap_or(text)
                } else {
                    octets
                };
                let room = CHALLENGE_MAX.saturating_sub(self.challenge.len());
                self.challenge.extend(text.iter().take(room));
            }
            _ => {}
        }
    }

    fn start_data(&mut self, sent: &SentCommand) {
        self.line.clear();
        self.listing = match sent.command() {
            Some(row) if row.verb == "CAPA" => ComingListing::Capabilities,
            Some(row) if row.verb == "LANG" => ComingListing::Languages,
            // With data it is the bare AUTH.
            Some(row) if row.verb == "AUTH" => ComingListing::Mechanisms,
            Some(row) if row.lists_messages() => ComingListing::Messages,
            _ => ComingListing::None,
        };
        if self.listing == ComingListing::Capabilities {
            self.capabilities.clear();
            self.mechanisms.clear();
        }
    }

    fn data(&mut self, octets: &[u8]) {
        if self.listing == ComingListing::None {
            return;
        }
        for octet in octets {
            if *octet == b'\n' {
                self.listed_line();
                self.line.clear();
            } else if self.line.len() < LINE_MAX {
                self.line.push(*octet);
            }
        }
    }

    fn listed_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        let mut words = line.split_ascii_whitespace();
        match self.listing {
            ComingListing::None => {}
            ComingListing::Messages => {
                let number = words.next().and_then(|word| word.parse::<u64>().ok());
                if self.listed.len() < MAX {
                    self.listed.extend(number.filter(|number| *number > 0));
                }
            }
            ComingListing::Mechanisms => push(&mut self.mechanisms, words.next()),
            ComingListing::Languages => push(&mut self.languages, words.next()),
            ComingListing::Capabilities => {
                let tag = words.next().unwrap_or_default();
                let words = words.filter(|_| tag.eq_ignore_ascii_case("SASL"));
                for mechanism in words {
                    push(&mut self.mechanisms, Some(&mechanism.to_ascii_uppercase()));
                }
                push(&mut self.capabilities, Some(&line));
            }
        }
    }

    fn answered(&mut self, sent: &SentCommand, status: Status, listing: ComingListing) {
        let is_positive = status == Status::Positive;
        self.last = Some((sent.verb(), status));
        self.take_credentials(sent, is_positive);
        match sent.outcome(status) {
            Effect::Nothing => {}
            Effect::Login => self.log_in(sent),
            Effect::Delete => {
                if self.marked.len() < MARKS_MAX {
                    self.marked.extend(sent.number());
                }
            }
            Effect::Reset => self.marked.clear(),
            Effect::Quit => self.enter(State::Update),
            Effect::Tls => self.agree_tls(),
        }
        if is_positive && listing == ComingListing::Capabilities {
            self.announce(self.capabilities.clone());
        }
        match (sent.command().map(|row| row.verb), is_positive) {
            (Some("CAPA"), false) => self.is_capa_refused |= status == Status::Negative,
            (Some("STAT"), true) if self.listed.is_empty() => self.count(),
            _ => {}
        }
    }

    /// STAT counts the messages that are not marked, and marking does not change numbers (RFC 1939
    /// §5).
    fn count(&mut self) {
        let word = Words::of(&self.status).nth(1);
        let count = word.and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
        let last = count.unwrap_or(0).saturating_add(self.marked.len() as u64);
        self.listed.extend((1..=last).take(MAX));
    }

    fn take_credentials(&mut self, sent: &SentCommand, is_positive: bool) {
        let Some(row) = sent.command() else {
            return;
        };
        let is_tried = sent.effect() == Effect::Login;
        self.refused_logins += u32::from(is_tried && !is_positive);
        if row.verb == "USER" && is_positive {
            self.accepted = Accepted::Yes;
        } else if self.accepted == Accepted::Yes
            && (row.verb == "USER" || row.completes_user() || (is_tried && is_positive))
        {
            self.accepted = Accepted::No;
        }
    }

    fn log_in(&mut self, sent: &SentCommand) {
        if self.is_transaction() {
            return;
        }
        let name = match sent.command() {
            Some(row) if row.completes_user() => self.user.clone(),
            Some(row) if row.names_user() => {
                let name = Words::of(sent.arguments()).next();
                name.map(|name| String::from_utf8_lossy(name).into_owned())
            }
            _ => None,
        };
        self.login = Some(Login {
            verb: sent.verb(),
            user: name,
        });
        self.enter(State::Transaction);
    }

    fn enter(&mut self, state: State) {
        if self.state != Some(state) && state == State::Transaction {
            self.listed.clear();
            self.marked.clear();
            self.phase = Phase::Login;
        }
        self.state = Some(state);
    }

    fn agree_tls(&mut self) {
        self.void();
        if !self.tls.is_on() {
            self.tls = Tls::Agreed;
        }
    }

    /// RFC 2595 §4: everything learned before TLS is void.
    fn void(&mut self) {
        self.has_void_timestamp |= self.timestamp.take().is_some();
        self.user = None;
        self.is_capa_refused = false;
        self.capabilities.clear();
        self.mechanisms.clear();
        self.languages.clear();
        self.listed.clear();
        self.challenge.clear();
        self.status.clear();
        self.listing = ComingListing::None;
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ComingListing {
    #[default]
    None,
    Capabilities,
    Mechanisms,
    Languages,
    Messages,
}

fn push(list: &mut Vec<String>, word: Option<&str>) {
    if let Some(word) = word.filter(|word| !list.iter().any(|known| known == word))
        && list.len() < MAX
    {
        list.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests;
