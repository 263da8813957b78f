//! `poptalk practice`: the console on the built-in server, in this process. No network, no set-up.

use super::connect;
use super::listen_args::FaultArgs;
use super::shared::TlsStartArgs;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::plural::counted;
use crate::modes::plan::{Plan, SessionArgs};
use crate::modes::serve::{ServeOptions, Server};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk practice                  nothing else is needed
  poptalk practice --tls            the same inside TLS
  poptalk practice -c capa -c quit  two commands, then leave
  poptalk practice --fault bare-lf  a server that does something wrong";

#[derive(Debug, clap::Args)]
pub(crate) struct PracticeArgs {
    #[command(flatten)]
    start: TlsStartArgs,

    #[command(flatten)]
    faults: FaultArgs,

    #[command(flatten)]
    session: SessionArgs,
}

pub(crate) fn run(args: PracticeArgs) -> Result<Exit, Error> {
    let options = ServeOptions {
        faults: args.faults.chosen,
        ..ServeOptions::practice(args.start.tls)
    };
    let account = options.account.clone();
    let messages = counted(options.maildrop.count(), "message");
    let server = Server::start(options, |_| {})?;
    let target = server.target(args.start.tls);
    let version = env!("CARGO_PKG_VERSION");
    let welcome = format!(
        "poptalk {version}: practice server on {target}, {messages}\nlog in as {}, password {}",
        account.user, account.password
    );
    connect::hold(Plan {
        server: "practice".to_owned(),
        file_name: "practice".to_owned(),
        tls: server.tls_settings(),
        is_stls: args.start.stls,
        welcome: Some(welcome),
        args: args.session,
        ..Plan::to(target)
    })
}
