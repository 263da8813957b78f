//! The events of a transcript (`transcripts/README.md`, Events). This is the one place that knows
//! their words: a writer of an event makes an [`Event`] and prints it, a reader parses it.

mod kind;
mod malformed;
mod parse;

use std::fmt;
use std::time::Duration;

pub(crate) use kind::{EventKind, split_time, with_time, without_time};
pub use malformed::Malformed;
pub(crate) use malformed::{Flaw, SecretKind};

use crate::pop3::command::Shape;
use crate::pop3::tracker::{CutAt, Side};

/// Why a client closed when the replies no longer fitted the commands.
pub const OUT_OF_STEP: &str = "the replies are out of step";

/// Something other than octets that happened.
///
/// Its texts are as the writer gives them, or escaped as in the file where it was read from there.
/// A text that fits no variant is [`Event::Other`], so that printing gives what was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server was looked up in DNS (RFC 6186): the first to be tried.
    Found {
        /// Host and port.
        server: String,
        /// The name that was asked for.
        name: String,
        /// Of the SRV record.
        priority: u16,
        /// Of the SRV record.
        weight: u16,
    },
    /// The TCP connection is up.
    Connected {
        /// Address and port, as far as they are known.
        peer: String,
        /// The proxy that made it.
        via: Option<String>,
    },
    /// The proxy's TCP connection to the server is up.
    ConnectedUpstream(String),
    /// A header of the PROXY protocol was the first on the connection: version, source and
    /// destination.
    ProxyProtocol(String),
    /// The client had to send one, and did not; why.
    ProxyProtocolFailed(String),
    /// The host has no address: host and reason.
    NoAddress(String),
    /// The connection could not be made: place and reason.
    NotReached(String),
    /// TLS is on; what follows is inside it.
    TlsStarted {
        /// As the TLS library names it.
        version: String,
        /// The cipher suite.
        cipher: String,
        /// What is known of the certificate; None on the side that showed its own.
        trust: Option<Trust>,
        /// The subject of the certificate.
        subject: String,
    },
    /// TLS is on, and nothing is known of it.
    TlsUnknown,
    /// The handshake failed; why.
    TlsFailed(String),
    /// Octets came between the `+OK` to STLS and the handshake.
    Injected {
        /// Who sent them.
        by: Side,
        /// How many.
        octets: u64,
        /// Some of them, where no rows hold them.
        shown: Option<String>,
    },
    /// How replies to a verb are read from here on.
    TakenAs {
        /// The verb.
        verb: String,
        /// [`Shape::Single`] or [`Shape::Multi`].
        shape: Shape,
    },
    /// A secret that was hidden in the row before was malformed.
    Malformed(Malformed),
    /// A reply was awaited, and nothing came for this long.
    TimedOut(Duration),
    /// More came than was to be stored; the most.
    TooMuchCame(String),
    /// More passed the proxy than was to be stored; the most.
    TooMuchPassed(String),
    /// One side closed.
    Closed {
        /// Which one.
        by: Party,
        /// What was cut.
        cut: CutAt,
        /// Why, where that is not the usual end.
        why: Option<String>,
    },
    /// The connection broke.
    Lost {
        /// What was cut.
        cut: CutAt,
        /// Why, where that is known.
        why: Option<String>,
    },
    /// TCP was closed, and TLS not before.
    EndedWithoutCloseNotify,
    /// It happened on the proxy's connection to the server.
    Upstream(Box<Self>),
    /// A line between proxy and server before the client was greeted.
    UpstreamLine {
        /// The proxy is the client.
        side: Side,
        /// Without its line end.
        text: String,
    },
    /// The row that follows is the proxy's, not the server's: STLS among the capabilities.
    ProxyAddsStls,
    /// The row that follows is the proxy's, not the server's: the reply to STLS.
    ProxyAnswersStls,
    /// The client sent octets that the server never got; how many.
    NotPassedOn(u64),
    /// Another solution of a lesson begins; what is special of it.
    AnotherWay(Option<String>),
    /// Not known; kept. What kind it is its start may say.
    Other(String),
}

/// What is known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It was verified.
    Verified,
    /// It is the one that the user pinned.
    Pinned,
    /// It was not, and was taken; why not.
    Unverified(String),
    /// A log does not say.
    Unknown,
}

/// Who closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The client.
    Client,
    /// The server.
    Server,
    /// The proxy between them.
    Proxy,
}

const PARTIES: &[(Party, &str)] = &[
    (Party::Client, "client"),
    (Party::Server, "server"),
    (Party::Proxy, "proxy"),
];

