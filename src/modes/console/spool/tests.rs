//! What holds for every spool, however the octets come.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::lines::LONGEST;
use super::*;
use crate::pop3::tracker::LineEnd;

fn spool(octets: &[u8]) -> Spool {
    let spool = Spool::new().unwrap();
    assert!(spool.append(octets).is_none());
    spool
}

fn lines_from(spool: &Spool, line: u64) -> Vec<SpoolLine> {
    let mut lines = spool.lines(line).unwrap();
    std::iter::from_fn(|| lines.read().unwrap()).collect()
}

fn all(spool: &Spool) -> Vec<SpoolLine> {
    lines_from(spool, 0)
}

fn texts(spool: &Spool) -> Vec<String> {
    let text = |line: SpoolLine| String::from_utf8_lossy(&line.octets).into_owned();
    all(spool).into_iter().map(text).collect()
}

#[test]
fn lines_lose_their_ends_and_remember_them() {
    let spool = spool(b"+OK\r\n\r\nbare\nodd\rcr\r\nend");
    assert_eq!(texts(&spool), ["+OK", "", "bare", "odd\rcr", "end"]);
    let ends: Vec<LineEnd> = all(&spool).into_iter().map(|line| line.end).collect();
    use LineEnd::{Crlf, Lf, None};
    assert_eq!(ends, [Crlf, Crlf, Lf, Crlf, None]);
    let bare = lines_from(&spool, 2).swap_remove(0);
    assert_eq!(bare.into_shown(), b"bare\n");
    let progress = spool.progress();
    assert_eq!((progress.lines, progress.ended, progress.whole), (5, 4, 5));
}

#[test]
fn nothing_has_no_lines() {
    let spool = spool(b"");
    assert_eq!(all(&spool), []);
    assert_eq!(spool.progress(), SpoolProgress::default());
    assert_eq!(spool.lines(7).unwrap().next.line, 0);
}

#[test]
fn a_long_line_is_cut_and_counted_once() {
    let spool = spool(&[&[b'x'; 3 * LONGEST + 5][..], b"\r\nnext\r\n"].concat());
    let lengths: Vec<usize> = all(&spool).iter().map(|line| line.octets.len()).collect();
    assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, 5, 4]);
    let wholes: Vec<u64> = all(&spool).iter().map(|line| line.start.whole).collect();
    assert_eq!(wholes, [0, 0, 0, 0, 1]);
    let goes_on: Vec<bool> = all(&spool)
        .iter()
        .map(|line| line.start.is_continuation)
        .collect();
    assert_eq!(goes_on, [false, true, true, true, false]);
    assert_eq!(spool.progress().whole, 2);
}

#[test]
fn a_line_of_the_longest_length_is_not_cut() {
    let spool = spool(&[&[b'x'; LONGEST][..], b"\r\n"].concat());
    assert_eq!(all(&spool).len(), 1);
}

#[test]
fn a_character_is_not_cut() {
    for before in 0..8 {
        for character in ["é", "日", "😀"] {
            let text = "x".repeat(before) + &character.repeat(LONGEST);
            for line in all(&spool(text.as_bytes())) {
                assert!(String::from_utf8(line.octets).is_ok());
            }
        }
    }
    // What is no UTF-8 is cut where it must be.
    let lengths: Vec<usize> = all(&spool(&[0x80; 2 * LONGEST]))
        .iter()
        .map(|line| line.octets.len())
        .collect();
    assert_eq!(lengths, [LONGEST, LONGEST]);
}

