//! Faults: what servers do wrong, one row each in a table, and a server that commits them on
//! purpose around a correct one.
//!
//! A row gives the line that the inner server HEARS instead of the client's, and the line that is
//! SAID instead of the server's: so a server can confirm a deletion and mark nothing, or fetch and
//! delete at once. A REFUSED line does not reach the inner server, so it has no effect. `edits.rs`
//! has the few words for this.

mod connection;
mod edits;
mod framing;
mod listing;
mod login;
mod mail;
mod offers;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Next, Secured, ServerSession, Summary};
use crate::pop3::session::SessionState;
use crate::pop3::tracker::{SentCommand, Status, Step as Happened};
use edits::{FaultAction, FaultStep, Incoming, Outgoing, ServerLineKind, on};

/// The longest line that is edited as a whole (octets); each part of a longer one counts as a line.
const LINE_MAX: usize = 64 * 1024;

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name in kebab-case; that of the rule which finds it, if there is a specific one.
    pub name: &'static str,
    /// What the server does, in one sentence.
    pub says: &'static str,
    /// The rules that find it in one session, if the one with its name is not all.
    finds: Option<&'static [&'static str]>,
    /// If no rule finds it in one session, or not in every session: why, and what does.
    pub because: &'static str,
    /// Why a normal run of `check` does not find it, and what does; empty if it does.
    pub beyond_check: &'static str,
    /// What to type to see it, separated by commas.
    types: &'static str,
    /// It shows only on a connection without TLS.
    pub is_clear: bool,
    steps: &'static [FaultStep],
    refuse: Option<fn(&Incoming) -> Option<&'static str>>,
    drop_pipelined: Option<fn(&Incoming) -> bool>,
    rewrite_command: Option<fn(&Incoming) -> Option<String>>,
    insert_command: Option<fn(&Incoming) -> Option<String>>,
    after_stls: Leftover,
    wants_crlf: bool,
}

/// What a server does with cleartext lines that come after STLS, before the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftover {
    Close,
    Discard,
    CarryOut,
}

impl Fault {
    /// A fault that the rule with its name finds.
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            says: "",
            finds: None,
            because: "",
            beyond_check: "",
            types: SESSION,
            is_clear: false,
            steps: &[],
            refuse: None,
            drop_pipelined: None,
            rewrite_command: None,
            insert_command: None,
            after_stls: Leftover::Close,
            wants_crlf: false,
        }
    }

    const fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// What is done to the lines of the server.
    const fn steps(self, steps: &'static [FaultStep]) -> Self {
        Self { steps, ..self }
    }

    /// These rules find it, not the one with its name.
    const fn finding(self, finds: &'static [&'static str]) -> Self {
        let finds = Some(finds);
        Self { finds, ..self }
    }

    /// Typing this shows the fault.
    const fn typing(self, types: &'static str) -> Self {
        Self { types, ..self }
    }

    /// It shows only without TLS.
    const fn in_clear(mut self) -> Self {
        self.is_clear = true;
        self
    }

    /// The client's line does not reach the server; this line is the reply.
    const fn refuse_with(mut self, refuse: fn(&Incoming) -> Option<&'static str>) -> Self {
        self.refuse = Some(refuse);
        self
    }

    /// Anything the client sent after this line, before its reply, is lost.
    const fn dropping(mut self, drop_pipelined: fn(&Incoming) -> bool) -> Self {
        self.drop_pipelined = Some(drop_pipelined);
        self
    }

    /// The server receives this line instead of the client's.
    const fn rewriting(mut self, rewrite_command: fn(&Incoming) -> Option<String>) -> Self {
        self.rewrite_command = Some(rewrite_command);
        self
    }

    /// The server receives this line after the client's, and its reply is dropped.
    const fn inserting(mut self, insert_command: fn(&Incoming) -> Option<String>) -> Self {
        self.insert_command = Some(insert_command);
        self
    }

    /// What happens to cleartext that came after STLS.
    const fn after_stls(self, after_stls: Leftover) -> Self {
        Self { after_stls, ..self }
    }

    /// Only CRLF ends a client line.
    const fn wanting_crlf(mut self) -> Self {
        self.wants_crlf = true;
        self
    }

    /// Why no rule finds it in one session; `finding` after it names those that sometimes do.
    const fn because(self, because: &'static str) -> Self {
        Self {
            because,
            ..self.finding(&[])
        }
    }

    /// Why a normal run of `check` does not find it.
    const fn beyond_check(mut self, beyond_check: &'static str) -> Self {
        self.beyond_check = beyond_check;
        self
    }

    /// The rules that find it in one session.
    #[must_use]
    pub fn finds(&self) -> &[&'static str] {
        self.finds.unwrap_or(std::slice::from_ref(&self.name))
    }

    /// What finds it, in words: the rules, or why there are none.
    pub(crate) fn found_by(&self) -> String {
        match self.because {
            "" => format!("found by {}", self.finds().join(", ")),
            because => because.to_owned(),
        }
    }

    /// What to type to see it.
    #[must_use]
    pub fn session(&self) -> Vec<&'static str> {
        self.types.split(", ").collect()
    }
}

