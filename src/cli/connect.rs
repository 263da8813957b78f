//! `poptalk HOST`: the console on a server, or a script.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use zeroize::Zeroizing;

use super::discover::{DomainServers, Search, find};
use super::shared::TlsStartArgs;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::say;
use crate::modes::console;
use crate::modes::plan::{AddressArgs, Plan, SessionArgs, TlsArgs};
use crate::modes::script;
use crate::net::dns;
use crate::net::srv::SrvService;
use crate::net::target;
use crate::net::tls::{self, TlsSettings, read_ca};
use crate::net::upstream_proxy::{self, Proxy, ProxyError};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk mail.example.org                  console, port 110
  poptalk --tls mail.example.org            TLS from the first octet, port 995
  poptalk --stls -u alice --login mail.example.org
  poptalk -c capa -c quit mail.example.org  two commands, then leave
  poptalk mail.example.org < lines.txt      a script";

const LOOK_UP_WAIT: Duration = Duration::from_secs(15);

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| {
        "a port is a number from 1 to 65535; only a port may follow the host".to_owned()
    })
}

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("connect_to", |arg| arg.requires("host")),
    // There the proxy looks the host up.
    mut_arg("ipv4", |arg| arg.conflicts_with("proxy")),
    mut_arg("ipv6", |arg| arg.conflicts_with("proxy")),
)]
pub(crate) struct ConnectArgs {
    /// HOST, HOST:PORT, pop3://[USER@]HOST or pop3s://[USER@]HOST; if omitted, DNS names the server
    /// of -u NAME@DOMAIN
    // Not there beside another subcommand either.
    #[arg(value_name = "HOST", required_unless_present = "user")]
    pub(crate) host: Option<String>,

    /// Port [default: 110, or 995 with --tls]
    #[arg(value_name = "PORT", value_parser = port)]
    port: Option<u16>,

    #[command(flatten)]
    start: TlsStartArgs,

    /// Connect through socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; its password is in
    /// POPTALK_PROXY_PASSWORD
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,

    /// DNS server to look up the HOST [default: those of the system]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = dns::server, conflicts_with = "host")]
    dns: Option<SocketAddr>,

    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    tls_args: TlsArgs,

    #[command(flatten)]
    session: SessionArgs,
}

/// Holds the session.
///
/// Errors: there is no server to connect to, or the options do not fit.
pub(crate) fn run(args: ConnectArgs) -> Result<Exit, Error> {
    let proxy = args.proxy.as_deref().map(read_proxy).transpose()?;
    let Some(found) = seek(&args, proxy.as_ref())? else {
        say::note("not connected");
        return Ok(Exit::Usage);
    };
    let target = found.target;
    args.start.check(&target)?;
    hold(Plan {
        spares: found.spares,
        proxy,
        addresses: args.address.settings(),
        found: found.event,
        user: found
            .user
            .filter(|_| args.session.credentials.user.is_none()),
        tls: TlsSettings {
            names: found.names,
            ..args.tls_args.settings()
        },
        is_stls: args.start.stls || found.is_stls,
        args: args.session,
        ..Plan::to(target)
    })
}

/// The proxy of a URL, with the password of the environment.
fn read_proxy(url: &str) -> Result<Proxy, ProxyError> {
    let password = std::env::var_os(upstream_proxy::VARIABLE)
        .map(|password| Zeroizing::new(password.into_encoded_bytes()));
    upstream_proxy::parse(url, password)
}

/// The server that was named, or the one that DNS knows.
fn seek(args: &ConnectArgs, proxy: Option<&Proxy>) -> Result<Option<DomainServers>, Error> {
    let Some(host) = args.host.as_deref() else {
        let services: &[SrvService] = match (args.start.tls, args.start.stls) {
            (true, _) => &[SrvService::Pop3s],
            (_, true) => &[SrvService::Pop3],
            // RFC 8314 §5.1: TLS from the first octet comes first, whatever the priorities say.
            _ => &[SrvService::Pop3s, SrvService::Pop3],
        };
        return find(&Search {
            address: args.session.credentials.user.as_deref().unwrap_or_default(),
            services,
            dns: args.dns,
            wait: args.session.limits.timeout.unwrap_or(LOOK_UP_WAIT),
            proxy,
            has_person: is_for_person(&args.session),
            tls_name: args.tls_args.tls_name.as_deref(),
        });
    };
    let named = target::parse(host, args.port, args.start.tls)?;
    Ok(Some(DomainServers {
        target: named.target,
        user: named.user,
        spares: Vec::new(),
        event: None,
        names: Vec::new(),
        is_stls: false,
    }))
}

fn is_for_person(args: &SessionArgs) -> bool {
    args.lines.is_empty() && std::io::stdin().is_terminal()
}

/// Holds a session: with a person at a terminal, or with a script.
pub(crate) fn hold(plan: Plan) -> Result<Exit, Error> {
    if let Some(path) = &plan.tls.ca {
        read_ca(path).map_err(|error| Error::from(error).with_exit(Exit::Usage))?;
    }
    if plan.target.is_tls || plan.is_stls {
        tls::prepare(&plan.tls);
    }
    Ok(if is_for_person(&plan.args) {
        console::run(plan, None)
    } else {
        script::run(&plan)
    })
}
