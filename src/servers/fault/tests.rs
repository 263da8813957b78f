//! Each fault in a session of its own, without a socket: the transcript lies in
//! `transcripts/faults/`, and the rules find in it what the row says. With POPTALK_BLESS=1 the
//! transcripts are rewritten.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::analysis::finding::Level;
use crate::analysis::lint::{self, Lint};
use crate::pop3::tracker::{CutAt, Side, State};
use crate::servers::{Account, Maildrop, Message, Model, TlsOffer};
use crate::transcript::event::{Event, Party};
use crate::transcript::recorder::{RecordedStep, Recorder};
use crate::transcript::secret::Hider;
use crate::transcript::text::Reader;

const TLS: &str = "tls TLSv1.3 TLS_AES_256_GCM_SHA384 verified CN=mail.example.org";

/// A file that can be read while it is written.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn maildrop() -> Maildrop {
    let head = |subject: &str| {
        format!(
            "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nDate: Mon, 23 Nov 2026 09:12:44 +0100\r\n\
             Message-ID: <{subject}@example.org>\r\nSubject: {subject}\r\n\r\n"
        )
    };
    let bodies = [
        "A line.\r\n.signature\r\nThe end\r\n",
        "Short\r\n",
        "To be deleted\r\n",
    ];
    let messages = ["one", "two", "three"]
        .iter()
        .zip(bodies)
        .map(|(subject, body)| {
            let octets = head(subject) + body;
            Message::new(octets.as_bytes(), format!("uid-{subject}"))
        });
    Maildrop::new(messages.collect())
}

