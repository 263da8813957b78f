//! What a finished exchange adds to what is known, and what one with a gap takes away.

use super::super::words::{digest, field, number, two_numbers};
use super::super::{ExchangeSeen, predicates, rfc1939_states, rfc5034};
use super::{
    Context, Fetched, HEADERS_MAX, HUGE_LINES, Last, MESSAGES_MAX, MessageFacts, NAMES_MAX, NOBODY,
    Utf8,
};
use crate::pop3::command::{Command, Effect, States};
use crate::pop3::tracker::{Sent, Status, Step};

/// Whether this command leaves the session in TRANSACTION, where alone it is allowed.
fn is_after_login(ended: &ExchangeSeen<'_>) -> bool {
    let row = ended.exchange.sent.as_ref().and_then(Sent::command);
    row.is_some_and(|row| row.effect == Effect::Nothing && row.states == States::TRANSACTION)
}

impl Context {
    /// An exchange of which something is missing: whether its reply was positive is not known.
    pub(in crate::analysis::lint) fn torn(&mut self, ended: &ExchangeSeen<'_>) {
        let first_reply = self.first_reply.take();
        if ended.exchange.is_greeting {
            self.session.is_greeted = true;
        } else if ended.exchange.sent.is_some() {
            self.waiting.pop();
        }
        self.parting = None;
        self.last = None;
        if !is_after_login(ended) {
            self.any_rows();
        }
        // Where a reply is missing, the first line was a greeting.
        self.first_reply = match ended.exchange.has_no_greeting {
            true => Some(ended.place()),
            false => first_reply.filter(|_| ended.exchange.status.is_some()),
        };
    }

