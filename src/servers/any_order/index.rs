//! Where each recorded reply is, by the command that it answers.

use std::collections::HashMap;

use crate::pop3::command::{Command, Effect, Shape, Words};
use crate::pop3::tracker::{LineEnd, Side, Status};
use crate::reading::dialogue::{Exchange, Line, Matcher, Part, Place};
use crate::transcript::text::{ParseError, print_row};
use crate::transcript::{Piece, Row};

/// Where each recorded reply is; the replies themselves stay in the transcript.
#[derive(Debug, Clone, Default)]
pub struct ReplyIndex {
    pub(super) greeting: Option<Place>,
    /// By command, with the key from [`ReplyIndex::key`].
    replies: HashMap<Vec<u8>, Vec<RecordedReply>>,
    holed: Vec<(Vec<Piece>, Vec<u8>)>,
    pub(super) login: Option<RecordedReply>,
    /// Replies to CAPA before login, and after it.
    capabilities: [Vec<RecordedReply>; 2],
}

#[derive(Debug, Clone)]
pub(super) struct RecordedReply {
    /// Where its status line is.
    pub(super) place: Place,
    pub(super) has_data: bool,
    pub(super) is_positive: bool,
    /// The challenges before the status line.
    pub(super) challenges: Vec<Place>,
    /// Whether the client cancelled the exchange with `*`.
    pub(super) is_cancelled: bool,
    /// If the client sends a message next: where the reply to that is.
    pub(super) upload: Option<Option<Place>>,
}

impl RecordedReply {
    fn of(exchange: &Exchange, place: Place) -> Self {
        let data = exchange.data.as_ref();
        let challenges = exchange.sasl.iter();
        let challenges = challenges.filter(|line| line.side == Side::Server);
        let is_positive = exchange.status == Some(Status::Positive);
        let takes_message =
            (exchange.sent.as_ref()).is_some_and(|sent| sent.shape() == Shape::Upload);
        Self {
            place,
            has_data: data.is_some_and(|data| data.side == Side::Server),
            is_positive,
            challenges: challenges.map(|line| line.place).collect(),
            is_cancelled: (exchange.sasl.iter())
                .any(|line| line.side == Side::Client && line.head() == b"*"),
            upload: (takes_message && is_positive).then_some(None),
        }
    }
}

impl ReplyIndex {
    /// Reads the parts of a dialogue.
    ///
    /// Errors: the transcript is malformed.
    pub fn of(parts: impl Iterator<Item = Result<Part, ParseError>>) -> Result<Self, ParseError> {
        let mut index = Self::default();
        let mut before = Vec::new();
        for part in parts {
            if let Part::Exchange(exchange) = part? {
                index.add(&exchange, &mut before);
            }
        }
        Ok(index)
    }

    /// Adds an exchange; `before` is the key of the previous command.
    fn add(&mut self, exchange: &Exchange, before: &mut Vec<u8>) {
        let Some(status_line) = &exchange.status_line else {
            return;
        };
        let reply = RecordedReply::of(exchange, status_line.place);
        if exchange.is_greeting {
            self.greeting = Some(reply.place);
            return;
        }
        let Some(command) = &exchange.command else {
            // The reply to a message that the client sent.
            let asked = self.replies.get_mut(before).and_then(|all| all.last_mut());
            if let Some(upload) = asked.and_then(|reply| reply.upload.as_mut()) {
                *upload = Some(reply.place);
            }
            return;
        };
        let row = Command::of_line(command.head());
        let is_login = row.is_some_and(|row| row.effect == Effect::Login) && !reply.has_data;
        if row.is_some_and(|row| row.verb == "CAPA") {
            let place = usize::from(self.login.is_some());
            if let Some(replies) = self.capabilities.get_mut(place) {
                replies.push(reply.clone());
            }
        }
        if is_login && reply.is_positive && self.login.is_none() {
            self.login = Some(reply.clone());
        }
        let key = self.key_of(command);
        self.replies.entry(key.clone()).or_default().push(reply);
        *before = key;
    }

    fn key_of(&mut self, command: &Line) -> Vec<u8> {
        if let [Piece::Octets(_)] | [] = command.pieces.as_slice() {
            return key(command.head());
        }
        let pieces = command.pieces.iter().cloned();
        let row = Row::new(Side::Client, 0, pieces, LineEnd::Crlf);
        let mut key = Vec::new();
        print_row(&mut key, &row);
        if !self.replies.contains_key(&key) {
            self.holed.push((row.pieces, key.clone()));
        }
        key
    }

    /// Returns the key of the recorded command that matches a line: the same words, or else one
    /// whose holes it fills.
    pub(super) fn key(&self, line: &[u8]) -> Option<Vec<u8>> {
        let words = key(line);
        if self.replies.contains_key(&words) {
            return Some(words);
        }
        let mut holed = self.holed.iter();
        let found = holed.find(|(pieces, _)| Matcher::new(pieces).fits(line));
        found.map(|(_, key)| key.clone())
    }

    /// The replies to a command, by its key, in order.
    pub(super) fn replies(&self, key: &[u8]) -> &[RecordedReply] {
        self.replies.get(key).map_or(&[], Vec::as_slice)
    }

    /// The replies to CAPA in this state, or else those in the other state.
    pub(super) fn capabilities(&self, has_logged_in: bool) -> &[RecordedReply] {
        let [before, after] = &self.capabilities;
        let (these, others) = match has_logged_in {
            true => (after, before),
            false => (before, after),
        };
        match these.is_empty() {
            true => others,
            false => these,
        }
    }
}

/// The lookup form of a command line: the verb in upper case, one space between words.
pub(super) fn key(line: &[u8]) -> Vec<u8> {
    let mut words = Words::of(line);
    let mut key = words.next().unwrap_or_default().to_ascii_uppercase();
    for word in words {
        key.push(b' ');
        key.extend_from_slice(word);
    }
    key
}
