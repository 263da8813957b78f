//! What several sessions of one run tell together, and no single one can.

use std::collections::BTreeSet;

use super::session::Session;
use crate::analysis::finding::{Finding, Level};
use crate::analysis::lint::SHOWN;
use crate::pop3::sasl;
use crate::pop3::tracker::Status;
use crate::transcript::text;

/// A rule over the sessions of a run.
#[derive(Debug, Clone, Copy)]
pub struct Across {
    /// Its name, as that of any rule.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The document and section.
    pub source: &'static str,
    /// What is required.
    pub says: &'static str,
    /// What the administrator should do.
    pub hint: &'static str,
    /// What was seen, and its octets as text.
    check: fn(&Sessions) -> Option<(String, String)>,
}

/// How many failed logins of each kind tell something about time: five against five are apart by chance once in 126 times.
pub const SAMPLES_MIN: usize = 5;

/// How far apart they are at least, in milliseconds: less may be the way there.
const APART_MIN: u64 = 5;

/// How much later a session may have begun than its transcript says, in milliseconds.
const CLOCK_MS: u64 = 1000;

/// The sessions of a run by probe; a probe that was played again has several.
#[derive(Debug, Default)]
pub struct Sessions(Vec<(&'static str, Session)>);

impl Sessions {
    /// Adds one.
    pub fn push(&mut self, probe: &'static str, session: Session) {
        self.0.push((probe, session));
    }

    /// Whether the server greeted in none of the first two, and so will not greet in the next one.
    #[must_use]
    pub fn are_silent(&self) -> bool {
        self.0.len() >= 2 && self.values().all(|session| session.greeting.is_none())
    }

    /// The first one of a probe.
    fn get(&self, probe: &str) -> Option<&Session> {
        self.all(probe).next()
    }

    fn all(&self, probe: &str) -> impl Iterator<Item = &Session> {
        let all = self.0.iter().filter(move |(name, _)| *name == probe);
        all.map(|(_, session)| session)
    }

    /// How many messages STAT counted, session by session.
    fn counts(&self) -> impl Iterator<Item = u64> {
        self.values().filter_map(|session| session.count)
    }

    fn values(&self) -> impl Iterator<Item = &Session> {
        self.0.iter().map(|(_, session)| session)
    }
}

/// The rules that need more than one session.
pub const ACROSS: &[Across] = &[
    // RFC 1939 §4 leaves the words of the greeting to the server; two kinds of words are two servers.
    Across {
        id: "greeting-varies",
        level: Level::Info,
        source: "RFC 1939 §4",
        says: "each connection reaches the same server",
        hint: "a pool of servers of several versions makes faults that come and go; name the greeting when you report one",
        check: |sessions| {
            let greetings = sessions
                .values()
                .filter_map(|session| session.greeting.as_deref());
            let greetings: BTreeSet<String> = greetings.map(words).collect();
            let shown = greetings.iter().nth(1)?.clone();
            Some((
                format!(
                    "{} greetings that differ in more than numbers",
                    greetings.len()
                ),
                shown,
            ))
        },
    },
    // RFC 1939 §7: the timestamp MUST be different each time the server issues a greeting.
    Across {
        id: "apop-timestamp-reused",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "each greeting has a timestamp of its own",
        hint: "who listened to one APOP can send it again: the timestamp must be new for each connection",
        check: |sessions| {
            let mut seen = BTreeSet::new();
            let greetings = sessions
                .values()
                .filter_map(|session| session.greeting.as_deref());
            let mut stamps = greetings.filter_map(|line| sasl::timestamp(line.as_bytes()));
            let twice = stamps.find(|stamp| !seen.insert(*stamp))?;
            let twice = String::from_utf8_lossy(twice).into_owned();
            Some(("two greetings have the same timestamp".to_owned(), twice))
        },
    },
    Across {
        id: "accepts-any-password",
        level: Level::Security,
        source: "RFC 1939 §7",
        says: "a wrong password is refused",
        hint: "everybody can read this mailbox: see how the server looks up passwords",
        check: |sessions| {
            let (status, reply) = sessions.get("wrong-password")?.login.as_ref()?;
            let what = "a password that nobody has is taken".to_owned();
            (*status == Status::Positive).then(|| (what, reply.clone()))
        },
    },
    // RFC 3206 §4 wants [AUTH] to say as little for a wrong name as for a wrong password; how long it takes says it as well.
    Across {
        id: "user-enumeration-timing",
        level: Level::Security,
        source: "RFC 3206 §4",
        says: "a login is refused in the same time whether there is such a user or not",
        hint: "who tries names learns which exist: let the server compute a password's hash for unknown names, too",
        check: |sessions| {
            let of = |probe| {
                let mut times: Vec<u64> = sessions
                    .all(probe)
                    .filter_map(|session| session.refused_ms)
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
                (
                    format!("{usual_unknown} ms for a name that there is not, {usual_wrong} ms for one that there is"),
                    format!("{unknown:?} ms and {wrong:?} ms"),
                )
            })
        },
    },
    // RFC 2449 §6.5: the server may refuse a login that comes too soon; clients keep to it.
    Across {
        id: "login-delay-not-enforced",
        level: Level::Info,
        source: "RFC 2449 §6.5",
        says: "LOGIN-DELAY is kept to",
        hint: "take LOGIN-DELAY out of the capabilities: it makes clients wait for nothing",
        check: |sessions| {
            let capabilities = &sessions.get("session")?.capabilities;
            let (line, seconds) = capabilities.iter().find_map(|line| {
                let mut words = line.split(' ');
                let is_it = words.next()? == "LOGIN-DELAY";
                let seconds = words.next()?.parse::<u64>().ok().filter(|_| is_it)?;
                words.next().is_none().then_some((line, seconds))
            })?;
            // A transcript says to the second when it started.
            let least_ms = seconds.saturating_mul(1000).saturating_sub(CLOCK_MS);
            let mut times: Vec<(u64, u64)> = sessions
                .values()
                .filter_map(|session| session.login_at)
                .collect();
            times.sort_unstable();
            let early = times.windows(2).filter(|pair| match pair {
                [(sent, _), (_, taken)] => taken.saturating_sub(*sent) < least_ms,
                _ => false,
            });
            let count = early.count();
            let what = format!(
                "{} logins were taken, {count} of them too soon",
                times.len()
            );
            (count > 0).then(|| (what, line.clone()))
        },
    },
    // RFC 2595 §4: a server that has TLS agrees to STLS.
    // Seen: a session cache that can't be written, a process limit, a pool of which one server has no certificate.
    Across {
        id: "stls-refused-later",
        level: Level::Should,
        source: "RFC 2595 §4",
        says: "STLS works on each connection",
        hint: "one server of a pool has no TLS, or a limit is reached: its log says more; or somebody on the network path refuses it in the server's place",
        check: |sessions| {
            // After the probes that need it nothing is refused for what was sent.
            let is_fair = |name: &str| !matches!(name, "stls-injection" | "stls-unlisted");
            let mut refused = sessions.0.iter().filter(|(name, _)| is_fair(name));
            let has_worked = sessions.values().any(|session| session.has_tls);
            let (name, reply) = refused.find_map(|(name, session)| {
                session.stls_refusal.as_ref().map(|reply| (name, reply))
            })?;
            let what = format!("STLS worked on one connection and was refused on another: {name}");
            has_worked.then(|| (what, reply.clone()))
        },
    },
    // RFC 1939 §7: a unique-id is never used again in a maildrop, and a message keeps it as long as it is there.
    // Seen: INetSim, which shows other messages at each login.
    Across {
        id: "uidl-comes-back",
        // The section forbids to give it to a different message, and that is not seen here.
        level: Level::Info,
        source: "RFC 1939 §7",
        says: "a unique-id that is gone does not come back",
        hint: "the server does not show the same maildrop each time: several servers without common storage, or none that is real",
        check: |sessions| {
            let listings: Vec<&BTreeSet<String>> = sessions
                .values()
                .filter_map(|session| session.unique_ids.as_ref())
                .collect();
            let (mut seen, mut gone) = (BTreeSet::new(), BTreeSet::new());
            let mut back = None;
            for listing in listings {
                back = back.or_else(|| listing.iter().find(|id| gone.contains(*id)));
                gone.extend(seen.iter().copied().filter(|id| !listing.contains(*id)));
                seen.extend(listing.iter());
            }
            let what = "a unique-id was missing in one session and is there in a later one";
            back.map(|id| (what.to_owned(), id.clone()))
        },
    },
    // RFC 1939 §5: only DELE and QUIT remove messages; new ones may come.
    Across {
        id: "maildrop-varies",
        level: Level::Info,
        source: "RFC 1939 §4",
        says: "messages do not go and come from session to session",
        hint: "somebody else reads this mailbox now, or each connection reaches a server with a maildrop of its own",
        check: |sessions| {
            let counts: Vec<u64> = sessions.counts().collect();
            let shown: Vec<String> = counts.iter().map(u64::to_string).collect();
            let what = "the number of messages goes down and up from session to session";
            is_unsteady(&counts).then(|| (what.to_owned(), shown.join(", ")))
        },
    },
    // RFC 1939 §7: the unique-id of a message persists across sessions.
    Across {
        id: "uidl-changes-between-sessions",
        level: Level::Must,
        source: "RFC 1939 §7",
        says: "unique-ids are the same in every session",
        hint: "a client that leaves mail on the server fetches all of it again; store the unique-ids",
        check: |sessions| {
            let listings: Vec<&BTreeSet<String>> = sessions
                .values()
                .filter_map(|session| session.unique_ids.as_ref())
                .collect();
            let (first, rest) = listings.split_first()?;
            // New mail may come and old mail may go meanwhile; that it all does, and leaves as many, is no chance. With one
            // message it takes a third session to tell.
            let is_enough = first.len() > 1 || (first.len() == 1 && rest.len() > 1);
            let is_changed = |pair: &[&BTreeSet<String>]| match pair {
                [old, new] => old.len() == new.len() && old.is_disjoint(new),
                _ => false,
            };
            let is_changed = !rest.is_empty() && listings.windows(2).all(is_changed);
            let shown = rest
                .first()
                .and_then(|ids| ids.first())
                .cloned()
                .unwrap_or_default();
            (is_enough && is_changed).then(|| {
                let what = "no unique-id of a session is there in the next one";
                (what.to_owned(), shown)
            })
        },
    },
    // RFC 1939 §5: RETR sends a message; only DELE and QUIT remove one.
    Across {
        id: "retr-deletes",
        level: Level::Must,
        source: "RFC 1939 §5",
        says: "a message that was fetched stays until it is deleted",
        hint: "some providers delete what was fetched; who wants to keep mail on the server must look for a setting",
        check: |sessions| fewer(sessions, "session", "deletion", "fetched, and not marked"),
    },
    // RFC 1939 §6: without QUIT the server MUST NOT remove any messages.
    Across {
        id: "deleted-without-quit",
        level: Level::Must,
        source: "RFC 1939 §6",
        says: "what was marked stays where the session ends without QUIT",
        hint: "mail is lost when a connection breaks: deletions belong into the UPDATE state, behind QUIT",
        check: |sessions| fewer(sessions, "deletion", "pipelining", "marked, without QUIT"),
    },
];

/// Compares the sessions of a run; each finding is about no row, since no file has it alone.
#[must_use]
pub fn across(sessions: &Sessions) -> Vec<Finding> {
    let found = ACROSS.iter().filter_map(|rule| {
        let (message, seen) = (rule.check)(sessions)?;
        let seen = seen.as_bytes();
        let mut octets = Vec::new();
        text::escape(&mut octets, seen.get(..SHOWN).unwrap_or(seen));
        Some(Finding {
            id: rule.id,
            level: rule.level,
            row: None,
            other_row: None,
            offset: None,
            octets: String::from_utf8_lossy(&octets).into_owned(),
            count: 1,
            more: Vec::new(),
            message,
            hint: Some(rule.hint.to_owned()),
            source: rule.source,
        })
    });
    found.collect()
}

/// A greeting without its numbers and what stands in angle brackets: what is left is the same each time.
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

/// Whether numbers go down and up again, or up and down.
fn is_unsteady(counts: &[u64]) -> bool {
    let has = |is_so: fn(u64, u64) -> bool| {
        let mut pairs = counts.windows(2);
        pairs.any(|pair| matches!(pair, [old, new] if is_so(*old, *new)))
    };
    has(|old, new| new < old) && has(|old, new| new > old)
}

/// Whether messages went between two sessions, although nothing was deleted. Where they come and go, that says nothing.
fn fewer(sessions: &Sessions, first: &str, second: &str, what: &str) -> Option<(String, String)> {
    let (before, after) = (sessions.get(first)?.count?, sessions.get(second)?.count?);
    let is_steady = !is_unsteady(&sessions.counts().collect::<Vec<_>>());
    (after < before && is_steady).then(|| {
        let message = format!(
            "of {before} messages {} are gone in the next session: {what}",
            before - after
        );
        (message, format!("+OK {after}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lint::catalogue::{self, Seen};

    fn sessions(files: &[(&'static str, &str)]) -> Sessions {
        let parse = |file: &str| Session::read(file.as_bytes()).unwrap();
        Sessions(
            files
                .iter()
                .map(|(name, file)| (*name, parse(file)))
                .collect(),
        )
    }

    fn found(files: &[(&'static str, &str)]) -> Vec<&'static str> {
        across(&sessions(files))
            .iter()
            .map(|finding| finding.id)
            .collect()
    }

    #[test]
    fn greetings_are_compared() {
        let same = [
            ("greeting", "S: +OK a1 ready <1@x>\n"),
            ("session", "S: +OK a2 ready <2@x>\n"),
        ];
        assert!(found(&same).is_empty());
        let varies = [
            ("greeting", "S: +OK ready\n"),
            ("session", "S: +OK Dovecot ready.\n"),
        ];
        assert_eq!(found(&varies), ["greeting-varies"]);
        let reused = [
            ("greeting", "S: +OK <1@x.y>\n"),
            ("session", "S: +OK <1@x.y>\n"),
        ];
        assert_eq!(found(&reused), ["apop-timestamp-reused"]);
    }

    #[test]
    fn logins_are_compared() {
        let of = |started: &str, delay: &str| {
            format!(
                "started: 2026-11-23T08:{started}Z\n\nS: +OK\nC: CAPA\nS: +OK\nS: LOGIN-DELAY {delay}\nS: .\n\
                 C: USER a\nS: +OK\nC: PASS {{{{password}}}}\nS@50: +OK in\n"
            )
        };
        let (one, two, late) = (of("40:00", "10"), of("40:03", "10"), of("40:10", "10"));
        let files = [
            ("session", one.as_str()),
            ("deletion", &two),
            ("wrong-password", &two),
        ];
        assert_eq!(
            found(&files),
            ["accepts-any-password", "login-delay-not-enforced"]
        );
        // Late enough, or not sure: transcripts say to the second when they began.
        assert!(found(&[("session", &one), ("deletion", &late)]).is_empty());
        let nearly = of("40:09", "10");
        assert!(found(&[("session", &one), ("deletion", &nearly)]).is_empty());
        let (none, for_user) = (of("40:00", "0"), of("40:00", "600 USER"));
        assert!(found(&[("session", &none), ("deletion", &none)]).is_empty());
        assert!(found(&[("session", &for_user), ("deletion", &for_user)]).is_empty());
    }

    #[test]
    fn tls_that_comes_and_goes_is_named() {
        let works = "* connected 192.0.2.1:110\nS: +OK\nC: STLS\nS: +OK\n* tls TLSv1.3 X verified CN=x\nC: STLS\nS: -ERR\n";
        let refuses = "* connected 192.0.2.1:110\nS: +OK\nC: STLS\nS: -ERR no TLS\n";
        let files = [("stls", works), ("session", refuses)];
        assert_eq!(found(&files), ["stls-refused-later"]);
        assert!(found(&[("stls", works), ("stls-injection", refuses)]).is_empty());
        assert!(found(&[("stls", works), ("session", works)]).is_empty());
        assert!(found(&[("stls", refuses), ("session", refuses)]).is_empty());
    }

    #[test]
    fn messages_that_come_and_go_are_seen() {
        let of = |ids: &[&str]| {
            let lines = (1..)
                .zip(ids)
                .map(|(number, id)| format!("S: {number} {id}\n"));
            let lines: String = lines.collect();
            let count = ids.len();
            format!("S: +OK\nC: STAT\nS: +OK {count} 100\nC: UIDL\nS: +OK\n{lines}S: .\n")
        };
        let (all, fewer, more) = (of(&["a", "b"]), of(&["a"]), of(&["a", "b", "c"]));
        let files = [
            ("session", all.as_str()),
            ("deletion", &fewer),
            ("late", &all),
        ];
        // Neither RETR nor the end without QUIT deleted anything.
        assert_eq!(found(&files), ["uidl-comes-back", "maildrop-varies"]);
        // New mail, or mail that somebody deleted.
        assert!(found(&[("session", &all), ("late", &all), ("last", &more)]).is_empty());
        assert!(found(&[("session", &more), ("late", &all), ("last", &fewer)]).is_empty());
    }

    #[test]
    fn refusals_are_timed() {
        let of = |user: u64, pass: u64| {
            format!(
                "S: +OK\nC: USER a\nS@{user}: +OK\nC@9: PASS {{{{password}}}}\nS@{pass}: -ERR\n"
            )
        };
        let (soon, late) = (of(1, 0), of(1, 50));
        let sample = |unknown: &[&str], wrong: &[&str]| {
            let unknown = unknown
                .iter()
                .map(|file| ("unknown-user", (*file).to_owned()));
            let wrong = wrong
                .iter()
                .map(|file| ("wrong-password", (*file).to_owned()));
            let files: Vec<(&'static str, String)> = unknown.chain(wrong).collect();
            let files: Vec<_> = files
                .iter()
                .map(|(name, file)| (*name, file.as_str()))
                .collect();
            found(&files)
        };
        let (soon, late) = (soon.as_str(), late.as_str());
        assert_eq!(sample(&[soon; 5], &[late; 5]), ["user-enumeration-timing"]);
        // Too few; all alike; one that lies among the others; apart, and no more than the way may take.
        assert!(sample(&[soon; 4], &[late; 4]).is_empty());
        assert!(sample(&[late; 5], &[late; 5]).is_empty());
        assert!(sample(&[soon, soon, late, soon, soon], &[late; 5]).is_empty());
        assert!(sample(&[soon; 5], &[of(1, 3).as_str(); 5]).is_empty());
    }

    #[test]
    fn mail_that_goes_away_is_missed() {
        let of = |count: u32| format!("S: +OK\nC: STAT\nS: +OK {count} 100\n");
        let (three, two, one) = (of(3), of(2), of(1));
        let files = [
            ("session", three.as_str()),
            ("deletion", &two),
            ("pipelining", &one),
        ];
        assert_eq!(found(&files), ["retr-deletes", "deleted-without-quit"]);
        let files = [
            ("session", one.as_str()),
            ("deletion", &two),
            ("pipelining", &two),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn unique_ids_are_compared() {
        let of = |ids: [&str; 3]| {
            let [a, b, c] = ids;
            format!("S: +OK\nC: UIDL\nS: +OK\nS: 1 {a}\nS: 2 {b}\nS: 3 {c}\nS: .\n")
        };
        let (first, second) = (of(["a", "b", "c"]), of(["d", "e", "f"]));
        let files = [("session", first.as_str()), ("deletion", second.as_str())];
        assert_eq!(found(&files), ["uidl-changes-between-sessions"]);
        assert!(found(&[("session", &first), ("deletion", &first)]).is_empty());
        // Two went, and two came: the rest is the same.
        let shifted = of(["c", "d", "e"]);
        assert!(found(&[("session", &first), ("deletion", &shifted)]).is_empty());
        // Of one message two sessions tell nothing, and three do.
        let one = |id: &str| format!("S: +OK\nC: UIDL\nS: +OK\nS: 1 {id}\nS: .\n");
        let (a, b, c) = (one("a"), one("b"), one("c"));
        let two = [("session", a.as_str()), ("deletion", b.as_str())];
        assert!(found(&two).is_empty());
        let three = [
            ("session", a.as_str()),
            ("deletion", &b),
            ("pipelining", &c),
        ];
        assert_eq!(found(&three), ["uidl-changes-between-sessions"]);
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        for rule in ACROSS {
            assert_eq!(catalogue::seen(rule.id), Seen::Across, "{}", rule.id);
            assert!(!rule.hint.is_empty() && !rule.says.is_empty());
        }
        let across = catalogue::OTHERS
            .iter()
            .filter(|(_, seen)| *seen == Seen::Across);
        assert_eq!(across.count(), ACROSS.len());
    }
}
