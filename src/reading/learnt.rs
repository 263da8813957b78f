//! What has been learnt from the replies so far: capabilities, mechanisms, message numbers. Computed, never stored.

use std::collections::BTreeSet;

use crate::pop3::command::{Effect, Words};
use crate::pop3::sasl;
use crate::pop3::tracker::{Role, Sent, Side, State, Status};
use crate::transcript::Piece;
use crate::transcript::recorder::Seen;

/// The most message numbers and capabilities that are remembered.
const MAX: usize = 10_000;

/// The longest line that is looked at, in octets; the RFCs allow 512.
const LINE_MAX: usize = 1024;

/// The longest challenge that is kept, in octets of base64. RFC 5034 §4 has no limit; no mechanism of ours has so much.
const CHALLENGE_MAX: usize = 64 * 1024;

/// What has been learnt on a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt {
    /// The lines of the last CAPA reply (RFC 2449 §5).
    pub capabilities: Vec<String>,
    /// The SASL mechanisms that were announced (RFC 5034 §3), upper case.
    pub mechanisms: Vec<String>,
    /// The language tags that were announced (RFC 6856 §3.1).
    pub languages: Vec<String>,
    /// The numbers of the messages, as far as a listing or STAT told them, without deleted ones.
    pub messages: BTreeSet<u64>,
    /// The last CAPA reply of each [`Phase`]; what was learnt before TLS stays here, for comparison only.
    pub announced: [Option<Vec<String>>; 3],
    phase: Phase,
    /// The timestamp of the greeting, for APOP (RFC 1939 §7), when it has the form that one must have.
    pub timestamp: Option<Vec<u8>>,
    /// The greeting had such a timestamp, and TLS began after it (RFC 2595 §4).
    pub has_void_timestamp: bool,
    /// The last challenge inside AUTH (RFC 5034 §4): base64, without its `+ `, as far as it is kept.
    pub challenge: Vec<u8>,
    /// The name that USER gave last.
    pub user: Option<String>,
    deleted: BTreeSet<u64>,
    status: Vec<u8>,
    listing: Listing,
    line: Vec<u8>,
}

/// The phases of a session whose CAPA replies differ (RFC 2449 §5, RFC 2595 §4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// At first.
    #[default]
    First,
    /// After STLS.
    Tls,
    /// After the login.
    Login,
}

/// Which listing is coming.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Listing {
    #[default]
    None,
    Capabilities,
    Mechanisms,
    Languages,
    Messages,
}

impl Learnt {
    /// Learns from one step.
    pub fn see(&mut self, seen: &Seen) {
        match seen {
            Seen::Line {
                side: Side::Server,
                role: Role::Status,
                pieces,
                first: true,
                ..
            } => {
                self.status.clear();
                if let Some(Piece::Octets(octets)) = pieces.first() {
                    self.status.extend(octets.iter().take(LINE_MAX));
                }
            }
            Seen::Line {
                role: Role::Greeting,
                pieces,
                ..
            } => {
                if let Some(Piece::Octets(octets)) = pieces.first() {
                    self.timestamp = sasl::timestamp(octets).map(<[u8]>::to_vec);
                }
            }
            Seen::Line {
                role: Role::Continuation,
                pieces,
                first,
                ..
            } => {
                let octets = match pieces.first() {
                    Some(Piece::Octets(octets)) => octets.as_slice(),
                    _ => b"",
                };
                let octets = match first {
                    true => {
                        self.challenge.clear();
                        let behind = octets.strip_prefix(b"+").unwrap_or(octets);
                        behind.strip_prefix(b" ").unwrap_or(behind)
                    }
                    false => octets,
                };
                let room = CHALLENGE_MAX.saturating_sub(self.challenge.len());
                self.challenge.extend(octets.iter().take(room));
            }
            Seen::CommandSent(sent) if sent.verb() == "USER" => {
                self.user = Some(String::from_utf8_lossy(sent.arguments()).into_owned());
            }
            Seen::DataStarted(sent) => self.start(sent),
            Seen::Data {
                side: Side::Server,
                octets,
            } if self.listing != Listing::None => {
                for octet in octets {
                    if *octet == b'\n' {
                        self.learn_line();
                        self.line.clear();
                    } else if self.line.len() < LINE_MAX {
                        self.line.push(*octet);
                    }
                }
            }
            Seen::ReplyEnded(sent, status) => {
                self.listing = Listing::None;
                if let (Some(sent), Status::Positive) = (sent, status) {
                    self.end(sent);
                }
            }
            Seen::StateChanged(State::Transaction) => {
                self.messages.clear();
                self.deleted.clear();
                self.phase = Phase::Login;
            }
            // RFC 2595 §4: what was learnt before TLS is void.
            Seen::TlsAgreed => {
                *self = Self {
                    announced: std::mem::take(&mut self.announced),
                    has_void_timestamp: self.timestamp.is_some(),
                    phase: Phase::Tls,
                    ..Self::default()
                };
            }
            _ => {}
        }
    }

    /// Returns the last status line, as far as it is kept.
    #[must_use]
    pub fn status_line(&self) -> &[u8] {
        &self.status
    }

    fn start(&mut self, sent: &Sent) {
        self.line.clear();
        self.listing = match sent.verb().as_str() {
            "CAPA" => Listing::Capabilities,
            "AUTH" => Listing::Mechanisms,
            "LANG" => Listing::Languages,
            "LIST" | "UIDL" => Listing::Messages,
            _ => Listing::None,
        };
        if self.listing == Listing::Capabilities {
            self.capabilities.clear();
            self.mechanisms.clear();
        }
    }

