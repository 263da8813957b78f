//! What is known of a session so far: what rules look at besides the line or exchange that they judge.

mod exchange;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(crate) use super::facts::{Fetched, Last, Listing, MessageFacts, Unsolicited};
use super::waiting::Waiting;
use super::words::{digest, field, has_tag, number, two_numbers};
use super::{LineRole, LineSeen, List};
use crate::pop3::command::{Command, Provenance, States};
use crate::pop3::sasl;
use crate::pop3::session::{Accepted, Phase, SessionState, Tls};
use crate::pop3::tracker::{Sent, Side, State, Status, Step};
use crate::reading::dialogue::{EventAt, EventKind, Place};
use crate::transcript::event::{self, Party};
use crate::transcript::{Item, Row};

pub(crate) const MESSAGES_MAX: usize = 65_536;

/// How long nothing was sent before a server is taken to have lost its patience, in milliseconds.
const IDLE_MS: u64 = 30_000;

const CAPABILITIES_MAX: usize = 256;

/// More lines than a client asks TOP for, except to try the server.
pub(crate) const HUGE_LINES: u64 = 99_999_999;

/// So many refusals may make a server close; the strictest that was seen closes at the fifth.
const ERRORS_MIN: u64 = 3;

const NAMES_MAX: usize = 64;

/// Of how many messages the header lines are kept.
const HEADERS_MAX: usize = 16;

/// A name that no server has a mailbox for: the probes ask for it.
pub(crate) const NOBODY: &str = "poptalk-no-such-user";

#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// Milliseconds since the first row.
    pub(crate) now_ms: u64,
    /// Milliseconds between the row that is read and the one before it.
    pub(crate) gap_ms: u64,
    pub(crate) place: Place,
    pub(crate) event: Option<EventKind>,
    pub(crate) is_closed_by_client: bool,
    pub(crate) is_over: bool,
    /// The transcript begins in the middle of a session.
    pub(crate) is_piece: bool,
    /// The connection stands, to a host that is not this machine.
    pub(crate) is_remote: bool,
    /// Rows are missing, and which command the server answers is not known since.
    pub(crate) is_lost: bool,
    /// Something was wrong that explains what comes next: a greeting of another protocol, `+OK` where a challenge is due. Until a proper
    /// reply to a command that exists.
    pub(crate) is_explained: bool,
    /// No greeting came, as it seems: the row of the first reply, which may have been one after all.
    pub(crate) first_reply: Option<Place>,
    pub(crate) command_row: usize,
    /// The reply to the next command came inside a message that has no terminator.
    pub(crate) is_answered_in_message: bool,
    /// What has happened, as far as the transcript shows it.
    pub(crate) session: SessionState,
    /// The text of the greeting behind its status indicator.
    pub(crate) greeting: Option<Vec<u8>>,
    /// The greeting was none of a server that goes on: `-ERR`, or another service. Nobody is owed a reply.
    pub(crate) is_turned_away: bool,
    /// The reply before had no status indicator: what comes may belong to any command.
    pub(crate) is_out_of_step: bool,
    /// `-ERR` came behind a reply, and nothing since: where, and its text.
    pub(crate) parting: Option<(Place, Vec<u8>)>,
    /// Commands that are not in the table and were refused.
    pub(crate) refused_unknown: u64,
    /// Digests of the names that USER was answered `+OK` for.
    pub(crate) accepted_names: BTreeSet<u64>,
    /// USER was answered `+OK` for a name that nobody has ([`NOBODY`]), behind another USER or in another session.
    pub(crate) takes_nobody: bool,
    pub(crate) commands: u64,
    pub(crate) commands_in_tls: u64,
    /// The verbs of the commands that wait for a reply, in upper case, oldest first.
    pub(crate) waiting: Waiting,
    /// A command was sent behind STLS, before its reply or the handshake.
    pub(crate) is_behind_stls: bool,
    /// The recording says that octets came together with that `+OK`, before the client began its handshake.
    pub(crate) has_injection: bool,
    pub(crate) is_stls_refused: bool,
    pub(crate) utf8: Utf8,
    pub(crate) last: Option<Last>,
    /// How often the server said `-ERR`.
    pub(crate) refusals: u64,
    /// How often USER was answered.
    pub(crate) users: u64,
    pub(crate) is_apop_refused: bool,
    /// The commands for a login that the server does not have, by its refusals.
    pub(crate) missing_logins: Vec<&'static str>,
    /// The mechanisms that AUTH without arguments listed.
    pub(crate) auth_listed: Vec<String>,
    /// AUTH with an initial response was refused; the mechanisms.
    pub(crate) refused_with_initial: Vec<String>,
    /// Verbs that were refused in other letters than upper case, without arguments.
    pub(crate) refused_in_lower: Vec<&'static str>,
    /// What STAT said when nothing was deleted.
    pub(crate) stat: Option<(u64, u64)>,
    pub(crate) messages: BTreeMap<u64, MessageFacts>,
    /// The header lines of the messages that came last, as digests.
    pub(crate) headers: VecDeque<(u64, Vec<u64>)>,
    /// Not all messages are kept, or not all of a listing was in the transcript.
    pub(crate) is_partial: bool,
    /// How many messages there are, when a whole listing or STAT told it while nothing was deleted.
    pub(crate) count: Option<u64>,
    /// A whole LIST came while nothing was deleted: its messages and the sum of their sizes.
    pub(crate) listed: Option<(u64, u64)>,
    /// A whole UIDL came while nothing was deleted: its messages.
    pub(crate) unique: Option<u64>,
    /// Messages that a whole or partial UIDL told to have a unique-id that another one has: each with one of those.
    pub(crate) twins: BTreeMap<u64, u64>,
    /// Marks were taken away by RSET.
    pub(crate) was_reset: bool,
    pub(crate) last_number: Option<u64>,
    /// TOP, and no RETR, came since then.
    pub(crate) is_only_top_since: bool,
    /// The highest message that RETR brought since the login or RSET.
    pub(crate) highest_retrieved: u64,
    pub(crate) has_given_up: bool,
    /// The listing that is coming, or came last.
    pub(crate) listing: Listing,
    has_rows: bool,
    /// The transcript may begin in the middle of a session: only the first command shows more.
    may_be_piece: bool,
    pub(super) client_row: Place,
    /// The row of the last SASL response that was malformed and hidden.
    pub(super) malformed_response: Option<Place>,
}