    pub(in crate::analysis::lint) fn exchange(&mut self, ended: &ExchangeSeen<'_>) {
        let exchange = ended.exchange;
        self.is_answered_in_message = predicates::is_answered_inside(ended, self);
        if rfc5034::is_ok_as_challenge(ended, self) {
            // Whether the server takes the client for logged in is not known from here on.
            (self.is_explained, self.session.state) = (true, None);
        } else if predicates::is_foreign_greeting(exchange) {
            self.is_explained = true;
        }
        if exchange.is_greeting {
            self.session.is_greeted = true;
            self.greeting = ended.text().map(<[u8]>::to_vec);
            self.is_turned_away = exchange.status.is_some() && !ended.is_ok();
        } else {
            self.session.is_greeted |= exchange.has_no_greeting;
            self.waiting.pop();
            if let Some(status) = exchange.status {
                self.is_out_of_step = status == Status::Malformed;
            }
        }
        self.parting = None;
        self.users += u64::from(ended.verb == "USER");
        self.refusals += u64::from(ended.is_err());
        let has_status = exchange.status.is_some();
        self.last = Some(Last {
            verb: ended.verb,
            status: exchange.status,
            has_arguments: ended.has_arguments(),
            command: exchange.sent.as_ref().and_then(Sent::command),
            is_greeting: exchange.is_greeting,
            is_complete: ended.is_complete(),
            has_credentials: ended.has_credentials(),
            is_oversize: ended.is_oversize(),
            is_garbled: ended.is_garbled(),
            is_echo: predicates::is_echo(exchange.sent.as_ref(), ended.status),
            lines: exchange.data.as_ref().map(|data| data.lines),
            row: self.place.row,
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
        self.is_apop_refused |= ended.verb == "APOP";
        let is_new = !self.missing_logins.contains(&ended.verb);
        if is_new && rfc1939_states::is_missing_login(ended, self) {
            self.missing_logins.push(ended.verb);
        }
        match ended.verb {
            "STLS" => self.is_stls_refused = true,
            "" if !ended.exchange.is_greeting => self.refused_unknown += u64::from(ended.is_err()),
            "AUTH" if ended.has_initial_response() && ended.is_err() => {
                self.refused_with_initial.extend(ended.mechanism());
                self.refused_with_initial.truncate(32);
            }
            _ => {}
        }
        let is_lower = ended.command.iter().any(u8::is_ascii_lowercase);
        let seen = &mut self.refused_in_lower;
        if is_lower && ended.is_err() && !ended.has_arguments() && !seen.contains(&ended.verb) {
            seen.push(ended.verb);
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
                self.auth_listed = std::mem::take(&mut self.listing.capabilities);
            }
            "USER" => {
                let is_nobody = ended.name() == Some(digest(NOBODY.as_bytes()));
                self.takes_nobody |= self.has_user() && is_nobody;
                if self.accepted_names.len() < NAMES_MAX {
                    self.accepted_names.extend(ended.name());
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
                    self.stat.get_or_insert((count, octets));
                    self.count.get_or_insert(count);
                }
            }
            "LIST" if !ended.has_arguments() => self.listed_all(ended),
            "LIST" => {
                let scan = ended.text().and_then(two_numbers);
                if let Some((message, size, _)) = scan.filter(|scan| self.has_message(scan.0)) {
                    self.message(message, |known| known.size = Some(size));
                }
            }
            "UIDL" if !ended.has_arguments() => self.unique_all(ended),
            _ if ended.is(Command::fetches_message) => self.fetched(ended),
            "LAST" => {
                self.last_number = ended.text().and_then(|text| number(field(text).0));
                self.is_only_top_since = true;
            }
            _ => {}
        }
        if ended.is(|row| row.effect == Effect::Reset) {
            if !self.has_login() {
                // What was marked before is not known.
                (self.stat, self.count, self.listed, self.unique) = (None, None, None, None);
            }
            self.highest_retrieved = 0;
            self.was_reset |= !self.session.marked.is_empty();
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
        self.is_partial |= !is_whole;
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
            self.message(*message, |known| known.size = Some(*size));
        }
        if is_whole && self.session.marked.is_empty() {
            self.listed = Some((listing.lines, listing.sum));
            self.count.get_or_insert(listing.lines);
        }
    }

    fn unique_all(&mut self, ended: &ExchangeSeen<'_>) {
        let is_whole = ended.is_complete() && !self.listing.is_odd && !self.listing.has_holes;
        if ended.lacks_terminator() {
            return;
        }
        let listing = std::mem::take(&mut self.listing);
        self.twins.clear();
        for (message, id) in &listing.numbers {
            self.message(*message, |known| known.unique_id = Some(*id));
            let last = listing.unique_ids.get(id).copied();
            if let Some(last) = last.filter(|last| last != message) {
                self.twins.insert(*message, last);
                self.twins.insert(last, *message);
            }
        }
        if is_whole && self.session.marked.is_empty() {
            self.unique = Some(listing.lines);
        }
    }

    fn fetched(&mut self, ended: &ExchangeSeen<'_>) {
        self.is_only_top_since &= ended.verb != "RETR";
        if let Some(message) = ended.number().filter(|_| ended.verb == "TOP") {
            let lines = ended.arguments().nth(1).and_then(number);
            let is_usual = lines.is_some_and(|lines| lines < HUGE_LINES);
            self.message(message, |known| known.takes_top |= is_usual);
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
        self.headers.retain(|(number, _)| *number != message);
        if self.headers.len() >= HEADERS_MAX {
            self.headers.pop_front();
        }
        let lines = body.header_lines.iter().map(|(digest, _)| *digest);
        self.headers.push_back((message, lines.collect()));
        let is_top = ended.verb == "TOP";
        if !is_top {
            self.highest_retrieved = self.highest_retrieved.max(message);
        }
        self.message(message, |known| {
            if is_top {
                known.top_header = Some(fetched.header);
            } else {
                known.retrieved = Some(fetched);
            }
        });
    }

    fn message(&mut self, message: u64, change: impl FnOnce(&mut MessageFacts)) {
        if self.messages.len() < MESSAGES_MAX || self.messages.contains_key(&message) {
            change(self.messages.entry(message).or_default());
        }
    }
}
