//! The goals of a lesson, judged on what happened in the learner's session, never on what was
//! typed.
//!
//! A goal is a line: steps joined by `then`, and after ` -- ` the text to show when it is reached.
//!
//! | step | is reached when |
//! |---|---|
//! | `+OK VERB [ARGUMENT ...] [in WHERE]` | the server accepts such a command; a number is compared as one |
//! | `-ERR [[CODE]] VERB [ARGUMENT ...] [in WHERE]` | it refuses one, with this response code (RFC 2449 §8) if one is named |
//! | `login [by VERB [MECHANISM]] [in WHERE]` | a login succeeds |
//! | `tls [by STLS]` | TLS is on |
//! | `quit`, `hung up` | a session after a login ends with QUIT, or without |
//! | `deleted N`, `left N` | it ends with QUIT and N messages were marked; it ends and the maildrop holds N |
//! | `pipelined N` | N commands wait for their replies at once |
//! | `diagnosed ID [or ID ...]` | the learner names what is wrong, by one of these ids |
//!
//! WHERE is `TLS`, `clear`, `AUTHORIZATION` or `TRANSACTION` (RFC 1939 §3). A verb `*` is any verb.
//! A number `N+` is N or more, and the argument `alone` means that there is none. Of steps joined
//! by `or`, one is enough.

