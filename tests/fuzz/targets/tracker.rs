//! The tracker loses no octet, and its steps do not depend on how the octets are sliced.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poptalk::pop3::tracker::{LineEnd, Side, Step, Tracker};
use poptalk::transcript::Item;
use poptalk_fuzz::{Knife, items, turns};

fuzz_target!(|octets: &[u8]| {
    let items = items(octets);
    let whole = told(&items, |octets| vec![octets]);
    assert_eq!(whole, told(&items, |octets| octets.chunks(1).collect()));
    let mut knife = Knife::new(octets);
    assert_eq!(whole, told(&items, |octets| knife.slices(octets)));
    // Behind a handshake what was held is dropped on purpose.
    if !items.iter().any(is_handshake) {
        for side in [Side::Client, Side::Server] {
            let fed = turns(&items).into_iter().filter(|turn| turn.0 == side);
            let fed: Vec<u8> = fed.flat_map(|turn| turn.1).collect();
            let out: Vec<u8> = whole
                .iter()
                .filter(|one| one.side == Some(side))
                .flat_map(|one| one.octets.clone())
                .collect();
            assert_eq!(fed, out);
        }
    }
});

/// What was told, with neighbouring blocks of data joined.
#[derive(Debug, PartialEq)]
struct Told {
    side: Option<Side>,
    octets: Vec<u8>,
    what: String,
}

fn is_handshake(item: &Item) -> bool {
    matches!(item, Item::Event(event) if event.starts_with("tls "))
}

fn told<'a>(items: &'a [Item], mut slice: impl FnMut(&'a [u8]) -> Vec<&'a [u8]>) -> Vec<Told> {
    let mut told = Vec::new();
    let mut tracker = Tracker::new();
    for item in items {
        match item {
            Item::Row(row) => {
                for piece in &row.pieces {
                    if let poptalk::transcript::Piece::Octets(octets) = piece {
                        for octets in slice(octets) {
                            tracker.feed(row.side, octets, &mut |step| add(&mut told, step));
                        }
                    }
                }
                for octets in slice(row.end.octets()) {
                    tracker.feed(row.side, octets, &mut |step| add(&mut told, step));
                }
            }
            item if is_handshake(item) => tracker.tls_started(),
            Item::Event(event) if event.starts_with("timeout") => {
                tracker.forget(&mut |step| add(&mut told, step));
            }
            _ => {}
        }
    }
    let cut = tracker.finish(&mut |step| add(&mut told, step));
    told.push(Told {
        side: None,
        octets: Vec::new(),
        what: format!("{cut:?} {:?} {}", tracker.state(), tracker.marked()),
    });
    told
}

fn add(told: &mut Vec<Told>, step: Step<'_>) {
    let (side, octets, what) = match step {
        Step::Line(line) => {
            assert!(line.end == LineEnd::None || !line.content.contains(&b'\n'));
            let what = format!("{:?} {} {:?}", line.role, line.first, line.end);
            (Some(line.side), [line.content, line.end.octets()].concat(), what)
        }
        Step::Data { side, octets } => (Some(side), octets.to_vec(), "data".to_owned()),
        Step::Injected(octets) => (Some(Side::Server), octets.to_vec(), "injected".to_owned()),
        step => (None, Vec::new(), format!("{step:?}")),
    };
    let is_block = what == "data" || what == "injected";
    match told.last_mut() {
        Some(last) if is_block && last.what == what && last.side == side => {
            last.octets.extend_from_slice(&octets);
        }
        _ => told.push(Told { side, octets, what }),
    }
}