/// An ordinary session, in which most faults show.
const SESSION: &str = "CAPA, USER alice, PASS wonderland, CAPA, STAT, LIST, LIST 1, UIDL, UIDL 1, \
    RETR 1, TOP 1 0, TOP 1 1, RETR 2, NOOP, DELE 3, STAT, LIST, RSET, LIST, QUIT";

/// Every fault, in the order of a conversation.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    [
        connection::FAULTS,
        framing::FAULTS,
        listing::FAULTS,
        mail::FAULTS,
        login::FAULTS,
        offers::FAULTS,
    ]
    .into_iter()
    .flatten()
}

/// The fault with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

#[derive(Debug)]
enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
    Hang,
}

/// A server with faults, around one without.
pub struct Faulty {
    inner: Box<dyn ServerSession>,
    faults: Vec<&'static Fault>,
    asked: Incoming,
    /// How many times each verb was sent.
    counts: BTreeMap<String, u32>,
    /// What the client sent and the inner server has not heard yet.
    input: Vec<u8>,
    line: Vec<u8>,
    count: usize,
    is_body: bool,
    is_positive: bool,
    /// The next reply is dropped.
    is_slipped: bool,
    /// The line to insert after the current one.
    inserted: Option<String>,
    acts: VecDeque<Act>,
    is_over: bool,
    is_hanging: bool,
}

impl Faulty {
    /// Puts `faults` on a server. With `is_tls` the connection is inside TLS from the first octet.
    #[must_use]
    pub fn new(inner: Box<dyn ServerSession>, faults: Vec<&'static Fault>, is_tls: bool) -> Self {
        let mut session = SessionState::default();
        if is_tls {
            session.tls_started();
        }
        Self {
            inner,
            faults,
            asked: Incoming {
                session,
                visit: 1,
                ..Incoming::default()
            },
            counts: BTreeMap::new(),
            input: Vec::new(),
            line: Vec::new(),
            count: 0,
            is_body: false,
            is_positive: true,
            is_slipped: false,
            inserted: None,
            acts: VecDeque::new(),
            is_over: false,
            is_hanging: false,
        }
    }

    /// Sets the number of this connection at the server, from 1: some faults show only on every
    /// second one.
    pub(crate) fn on_visit(mut self, visit: u32) -> Self {
        self.asked.visit = visit;
        self
    }

