//! What `serve` and `proxy` share: an interrupt, files that are given, and a line for each
//! connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::edit_distance::nearest;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::interrupts;
use crate::base::io_error::plain;
use crate::base::say;
use crate::base::stdio;
use crate::modes::serve::ServeEvent;
use crate::modes::server::Server;
use crate::net::listener::MOST_CONNECTIONS;
use crate::net::proxy_protocol::HEADER_WAIT;
use crate::net::server_certificate::ServerCertificate;
use crate::servers::fault::{self, Fault};

pub(super) const POLL_EVERY: Duration = Duration::from_millis(100);

/// How long after an interrupt the same line may wait for a reader.
const UNREAD: Duration = Duration::from_secs(1);

/// What a server of ours does wrong.
#[derive(Debug, clap::Args)]
pub(super) struct FaultArgs {
    /// Misbehave in this way (repeatable; `poptalk serve --list-faults` lists them)
    #[arg(long = "fault", value_name = "NAME", value_parser = fault)]
    pub(super) chosen: Vec<&'static Fault>,
}

/// Where a server of ours listens, and how clients come to trust it.
#[derive(Debug, clap::Args)]
pub(super) struct ListenArgs {
    /// Listen here for cleartext and STLS; port 0 picks a free one
    #[arg(long, alias = "port", value_name = "[ADDR:]PORT", value_parser = listen, default_value = "127.0.0.1:11110")]
    pub(super) listen: SocketAddr,

    /// Listen here for TLS from the first octet
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = listen)]
    pub(super) tls_listen: Option<SocketAddr>,

    /// Accept at most N connections at the same time
    #[arg(long, value_name = "N", default_value_t = MOST_CONNECTIONS, value_parser = connections)]
    pub(super) connections: usize,

    /// Require a PROXY protocol header from each client, as sent by a load balancer
    #[arg(long)]
    accept_proxy_protocol: bool,

    /// Write the certificate that clients see to FILE, for them to trust
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
}

impl ListenArgs {
    /// How long a client may take to send its header. None: it sends none.
    pub(super) fn header_wait(&self) -> Option<Duration> {
        self.accept_proxy_protocol.then_some(HEADER_WAIT)
    }

    /// Writes the certificate to the file of `--cert-out`.
    ///
    /// Errors: it can't be written.
    pub(super) fn write_certificate(&self, server: &Server) -> Result<(), Error> {
        let Some(path) = &self.cert_out else {
            return Ok(());
        };
        files::make_folder_of(path)
            .and_then(|()| std::fs::write(path, server.certificate_pem()))
            .map_err(|error| {
                Error::about(format_args!("--cert-out {}", path.display()), &error)
                    .with_hint("give a file that can be written to")
            })
    }
}

fn fault(name: &str) -> Result<&'static Fault, String> {
    if let Some(fault) = fault::named(name) {
        return Ok(fault);
    }
    let meant = nearest(name, fault::all().map(|fault| fault.name)).map_or_else(
        || "`poptalk serve --list-faults` lists them all".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    Err(format!("unknown fault; {meant}"))
}

/// Reads where to listen: ADDR:PORT; or PORT or :PORT, which is this machine alone.
///
/// Errors: it is neither.
pub(super) fn listen(text: &str) -> Result<SocketAddr, &'static str> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let port = port.strip_prefix(':').unwrap_or(port);
    let is_number = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_number => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ if is_number => Err("a port is a number from 0 to 65535"),
        _ if text.parse::<IpAddr>().is_ok() => {
            Err("the port is missing; give one, as in 127.0.0.1:1110")
        }
        _ => Err(
            "give a port, such as 1110, or an address of this machine and a port, such as 127.0.0.1:1110 or [::1]:1110",
        ),
    }
}

/// Sets a flag at an interrupt, from now on. To be called when all files are open: a FIFO among
/// them can wait indefinitely.
pub(super) fn catch(is_interrupted: &Arc<AtomicBool>) -> Result<(), Error> {
    interrupts::on_end(is_interrupted).map_err(|error| Error::usage(plain(&error)))?;
    let is_interrupted = Arc::clone(is_interrupted);
    let watch = thread::Builder::new().name("signals".to_owned());
    let watch = watch.spawn(move || end_unread(&is_interrupted));
    watch.map(drop).map_err(|error| Error::usage(plain(&error)))
}

