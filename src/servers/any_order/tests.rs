//! Replies by command, whatever the order.

use std::io::Cursor;

use super::*;
use crate::reading::dialogue::{Exchange, Part, Parts};
use crate::transcript::Piece;

struct Memory(&'static [u8]);

impl ItemSource for Memory {
    fn from(&self, place: Place) -> Option<Items> {
        let rest = self.0.get(usize::try_from(place.offset).ok()?..)?;
        let file = Box::new(Cursor::new(rest));
        Some(Reader::resume(file, place.row, place.offset))
    }
}

fn peer(file: &'static [u8]) -> AnyOrder {
    let index = ReplyIndex::of(Parts::new(file)).unwrap();
    AnyOrder::new(Arc::new(index), Arc::new(Memory(file)), false, false)
}

/// What is said behind the greeting.
fn answer(file: &'static [u8], line: &str) -> String {
    let (mut peer, mut out) = (peer(file), Vec::new());
    peer.push(line.as_bytes());
    for _ in 0..20 {
        peer.next(&mut out);
    }
    let said = String::from_utf8(out).unwrap();
    said.split_once("\r\n").unwrap().1.to_owned()
}

#[test]
fn a_long_line_of_a_message_stays_whole_in_its_top() {
    let file = b"S: +OK\nC: RETR 1\nS: +OK\nS: a: b\nS:\nS: long\\-\nS:  tail\nS: second\nS: .\n";
    for (lines, want) in [
        (0, ""),
        (1, "long tail\r\n"),
        (2, "long tail\r\nsecond\r\n"),
    ] {
        let said = answer(file, &format!("TOP 1 {lines}\r\n"));
        assert_eq!(said, format!("+OK\r\na: b\r\n\r\n{want}.\r\n"));
    }
}

#[test]
fn a_message_that_was_cut_gets_its_end() {
    for (row, line) in [("S: half\n", "half\r\n"), ("S: half\\-\n", "half\r\n")] {
        let file = format!("S: +OK\nC: RETR 1\nS: +OK\n{row}* closed by server\n").leak();
        let said = answer(file.as_bytes(), "RETR 1\r\n");
        assert_eq!(said, format!("+OK\r\n{line}.\r\n"));
    }
}

#[test]
fn a_step_goes_on_however_much_waits_to_be_sent() {
    let mut peer = peer(b"S: +OK\nC: NOOP\nS: +OK done\n");
    let mut out = vec![b'x'; BLOCK];
    peer.push(b"NOOP\r\n");
    for _ in 0..9 {
        peer.next(&mut out);
    }
    assert!(out.ends_with(b"+OK\r\n+OK done\r\n"));
}

/// Says a line, and returns what is said to it.
fn ask(peer: &mut AnyOrder, line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    peer.push(line);
    loop {
        match peer.next(&mut out) {
            Next::Again => {}
            Next::StartTls => peer.tls_started(Secured::default()),
            _ => return out,
        }
    }
}

/// Octets with an `x` for each hole.
fn plain(pieces: &[Piece]) -> Vec<u8> {
    let octets = pieces.iter().map(|piece| match piece {
        Piece::Octets(octets) => octets.as_slice(),
        Piece::Hole(_) => b"x",
    });
    octets.collect::<Vec<_>>().concat()
}

fn first_line(octets: &[u8]) -> &[u8] {
    octets.split(|octet| *octet == b'\n').next().unwrap()
}

/// Asks a command, with what its login goes on with; the status line, where it is not that of the
/// recording.
fn difference(peer: &mut AnyOrder, exchange: &Exchange, command: &[u8]) -> Option<String> {
    let mut said = ask(peer, &[command, b"\r\n"].concat());
    let sasl = exchange.sasl.iter();
    for line in sasl.filter(|line| line.side == Side::Client) {
        assert!(said.starts_with(b"+"), "{}", said.escape_ascii());
        said = ask(peer, &[&plain(&line.pieces), &b"\r\n"[..]].concat());
    }
    let first = first_line(&said);
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    let status = exchange.status_line.as_ref()?;
    let octets = status.pieces.iter();
    let octets = octets.filter(|piece| matches!(piece, Piece::Octets(_)));
    let want = plain(&octets.cloned().collect::<Vec<_>>());
    let want = first_line(&want);
    let is_other = first != want && !status.is_any_rows();
    is_other.then(|| {
        let (name, first, want) = (exchange.name(), first.escape_ascii(), want.escape_ascii());
        format!("{name}: {first}, not {want}")
    })
}

/// Asks every command of a file in its order; the replies with their status line, where they are
/// not those of the recording.
fn differences(file: &'static [u8]) -> Vec<String> {
    let index = ReplyIndex::of(Parts::new(file)).unwrap();
    let mut peer = AnyOrder::new(Arc::new(index), Arc::new(Memory(file)), true, false);
    let mut wrong = Vec::new();
    let (mut is_connected, mut is_tls) = (false, false);
    for part in Parts::new(file) {
        let Part::Exchange(exchange) = part.unwrap() else {
            continue;
        };
        if !std::mem::replace(&mut is_connected, true) {
            ask(&mut peer, b"");
        }
        if exchange.status_line.is_none() || exchange.is_greeting {
            continue;
        }
        // The reply to a message of the client has no command.
        let command = exchange.command.as_ref();
        let command = command.map_or_else(|| b".".to_vec(), |command| plain(&command.pieces));
        // A second handshake can't be played.
        if command.eq_ignore_ascii_case(b"STLS") && std::mem::replace(&mut is_tls, true) {
            continue;
        }
        wrong.extend(difference(&mut peer, &exchange, &command));
        if peer.summary().ending.is_some() {
            return wrong;
        }
    }
    wrong
}

/// Every transcript of the project.
fn recordings(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            recordings(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "pop3") {
            found.push(path);
        }
    }
}

