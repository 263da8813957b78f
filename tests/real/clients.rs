//! Clients that others wrote, at the practice server and at a recording (at Dovecot, through the
//! proxy: `proxy/clients.rs`): each fetches all nine messages, and every octet is compared. These
//! fail where a client is not installed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};

use poptalk::modes::serve::{ServeOptions, ServedRecording, Server, VisitOutcome};
use poptalk::reading::dialogue::Parts;
use poptalk::servers::any_order::ReplyIndex;
use poptalk::servers::script::Pace;
use poptalk::servers::{Ending, messages};

use crate::support::{Home, LIMIT};

/// Has `client` fetch the maildrop in clear, by STLS and over TLS, and gives each message as it
/// left it, with its number, to `original`, which undoes what that client is known to do.
fn fetches_all(client: &str, original: impl Fn(usize, Vec<u8>) -> Vec<u8>) {
    fetches_from(None, client, &original);
    // And from a recording, in whatever order it asks.
    let home = Home::new();
    let path = home.path().join("all.pop3");
    let lines = "capa\nuser alice\npass wonderland\nstat\nlist\nuidl\nretr 1\nretr 2\nretr 3\nretr 4\nretr 5\nretr 6\nretr 7\nretr 8\nretr 9\nquit\n";
    home.script(
        &["practice", "--log", path.to_str().unwrap()],
        lines.as_bytes(),
    );
    let file = std::fs::File::open(&path).unwrap();
    let index = ReplyIndex::of(Parts::new(std::io::BufReader::new(file))).unwrap();
    let recording = ServedRecording {
        path,
        pace: Pace::default(),
        index: Some(Arc::new(index)),
    };
    fetches_from(Some(recording), client, &original);
}

fn fetches_from(
    recording: Option<ServedRecording>,
    client: &str,
    original: &impl Fn(usize, Vec<u8>) -> Vec<u8>,
) {
    let (sender, events) = mpsc::channel();
    let ending = match &recording {
        None => Ending::Updated {
            deleted: 0,
            left: 9,
        },
        Some(_) => Ending::Played,
    };
    let options = ServeOptions {
        recording,
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ServeOptions::default()
    };
    let serving = Server::start(options, move |event| drop(sender.send(event))).unwrap();
    fetches(&serving, client, original, &mut |mode| {
        let event = events.recv_timeout(LIMIT).unwrap();
        assert_eq!(event.tls.is_some(), mode != "plain", "{event}");
        assert_eq!(event.outcome, VisitOutcome::Ended, "{event}");
        assert_eq!(event.summary.ending, Some(ending), "{event}");
    });
}

fn fetches(
    serving: &Server,
    client: &str,
    original: &impl Fn(usize, Vec<u8>) -> Vec<u8>,
    after: &mut dyn FnMut(&str),
) {
    let home = tempfile::tempdir().unwrap();
    let ca = home.path().join("ca.pem");
    std::fs::write(&ca, serving.certificate_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/fetch-all.sh");
    for mode in ["plain", "stls", "tls"] {
        let folder = home.path().join(mode);
        std::fs::create_dir(&folder).unwrap();
        let output = Command::new("bash")
            .arg(&script)
            .args([client, mode])
            .arg(&folder)
            .arg(serving.address().port().to_string())
            .arg(serving.tls_address().unwrap().port().to_string())
            .arg(&ca)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{client}, {mode}: {said}");
        for (number, message) in (1..).zip(messages::practice()) {
            let came = std::fs::read(folder.join(number.to_string())).unwrap();
            let came = original(number, came);
            let place = came.iter().zip(message.octets()).position(|(a, b)| a != b);
            assert!(
                came == message.octets(),
                "{client}, {mode}: message {number} came with {} octets of {}, different at {place:?}",
                came.len(),
                message.size(),
            );
        }
        after(mode);
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_fetches_every_octet() {
    fetches_all("curl", |_, octets| octets);
}

/// mpop stores lines with LF; it takes away the CR of a CRLF and no other.
#[test]
#[ignore = "needs mpop"]
fn mpop_fetches_every_octet() {
    fetches_all("mpop", |_, octets| {
        let lines = octets.split_inclusive(|octet| *octet == b'\n');
        lines
            .flat_map(|line| [line.strip_suffix(b"\n").unwrap(), b"\r\n"].concat())
            .collect()
    });
}

/// fetchmail does not carry the long line of message 8. Seen: fetchmail 6.4.37 puts `00 03 0d 0a`
/// in the place of the 8191st octet of a line. All the octets before and behind it arrive, and all
/// other messages do.
#[test]
#[ignore = "needs fetchmail"]
fn fetchmail_fetches_every_octet_but_one() {
    const FITTING: usize = 8190;
    const WITH_LONG_LINE: usize = 8;

    fetches_all("fetchmail", |number, mut octets| {
        if number != WITH_LONG_LINE {
            return octets;
        }
        let message = messages::practice().swap_remove(WITH_LONG_LINE - 1);
        let line = message
            .octets()
            .windows(10)
            .position(|octets| octets == b"........10");
        let lost = line.unwrap() + FITTING;
        assert_eq!(octets.len() as u64, message.size() + 3);
        assert_eq!(octets.get(lost + 2..lost + 4), Some(&b"\r\n"[..]));
        octets.splice(lost..lost + 4, [message.octets()[lost]]);
        octets
    });
}

#[test]
#[ignore = "needs python3"]
fn poplib_fetches_every_octet() {
    fetches_all("poplib", |_, octets| octets);
}
