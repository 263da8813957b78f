//! What the console and scripts share: the options of a session, and opening its connection with
//! its transcript.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::base::error::Explain;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::io_error::plain;
use crate::modes::options::{
    BodiesArgs, CredentialArgs, LimitArgs, NoLogArgs, ScreenArgs, SecretsArgs, ShapeArgs,
};
use crate::net::dial::Route;
use crate::net::engine::{Connection, Observer, OpenError, Request, Snapshot, Timeouts};
use crate::net::password::{self, PasswordError};
use crate::net::proxy_protocol::{HeaderSettings, HeaderVersion};
use crate::net::target::{self, AddressSettings, IpVersion, Resolved, Target, tls_name};
use crate::net::tls::{TlsSettings, Version};
use crate::net::upstream_proxy::Proxy;
use crate::pop3::command::{Command, Effect, Shape};
use crate::pop3::tracker::{Role, Status};
use crate::transcript::event::Event;
use crate::transcript::file::{self, Destination};
use crate::transcript::recorder::Recorder;
use crate::transcript::secret::{self, Hider, Secrets};

/// How many octets one connection takes from the other side by default. All of them may be stored.
pub(crate) const MAX_SIZE: u64 = 4 << 30;

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SessionArgs {
    /// Send LINE and wait for its reply; exit after the last (repeatable)
    #[arg(short = 'c', long = "command", value_name = "LINE")]
    pub(crate) lines: Vec<String>,

    /// Write the transcript to PATH (a new file, or a folder)
    #[arg(long, value_name = "PATH", conflicts_with = "no_log")]
    pub(crate) log: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) no_log: NoLogArgs,

    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,

    #[command(flatten)]
    pub(crate) data: BodiesArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    /// Log in with the strongest mechanism offered, explaining each line sent
    #[arg(long)]
    pub(crate) login: bool,

    /// Allow plaintext logins without TLS, without asking
    #[arg(long)]
    pub(crate) allow_plaintext: bool,

    /// Send every line to the server, even if it starts with `:` or `?`
    #[arg(long)]
    pub(crate) raw: bool,

    /// In a script: do not wait for replies, except after STLS, AUTH and QUIT
    #[arg(long)]
    pub(crate) pipeline: bool,

    /// In a script: continue after a reply that is not +OK (exit code 1)
    #[arg(long)]
    pub(crate) keep_going: bool,

    #[command(flatten)]
    pub(crate) shapes: ShapeArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) screen: ScreenArgs,
}

/// How to check a server, and what to show it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct TlsArgs {
    /// Continue even if the certificate cannot be verified
    #[arg(long)]
    insecure: bool,

    /// Also trust the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Trust only the certificates in this PEM file, and none of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "ca")]
    ca_only: Option<PathBuf>,

    /// Accept only the certificate with this SHA-256, no matter who signed it
    #[arg(long, value_name = "SHA256:HEX", value_parser = fingerprint, conflicts_with_all = ["insecure", "ca", "ca_only"])]
    pin: Option<[u8; 32]>,

    /// Name to send in the TLS handshake (SNI) and to verify in the certificate [default: HOST]
    #[arg(long, value_name = "NAME", value_parser = tls_name)]
    pub(crate) tls_name: Option<String>,

    /// Lowest TLS version to accept
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_min: Option<Version>,

    /// Highest TLS version to accept
    #[arg(long, value_enum, value_name = "VERSION")]
    tls_max: Option<Version>,

    /// Present this client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Key of --cert (PEM, PKCS #8)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Reads `SHA256:` and 64 hexadecimal digits, with or without colons between them.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits = match text.split_once(':') {
        Some((kind, digits)) if kind.eq_ignore_ascii_case("sha256") => digits,
        _ => text,
    };
    let digit = |digit: char| {
        digit
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let digits: Option<Vec<u8>> = digits
        .chars()
        .filter(|sign| *sign != ':')
        .map(digit)
        .collect();
    let (pairs, rest) = digits.as_deref().unwrap_or_default().as_chunks();
    let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    match <[u8; 32]>::try_from(octets) {
        Ok(octets) if rest.is_empty() => Ok(octets),
        _ => Err("give SHA256: and 64 hexadecimal digits, as `:tls` shows them".to_owned()),
    }
}

