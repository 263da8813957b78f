//! What is known of a session so far: what rules look at in addition to the line or exchange that
//! they judge.

mod exchange;

use super::facts::{
    Beginning, CommandFacts, ConnectionFacts, Counts, Farewell, GreetingFacts, LoginFacts,
    MaildropFacts, Now, RecordingFacts, RefusalFacts,
};
pub(crate) use super::facts::{Fetched, Last, Listing, MessageFacts, Unsolicited, Utf8};
use super::words::{digest, field, has_tag, number, two_numbers};
use super::{ExchangeSeen, LineRole, LineSeen, List};
use crate::base::loopback::is_loopback;
use crate::pop3::command::{Command, Provenance, States};
use crate::pop3::session::{Accepted, SessionState, Tls};
use crate::pop3::tracker::{SentCommand, Side, State, Status, Step};
use crate::reading::dialogue::{EventAt, EventKind, Place};
use crate::transcript::event::{self, Event};
use crate::transcript::{Item, Row};

pub(crate) const MESSAGES_MAX: usize = 65_536;

/// How long nothing was sent before a server is taken to have lost its patience, in milliseconds.
const IDLE_MS: u64 = 30_000;

const CAPABILITIES_MAX: usize = 256;

/// More lines than a client asks TOP for, except to try the server.
pub(crate) const HUGE_LINES: u64 = 99_999_999;

/// That many refusals may make a server close; the strictest that was seen closes at the fifth.
const ERRORS_MIN: u64 = 3;

const NAMES_MAX: usize = 64;

/// Of how many messages the header lines are kept.
const HEADERS_MAX: usize = 16;

/// A name that no server has a mailbox for: the probes ask for it.
pub(crate) const NOBODY: &str = "poptalk-no-such-user";

/// What is known of a session so far, in groups: each is about one thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// What has happened, as far as the transcript shows it.
    pub(crate) session: SessionState,
    pub(crate) now: Now,
    pub(crate) recording: RecordingFacts,
    pub(crate) connection: ConnectionFacts,
    pub(crate) greeting: GreetingFacts,
    pub(crate) commands: CommandFacts,
    pub(crate) refusals: RefusalFacts,
    pub(crate) farewell: Farewell,
    pub(crate) login: LoginFacts,
    pub(crate) maildrop: MaildropFacts,
    pub(crate) counts: Counts,
    pub(crate) utf8: Utf8,
    pub(crate) last: Option<Last>,
    /// The listing that is coming, or came last.
    pub(crate) listing: Listing,
}

/// The lines of a list of capabilities that are judged by their words; real lists have two dozen.
const NAMED_MAX: u64 = 1000;

impl<'a> LineSeen<'a> {
    /// The name of a capability, as long as the list is one that people read: a list without end
    /// must not take unlimited time to judge.
    pub(crate) fn named_capability(&self, context: &Context) -> Option<&'a str> {
        self.capability()
            .filter(|_| context.listing.lines < NAMED_MAX)
    }
}

impl Context {
    pub(super) fn start(&mut self, place: Place, item: &Item) {
        let now = &mut self.now;
        (now.place, now.event, now.closer, now.waited) = (place, None, None, None);
        match item {
            Item::Row(Row { side, after_ms, .. }) => {
                if *side == Side::Client {
                    now.client_row = place;
                }
                if self.recording.beginning == Beginning::NoRow {
                    let is_piece = *side == Side::Client && self.session.state.is_none();
                    self.recording.beginning = match is_piece {
                        true => Beginning::Middle,
                        false => Beginning::Whole,
                    };
                }
                now.ms = now.ms.saturating_add(*after_ms);
                now.gap_ms = *after_ms;
            }
            Item::Event(text) => {
                let event = EventAt::read(place, text);
                now.event = Some(event.kind);
                let said = event.said();
                now.closer = said.closer();
                if let Event::TimedOut(limit) = said {
                    now.waited = Some(limit);
                }
            }
            _ => {}
        }
    }

    /// Rows of the server begin, which have no times.
    pub(super) fn start_run(&mut self, place: Place) {
        let now = &mut self.now;
        (now.place, now.event, now.closer, now.waited, now.gap_ms) = (place, None, None, None, 0);
    }

    /// Whether a USER waits for its PASS.
    pub(crate) fn has_user(&self) -> bool {
        self.session.accepted == Accepted::Yes
    }

