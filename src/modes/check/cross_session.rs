//! Rules over several sessions of one run, for what no single session shows.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use crate::analysis::finding::{Finding, Level, Occurrence};
use crate::analysis::lint::SHOWN;
use crate::pop3::sasl;
use crate::pop3::tracker::Status;
use crate::transcript::text;

/// A rule over the sessions of a run.
#[derive(Debug, Clone, Copy)]
pub struct CrossRule {
    /// Its name, like that of any rule.
    pub id: &'static str,
    pub(crate) level: Level,
    pub(crate) source: &'static str,
    pub(crate) says: &'static str,
    pub(crate) hint: &'static str,
    check: fn(&Sessions) -> Option<SessionsFinding>,
}

struct SessionsFinding {
    what: String,
    seen: String,
    /// The sessions that show it, by index, each with its octets.
    shown: Vec<(usize, String)>,
}

impl SessionsFinding {
    fn new(what: impl Into<String>, seen: impl Into<String>, shown: Vec<(usize, String)>) -> Self {
        Self {
            what: what.into(),
            seen: seen.into(),
            shown,
        }
    }
}

/// How many failed logins of each kind are needed to compare times: five against five differ by
/// chance once in 126 times.
pub(crate) const SAMPLES_MIN: usize = 5;

/// The smallest significant difference, in milliseconds: less may be the network.
const APART_MIN: u64 = 5;

/// How much later a session may have begun than its transcript says, in milliseconds.
const CLOCK_MS: u64 = 1000;

/// The sessions of a run by probe, each with its transcript file; a probe that was repeated has
/// several.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Vec<(&'static str, Session, String)>);

impl Sessions {
    pub(crate) fn push(&mut self, probe: &'static str, session: Session, file: String) {
        self.0.push((probe, session, file));
    }

    /// Whether the server greeted in none of the first two sessions, and so will not greet in the
    /// next one.
    pub(crate) fn are_silent(&self) -> bool {
        self.0.len() >= 2 && self.values().all(|session| session.greeting.is_none())
    }

    fn get(&self, probe: &str) -> Option<(usize, &Session)> {
        self.all(probe).next()
    }

    fn all(&self, probe: &str) -> impl Iterator<Item = (usize, &Session)> {
        let all = self.0.iter().enumerate();
        let all = all.filter(move |(_, (name, ..))| *name == probe);
        all.map(|(index, (_, session, _))| (index, session))
    }

    fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        self.each(|session| session.count)
    }

    fn values(&self) -> impl Iterator<Item = &Session> {
        self.0.iter().map(|(_, session, _)| session)
    }

    /// The values of the sessions that have one, with their indexes.
    fn each<'a, T: 'a>(
        &'a self,
        of: impl Fn(&'a Session) -> Option<T> + 'a,
    ) -> impl Iterator<Item = (usize, T)> + 'a {
        let all = self.values().enumerate();
        all.filter_map(move |(index, session)| Some((index, of(session)?)))
    }
}