/// Ends the program after an interrupt when no one reads what it prints: a full pipe would hold it
/// indefinitely. What was recorded is in the transcripts already, only their last events are
/// missing.
fn end_unread(is_interrupted: &AtomicBool) {
    let mut waiting = (None, Instant::now());
    loop {
        thread::sleep(POLL_EVERY);
        if !is_interrupted.load(Ordering::SeqCst) {
            continue;
        }
        let now = stdio::waiting();
        if now.is_none() || now != waiting.0 {
            waiting = (now, Instant::now());
        } else if waiting.1.elapsed() >= UNREAD {
            std::process::exit(Exit::Usage as i32);
        }
    }
}

fn connections(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err("expected a number from 1 to 10000"),
    }
}

pub(super) fn read(option: &str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::about(format_args!("{option} {}", path.display()), &error)
            .with_hint("give a file in PEM form")
    })
}

/// The certificate that was given with its key, or one of our own making.
pub(super) fn certificate(
    cert: (&str, Option<&PathBuf>),
    key: (&str, Option<&PathBuf>),
) -> Result<ServerCertificate, Error> {
    match (cert, key) {
        ((cert_option, Some(cert)), (key_option, Some(key))) => Ok(ServerCertificate::Given {
            certificate: read(cert_option, cert)?,
            key: read(key_option, key)?,
        }),
        _ => Ok(ServerCertificate::default()),
    }
}

/// Says where it listens and what it is, and loudly that others than this machine can connect, where
/// they can.
///
/// Errors: the reader has gone.
pub(super) fn announce(server: &Server, what: &str) -> io::Result<()> {
    let (address, tls_address) = (server.address(), server.tls_address());
    for address in std::iter::once(address).chain(tls_address) {
        if !address.ip().to_canonical().is_loopback() {
            say::warning(&format!(
                "listening on {address}, which other machines may reach: anyone who can reach that port can connect, and anyone on the network path can read cleartext"
            ));
        }
    }
    let tls = tls_address.map_or_else(String::new, |address| format!(" tls {address}"));
    print(&format!("ready {address}{tls} {what}"))
}

/// Whether the program is to end: it was interrupted, or no one reads what it prints.
pub(super) fn is_over(is_interrupted: &AtomicBool) -> bool {
    is_interrupted.load(Ordering::SeqCst) || stdio::has_lost_reader()
}

/// Prints where the server listens and what it is, and a line for each connection, until the
/// program is to end or no one reads the lines; returns the exit code.
pub(super) fn emit(
    server: Server,
    what: &str,
    events: &Receiver<ServeEvent>,
    is_interrupted: &AtomicBool,
) -> Exit {
    let mut printed = announce(&server, what);
    while printed.is_ok() && !is_over(is_interrupted) {
        match events.recv_timeout(POLL_EVERY) {
            Ok(event) => printed = print(&event.to_string()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let is_whole = server.stop();
    // Connections that were open are also reported.
    for event in events {
        printed = printed.and_then(|()| print(&event.to_string()));
    }
    say::written(&printed, recorded(is_whole))
}

/// The exit code of a server, by whether its transcripts are whole; the reason was reported.
pub(super) fn recorded(is_whole: bool) -> Exit {
    if is_whole { Exit::Well } else { Exit::Usage }
}

/// Prints a line at once.
///
/// Errors: the reader has gone, or there is no room; both end a server.
pub(super) fn print(line: &str) -> io::Result<()> {
    stdio::print(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::listen;

    #[test]
    fn a_port_alone_is_listened_to_on_this_machine_alone() {
        for text in ["1110", ":1110", "127.0.0.1:1110", "localhost:1110"] {
            assert_eq!(
                listen(text),
                Ok("127.0.0.1:1110".parse().unwrap()),
                "{text}"
            );
        }
        assert_eq!(listen("[::1]:0"), Ok("[::1]:0".parse().unwrap()));
        for text in [
            "",
            ":",
            "+1",
            "65536",
            "127.0.0.1",
            "::1",
            "host:1110",
            "127.0.0.1:",
            "::1110",
        ] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