/// Whether UTF-8 was agreed (RFC 6856).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Utf8 {
    #[default]
    Off,
    /// LANG chose a language, whose texts may be UTF-8.
    InTexts,
    /// UTF8 was answered with `+OK`.
    On,
}

/// The lines of a list of capabilities that are judged by their words; real lists have two dozen.
const NAMED_MAX: u64 = 1000;

impl<'a> LineSeen<'a> {
    /// The name of a capability, as long as the list is one that people read: a list without end must not take for ever to judge.
    pub(crate) fn named_capability(&self, known: &Context) -> Option<&'a str> {
        self.capability()
            .filter(|_| known.listing.lines < NAMED_MAX)
    }
}

impl Context {
    pub(super) fn start(&mut self, place: Place, item: &Item) {
        self.place = place;
        self.event = None;
        match item {
            Item::Row(Row { side, after_ms, .. }) => {
                let is_first = !std::mem::replace(&mut self.has_rows, true);
                if *side == Side::Client {
                    self.client_row = place;
                }
                self.is_piece |= is_first && *side == Side::Client && self.session.state.is_none();
                self.now_ms = self.now_ms.saturating_add(*after_ms);
                self.gap_ms = *after_ms;
            }
            Item::Event(text) => {
                let event = EventAt::read(place, text);
                self.event = Some(event.kind);
                self.is_closed_by_client = event.said().closer() == Some(Party::Client);
            }
            _ => {}
        }
    }

    /// Whether the session is before its login, and that is sure.
    pub(crate) fn is_authorization(&self) -> bool {
        self.session.is_authorization()
    }

    /// Whether the session is behind its login.
    pub(crate) fn is_transaction(&self) -> bool {
        self.session.is_transaction()
    }

    pub(crate) fn has_login(&self) -> bool {
        self.session.phase() == Phase::Login
    }

    /// Whether a USER waits for its PASS.
    pub(crate) fn has_user(&self) -> bool {
        self.session.accepted == Accepted::Yes
    }

    /// Whether octets go over a network where others can read them.
    pub(crate) fn is_in_clear(&self) -> bool {
        self.is_remote && !self.session.tls.is_on()
    }

    /// The last CAPA reply that holds now.
    pub(crate) fn capabilities(&self) -> Option<&[String]> {
        self.session.announced_now()
    }

    /// Whether the last CAPA reply has this tag; None when there was no CAPA.
    pub(crate) fn announces(&self, tag: &str) -> Option<bool> {
        Some(has_tag(self.capabilities()?, tag))
    }