    /// Whether octets go over a network where others can read them.
    pub(crate) fn is_in_clear(&self) -> bool {
        self.connection.is_remote && !self.session.tls.is_on()
    }

    /// Whether the last CAPA reply has this tag; None when there was no CAPA.
    pub(crate) fn announces(&self, tag: &str) -> Option<bool> {
        Some(has_tag(self.session.announced_now()?, tag))
    }

    /// The parameters of this tag in the last CAPA reply, in upper case.
    pub(crate) fn parameters(&self, tag: &str) -> Option<Vec<String>> {
        let lines = self.session.announced_now()?.iter();
        let mut lines = lines.filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(tag))
                .then(|| words.map(str::to_ascii_uppercase).collect())
        });
        lines.next()
    }

    /// Returns what is known of the message that the command names.
    pub(crate) fn message_of(&self, ended: &ExchangeSeen<'_>) -> Option<&MessageFacts> {
        self.maildrop.messages.get(&ended.number()?)
    }

    /// Whether there is, or may be, a message of this number that is not marked as deleted.
    pub(crate) fn has_message(&self, message: u64) -> bool {
        let is_number = (1..=u64::from(u32::MAX)).contains(&message);
        is_number
            && self.counts.messages.is_none_or(|count| message <= count)
            && !self.session.marked.contains(&message)
    }

    /// Returns the exchange before, where it `is` so.
    pub(crate) fn last_if(&self, is: impl FnOnce(&Last) -> bool) -> Option<&Last> {
        self.last.as_ref().filter(|last| is(last))
    }

    /// Whether this line is the rest of a reply that began with the command.
    pub(crate) fn is_echoed(&self, seen: &LineSeen<'_>) -> bool {
        let is_rest = seen.role == LineRole::Unrequested && seen.after_status().is_none();
        is_rest && self.last_if(|last| last.is_echo).is_some()
    }

    /// Whether a refusal came right before, and others before that: many servers close after a few.
    /// Refused credentials are not among them, and neither are optional commands: rules of their
    /// own judge these.
    pub(crate) fn is_after_errors(&self) -> bool {
        let is_other =
            |last: &Last| !last.is(Command::logs_in) && !last.is_greeting && !last.is_oversize;
        self.refusals.count >= ERRORS_MIN
            && self.is_after_refusal()
            && !self.is_after_refused_option()
            && self.last_if(is_other).is_some()
    }

    /// Whether the command before ended with LF alone, or had an octet 0, and was not answered: the
    /// server may take the next line for the rest of it.
    pub(crate) fn is_after_garbled(&self) -> bool {
        self.last_if(|last| last.is_garbled && last.status.is_none())
            .is_some()
    }

    /// Whether the command before was far too long, and was refused.
    pub(crate) fn is_after_oversize(&self) -> bool {
        self.last_if(|last| last.is_oversize).is_some() && self.is_after_refusal()
    }

    pub(crate) fn is_after(&self, verb: &str) -> bool {
        self.last_if(|last| last.verb == verb).is_some()
    }

    /// Whether the exchange before was refused.
    pub(crate) fn is_after_refusal(&self) -> bool {
        self.last_if(|last| last.status == Some(Status::Negative))
            .is_some()
    }

    /// Whether an optional command was refused right before, and no credentials with it. STLS with
    /// a command right after it looks like an attack (RFC 2595 §4), so a server may well close
    /// then.
    pub(crate) fn is_after_refused_option(&self) -> bool {
        self.last.as_ref().is_some_and(|last| {
            let is_refused = last.status == Some(Status::Negative);
            let is_attack = last.verb == "STLS" && self.connection.is_after_stls;
            let has_credentials = last.verb == "AUTH" && last.has_credentials;
            is_refused && last.is(is_optional) && !is_attack && !has_credentials
        })
    }

    /// Whether the reply to this command came inside the message before it, which has no
    /// terminator.
    pub(crate) fn is_answered_in_message(&self) -> bool {
        self.last_if(|last| last.holds_next_reply).is_some()
    }

    /// Whether the reply to QUIT has come.
    pub(crate) fn has_quit(&self) -> bool {
        self.last_if(|last| last.verb == "QUIT" && last.status.is_some())
            .is_some()
    }

    /// What this line is, when it came although nothing was asked.
    pub(crate) fn unsolicited(&self, seen: &LineSeen<'_>) -> Option<Unsolicited> {
        if seen.role != LineRole::Unrequested {
            return None;
        }
        let is_negative = seen.text.starts_with(b"-ERR");
        let Some(last) = &self.last else {
            return Some(match self.session.tls == Tls::ByStls {
                true if self.connection.is_after_stls => Unsolicited::Smuggled,
                true => Unsolicited::SecondGreeting,
                false => Unsolicited::Other,
            });
        };
        let is_ok = last.status == Some(Status::Positive);
        let is_status = seen.after_status().is_some();
        Some(match last.verb {
            _ if last.is_greeting && self.connection.has_header => Unsolicited::ToHeader,
            _ if last.is_greeting => Unsolicited::WithGreeting,
            _ if is_negative && self.now.gap_ms >= IDLE_MS => Unsolicited::Autologout,
            _ if matches!(last.status, None | Some(Status::Malformed)) => Unsolicited::OutOfStep,
            "QUIT" => Unsolicited::AfterQuit,
            _ if is_negative && is_status => Unsolicited::Parting,
            _ if last.is(Command::lists_messages) && last.has_arguments && is_ok => {
                Unsolicited::ListingOfSingle
            }
            _ if is_status => Unsolicited::StatusTwice,
            _ if !is_ok => Unsolicited::AfterError,
            _ if last.is(Command::fetches_message) => Unsolicited::AfterMessage,
            _ => Unsolicited::Other,
        })
    }

    /// Whether this line, in the place of a status line, is rather one of a message that is out of
    /// step with its command.
    pub(crate) fn is_data(&self, seen: &LineSeen<'_>) -> bool {
        let is_stray = match seen.role {
            LineRole::Status => self.recording.is_out_of_step,
            LineRole::Unrequested => {
                matches!(
                    self.unsolicited(seen),
                    Some(Unsolicited::OutOfStep | Unsolicited::AfterMessage)
                )
            }
            _ => false,
        };
        is_stray && seen.after_status().is_none()
    }

    pub(super) fn command_sent(&mut self, seen: &LineSeen<'_>) {
        self.farewell.parting = None;
        self.commands.last_row = seen.place.row;
        if self.recording.beginning == Beginning::Unsure {
            self.recording.beginning = Beginning::Whole;
            let row = seen.sent.and_then(SentCommand::command);
            if row.is_some_and(|row| row.states == States::AUTHORIZATION && row.verb != "PASS") {
                self.session.state = Some(State::Authorization);
            }
        }
        self.commands.sent += 1;
        if self.session.tls == Tls::Agreed || self.commands.waiting.has("STLS") {
            self.connection.is_after_stls = true;
        }
        if self.commands.waiting.len() < MESSAGES_MAX {
            let verb = seen.sent.map(SentCommand::verb).unwrap_or_default();
            self.commands.waiting.push(verb);
        }
    }

    pub(super) fn start_data(&mut self) {
        self.listing = Listing::default();
    }

    pub(super) fn listed(&mut self, seen: &LineSeen<'_>) {
        let listing = &mut self.listing;
        listing.lines += 1;
        let Some(text) = seen.plain() else {
            listing.has_holes = true;
            return;
        };
        match seen.role {
            LineRole::Listed(List::Capabilities)
                if listing.capabilities.len() < CAPABILITIES_MAX =>
            {
                let line = String::from_utf8_lossy(text).trim().to_owned();
                if !line.is_empty() {
                    listing.capabilities.push(line);
                }
            }
            LineRole::Listed(List::Other)
                if seen.verb() == "AUTH" && listing.capabilities.len() < CAPABILITIES_MAX =>
            {
                let name = String::from_utf8_lossy(text).trim().to_ascii_uppercase();
                listing
                    .capabilities
                    .extend(Some(name).filter(|name| !name.is_empty()));
            }
            LineRole::Listed(List::Scan) => match two_numbers(text) {
                Some((message, size, _)) if listing.numbers.len() < MESSAGES_MAX => {
                    listing.sum = listing.sum.saturating_add(size);
                    listing.before = message;
                    listing.numbers.insert(message, size);
                }
                _ => listing.is_odd = true,
            },
            LineRole::Listed(List::Unique) => {
                let (first, rest) = field(text);
                match number(first) {
                    Some(message) if listing.numbers.len() < MESSAGES_MAX => {
                        let id = digest(rest.trim_ascii_start());
                        listing.before = message;
                        listing.numbers.insert(message, id);
                        listing.unique_ids.insert(id, message);
                    }
                    _ => listing.is_odd = true,
                }
            }
            _ => {}
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        if state == State::Authorization && self.session.state.is_none() {
            if !self.recording.is_piece() {
                self.recording.beginning = Beginning::Unsure;
            }
            self.maildrop.is_partial = true;
            return;
        }
        if state == State::Transaction {
            self.maildrop.is_partial = false;
            self.maildrop.messages.clear();
            self.maildrop.twins.clear();
            self.counts = Counts::default();
        }
        self.session.apply(&Step::StateChanged(state));
    }

    pub(super) fn unrequested(&mut self, seen: &LineSeen<'_>) {
        if self.recording.is_lost {
            // One reply more than commands: there was a greeting.
            self.recording.first_reply = None;
            return;
        }
        if self.recording.is_explained {
            return;
        }
        let unsolicited = self.unsolicited(seen);
        self.farewell.has_given_up |= unsolicited == Some(Unsolicited::Autologout);
        let is_parting = unsolicited == Some(Unsolicited::Parting);
        self.farewell.parting = is_parting.then(|| (seen.place, seen.text.to_vec()));
    }

    /// Rows are missing; `is_in_data` of a reply.
    pub(super) fn lose(&mut self, is_in_data: bool) {
        self.recording.is_lost = true;
        // Where a reply was awaited, its exchange says what is void.
        let is_unsure = self.recording.beginning == Beginning::Unsure;
        if !is_in_data && self.commands.waiting.is_empty() && !is_unsure {
            self.any_rows();
        }
    }

    pub(super) fn any_rows(&mut self) {
        // What was learned before may no longer hold.
        let mut session = SessionState::default();
        session.is_greeted = true;
        session.tls = match self.session.tls {
            Tls::Agreed => Tls::Off,
            tls => tls,
        };
        let old = std::mem::take(self);
        self.session = session;
        self.now = old.now;
        self.recording.beginning = Beginning::Middle;
        self.recording.is_lost = old.recording.is_lost;
        self.connection.is_remote = old.connection.is_remote;
        self.commands.waiting = old.commands.waiting;
        self.maildrop.is_partial = true;
    }

    pub(super) fn event(&mut self, event: &EventAt) {
        match event.kind {
            EventKind::Connected => {
                self.session.state = Some(State::Greeting);
                self.connection.is_remote = !matches!(event.said(),
                    event::Event::Connected { peer, .. } if is_here(&peer));
            }
            EventKind::TlsStarted => {
                // A piece of a session has had its greeting.
                self.session.is_greeted |= self.recording.is_piece();
                self.session.tls_started();
                self.commands.waiting.clear();
                if self.session.tls == Tls::ByStls {
                    self.greeting.text = None;
                    self.login.missing.clear();
                    self.login.auth_listed.clear();
                    self.last = None;
                }
            }
            EventKind::TimedOut => self.commands.waiting.clear(),
            EventKind::Injected => self.connection.has_injection = true,
            EventKind::Malformed => self.secret_was_malformed(event),
            EventKind::Other => self.connection.has_header |= event.said().is_header(),
            _ => {}
        }
    }
}

/// Whether the other end of a connection is this machine: a host as its event names it, with or
/// without a port.
fn is_here(peer: &str) -> bool {
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    let mut forms = [peer, host].into_iter();
    forms.any(|host| is_loopback(host.trim_start_matches('[').trim_end_matches(']')))
}

/// Whether a server may do without this command. A login that fails is another matter.
fn is_optional(row: &Command) -> bool {
    row.provenance != Provenance::Required && !matches!(row.verb, "USER" | "PASS" | "APOP")
}

#[cfg(test)]
mod tests {
    use super::is_here;

    #[test]
    fn a_host_whose_name_begins_like_this_machine_is_remote() {
        for peer in [
            "127.0.0.1:110",
            "127.0.0.1",
            "[::1]:995",
            "::1",
            "localhost:110",
        ] {
            assert!(is_here(peer), "{peer}");
        }
        for peer in [
            "localhost.example.org:110",
            "127.0.0.1.example.org",
            "[::10]:995",
            "",
        ] {
            assert!(!is_here(peer), "{peer}");
        }
    }
}