    /// Passes the client's next line to the inner server; false if there is none.
    fn hand(&mut self) -> bool {
        if let Some(line) = self.inserted.take() {
            self.is_slipped = true;
            self.inner.push(format!("{line}\r\n").as_bytes());
            return true;
        }
        self.is_slipped = false;
        let end = match self.faults.iter().any(|fault| fault.wants_crlf) {
            true => memchr::memmem::find(&self.input, b"\r\n").map(|at| at + 2),
            false => memchr::memchr(b'\n', &self.input).map(|at| at + 1),
        };
        let Some(end) = end.or((self.input.len() > LINE_MAX).then_some(self.input.len())) else {
            return false;
        };
        let octets: Vec<u8> = self.input.drain(..end).collect();
        let line = String::from_utf8_lossy(octets.trim_ascii_end()).into_owned();
        self.ask(line);
        let asked = &self.asked;
        let mut drops = self.faults.iter().filter_map(|fault| fault.drop_pipelined);
        if drops.any(|drop_pipelined| drop_pipelined(asked)) {
            self.input.clear();
        }
        let refused = self.faults.iter().filter_map(|fault| fault.refuse);
        // A response inside AUTH is not a command.
        let mut refused = refused.filter(|_| asked.response == 0);
        if let Some(text) = refused.find_map(|refuse| refuse(asked)) {
            self.say(format!("{text}\r\n").as_bytes());
            return true;
        }
        let rewritten = self.faults.iter().filter_map(|fault| fault.rewrite_command);
        let rewritten = rewritten
            .filter_map(|rewrite_command| rewrite_command(asked))
            .next();
        let insert_command = self.faults.iter().filter_map(|fault| fault.insert_command);
        self.inserted = insert_command
            .filter_map(|insert_command| insert_command(asked))
            .next();
        match rewritten {
            Some(line) => self.inner.push(format!("{line}\r\n").as_bytes()),
            None => self.inner.push(&octets),
        }
        true
    }

    fn ask(&mut self, line: String) {
        self.count = 0;
        self.is_body = false;
        if self.asked.response > 0 {
            if let Some(sent) = &mut self.asked.sent {
                sent.take_answer(line.as_bytes());
            }
            self.asked.line = line;
            return;
        }
        let (verb, args) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        let nth = if self.counts.len() < 256 || self.counts.contains_key(&verb) {
            let nth = self.counts.entry(verb.clone()).or_default();
            *nth += 1;
            *nth
        } else {
            1
        };
        self.asked.args = args.to_owned();
        self.asked.sent = Some(SentCommand::read(line.as_bytes()));
        self.asked.verb = verb;
        self.asked.nth = nth;
        self.asked.line = line;
    }

    fn hear(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (part, after) = rest.split_at(end);
            rest = after;
            self.line.extend_from_slice(part);
            if self.line.ends_with(b"\n") || self.line.len() > LINE_MAX {
                let line = std::mem::take(&mut self.line);
                self.say(&line);
            }
        }
    }

    /// Sends a line, edited by the faults.
    fn say(&mut self, line: &[u8]) {
        if self.is_slipped {
            return;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let part = match self.count {
            0 if self.asked.line.is_empty() && self.counts.is_empty() => ServerLineKind::Greeting,
            0 => ServerLineKind::Status,
            _ if text == b"." => ServerLineKind::Terminator,
            _ => ServerLineKind::Data,
        };
        if part != ServerLineKind::Data && part != ServerLineKind::Terminator {
            self.is_positive = text.starts_with(b"+");
        }
        let index = self.count.saturating_sub(1);
        self.count += 1;
        let said = Outgoing {
            asked: &self.asked,
            part,
            index,
            text,
            is_body: self.is_body,
            is_positive: self.is_positive,
        };
        let (mut before, mut out, mut after) = (Vec::new(), None, Vec::new());
        let mut last = None;
        let steps = self.faults.iter().flat_map(|fault| fault.steps);
        for step in steps.filter(|step| step.fits(&said)) {
            // The line as edited by the faults before this one.
            let made: &[u8] = out.as_deref().unwrap_or(text);
            let text = made.strip_suffix(b"\r\n").unwrap_or(made);
            match step.does {
                FaultAction::Edit(edit) => {
                    let edited = edit(&Outgoing { text, ..said });
                    out = Some([&edited[..], b"\r\n"].concat());
                }
                FaultAction::End(end) => out = Some([text, end].concat()),
                FaultAction::Say(text) => out = Some([text.as_bytes(), b"\r\n"].concat()),
                FaultAction::Raw(octets) => out = Some(octets.to_vec()),
                FaultAction::After(octets) => after.extend_from_slice(octets),
                FaultAction::Before(octets) => before.extend_from_slice(octets),
                FaultAction::Drop => out = Some(Vec::new()),
                FaultAction::Close => (out, last) = (Some(Vec::new()), Some(Act::Close)),
                FaultAction::Last(octets) => {
                    (out, last) = (Some(octets.to_vec()), Some(Act::Close))
                }
                FaultAction::Wait(ms) => self.acts.push_back(Act::Wait(Duration::from_millis(ms))),
                FaultAction::Hang => (out, last) = (Some(Vec::new()), Some(Act::Hang)),
            }
        }
        self.is_body |= part == ServerLineKind::Data && text.is_empty();
        self.follow(part, text);
        let octets = [before, out.unwrap_or_else(|| line.to_vec()), after].concat();
        self.send(octets);
        self.acts.extend(last);
    }

    fn follow(&mut self, part: ServerLineKind, text: &[u8]) {
        let asked = &mut self.asked;
        let status = Status::of_line(text);
        match part {
            ServerLineKind::Greeting => asked.session.apply(&Happened::ReplyEnded(None, status)),
            ServerLineKind::Status if text.starts_with(b"+ ") || text == b"+" => {
                asked.response += 1
            }
            ServerLineKind::Status => {
                asked.response = 0;
                // The replies to a login and to STAT give the number of messages.
                let is_told = asked.is_login() || asked.verb == "STAT";
                let has_marks = !asked.session.marked.is_empty();
                if status == Status::Positive && is_told && !has_marks {
                    let words = text.split(|octet| *octet == b' ');
                    let mut numbers =
                        words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
                    asked.count = numbers.next().unwrap_or(asked.count);
                }
                if let Some(sent) = &asked.sent {
                    let step = Happened::ReplyEnded(Some(sent), status);
                    asked.session.apply(&step);
                }
            }
            ServerLineKind::Data
            | ServerLineKind::Terminator
            | ServerLineKind::Reply
            | ServerLineKind::Any => {}
        }
    }

    fn send(&mut self, octets: Vec<u8>) {
        match self.acts.back_mut() {
            _ if octets.is_empty() => {}
            Some(Act::Send(before)) => before.extend(octets),
            _ => self.acts.push_back(Act::Send(octets)),
        }
    }
}