    /// The parameters of this tag in the last CAPA reply, in upper case.
    pub(crate) fn parameters(&self, tag: &str) -> Option<Vec<String>> {
        let lines = self.capabilities()?.iter();
        let mut lines = lines.filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(tag))
                .then(|| words.map(str::to_ascii_uppercase).collect())
        });
        lines.next()
    }

    /// Whether there is, or may be, a message of this number that is not marked as deleted.
    pub(crate) fn has_message(&self, message: u64) -> bool {
        let is_number = (1..=u64::from(u32::MAX)).contains(&message);
        is_number
            && self.count.is_none_or(|count| message <= count)
            && !self.session.marked.contains(&message)
    }

    /// Whether this line is the rest of a reply that began with the command.
    pub(crate) fn is_echoed(&self, heard: &LineSeen<'_>) -> bool {
        let is_rest = heard.role == LineRole::Unrequested && heard.behind_status().is_none();
        is_rest && self.last.as_ref().is_some_and(|last| last.is_echo)
    }

    /// Whether a refusal came right before, and others before that: many servers close after a few. Refused credentials are not among them,
    /// and neither are optional commands: rules of their own judge these.
    pub(crate) fn is_behind_errors(&self) -> bool {
        let is_other =
            |last: &Last| !last.is(Command::logs_in) && !last.is_greeting && !last.is_oversize;
        self.refusals >= ERRORS_MIN
            && self.is_behind_refusal()
            && !self.is_behind_refused_option()
            && self.last.as_ref().is_some_and(is_other)
    }

    /// Whether the command before ended with LF alone, or had an octet 0, and was not answered: the server may take the next line for
    /// the rest of it.
    pub(crate) fn is_behind_garbled(&self) -> bool {
        let is_open = |last: &Last| last.is_garbled && last.status.is_none();
        self.last.as_ref().is_some_and(is_open)
    }

    /// Whether the command before was far too long, and was refused.
    pub(crate) fn is_behind_oversize(&self) -> bool {
        let is_oversize = self.last.as_ref().is_some_and(|last| last.is_oversize);
        is_oversize && self.is_behind_refusal()
    }

    pub(crate) fn is_behind(&self, verb: &str) -> bool {
        self.last.as_ref().is_some_and(|last| last.verb == verb)
    }

    /// Whether the exchange before was refused.
    pub(crate) fn is_behind_refusal(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.status == Some(Status::Negative))
    }

    /// Whether an optional command was refused right before, and no credentials with it. STLS with a command right after it
    /// looks like an attack (RFC 2595 §4), so a server may well close then.
    pub(crate) fn is_behind_refused_option(&self) -> bool {
        self.last.as_ref().is_some_and(|last| {
            let is_refused = last.status == Some(Status::Negative);
            let is_attack = last.verb == "STLS" && self.is_behind_stls;
            let has_credentials = last.verb == "AUTH" && last.has_credentials;
            is_refused && last.is(is_optional) && !is_attack && !has_credentials
        })
    }

    /// Whether the reply to QUIT has come.
    pub(crate) fn has_quit(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.verb == "QUIT" && last.status.is_some())
    }

    /// What this line is, when it came although nothing was asked.
    pub(crate) fn odd(&self, heard: &LineSeen<'_>) -> Option<Unsolicited> {
        if heard.role != LineRole::Unrequested {
            return None;
        }
        let is_negative = heard.text.starts_with(b"-ERR");
        let Some(last) = &self.last else {
            return Some(match self.session.tls == Tls::ByStls {
                true if self.is_behind_stls => Unsolicited::Smuggled,
                true => Unsolicited::SecondGreeting,
                false => Unsolicited::Other,
            });
        };
        let is_ok = last.status == Some(Status::Positive);
        let is_status = heard.behind_status().is_some();
        Some(match last.verb {
            _ if last.is_greeting => Unsolicited::WithGreeting,
            _ if is_negative && self.gap_ms >= IDLE_MS => Unsolicited::Autologout,
            _ if matches!(last.status, None | Some(Status::Malformed)) => Unsolicited::OutOfStep,
            "QUIT" => Unsolicited::BehindQuit,
            _ if is_negative && is_status => Unsolicited::Parting,
            _ if last.is(Command::lists_messages) && last.has_arguments && is_ok => {
                Unsolicited::ListingOfSingle
            }
            _ if is_status => Unsolicited::StatusTwice,
            _ if !is_ok => Unsolicited::BehindError,
            _ if last.is(Command::fetches_message) => Unsolicited::BehindMessage,
            _ => Unsolicited::Other,
        })
    }

    /// Whether this line, which stands where a status line would, is rather one of a message that is out of step with its command.
    pub(crate) fn is_data(&self, heard: &LineSeen<'_>) -> bool {
        let is_stray = match heard.role {
            LineRole::Status => self.is_out_of_step,
            LineRole::Unrequested => {
                matches!(
                    self.odd(heard),
                    Some(Unsolicited::OutOfStep | Unsolicited::BehindMessage)
                )
            }
            _ => false,
        };
        is_stray && heard.behind_status().is_none()
    }

    pub(super) fn command_sent(&mut self, heard: &LineSeen<'_>) {
        self.parting = None;
        self.command_row = heard.place.row;
        if std::mem::take(&mut self.may_be_piece)
            && let Some(row) = heard.sent.and_then(Sent::command)
            && row.states == States::AUTHORIZATION
            && row.verb != "PASS"
        {
            self.session.state = Some(State::Authorization);
        }
        self.commands += 1;
        self.commands_in_tls += u64::from(self.session.tls.is_on());
        if self.session.tls == Tls::Agreed || self.waiting.has("STLS") {
            self.is_behind_stls = true;
        }
        if self.waiting.len() < MESSAGES_MAX {
            let verb = heard.sent.map(Sent::verb).unwrap_or_default();
            self.waiting.push(verb);
        }
    }

    pub(super) fn start_data(&mut self) {
        self.listing = Listing::default();
    }

    pub(super) fn listed(&mut self, heard: &LineSeen<'_>) {
        let listing = &mut self.listing;
        listing.lines += 1;
        let Some(text) = heard.plain() else {
            listing.has_holes = true;
            return;
        };
        match heard.role {
            LineRole::Listed(List::Capabilities)
                if listing.capabilities.len() < CAPABILITIES_MAX =>
            {
                let line = String::from_utf8_lossy(text).trim().to_owned();
                if !line.is_empty() {
                    listing.capabilities.push(line);
                }
            }
            LineRole::Listed(List::Other)
                if heard.verb() == "AUTH" && listing.capabilities.len() < CAPABILITIES_MAX =>
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
            self.may_be_piece = !self.is_piece;
            self.is_partial = true;
            return;
        }
        if state == State::Transaction {
            self.is_partial = false;
            self.messages.clear();
            self.twins.clear();
            (self.stat, self.count, self.listed, self.unique) = (None, None, None, None);
        }
        self.session.apply(&Step::StateChanged(state));
    }

    pub(super) fn unrequested(&mut self, heard: &LineSeen<'_>) {
        if self.is_lost {
            // One reply more than commands: there was a greeting.
            self.first_reply = None;
            return;
        }
        if self.is_explained {
            return;
        }
        let odd = self.odd(heard);
        self.has_given_up |= odd == Some(Unsolicited::Autologout);
        self.parting =
            (odd == Some(Unsolicited::Parting)).then(|| (heard.place, heard.text.to_vec()));
    }

    /// Rows are missing; `is_in_data` of a reply.
    pub(super) fn lose(&mut self, is_in_data: bool) {
        self.is_lost = true;
        // Where a reply was awaited, its exchange says what is void.
        if !is_in_data && self.waiting.is_empty() && !self.may_be_piece {
            self.any_rows();
        }
    }

    pub(super) fn any_rows(&mut self) {
        // Whatever was learnt may be void.
        let mut session = SessionState::default();
        session.is_greeted = true;
        session.tls = match self.session.tls {
            Tls::Agreed => Tls::Off,
            tls => tls,
        };
        *self = Self {
            session,
            is_remote: self.is_remote,
            is_lost: self.is_lost,
            has_rows: self.has_rows,
            waiting: std::mem::take(&mut self.waiting),
            gap_ms: self.gap_ms,
            event: self.event,
            is_closed_by_client: self.is_closed_by_client,
            is_over: self.is_over,
            is_piece: true,
            is_partial: true,
            now_ms: self.now_ms,
            place: self.place,
            ..Self::default()
        };
    }

    pub(super) fn event(&mut self, event: &EventAt) {
        match event.kind {
            EventKind::Connected => {
                self.session.state = Some(State::Greeting);
                let is_here = ["127.", "[::1]", "::1", "localhost"];
                let is_here = |peer: &str| is_here.iter().any(|start| peer.starts_with(start));
                self.is_remote = !matches!(event.said(),
                    event::Event::Connected { peer, .. } if is_here(&peer));
            }
            EventKind::TlsStarted => {
                // A piece of a session has had its greeting.
                self.session.is_greeted |= self.is_piece;
                self.session.tls_started();
                self.commands_in_tls = 0;
                self.waiting.clear();
                if self.session.tls == Tls::ByStls {
                    self.greeting = None;
                    self.missing_logins.clear();
                    self.auth_listed.clear();
                    self.last = None;
                }
            }
            EventKind::TimedOut => self.waiting.clear(),
            EventKind::Injected => self.has_injection = true,
            EventKind::Malformed => self.secret_was_malformed(event),
            _ => {}
        }
    }

    /// The timestamp of the greeting, when it has the form that one must have.
    pub(crate) fn timestamp(&self) -> Option<&[u8]> {
        sasl::timestamp(self.greeting.as_deref()?)
    }
}

/// Whether a server may do without this command. A login that fails is another matter.
fn is_optional(row: &Command) -> bool {
    row.standing != Provenance::Required && !matches!(row.verb, "USER" | "PASS" | "APOP")
}
