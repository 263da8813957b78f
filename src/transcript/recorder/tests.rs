//! What the file holds is what the wire held, and it is there before anybody sees it.

mod leaks;
mod runs;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::pop3::tracker::Side;
use crate::transcript::Transcript;
use crate::transcript::event::{Event, Party};

/// A file that can be looked into.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.octets()).unwrap()
    }

    fn read(&self) -> Transcript {
        text::parse(&self.octets()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn recorder() -> (Recorder, Paper) {
    let paper = Paper::default();
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(
        Some(Box::new(paper.clone())),
        &[("server", "x:110".to_owned())],
    );
    (recorder, paper)
}

/// Feeds a conversation; `C` and `S` in front of each text.
fn play(recorder: &mut Recorder, talk: &[&str]) {
    for (now, text) in (0..).zip(talk) {
        let side = if text.starts_with('C') {
            Side::Client
        } else {
            Side::Server
        };
        recorder.feed(side, &text.as_bytes()[1..], now * 10, &mut |_| {});
    }
}

#[test]
fn message_data_is_left_out_with_its_counts_where_asked() {
    let (mut recorder, paper) = recorder();
    recorder.set_bodies(crate::transcript::elide::Bodies::Elide { lines: 1 });
    let mut shown = 0;
    for (side, octets) in [
        (Side::Server, &b"+OK\r\n"[..]),
        (Side::Client, b"RETR 1\r\n"),
        (Side::Server, b"+OK\r\na\r\n..b"),
        (Side::Server, b"\r\nc\r\n.\r\n"),
        (Side::Client, b"CAPA\r\n"),
        (Side::Server, b"+OK\r\nTOP\r\n.\r\n"),
        (Side::Client, b"TOP 1 0\r\n"),
        (Side::Server, b"+OK\r\na\r\nb"),
    ] {
        recorder.feed(side, octets, 0, &mut |seen| {
            if let RecordedStep::Data { octets, .. } = seen {
                shown += octets.len();
            }
        });
    }
    recorder.finish(0, &mut |_| {});
    recorder.event(&Event::closed_by(Party::Server), 0);
    let want = "S: +OK\nC: RETR 1\nS: +OK\nS: a\nS: {{...}}\n# cut: 2 lines, 8 octets, 7 without the stuffing dots\nS: .\n\
C: CAPA\nS: +OK\nS: TOP\nS: .\nC: TOP 1 0\nS: +OK\nS: a\nS: {{...}}\n# cut: 1 line, 1 octets, 1 without the stuffing dots\n* closed by server\n";
    assert!(paper.text().ends_with(want), "{}", paper.text());
    assert_eq!(shown, 11 + 5 + 4);
}

#[test]
fn a_session_becomes_a_file() {
    let (mut recorder, paper) = recorder();
    recorder.event(&Event::connected("192.0.2.1:110"), 0);
    play(
        &mut recorder,
        &[
            "S+OK <1@x>\r\n",
            "CUSER a\r\n",
            "S+OK\r\n",
            "CPASS geheim\r\n",
            "S+OK\r\n",
            "CRETR 1\r\n",
            "S+OK\r\na\nb \r\n..\r\n.\r\n",
        ],
    );
    recorder.finish(70, &mut |_| {});
    recorder.event(&Event::closed_by(Party::Server), 70);
    let want = "#!pop3 1\nserver: x:110\n\n* connected 192.0.2.1:110\nS: +OK <1@x>\nC@10: USER a\nS@10: +OK\n\
        C@10: PASS {{password}}\nS@10: +OK\nC@10: RETR 1\nS@10: +OK\nS: a\\n\nS: b\\s\nS: ..\nS: .\n* closed by server\n";
    assert_eq!(paper.text(), want);
}

#[test]
fn a_malformed_secret_leaves_an_event_behind_its_row() {
    let (mut recorder, paper) = recorder();
    let talk = [
        "S+OK <1@x>\r\n",
        "CAPOP bob alice@example.com\r\n",
        "S-ERR no\r\n",
        "CAUTH PLAIN\r\n",
        "S+ \r\n",
        "C!!\r\n",
        "S+OK\r\n",
        "CPASS gr\u{fc}n",
    ];
    play(&mut recorder, &talk);
    recorder.finish(70, &mut |_| {});
    let want = "C@10: APOP bob {{digest}}\n* malformed digest: not 32 hexadecimal digits\nS@10: -ERR no\n\
        C@10: AUTH PLAIN\nS@10: +\\s\nC@10: {{response}}\n* malformed response: not base64\nS@10: +OK\n";
    let text = paper.text();
    assert!(text.contains(want), "{text}");
    // A line that was cut may go on.
    assert!(text.ends_with("C@10: PASS {{password}}\\-\n"), "{text}");
}

#[test]
fn a_handshake_has_its_time() {
    let (mut recorder, paper) = recorder();
    play(&mut recorder, &["S+OK\r\n", "CSTLS\r\n", "S+OK\r\n"]);
    recorder.event(&Event::parse("tls TLSv1.3 X verified CN=a @9"), 32);
    recorder.tls_started();
    recorder.feed(Side::Client, b"CAPA\r\n", 1215, &mut |_| {});
    let want = "S@10: +OK\n* tls TLSv1.3 X verified CN=a @9 @12\nC@1195: CAPA\n";
    assert!(paper.text().ends_with(want), "{}", paper.text());
}

#[test]
fn what_is_seen_is_in_the_file_already() {
    let (mut recorder, paper) = recorder();
    let mut seen = 0;
    recorder.feed(Side::Server, b"+OK ready\r\n", 0, &mut |_| {
        assert!(paper.text().contains("+OK ready"));
        seen += 1;
    });
    assert!(seen > 0);
}

#[test]
fn a_secret_cut_in_two_reads_is_hidden() {
    let (mut recorder, paper) = recorder();
    let mut seen = Vec::new();
    play(
        &mut recorder,
        &["S+OK\r\n", "CUSER a\r\n", "S+OK\r\n", "CPASS geheim99\r\n"],
    );
    recorder.feed(Side::Server, b"-ERR wrong: geh", 40, &mut |step| {
        seen.push(step)
    });
    recorder.flush(300, &mut |step| seen.push(step));
    recorder.feed(Side::Server, b"eim99 it was\r\n", 400, &mut |step| {
        seen.push(step)
    });
    assert!(
        paper.text().contains("-ERR wrong: \\-\n"),
        "{}",
        paper.text()
    );
    assert!(
        paper.text().contains("{{password}} it was\n"),
        "{}",
        paper.text()
    );
    assert!(!format!("{seen:?}").contains("geh"));
}

#[test]
fn a_secret_that_comes_by_and_by_is_hidden() {
    let said = "-ERR no C: XTND then\r\n";
    for first in 1..said.len() {
        for second in first..said.len() {
            let (mut recorder, paper) = recorder();
            play(
                &mut recorder,
                &["S+OK\r\n", "CAUTH LOGIN\r\n", "S+ \r\n", "CC: XTND\r\n"],
            );
            for part in [&said[..first], &said[first..second], &said[second..]] {
                recorder.feed(Side::Server, part.as_bytes(), 0, &mut |_| {});
                recorder.flush(0, &mut |_| {});
            }
            let text = paper.text().replace("\\-\nS: ", "");
            assert!(!text.contains("XTND"), "{first} {second} {}", paper.text());
        }
    }
}

#[test]
fn a_secret_that_the_client_sends_octet_by_octet_is_hidden() {
    let (mut recorder, paper) = recorder();
    let mut seen = Vec::new();
    play(&mut recorder, &["S+OK\r\n", "CUSER a\r\n", "S+OK\r\n"]);
    for octet in "PASS geheim99\r\n".bytes() {
        recorder.feed(Side::Client, &[octet], 0, &mut |step| seen.push(step));
        recorder.flush(0, &mut |step| seen.push(step));
    }
    assert!(
        paper.text().ends_with("C: PASS {{password}}\n"),
        "{}",
        paper.text()
    );
    assert!(!format!("{seen:?}").contains("geheim"));
}

#[test]
fn half_a_secret_at_the_end_of_the_connection_is_hidden() {
    let (mut recorder, paper) = recorder();
    play(
        &mut recorder,
        &["S+OK\r\n", "CPASS geheim99\r\n", "S-ERR geheim"],
    );
    recorder.finish(0, &mut |_| {});
    assert!(
        paper.text().contains("S: -ERR \\-\nS@") || paper.text().contains("S: {{secret}}\\-\n"),
        "{}",
        paper.text()
    );
    assert!(!paper.text().contains("geheim"));
}

#[test]
fn injected_octets_are_an_event_and_rows() {
    let (mut recorder, paper) = recorder();
    play(
        &mut recorder,
        &["S+OK\r\n", "CSTLS\r\n", "S+OK go\r\n+OK evil\r\n"],
    );
    assert!(
        paper.text().ends_with(
            "S@10: +OK go\n* injected 10 octets before the TLS handshake\nS: +OK evil\n"
        ),
        "{}",
        paper.text()
    );
}

#[test]
fn a_line_longer_than_a_row_is_split_and_whole() {
    let (mut recorder, paper) = recorder();
    play(
        &mut recorder,
        &[
            "S+OK\r\n",
            "CUSER a\r\nPASS geheim\r\nRETR 1\r\n",
            "S+OK\r\n+OK\r\n+OK\r\n",
        ],
    );
    let long = vec![b'x'; 3 * ROW_MAX + 7];
    recorder.feed(Side::Server, &long, 0, &mut |_| {});
    recorder.feed(Side::Server, b"\r\n.\r\n", 0, &mut |_| {});
    let octets = paper.read().octets(Side::Server);
    assert!(octets.ends_with(&[&long[..], b"\r\n.\r\n"].concat()));
    assert!(paper.text().lines().all(|line| line.len() <= ROW_MAX + 8));
}

#[test]
fn a_file_that_can_not_be_written_is_told_once() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(Full)), &[]);
    play(&mut recorder, &["S+OK\r\n", "CNOOP\r\n", "S+OK\r\n"]);
    assert!(recorder.take_failure().is_some() && recorder.take_failure().is_none());
    assert_eq!(recorder.tracker().outstanding(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_gives_back_every_octet(
        talk in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..30),
        flushes in proptest::collection::vec(any::<bool>(), 30),
    ) {
        let (mut recorder, paper) = recorder();
        let mut sent = [Vec::new(), Vec::new()];
        // Logged in, in a long reply: nothing is secret by place.
        play(&mut recorder, &["S+OK\r\n", "CUSER a\r\nAPOP b\r\n", "S+OK\r\n+OK\r\n"]);
        sent[0].extend_from_slice(b"USER a\r\nAPOP b\r\n");
        sent[1].extend_from_slice(b"+OK\r\n+OK\r\n+OK\r\n");
        for ((is_server, octets), flush) in talk.iter().zip(flushes) {
            let side = if *is_server { Side::Server } else { Side::Client };
            recorder.feed(side, octets, 0, &mut |_| {});
            if flush {
                recorder.flush(0, &mut |_| {});
            }
            sent[usize::from(*is_server)].extend_from_slice(octets);
        }
        recorder.finish(0, &mut |_| {});
        let read = paper.read();
        // Once in some thousand lines noise looks like a slip with a secret after it, such as `AO
        // x` for APOP.
        let is_hole = |piece: &Piece| matches!(piece, Piece::Hole(_));
        prop_assume!(!read.items.iter().any(|item| match item {
            Item::Row(row) => row.pieces.iter().any(is_hole),
            _ => false,
        }));
        prop_assert_eq!(read.octets(Side::Client), &sent[0][..]);
        prop_assert_eq!(read.octets(Side::Server), &sent[1][..]);
    }
}

#[test]
fn a_step_shows_a_line_up_to_its_first_hole() {
    let mut recorder = Recorder::new(Hider::new(false));
    let mut shown = Vec::new();
    let mut see = |seen: RecordedStep| {
        if let Some(Step::Line(line)) = seen.as_step() {
            shown.push(line.content.to_vec());
        }
    };
    recorder.feed(Side::Server, b"+OK\r\n", 0, &mut see);
    recorder.feed(Side::Client, b"PASS wonderland\r\n", 0, &mut see);
    assert_eq!(shown, [&b"+OK"[..], b"PASS "]);
}