/// Plays a session at a server with these faults; gives its transcript.
fn play(faults: &[&'static Fault], lines: &[&str], is_clear: bool) -> String {
    let file = Memory::default();
    let mut session = FaultSession::new(faults, is_clear, &file);
    let mut lines = lines.iter().copied();
    let by = (0..100_000).find_map(|_| session.turn(&mut lines));
    session.finish(by.unwrap_or(Party::Server));
    String::from_utf8(file.0.lock().unwrap().clone()).unwrap()
}

/// Notes whether anything was injected.
fn injection(is_injected: &mut bool) -> impl FnMut(RecordedStep) {
    |seen| *is_injected |= matches!(seen, RecordedStep::Injected { .. })
}

/// A client that sends its lines one by one to a server with faults, and what is recorded of it.
struct FaultSession {
    peer: Faulty,
    recorder: Recorder,
    now_ms: u64,
    /// A line follows STLS in the same write, as an attacker on the network path adds it.
    is_attacked: bool,
    /// The recorder saw octets that were injected.
    is_injected: bool,
}

impl FaultSession {
    fn new(faults: &[&'static Fault], is_clear: bool, file: &Memory) -> Self {
        let (tls, port) = match is_clear {
            true => (TlsOffer::Offered, 110),
            false => (TlsOffer::On, 995),
        };
        let stamp = "<4711.1763887212@practice.example>".to_owned();
        let account = Arc::new(Account::practice());
        let model = Model::new(maildrop(), account, tls, stamp, [7; 32]);
        let mut recorder = Recorder::new(Hider::new(false));
        recorder.set_file(Some(Box::new(file.clone())), &[]);
        recorder.event(&Event::connected(format!("192.0.2.1:{port}")), 0);
        let mut session = Self {
            peer: Faulty::new(Box::new(model), faults.to_vec(), !is_clear),
            recorder,
            now_ms: 0,
            is_attacked: faults
                .iter()
                .any(|fault| fault.after_stls != Leftover::Close),
            is_injected: false,
        };
        if !is_clear {
            session.start_tls();
        }
        session
    }

    fn start_tls(&mut self) {
        self.recorder.event(&Event::parse(TLS), self.now_ms);
        self.recorder.tls_started();
        self.peer.tls_started(Secured::default());
    }

    fn tls_failed(&mut self, why: &str) {
        let event = Event::TlsFailed(why.to_owned());
        self.recorder.event(&event, self.now_ms);
    }

    fn feed(&mut self, side: Side, octets: &[u8]) {
        let mut see = injection(&mut self.is_injected);
        self.recorder.feed(side, octets, self.now_ms, &mut see);
    }

    /// Does what the server wants next; gives who ends the session when it is over.
    fn turn<'a>(&mut self, lines: &mut impl Iterator<Item = &'a str>) -> Option<Party> {
        let mut out = Vec::new();
        let wish = self.peer.next(&mut out);
        if !out.is_empty() {
            self.feed(Side::Server, &out);
        }
        match wish {
            Next::Again => {}
            Next::Wait(time) => self.now_ms += u64::try_from(time.as_millis()).unwrap(),
            Next::StartTls => self.start_tls(),
            Next::Close if self.recorder.tracker().is_tls_agreed() => {
                self.tls_failed("the server closed the connection during the TLS handshake");
                return Some(Party::Client);
            }
            Next::Close => return Some(Party::Server),
            Next::Read => return self.send(lines),
        }
        None
    }

    /// The server reads: the client sends its next line, or gives up.
    fn send<'a>(&mut self, lines: &mut impl Iterator<Item = &'a str>) -> Option<Party> {
        let tracker = self.recorder.tracker();
        let is_late = tracker.awaited().is_some() && !tracker.is_response_owed();
        let is_done = tracker.state() == State::Update;
        if is_late || is_done {
            self.time_out();
        }
        if is_done {
            return Some(Party::Client);
        }
        if self.recorder.tracker().is_tls_agreed() {
            self.tls_failed("the server does not begin");
            return Some(Party::Client);
        }
        let Some(line) = lines.next() else {
            return Some(Party::Client);
        };
        let mut octets = match line.ends_with('\n') {
            true => line.to_owned(),
            false => format!("{line}\r\n"),
        };
        if line == "STLS" && self.is_attacked {
            octets.extend(lines.next().map(|line| format!("{line}\r\n")));
        }
        self.feed(Side::Client, octets.as_bytes());
        self.peer.push(octets.as_bytes());
        None
    }

    fn time_out(&mut self) {
        let mut see = injection(&mut self.is_injected);
        self.recorder.flush(self.now_ms, &mut see);
        self.now_ms += 30_000;
        let event = Event::TimedOut(Duration::from_secs(30));
        self.recorder.event(&event, self.now_ms);
        self.recorder.forget(self.now_ms, &mut see);
    }

    fn finish(mut self, by: Party) {
        let mut see = injection(&mut self.is_injected);
        let cut = self.recorder.finish(self.now_ms, &mut see);
        drop(see);
        let (by, cut) = match (self.is_injected, by) {
            (false, Party::Server) => (Party::Server, cut),
            _ => (Party::Client, CutAt::Nothing),
        };
        let event = Event::Closed { by, cut, why: None };
        self.recorder.event(&event, self.now_ms);
    }
}

fn found(transcript: &str) -> BTreeSet<&'static str> {
    let findings = lint::judge(&mut Reader::new(transcript.as_bytes()), Lint::new()).unwrap();
    findings.iter().map(|finding| finding.id).collect()
}

fn ordinary() -> Vec<&'static str> {
    SESSION.split(", ").collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/faults")
}

