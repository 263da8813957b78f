use std::io::Read;
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::net::target::AddressSettings;
use crate::transcript::secret::Hider;

/// Opens a connection to a listener, and waits for the server's side of it.
fn open(recorder: Recorder, observer: Box<dyn Observer>) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        is_tls: false,
    };
    let route = Route {
        target: &target,
        spares: &[],
        proxy: None,
        addresses: &AddressSettings::default(),
    };
    let waits = Timeouts {
        connect: Duration::from_secs(20),
        reply: None,
        octets: u64::MAX,
    };
    let tls = TlsSettings::default();
    let connection = Connection::open(route, &tls, waits, recorder, observer).unwrap();
    let (peer, _) = listener.accept().unwrap();
    (connection, peer)
}

struct Panics;

impl Observer for Panics {
    fn on_octets(&mut self, _: &[u8]) {
        panic!("a panic of this test's own");
    }

    fn on_step(&mut self, _: RecordedStep) {}
    fn on_notice(&mut self, _: Notice) {}
    fn on_idle(&mut self, _: &Snapshot) {}
}

#[test]
fn a_panic_on_the_thread_of_a_connection_ends_the_connection() {
    let recorder = Recorder::new(Hider::new(false));
    let (connection, mut peer) = open(recorder, Box::new(Panics));
    peer.write_all(b"+OK ready\r\n").unwrap();
    let now = connection.wait(Duration::from_secs(60), |_| false);
    assert!(matches!(now.ending, Some(CloseReason::Lost(..))));
    assert!(!connection.is_open());
}

/// What an observer received: octets for use, replies, and why there is no TLS.
#[derive(Default)]
struct Notes {
    received: Vec<u8>,
    replies: usize,
    failure: Option<TlsError>,
}

struct Notebook(Arc<Mutex<Notes>>);

impl Observer for Notebook {
    fn on_octets(&mut self, octets: &[u8]) {
        self.0.lock().unwrap().received.extend_from_slice(octets);
    }

    fn on_step(&mut self, seen: RecordedStep) {
        let is_reply = matches!(seen, RecordedStep::ReplyEnded(..));
        self.0.lock().unwrap().replies += usize::from(is_reply);
    }

    fn on_notice(&mut self, news: Notice) {
        if let Notice::TlsFailed(error) = news {
            self.0.lock().unwrap().failure = Some(error);
        }
    }

    fn on_idle(&mut self, _: &Snapshot) {}
}

/// A file that can be looked into.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What comes of a server that says this, part by part, when the client begins its handshake; the
/// notes and the recording.
fn said_in_place_of_tls(parts: &[&[u8]]) -> (Notes, CloseReason, String) {
    let (notes, paper) = (Arc::default(), Paper::default());
    let mut recorder = Recorder::new(Hider::new(false));
    recorder.set_file(Some(Box::new(paper.clone())), &[]);
    recorder.remember("password", b"wonderland");
    let (connection, mut peer) = open(recorder, Box::new(Notebook(Arc::clone(&notes))));
    peer.write_all(b"+OK ready\r\n").unwrap();
    connection.wait(Duration::from_secs(60), Snapshot::is_greeted);
    connection.send_line(b"STLS");
    let mut sent = [0; 6];
    peer.read_exact(&mut sent).unwrap();
    peer.write_all(b"+OK begin\r\n").unwrap();
    // The ClientHello has begun: the `+OK` was read.
    peer.read_exact(&mut sent).unwrap();
    for part in parts {
        peer.write_all(part).unwrap();
    }
    let now = connection.wait(Duration::from_secs(60), |_| false);
    drop(connection);
    let notes = std::mem::take(&mut *notes.lock().unwrap());
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    (notes, now.ending.unwrap(), text)
}

#[test]
fn a_line_in_place_of_the_handshake_is_recorded_and_is_no_reply() {
    let parts: [&[u8]; 2] = [b"-E", b"RR STARTTLS failed: no \x1b[1mwonderland\r\n"];
    let (notes, ending, text) = said_in_place_of_tls(&parts);
    assert_eq!(ending, CloseReason::TlsFailed);
    assert_eq!(notes.received, b"+OK ready\r\n+OK begin\r\n");
    assert_eq!(notes.replies, 2);
    let said = "the server said in cleartext: -ERR STARTTLS failed: no ^[[1m{{password}}";
    assert_eq!(notes.failure.unwrap().said(), [said]);
    let (before, after) = text.split_once("STARTTLS failed: no ").unwrap();
    assert!(
        before.ends_with("S: -ERR ") || before.ends_with(": -ERR "),
        "{text}"
    );
    assert!(
        after.starts_with("\\x1b[1m{{password}}\n* tls failed: "),
        "{text}"
    );
    assert!(
        !text.contains("injected") && !text.contains("wonderland"),
        "{text}"
    );
}

#[test]
fn a_flood_in_place_of_the_handshake_is_cut() {
    let flood = vec![b'x'; 20_000];
    let (notes, ending, text) = said_in_place_of_tls(&[&flood]);
    assert_eq!(ending, CloseReason::TlsFailed);
    assert_eq!(notes.failure.unwrap().seen.unwrap().said.len(), 8 * 1024);
    assert_eq!(text.matches('x').count(), 8 * 1024);
}