impl TlsArgs {
    pub(crate) fn settings(self) -> TlsSettings {
        TlsSettings {
            is_insecure: self.insecure,
            is_ca_only: self.ca_only.is_some(),
            ca: self.ca_only.or(self.ca),
            pin: self.pin,
            name: self.tls_name,
            min: self.tls_min,
            max: self.tls_max,
            own_certificate: self.cert.zip(self.key),
            ..TlsSettings::default()
        }
    }
}

/// Which address to connect to, and how the connection begins.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct AddressArgs {
    /// Connect to this address instead of looking up HOST, which still names the server
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = target::connect_to)]
    connect_to: Option<(String, Option<u16>)>,

    /// Use ADDRESS for HOST:PORT instead of looking HOST up (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = target::resolve)]
    resolve: Vec<Resolved>,

    /// Use only IPv4 addresses
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use only IPv6 addresses
    #[arg(short = '6', long)]
    ipv6: bool,

    /// Begin each connection with a PROXY protocol header, as a load balancer does
    #[arg(long, value_enum, value_name = "VERSION")]
    proxy_protocol: Option<HeaderVersion>,

    /// Source address in that header [default: that of the connection]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = target::proxy_source, requires = "proxy_protocol")]
    proxy_source: Option<(IpAddr, Option<u16>)>,
}

impl AddressArgs {
    pub(crate) fn settings(self) -> AddressSettings {
        AddressSettings {
            connect_to: self.connect_to,
            resolve: self.resolve,
            version: match (self.ipv4, self.ipv6) {
                (true, _) => Some(IpVersion::V4),
                (_, true) => Some(IpVersion::V6),
                _ => None,
            },
            header: self.proxy_protocol.map(|version| HeaderSettings {
                version,
                source: self.proxy_source,
            }),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What the server is called, in the transcript's head.
    pub(crate) server: String,
    /// What the server is called in the name of the transcript's file.
    pub(crate) file_name: String,
    pub(crate) target: Target,
    /// Other servers for the same maildrop, in the order to try them.
    pub(crate) spares: Vec<Target>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) addresses: AddressSettings,
    /// How the server was found, as an event of the transcript; None when it was named.
    pub(crate) found: Option<Event>,
    /// The user who was named with the target, and not with an earlier one.
    pub(crate) user: Option<String>,
    pub(crate) tls: TlsSettings,
    pub(crate) is_stls: bool,
    /// What was secret on the connections before this one.
    pub(crate) secrets: Secrets,
    pub(crate) welcome: Option<String>,
    pub(crate) args: SessionArgs,
}

impl Plan {
    /// Returns a session with a server that is called by its address, without any options.
    pub(crate) fn to(target: Target) -> Self {
        Self {
            server: target.to_string(),
            file_name: target.host.clone(),
            target,
            spares: Vec::new(),
            proxy: None,
            addresses: AddressSettings::default(),
            found: None,
            user: None,
            tls: TlsSettings::default(),
            is_stls: false,
            secrets: Secrets::default(),
            welcome: None,
            args: SessionArgs::default(),
        }
    }

    /// The user who is to log in, as far as is known: the one of the target, or that of `-u`.
    pub(crate) fn user(&self) -> Option<&str> {
        let given = self.args.credentials.user.as_deref();
        self.user.as_deref().or(given)
    }

    /// Each connection has its own transcript, so a file that was named is for the first one only.
    pub(crate) fn forget_taken_log(&mut self) {
        let log = &mut self.args.log;
        *log = log.take().filter(|path| !path.is_file());
    }

    pub(crate) fn log_place(&self) -> Destination {
        match (&self.args.log, self.args.no_log.no_log) {
            (_, true) => Destination::Nowhere,
            (Some(path), _) => Destination::Path(path.clone()),
            (None, _) => Destination::StateFolder,
        }
    }

