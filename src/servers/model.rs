//! The server's side of one POP3 connection: octets in, octets out, and what to do next. No socket,
//! no clock: the driver reads, writes, does the TLS handshake and watches the time.

mod auth;
mod handlers;
mod locked_maildrop;
mod login;
mod reply;
mod reply_texts;
mod stream;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use crate::pop3::command::{ArgumentKind, Command};
use crate::pop3::sasl::server::Verifier;

use super::maildrop::Maildrop;
use super::{Ending, Next, Secured, ServerSession, Summary};
use locked_maildrop::Opened;
use reply::{Reply, ReplyData};
use reply_texts::{Language, Text};

/// The longest command line that is read, in octets with its line end. RFC 2449 §4 requires 255.
pub(crate) const LONGEST_LINE: usize = 8192;

/// The account that may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The name for every kind of login.
    pub user: String,
    /// The password for every kind of login, and the token for mechanisms that use one.
    pub password: String,
    /// Offers everything there is to try: ANONYMOUS, and more users with the same password whose
    /// login is always refused, each with a different response code.
    pub is_practice: bool,
}

impl Account {
    /// The public account of the practice server: `alice`, `wonderland`.
    #[must_use]
    pub fn practice() -> Self {
        Self {
            user: "alice".to_owned(),
            password: "wonderland".to_owned(),
            is_practice: true,
        }
    }

    fn users(&self) -> impl Iterator<Item = &str> {
        let refused = login::REFUSALS.iter().map(|(user, ..)| *user);
        let refused = refused.filter(|_| self.is_practice);
        std::iter::once(self.user.as_str()).chain(refused)
    }

    fn knows(&self, user: &[u8]) -> bool {
        self.users().any(|name| name.as_bytes() == user)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .field("password", &"(hidden)")
            .finish()
    }
}

/// The state of TLS on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsOffer {
    /// There is none, and STLS is refused.
    Unavailable,
    /// Not yet active; STLS starts it.
    Offered,
    /// The connection is inside TLS.
    On,
}

/// The server's side of one connection.
pub struct Model {
    account: Arc<Account>,
    maildrop: Maildrop,
    timestamp: String,
    /// Secret octets, from which the nonces are derived.
    seed: [u8; 32],
    nonces: u64,
    tls: TlsOffer,
    secured: Secured,
    /// The AUTH exchange, while it waits for the client.
    exchange: Option<Verifier>,
    is_utf8: bool,
    language: Language,
    /// The name from a USER that was just answered with `+OK`.
    user: Option<Vec<u8>>,
    /// The maildrop; Some in the TRANSACTION state.
    opened: Option<Opened>,
    phase: ServerPhase,
    /// The rest of a multi-line reply.
    data: Option<ReplyData>,
    input: Vec<u8>,
    /// How many octets of the input have been processed.
    read: usize,
    summary: Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerPhase {
    Greeting,
    Commands,
    /// Inside a line that was too long and has been answered.
    Dropping,
    Handshake,
    Over,
}

enum InputLine {
    Whole(Vec<u8>),
    TooLong,
}

impl Model {
    /// Creates a session at `maildrop` for the `account`. The `timestamp` is for the greeting and
    /// APOP: a msg-id, including the angle brackets, that no other greeting had (RFC 1939 §7). The
    /// `seed` is for challenges, random and secret. Inside TLS from the first octet, call
    /// `tls_started` at once.
    #[must_use]
    pub fn new(
        maildrop: Maildrop,
        account: Arc<Account>,
        tls: TlsOffer,
        timestamp: String,
        seed: [u8; 32],
    ) -> Self {
        Self {
            account,
            maildrop,
            timestamp,
            seed,
            nonces: 0,
            tls,
            secured: Secured::default(),
            exchange: None,
            is_utf8: false,
            language: Language::default(),
            user: None,
            opened: None,
            phase: ServerPhase::Greeting,
            data: None,
            input: Vec::new(),
            read: 0,
            summary: Summary::default(),
        }
    }

    /// The next command line without its end.
    ///
    /// RFC 1939 §3 requires CRLF. A line feed alone is accepted, too: a person with a tool that
    /// sends only LF would otherwise wait indefinitely, without a hint.
    fn line(&mut self) -> Option<InputLine> {
        loop {
            let pending = self.input.get(self.read..).unwrap_or_default();
            let window = pending.get(..LONGEST_LINE).unwrap_or(pending);
            let end = memchr::memchr(b'\n', window);
            let step = end.map_or(window.len(), |at| at + 1);
            if self.phase == ServerPhase::Dropping {
                if pending.is_empty() {
                    return None;
                }
                self.read += step;
                if end.is_some() {
                    self.phase = ServerPhase::Commands;
                }
                continue;
            }
            return match end {
                Some(at) => {
                    let line = window.get(..at).unwrap_or_default();
                    let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                    self.read += step;
                    Some(InputLine::Whole(line))
                }
                None if window.len() == LONGEST_LINE => {
                    self.read += step;
                    self.phase = ServerPhase::Dropping;
                    // An endless PASS is not a PASS, and it did not follow the USER either.
                    self.user = None;
                    self.exchange = None;
                    Some(InputLine::TooLong)
                }
                None => None,
            };
        }
    }

    fn has_input(&self) -> bool {
        self.read < self.input.len()
    }

