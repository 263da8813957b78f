//! A file is read, or the place is told where it breaks the format; what was read prints as one
//! form, which reads the same.

#![no_main]

use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use poptalk::transcript::text::{Reader, parse, print, print_row};
use poptalk_fuzz::is_unsafe;

fuzz_target!(|octets: &[u8]| {
    // In blocks of a few octets it is the same file.
    let slow = Reader::new(BufReader::with_capacity(3, octets)).collect::<Result<Vec<_>, _>>();
    match parse(octets) {
        Ok(read) => {
            let printed = print(&read);
            // What is for people is kept as it stands; octets are not.
            for row in read.rows() {
                let mut printed = Vec::new();
                print_row(&mut printed, row);
                let printed = String::from_utf8(printed).unwrap();
                assert!(!is_unsafe(&printed), "{printed:?}");
            }
            assert_eq!(parse(printed.as_bytes()).as_ref(), Ok(&read));
            assert_eq!(slow.as_ref(), Ok(&read.items));
        }
        Err(error) => {
            let rows = octets.split_inclusive(|octet| *octet == b'\n').count();
            assert!((1..=rows).contains(&error.row), "{error:?}");
            let line = octets.split(|octet| *octet == b'\n').nth(error.row - 1);
            let columns = String::from_utf8_lossy(line.unwrap()).chars().count();
            assert!((1..=columns + 1).contains(&error.column), "{error:?}");
            let shown = error.to_string();
            assert!(
                !shown.replace('\n', "").contains(char::is_control),
                "{shown:?}"
            );
            assert_eq!(slow, Err(error));
        }
    }
});
