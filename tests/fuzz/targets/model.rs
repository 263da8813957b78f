//! The practice server under a client that says anything: each command has one reply that the
//! tracker understands, and the slices do not matter.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use poptalk::servers::{Account, Maildrop, Message, Model, ServerSession, Secured, TlsOffer, Next, messages};
use poptalk::pop3::tracker::{Role, Side, Status, Step, Tracker};
use poptalk_fuzz::{Knife, items, turns};

static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let small = messages::practice().into_iter();
    small.filter(|message| message.size() < 4096).collect()
});

fuzz_target!(|octets: &[u8]| {
    let client = turns(&items(octets)).into_iter();
    let client = client.filter(|(side, _)| *side == Side::Client);
    let client: Vec<u8> = client.flat_map(|(_, octets)| octets).collect();
    let by_line = client.split_inclusive(|octet| *octet == b'\n');
    let has_long = by_line.clone().any(|line| line.len() > 1000);
    talk(TlsOffer::Offered, by_line.clone(), !has_long);
    // Behind STLS the slices matter: what comes with it is refused.
    let told = talk(TlsOffer::Unavailable, by_line, !has_long);
    assert_eq!(told, talk(TlsOffer::Unavailable, client.chunks(1), false));
    assert_eq!(
        told,
        talk(TlsOffer::Unavailable, Knife::new(octets).slices(&client), false)
    );
});

/// What the server says, and whether it was closed.
fn talk<'a>(tls: TlsOffer, slices: impl IntoIterator<Item = &'a [u8]>, is_followed: bool) -> Vec<u8> {
    let (account, stamp) = (Arc::new(Account::practice()), "<1.2@practice.example>");
    let maildrop = Maildrop::new(MESSAGES.clone());
    let mut model = Model::new(maildrop, account, tls, stamp.to_owned(), [7; 32]);
    let (mut all, mut tracker, mut is_tls) = (Vec::new(), Tracker::new(), false);
    let mut is_open = listen(&mut model, &mut tracker, &mut all, is_followed, &mut is_tls);
    for slice in slices {
        if !is_open {
            break;
        }
        model.push(slice);
        if is_followed {
            let awaited = tracker.outstanding();
            tracker.feed(Side::Client, slice, &mut |_| {});
            assert!(tracker.outstanding() <= awaited + 1);
        }
        is_open = listen(&mut model, &mut tracker, &mut all, is_followed, &mut is_tls);
        let is_asking = tracker.is_response_owed();
        if is_followed && is_open && slice.ends_with(b"\n") {
            assert_eq!(
                tracker.outstanding(),
                usize::from(is_asking),
                "{slice:?} {:?}",
                String::from_utf8_lossy(&all)
            );
        }
    }
    assert!(all.is_empty() || all.ends_with(b"\r\n"));
    all
}

/// Lets the server speak until it wants to read; false when it closes.
fn listen(
    model: &mut Model,
    tracker: &mut Tracker,
    all: &mut Vec<u8>,
    is_followed: bool,
    is_tls: &mut bool,
) -> bool {
    let mut out = Vec::new();
    loop {
        out.clear();
        let wish = model.next(&mut out);
        all.extend_from_slice(&out);
        if is_followed {
            tracker.feed(Side::Server, &out, &mut |step| match step {
                Step::Line(line) => {
                    assert_ne!(line.role, Role::Unrequested, "{}", line.content.escape_ascii());
                }
                Step::ReplyEnded(_, status) => assert_ne!(status, Status::Malformed),
                Step::Injected(octets) => panic!("injected {}", octets.escape_ascii()),
                _ => {}
            });
        }
        match wish {
            Next::Again => {}
            Next::Read => return true,
            Next::StartTls => {
                assert!(!std::mem::replace(is_tls, true));
                model.tls_started(Secured::default());
                tracker.tls_started();
            }
            Next::Close => return false,
            Next::Wait(_) => panic!("the practice server never waits"),
        }
    }
}
