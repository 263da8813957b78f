//! `poptalk proxy HOST`: between a mail client and a server, one transcript a connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use super::serving::{self, Failure};
use crate::exit::Exit;
use crate::log::LogPlace;
use crate::net::tls::read_ca;
use crate::report;
use crate::serve::{ServeOptions, Serving, Upstream};
use crate::session::{TlsArgs, seconds};
use crate::target;

/// What stands under the help.
pub const EXAMPLES: &str = "\
Examples:
  poptalk proxy mail.example.org --listen 127.0.0.1:1110
  poptalk proxy pop3s://mail.example.org --listen 127.0.0.1:1110 --log DIR";

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

    /// Show each line as it passes, but for message data
    #[arg(short = 'v', long)]
    verbose: bool,

    /// Write passwords and the like in clear into the transcripts
    #[arg(long)]
    keep_secrets: bool,

    /// Seconds to wait for a connection to the server [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

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
    let is_interrupted = serving::interrupt()?;
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
    let certificate = serving::certificate(
        ("--listen-cert", args.listen_cert.as_ref()),
        ("--listen-key", args.listen_key.as_ref()),
    )?;
    let log = match (&args.log, args.no_log) {
        (_, true) => LogPlace::Nowhere,
        (Some(folder), _) => serving::folder(folder)?,
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
            on_line: args.verbose.then_some(|line| _ = serving::print(line)),
        }),
        log,
        certificate,
        autologout: IDLE,
        most_connections: 1000,
        ..ServeOptions::default()
    };
    let (sender, events) = mpsc::channel();
    // The receiver goes when no more is printed.
    let server = Serving::start(options, move |event| drop(sender.send(event)))
        .map_err(|error| (error.to_string(), error.hint()))?;
    serving::write_certificate(args.cert_out.as_ref(), &server)?;
    serving::tell(server, &format!("for {name}"), &events, &is_interrupted);
    Ok(())
}
