//! A server with trouble at one place of its conversations, and a client with trouble. Both keep
//! what they wrote and got.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};
use poptalk::servers::fault::{Fault, Faulty};
use poptalk::servers::{Account, Maildrop, Message, Model, Next, Secured, ServerSession, TlsOffer};

use super::table::{Cell, Place, Trouble};
use crate::scripts::tls::{AUTHORITY, GOOD, Made, make};
use crate::support::LIMIT;

/// How long a delay is, and the pause behind each octet that drips. Nothing depends on either.
const DELAY: Duration = Duration::from_millis(50);
const DROP: Duration = Duration::from_millis(2);

/// The authority of all servers here, and their certificate.
pub(crate) fn certificates() -> &'static (Made, Made) {
    static MADE: OnceLock<(Made, Made)> = OnceLock::new();
    MADE.get_or_init(|| {
        let authority = make(AUTHORITY, None);
        let own = make(GOOD, Some(&authority));
        (authority, own)
    })
}

/// What was said on a connection.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// What this side wrote, inside TLS as it was before.
    pub(crate) wrote: Vec<u8>,
    /// What it got.
    pub(crate) got: Vec<u8>,
    /// The trouble came about.
    pub(crate) has_happened: bool,
}

/// A socket that makes trouble in a handshake.
pub(crate) struct Wire {
    socket: TcpStream,
    /// Trouble that is to come with the next octets that are written.
    trouble: Option<Trouble>,
    written: usize,
    has_happened: bool,
}

impl Wire {
    fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
        Self {
            socket,
            trouble: None,
            written: 0,
            has_happened: false,
        }
    }

    /// Ends the connection as the trouble wants it; false where it goes on.
    fn end_by(&mut self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Reset => {
                rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))
                    .unwrap();
                return true;
            }
            Trouble::HalfClose => {
                let _ = self.socket.shutdown(Shutdown::Write);
            }
            Trouble::Silence => {}
            Trouble::Delay => {
                thread::sleep(DELAY);
                return false;
            }
            Trouble::Slices | Trouble::Drip => return false,
        }
        let _ = io::copy(&mut self.socket, &mut io::sink());
        true
    }
}

impl Read for Wire {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.socket.read(octets)
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let Some(trouble) = self.trouble else {
            return self.socket.write(octets);
        };
        self.has_happened = true;
        let count = match trouble {
            Trouble::Slices => 1,
            Trouble::Drip if self.written < 200 => {
                thread::sleep(DROP);
                1
            }
            // The start of a record.
            _ if self.written == 0 => 3,
            _ => {
                if self.end_by(trouble) {
                    return Err(ErrorKind::BrokenPipe.into());
                }
                self.trouble = None;
                octets.len()
            }
        };
        let octets = octets.get(..count).unwrap_or(octets);
        let count = self.socket.write(octets)?;
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream of either side.
enum Stream {
    Plain(Wire),
    Tls(Box<SslStream<Wire>>),
    Over,
}

/// One side of a connection, with its trouble.
struct Side {
    stream: Stream,
    cell: Option<(Place, Trouble)>,
    /// From here on octets go out one by one, with this pause behind each.
    slices: Option<Duration>,
    record: Record,
    told: Option<Arc<AtomicBool>>,
}

impl Side {
    fn new(socket: TcpStream, cell: Option<(Place, Trouble)>) -> Self {
        Self {
            stream: Stream::Plain(Wire::new(socket)),
            cell,
            slices: None,
            record: Record::default(),
            told: None,
        }
    }

    fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.stream {
            Stream::Plain(wire) => Some(wire),
            Stream::Tls(stream) => Some(stream.get_mut()),
            Stream::Over => None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stream, Stream::Over)
    }

    fn end(&mut self) {
        self.stream = Stream::Over;
    }

    fn happen(&mut self) {
        self.record.has_happened = true;
        if let Some(told) = &self.told {
            told.store(true, Ordering::SeqCst);
        }
    }

    fn write(&mut self, octets: &[u8]) {
        let piece = if self.slices.is_some() {
            1
        } else {
            octets.len().max(1)
        };
        for piece in octets.chunks(piece) {
            let result = match &mut self.stream {
                Stream::Plain(wire) => wire.write_all(piece),
                Stream::Tls(stream) => stream.write_all(piece),
                Stream::Over => return,
            };
            if result.is_err() {
                return self.end();
            }
            self.record.wrote.extend_from_slice(piece);
            if let Some(pause) = self.slices {
                thread::sleep(pause);
            }
        }
    }

