//! Rows print and read back as they were, and a secret that was sent by PASS, APOP or AUTH is in no
//! row of the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poptalk::pop3::command::Command;
use poptalk::transcript::recorder::Recorder;
use poptalk::transcript::secret::{Hider, VALUE_MIN};
use poptalk::transcript::text;
use poptalk::pop3::tracker::{LineEnd, Side};
use poptalk::transcript::{Hole, Item, Piece, Row, Transcript};
use poptalk_fuzz::{Knife, Memory};

fuzz_target!(|octets: &[u8]| {
    let mut knife = Knife::new(octets);
    rows(octets, &mut knife);
    secret(octets, &mut knife);
});

/// Any octets as rows, with holes anywhere.
fn rows(octets: &[u8], knife: &mut Knife) {
    let mut items = Vec::new();
    let mut pieces = Vec::new();
    for slice in knife.slices(octets) {
        pieces.push(match knife.number(8) {
            0 => Piece::Hole(Hole::Text),
            1 => Piece::Hole(Hole::Named("password".to_owned())),
            2 => Piece::Hole(Hole::Rows),
            _ => Piece::Octets(slice.to_vec()),
        });
        if knife.number(3) == 0 {
            let side = [Side::Client, Side::Server][knife.number(2)];
            let end = [LineEnd::Crlf, LineEnd::Lf, LineEnd::None][knife.number(3)];
            let after_ms = knife.number(3) as u64;
            let row = Row::new(side, after_ms, pieces.drain(..), end);
            items.push(Item::Row(row));
        }
    }
    let transcript = Transcript { items };
    let printed = text::print(&transcript);
    assert_eq!(text::parse(printed.as_bytes()), Ok(transcript), "{printed}");
}

/// Whether a secret is a part of a verb, or of a word of the program's own lines.
fn is_protocol(secret: &[u8]) -> bool {
    let secret = secret.to_ascii_uppercase();
    let mut verbs = Command::all().flat_map(|row| row.verb.split(' '));
    verbs.any(|verb| verb.as_bytes().windows(secret.len()).any(|part| part == secret))
}

/// The first line of the octets is a secret; the rest is what the server says of it.
fn secret(octets: &[u8], knife: &mut Knife) {
    let end = octets.iter().position(|octet| *octet == b'\n');
    let (secret, noise) = octets.split_at(end.unwrap_or(octets.len()));
    let secret: Vec<u8> = secret
        .iter()
        .copied()
        .filter(|octet| *octet != b'\r')
        .take(100)
        .collect();
    let bare = secret.trim_ascii();
    if bare.len() < VALUE_MIN {
        return;
    }
    // A word of the protocol is shown: a hole would say what the secret is.
    if is_protocol(bare) {
        return;
    }
    let way = knife.number(3);
    let lines: &[&[u8]] = match way {
        0 => &[b"USER bob", b"PASS "],
        1 => &[b"APOP bob "],
        _ => &[b"AUTH LOGIN", b""],
    };
    // `*` cancels, and the hole of a response may hold an `=`.
    if way == 2 && matches!(bare, b"*" | b"=") {
        return;
    }
    let file = Memory::default();
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(file.clone())), &[]);
    recorder.feed(Side::Server, b"+OK\r\n", 0, &mut |_| {});
    let before = file.octets().len();
    for (index, line) in lines.iter().enumerate() {
        let mut line = line.to_vec();
        if index + 1 == lines.len() {
            line.extend_from_slice(&secret);
        }
        line.extend_from_slice(b"\r\n");
        for slice in knife.slices(&line) {
            recorder.feed(Side::Client, slice, 0, &mut |_| {});
            if knife.number(6) == 0 {
                recorder.flush(0, &mut |_| {});
            }
        }
        if index + 1 < lines.len() {
            let reply: &[u8] = if way == 2 { b"+ \r\n" } else { b"+OK\r\n" };
            recorder.feed(Side::Server, reply, 0, &mut |_| {});
        }
    }
    // The server says it again.
    let noise: Vec<u8> = noise
        .iter()
        .copied()
        .filter(|octet| *octet != b'\n')
        .collect();
    let said = [b"-ERR ", noise.as_slice(), &secret, &noise, b"\r\n"].concat();
    for slice in knife.slices(&said) {
        recorder.feed(Side::Server, slice, 0, &mut |_| {});
        if knife.number(6) == 0 {
            recorder.flush(0, &mut |_| {});
        }
    }
    recorder.finish(0, &mut |_| {});
    let text = file.octets();
    let read = text::parse(&text[before..]).unwrap();
    // Rows without an end are one line.
    let mut line = Vec::new();
    for row in read.rows() {
        line.extend(row.pieces.iter().cloned());
        if row.end != LineEnd::None {
            let joined = Row::new(row.side, 0, line.drain(..), row.end);
            for piece in &joined.pieces {
                let Piece::Octets(octets) = piece else {
                    continue;
                };
                let octets = octets.to_ascii_lowercase();
                let bare = bare.to_ascii_lowercase();
                // A short word of letters only stays inside a longer one.
                let is_word = bare.len() < 8 && bare.iter().all(u8::is_ascii_alphabetic);
                let is_letter = |at: Option<usize>| {
                    at.and_then(|at| octets.get(at)).is_some_and(u8::is_ascii_alphabetic)
                };
                let mut windows = octets.windows(bare.len()).enumerate();
                let is_there = windows.any(|(at, window)| {
                    let is_inside = is_letter(at.checked_sub(1)) || is_letter(Some(at + bare.len()));
                    window == bare && !(is_word && is_inside)
                });
                // What the client and the server say in any case.
                let is_ours = row.side == Side::Client
                    && lines.iter().any(|line| {
                        line.to_ascii_lowercase()
                            .windows(bare.len())
                            .any(|window| window == bare)
                    });
                assert!(
                    !is_there || is_ours,
                    "{secret:?} {}",
                    String::from_utf8_lossy(&text)
                );
            }
        }
    }
}