/// The rules that need more than one session.
pub const ACROSS: &[CrossRule] = &[
    // RFC 1939 §4 leaves the text of the greeting to the server; two different texts are two
    // servers.
    CrossRule {
        id: "greeting-varies",
        level: Level::Info,
        source: "RFC 1939 §4",
        says: "each connection should reach the same server",
        hint: "a pool of servers with different versions can cause intermittent faults; quote the greeting when you report one",
        check: |sessions| {
            let greetings = sessions.each(|session| session.greeting.as_deref());
            let mut kinds: Vec<(usize, &str)> = Vec::new();
            for (index, greeting) in greetings {
                if !kinds
                    .iter()
                    .any(|(_, known)| words(known) == words(greeting))
                {
                    kinds.push((index, greeting));
                }
            }
            let second = words(kinds.get(1)?.1);
            let what = format!(
                "{} greetings differ in more than their numbers",
                kinds.len()
            );
            let shown = kinds
                .iter()
                .map(|(index, line)| (*index, (*line).to_owned()));
            Some(SessionsFinding::new(what, second, shown.collect()))
        },
    },
    // RFC 1939 §7: the timestamp MUST be different each time the server issues a greeting.
    CrossRule {
        id: "apop-timestamp-reused",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "each greeting must have a different timestamp",
        hint: "an attacker can replay a recorded APOP: the timestamp must be new on each connection",
        check: |sessions| {
            let mut seen: Vec<(usize, &[u8])> = Vec::new();
            let stamps = sessions.each(|session| {
                let line = session.greeting.as_deref()?;
                sasl::timestamp(line.as_bytes())
            });
            for (index, stamp) in stamps {
                let before = seen.iter().find(|(_, known)| *known == stamp);
                if let Some((first, _)) = before {
                    let text = String::from_utf8_lossy(stamp).into_owned();
                    let shown = [*first, index].map(|index| (index, text.clone())).to_vec();
                    let what = "two greetings have the same timestamp";
                    return Some(SessionsFinding::new(what, text, shown));
                }
                seen.push((index, stamp));
            }
            None
        },
    },
    CrossRule {
        id: "accepts-any-password",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "a wrong password must be refused",
        hint: "anyone can read this mailbox: check how the server verifies passwords",
        check: |sessions| {
            let (index, session) = sessions.get("wrong-password")?;
            let (status, reply) = session.login.as_ref()?;
            let what = "the server accepted a wrong password";
            let shown = vec![(index, reply.clone())];
            (*status == Status::Positive).then(|| SessionsFinding::new(what, reply, shown))
        },
    },
    // RFC 1939 §7: a server that sends a timestamp supports APOP. If it closes after the refusal,
    // the other login is in another session.
    // Seen: solid-pop3d.
    CrossRule {
        id: "apop-refused-closes",
        level: Level::Info,
        source: "RFC 1939 §7",
        says: "a server with a timestamp in its greeting should support APOP",
        hint: "a server that stores passwords only as hashes should not send a timestamp",
        check: |sessions| {
            let (index, session) = sessions.get("apop")?;
            let reply = session.apop_refusal.as_ref()?;
            // With other codes the maildrop or the server is busy.
            let is_of_login = !reply.starts_with("-ERR [") || reply.starts_with("-ERR [AUTH]");
            let is_alone = session.login.is_none() && !session.has_login;
            let mut others = sessions.each(|session| match &session.login {
                Some((Status::Positive, reply)) => Some(reply.clone()),
                _ => None,
            });
            let is_own = |index: usize| {
                let name = sessions.0.get(index).map(|(name, ..)| *name);
                !matches!(name, Some("wrong-password" | "unknown-user"))
            };
            let other = others.find(|(index, _)| is_own(*index))?;
            let what = "APOP was refused, but USER and PASS work on another connection";
            (is_of_login && is_alone)
                .then(|| SessionsFinding::new(what, reply, vec![(index, reply.clone()), other]))
        },
    },
    // RFC 3206 §4 requires [AUTH] to reveal no difference between a wrong name and a wrong
    // password; the time must not, either.
    CrossRule {
        id: "user-enumeration-timing",
        level: Level::Security,
        source: "RFC 3206 §4",
        says: "a refused login should take the same time whether or not the user exists",
        hint: "an attacker can find out which users exist: the server should also hash the password for unknown names",
        check: |sessions| {
            let of = |probe| {
                let mut times: Vec<u64> = sessions
                    .all(probe)
                    .filter_map(|(_, session)| session.refused_ms)
                    .collect();
                times.sort_unstable();
                let middle = times.get(times.len() / 2).copied();
                middle
                    .filter(|_| times.len() >= SAMPLES_MIN)
                    .map(|middle| (times, middle))
            };
            let (unknown, usual_unknown) = of("unknown-user")?;
            let (wrong, usual_wrong) = of("wrong-password")?;
            let is_apart = unknown.last() < wrong.first() || wrong.last() < unknown.first();
            let is_far = usual_unknown.abs_diff(usual_wrong) >= APART_MIN;
            (is_apart && is_far).then(|| {
                SessionsFinding::new(
                    format!("a refusal takes {usual_unknown} ms for an unknown user, {usual_wrong} ms for an existing one"),
                    format!("{unknown:?} ms and {wrong:?} ms"),
                    Vec::new(),
                )
            })
        },
    },
    // RFC 2449 §6.5: the server may refuse a login that comes too soon; clients wait.
    CrossRule {
        id: "login-delay-not-enforced",
        level: Level::Info,
        source: "RFC 2449 §6.5",
        says: "a server that announces LOGIN-DELAY should enforce it",
        hint: "remove LOGIN-DELAY from the capabilities: it makes clients wait for nothing",
        check: |sessions| {
            let (index, session) = sessions.get("session")?;
            let capabilities = &session.capabilities;
            let (line, seconds) = capabilities.iter().find_map(|line| {
                let mut words = line.split(' ');
                let is_it = words.next()? == "LOGIN-DELAY";
                let seconds = words.next()?.parse::<u64>().ok().filter(|_| is_it)?;
                words.next().is_none().then_some((line, seconds))
            })?;
            // A transcript gives its start only to the second.
            let least_ms = seconds.saturating_mul(1000).saturating_sub(CLOCK_MS);
            let logins = sessions.each(|session| session.login_at);
            let mut times: Vec<(u64, u64, usize)> = logins
                .map(|(index, (sent, taken))| (sent, taken, index))
                .collect();
            times.sort_unstable();
            let early = times.windows(2).filter_map(|pair| match pair {
                [(sent, ..), (_, taken, index)] => {
                    let apart = taken.saturating_sub(*sent);
                    (apart < least_ms).then(|| (*index, format!("after {apart} ms")))
                }
                _ => None,
            });
            let early: Vec<(usize, String)> = early.collect();
            let count = early.len();
            let what = format!(
                "{} logins were accepted, {count} of them too soon",
                times.len()
            );
            let shown = [(index, line.clone())].into_iter();
            let shown = shown.chain(early.into_iter().take(1)).collect();
            (count > 0).then(|| SessionsFinding::new(what, line, shown))
        },
    },
    // RFC 2595 §4: a server that has TLS agrees to STLS.
    // Seen: a session cache that cannot be written, a process limit, a pool of which one server has
    // no certificate.
    CrossRule {
        id: "stls-refused-later",
        level: Level::Should,
        source: "RFC 2595 §4",
        says: "STLS should work on each connection",
        hint: "see the server's log: one server of a pool may lack TLS, a limit may have been reached, or an attacker on the network path may have sent the refusal",
        check: |sessions| {
            // Except in these probes, the refusal is not caused by what was sent.
            let is_fair = |name: &str| !matches!(name, "stls-injection" | "stls-unlisted");
            let worked = sessions
                .each(|session| session.has_tls.then_some(()))
                .next();
            let mut refused = sessions.each(|session| session.stls_refusal.as_ref());
            let (index, reply) = refused.find(|(index, _)| {
                let entry = sessions.0.get(*index);
                entry.is_some_and(|(name, ..)| is_fair(name))
            })?;
            let what = "STLS worked on one connection and was refused on another";
            let shown = vec![(worked?.0, "TLS began".to_owned()), (index, reply.clone())];
            Some(SessionsFinding::new(what, reply, shown))
        },
    },
    // RFC 1939 §7: a unique-id is never reused in a maildrop, and a message keeps it as long as it
    // exists.
    // Seen: INetSim, which shows different messages at each login.
    CrossRule {
        id: "uidl-comes-back",
        // The section forbids giving it to a different message, and that cannot be seen here.
        level: Level::Info,
        source: "RFC 1939 §7",
        says: "a unique-id that has disappeared should not come back",
        hint: "the maildrop differs between sessions: the servers of a pool may not share their storage, or this is not a real mail server",
        check: |sessions| {
            let (mut seen, mut gone) = (BTreeSet::new(), BTreeMap::new());
            let mut back = None;
            for (index, listing) in sessions.each(|session| session.unique_ids.as_ref()) {
                let there = || {
                    listing
                        .iter()
                        .find_map(|id| Some((*gone.get(id)?, index, id)))
                };
                back = back.or_else(there);
                let missing = seen.iter().filter(|id: &&&String| !listing.contains(**id));
                for id in missing.copied() {
                    gone.entry(id).or_insert(index);
                }
                seen.extend(listing.iter());
            }
            let what = "a unique-id was missing in one session and is back in a later one";
            back.map(|(missing, there, id)| {
                let shown = vec![(missing, "missing".to_owned()), (there, id.clone())];
                SessionsFinding::new(what, id, shown)
            })
        },
    },
    // RFC 1939 §5: only DELE and QUIT remove messages; new ones may come.
    CrossRule {
        id: "maildrop-varies",
        level: Level::Info,
        source: "RFC 1939 §4",
        says: "messages should not disappear and reappear between sessions",
        hint: "another client may be using this mailbox, or each connection may reach a server with a different maildrop",
        check: |sessions| {
            let counts: Vec<u64> = sessions.counts().map(|(_, count)| count).collect();
            let all: Vec<String> = counts.iter().map(u64::to_string).collect();
            let what = "the number of messages falls and rises between sessions";
            let shown = sessions
                .counts()
                .map(|(index, count)| (index, count.to_string()));
            is_unsteady(&counts)
                .then(|| SessionsFinding::new(what, all.join(", "), shown.collect()))
        },
    },
    // RFC 1939 §7: the unique-id of a message persists across sessions.
    CrossRule {
        id: "uidl-changes-between-sessions",
        level: Level::Must,
        source: "RFC 1939 §7",
        says: "unique-ids must be the same in every session",
        hint: "a client that leaves mail on the server will fetch everything again; the server must store the unique-ids",
        check: |sessions| {
            let all = sessions.each(|session| session.unique_ids.as_ref());
            let (indexes, listings): (Vec<usize>, Vec<&BTreeSet<String>>) = all.unzip();
            let (first, rest) = listings.split_first()?;
            // New mail may come and old mail may go in the meantime, but it is not by chance that
            // all of it does and the count is the same. With one message it takes a third session
            // to be sure.
            let is_enough = first.len() > 1 || (first.len() == 1 && rest.len() > 1);
            let is_changed = |pair: &[&BTreeSet<String>]| match pair {
                [old, new] => old.len() == new.len() && old.is_disjoint(new),
                _ => false,
            };
            let is_changed = !rest.is_empty() && listings.windows(2).all(is_changed);
            let first_of = |ids: &&BTreeSet<String>| ids.first().cloned().unwrap_or_default();
            let seen = rest.first().map(first_of).unwrap_or_default();
            let shown = indexes.iter().copied().zip(listings.iter().map(first_of));
            let shown = shown.take(2).collect();
            (is_enough && is_changed).then(|| {
                let what = "none of the unique-ids of one session appears in the next session";
                SessionsFinding::new(what, seen, shown)
            })
        },
    },
    // RFC 1939 §5: RETR sends a message; only DELE and QUIT remove one.
    CrossRule {
        id: "retr-deletes",
        level: Level::Must,
        source: "RFC 1939 §5",
        says: "a fetched message must be kept until it is deleted",
        hint: "some providers delete fetched mail; look for a setting that keeps mail on the server",
        check: |sessions| {
            fewer(
                sessions,
                "session",
                "deletion",
                "fetched, but not marked as deleted",
            )
        },
    },
    // RFC 1939 §6: without QUIT the server MUST NOT remove any messages.
    CrossRule {
        id: "deleted-without-quit",
        level: Level::Must,
        source: "RFC 1939 §6",
        says: "marked messages must be kept if the session ends without QUIT",
        hint: "mail is lost when a connection breaks: the server must delete only in the UPDATE state, after QUIT",
        check: |sessions| {
            fewer(
                sessions,
                "deletion",
                "pipelining",
                "marked as deleted, but without QUIT",
            )
        },
    },
];