    fn answer(&mut self, line: &[u8]) -> Reply {
        if let Some(exchange) = self.exchange.take() {
            return auth::respond(self, exchange, line);
        }
        let space = memchr::memchr(b' ', line);
        let (verb, rest) = match space.and_then(|at| line.split_at_checked(at)) {
            Some((verb, rest)) => (verb, rest.strip_prefix(b" ")),
            None => (line, None),
        };
        // RFC 1939 §7: PASS comes immediately after a USER that was accepted.
        if !verb.eq_ignore_ascii_case(b"PASS") {
            self.user = None;
        }
        let Some((serve, command)) = handlers::handler(verb) else {
            return self.err(handlers::declined(verb, rest), &[]);
        };
        let is_allowed = match self.opened {
            None => command.states.authorization,
            Some(_) => command.states.transaction,
        };
        // RFC 1939 §3: a command in the wrong state, or with wrong arguments, is answered with
        // -ERR.
        if !is_allowed {
            let text = match self.opened {
                None => &reply_texts::LOG_IN_FIRST,
                Some(_) => &reply_texts::LOGGED_IN_ALREADY,
            };
            return self.err(text, &[]);
        }
        if command.verb == "AUTH" && rest.is_none_or(|rest| rest.trim_ascii().is_empty()) {
            return auth::list(self);
        }
        match arguments(command, rest) {
            Some(args) => serve(self, &args),
            None => {
                self.user = None;
                self.err(&reply_texts::SYNTAX, &[&command.syntax()])
            }
        }
    }

    /// A text that no other exchange had.
    fn nonce(&mut self) -> String {
        self.nonces += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.nonces.to_be_bytes());
        STANDARD_NO_PAD.encode(hash.finalize())
    }

    fn ok(&self, text: &Text, values: &[&dyn fmt::Display]) -> Reply {
        Reply::positive(text.filled(self.language, values))
    }

    fn err(&self, text: &Text, values: &[&dyn fmt::Display]) -> Reply {
        Reply::negative(text.filled(self.language, values))
    }
}

impl ServerSession for Model {
    fn push(&mut self, octets: &[u8]) {
        self.input.drain(..self.read.min(self.input.len()));
        self.read = 0;
        self.input.extend_from_slice(octets);
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        match self.phase {
            ServerPhase::Over => return Next::Close,
            ServerPhase::Handshake => return Next::StartTls,
            ServerPhase::Greeting => {
                self.phase = ServerPhase::Commands;
                let text = reply_texts::GREETING.filled(self.language, &[&self.timestamp]);
                Reply::positive(text).write(out);
                return Next::Again;
            }
            ServerPhase::Commands | ServerPhase::Dropping => {}
        }
        if let Some(mut data) = self.data.take() {
            match data.write(self.opened.as_ref(), out) {
                Ok(true) => {}
                Ok(false) => self.data = Some(data),
                // The message is cut off. Without the termination octet the client knows that it is
                // incomplete.
                Err(_) => {
                    self.phase = ServerPhase::Over;
                    self.summary.ending = Some(Ending::BrokenOff);
                    return Next::Close;
                }
            }
            return Next::Again;
        }
        let reply = match self.line() {
            None => return Next::Read,
            Some(InputLine::TooLong) => self.err(&reply_texts::TOO_LONG, &[&LONGEST_LINE]),
            Some(InputLine::Whole(line)) => self.answer(&line),
        };
        self.summary.commands += 1;
        reply.write(out);
        self.data = reply.data;
        match self.phase {
            ServerPhase::Over => Next::Close,
            ServerPhase::Handshake => Next::StartTls,
            _ => Next::Again,
        }
    }

    fn tls_started(&mut self, secured: Secured) {
        if self.tls == TlsOffer::On && self.phase == ServerPhase::Greeting {
            self.secured = secured;
            return;
        }
        if self.phase != ServerPhase::Handshake {
            return;
        }
        self.phase = ServerPhase::Commands;
        self.tls = TlsOffer::On;
        self.secured = secured;
        // RFC 2595 §4: cleartext may come from an attacker on the network path, so it is forgotten.
        self.user = None;
        self.language = Language::default();
        self.input.clear();
        self.read = 0;
    }

    fn summary(&self) -> Summary {
        self.summary
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The input may hold a password.
        f.debug_struct("Model")
            .field("phase", &self.phase)
            .field("tls", &self.tls)
            .field("is_utf8", &self.is_utf8)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// The arguments in `rest`, the text after the verb and one space; None if they do not fit the
/// command.
///
/// RFC 1939 §3: exactly one space separates them. Like most servers this one ignores spaces at the
/// end, but a password runs to the end of the line (RFC 1939 §7, PASS).
fn arguments<'a>(command: &Command, rest: Option<&'a [u8]>) -> Option<Vec<&'a [u8]>> {
    let runs_to_the_end =
        |arg: &crate::pop3::command::Arg| matches!(arg.kind, ArgumentKind::Secret(_));
    let rest = match rest {
        Some(rest) if !command.args.iter().any(runs_to_the_end) => {
            Some(rest.trim_ascii_end()).filter(|rest| !rest.is_empty())
        }
        rest => rest,
    };
    let mut found = Vec::new();
    if let Some(rest) = rest {
        let most = match command.args.iter().position(runs_to_the_end) {
            Some(last) => last + 1,
            None => command.args.len() + 1,
        };
        found.extend(rest.splitn(most, |octet| *octet == b' '));
    }
    let required = command.args.iter().filter(|arg| !arg.optional).count();
    let is_fitting = (required..=command.args.len()).contains(&found.len());
    // Only a secret may be empty.
    let is_whole = command
        .args
        .iter()
        .zip(&found)
        .all(|(arg, octets)| runs_to_the_end(arg) || !octets.is_empty());
    (is_fitting && is_whole).then_some(found)
}

#[cfg(test)]
mod tests;
