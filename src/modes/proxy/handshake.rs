//! The start of a connection: connecting to the server, and TLS on either leg.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Interest;

use super::connection::ProxiedConnection;
use super::leg::{LegStream, ReadOutcome};
use super::{CLIENT, CONNECT, RelayOutcome, SERVER};
use crate::base::io_error::plain;
use crate::base::service::Service;
use crate::net::acceptor::Handshake;
use crate::net::dial::{dial, introduce};
use crate::net::tls::{self, TlsError};
use crate::pop3::tracker::{Side, Status};
use crate::transcript::event::Event;

/// The longest greeting, and reply to our own STLS, in octets.
const LINE_MAX: usize = 4096;

/// The longest reply of our own in octets, line end included (RFC 2449 §4).
const REPLY_MAX: usize = 512;

/// How many unused octets an event shows.
const TOLD_MAX: usize = 256;

impl ProxiedConnection<'_> {
    /// Connects to the server, so far as the options say; on return its leg is ready. What the
    /// server said already is for the client then.
    pub(super) fn reach_server(&mut self, client: SocketAddr) -> Result<(), RelayOutcome> {
        let shared = self.shared;
        self.is_dialling(true);
        let addresses = &shared.options.addresses;
        let place = addresses.place(&shared.options.target);
        let wait = CONNECT.min(shared.options.idle);
        let dialled = dial(&place, addresses.version, wait);
        self.is_dialling(false);
        let (socket, address) = match dialled {
            Ok(dialled) => dialled,
            Err(error) => {
                self.tape.event(&error.event());
                return Err(self.refuse(error.to_string()));
            }
        };
        self.tape
            .event(&Event::ConnectedUpstream(address.to_string()));
        if let Some(settings) = &addresses.header {
            match introduce(&socket, settings, Some(client), address, wait) {
                Ok(header) => self.tape.upstream(Event::ProxyProtocol(header.to_string())),
                Err(error) => {
                    self.tape.event(&error.event());
                    return Err(self.refuse(error.to_string()));
                }
            }
        }
        let ready = || -> io::Result<mio::net::TcpStream> {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let mut socket = mio::net::TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut socket, SERVER, interest)?;
            Ok(socket)
        };
        self.server.stream = match ready() {
            Ok(socket) => LegStream::Plain(socket),
            Err(error) => return Err(self.refuse(plain(&error))),
        };
        if shared.options.target.is_tls {
            self.secure_server(false)
                .map_err(|error| self.refuse(error.to_string()))?;
        } else if shared.options.is_stls {
            self.ask_for_tls()?;
        }
        Ok(())
    }

    /// Says STLS to the server in place of the client, before the greeting is handed on.
    fn ask_for_tls(&mut self) -> Result<(), RelayOutcome> {
        let greeting = self.own_line("a greeting")?;
        if Status::of_line(&greeting) != Status::Positive {
            // The refusal is for the client; what follows in cleartext is ignored.
            self.pass_to_client(&greeting)?;
            if let Some(service) = Service::of_start(&greeting) {
                return Err(RelayOutcome::OtherService(service));
            }
            let why = match Status::of_line(&greeting) {
                Status::Malformed => {
                    "the greeting is neither +OK nor -ERR; STLS was not sent".to_owned()
                }
                _ => "the greeting is -ERR".to_owned(),
            };
            return Err(RelayOutcome::NoServer(why));
        }
        self.is_greeted = true;
        self.own_words(Side::Client, "STLS");
        self.pass_to_server(b"STLS\r\n");
        let reply = self.own_line("a reply to STLS")?;
        let shown = String::from_utf8_lossy(&reply).trim_end().to_owned();
        self.own_words(Side::Server, &shown);
        if Status::of_line(&reply) != Status::Positive {
            return Err(self.refuse(format!("the server refused STLS: {shown}")));
        }
        self.secure_server(true)
            .map_err(|error| self.refuse(error.to_string()))?;
        self.pass_to_client(&greeting)
    }

    /// Records a line between us and the server that the client does not see.
    fn own_words(&mut self, side: Side, text: &str) {
        let text = text.to_owned();
        self.tape.event(&Event::UpstreamLine { side, text });
    }

    /// One line of the server's that is not handed on as it comes. Nothing may follow it: we have
    /// asked for no more, and what came in cleartext is not to be taken for what comes inside TLS
    /// (RFC 2595 §4).
    fn own_line(&mut self, what: &str) -> Result<Vec<u8>, RelayOutcome> {
        let deadline = Instant::now() + self.shared.handshake_wait();
        let mut line = Vec::new();
        let mut buffer = [0; LINE_MAX];
        let end = loop {
            // Fails at once where the server is gone; reading reports it then.
            let _ = self.server.send();
            match self.server.read(&mut buffer) {
                ReadOutcome::Octets(count) => {
                    line.extend_from_slice(buffer.get(..count).unwrap_or_default())
                }
                ReadOutcome::Nothing => {
                    if !self.wait_until(deadline)? {
                        return Err(self.refuse(format!("timed out waiting for {what}")));
                    }
                }
                ReadOutcome::End => {
                    return Err(self.refuse(format!("closed instead of sending {what}")));
                }
                ReadOutcome::Broken(why) => return Err(self.refuse(why)),
            }
            if let Some(lf) = memchr::memchr(b'\n', &line) {
                break lf + 1;
            }
            if line.len() > LINE_MAX {
                return Err(self.refuse(format!("{what} without a line end")));
            }
        };
        let after = line.split_off(end);
        // Other services greet in several lines.
        if after.is_empty() || Service::of_start(&line).is_some() {
            return Ok(line);
        }
        let shown = after.get(..TOLD_MAX).unwrap_or(&after).escape_ascii();
        self.tape.upstream(Event::Injected {
            by: Side::Server,
            octets: after.len() as u64,
            shown: Some(shown.to_string()),
        });
        self.refuse("unsolicited octets in cleartext".to_owned());
        Err(RelayOutcome::Injected(Side::Server))
    }

    /// Greets the client with the news that there is no server.
    fn refuse(&mut self, why: String) -> RelayOutcome {
        let text = format!(
            "-ERR [SYS/TEMP] no connection to {}: {why}",
            self.shared.options.target
        );
        let mut line: Vec<u8> = text
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .take(REPLY_MAX - 2)
            .collect();
        line.extend_from_slice(b"\r\n");
        // A client that has gone in the meantime gets nothing.
        let _ = self.pass_to_client(&line);
        RelayOutcome::NoServer(why)
    }

    pub(super) fn secure_server(&mut self, is_stls: bool) -> Result<(), TlsError> {
        let LegStream::Plain(socket) = std::mem::replace(&mut self.server.stream, LegStream::None)
        else {
            return Ok(());
        };
        let shared = self.shared;
        let wait_max = shared.handshake_wait();
        let deadline = Instant::now() + wait_max;
        let (poll, events, client) = (&mut self.poll, &mut self.events, &mut self.client);
        let mut wait = || {
            let left = deadline.saturating_duration_since(Instant::now());
            // A failed wait is tried again until the time is up.
            let _ = poll.poll(events, Some(left));
            if events.iter().any(|event| event.token() == CLIENT) {
                client.wake();
            }
            if shared.is_stopping() {
                Err(TlsError::new("stopped"))
            } else if left.is_zero() {
                Err(tls::reason::no_answer(wait_max))
            } else {
                Ok(())
            }
        };
        let host = &shared.options.target.host;
        match tls::handshake(socket, host, &shared.options.server_tls, is_stls, &mut wait) {
            Ok((stream, mut facts)) => {
                facts.hide(&|text| self.tape.hide_text(text));
                self.server.stream = LegStream::Server(Box::new(stream));
                self.server.wake();
                self.tape.upstream(facts.event());
                self.tls.1 = Some(format!("{} {}", facts.version, facts.cipher));
                Ok(())
            }
            Err(error) => {
                let mut error = match is_stls {
                    true => error,
                    false => error.at_once(shared.options.addresses.header.is_some()),
                };
                error.hide(&|text| self.tape.hide_text(text));
                self.tape.upstream(Event::TlsFailed(error.to_string()));
                if let Some(hint) = &error.hint {
                    crate::base::say::warning(&format!(
                        "{}: {error}; {hint}",
                        shared.options.target
                    ));
                }
                Err(error)
            }
        }
    }

    pub(super) fn secure_client(&mut self) -> Result<(), RelayOutcome> {
        let LegStream::Plain(socket) = std::mem::replace(&mut self.client.stream, LegStream::None)
        else {
            return Ok(());
        };
        let deadline = Instant::now() + self.shared.handshake_wait();
        let mut handshake = self.shared.acceptor.begin(socket);
        let why = loop {
            match handshake {
                Handshake::Done(inside) => {
                    let facts = inside.facts();
                    self.client.stream = LegStream::Client(Box::new(inside));
                    self.client.wake();
                    self.tape.tls_started(&facts);
                    self.tls.0 = Some(facts);
                    return Ok(());
                }
                Handshake::Waiting(half) => {
                    if !self.wait_until(deadline)? {
                        break "timed out".to_owned();
                    }
                    handshake = half.go_on();
                }
                Handshake::Failed(why) => break why,
            }
        };
        self.tape.event(&Event::TlsFailed(why.clone()));
        Err(RelayOutcome::TlsFailed(why))
    }

    /// Waits for something on a socket; false when `deadline` has passed.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> Result<bool, RelayOutcome> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.wait(Some(left))?;
        Ok(left > Duration::ZERO)
    }
}
