//! Why a script stops before its end, in a sentence.

use super::ScriptRun;
use super::lines::ScriptLines;
use crate::base::plural::counted;
use crate::base::say;
use crate::modes::plan::NO_TLS;
use crate::net::engine::{Greeting, Snapshot, TrustRefusal};

pub(super) struct ScriptStop {
    what: String,
    hint: Option<&'static str>,
    /// `--keep-going` would have continued.
    may_continue: bool,
}

impl ScriptStop {
    pub(super) fn warn(self) {
        say::warning(&self.what);
    }

    /// Says it, and how many lines were not sent: `waiting` that had been taken, and those that are
    /// left.
    pub(super) fn report(self, waiting: usize, lines: &mut ScriptLines) {
        let (left, is_all) = lines.left();
        let unsent = match waiting + left {
            0 => String::new(),
            count => format!("; {} not sent", counted(count, "line")),
        };
        let more = match (unsent.is_empty(), is_all) {
            (false, false) => " so far",
            _ => "",
        };
        let way = match self.may_continue && !unsent.is_empty() {
            true => " (--keep-going continues)",
            false => "",
        };
        say::error(&format!("{}{unsent}{more}{way}", self.what), self.hint);
    }
}

impl ScriptRun<'_> {
    /// Why the script stops here: the greeting, or the last reply, is not `+OK`.
    pub(super) fn stop(&self, now: &Snapshot) -> Option<ScriptStop> {
        let is_greeting =
            now.answers <= 1 && now.refused_verb.is_none() && self.waiting.last().is_none();
        let mistake = now.greeting.mistake();
        if let Some(mistake) =
            mistake.filter(|_| is_greeting || !matches!(now.greeting, Greeting::Odd))
        {
            return Some(ScriptStop {
                what: mistake.what,
                hint: Some(mistake.hint),
                may_continue: now.greeting == Greeting::Odd,
            });
        }
        let refusal = now.last_refusal?;
        let says = match (refusal, now.refused_verb) {
            (TrustRefusal::Negative | TrustRefusal::Malformed, Some("STLS")) => NO_TLS,
            _ => refusal.says(),
        };
        let verb = now.refused_verb.unwrap_or("a reply");
        let place = match (&self.place, self.waiting.last()) {
            (Some(place), _) if place.ends_with(":pass\"") => place.clone(),
            (Some(place), _) => format!("{place}, {verb}"),
            // Which of the lines that are on their way it was, their number can't say.
            (None, Some(_)) if self.plan.args.pipeline => verb.to_owned(),
            (None, Some(line)) => line.to_owned(),
            (None, None) => "the greeting is -ERR".to_owned(),
        };
        Some(ScriptStop {
            what: format!("{place}: {says}"),
            hint: self.plan.header_hint(now),
            may_continue: true,
        })
    }
}