use crate::pop3::session::{SessionState, Tls};
use crate::pop3::tracker::{SentCommand, State, Status, Step as Happened};
use crate::reading::dialogue::{Dialogue, EventKind, Exchange, Part, Place};
use crate::transcript::Item;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goal {
    steps: Vec<GoalStep>,
    texts: Vec<String>,
    pub(crate) says: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct GoalError {
    /// Octets of the text before the place.
    pub(crate) at: usize,
    /// What is wrong, and what was expected.
    pub(crate) what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum GoalStep {
    Reply {
        status: Status,
        code: Option<String>,
        verb: String,
        arguments: Vec<Argument>,
        /// There are no further arguments.
        is_alone: bool,
        place: Option<In>,
    },
    Login {
        verb: Option<String>,
        mechanism: Option<String>,
        place: Option<In>,
    },
    Tls {
        by_stls: bool,
    },
    Quit,
    HungUp,
    Deleted(u64),
    Left(u64),
    Pipelined(usize),
    Diagnosed(Vec<String>),
    Any(Vec<GoalStep>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    /// This word, in upper case, a number without leading zeros.
    Word(String),
    /// A number, at least this one.
    Least(u64),
}

impl Argument {
    fn parse(word: &str) -> Self {
        let least = word
            .strip_suffix('+')
            .and_then(|number| number.parse().ok());
        least.map_or_else(|| Self::Word(word.to_ascii_uppercase()), Self::Least)
    }

    fn is(&self, word: &str) -> bool {
        match self {
            Self::Word(wanted) => wanted == word,
            Self::Least(least) => word.parse::<u64>().is_ok_and(|number| number >= *least),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Tls,
    Clear,
    Authorization,
    Transaction,
}

enum Fact<'a> {
    Reply(&'a Exchange, Where),
    Login(&'a Exchange, Where),
    Tls(bool),
    /// The session has ended. The first number, present after QUIT, counts marked messages; the
    /// second counts the messages in the maildrop.
    Ended(Option<u64>, u64),
    Pipelined(usize),
    Diagnosed(&'a str),
}

#[derive(Debug, Clone, Copy)]
struct Where {
    is_tls: bool,
    is_transaction: bool,
}

impl Where {
    fn of(session: &SessionState) -> Self {
        Self {
            is_tls: session.tls.is_on(),
            is_transaction: session.is_transaction(),
        }
    }
}

impl Goal {
    /// Reads a goal.
    ///
    /// Errors: a step is unknown, or has too few or too many words.
    pub(crate) fn parse(text: &str) -> Result<Self, GoalError> {
        let (steps, says) = text.split_once(" -- ").unwrap_or((text, ""));
        let mut at = 0;
        let mut read = Vec::new();
        let mut texts = Vec::new();
        for part in steps.split(" then ") {
            let step = GoalStep::parse(part).map_err(|what| GoalError { at, what })?;
            read.push(step);
            texts.push(part.trim().to_owned());
            at += part.len() + " then ".len();
        }
        if says.trim().is_empty() {
            let what = "the goal has no text: add ` -- TEXT`".to_owned();
            return Err(GoalError {
                at: steps.len(),
                what,
            });
        }
        Ok(Self {
            steps: read,
            texts,
            says: says.trim().to_owned(),
        })
    }

    /// Returns the ids with which the learner may name what is wrong; none if the goal has no
    /// diagnosis.
    pub(crate) fn diagnosis(&self) -> &[String] {
        let ids = self.steps.iter().find_map(|step| match step {
            GoalStep::Diagnosed(ids) => Some(ids.as_slice()),
            _ => None,
        });
        ids.unwrap_or_default()
    }

    fn is_named_by(&self, id: &str) -> bool {
        let mut ids = self.diagnosis().iter();
        ids.any(|known| known.eq_ignore_ascii_case(id))
    }
}

impl GoalStep {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with("diagnosed") || !text.contains(" or ") {
            return Self::parse_one(text);
        }
        let ways: Result<Vec<Self>, String> = text.split(" or ").map(Self::parse_one).collect();
        ways.map(Self::Any)
    }

    fn parse_one(text: &str) -> Result<Self, String> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let place = match words.as_slice() {
            [.., "in", name] => {
                let place = In::parse(name)?;
                words.truncate(words.len() - 2);
                Some(place)
            }
            _ => None,
        };
        let number = |word: &str| {
            word.parse()
                .map_err(|_| format!("`{word}` is not a number"))
        };
        let owned = |word: &&str| word.to_ascii_uppercase();
        let is_placed = place.is_some();
        let step = match words.as_slice() {
            [sign @ ("+OK" | "-ERR"), rest @ ..] => {
                let code = rest.first().and_then(|word| {
                    let code = word.strip_prefix('[')?.strip_suffix(']')?;
                    Some(code.to_ascii_uppercase())
                });
                let rest = rest.get(usize::from(code.is_some())..).unwrap_or_default();
                let [verb, arguments @ ..] = rest else {
                    return Err(format!("expected a command after `{sign}`: `{sign} VERB`"));
                };
                let (arguments, is_alone) = match arguments {
                    [arguments @ .., "alone"] => (arguments, true),
                    arguments => (arguments, false),
                };
                let status = if *sign == "+OK" {
                    Status::Positive
                } else {
                    Status::Negative
                };
                return Ok(Self::Reply {
                    status,
                    code,
                    verb: verb.to_ascii_uppercase(),
                    arguments: arguments.iter().map(|word| Argument::parse(word)).collect(),
                    is_alone,
                    place,
                });
            }
            ["login"] => {
                return Ok(Self::Login {
                    verb: None,
                    mechanism: None,
                    place,
                });
            }
            ["login", "by", verb, rest @ ..] if rest.len() < 2 => {
                return Ok(Self::Login {
                    verb: Some(verb.to_ascii_uppercase()),
                    mechanism: rest.first().map(owned),
                    place,
                });
            }
            ["tls"] => Self::Tls { by_stls: false },
            ["tls", "by", "STLS"] => Self::Tls { by_stls: true },
            ["quit"] => Self::Quit,
            ["hung", "up"] => Self::HungUp,
            ["deleted", count] => Self::Deleted(number(count)?),
            ["left", count] => Self::Left(number(count)?),
            ["pipelined", count] => {
                let count = number(count)?;
                Self::Pipelined(usize::try_from(count).unwrap_or(usize::MAX))
            }
            ["diagnosed", ids @ ..] => Self::Diagnosed(named(ids)?),
            _ => {
                return Err(format!(
                    "unknown step `{text}`; expected `+OK VERB`, `-ERR [CODE] VERB`, `login by VERB`, `tls`, `quit`, `hung up`, \
                     `deleted N`, `left N`, `pipelined N` or `diagnosed ID [or ID]`"
                ));
            }
        };
        if is_placed {
            return Err("`in` applies only to a reply or a login".to_owned());
        }
        Ok(step)
    }

    fn is_reached_by(&self, fact: &Fact<'_>) -> bool {
        match (self, fact) {
            (
                Self::Reply {
                    status,
                    code,
                    verb,
                    arguments,
                    is_alone,
                    place,
                },
                Fact::Reply(exchange, at),
            ) => {
                exchange.status == Some(*status)
                    && is_verb(exchange, verb)
                    && has_arguments(exchange, arguments, *is_alone)
                    && code
                        .as_ref()
                        .is_none_or(|code| code_of(exchange).as_ref() == Some(code))
                    && is_in(*place, *at)
            }
            (
                Self::Login {
                    verb,
                    mechanism,
                    place,
                },
                Fact::Login(exchange, at),
            ) => {
                verb.as_ref().is_none_or(|verb| is_verb(exchange, verb))
                    && mechanism
                        .as_ref()
                        .is_none_or(|name| arguments_of(exchange).first() == Some(name))
                    && is_in(*place, *at)
            }
            (Self::Tls { by_stls }, Fact::Tls(was_stls)) => *was_stls || !by_stls,
            (Self::Quit, Fact::Ended(Some(_), _)) | (Self::HungUp, Fact::Ended(None, _)) => true,
            (Self::Deleted(count), Fact::Ended(Some(marked), _)) => count == marked,
            (Self::Left(count), Fact::Ended(_, left)) => count == left,
            (Self::Pipelined(count), Fact::Pipelined(now)) => now >= count,
            (Self::Diagnosed(ids), Fact::Diagnosed(named)) => {
                ids.iter().any(|id| id.eq_ignore_ascii_case(named))
            }
            (Self::Any(ways), fact) => ways.iter().any(|way| way.is_reached_by(fact)),
            _ => false,
        }
    }
}

/// Reads the ids of a diagnosis: every second word is `or`.
fn named(words: &[&str]) -> Result<Vec<String>, String> {
    let mut ids = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match (at % 2, *word) {
            (0, "or") => break,
            (0, id) => ids.push(id.to_owned()),
            (_, "or") => {}
            (_, other) => {
                return Err(format!(
                    "unexpected `{other}`: join ids with `or`, as in `diagnosed ID or ID`"
                ));
            }
        }
    }
    match words.len() == (2 * ids.len()).wrapping_sub(1) {
        true => Ok(ids),
        false => Err("an id is missing: expected `diagnosed ID or ID`".to_owned()),
    }
}

impl In {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "TLS" => Ok(Self::Tls),
            "clear" => Ok(Self::Clear),
            "AUTHORIZATION" => Ok(Self::Authorization),
            "TRANSACTION" => Ok(Self::Transaction),
            _ => Err(format!(
                "unknown place `{name}`; expected TLS, clear, AUTHORIZATION or TRANSACTION"
            )),
        }
    }
}

fn is_in(place: Option<In>, at: Where) -> bool {
    match place {
        None => true,
        Some(In::Tls) => at.is_tls,
        Some(In::Clear) => !at.is_tls,
        Some(In::Authorization) => !at.is_transaction,
        Some(In::Transaction) => at.is_transaction,
    }
}

fn is_verb(exchange: &Exchange, verb: &str) -> bool {
    let is_it = |sent: &SentCommand| verb == "*" || sent.verb() == *verb;
    exchange.sent.as_ref().is_some_and(is_it)
}

/// Whether a command begins with these arguments, and has no others if `is_alone`.
fn has_arguments(exchange: &Exchange, wanted: &[Argument], is_alone: bool) -> bool {
    let came = arguments_of(exchange);
    let is_enough = match is_alone {
        true => came.len() == wanted.len(),
        false => came.len() >= wanted.len(),
    };
    is_enough
        && wanted
            .iter()
            .zip(&came)
            .all(|(wanted, word)| wanted.is(word))
}

/// The open arguments, in upper case, numbers without leading zeros.
fn arguments_of(exchange: &Exchange) -> Vec<String> {
    let text = exchange.sent.as_ref().map(|sent| sent.arguments());
    let text = String::from_utf8_lossy(text.unwrap_or_default()).to_ascii_uppercase();
    text.split_whitespace()
        .map(|word| match word.parse::<u64>() {
            Ok(number) => number.to_string(),
            Err(_) => word.to_owned(),
        })
        .collect()
}

/// The response code of a status line (RFC 2449 §8), in upper case.
fn code_of(exchange: &Exchange) -> Option<String> {
    let line = exchange.status_line.as_ref()?.head();
    let line = String::from_utf8_lossy(line).to_ascii_uppercase();
    let after = line.split_once(" [")?.1;
    Some(after.split_once(']')?.0.to_owned())
}

#[derive(Debug)]
pub(crate) struct Goals {
    goals: Vec<Goal>,
    /// The number of completed steps of each goal.
    done: Vec<usize>,
    dialogue: Dialogue,
    session: SessionState,
}

impl Goals {
    pub(crate) fn new(goals: Vec<Goal>) -> Self {
        Self {
            done: vec![0; goals.len()],
            goals,
            dialogue: Dialogue::without_digests(),
            session: SessionState::default(),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Goal, bool)> {
        let reached = self.goals.iter().zip(&self.done);
        reached.map(|(goal, done)| (goal, *done >= goal.steps.len()))
    }

    /// Returns the index of each open goal, with the step that it waits for, as written.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, &Goal, &str)> {
        let goals = self.goals.iter().zip(&self.done).enumerate();
        goals.filter_map(|(at, (goal, done))| Some((at, goal, goal.texts.get(*done)?.as_str())))
    }

    pub(crate) fn are_reached(&self) -> bool {
        self.all().all(|(_, is_reached)| is_reached)
    }

    /// Begins another connection; reached goals stay reached.
    pub(crate) fn begin_session(&mut self) {
        self.dialogue = Dialogue::without_digests();
        self.session = SessionState::default();
    }

    /// Takes an item of the session; `left` returns how many messages are in the maildrop now.
    pub(crate) fn feed(&mut self, place: Place, item: &Item, left: &dyn Fn() -> u64) {
        let mut parts = Vec::new();
        self.dialogue
            .feed(place, item, &mut |part| parts.push(part));
        let waiting = self.dialogue.outstanding();
        self.take(&Fact::Pipelined(waiting));
        for part in parts {
            match part {
                Part::Exchange(exchange) => self.exchange(&exchange, left),
                Part::Event(event) => self.event(event.kind, left),
                _ => {}
            }
        }
    }

    /// Records that the learner named a fault; returns whether that is a goal.
    pub(crate) fn diagnose(&mut self, id: &str) -> bool {
        self.take(&Fact::Diagnosed(id));
        self.goals.iter().any(|goal| goal.is_named_by(id))
    }

    /// Returns what must happen before this id counts as named: the open steps before it, as
    /// written.
    pub(crate) fn before_diagnosis(&self, id: &str) -> Vec<&str> {
        let named = self.goals.iter().zip(&self.done);
        let open = named
            .filter(|(goal, _)| goal.is_named_by(id))
            .flat_map(|(goal, done)| {
                let steps = goal.steps.iter().zip(&goal.texts).skip(*done);
                steps.take_while(|(step, _)| !matches!(step, GoalStep::Diagnosed(_)))
            });
        // Of several ways, the first is the plainest.
        let steps = open.map(|(_, text)| text.split(" or ").next().unwrap_or(text));
        steps.map(|step| step.trim_end_matches(" alone")).collect()
    }

    fn exchange(&mut self, exchange: &Exchange, left: &dyn Fn() -> u64) {
        let at = Where::of(&self.session);
        self.take(&Fact::Reply(exchange, at));
        let Some(status) = exchange.status else {
            return;
        };
        let sent = exchange.sent.as_ref();
        if sent.is_some() || exchange.is_greeting {
            self.session.apply(&Happened::ReplyEnded(sent, status));
        }
        match self.session.state {
            Some(State::Transaction) if !at.is_transaction => {
                self.take(&Fact::Login(exchange, at));
            }
            Some(State::Update) if at.is_transaction => {
                self.take(&Fact::Ended(Some(self.session.marked.len() as u64), left()));
            }
            _ => {}
        }
    }

    fn event(&mut self, kind: EventKind, left: &dyn Fn() -> u64) {
        match kind {
            EventKind::TlsStarted => {
                self.session.tls_started();
                self.take(&Fact::Tls(self.session.tls == Tls::ByStls));
            }
            EventKind::Closed | EventKind::Lost if self.session.is_transaction() => {
                self.session.state = None;
                self.take(&Fact::Ended(None, left()));
            }
            _ => {}
        }
    }

    /// A fact advances each goal by at most one step.
    fn take(&mut self, fact: &Fact<'_>) {
        for (goal, done) in self.goals.iter().zip(&mut self.done) {
            let next = goal.steps.get(*done);
            *done += usize::from(next.is_some_and(|step| step.is_reached_by(fact)));
        }
    }
}

#[cfg(test)]
mod tests;
