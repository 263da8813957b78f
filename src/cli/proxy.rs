//! `poptalk proxy`: between a mail client and a server, one transcript a connection, until it is
//! interrupted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::listen_args::{self, ListenArgs};
use super::shared::{LogFolderArgs, TlsStartArgs};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::figures::read_size;
use crate::base::files;
use crate::base::lock::lock;
use crate::base::say;
use crate::modes::options::{BodiesArgs, NoLogArgs, SecretsArgs, seconds};
use crate::modes::plan::{AddressArgs, MAX_SIZE, TlsArgs};
use crate::modes::proxy::{self, IDLE, ProxyEvent, ProxyOptions, RelayOutcome};
use crate::net::target;
use crate::net::tls;
use crate::transcript::file::Destination;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk proxy mail.example.org --listen 127.0.0.1:1110
  poptalk proxy pop3s://mail.example.org --listen 127.0.0.1:1110 --log DIR";

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("tls", |arg| arg.help("Use TLS to the server from the first octet, as on port 995")),
    mut_arg("proxy_source", |arg| arg.help("Source address in that header [default: the mail client's]")),
    mut_arg("stls", |arg| arg.help("Send STLS to the server before greeting the mail client")),
)]
pub(crate) struct ProxyArgs {
    /// The server: HOST, HOST:PORT, or a pop3:// or pop3s:// URL
    #[arg(value_name = "HOST")]
    host: String,

    #[command(flatten)]
    ports: ListenArgs,

    /// Use this certificate (PEM) for mail clients instead of a self-signed one
    #[arg(long, value_name = "FILE", requires = "listen_key")]
    listen_cert: Option<PathBuf>,

    /// Key of --listen-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "listen_cert")]
    listen_key: Option<PathBuf>,

    #[command(flatten)]
    start: TlsStartArgs,

    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    tls_args: TlsArgs,

    #[command(flatten)]
    folder: LogFolderArgs,

    #[command(flatten)]
    no_log: NoLogArgs,

    #[command(flatten)]
    secrets: SecretsArgs,

    #[command(flatten)]
    data: BodiesArgs,

    /// Show each line as it passes
    #[arg(short, long)]
    verbose: bool,

    /// Close a connection after this many idle seconds [default: 1800]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Limit what passes on a connection: octets, or with K, M or G [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    max_size: Option<u64>,
}

/// Relays until an interrupt.
///
/// Errors: a file or a folder that was given is not usable, or there is no proxy.
pub(crate) fn run(args: ProxyArgs) -> Result<Exit, Error> {
    let named = target::parse(&args.host, None, args.start.tls)?;
    if named.user.is_some() {
        let what = "the URL names a user, but the proxy does not log in: its clients do";
        return Err(Error::usage(what).with_hint("omit USER@"));
    }
    let target = named.target;
    args.start.check(&target)?;
    let certificate = listen_args::certificate(
        ("--listen-cert", args.listen_cert.as_ref()),
        ("--listen-key", args.listen_key.as_ref()),
    )?;
    let server_tls = args.tls_args.settings();
    // A mistake in these files is reported now, and not to a mail client.
    let usable = || -> Result<(), tls::TlsError> {
        server_tls.ca.as_deref().map(tls::read_ca).transpose()?;
        if let Some((certificate, key)) = &server_tls.own_certificate {
            tls::read_identity(certificate, key)?;
        }
        Ok(())
    };
    usable().map_err(|error| Error::usage(error.what).with_hint("give a file in PEM form"))?;
    let (log, place) = log_place(&args.folder, args.no_log.no_log)?;
    if args.secrets.keep_secrets {
        say::warning("--keep-secrets: passwords are written in cleartext, and shown with -v");
    }
    let shown_target = target.to_string();
    let options = ProxyOptions {
        is_stls: args.start.stls,
        server_tls,
        addresses: args.address.settings(),
        listen: args.ports.listen,
        tls_listen: args.ports.tls_listen,
        certificate,
        log,
        is_keeping: args.secrets.keep_secrets,
        bodies: args.data.bodies,
        is_verbose: args.verbose,
        idle: args.timeout.unwrap_or(IDLE),
        max_size: args.max_size.unwrap_or(MAX_SIZE),
        most_connections: args.ports.connections,
        header_wait: args.ports.header_wait(),
        ..ProxyOptions::new(target)
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let printed = Arc::new(Mutex::new(Ok(())));
    let (is_deaf, outcome) = (Arc::clone(&is_over), Arc::clone(&printed));
    let has_met_other = Arc::new(AtomicBool::new(false));
    let met = Arc::clone(&has_met_other);
    let host = shown_target.clone();
    let on_event = move |event: ProxyEvent| {
        if let ProxyEvent::Ended(ended) = &event
            && let RelayOutcome::OtherService(service) = &ended.outcome
        {
            met.store(true, Ordering::SeqCst);
            let what = format!("{host}: this is {}", service.name);
            say::error(&what, Some(service.hint));
        }
        if let Err(error) = listen_args::print(&event.to_string()) {
            *lock(&outcome) = Err(error);
            is_deaf.store(true, Ordering::SeqCst);
        }
    };
    let server = proxy::start(options, on_event)?;
    args.ports.write_certificate(&server)?;
    listen_args::catch(&is_over)?;
    let what = format!("for {shown_target}, {place}");
    match listen_args::announce(&server, &what) {
        Ok(()) => {
            while !listen_args::is_over(&is_over) {
                thread::sleep(listen_args::POLL_EVERY);
            }
        }
        Err(error) => *lock(&printed) = Err(error),
    }
    let exit = match listen_args::recorded(server.stop()) {
        Exit::Well if has_met_other.load(Ordering::SeqCst) => Exit::Refused,
        exit => exit,
    };
    let printed = lock(&printed);
    Ok(say::written(&printed, exit))
}

/// Where the transcripts go, and how that is shown.
fn log_place(folder: &LogFolderArgs, is_none: bool) -> Result<(Destination, String), Error> {
    if is_none {
        return Ok((Destination::Nowhere, "no transcripts".to_owned()));
    }
    let path = folder.or_state_folder()?;
    let shown = format!("transcripts in {}", files::shorten(&path));
    let place = match folder.log {
        Some(_) => Destination::Folder(path),
        None => Destination::StateFolder,
    };
    Ok((place, shown))
}
