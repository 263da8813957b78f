//! `poptalk serve`: the practice server on a port, one line a connection, until it is interrupted.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::listen_args::{self, FaultArgs, ListenArgs};
use super::shared::{LogFolderArgs, broken, not_a_transcript};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::figures::read_size;
use crate::base::plural::counted;
use crate::base::regular::{self, Links};
use crate::base::say;
use crate::base::stdio;
use crate::modes::options::BodiesArgs;
use crate::modes::plan::MAX_SIZE;
use crate::modes::serve::{AUTOLOGOUT, LoginThrottle, ServeOptions, ServedRecording, Server};
use crate::reading::dialogue::Parts;
use crate::servers::any_order::ReplyIndex;
use crate::servers::fault;
use crate::servers::mailbox::Mailbox;
use crate::servers::script::Pace;
use crate::servers::{Account, Maildrop, StoreFailure};
use crate::transcript::file::Destination;
use crate::transcript::text::{self, ParseError};

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk serve --listen 127.0.0.1:1110  the practice maildrop
  poptalk serve recording.pop3           play a recording, row by row
  poptalk serve --any-order recording.pop3  for any mail client
  poptalk serve --fault dele-ignored     a server that does something wrong";

/// The longest autologout, in seconds: a year.
const LONGEST_AUTOLOGOUT: u64 = 366 * 24 * 60 * 60;

#[derive(Debug, clap::Args)]
#[command(mut_arg("log", |arg| arg.help("Write a transcript of each visit to this folder")))]
pub(crate) struct ServeArgs {
    /// Play the server's side of this transcript and expect the client's, instead of practice mail
    file: Option<PathBuf>,

    /// With FILE: keep the recorded server's pauses
    #[arg(long, requires = "file")]
    timing: bool,

    /// With FILE: answer recorded commands in any order
    #[arg(long, alias = "loose", requires = "file", conflicts_with = "timing")]
    any_order: bool,

    #[command(flatten)]
    faults: FaultArgs,

    /// List every fault, what it does, and which rules find it
    #[arg(long)]
    list_faults: bool,

    /// Serve the messages of this Maildir or mbox file, without changing it
    #[arg(long, value_name = "PATH", conflicts_with = "file")]
    mailbox: Option<PathBuf>,

    /// With --mailbox: also delete what clients delete
    #[arg(long, requires = "mailbox")]
    allow_delete: bool,

    #[command(flatten)]
    folder: LogFolderArgs,

    #[command(flatten)]
    data: BodiesArgs,

    /// Limit the transcripts of --log in all: octets, or with K, M or G [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = read_size, requires = "log")]
    max_size: Option<u64>,

    #[command(flatten)]
    ports: ListenArgs,

    /// User name to log in with
    #[arg(long, value_name = "NAME", default_value = "alice", value_parser = name)]
    user: String,

    /// Password to log in with; shown, since it is for practice
    #[arg(long, value_name = "PASSWORD", default_value = "wonderland", value_parser = password)]
    password: String,

    /// Close a connection after this many seconds without a command
    #[arg(long, value_name = "SECONDS", default_value_t = AUTOLOGOUT.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=LONGEST_AUTOLOGOUT))]
    autologout: u64,

    /// Delay the reply to a failed login by this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(..=60))]
    login_pause: u64,

    /// Close a connection after N failed logins
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    login_tries: u32,

    /// Use this certificate (PEM) instead of a self-signed one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Request client certificates from this authority (PEM), for AUTH EXTERNAL
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
}

/// A name that USER and APOP can carry: RFC 1939 §3 separates arguments by a space.
fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || !text.bytes().all(|octet| matches!(octet, b'!'..=b'~')) {
        return Err("a name consists of one or more visible ASCII characters");
    }
    Ok(text.to_owned())
}

/// A password that PASS can carry: all that is on the line.
fn password(text: &str) -> Result<String, &'static str> {
    if text.contains(char::is_control) || text.len() > 200 {
        return Err("a password has at most 200 octets and no control characters");
    }
    Ok(text.to_owned())
}

