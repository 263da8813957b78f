//! The rules for a transcript: what violates an RFC, and what can harm people although no RFC
//! forbids it.
//!
//! A rule is a row of a table ([`rules`]) with small checks. [`Lint`] reads the items once, passes
//! each line and each finished exchange to the rules together with the [`Context`], and reports
//! each rule's first finding of a session immediately. It stores no message: only facts about data
//! ([`Body`]), and at most [`context::MESSAGES_MAX`] message numbers.

pub(crate) mod body;
mod broken;
mod client;
pub(crate) mod context;
mod cut;
pub(crate) mod facts;
pub(crate) mod input;
mod malformed;
mod predicates;
mod rfc1460;
mod rfc1939;
mod rfc1939_data;
mod rfc1939_listing;
mod rfc1939_mail;
mod rfc1939_maildrop;
mod rfc1939_states;
mod rfc2449;
mod rfc2449_replies;
mod rfc2595;
mod rfc3206;
mod rfc5034;
mod rfc5322;
mod rfc6856;
mod security;
mod site;
mod tls;
mod transport;
pub(crate) mod waiting;
mod words;

use std::io::BufRead;

pub(crate) use body::Body;
use broken::Broken;
pub(crate) use context::Context;
pub(crate) use cut::NAMES;
pub(crate) use input::{ExchangeSeen, LineSeen};
pub(crate) use site::{LineRole, List, Site};

use crate::analysis::finding::{Finding, Level, Occurrence};
use crate::pop3::tracker::{Side, Step};
use crate::reading::dialogue::{Dialogue, EventAt, Exchange, Line, Part, Passing, Place};
use crate::transcript::Item;
use crate::transcript::text::{ParseError, Reader};

pub(crate) const SHOWN: usize = 64;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in kebab-case; never renamed, never numbered.
    pub id: &'static str,
    /// How much it matters when it is broken.
    pub level: Level,
    /// The document and section, or where else the rule comes from.
    pub source: &'static str,
    /// What is required, or what it means, in one sentence.
    pub says: &'static str,
    /// What the administrator of the server, or the author of the client, should do.
    pub(crate) hint: &'static str,
    pub(crate) check: &'static [Check],
}