#[test]
fn each_fault_is_found_and_its_absence_finds_nothing() {
    let mut wrong = Vec::new();
    for fault in all() {
        let with = found(&play(&[fault], &fault.session(), fault.is_clear));
        let without = found(&play(&[], &fault.session(), fault.is_clear));
        for id in fault.finds() {
            assert!(lint::rule(id).is_some(), "{}: no rule {id}", fault.name);
            if !with.contains(id) {
                wrong.push(format!("{}: {id} not found, but {with:?}", fault.name));
            }
            if without.contains(id) {
                wrong.push(format!("{}: {id} found without the fault", fault.name));
            }
        }
        if fault.finds().is_empty() && fault.because.is_empty() {
            wrong.push(format!("{}: finds or because", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_fault_has_its_transcript() {
    let bless = std::env::var_os("POPTALK_BLESS").is_some();
    let mut names = BTreeSet::new();
    for fault in all() {
        assert!(
            names.insert(format!("{}.pop3", fault.name)),
            "{} twice",
            fault.name
        );
        let finds = fault.found_by();
        let played = play(&[fault], &fault.session(), fault.is_clear);
        let rows = played.strip_prefix("#!pop3 1\n").unwrap_or(&played);
        let text = format!(
            "#!pop3 1\n\n# {}\n# {finds}\n{}",
            fault.says,
            rows.trim_start_matches('\n')
        );
        let path = folder().join(format!("{}.pop3", fault.name));
        if bless {
            std::fs::write(&path, &text).unwrap();
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == want, "{}: run with POPTALK_BLESS=1", path.display());
    }
    let there = std::fs::read_dir(folder()).unwrap();
    let there: BTreeSet<String> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".pop3"))
        .collect();
    assert_eq!(there, names);
}

#[test]
fn without_a_fault_nothing_is_altered() {
    for is_clear in [false, true] {
        let transcript = play(&[], &ordinary(), is_clear);
        assert!(transcript.contains("S: ..signature"), "{transcript}");
        assert!(transcript.ends_with("* closed by server\n"), "{transcript}");
        let found = lint::judge(&mut Reader::new(transcript.as_bytes()), Lint::new()).unwrap();
        let high = found.iter().filter(|finding| finding.level >= Level::Must);
        let high: Vec<&str> = high.map(|finding| finding.id).collect();
        // In clear, with USER and PASS, is how people learn it.
        let want: &[&str] = if is_clear {
            &["plaintext-auth-offered", "password-in-clear"]
        } else {
            &[]
        };
        assert_eq!(high, want);
    }
}

#[test]
fn two_faults_at_once_are_both_there() {
    let faults = [named("bare-lf").unwrap(), named("uidl-duplicate").unwrap()];
    let found = found(&play(&faults, &ordinary(), false));
    assert!(
        found.contains("bare-lf") && found.contains("uidl-duplicate"),
        "{found:?}"
    );
}

#[test]
fn a_fault_tells_the_same_lie_each_time() {
    let play = |name: &str, lines: &[&str]| {
        let login = ["USER alice", "PASS wonderland"];
        play(&[named(name).unwrap()], &[&login, lines].concat(), false)
    };
    let large = play(
        "stall-large-data",
        &["LIST", "LIST 1", "DELE 1", "LIST", "LIST 1"],
    );
    assert!(large.contains("S: +OK 1 90000\n"), "{large}");
    assert_eq!(large.matches("S: 1 90000\n").count(), 1, "{large}");
    assert!(
        large.contains("C: LIST 1\nS: -ERR message 1 is marked"),
        "{large}"
    );
    for number in ["4", "99", "999999999", "99999999999999999999999"] {
        let last = play(
            "number-out-of-range-accepted",
            &[&format!("LIST {number}"), &format!("TOP {number} 0")],
        );
        assert!(last.contains("S: +OK 3 "), "{last}");
        assert!(last.contains("Subject: three"), "{last}");
    }
    let there = play("number-out-of-range-accepted", &["LIST 2", "LIST 0"]);
    assert!(
        there.contains("S: +OK 2 ") && there.contains("S: -ERR"),
        "{there}"
    );
}

mod extent;

#[test]
fn every_command_that_logs_in_is_one_to_a_fault() {
    let busy = named("in-use-lingers").unwrap();
    for line in ["PASS x", "APOP a x", "AUTH PLAIN eA==", "RPOP root"] {
        let talk = play(&[busy], &["USER alice", line, "QUIT"], false);
        assert!(talk.contains("-ERR [IN-USE]"), "{line}: {talk}");
    }
    let talk = play(&[busy], &["AUTH", "QUIT"], false);
    assert!(!talk.contains("[IN-USE]"), "{talk}");
}
