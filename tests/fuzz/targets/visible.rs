//! What is shown never drives the terminal, all octets are shown, and rows of any width hold all of
//! a line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poptalk::analysis::explain::{ExplainContext, explain};
use poptalk::base::escape::{escape, escape_within, fit};
use poptalk_fuzz::{Knife, is_unsafe};

fuzz_target!(|octets: &[u8]| {
    let mut knife = Knife::new(octets);
    let mut whole = String::new();
    escape(octets, &mut whole);
    assert!(!is_unsafe(&whole) && !whole.contains('\n'), "{whole:?}");
    assert!(whole.len() <= octets.len() * 8);
    for width in [1, 2, 7, 80, 1 + knife.number(600)] {
        let mut at = 0;
        while at < octets.len() {
            let taken = fit(&octets[at..], width);
            assert!(taken > 0 && at + taken <= octets.len());
            let mut row = String::new();
            let column = escape_within(&octets[at..at + taken], 0..width, &mut row);
            assert!(!is_unsafe(&row), "{row:?}");
            // One character may be wider than the screen.
            assert!(
                column <= width || fit(&octets[at..at + taken], 1) == taken,
                "{row:?}"
            );
            at += taken;
        }
    }
    let text = String::from_utf8_lossy(octets);
    let explained = explain(&text, &ExplainContext::default()).text(80);
    assert!(!is_unsafe(&explained), "{explained:?}");
});
