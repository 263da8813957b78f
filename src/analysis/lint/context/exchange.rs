//! What a finished exchange adds to what is known, and what one with a gap takes away.

use super::super::words::{digest, field, number, two_numbers};
use super::super::{ExchangeSeen, predicates, rfc1939_states, rfc5034};
use super::{
    Context, Counts, Fetched, HEADERS_MAX, HUGE_LINES, Last, MESSAGES_MAX, MessageFacts, NAMES_MAX,
    NOBODY, Utf8,
};
use crate::pop3::command::{Command, Effect, States};
use crate::pop3::session::Phase;
use crate::pop3::tracker::{SentCommand, Status, Step};

/// Whether this command leaves the session in TRANSACTION, where alone it is allowed.
fn is_after_login(ended: &ExchangeSeen<'_>) -> bool {
    ended.is(|row| row.effect == Effect::Nothing && row.states == States::TRANSACTION)
}

impl Context {
    /// An exchange of which something is missing: whether its reply was positive is not known.
    pub(in crate::analysis::lint) fn torn(&mut self, ended: &ExchangeSeen<'_>) {
        let first_reply = self.recording.first_reply.take();
        if ended.exchange.is_greeting {
            self.session.is_greeted = true;
        } else if ended.exchange.sent.is_some() {
            self.commands.waiting.pop();
        }
        self.farewell.parting = None;
        self.last = None;
        if !is_after_login(ended) {
            self.any_rows();
        }
        // Where a reply is missing, the first line was a greeting.
        self.recording.first_reply = match ended.exchange.has_no_greeting {
            true => Some(ended.place()),
            false => first_reply.filter(|_| ended.exchange.status.is_some()),
        };
    }

    pub(in crate::analysis::lint) fn exchange(&mut self, ended: &ExchangeSeen<'_>) {
        let exchange = ended.exchange;
        let holds_next_reply = predicates::is_answered_inside(ended, self);
        if rfc5034::is_ok_as_challenge(ended, self) {
            // Whether the server takes the client for logged in is not known from here on.
            (self.recording.is_explained, self.session.state) = (true, None);
        } else if predicates::is_foreign_greeting(exchange) {
            self.recording.is_explained = true;
        }
        if exchange.is_greeting {
            self.session.is_greeted = true;
            self.greeting.text = ended.text().map(<[u8]>::to_vec);
            self.greeting.is_refusal = exchange.status.is_some() && !ended.is_ok();
        } else {
            self.session.is_greeted |= exchange.has_no_greeting;
            self.commands.waiting.pop();
            if let Some(status) = exchange.status {
                self.recording.is_out_of_step = status == Status::Malformed;
            }
        }
        self.farewell.parting = None;
        self.login.users += u64::from(ended.verb == "USER");
        self.refusals.count += u64::from(ended.is_err());
        let has_status = exchange.status.is_some();
        self.last = Some(Last {
            verb: ended.verb,
            status: exchange.status,
            has_arguments: ended.has_arguments(),
            command: exchange.sent.as_ref().and_then(SentCommand::command),
            is_greeting: exchange.is_greeting,
            is_complete: ended.is_complete(),
            has_credentials: ended.has_credentials(),
            is_oversize: ended.is_oversize(),
            is_garbled: ended.is_garbled(),
            is_echo: predicates::is_echo(exchange.sent.as_ref(), ended.status),
            lines: exchange.data.as_ref().map(|data| data.lines),
            row: self.now.place.row,
            holds_next_reply,
        });
        if !has_status {
            return;
        }
        if ended.is_ok() {
            self.agreed(ended);
        } else {
            self.refused(ended);
        }
        self.follow(ended);
        // The rows that are missing may hold a login as well.
        if ended.has_gap() && !is_after_login(ended) {
            self.any_rows();
        }
    }

    fn refused(&mut self, ended: &ExchangeSeen<'_>) {
        if rfc1939_states::is_missing_login(ended, self) {
            self.login.missing.insert(ended.verb);
        }
        let refusals = &mut self.refusals;
        refusals.verbs.insert(ended.verb);
        match ended.verb {
            "" if !ended.exchange.is_greeting => refusals.unknown += u64::from(ended.is_err()),
            "AUTH" if ended.has_initial_response() && ended.is_err() => {
                refusals.with_initial.extend(ended.mechanism());
                refusals.with_initial.truncate(32);
            }
            _ => {}
        }
        let is_lower = ended.command.iter().any(u8::is_ascii_lowercase);
        if is_lower && ended.is_err() && !ended.has_arguments() {
            refusals.in_lower.insert(ended.verb);
        }
    }

