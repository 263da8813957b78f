//! All rules over any transcript, and everything that `show` makes of it; live and from the file
//! the same is found.

#![no_main]

use std::collections::BTreeMap;
use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use poptalk::reading::dialogue::{Parts, Place};
use poptalk::analysis::finding::Finding;
use poptalk::analysis::lint::{self, Lint};
use poptalk::transcript::recorder::{Recorder, RecordedStep};
use poptalk::transcript::secret::Hider;
use poptalk::transcript::text::Reader;
use poptalk::pop3::tracker::{LineEnd, Side};
use poptalk::transcript::event::Event;
use poptalk::transcript::{Item, Piece, Row};
use poptalk_fuzz::{Knife, Memory, items, print, turns};

fuzz_target!(|octets: &[u8]| {
    let items = items(octets);
    let text = print(&items);
    for part in Parts::new(text.as_slice()) {
        part.unwrap();
    }
    // Whole rows at once, or one by one.
    let quick = lint::judge(&mut Reader::new(text.as_slice()), Lint::new()).unwrap();
    let slow = BufReader::with_capacity(7, text.as_slice());
    let slow = lint::judge(&mut Reader::new(slow), Lint::new()).unwrap();
    assert_eq!(quick, slow, "{}", String::from_utf8_lossy(&text));
    for finding in &quick {
        assert!(!finding.octets.contains(char::is_control), "{finding:?}");
    }
    live(octets, &items);
});

/// Plays both sides to a recorder, in slices, and judges what it sees; then its file.
fn live(octets: &[u8], items: &[Item]) {
    let mut knife = Knife::new(octets);
    let file = Memory::default();
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(file.clone())), &[]);
    let mut judge = Judge::default();
    recorder.event(&Event::connected("192.0.2.1:110"), 0);
    judge.feed(&Item::Event("connected 192.0.2.1:110".to_owned()));
    for (side, octets) in turns(items) {
        for slice in knife.slices(&octets) {
            recorder.feed(side, slice, 0, &mut |seen| judge.see(seen));
        }
    }
    recorder.finish(0, &mut |seen| judge.see(seen));
    judge.lint.finish(&mut |finding| judge.found.push(finding));
    let text = file.octets();
    let found = lint::judge(&mut Reader::new(text.as_slice()), Lint::new()).unwrap();
    let counts = found
        .iter()
        .map(|one| (one.id, (one.count, one.message.as_str())));
    let counts: BTreeMap<_, _> = counts.collect();
    let lint = &judge.lint;
    let live = judge
        .found
        .iter()
        .map(|one| (one.id, (lint.count(one.id), one.message.as_str())));
    let mut live: BTreeMap<_, _> = live.collect();
    // Where a secret was injected, the file has a hole of unknown length.
    for (id, (_, message)) in &counts {
        if message.contains("at least") && let Some(seen) = live.get_mut(id) {
            seen.1 = message;
        }
    }
    // With a reply to spare at the end, the file shows that those before it were shifted, and one
    // finding says so.
    if live.contains_key("data-after-quit") {
        for (id, found) in counts.iter().filter(|(id, _)| **id != "status-twice") {
            assert_eq!(live.get(id), Some(found), "{}", String::from_utf8_lossy(&text));
        }
    } else {
        assert_eq!(live, counts, "{}", String::from_utf8_lossy(&text));
    }
}

/// Judges what is seen, as the console does.
#[derive(Default)]
struct Judge {
    lint: Lint,
    row: usize,
    found: Vec<Finding>,
}

impl Judge {
    fn see(&mut self, seen: RecordedStep) {
        let (side, pieces, end) = match seen {
            RecordedStep::Line {
                side, pieces, end, ..
            } => (side, pieces, end),
            RecordedStep::Data { side, octets } => (side, vec![Piece::Octets(octets)], LineEnd::None),
            RecordedStep::Injected { octets, .. } => (Side::Server, vec![Piece::Octets(octets)], LineEnd::None),
            RecordedStep::Malformed(malformed) => return self.feed(&Item::Event(Event::Malformed(malformed).to_string())),
            _ => return,
        };
        self.feed(&Item::Row(Row::new(side, 0, pieces, end)));
    }

    fn feed(&mut self, item: &Item) {
        self.row += 1;
        let place = Place {
            row: self.row,
            offset: 0,
        };
        let found = &mut self.found;
        self.lint
            .feed(place, item, &mut |finding| found.push(finding));
    }
}
