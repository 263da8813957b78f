//! Both servers that play a transcript, any transcript, to any client.

#![no_main]

use std::io::Cursor;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use poptalk::reading::dialogue::{Parts, Place};
use poptalk::servers::any_order::{ReplyIndex, Items, AnyOrder, ItemSource};
use poptalk::servers::script::{Pace, ScriptServer};
use poptalk::servers::{ServerSession, Secured, Next};
use poptalk::transcript::text::Reader;
use poptalk::pop3::tracker::Side;
use poptalk_fuzz::{Knife, halves, items, print, turns};

fuzz_target!(|octets: &[u8]| {
    let (script, client) = halves(octets);
    let script = print(&items(script));
    let own = client_of(&script);
    // What it asks itself, and what another asks.
    for client in [own, client_of(client)] {
        for is_timed in [false, true] {
            let pace = Pace { is_timed };
            let peer = || ScriptServer::new(Reader::new(Cursor::new(script.clone())), pace, false);
            let lines = talk(peer(), client.split_inclusive(|octet| *octet == b'\n'));
            assert_eq!(lines, talk(peer(), Knife::new(octets).slices(&client)));
        }
        let index = Arc::new(ReplyIndex::of(Parts::new(script.as_slice())).unwrap());
        let tape: Arc<dyn ItemSource> = Arc::new(File(script.clone()));
        let peer = || AnyOrder::new(index.clone(), tape.clone(), true, false);
        let lines = talk(peer(), client.split_inclusive(|octet| *octet == b'\n'));
        assert_eq!(lines, talk(peer(), Knife::new(octets).slices(&client)));
    }
});

fn client_of(octets: &[u8]) -> Vec<u8> {
    let turns = turns(&items(octets)).into_iter();
    let turns = turns.filter(|(side, _)| *side == Side::Client);
    turns.flat_map(|(_, octets)| octets).collect()
}

struct File(Vec<u8>);

impl ItemSource for File {
    fn from(&self, place: Place) -> Option<Items> {
        let rest = self.0.get(usize::try_from(place.offset).ok()?..)?.to_vec();
        let file = Box::new(Cursor::new(rest));
        Some(Reader::resume(file, place.row, place.offset))
    }
}

/// What the server says. A handshake throws away what came before it, so it ends the talk.
fn talk<'a>(mut peer: impl ServerSession, slices: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut out, mut all) = (Vec::new(), Vec::new());
    let mut slices = slices.into_iter();
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 100_000, "it does not end");
        out.clear();
        let wish = peer.next(&mut out);
        all.extend_from_slice(&out);
        match wish {
            Next::Again | Next::Wait(_) => {}
            Next::Read => match slices.next() {
                Some(slice) => peer.push(slice),
                None => return all,
            },
            Next::StartTls => {
                peer.tls_started(Secured::default());
                peer.next(&mut out);
                return all;
            }
            Next::Close => return all,
        }
    }
}