    /// The trouble of the cell, here.
    fn make(&mut self, place: Place) {
        let Some((_, trouble)) = self.cell.filter(|cell| cell.0 == place) else {
            return;
        };
        self.happen();
        match trouble {
            Trouble::Slices => self.slices = Some(Duration::ZERO),
            Trouble::Drip => self.slices = Some(DROP),
            _ if self.wire().is_some_and(|wire| wire.end_by(trouble)) => self.end(),
            _ => {}
        }
        if trouble != Trouble::Slices && trouble != Trouble::Drip {
            self.cell = None;
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let result = match &mut self.stream {
            Stream::Plain(wire) => wire.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Over => Ok(0),
        };
        let count = result.unwrap_or(0);
        self.record.got.extend_from_slice(&buffer[..count]);
        count
    }

    /// Does the handshake; false when there is no TLS.
    fn secure(&mut self, ssl: Ssl, is_server: bool) -> bool {
        let Stream::Plain(mut wire) = std::mem::replace(&mut self.stream, Stream::Over) else {
            return false;
        };
        wire.trouble = self
            .cell
            .filter(|cell| cell.0 == Place::Handshake)
            .map(|cell| cell.1);
        let mut stream = SslStream::new(ssl, wire).unwrap();
        let result = if is_server {
            stream.accept()
        } else {
            stream.connect()
        };
        let wire = stream.get_mut();
        wire.trouble = None;
        if wire.has_happened {
            self.happen();
        }
        if result.is_err() {
            return false;
        }
        self.stream = Stream::Tls(Box::new(stream));
        true
    }

    /// Ends it so that the other side gets all of it.
    fn close(&mut self) {
        if let Stream::Tls(stream) = &mut self.stream {
            let _ = stream.shutdown();
        }
        if let Some(wire) = self.wire() {
            let _ = wire.socket.shutdown(Shutdown::Write);
            let _ = io::copy(&mut wire.socket, &mut io::sink());
        }
        self.end();
    }
}

/// The maildrop of all servers here.
pub(crate) fn maildrop() -> Maildrop {
    let message = |subject: &str, body: &str| {
        let head = "From: Bob <bob@example.org>\r\nDate: Mon, 23 Nov 2026 09:12:44 +0100\r\n";
        Message::new(
            format!("{head}Subject: {subject}\r\n\r\n{body}\r\n").as_bytes(),
            subject,
        )
    };
    Maildrop::new(vec![
        message("one", "A line.\r\n.signature\r\nThe end"),
        message("two", "Short"),
        message("three", "To be deleted"),
    ])
}

/// The server's side of POP3, with faults.
pub(crate) fn model(maildrop: Maildrop, faults: Vec<&'static Fault>) -> Box<dyn ServerSession> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let account = Arc::new(Account::practice());
    let stamp = format!("<{number}.697170952@practice.example>");
    let model = Box::new(Model::new(
        maildrop,
        account,
        TlsOffer::Offered,
        stamp,
        [7; 32],
    ));
    if faults.is_empty() {
        model
    } else {
        Box::new(Faulty::new(model, faults, false))
    }
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The trouble came about, on some connection.
    pub(crate) has_happened: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<JoinHandle<Record>>>,
}

impl Server {
    /// Serves with trouble, and with faults.
    pub(crate) fn start(cell: Option<(Place, Trouble)>, faults: Vec<&'static Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_over, has_happened) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let (over, told, maildrop) = (Arc::clone(&is_over), Arc::clone(&has_happened), maildrop());
        let thread = thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let mut side = Side::new(socket, cell);
                side.told = Some(Arc::clone(&told));
                let model = model(maildrop.clone(), faults.clone());
                held.push(thread::spawn(move || hold(side, model)));
            }
            held
        });
        Self {
            address,
            has_happened,
            is_over,
            thread,
        }
    }

    /// What was said on each connection, in their order. The clients have gone.
    pub(crate) fn finish(self) -> Vec<Record> {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let held = self.thread.join().unwrap();
        held.into_iter().map(|held| held.join().unwrap()).collect()
    }
}

/// Where in what is said next the trouble comes: at this octet.
fn spot(place: Place, verb: Option<&str>, out: &[u8]) -> Option<usize> {
    let end = out
        .iter()
        .position(|octet| *octet == b'\n')
        .map(|lf| lf + 1)?;
    match (place, verb) {
        (Place::BeforeGreeting, None) => Some(0),
        (Place::Greeting, None) => Some(5),
        (Place::Between, Some("NOOP")) | (Place::Quit, Some("QUIT")) => Some(out.len()),
        (Place::Status, Some("STAT")) => Some(4),
        (Place::Body, Some("RETR")) if out.len() > end + 20 => Some(end + 20),
        (Place::Terminator, Some("RETR")) if out.ends_with(b"\r\n.\r\n") => Some(out.len() - 2),
        (Place::Sasl, Some("AUTH")) if out.starts_with(b"+ ") => Some(2),
        _ => None,
    }
}