#[test]
fn each_command_of_each_recording_gets_the_reply_that_was_recorded() {
    let mut found = Vec::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    recordings(&root.join("transcripts"), &mut found);
    assert!(found.len() > 500);
    let mut wrong = Vec::new();
    for path in found {
        let file = std::fs::read(&path).unwrap().leak();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        wrong.extend(differences(file).iter().map(|one| format!("{name}: {one}")));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_verb_that_is_a_login_of_old_or_was_refused_is_answered_as_recorded() {
    let file = b"S: +OK\nC: CAPA\nS: -ERR\nC: RPOP foo\nS: +OK done nothing.\nC: AUTH x\nS: -ERR no\nC: STLS\nS: -ERR off\nC: USER bob\nS: -ERR who\nC: PASS {{password}}\nS: -ERR wrong\nC: XFOO {{..}}\nS: +OK any\n";
    for (line, want) in [
        ("capa\r\n", "-ERR\r\n"),
        ("rpop foo\r\n", "+OK done nothing.\r\n"),
        ("AUTH x\r\n", "-ERR no\r\n"),
        ("STLS\r\n", "-ERR off\r\n"),
        ("USER bob\r\n", "-ERR who\r\n"),
        ("USER alice\r\n", "+OK\r\n"),
        ("PASS anything at all\r\n", "-ERR wrong\r\n"),
        ("XFOO bar\r\n", "+OK any\r\n"),
        ("XBAR\r\n", "-ERR not in the recording\r\n"),
    ] {
        assert_eq!(answer(file, line), want, "{line}");
    }
}

#[test]
fn recorded_challenges_come_back_and_a_cancelled_login_is_none() {
    let file = b"S: +OK\nC: AUTH CRAM-MD5\nS: + PDEuMkB4Pg==\nC: {{response}}\nS: +OK in\n";
    assert_eq!(
        answer(file, "AUTH CRAM-MD5\r\nabcd\r\n"),
        "+ PDEuMkB4Pg==\r\n+OK in\r\n"
    );
    assert_eq!(
        answer(file, "AUTH CRAM-MD5\r\n*\r\n"),
        "+ PDEuMkB4Pg==\r\n-ERR cancelled\r\n"
    );
}

#[test]
fn a_message_of_the_client_is_no_command() {
    let file = b"S: +OK\nC: XTND XMIT\nS: +OK send\nC: QUIT\nC: .\nS: +OK sent\n";
    assert_eq!(
        answer(file, "XTND XMIT\r\nQUIT\r\nNOOP\r\n.\r\n"),
        "+OK send\r\n+OK sent\r\n"
    );
}
