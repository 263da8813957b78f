//! What other programs recorded, and anything else: it is refused, or becomes transcripts that can
//! be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poptalk::reading::import::{Format, Options, Source, import};
use poptalk::transcript::text;
use poptalk_fuzz::{halves, is_unsafe};

fuzz_target!(|octets: &[u8]| {
    let options = Options::default();
    let one = [Source {
        name: "one",
        octets,
    }];
    if let Some(format) = Format::recognize(&one[0]) {
        check(format, &one, &options);
    }
    for format in [
        Format::SClient,
        Format::Curl,
        Format::Fetchmail,
        Format::Thunderbird,
        Format::Mailkit,
        Format::Pcap,
    ] {
        check(format, &one, &options);
    }
    let (client, server) = halves(octets);
    let pair = [("a.in", client), ("a.out", server)];
    let pair = pair.map(|(name, octets)| Source { name, octets });
    check(Format::Rawlog, &pair, &options);
});

fn check(format: Format, sources: &[Source<'_>], options: &Options) {
    match import(format, sources, options) {
        Ok(made) => {
            for one in made {
                let read = text::parse(&one.text).unwrap();
                let printed = text::print(&read);
                assert_eq!(printed.as_bytes(), one.text);
                assert!(!is_unsafe(&printed), "{printed:?}");
            }
        }
        Err(problem) => assert!(!is_unsafe(&problem.to_string()), "{problem:?}"),
    }
}
