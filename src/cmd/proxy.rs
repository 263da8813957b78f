//! `poptalk proxy HOST`: between a mail client and a server, one transcript a connection.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Exit;
use crate::log::{self, LogPlace};
use crate::net::dial::plain;
use crate::net::tls::read_ca;
use crate::report;
use crate::serve::{Certificate, ServeOptions, Serving, Upstream};
use crate::session::{TlsArgs, seconds};
use crate::target;

/// How soon an interrupt is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// How long a connection to the server may take.
const WAIT: Duration = Duration::from_secs(15);

/// After so long without an octet of either side a connection is closed.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// The arguments of `proxy`.
#[derive(Debug, clap::Args)]
pub struct ProxyArgs {
    /// The server: HOST, HOST:PORT, or a pop3:// or pop3s:// URL
    host: String,

    /// Where to listen for clear text and STLS; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:11110")]
    listen: SocketAddr,

    /// Where to listen for TLS from the first octet
    #[arg(long, value_name = "ADDR:PORT")]
    tls_listen: Option<SocketAddr>,

    /// TLS to the server from the first octet, as on port 995
    #[arg(long, group = "security")]
    tls: bool,

    /// STLS to the server before anything else
    #[arg(long, group = "security")]
    stls: bool,

    #[command(flatten)]
    tls_args: TlsArgs,

    /// The certificate for clients in PEM form, instead of a self-signed one
    #[arg(long, value_name = "FILE", requires = "listen_key")]
    listen_cert: Option<PathBuf>,

    /// The key of --listen-cert in PEM form
    #[arg(long, value_name = "FILE", requires = "listen_cert")]
    listen_key: Option<PathBuf>,

    /// Write the certificate for clients to this file
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,

    /// Write the transcripts into this folder [default: the state folder]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_log")]
    log: Option<PathBuf>,

    /// Write no transcripts
    #[arg(long)]
    no_log: bool,

    /// Write passwords and the like in clear into the transcripts
    #[arg(long)]
    keep_secrets: bool,

    /// Seconds to wait for a connection to the server [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

type Failure = (String, Option<&'static str>);

/// Stands between until an interrupt.
#[must_use]
pub fn run(args: ProxyArgs) -> Exit {
    match proxy(args) {
        Ok(()) => Exit::Well,
        Err((what, hint)) => {
            report::error(&what, hint);
            Exit::Usage
        }
    }
}

fn proxy(args: ProxyArgs) -> Result<(), Failure> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_interrupted))
            .map_err(|error| (plain(&error), None))?;
    }
    let target = target::parse(&args.host, None, args.tls).map_err(|why| {
        (
            why,
            Some("give HOST, HOST:PORT, [ADDRESS]:PORT or a pop3:// URL"),
        )
    })?;
    if args.stls && target.is_tls {
        let what = "--stls to a port where TLS is on from the first octet".to_owned();
        return Err((what, Some("leave --stls out")));
    }
    let settings = args.tls_args.clone().settings();
    if let Some(path) = &settings.ca {
        // Said now, and not to each client.
        read_ca(path).map_err(|error| (error.what, None))?;
    }
    let certificate = match (&args.listen_cert, &args.listen_key) {
        (Some(cert), Some(key)) => Certificate::Given {
            certificate: read("--listen-cert", cert)?,
            key: read("--listen-key", key)?,
        },
        _ => Certificate::default(),
    };
    let log = match (&args.log, args.no_log) {
        (_, true) => LogPlace::Nowhere,
        (Some(folder), _) => {
            log::make_folder(folder).map_err(|error| {
                let what = format!("--log {}: {}", folder.display(), plain(&error));
                (what, Some("name a folder that can be written to"))
            })?;
            LogPlace::Path(folder.clone())
        }
        (None, _) => LogPlace::StateFolder,
    };
    if args.keep_secrets {
        report::warning("secrets are kept in clear in the transcripts (--keep-secrets)");
    }
    let name = target.to_string();
    let options = ServeOptions {
        listen: args.listen,
        tls_listen: args.tls_listen,
        upstream: Some(Upstream {
            target,
            is_stls: args.stls,
            tls: settings,
            wait: args.timeout.unwrap_or(WAIT),
            keeps_secrets: args.keep_secrets,
        }),
        log,
        certificate,
        autologout: IDLE,
        most_connections: 1000,
        ..ServeOptions::default()
    };
    let (sender, events) = mpsc::channel();
    // The receiver goes when no more is printed.
    let serving = Serving::start(options, move |event| drop(sender.send(event)))
        .map_err(|error| (error.to_string(), error.hint()))?;
    if let Some(path) = &args.cert_out {
        let pem = serving.certificate_pem().unwrap_or_default();
        std::fs::write(path, pem).map_err(|error| {
            let what = format!("--cert-out {}: {}", path.display(), plain(&error));
            (what, Some("give a file that can be written"))
        })?;
    }
    let tls = serving.tls_address();
    let tls = tls.map_or_else(String::new, |address| format!(" tls {address}"));
    let mut is_heard = print(&format!("ready {}{tls} for {name}", serving.address()));
    while is_heard && !is_interrupted.load(Ordering::SeqCst) {
        match events.recv_timeout(GLANCE) {
            Ok(event) => is_heard = print(&event.to_string()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(serving);
    for event in events {
        is_heard = is_heard && print(&event.to_string());
    }
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        let what = format!("{option} {}: {}", path.display(), plain(&error));
        (what, Some("give a file in PEM form"))
    })
}

/// Prints a line; false when nobody reads any more.
fn print(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}
