//! Nothing that a stranger sends or stores drives a terminal: each attack in each place where a
//! stranger's octets come in, and the raw octets of each place where they are shown, held against a
//! grammar of all that is ours.

mod around_a_session;
mod attacks;
mod console;
mod grammar;
mod pages;
mod reports;

use std::io::Write;

use attacks::{ATTACKS, Attack};
use grammar::{Writer, foreign};

/// What was looked at, and what was wrong with it.
#[derive(Debug, Default)]
struct Cells {
    count: usize,
    octets: usize,
    wrong: Vec<String>,
}

impl Cells {
    /// Looks at what was written when `attacks` stood at `place`.
    fn look(&mut self, place: &str, attacks: &[Attack], writer: Writer, raw: &[u8]) {
        self.count += attacks.len();
        self.octets += raw.len();
        if let Some((at, context)) = foreign(raw, writer) {
            let names: Vec<&str> = attacks.iter().map(|attack| attack.name).collect();
            let names = match names.as_slice() {
                [name] => (*name).to_owned(),
                names => format!("{} attacks", names.len()),
            };
            self.wrong.push(format!(
                "{place}, {names}: octet {at} of {} in {context}",
                raw.len()
            ));
        }
        for attack in attacks.iter().filter(|attack| !attack.is_plain) {
            // A CR at the end of an attack may be that of the line's end.
            let is_there = |at: usize| raw.get(at + attack.octets.len()) != Some(&b'\n');
            if memchr::memmem::find_iter(raw, attack.octets).any(is_there) {
                self.wrong.push(format!(
                    "{place}, {}: it is there as it was sent",
                    attack.name
                ));
            }
        }
    }

    /// Fails when something was wrong.
    fn end(self, what: &str) {
        let count = format!("{what}: {} cells, {} octets\n", self.count, self.octets);
        // With --nocapture it is told how much that was.
        let _ = std::io::stdout().write_all(count.as_bytes());
        assert!(self.wrong.is_empty(), "{what}:\n{}", self.wrong.join("\n"));
    }
}

/// Attacks that are UTF-8, as text.
fn texts() -> impl Iterator<Item = (&'static Attack, &'static str)> {
    ATTACKS
        .iter()
        .filter_map(|attack| Some((attack, std::str::from_utf8(attack.octets).ok()?)))
}