/// Compares the sessions of a run; the findings have no row, since no single file shows them.
pub(crate) fn across(sessions: &Sessions) -> Vec<Finding> {
    let found = ACROSS.iter().filter_map(|rule| {
        let found = (rule.check)(sessions)?;
        let sights = found.shown.iter().take(SESSIONS_SHOWN);
        let sights = sights.filter_map(|(index, seen)| {
            let (probe, _, file) = sessions.0.get(*index)?;
            Some(Occurrence {
                probe: Some(*probe),
                octets: escaped(seen),
                file: Some(file.clone()),
                ..Occurrence::default()
            })
        });
        Some(Finding {
            id: rule.id,
            level: rule.level,
            row: None,
            other_row: None,
            offset: None,
            octets: escaped(&found.seen),
            count: 1,
            more: sights.collect(),
            message: found.what,
            hint: Some(rule.hint.to_owned()),
            source: rule.source,
        })
    });
    found.collect()
}

const SESSIONS_SHOWN: usize = 8;

fn escaped(seen: &str) -> String {
    let seen = seen.as_bytes();
    let mut octets = Vec::new();
    text::escape(&mut octets, seen.get(..SHOWN).unwrap_or(seen));
    String::from_utf8_lossy(&octets).into_owned()
}

/// A greeting without its digits and the text in angle brackets: the rest is the same each time.
fn words(greeting: &str) -> String {
    let mut is_inside = false;
    let kept = greeting.chars().filter(|letter| {
        is_inside |= *letter == '<';
        let is_kept = !is_inside && !letter.is_ascii_digit();
        is_inside &= *letter != '>';
        is_kept
    });
    kept.collect()
}

/// Whether numbers fall and rise again, or rise and fall.
fn is_unsteady(counts: &[u64]) -> bool {
    let has = |is_so: fn(u64, u64) -> bool| {
        let mut pairs = counts.windows(2);
        pairs.any(|pair| matches!(pair, [old, new] if is_so(*old, *new)))
    };
    has(|old, new| new < old) && has(|old, new| new > old)
}

/// Whether messages disappeared between two sessions although nothing was deleted. If they come and
/// go, that proves nothing.
fn fewer(sessions: &Sessions, first: &str, second: &str, what: &str) -> Option<SessionsFinding> {
    let ((first, before), (second, after)) = (sessions.get(first)?, sessions.get(second)?);
    let (before, after) = (before.count?, after.count?);
    let counts: Vec<u64> = sessions.counts().map(|(_, count)| count).collect();
    let of = |count: u64| format!("+OK {count}");
    (after < before && !is_unsteady(&counts)).then(|| {
        let message = format!(
            "{} of {before} messages are gone in the next session: {what}",
            before - after
        );
        SessionsFinding::new(
            message,
            of(after),
            vec![(first, of(before)), (second, of(after))],
        )
    })
}

#[cfg(test)]
mod tests;