#[test]
fn a_reader_waits_for_more() {
    let spool = Arc::new(Spool::new().unwrap());
    let writer = Arc::clone(&spool);
    let thread = std::thread::spawn(move || {
        writer.append(b"one\r\n");
        writer.append(b"two\r\n");
        writer.finish();
    });
    let mut progress = SpoolProgress::default();
    while !progress.is_finished {
        progress = spool.wait(progress.octets, Duration::from_secs(60));
    }
    thread.join().unwrap();
    assert_eq!(texts(&spool), ["one", "two"]);
    assert_eq!(spool.wait(10, Duration::from_secs(60)).octets, 10);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_once_and_remembered() {
    let full = File::options().read(true).write(true).open("/dev/full");
    let spool = Spool::on(full.unwrap(), LineIndex::default());
    let error = spool.append(b"lost").unwrap();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(spool.append(b"lost too").is_none());
    assert!(spool.failure().unwrap().contains("No space left"));
    assert_eq!(spool.progress().octets, 0);
    spool.finish();
    assert_eq!(all(&spool), []);
}

#[test]
fn a_search_can_be_given_up() {
    let spool = spool(&vec![b'x'; 3 * search::BLOCK]);
    let needle = SearchTerm::new(b"y").unwrap();
    for (way, line) in [(Direction::Down, 0), (Direction::Up, u64::MAX)] {
        let found = spool.find(&needle, way, line, &mut || true).unwrap();
        assert_eq!(found, SearchResult::GivenUp);
        let found = spool.find(&needle, way, line, &mut || false).unwrap();
        assert_eq!(found, SearchResult::Nowhere);
    }
}

#[test]
fn small_letters_find_capitals_and_capitals_only_themselves() {
    let spool = spool(b"+OK\r\nsubject: x\r\nSubject: y\r\n");
    let found = |needle: &[u8]| {
        let needle = SearchTerm::new(needle).unwrap();
        spool
            .find(&needle, Direction::Down, 0, &mut || false)
            .unwrap()
    };
    assert_eq!(found(b"ok"), SearchResult::At(1));
    assert_eq!(found(b"subject: Y"), SearchResult::Nowhere);
    assert_eq!(found(b"Subject"), SearchResult::At(17));
    assert_eq!(spool.line_of(17).unwrap().line, 2);
    assert!(SearchTerm::new(b"").is_none());
    let needle = SearchTerm::new(b"ab").unwrap();
    assert_eq!(needle.matches(b"xABab"), [1..3, 3..5]);
}

#[test]
fn an_octet_that_cannot_be_typed_is_searched_in_hex() {
    let octets = |text: &str| SearchTerm::typed(text).unwrap().octets;
    assert_eq!(octets(r"caf\xe9\x1B"), b"caf\xe9\x1b");
    assert_eq!(octets(r"\x"), br"\x");
    assert_eq!(octets(r"\xzz\x+1\xé"), r"\xzz\x+1\xé".as_bytes());
}

/// Lines of all lengths; few different octets, so that matches are frequent.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => "[abAB]{0,6}".prop_map(String::into_bytes),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => (LONGEST - 6..LONGEST + 6).prop_map(|length| vec![b'a'; length]),
        1 => "[é日😀a]{1,4}".prop_map(|text| text.repeat(LONGEST / 4).into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// The ends of blocks; cut often near to the borders of long lines.
fn appended_in_blocks(octets: &[u8], sizes: &[usize], index: LineIndex) -> Spool {
    let spool = Spool::on(tempfile::tempfile().unwrap(), index);
    let mut rest = octets;
    for size in sizes.iter().cycle() {
        let (block, more) = rest.split_at((*size).min(rest.len()));
        spool.append(block);
        rest = more;
        let progress = spool.progress();
        assert!(progress.ended <= progress.lines && progress.lines <= progress.ended + 1);
        if rest.is_empty() {
            break;
        }
    }
    spool
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![1..50usize, LONGEST - 4..LONGEST + 4, 1..40_000usize];
    proptest::collection::vec(size, 1..10)
}

fn naive(octets: &[u8], needle: &[u8], way: Direction, from: usize) -> Option<usize> {
    let folded = if needle.iter().any(u8::is_ascii_uppercase) {
        octets.to_vec()
    } else {
        octets.to_ascii_lowercase()
    };
    let mut matches = folded
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at);
    match way {
        Direction::Down => matches.find(|at| *at >= from),
        Direction::Up => matches.take_while(|at| *at < from).last(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blocks_of_any_size_give_the_same_lines(octets in octets(), sizes in sizes()) {
        let whole = spool(&octets);
        let blocks = appended_in_blocks(&octets, &sizes, LineIndex::default());
        prop_assert_eq!(all(&whole), all(&blocks));
        prop_assert_eq!(whole.progress(), blocks.progress());
        prop_assert_eq!(all(&whole).len() as u64, whole.progress().lines);
    }

    #[test]
    fn lines_hold_every_octet(octets in octets()) {
        let mut joined = Vec::new();
        for line in all(&spool(&octets)) {
            prop_assert!(line.octets.len() <= LONGEST + 1);
            prop_assert_eq!(line.start.offset, joined.len() as u64);
            joined.extend(line.octets);
            joined.extend(line.end.octets());
        }
        prop_assert_eq!(joined, octets);
    }

    #[test]
    fn every_line_is_found_through_a_thin_index(
        octets in octets(), sizes in sizes(), limit in 1..6usize, spacing in 1..5000u64,
    ) {
        let spool = appended_in_blocks(&octets, &sizes, LineIndex::new(limit, spacing));
        let all = all(&spool);
        for (number, line) in all.iter().enumerate() {
            let from = lines_from(&spool, number as u64);
            prop_assert_eq!(from.first(), Some(line));
            let start = line.start.offset;
            let last = start + (line.octets.len() + line.end.octets().len()) as u64 - 1;
            prop_assert_eq!(spool.line_of(start).unwrap(), line.start);
            prop_assert_eq!(spool.line_of(last).unwrap(), line.start);
        }
        prop_assert_eq!(lines_from(&spool, all.len() as u64), vec![]);
        prop_assert!(lock(&spool.state).index.starts.len() <= limit.max(1));
    }

    #[test]
    fn a_search_finds_what_a_plain_one_finds(
        octets in octets(), needle in "[abB\r\n]{1,4}", from in any::<prop::sample::Index>(), block in 1..300usize,
        is_down: bool,
    ) {
        let octets = &octets[..octets.len().min(2000)];
        let from = from.index(octets.len() + 1);
        let way = if is_down { Direction::Down } else { Direction::Up };
        let needle = SearchTerm::new(needle.as_bytes()).unwrap();
        let found = search::find(&needle, way, from as u64, octets.len() as u64, block, &mut |offset, buffer| {
            let from = offset as usize;
            buffer.copy_from_slice(&octets[from..from + buffer.len()]);
            Ok(())
        }, &mut || false).unwrap();
        let wanted = naive(octets, &needle.octets, way, from);
        prop_assert_eq!(found, wanted.map_or(SearchResult::Nowhere, |at| SearchResult::At(at as u64)));
    }
}
