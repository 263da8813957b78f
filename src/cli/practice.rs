//! `poptalk practice`: the console on the built-in server, in this process. No network, no set-up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{connect, listen_args};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::modes::plan::{Plan, SessionArgs};
use crate::modes::serve::{ServeOptions, Server};
use crate::servers::fault::Fault;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk practice                  nothing else is needed
  poptalk practice --tls            the same inside TLS
  poptalk practice -c capa -c quit  two commands, then leave
  poptalk practice --fault bare-lf  a server that does something wrong";

/// The arguments of `practice`.
#[derive(Debug, clap::Args)]
pub(crate) struct PracticeArgs {
    /// TLS from the first octet, as on port 995
    #[arg(long, group = "security")]
    tls: bool,

    /// Send STLS first
    #[arg(long, group = "security")]
    stls: bool,

    /// Do this wrong on purpose; may be given many times (`poptalk serve --list-faults` names them)
    #[arg(long = "fault", value_name = "NAME", value_parser = listen_args::fault)]
    faults: Vec<&'static Fault>,

    #[command(flatten)]
    session: SessionArgs,
}

pub(crate) fn run(args: PracticeArgs) -> Result<Exit, Error> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = ServeOptions {
        tls_listen: args.tls.then_some(any_port),
        faults: args.faults,
        // Who reads a long message in the pager types nothing for a while.
        autologout: Duration::from_secs(60 * 60),
        ..ServeOptions::default()
    };
    let account = options.account.clone();
    let count = options.maildrop.count();
    let server = Server::start(options, |_| {})?;
    let target = server.target(args.tls);
    let version = env!("CARGO_PKG_VERSION");
    let welcome = format!(
        "poptalk {version}: practice server on {target}, {count} messages\nlog in as {}, password {}",
        account.user, account.password
    );
    connect::hold(Plan {
        server: "practice".to_owned(),
        file_name: "practice".to_owned(),
        tls: server.tls_settings(),
        is_stls: args.stls,
        welcome: Some(welcome),
        args: args.session,
        ..Plan::to(target)
    })
}