impl ServerSession for Faulty {
    fn push(&mut self, octets: &[u8]) {
        if self.is_hanging {
            return;
        }
        self.input.extend_from_slice(octets);
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        loop {
            match self.acts.pop_front() {
                Some(Act::Send(octets)) => {
                    out.extend(octets);
                    return Next::Again;
                }
                Some(Act::Wait(time)) => return Next::Wait(time),
                Some(Act::Close) => {
                    self.is_over = true;
                    self.acts.clear();
                }
                Some(Act::Hang) => {
                    self.is_hanging = true;
                    self.acts.clear();
                }
                None => {}
            }
            if self.is_over {
                return Next::Close;
            }
            if self.is_hanging {
                self.input.clear();
                return Next::Read;
            }
            if !self.acts.is_empty() {
                continue;
            }
            let mut said = Vec::new();
            let wish = self.inner.next(&mut said);
            self.hear(&said);
            match wish {
                Next::Again => {}
                Next::Read => {
                    if self.acts.is_empty() && !self.hand() {
                        return Next::Read;
                    }
                }
                Next::Wait(time) => self.acts.push_back(Act::Wait(time)),
                Next::StartTls => {
                    if !self.acts.is_empty() {
                        continue;
                    }
                    // Cleartext after STLS must not be carried out inside TLS (RFC 2595 §4).
                    let does = |leftover| {
                        let mut faults = self.faults.iter();
                        faults.any(|fault| fault.after_stls == leftover)
                    };
                    let is_carried_out = does(Leftover::CarryOut);
                    if !is_carried_out && does(Leftover::Discard) {
                        self.input.clear();
                    }
                    if is_carried_out || self.input.is_empty() {
                        return Next::StartTls;
                    }
                    self.is_over = true;
                }
                Next::Close => {
                    if self.acts.is_empty() {
                        self.is_over = true;
                    }
                }
            }
        }
    }

    fn tls_started(&mut self, secured: Secured) {
        self.asked.session.tls_started();
        self.inner.tls_started(secured);
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

#[cfg(test)]
mod tests;