/// What is said of each cut; nothing of [`CutAt::Nothing`].
const CUTS: &[(CutAt, &str)] = &[
    (CutAt::Reply, " before a reply"),
    (CutAt::Line, " in the middle of a line"),
    (CutAt::Data, " in the middle of a multi-line reply"),
];

const SHAPES: &[(Shape, &str)] = &[(Shape::Multi, "multi-line"), (Shape::Single, "single-line")];

impl Event {
    /// An end that cut nothing.
    #[must_use]
    pub fn closed_by(by: Party) -> Self {
        Self::Closed {
            by,
            cut: CutAt::Nothing,
            why: None,
        }
    }

    /// A connection that broke and cut nothing, or what it cut is not known.
    #[must_use]
    pub fn lost(why: Option<String>) -> Self {
        Self::Lost {
            cut: CutAt::Nothing,
            why,
        }
    }

    /// A connection to a place, or from there; a proxy may follow.
    #[must_use]
    pub fn connected(place: impl fmt::Display) -> Self {
        parse::route(&place.to_string())
    }

    /// TLS with our own certificate; `facts` are version and cipher suite.
    pub(crate) fn own_tls(facts: &str) -> Self {
        let (version, cipher) = facts.split_once(' ').unwrap_or((facts, ""));
        Self::TlsStarted {
            version: version.to_owned(),
            cipher: cipher.to_owned(),
            trust: None,
            subject: String::new(),
        }
    }

    /// Octets that the server injected; rows hold them.
    pub(crate) fn injected(octets: usize) -> Self {
        Self::Injected {
            by: Side::Server,
            octets: octets as u64,
            shown: None,
        }
    }

