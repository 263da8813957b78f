//! `poptalk HOST`: the console on a server, or a script.

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::console;
use crate::exit::Exit;
use crate::net::tls::{TlsSettings, Version};
use crate::report;
use crate::script;
use crate::session::{Plan, SessionArgs};
use crate::target;

/// The arguments of `connect`.
#[derive(Debug, clap::Args)]
pub struct ConnectArgs {
    /// HOST, HOST:PORT, or a pop3:// or pop3s:// URL
    // Always there when `connect` runs; not so beside another subcommand.
    #[arg(value_name = "HOST", required = true)]
    host: Option<String>,

    /// The port [default: 110, or 995 with --tls]
    #[arg(value_name = "PORT")]
    port: Option<u16>,

    /// TLS from the first octet, as on port 995
    #[arg(long, group = "security")]
    tls: bool,

    /// Send STLS first
    #[arg(long, group = "security")]
    stls: bool,

    /// Go on although the server's certificate is not to be trusted
    #[arg(long)]
    insecure: bool,

    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The lowest TLS version to agree to
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_min: Option<Version>,

    /// The highest TLS version to agree to
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_max: Option<Version>,

    /// Show this certificate (PEM) to the server
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of --cert (PEM, PKCS #8)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    #[command(flatten)]
    session: SessionArgs,
}

/// Holds the session.
#[must_use]
pub fn run(args: ConnectArgs) -> Exit {
    let host = args.host.as_deref().unwrap_or_default();
    let target = match target::parse(host, args.port, args.tls) {
        Ok(target) => target,
        Err(why) => {
            report::error(
                &why,
                Some("give HOST, HOST:PORT, [ADDRESS]:PORT or a pop3:// URL"),
            );
            return Exit::Usage;
        }
    };
    if args.stls && target.is_tls {
        report::error(
            "--stls on a port where TLS is on from the first octet",
            Some("leave --stls out"),
        );
        return Exit::Usage;
    }
    hold(Plan {
        server: target.to_string(),
        file_name: target.host.clone(),
        target,
        tls: TlsSettings {
            is_insecure: args.insecure,
            ca: args.ca,
            min: args.tls_min,
            max: args.tls_max,
            own_certificate: args.cert.zip(args.key),
            ..TlsSettings::default()
        },
        is_stls: args.stls,
        welcome: None,
        args: args.session,
    })
}

/// Holds a session: with a person at a terminal, or with a script.
#[must_use]
pub fn hold(plan: Plan) -> Exit {
    if let Some(path) = &plan.tls.ca
        && let Err(error) = crate::net::tls::read_ca(path)
    {
        report::error(&error.what, error.hint.as_deref());
        return Exit::Usage;
    }
    if plan.args.lines.is_empty() && std::io::stdin().is_terminal() {
        console::run(plan)
    } else {
        script::run(&plan)
    }
}
