//! The pager's index: lines are found and searched as if all were in memory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poptalk::modes::console::spool::{SearchResult, SearchTerm, Spool, LineStart, Direction};
use poptalk_fuzz::Knife;

fuzz_target!(|octets: &[u8]| {
    let mut knife = Knife::new(octets);
    let (word, octets) = octets.split_at(octets.len().min(3));
    // Short lines and long ones.
    let mut all = Vec::new();
    for slice in knife.slices(octets) {
        let times = if knife.number(60) == 0 { 3000 } else { 1 };
        all.extend_from_slice(&slice.repeat(times));
        if all.len() > 40_000 {
            break;
        }
    }
    let spool = Spool::new().unwrap();
    for slice in all.chunks(1 + knife.number(20_000)) {
        for slice in slice.chunks(1 + knife.number(20_000)) {
            assert!(spool.append(slice).is_none());
        }
    }
    let progress = spool.progress();
    assert_eq!(progress.octets, all.len() as u64);
    let mut starts: Vec<LineStart> = Vec::new();
    let mut read = Vec::new();
    let mut lines = spool.lines(0).unwrap();
    while let Some(line) = lines.read().unwrap() {
        assert_eq!(line.start.offset, read.len() as u64);
        assert_eq!(line.start.line, starts.len() as u64);
        read.extend_from_slice(&line.octets);
        read.extend_from_slice(line.end.octets());
        starts.push(line.start);
    }
    assert_eq!(read, all);
    assert_eq!(progress.lines, starts.len() as u64);
    for _ in 0..4 {
        let line = knife.number(starts.len() + 1);
        let next = spool.lines(line as u64).unwrap().read().unwrap();
        assert_eq!(next.map(|line| line.start), starts.get(line).copied());
        let offset = knife.number(all.len()) as u64;
        let want = starts.iter().rfind(|start| start.offset <= offset);
        assert_eq!(
            spool.line_of(offset).unwrap(),
            want.copied().unwrap_or_default()
        );
        search(&spool, &all, word, offset);
    }
});

fn search(spool: &Spool, all: &[u8], word: &[u8], offset: u64) {
    let Some(needle) = SearchTerm::new(word) else {
        return;
    };
    let ignores_case = !word.iter().any(u8::is_ascii_uppercase);
    let is_match = |at: &usize| {
        // One octet first: a fuzzer looks at each comparison of slices.
        let there = &all[*at..*at + word.len()];
        there[0].eq_ignore_ascii_case(&word[0])
            && (there == word || (ignores_case && there.to_ascii_lowercase() == word))
    };
    let at = offset as usize;
    let last = (all.len() + 1).saturating_sub(word.len());
    let down = (at.min(last)..last).find(is_match);
    let up = (0..at.min(last)).rev().find(is_match);
    for (way, want) in [(Direction::Down, down), (Direction::Up, up)] {
        let found = spool.find(&needle, way, offset, &mut || false).unwrap();
        let want = want.map_or(SearchResult::Nowhere, |at| SearchResult::At(at as u64));
        assert_eq!(found, want, "{way:?} {offset}");
    }
}