    /// That replies to `verb` have this shape; None for what no person can ask for.
    pub(crate) fn taken_as(verb: &str, shape: Shape) -> Option<Self> {
        let is_known = SHAPES.iter().any(|(known, _)| *known == shape);
        let is_verb = !verb.is_empty()
            && verb
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        (is_known && is_verb).then(|| Self::TakenAs {
            verb: verb.to_owned(),
            shape,
        })
    }

    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Self::Connected { .. } | Self::ConnectedUpstream(_) => EventKind::Connected,
            Self::NoAddress(_) | Self::NotReached(_) => EventKind::NotConnected,
            Self::TlsStarted { .. } | Self::TlsUnknown => EventKind::TlsStarted,
            Self::TlsFailed(_) => EventKind::TlsFailed,
            Self::Injected {
                by: Side::Server, ..
            } => EventKind::Injected,
            Self::Malformed(_) => EventKind::Malformed,
            Self::TimedOut(_) => EventKind::TimedOut,
            Self::Closed { .. } => EventKind::Closed,
            Self::Lost { .. } => EventKind::Lost,
            Self::Other(text) => EventKind::of(text),
            Self::Found { .. }
            | Self::ProxyProtocol(_)
            | Self::ProxyProtocolFailed(_)
            | Self::Injected { .. }
            | Self::TakenAs { .. }
            | Self::TooMuchCame(_)
            | Self::TooMuchPassed(_)
            | Self::EndedWithoutCloseNotify
            | Self::Upstream(_)
            | Self::UpstreamLine { .. }
            | Self::ProxyAddsStls
            | Self::ProxyAnswersStls
            | Self::NotPassedOn(_)
            | Self::AnotherWay(_) => EventKind::Other,
        }
    }

    /// Who closed the connection, also in an event with a text that poptalk does not write.
    pub(crate) fn closer(&self) -> Option<Party> {
        match self {
            Self::Closed { by, .. } => Some(*by),
            Self::Other(text) => {
                let who = text.strip_prefix("closed by ")?;
                let mut parties = PARTIES.iter();
                let found = parties.find(|(_, name)| who.starts_with(name));
                found.map(|(party, _)| *party)
            }
            _ => None,
        }
    }

    pub(crate) fn is_server_gone(&self) -> bool {
        self.kind() == EventKind::Lost || self.closer() == Some(Party::Server)
    }

    /// Whether the client closed because it could not say which reply belongs to which command.
    pub(crate) fn is_out_of_step(&self) -> bool {
        matches!(self, Self::Closed { why: Some(why), .. } if why == OUT_OF_STEP)
    }

    /// Whether a PROXY protocol header was sent, on either connection of a proxy.
    pub(crate) fn is_header(&self) -> bool {
        match self {
            Self::Upstream(event) => event.is_header(),
            event => matches!(event, Self::ProxyProtocol(_)),
        }
    }

    /// Whether it is the end of TLS without a close_notify, on either connection of a proxy.
    pub(crate) fn is_without_close_notify(&self) -> bool {
        match self {
            Self::Upstream(event) => event.is_without_close_notify(),
            event => *event == Self::EndedWithoutCloseNotify,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found {
                server,
                name,
                priority,
                weight,
            } => write!(
                f,
                "found {server} by {name} SRV, priority {priority}, weight {weight}, DNS without DNSSEC"
            ),
            Self::Connected { peer, via: None } => write!(f, "connected {peer}"),
            Self::Connected {
                peer,
                via: Some(via),
            } => write!(f, "connected {peer} through {via}"),
            Self::ConnectedUpstream(address) => write!(f, "connected upstream {address}"),
            Self::ProxyProtocol(header) => write!(f, "proxy-protocol {header}"),
            Self::ProxyProtocolFailed(why) => write!(f, "proxy-protocol failed: {why}"),
            Self::NoAddress(why) => write!(f, "no address for {why}"),
            Self::NotReached(why) => write!(f, "could not connect to {why}"),
            Self::TlsStarted {
                version,
                cipher,
                trust,
                subject,
            } => {
                let trust = match trust {
                    None => String::new(),
                    Some(Trust::Verified) => " verified".to_owned(),
                    Some(Trust::Pinned) => " pinned".to_owned(),
                    Some(Trust::Unverified(why)) => format!(" unverified ({why})"),
                    Some(Trust::Unknown) => " unknown".to_owned(),
                };
                write!(f, "tls {version}")?;
                if !cipher.is_empty() || !trust.is_empty() {
                    write!(f, " {cipher}{trust}")?;
                }
                match subject.as_str() {
                    "" => Ok(()),
                    subject => write!(f, " {subject}"),
                }
            }
            Self::TlsUnknown => f.write_str("tls unknown"),
            Self::TlsFailed(why) => write!(f, "tls failed: {why}"),
            Self::Injected { by, octets, shown } => {
                if *by == Side::Client {
                    f.write_str("client ")?;
                }
                write!(f, "injected {octets} octets before the TLS handshake")?;
                because(f, shown.as_deref())
            }
            Self::TakenAs { verb, shape } => {
                let words = SHAPES.iter().find(|(known, _)| known == shape);
                write!(
                    f,
                    "taken as {}: {verb}",
                    words.map_or("", |(_, words)| words)
                )
            }
            Self::Malformed(malformed) => f.write_str(malformed.words()),
            Self::TimedOut(limit) => write!(f, "timeout after {} s", limit.as_secs_f64()),
            Self::TooMuchCame(most) => write!(f, "more than {most} came from the server"),
            Self::TooMuchPassed(most) => write!(f, "more than {most} have passed (--max-size)"),
            Self::Closed { by, cut, why } => {
                let party = PARTIES.iter().find(|(party, _)| party == by);
                write!(f, "closed by {}", party.map_or("", |(_, name)| name))?;
                f.write_str(cut_words(*cut))?;
                because(f, why.as_deref())
            }
            Self::Lost { cut, why } => {
                write!(f, "connection lost{}", cut_words(*cut))?;
                because(f, why.as_deref())
            }
            Self::EndedWithoutCloseNotify => f.write_str("ended TLS without close_notify"),
            Self::Upstream(event) => write!(f, "upstream {event}"),
            Self::UpstreamLine { side, text } => {
                let side = match side {
                    Side::Client => 'C',
                    Side::Server => 'S',
                };
                write!(f, "upstream {side}: {text}")
            }
            Self::ProxyAddsStls => f.write_str("the proxy adds STLS to the capabilities"),
            Self::ProxyAnswersStls => f.write_str("the proxy answers STLS"),
            Self::NotPassedOn(1) => f.write_str("client sent 1 octet that were not passed on"),
            Self::NotPassedOn(count) => {
                write!(f, "client sent {count} octets that were not passed on")
            }
            Self::AnotherWay(what) => {
                f.write_str("another way")?;
                because(f, what.as_deref())
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn because(f: &mut fmt::Formatter<'_>, why: Option<&str>) -> fmt::Result {
    why.map_or(Ok(()), |why| write!(f, ": {why}"))
}

fn cut_words(cut: CutAt) -> &'static str {
    let words = CUTS.iter().find(|(of, _)| *of == cut);
    words.map_or("", |(_, words)| words)
}

#[cfg(test)]
mod tests;