    /// Returns a hint if an early refusal may be the server's answer to the PROXY protocol header.
    pub(crate) fn header_hint(&self, now: &Snapshot) -> Option<&'static str> {
        // An answer that came right after the greeting was unsolicited, and is one of these lines.
        let is_first = now.lines <= 2 && now.last_status == Some(Status::Negative);
        (is_first && self.addresses.header.is_some()).then_some(
            "this may answer the header of --proxy-protocol: a server that does not expect one takes it for a command",
        )
    }

    /// How long to wait; `reply` is for scripts, a person waits as long as they like.
    pub(crate) fn waits(&self, is_script: bool) -> Timeouts {
        let LimitArgs {
            timeout: given,
            max_size,
        } = self.args.limits;
        Timeouts {
            connect: given.unwrap_or(Duration::from_secs(15)),
            reply: is_script.then(|| given.unwrap_or(Duration::from_secs(60))),
            octets: max_size.unwrap_or(MAX_SIZE),
        }
    }

    /// Connects. The transcript is opened first; `on_log` receives its place, or why there is none.
    ///
    /// Errors: no connection, no TLS, or a transcript that was asked for by name can't be made.
    pub(crate) fn open(
        &self,
        is_script: bool,
        observer: Box<dyn Observer>,
        on_log: &mut dyn FnMut(Result<Option<PathBuf>, String>),
    ) -> Result<Connection, Failure> {
        let now = Timestamp::now();
        let place = self.log_place();
        let keep_secrets = self.args.secrets.keep_secrets;
        let mut recorder = Recorder::new(Hider::sharing(keep_secrets, &self.secrets));
        recorder.set_bodies(self.args.data.bodies);
        // A script needs to see no mail; what it prints are the octets as they come.
        recorder.emit_messages(!is_script);
        match file::open(&place, &self.file_name, now) {
            Ok(None) => on_log(Ok(None)),
            Ok(Some(log)) => {
                let head = file::head(&self.server, now, keep_secrets);
                recorder.set_file(Some(Box::new(log.file)), &head);
                on_log(Ok(Some(log.path)));
            }
            Err(error) => {
                if let Destination::Path(path) = place {
                    return Err(Failure::Log(path, error));
                }
                on_log(Err(plain(&error)));
            }
        }
        for (verb, shape) in self.args.shapes.iter() {
            recorder.set_shape(verb, shape, 0);
        }
        if let Some(found) = &self.found {
            recorder.event(found, 0);
        }
        if let Some(login) = self.proxy.as_ref().and_then(|proxy| proxy.login.as_ref()) {
            // A proxy may say it again where the server should speak.
            recorder.remember("proxy-password", &login.password);
        }
        if let Some(password) = password::at_hand(self.args.credentials.sources()) {
            recorder.remember("password", &password);
        }
        let route = Route {
            target: &self.target,
            spares: &self.spares,
            proxy: self.proxy.as_ref(),
            addresses: &self.addresses,
        };
        Ok(Connection::open(
            route,
            &self.tls,
            self.waits(is_script),
            recorder,
            observer,
        )?)
    }
}

/// The warning when STLS was asked for and there is no TLS.
pub(crate) const NO_TLS: &str = "no TLS: the server did not agree to STLS";

/// Whether a line of the client sends a secret, or begins an exchange that will.
pub(crate) fn sends_secret(line: &[u8]) -> bool {
    let begins_exchange =
        |row: &Command| row.effect == Effect::Login && row.shape(line) == Shape::Sasl;
    Command::of_line(line).is_some_and(begins_exchange)
        || secret::place(line, Role::Command, true).is_some()
        || secret::is_response(line)
}

/// Returns the password of `user` on the server of `connection`, which hides it from now on.
///
/// Errors: there is no password to be had.
pub(crate) fn password(
    plan: &Plan,
    connection: &Connection,
    user: &str,
    ask: Option<&mut dyn FnMut() -> io::Result<Zeroizing<Vec<u8>>>>,
) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
    let sources = plan.args.credentials.sources();
    let secret = password::find(sources, &connection.target().host, user, ask)?;
    connection.order(Request::Remember("password", secret.clone()));
    Ok(secret)
}

