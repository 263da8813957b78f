//! What is remembered of a client line while it waits for its reply.

use std::collections::HashMap;

use super::Status;
use crate::pop3::command::{ArgumentKind, Command, Effect, ONE_STEP_MECHANISMS, Shape, Words};

const KEPT: usize = 255;

/// A client line that waits for its reply. It holds no secret: only the arguments before a secret
/// one are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCommand {
    verb: Vec<u8>,
    arguments: Vec<u8>,
    command: Option<&'static Command>,
    shape: Shape,
    /// More client lines belong to this one: AUTH that is not complete with its initial response.
    takes_responses: bool,
    is_response: bool,
    /// A client line that can log in was sent: for AUTH an initial response or a response to a
    /// challenge.
    has_credentials: bool,
    /// The start of the line may be missing from the recording, or the reply to it.
    is_torn: bool,
}

impl SentCommand {
    /// Reads a command from a client line (octets without line end).
    pub(super) fn of_line(line: &[u8], shapes: &HashMap<Vec<u8>, Shape>) -> Self {
        let command = Command::of_line(line);
        let mut words = Words::of(line);
        let mut verb = words.next().unwrap_or_default().to_ascii_uppercase();
        for _ in 1..command.map_or(1, Command::verb_words) {
            verb.push(b' ');
            verb.extend(words.next().unwrap_or_default().to_ascii_uppercase());
        }
        let given = shapes.get(&verb).copied();
        let shape = given
            .or(command.map(|row| row.shape(line)))
            .unwrap_or(Shape::Unknown);
        let is_open = |kind| !matches!(kind, ArgumentKind::Secret(_));
        let open = command.map_or(0, |row| {
            row.args.iter().take_while(|arg| is_open(arg.kind)).count()
        });
        let mut arguments = Vec::new();
        for word in words.clone().take(open) {
            if !arguments.is_empty() {
                arguments.push(b' ');
            }
            arguments.extend_from_slice(word);
        }
        let mechanism = words.next().unwrap_or_default();
        let has_initial = words.next().is_some();
        let is_complete = has_initial
            && ONE_STEP_MECHANISMS
                .iter()
                .any(|name| name.as_bytes().eq_ignore_ascii_case(mechanism));
        verb.truncate(KEPT);
        arguments.truncate(KEPT);
        Self {
            verb,
            arguments,
            command,
            takes_responses: shape == Shape::Sasl && !is_complete,
            has_credentials: shape != Shape::Sasl || has_initial,
            ..Self::nameless(shape)
        }
    }

    /// Reads a command from a client line (octets without line end), by the table alone.
    pub(crate) fn read(line: &[u8]) -> Self {
        Self::of_line(line, &HashMap::new())
    }

    /// Takes the client's response to a challenge (octets without line end); `*` cancels the
    /// exchange (RFC 5034 §4).
    pub(crate) fn take_answer(&mut self, line: &[u8]) {
        self.take_response(&Self::response(line == b"*"));
    }

    /// A SASL response. `is_cancelled`: it is the `*` that ends the exchange (RFC 5034 §4).
    pub(super) fn response(is_cancelled: bool) -> Self {
        Self {
            takes_responses: true,
            is_response: true,
            has_credentials: !is_cancelled,
            ..Self::nameless(Shape::Unknown)
        }
    }

    /// A client line without a verb: the end of a message that it sends, or one that is not
    /// remembered.
    pub(super) fn nameless(shape: Shape) -> Self {
        Self {
            verb: Vec::new(),
            arguments: Vec::new(),
            command: None,
            shape,
            takes_responses: false,
            is_response: false,
            has_credentials: true,
            is_torn: false,
        }
    }

    /// The row of the command table; None for an unknown verb.
    pub(crate) fn command(&self) -> Option<&'static Command> {
        self.command
    }

    /// The verb in upper case, as text; unusual octets are escaped.
    pub(crate) fn verb(&self) -> String {
        self.verb.escape_ascii().to_string()
    }

    /// The arguments before a secret one, at most 255 octets, with one space between them.
    pub(crate) fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn number(&self) -> Option<u64> {
        let word = Words::of(&self.arguments).next()?;
        std::str::from_utf8(word).ok()?.parse().ok()
    }

    /// Whether this is an AUTH for which no credentials were sent, or they were cancelled: `+OK` to
    /// it is not a login.
    pub(crate) fn lacks_credentials(&self) -> bool {
        self.shape == Shape::Sasl && !self.has_credentials
    }

    /// The client's response to a challenge of this AUTH.
    pub(super) fn take_response(&mut self, response: &Self) {
        self.has_credentials = response.has_credentials;
    }

    pub(crate) fn outcome(&self, status: Status) -> Effect {
        if status == Status::Positive && !self.lacks_credentials() {
            self.effect()
        } else {
            Effect::Nothing
        }
    }

    /// Returns what a positive reply would change.
    pub(crate) fn effect(&self) -> Effect {
        match self.command {
            // The bare AUTH only lists mechanisms.
            Some(row) if row.effect == Effect::Login && self.shape == Shape::Multi => {
                Effect::Nothing
            }
            Some(row) => row.effect,
            None => Effect::Nothing,
        }
    }

    /// A gap in the recording follows, or its start may be missing in one.
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
    }

    /// Whether the start of the line may be missing from the recording, or its reply.
    pub(crate) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Whether its reply, if it begins with a status line, shows which command is answered after a
    /// gap. A line that is not in the table may be a response, unless `any` command is enough.
    pub(super) fn is_anchor(&self, any: bool) -> bool {
        !self.is_torn && !self.is_response && (any || self.command.is_some())
    }

    /// Whether each line of a multi-line reply to it has its own format, so that a status line
    /// cannot be one of them.
    pub(super) fn is_listing(&self) -> bool {
        use crate::pop3::command::DataKind::{Listing, Set};
        self.command
            .is_some_and(|row| matches!(row.data, Listing | Set))
    }

    pub(super) fn pipelines(&self) -> bool {
        !self.is_response && self.command.is_none_or(|row| row.pipelines)
    }

    pub(super) fn is_response(&self) -> bool {
        self.is_response
    }

    pub(super) fn takes_responses(&self) -> bool {
        self.takes_responses
    }

    /// The SASL exchange ended before this response: the server takes it for a command.
    pub(super) fn become_command(&mut self) {
        self.is_response = false;
        self.takes_responses = false;
    }
}