    fn learn_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        let mut words = line.split_ascii_whitespace();
        match self.listing {
            Listing::None => {}
            Listing::Messages => self.add_message(words.next()),
            Listing::Mechanisms => push(&mut self.mechanisms, words.next()),
            Listing::Languages => push(&mut self.languages, words.next()),
            Listing::Capabilities => {
                if words
                    .next()
                    .is_some_and(|tag| tag.eq_ignore_ascii_case("SASL"))
                {
                    for mechanism in words {
                        push(
                            &mut self.mechanisms,
                            Some(mechanism.to_ascii_uppercase().as_str()),
                        );
                    }
                }
                push(&mut self.capabilities, Some(&line));
            }
        }
    }

    fn add_message(&mut self, word: Option<&str>) {
        let number = word.and_then(|word| word.parse::<u64>().ok());
        if self.messages.len() < MAX {
            self.messages.extend(number.filter(|number| *number > 0));
        }
    }

    fn end(&mut self, sent: &Sent) {
        match sent.command().map(|row| (row.effect, row.verb)) {
            Some((Effect::Delete, _)) => {
                if let Some(number) = sent.number().filter(|number| self.messages.remove(number)) {
                    self.deleted.insert(number);
                }
            }
            Some((_, "CAPA")) => {
                if let Some(place) = self.announced.get_mut(self.phase as usize) {
                    *place = Some(self.capabilities.clone());
                }
            }
            Some((Effect::Reset, _)) => self.messages.append(&mut self.deleted),
            Some((_, "STAT")) if self.messages.is_empty() && self.deleted.is_empty() => {
                let count = Words::of(&self.status).nth(1);
                let count =
                    count.and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
                self.messages.extend((1..=count.unwrap_or(0)).take(MAX));
            }
            _ => {}
        }
    }
}

fn push(list: &mut Vec<String>, word: Option<&str>) {
    if let Some(word) = word.filter(|word| !list.iter().any(|known| known == word))
        && list.len() < MAX
    {
        list.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::recorder::Recorder;
    use crate::transcript::secret::Hider;

    #[test]
    fn listings_teach_what_can_be_typed_next() {
        let mut learnt = Learnt::default();
        let mut recorder = Recorder::new(Hider::new(false));
        let mut talk =
            |side, text: &[u8]| recorder.feed(side, text, 0, &mut |seen| learnt.see(&seen));
        talk(Side::Server, b"+OK ready\r\n");
        talk(Side::Client, b"capa\r\n");
        talk(Side::Server, b"+OK\r\nTOP\r\nSASL plain CRAM-MD5\r\n.\r\n");
        talk(Side::Client, b"user a\r\npass abcd\r\n");
        talk(Side::Server, b"+OK\r\n+OK\r\n");
        talk(Side::Client, b"stat\r\ndele 2\r\n");
        talk(Side::Server, b"+OK 3 320\r\n+OK\r\n");
        assert_eq!(learnt.mechanisms, ["PLAIN", "CRAM-MD5"]);
        assert_eq!(learnt.messages.iter().copied().collect::<Vec<_>>(), [1, 3]);
        let mut talk =
            |side, text: &[u8]| recorder.feed(side, text, 0, &mut |seen| learnt.see(&seen));
        talk(Side::Client, b"rset\r\n");
        talk(Side::Server, b"+OK\r\n");
        assert_eq!(learnt.messages.len(), 3);
    }

    #[test]
    fn a_timestamp_of_before_tls_is_void() {
        let mut learnt = Learnt::default();
        let mut recorder = Recorder::new(Hider::new(false));
        recorder.feed(Side::Server, b"+OK ready <1@h>\r\n", 0, &mut |seen| {
            learnt.see(&seen);
        });
        assert!(learnt.timestamp.is_some() && !learnt.has_void_timestamp);
        learnt.see(&Seen::TlsAgreed);
        assert!(learnt.timestamp.is_none() && learnt.has_void_timestamp);
    }

    #[test]
    fn what_each_phase_announced_is_kept_for_comparison() {
        let mut learnt = Learnt::default();
        let mut recorder = Recorder::new(Hider::new(false));
        let mut talk =
            |side, text: &[u8]| recorder.feed(side, text, 0, &mut |seen| learnt.see(&seen));
        talk(Side::Server, b"+OK ready\r\n");
        talk(Side::Client, b"capa\r\n");
        talk(Side::Server, b"+OK\r\nTOP\r\nSTLS\r\n.\r\n");
        talk(Side::Client, b"user a\r\npass abcd\r\n");
        talk(Side::Server, b"+OK\r\n+OK\r\n");
        talk(Side::Client, b"capa\r\n");
        talk(Side::Server, b"+OK\r\nTOP\r\n.\r\n");
        let [first, tls, login] = &learnt.announced;
        assert_eq!(
            first.as_deref(),
            Some(&["TOP".to_owned(), "STLS".to_owned()][..])
        );
        assert_eq!(tls.as_deref(), None);
        assert_eq!(login.as_deref(), Some(&["TOP".to_owned()][..]));
        learnt.see(&Seen::TlsAgreed);
        assert!(learnt.capabilities.is_empty() && learnt.announced.iter().flatten().count() == 2);
    }
}