/// Holds a connection to its end.
fn hold(mut side: Side, mut peer: Box<dyn ServerSession>) -> Record {
    let (mut verb, mut line) = (None, Vec::new());
    while !side.is_over() {
        let mut out = Vec::new();
        let wish = peer.next(&mut out);
        let cell = side.cell.filter(|_| side.slices.is_none());
        match cell.and_then(|cell| spot(cell.0, verb.as_deref(), &out).map(|at| (cell.0, at))) {
            Some((place, at)) => {
                side.write(&out[..at]);
                side.make(place);
                side.write(&out[at..]);
            }
            None => side.write(&out),
        }
        match wish {
            Next::Again => {}
            Next::Close => side.close(),
            Next::Wait(time) => pause(&mut side, time),
            Next::StartTls => {
                if !side.secure(server_ssl(), true) {
                    break;
                }
                peer.tls_started(Secured::default());
            }
            Next::Read => {
                let mut buffer = [0; 4096];
                let count = side.read(&mut buffer);
                if count == 0 {
                    side.close();
                    break;
                }
                for octet in &buffer[..count] {
                    line.push(*octet);
                    if *octet == b'\n' {
                        let text = String::from_utf8_lossy(&line).to_uppercase();
                        verb = Some(
                            text.split_whitespace()
                                .next()
                                .unwrap_or_default()
                                .to_owned(),
                        );
                        line.clear();
                    }
                }
                peer.push(&buffer[..count]);
            }
        }
    }
    side.record
}

/// Waits as a slow server does, and no longer than there is a client.
fn pause(side: &mut Side, time: Duration) {
    let end = Instant::now() + time;
    let Some(wire) = side.wire() else { return };
    let left = || {
        end.saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1))
    };
    wire.socket.set_read_timeout(Some(left())).unwrap();
    match wire.socket.peek(&mut [0]) {
        Ok(1) => thread::sleep(left()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        _ => return side.end(),
    }
    wire.socket.set_read_timeout(Some(LIMIT)).unwrap();
}

fn server_ssl() -> Ssl {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    let (_, own) = certificates();
    context.set_certificate(&own.certificate).unwrap();
    context.set_private_key(&own.key).unwrap();
    Ssl::new(&context.build()).unwrap()
}

fn client_ssl() -> Ssl {
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    Ssl::new(&context.build()).unwrap()
}

/// Talks to a server, with the trouble on the client's side.
pub(crate) fn talk(address: SocketAddr, cell: Cell, lines: &[&str]) -> Record {
    let socket = TcpStream::connect(address).unwrap();
    let mut side = Side::new(socket, Some((cell.place, cell.trouble)));
    side.make(Place::BeforeGreeting);
    until(&mut side, |got| got.len() >= 5);
    side.make(Place::Greeting);
    until(&mut side, |got| got.ends_with(b"\n"));
    for line in lines {
        let verb = line.split(' ').next().unwrap_or_default();
        let line = format!("{line}\r\n");
        let (start, end) = line.as_bytes().split_at(3);
        side.write(start);
        match verb {
            "STAT" => side.make(Place::Status),
            _ if verb.ends_with('=') => side.make(Place::Sasl),
            _ => {}
        }
        side.write(end);
        let begin = side.record.got.len();
        if verb == "RETR" {
            until(&mut side, |got| got.len() > begin + 60);
            side.make(Place::Body);
            until(&mut side, |got| got.ends_with(b"\r\n."));
            side.make(Place::Terminator);
        }
        until(&mut side, |got| got.len() > begin && got.ends_with(b"\n"));
        match verb {
            "NOOP" => side.make(Place::Between),
            "QUIT" => side.make(Place::Quit),
            "STLS" if !side.secure(client_ssl(), false) => side.end(),
            _ => {}
        }
    }
    until(&mut side, |_| false);
    side.record
}

/// Reads octet by octet until it is enough, or the end.
fn until(side: &mut Side, is_enough: impl Fn(&[u8]) -> bool) {
    while !side.is_over() && !is_enough(&side.record.got) {
        if side.read(&mut [0]) == 0 {
            side.end();
        }
    }
}