/// What a rule looks at. Each function returns the place where the rule is broken, if it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// Each line as it passes, with its role. A command is checked when it is sent, the lines of a
    /// reply when the reply ends.
    Line(fn(&LineSeen<'_>, &Context) -> Option<Site>),
    /// Each finished exchange, including the greeting, with the facts from before it.
    Exchange(fn(&ExchangeSeen<'_>, &Context) -> Option<Site>),
    /// Each event.
    Event(fn(&EventAt, &Context) -> Option<Site>),
}

/// Every rule, document by document.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        rfc1460::RULES,
        rfc1939::RULES,
        rfc1939_states::RULES,
        rfc1939_data::RULES,
        rfc1939_listing::RULES,
        rfc1939_mail::RULES,
        rfc1939_maildrop::RULES,
        rfc2449::RULES,
        rfc2449_replies::RULES,
        rfc2595::RULES,
        rfc3206::RULES,
        rfc5034::RULES,
        rfc5322::RULES,
        rfc6856::RULES,
        tls::RULES,
        transport::RULES,
        security::RULES,
        client::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Whether a rule is about what the client does: `client.rs` has these, and no other file has one.
pub(crate) fn is_about_client(rule: &Rule) -> bool {
    client::RULES.iter().any(|one| one.id == rule.id)
}

/// The rule with this id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// Judges one session, item by item, in constant memory.
///
/// It works on a live session as well as on a file: what [`Lint::feed`] reports is certain from
/// that moment.
#[derive(Debug)]
pub struct Lint {
    rules: Rules,
    dialogue: Dialogue,
    runner: RuleRunner,
}

/// The enabled rules, grouped by what they look at, and how often each was broken.
#[derive(Debug)]
struct Rules {
    lines: Vec<(usize, LineCheck)>,
    exchanges: Vec<(usize, ExchangeCheck)>,
    events: Vec<(usize, EventCheck)>,
    rows: Vec<Broken>,
}

type LineCheck = fn(&LineSeen<'_>, &Context) -> Option<Site>;
type ExchangeCheck = fn(&ExchangeSeen<'_>, &Context) -> Option<Site>;
type EventCheck = fn(&EventAt, &Context) -> Option<Site>;

impl Default for Lint {
    fn default() -> Self {
        Self::new()
    }
}

impl Lint {
    /// Returns a judge with all rules.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_| true)
    }

    /// Returns a judge with the rules for which `wants` is true.
    pub(crate) fn with(wants: impl Fn(&Rule) -> bool) -> Self {
        let mut on = Rules {
            lines: Vec::new(),
            exchanges: Vec::new(),
            events: Vec::new(),
            rows: Vec::new(),
        };
        for rule in rules().filter(|rule| wants(rule)) {
            let index = on.rows.len();
            on.rows.push(Broken::new(rule));
            for check in rule.check {
                match *check {
                    Check::Line(check) => on.lines.push((index, check)),
                    Check::Exchange(check) => on.exchanges.push((index, check)),
                    Check::Event(check) => on.events.push((index, check)),
                }
            }
        }
        Self {
            rules: on,
            dialogue: Dialogue::without_digests(),
            runner: RuleRunner::default(),
        }
    }

    /// Records that another session showed whether USER is answered `+OK` for an unknown name.
    pub(crate) fn assume_user_is_taken(&mut self, is_taken: bool) {
        self.runner.context.login.takes_nobody |= is_taken;
    }

    /// Takes the item at this place, and reports each rule that is broken for the first time in
    /// this session.
    pub fn feed(&mut self, place: Place, item: &Item, emit: &mut dyn FnMut(Finding)) {
        let Self {
            rules,
            dialogue,
            runner,
        } = self;
        runner.start(place, item);
        dialogue.watch(place, item, &mut |passing| {
            runner.pass(passing, rules, emit)
        });
    }

    /// Takes the next plain rows of a message as one block, which is much faster than one by one.
    fn read_run<R: BufRead>(
        &mut self,
        reader: &mut Reader<R>,
        octets: &mut Vec<u8>,
        emit: &mut dyn FnMut(Finding),
    ) {
        while self.runner.data.is_some() {
            let (row, offset) = (reader.row() + 1, reader.offset());
            octets.clear();
            if reader.read_run(octets) == 0 {
                return;
            }
            let place = Place { row, offset };
            let Self {
                rules,
                dialogue,
                runner,
            } = self;
            runner.context.start_run(place);
            runner.is_run = true;
            dialogue.watch_run(place, octets, &mut |passing| {
                runner.pass(passing, rules, emit)
            });
            runner.is_run = false;
        }
    }

    /// Ends the session, and judges what is unfinished.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Finding)) {
        let Self {
            rules,
            dialogue,
            runner,
        } = self;
        runner.context.now.is_over = true;
        dialogue.watch_end(&mut |passing| runner.pass(passing, rules, emit));
        runner.release(emit);
    }

    /// Returns how often this rule has been broken so far.
    #[must_use]
    pub fn count(&self, id: &str) -> u64 {
        self.broken(id).map_or(0, |broken| broken.count)
    }

    fn broken(&self, id: &str) -> Option<&Broken> {
        self.rules.rows.iter().find(|broken| broken.rule.id == id)
    }

    /// Returns where else this rule was broken, as far as the octets there differ from the first.
    pub(crate) fn more(&self, id: &str) -> Vec<Occurrence> {
        self.broken(id).map_or_else(Vec::new, Broken::more)
    }
}

/// Judges a whole file: one finding for each broken rule, in the order of the file, with its count.
///
/// Errors: the first line that can't be read.
pub fn judge<R: BufRead>(
    reader: &mut Reader<R>,
    mut lint: Lint,
) -> Result<Vec<Finding>, ParseError> {
    let mut findings = Vec::new();
    let mut item = Item::Blank;
    let mut run = Vec::new();
    let mut cut = cut::CutFinder::default();
    loop {
        lint.read_run(reader, &mut run, &mut |finding| findings.push(finding));
        let offset = reader.offset();
        if !reader.read_into(&mut item)? {
            break;
        }
        let row = reader.row();
        cut.see(row, &item);
        lint.feed(Place { row, offset }, &item, &mut |finding| {
            findings.push(finding);
        });
    }
    lint.finish(&mut |finding| findings.push(finding));
    for finding in &mut findings {
        finding.count = lint.count(finding.id);
        finding.more = lint.more(finding.id);
    }
    findings.sort_by_key(|finding| finding.row);
    cut.apply(&mut findings);
    Ok(findings)
}

impl Rules {
    /// Withdraws findings that have not been reported.
    fn forget(&mut self) {
        for broken in &mut self.rows {
            *broken = Broken::new(broken.rule);
        }
    }

    fn line(&mut self, seen: &LineSeen<'_>, context: &Context, emit: &mut dyn FnMut(Finding)) {
        for (index, check) in &self.lines {
            if let Some(spot) = check(seen, context) {
                Broken::find(&mut self.rows, *index, spot, emit);
            }
        }
    }

    fn exchange(
        &mut self,
        ended: &ExchangeSeen<'_>,
        context: &Context,
        emit: &mut dyn FnMut(Finding),
    ) {
        for (index, check) in &self.exchanges {
            if let Some(spot) = check(ended, context) {
                Broken::find(&mut self.rows, *index, spot, emit);
            }
        }
    }

    fn event(&mut self, event: &EventAt, context: &Context, emit: &mut dyn FnMut(Finding)) {
        for (index, check) in &self.events {
            if let Some(spot) = check(event, context) {
                Broken::find(&mut self.rows, *index, spot, emit);
            }
        }
    }
}

#[derive(Debug, Default)]
struct RuleRunner {
    context: Context,
    data: Option<DataSeen>,
    /// The transcript begins with a command, and earlier ones may still wait for replies: findings
    /// are held until the client continues after one reply.
    is_start: bool,
    held: Vec<Finding>,
    /// Each line of the current block is a row.
    is_run: bool,
}

#[derive(Debug)]
enum DataSeen {
    Message(Box<Body>),
    Listing(input::ListingLines),
}

impl RuleRunner {
    fn start(&mut self, place: Place, item: &Item) {
        let is_piece = self.context.recording.is_piece();
        self.context.start(place, item);
        self.is_start |=
            self.context.recording.is_piece() && !is_piece && self.context.commands.sent == 0;
    }

    fn pass(&mut self, passing: Passing<'_>, rules: &mut Rules, emit: &mut dyn FnMut(Finding)) {
        match &passing {
            Passing::Command(..) if self.context.commands.sent > 0 => self.release(emit),
            Passing::Part(Part::Event(_)) => self.release(emit),
            Passing::Part(Part::Unrequested(_)) if self.is_start => {
                // More replies than commands: the first belonged to an earlier command.
                self.held.clear();
                rules.forget();
                return self.context.any_rows();
            }
            _ => {}
        }
        if self.is_start {
            let mut held = std::mem::take(&mut self.held);
            self.take(passing, rules, &mut |finding| held.push(finding));
            self.held = held;
        } else {
            self.take(passing, rules, emit);
        }
    }

    fn release(&mut self, emit: &mut dyn FnMut(Finding)) {
        self.is_start = false;
        self.held.drain(..).for_each(emit);
    }

    fn take(&mut self, passing: Passing<'_>, rules: &mut Rules, emit: &mut dyn FnMut(Finding)) {
        match passing {
            Passing::Part(part) => self.part(&part, rules, emit),
            Passing::Command(sent, line) => {
                let seen = LineSeen::of(LineRole::Command, line, Some(sent));
                // After a gap, a line may be a response or part of a message.
                let is_odd = self.context.recording.is_lost || self.context.recording.is_explained;
                let is_command = !is_odd || sent.command().is_some();
                if is_command && !sent.is_torn() {
                    rules.line(&seen, &self.context, emit);
                }
                self.context.command_sent(&seen);
            }
            Passing::Step(Step::DataStarted(sent)) => {
                let list = List::of(sent);
                self.context.start_data();
                if self.context.recording.is_lost {
                    return;
                }
                self.data = Some(match list {
                    None => {
                        let wanted = input::top_lines(sent);
                        DataSeen::Message(Box::new(Body::new(self.context.now.ms, wanted)))
                    }
                    Some(list) => DataSeen::Listing(input::ListingLines::new(list, sent.clone())),
                });
            }
            Passing::Data {
                side: Side::Server,
                octets,
                place,
                time_ms,
            } => match &mut self.data {
                Some(DataSeen::Message(body)) => body.feed(octets, place, self.is_run, time_ms),
                Some(DataSeen::Listing(lines)) => {
                    let context = &mut self.context;
                    lines.feed(octets, place, self.is_run, &mut |seen| {
                        rules.line(seen, context, emit);
                        context.listed(seen);
                    });
                }
                None => {}
            },
            Passing::Hole(Side::Server) => match &mut self.data {
                Some(DataSeen::Message(body)) => body.has_holes = true,
                Some(DataSeen::Listing(lines)) => {
                    lines.hole();
                    self.context.listing.has_holes = true;
                }
                None => {}
            },
            Passing::AnyRows => {
                self.context.listing.has_holes = true;
                match &mut self.data {
                    Some(DataSeen::Message(body)) => body.tear(),
                    Some(DataSeen::Listing(lines)) => lines.tear(),
                    None => {}
                }
            }
            Passing::Step(Step::OutOfStep) => self.context.lose(self.data.is_some()),
            Passing::Step(Step::InStep) => self.context.recording.is_lost = false,
            Passing::Step(Step::StateChanged(state)) => self.context.enter(state),
            Passing::Step(_) | Passing::Data { .. } | Passing::Hole(_) => {}
        }
    }

    fn part(&mut self, part: &Part, rules: &mut Rules, emit: &mut dyn FnMut(Finding)) {
        match part {
            Part::Exchange(exchange) => self.exchange(exchange, rules, emit),
            Part::Injected(_) if self.context.recording.is_lost => {}
            Part::Unrequested(line) => {
                let seen = LineSeen::of(LineRole::Unrequested, line, None);
                if !self.context.recording.is_lost && !self.context.recording.is_explained {
                    rules.line(&seen, &self.context, emit);
                }
                self.context.unrequested(&seen);
            }
            Part::Injected(data) => {
                let seen = LineSeen::injected(data);
                rules.line(&seen, &self.context, emit);
            }
            Part::Event(event) => {
                rules.event(event, &self.context, emit);
                self.context.event(event);
            }
            Part::AnyRows(_) => self.context.any_rows(),
        }
    }

    fn exchange(&mut self, exchange: &Exchange, rules: &mut Rules, emit: &mut dyn FnMut(Finding)) {
        let sent = exchange.sent.as_ref();
        if exchange.is_torn && !predicates::is_foreign_greeting(exchange) {
            self.data = None;
            return self.context.torn(&ExchangeSeen::new(exchange, None));
        }
        if self.context.recording.is_explained {
            let ended = ExchangeSeen::new(exchange, None);
            let is_command = sent.is_some_and(|sent| sent.command().is_some());
            if is_command && ended.has_status_indicator() {
                self.context.recording.is_explained = false;
            } else {
                self.data = None;
                return self.context.exchange(&ended);
            }
        }
        if self.context.is_after_garbled() {
            // The server takes both lines for one.
            self.data = None;
            return self.context.exchange(&ExchangeSeen::new(exchange, None));
        }
        let is_reply = exchange
            .data
            .as_ref()
            .is_none_or(|data| data.side == Side::Server);
        let data = if is_reply { self.data.take() } else { None };
        let mut body = None;
        match data {
            Some(DataSeen::Message(message)) => body = Some(message),
            Some(DataSeen::Listing(mut lines)) => {
                let context = &mut self.context;
                lines.finish(&mut |seen| {
                    rules.line(seen, context, emit);
                    context.listed(seen);
                });
            }
            None => {}
        }
        if let Some(body) = &mut body {
            body.finish();
        }
        let mut line = |role, line: &Line| {
            rules.line(&LineSeen::of(role, line, sent), &self.context, emit);
        };
        if exchange.command.is_some() && sent.is_none() {
            // A command that was cut off was not checked before.
            exchange
                .command
                .iter()
                .for_each(|cut| line(LineRole::Command, cut));
        }
        for inside in &exchange.sasl {
            let role = match inside.side {
                Side::Client => LineRole::Response,
                Side::Server => LineRole::Challenge,
            };
            line(role, inside);
        }
        let role = if exchange.is_greeting {
            LineRole::Greeting
        } else {
            LineRole::Status
        };
        exchange
            .status_line
            .iter()
            .for_each(|status| line(role, status));
        let ended = ExchangeSeen::new(exchange, body.as_deref());
        rules.exchange(&ended, &self.context, emit);
        self.context.exchange(&ended);
    }
}

#[cfg(test)]
mod tests;
