//! `poptalk proxy`: between a mail client and a server, one transcript a connection, until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::connect::stls_inside_tls;
use super::listen_args;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::figures::read_size;
use crate::base::files;
use crate::base::io_error::plain;
use crate::base::say;
use crate::modes::plan::{MAX_SIZE, TlsArgs, seconds};
use crate::modes::proxy::{IDLE, ProxyEvent, ProxyOptions, Relay, RelayOutcome};
use crate::net::listener::MOST_CONNECTIONS;
use crate::net::target;
use crate::net::tls;
use crate::transcript::elide::Bodies;
use crate::transcript::file::{self, Destination};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk proxy mail.example.org --listen 127.0.0.1:1110
  poptalk proxy pop3s://mail.example.org --listen 127.0.0.1:1110 --log DIR";

/// The arguments of `proxy`.
#[derive(Debug, clap::Args)]
pub(crate) struct ProxyArgs {
    /// The server: HOST, HOST:PORT, or a pop3:// or pop3s:// URL
    #[arg(value_name = "HOST")]
    host: String,

    /// Where mail clients connect, for clear text and STLS; port 0 takes a free one
    #[arg(long, alias = "port", value_name = "[ADDR:]PORT", value_parser = listen_args::listen, default_value = "127.0.0.1:11110")]
    listen: SocketAddr,

    /// Where mail clients connect for TLS from the first octet
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = listen_args::listen)]
    tls_listen: Option<SocketAddr>,

    /// A certificate for mail clients in PEM form, instead of a self-signed one
    #[arg(long, value_name = "FILE", requires = "listen_key")]
    listen_cert: Option<PathBuf>,

    /// The key of --listen-cert in PEM form
    #[arg(long, value_name = "FILE", requires = "listen_cert")]
    listen_key: Option<PathBuf>,

    /// Write the certificate for mail clients to this file, for those that are to trust it
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,

    /// TLS with the server from the first octet, as on port 995
    #[arg(long, group = "security")]
    tls: bool,

    /// Send STLS to the server before the mail client is greeted
    #[arg(long, group = "security")]
    stls: bool,

    #[command(flatten)]
    tls_args: TlsArgs,

    /// Write the transcripts into this folder [default: the state folder]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_log")]
    log: Option<PathBuf>,

    /// Write no transcripts
    #[arg(long)]
    no_log: bool,

    /// Write passwords and the like in clear into the transcripts and onto the screen
    #[arg(long)]
    keep_secrets: bool,

    /// What becomes of message data in the transcripts: keep, elide, or elide=LINES
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    bodies: Bodies,

    /// Show each line as it passes
    #[arg(short, long)]
    verbose: bool,

    /// Refuse more connections than this at the same time
    #[arg(long, value_name = "N", default_value_t = MOST_CONNECTIONS, value_parser = listen_args::connections)]
    connections: usize,

    /// Close a connection on which nothing has moved for this time [default: 1800]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Close a connection on which more than this has passed: octets, or with K, M or G [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    max_size: Option<u64>,
}

/// Stands in between until an interrupt.
///
/// Errors: a file or a folder that was given is not usable, or there is no proxy.
pub(crate) fn run(args: ProxyArgs) -> Result<Exit, Error> {
    let named = target::parse(&args.host, None, args.tls)?;
    if named.user.is_some() {
        let what = "a user in the URL: the clients of the proxy log in, not the proxy";
        return Err(Error::usage(what).with_hint("leave USER@ out"));
    }
    let target = named.target;
    if args.stls && target.is_tls {
        return Err(stls_inside_tls());
    }
    let certificate = listen_args::certificate(
        ("--listen-cert", args.listen_cert.as_ref()),
        ("--listen-key", args.listen_key.as_ref()),
    )?;
    let server_tls = args.tls_args.settings();
    // A mistake in these files is told now, and not to a mail client.
    let usable = || -> Result<(), tls::TlsError> {
        server_tls.ca.as_deref().map(tls::read_ca).transpose()?;
        if let Some((certificate, key)) = &server_tls.own_certificate {
            tls::read_identity(certificate, key)?;
        }
        Ok(())
    };
    usable().map_err(|error| Error::usage(error.what).with_hint("give a file in PEM form"))?;
    let (log, place) = log_place(args.log, args.no_log)?;
    if args.keep_secrets {
        say::warning("--keep-secrets: passwords are written in clear, and shown with -v");
    }
    let shown_target = target.to_string();
    let options = ProxyOptions {
        is_stls: args.stls,
        server_tls,
        listen: args.listen,
        tls_listen: args.tls_listen,
        certificate,
        log,
        is_keeping: args.keep_secrets,
        bodies: args.bodies,
        is_verbose: args.verbose,
        idle: args.timeout.unwrap_or(IDLE),
        max_size: args.max_size.unwrap_or(MAX_SIZE),
        most_connections: args.connections,
        ..ProxyOptions::new(target)
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let printed = Arc::new(Mutex::new(Ok(())));
    let (is_deaf, outcome) = (Arc::clone(&is_over), Arc::clone(&printed));
    let has_met_other = Arc::new(AtomicBool::new(false));
    let met = Arc::clone(&has_met_other);
    let server = shown_target.clone();
    let on_event = move |event: ProxyEvent| {
        if let ProxyEvent::Ended(ended) = &event
            && let RelayOutcome::OtherService(service) = &ended.outcome
        {
            met.store(true, Ordering::SeqCst);
            let what = format!("{server}: this is {}", service.name);
            Error::usage(what).with_hint(service.hint).say();
        }
        if let Err(error) = listen_args::print(&event.to_string()) {
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
            is_deaf.store(true, Ordering::SeqCst);
        }
    };
    let relay = Relay::start(options, on_event)?;
    listen_args::write_certificate(args.cert_out.as_ref(), relay.certificate_pem())?;
    listen_args::catch(&is_over)?;
    let what = format!("for {shown_target}, {place}");
    match listen_args::announce(relay.address(), relay.tls_address(), &what) {
        Ok(()) => {
            while !listen_args::is_over(&is_over) {
                thread::sleep(listen_args::POLL_EVERY);
            }
        }
        Err(error) => *printed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error),
    }
    let exit = match listen_args::recorded(relay.stop()) {
        Exit::Well if has_met_other.load(Ordering::SeqCst) => Exit::Refused,
        exit => exit,
    };
    let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(say::written(&printed, exit))
}

fn log_place(folder: Option<PathBuf>, is_none: bool) -> Result<(Destination, String), Error> {
    if is_none {
        return Ok((Destination::Nowhere, "no transcripts".to_owned()));
    }
    let place = match &folder {
        Some(folder) => listen_args::folder(folder)?,
        None => Destination::StateFolder,
    };
    let folder = match folder {
        Some(folder) => folder,
        None => file::state_folder().map_err(|error| {
            Error::usage(plain(&error)).with_hint("name a folder with --log, or use --no-log")
        })?,
    };
    Ok((place, format!("transcripts in {}", files::shorten(&folder))))
}
