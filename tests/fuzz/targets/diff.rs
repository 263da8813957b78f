//! Any two transcripts can be compared, and a transcript does not differ from itself.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use poptalk::analysis::diff::{Level, Options, Recording, DiffSummary, Compared, compare};
use poptalk_fuzz::{halves, items, print};

fuzz_target!(|octets: &[u8]| {
    let (old, new) = halves(octets);
    let all = print(&items(octets));
    let (old, new) = (print(&items(old)), print(&items(new)));
    for level in [Level::Status, Level::Fields, Level::Text, Level::Octets] {
        for map_uidl in [false, true] {
            let options = Options {
                level,
                map_uidl,
                deadline: || None,
            };
            differences(&old, &new, &options);
            let own = differences(&all, &all, &options);
            assert_eq!(
                own.different,
                0,
                "{level:?} {map_uidl} {}",
                String::from_utf8_lossy(&all)
            );
        }
    }
});

fn differences(old: &[u8], new: &[u8], options: &Options) -> DiffSummary {
    let open = |octets| Recording::new(Cursor::new(octets), Cursor::new(octets));
    let mut told = 0;
    let summary = compare(&mut open(old), &mut open(new), options, &mut |one| {
        if let Compared::Differs(change) = one {
            assert!(!change.findings.is_empty(), "{change:?}");
            told += 1;
        }
    });
    let summary = summary.unwrap();
    assert_eq!(told, summary.different);
    summary
}