/// The line `PASS` with the password of `user` on `host`, from where the options say, or by `ask`.
///
/// Errors: there is no password to be had.
pub(crate) fn pass_line(
    plan: &Plan,
    host: &str,
    user: &str,
    ask: Option<&mut dyn FnMut() -> io::Result<Zeroizing<Vec<u8>>>>,
) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
    let password = password::find(plan.args.credentials.sources(), host, user, ask)?;
    Ok(Zeroizing::new([b"PASS ", password.as_slice()].concat()))
}

/// Starts another transcript on an open connection; returns where it is.
pub(crate) fn log_elsewhere(
    connection: &Connection,
    plan: &Plan,
    path: PathBuf,
) -> Result<Option<PathBuf>, String> {
    let now = Timestamp::now();
    let log = file::open(&Destination::Path(path), &plan.file_name, now)
        .map_err(|error| plain(&error))?;
    let path = log.as_ref().map(|log| log.path.clone());
    let file = log.map(|log| Box::new(log.file) as Box<dyn Write + Send>);
    connection.order(Request::SetFile(
        file,
        file::head(&plan.server, now, plan.args.secrets.keep_secrets),
    ));
    Ok(path)
}

/// Downgrades `exit` if the transcript failed or is gone: a failure where everything else was well.
/// `emit` receives the news: that the file is gone, which the system does not report to a
/// writer.
pub(crate) fn check_transcript_kept(
    exit: Exit,
    end: &Snapshot,
    log: Option<&Path>,
    emit: &mut dyn FnMut(&str),
) -> Exit {
    let gone = log.filter(|path| !end.has_log_failed && !path.exists());
    if let Some(path) = gone {
        emit(&format!(
            "the transcript {} no longer exists: it was moved or removed during the session",
            files::shorten(path)
        ));
    }
    match exit {
        Exit::Well if end.has_log_failed || gone.is_some() => Exit::Usage,
        exit => exit,
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("transcript {path}: {why}", path = .0.display(), why = plain(.1))]
    Log(PathBuf, io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Failure {
    /// The server's certificate could not be verified, and nothing else is wrong.
    pub(crate) fn is_untrusted(&self) -> bool {
        matches!(self, Self::Open(OpenError::Tls(error)) if error.is_untrusted)
    }
}

impl Explain for Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Log(..) => Exit::Usage,
            Self::Open(OpenError::Tls(_)) => Exit::Tls,
            Self::Open(_) => Exit::NoConnection,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Log(_, error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Some("a transcript is never overwritten; name another file with --log".into())
            }
            Self::Log(_, error) if error.kind() == io::ErrorKind::NotADirectory => {
                Some(files::other_place(error).into())
            }
            Self::Log(..) => {
                Some("name a file in a folder that you can write to, or use --no-log".into())
            }
            Self::Open(OpenError::Dial(error)) => Some(error.hint().to_owned().into()),
            Self::Open(OpenError::Tls(error)) => error.hint.clone().map(Cow::Owned),
            Self::Open(OpenError::Io(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown_and_nothing_else_is() {
        let digits = "0F".repeat(32);
        let colons = vec!["0f"; 32].join(":");
        for text in [
            digits.clone(),
            format!("SHA256:{digits}"),
            format!("sha256:{colons}"),
        ] {
            assert_eq!(fingerprint(&text), Ok([15; 32]), "{text}");
        }
        let odd = [
            String::new(),
            "SHA256:".to_owned(),
            digits.get(1..).unwrap().to_owned(),
            format!("{digits}0"),
            format!("{digits}00"),
            format!("SHA1:{digits}"),
            digits.replace('F', "g"),
            digits.replace("0F", "+f"),
        ];
        for text in odd {
            assert!(fingerprint(&text).is_err(), "{text}");
        }
    }
}