    fn agreed(&mut self, ended: &ExchangeSeen<'_>) {
        let verb = ended.verb;
        match verb {
            "CAPA" if ended.has_gap() => self.session.forget_announced(),
            "CAPA" if ended.is_complete() && !self.listing.has_holes => {
                let lines = std::mem::take(&mut self.listing.capabilities);
                self.session.announce(lines);
            }
            "AUTH" if !ended.has_arguments() && ended.is_complete() => {
                self.login.auth_listed = std::mem::take(&mut self.listing.capabilities);
            }
            "USER" => {
                let is_nobody = ended.name() == Some(digest(NOBODY.as_bytes()));
                self.login.takes_nobody |= self.has_user() && is_nobody;
                if self.login.names.len() < NAMES_MAX {
                    self.login.names.extend(ended.name());
                }
            }
            "UTF8" => self.utf8 = Utf8::On,
            "LANG" if ended.has_arguments() && self.utf8 == Utf8::Off => {
                self.utf8 = Utf8::InTexts;
            }
            "STAT" => {
                let numbers = ended.text().and_then(two_numbers);
                if let Some((count, octets, _)) = numbers.filter(|_| self.session.marked.is_empty())
                {
                    self.counts.stat.get_or_insert((count, octets));
                    self.counts.messages.get_or_insert(count);
                }
            }
            "LIST" if !ended.has_arguments() => self.listed_all(ended),
            "LIST" => {
                let scan = ended.text().and_then(two_numbers);
                if let Some((message, size, _)) = scan.filter(|scan| self.has_message(scan.0)) {
                    self.message(message, |facts| facts.size = Some(size));
                }
            }
            "UIDL" if !ended.has_arguments() => self.unique_all(ended),
            _ if ended.is(Command::fetches_message) => self.fetched(ended),
            "LAST" => {
                self.maildrop.last_number = ended.text().and_then(|text| number(field(text).0));
            }
            _ => {}
        }
        if ended.is(|row| row.effect == Effect::Reset) {
            if self.session.phase() != Phase::Login {
                // What was marked before is not known.
                self.counts = Counts::default();
            }
            self.maildrop.highest_retrieved = 0;
            self.maildrop.was_reset |= !self.session.marked.is_empty();
        }
    }

    fn follow(&mut self, ended: &ExchangeSeen<'_>) {
        let exchange = ended.exchange;
        let sent = exchange.sent.as_ref();
        let Some(status) = exchange
            .status
            .filter(|_| sent.is_some() || exchange.is_greeting)
        else {
            return;
        };
        let is_anywhere = exchange.is_greeting && self.session.state.is_none();
        self.session.apply(&Step::ReplyEnded(sent, status));
        if is_anywhere {
            // What was taken for a greeting may be any reply.
            self.session.state = None;
        }
    }

    fn listed_all(&mut self, ended: &ExchangeSeen<'_>) {
        let is_whole = ended.is_complete() && !self.listing.is_odd && !self.listing.has_holes;
        self.maildrop.is_partial |= !is_whole;
        if ended.lacks_terminator() {
            return;
        }
        let listing = std::mem::take(&mut self.listing);
        // Where messages are marked as deleted, the numbers may have moved.
        let numbers = listing
            .numbers
            .iter()
            .filter(|_| self.session.marked.is_empty());
        for (message, size) in numbers.collect::<Vec<_>>() {
            self.message(*message, |facts| facts.size = Some(*size));
        }
        if is_whole && self.session.marked.is_empty() {
            self.counts.listed = Some((listing.lines, listing.sum));
            self.counts.messages.get_or_insert(listing.lines);
        }
    }

    fn unique_all(&mut self, ended: &ExchangeSeen<'_>) {
        let is_whole = ended.is_complete() && !self.listing.is_odd && !self.listing.has_holes;
        if ended.lacks_terminator() {
            return;
        }
        let listing = std::mem::take(&mut self.listing);
        self.maildrop.twins.clear();
        for (message, id) in &listing.numbers {
            self.message(*message, |facts| facts.unique_id = Some(*id));
            let last = listing.unique_ids.get(id).copied();
            if let Some(last) = last.filter(|last| last != message) {
                self.maildrop.twins.insert(*message, last);
                self.maildrop.twins.insert(last, *message);
            }
        }
        if is_whole && self.session.marked.is_empty() {
            self.counts.unique = Some(listing.lines);
        }
    }

    fn fetched(&mut self, ended: &ExchangeSeen<'_>) {
        if ended.verb == "RETR" {
            self.maildrop.last_number = None;
        }
        if let Some(message) = ended.number().filter(|_| ended.verb == "TOP") {
            let lines = ended.arguments().nth(1).and_then(number);
            let is_usual = lines.is_some_and(|lines| lines < HUGE_LINES);
            self.message(message, |facts| facts.takes_top |= is_usual);
        }
        let data = ended.exchange.data.as_ref().filter(|data| !data.has_holes);
        let (Some(body), Some(data), Some(message)) = (ended.body, data, ended.number()) else {
            return;
        };
        if !ended.is_complete() || !self.has_message(message) {
            return;
        }
        let fetched = Fetched {
            octets: data.message_octets,
            body_lines: body.body_lines,
            twice_stuffed: body.twice_stuffed,
            ends_blank: body.ends_blank,
            header: body.header_digest,
        };
        self.maildrop
            .headers
            .retain(|(number, _)| *number != message);
        if self.maildrop.headers.len() >= HEADERS_MAX {
            self.maildrop.headers.pop_front();
        }
        let lines = body.header_lines.iter().map(|(digest, _)| *digest);
        self.maildrop.headers.push_back((message, lines.collect()));
        let is_top = ended.verb == "TOP";
        if !is_top {
            self.maildrop.highest_retrieved = self.maildrop.highest_retrieved.max(message);
        }
        self.message(message, |facts| {
            if is_top {
                facts.top_header = Some(fetched.header);
            } else {
                facts.retrieved = Some(fetched);
            }
        });
    }

    fn message(&mut self, message: u64, change: impl FnOnce(&mut MessageFacts)) {
        let messages = &mut self.maildrop.messages;
        if messages.len() < MESSAGES_MAX || messages.contains_key(&message) {
            change(messages.entry(message).or_default());
        }
    }
}
