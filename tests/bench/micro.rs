//! How fast the parts are, one by one: `cargo bench`. Each is given one message of a few MiB, or a
//! session of a few thousand commands, from memory; `divan` tells octets a second.

#![expect(
    clippy::expect_used,
    reason = "a benchmark should stop at anything unexpected"
)]

use std::io::Cursor;

use divan::Bencher;
use divan::counter::BytesCount;
use poptalk::analysis::diff::{self, Recording};
use poptalk::analysis::lint::{self, Lint};
use poptalk::base::escape;
use poptalk::modes::console::spool::Spool;
use poptalk::pop3::tracker::{Side, Tracker};
use poptalk::transcript::Item;
use poptalk::transcript::recorder::Recorder;
use poptalk::transcript::secret::Hider;
use poptalk::transcript::text::{self, Reader};

fn main() {
    divan::main();
}

/// How many octets a connection reads at once.
const CHUNK: usize = 128 * 1024;

/// The octets of a session in which one message is fetched, by side, in the order in which they
/// come.
fn session(mib: usize) -> Vec<(Side, Vec<u8>)> {
    let line = b"The quick brown fox jumps over the lazy dog, and then it rests for a while.\r\n";
    let mut reply = b"+OK message follows\r\nSubject: long\r\n\r\n".to_vec();
    while reply.len() < mib * 1024 * 1024 {
        reply.extend_from_slice(line);
    }
    reply.extend_from_slice(b".\r\n");
    vec![
        (Side::Server, b"+OK ready\r\n".to_vec()),
        (
            Side::Client,
            b"USER alice\r\nPASS wonderland\r\nRETR 1\r\n".to_vec(),
        ),
        (Side::Server, b"+OK\r\n+OK\r\n".to_vec()),
        (Side::Server, reply),
    ]
}

fn octets(session: &[(Side, Vec<u8>)]) -> BytesCount {
    BytesCount::of_many::<u8>(session.iter().map(|(_, octets)| octets.len()).sum())
}

/// The same as a transcript.
fn transcript(mib: usize) -> Vec<u8> {
    let mut file = b"#!pop3 1\n\n".to_vec();
    for (side, octets) in session(mib) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            text::print_octets(
                &mut file,
                side,
                0,
                line,
                poptalk::pop3::tracker::LineEnd::Crlf,
            );
        }
    }
    file
}

#[divan::bench]
fn tracker_follows_a_message(bencher: Bencher<'_, '_>) {
    let session = session(16);
    bencher.counter(octets(&session)).bench(|| {
        let mut tracker = Tracker::new();
        for (side, octets) in &session {
            for chunk in octets.chunks(CHUNK) {
                tracker.feed(*side, chunk, &mut |step| {
                    divan::black_box(step);
                });
            }
        }
    });
}

#[divan::bench]
fn recorder_writes_text_rows(bencher: Bencher<'_, '_>) {
    let session = session(16);
    bencher.counter(octets(&session)).bench(|| {
        let mut recorder = Recorder::new(Hider::new(false));
        recorder.emit_messages(false);
        recorder.set_file(Some(Box::new(std::io::sink())), &[]);
        for (side, octets) in &session {
            for chunk in octets.chunks(CHUNK) {
                recorder.feed(*side, chunk, 0, &mut |seen| drop(divan::black_box(seen)));
            }
        }
    });
}

#[divan::bench]
fn hider_looks_at_status_lines(bencher: Bencher<'_, '_>) {
    let line = b"-ERR [AUTH] the name or the password of alice is wrong\r\n".repeat(1000);
    bencher
        .counter(BytesCount::of_many::<u8>(line.len()))
        .bench(|| {
            let mut recorder = Recorder::new(Hider::new(false));
            recorder.remember("password", b"wonderland");
            recorder.feed(Side::Server, b"+OK ready\r\n", 0, &mut |_| {});
            recorder.feed(Side::Server, &line, 0, &mut |seen| {
                drop(divan::black_box(seen));
            });
        });
}

#[divan::bench]
fn parser_reads_text_rows(bencher: Bencher<'_, '_>) {
    let file = transcript(16);
    bencher
        .counter(BytesCount::of_many::<u8>(file.len()))
        .bench(|| {
            let mut reader = Reader::new(file.as_slice());
            let mut item = Item::Blank;
            while reader.read_into(&mut item).expect("it was just printed") {
                divan::black_box(&item);
            }
        });
}

#[divan::bench]
fn lint_judges_by_all_rules(bencher: Bencher<'_, '_>) {
    let file = transcript(16);
    bencher
        .counter(BytesCount::of_many::<u8>(file.len()))
        .bench(|| lint::judge(&mut Reader::new(file.as_slice()), Lint::new()));
}

#[divan::bench]
fn diff_compares_equal_messages(bencher: Bencher<'_, '_>) {
    let file = transcript(4);
    let open = || Recording::new(Cursor::new(file.as_slice()), Cursor::new(file.as_slice()));
    bencher
        .counter(BytesCount::of_many::<u8>(file.len()))
        .bench(|| {
            let options = diff::Options {
                level: diff::Level::Octets,
                map_uidl: false,
                deadline: || None,
            };
            diff::compare(&mut open(), &mut open(), &options, &mut |_| {})
        });
}

#[divan::bench]
fn pager_indexes_lines(bencher: Bencher<'_, '_>) {
    let (_, reply) = session(16).pop().expect("the last one is the message");
    bencher
        .counter(BytesCount::of_many::<u8>(reply.len()))
        .bench(|| {
            let spool = Spool::new().expect("a temporary file");
            for chunk in reply.chunks(CHUNK) {
                spool.append(chunk);
            }
            spool.finish();
        });
}

#[divan::bench]
fn display_escapes_a_line(bencher: Bencher<'_, '_>) {
    let line = b"plain text, gr\xc3\xbc\xc3\x9fe, \x1b[31m, and an octet \xe9 that is no UTF-8";
    bencher
        .counter(BytesCount::of_many::<u8>(line.len()))
        .bench(|| {
            let mut shown = String::new();
            escape::escape(divan::black_box(line), &mut shown);
            shown
        });
}