/// Serves until an interrupt.
///
/// Errors: a file or a folder that was given is not usable, or there is no server.
pub(crate) fn run(args: ServeArgs) -> Result<Exit, Error> {
    if args.list_faults {
        return Ok(list_faults());
    }
    let certificate =
        listen_args::certificate(("--cert", args.cert.as_ref()), ("--key", args.key.as_ref()))?;
    let client_ca = args.client_ca.as_deref();
    let client_ca = client_ca.map(|path| listen_args::read("--client-ca", path));
    let client_ca = client_ca.transpose()?;
    let file = args.file.as_deref();
    let recording = file.map(|path| recording(path, args.timing, args.any_order));
    let recording = recording.transpose()?;
    let log = args.folder.made()?;
    let log = log.map_or(Destination::Nowhere, |log| Destination::Folder(log.into()));
    let maildrop = match &args.mailbox {
        Some(path) => mailbox(path, args.allow_delete)?,
        None => ServeOptions::default().maildrop,
    };
    let practice = Account::practice();
    let options = ServeOptions {
        listen: args.ports.listen,
        tls_listen: args.ports.tls_listen,
        client_ca,
        faults: args.faults.chosen,
        recording,
        maildrop,
        log,
        bodies: args.data.bodies,
        max_size: args.max_size.unwrap_or(MAX_SIZE),
        account: Account {
            // A name or password that was given is the only one.
            is_practice: (&args.user, &args.password) == (&practice.user, &practice.password),
            user: args.user,
            password: args.password,
        },
        autologout: Duration::from_secs(args.autologout),
        certificate,
        most_connections: args.ports.connections,
        header_wait: args.ports.header_wait(),
        brake: LoginThrottle {
            pause: Duration::from_secs(args.login_pause),
            tries: args.login_tries,
        },
    };
    if args.mailbox.is_some() && options.account.is_practice {
        say::warning(
            "this name and password are public: anyone who can connect can read that mail; --password sets a different one",
        );
    }
    let Account { user, password, .. } = options.account.clone();
    let messages = counted(options.maildrop.count(), "message");
    let (sender, events) = mpsc::channel();
    // The receiver goes when no more is printed.
    let server = Server::start(options, move |event| drop(sender.send(event)))?;
    args.ports.write_certificate(&server)?;
    let is_interrupted = Arc::default();
    listen_args::catch(&is_interrupted)?;
    let what = match &args.file {
        Some(path) => format!("playing {}", path.display()),
        None => format!("user {user} password {password}, {messages}"),
    };
    Ok(listen_args::emit(server, &what, &events, &is_interrupted))
}

fn mailbox(path: &Path, may_delete: bool) -> Result<Maildrop, Error> {
    let failed = |why: &str| Error::usage(format!("--mailbox {}: {why}", path.display()));
    let hint = match cfg!(windows) {
        true => "name an mbox file",
        false => "name a Maildir, a folder with `cur` and `new` in it, or an mbox file",
    };
    let mailbox =
        Mailbox::open(path, may_delete).map_err(|why| failed(&why.to_string()).with_hint(hint))?;
    Maildrop::kept_in(Arc::new(mailbox))
        .map_err(|StoreFailure| failed("none of its messages can be served"))
}

fn list_faults() -> Exit {
    let mut out = stdio::output();
    let result = fault::all().try_for_each(|fault| {
        writeln!(
            out,
            "{:<30} {} ({})",
            fault.name,
            fault.says,
            fault.found_by()
        )
    });
    say::written(&result.and_then(|()| out.flush()), Exit::Well)
}

/// What to do about a file that is not a transcript.
const TRANSCRIPT_HINT: &str = "name a transcript, such as one in the state folder";

/// Reads the whole transcript once, so that a mistake in it is reported now and not to a client.
fn recording(path: &Path, is_timed: bool, is_loose: bool) -> Result<ServedRecording, Error> {
    // It is read again for each client.
    let open = || regular::open(path, Links::Follow).map(io::BufReader::new);
    let file = open().map_err(|error| {
        let is_port = path
            .to_str()
            .is_some_and(|text| listen_args::listen(text).is_ok());
        let hint = match is_port {
            true => "--listen gives the port, such as --listen 1110",
            false => TRANSCRIPT_HINT,
        };
        Error::about(path.display(), &error).with_hint(hint)
    })?;
    let wrong = |error: ParseError| broken(path, &error);
    let mut items = text::Reader::new(file);
    for item in items.by_ref() {
        item.map_err(wrong)?;
    }
    if !items.is_transcript() {
        return Err(Error::usage(not_a_transcript(path)).with_hint(TRANSCRIPT_HINT));
    }
    let index = if is_loose {
        let file = open().map_err(|error| Error::about(path.display(), &error))?;
        Some(Arc::new(ReplyIndex::of(Parts::new(file)).map_err(wrong)?))
    } else {
        None
    };
    Ok(ServedRecording {
        path: path.to_owned(),
        pace: Pace { is_timed },
        index,
    })
}
