//! The matrix as data: places, troubles and clients, what is to come of each by rule, and the
//! exceptions.

use poptalk::base::exit::Exit;

/// What is done to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Every octet comes by itself.
    Slices,
    /// A pause.
    Delay,
    /// Every octet comes by itself, with a pause behind it.
    Drip,
    /// The connection is reset.
    Reset,
    /// This side sends no more, and still reads.
    HalfClose,
    /// Nothing more comes, and the connection stays.
    Silence,
}

impl Trouble {
    pub(crate) const ALL: [Self; 6] = [
        Self::Slices,
        Self::Delay,
        Self::Drip,
        Self::Reset,
        Self::HalfClose,
        Self::Silence,
    ];

    /// The conversation goes on.
    pub(crate) fn is_mild(self) -> bool {
        matches!(self, Self::Slices | Self::Delay | Self::Drip)
    }
}

/// Where the trouble comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    BeforeGreeting,
    /// In the middle of it.
    Greeting,
    /// Behind a whole reply.
    Between,
    /// In the middle of a status line; of a client: of a command.
    Status,
    /// In the middle of a line of a message.
    Body,
    /// Behind the dot that ends a message, before its CR LF.
    Terminator,
    /// In the middle of a challenge; of a client: of a response.
    Sasl,
    /// In the handshake behind STLS.
    Handshake,
    /// Behind the reply to QUIT.
    Quit,
}

impl Place {
    pub(crate) const ALL: [Self; 9] = [
        Self::BeforeGreeting,
        Self::Greeting,
        Self::Between,
        Self::Status,
        Self::Body,
        Self::Terminator,
        Self::Sasl,
        Self::Handshake,
        Self::Quit,
    ];

    /// What is typed to come there and behind.
    pub(crate) fn session(self) -> &'static [&'static str] {
        match self {
            Self::Sasl => &[
                "STLS",
                "AUTH PLAIN",
                "AGFsaWNlAHdvbmRlcmxhbmQ=",
                "STAT",
                "QUIT",
            ],
            Self::Handshake => &["STLS", "USER alice", "PASS wonderland", "STAT", "QUIT"],
            _ => &[
                "USER alice",
                "PASS wonderland",
                "NOOP",
                "STAT",
                "RETR 1",
                "QUIT",
            ],
        }
    }
}

/// Who meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// A person at a terminal.
    Console,
    /// The lines of `-c`.
    Lines,
    /// Lines on standard input, with `--keep-going`.
    Script,
    Replay,
    Check,
    /// A proxy, with the trouble on the server's side.
    Upstream,
    /// A proxy, with the trouble on the client's side.
    Downstream,
}

impl Client {
    pub(crate) const ALL: [Self; 7] = [
        Self::Console,
        Self::Lines,
        Self::Script,
        Self::Replay,
        Self::Check,
        Self::Upstream,
        Self::Downstream,
    ];
}

/// A cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) place: Place,
    pub(crate) trouble: Trouble,
    pub(crate) client: Client,
}

/// What is to come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    /// One of these.
    pub(crate) exits: &'static [Exit],
    /// One of these is said; none: nothing is said to be wrong.
    pub(crate) words: &'static [&'static str],
}

const fn want(exits: &'static [Exit], words: &'static [&'static str]) -> Want {
    Want { exits, words }
}

const WELL: &[Exit] = &[Exit::Well];
const REFUSED: &[Exit] = &[Exit::Refused];
const LOST: &[Exit] = &[Exit::NoConnection];
const TLS: &[Exit] = &[Exit::Tls];
const LATE: &[Exit] = &[Exit::TimedOut];

/// Cells that make no sense, and why.
const LEFT_OUT: &[(Place, Client, &str)] =
    &[(Place::Sasl, Client::Check, "no probe answers a challenge")];

impl Cell {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for place in Place::ALL {
            for trouble in Trouble::ALL {
                all.extend(Client::ALL.map(|client| Self {
                    place,
                    trouble,
                    client,
                }));
            }
        }
        all
    }

    /// Why it is left out.
    pub(crate) fn left_out(self) -> Option<&'static str> {
        let mut rows = LEFT_OUT.iter();
        let row = rows.find(|row| (row.0, row.1) == (self.place, self.client));
        row.map(|row| row.2)
    }

    /// What is to come of it: by the exceptions, or by rule.
    pub(crate) fn want(self) -> Want {
        let exception = EXCEPTIONS.iter().find(|row| {
            (row.0, row.1) == (self.place, self.trouble) && row.2.contains(&self.client)
        });
        exception.map_or_else(|| self.by_rule(), |row| row.3)
    }

    fn by_rule(self) -> Want {
        use Client::{Check, Console, Downstream, Replay, Upstream};
        match (self.client, self.trouble) {
            (Upstream | Downstream, trouble) if trouble.is_mild() => {
                want(WELL, &["closed by server"])
            }
            (_, trouble) if trouble.is_mild() => want(WELL, &[]),
            (Upstream, Trouble::Reset) => want(WELL, &["lost: connection reset"]),
            (Upstream, Trouble::HalfClose) => want(WELL, &["closed by server"]),
            (Downstream, Trouble::Reset | Trouble::HalfClose) => want(WELL, &["closed by client"]),
            (Upstream | Downstream, _) => want(WELL, &["timed out"]),
            // What a server does wrong is a finding, and a difference.
            (Check, Trouble::Silence) => want(REFUSED, &["no reply came in time"]),
            (Check, Trouble::Reset) => want(REFUSED, &["the connection was lost"]),
            (Check, _) => want(REFUSED, &["closed"]),
            (Replay, Trouble::Silence) => want(LATE, &["timed out waiting for a reply"]),
            (Replay, Trouble::Reset) => want(LOST, &["the connection was lost"]),
            (Replay, _) => want(REFUSED, &["exchanges differ"]),
            // A person waits as long as they like.
            (Console, Trouble::Silence) => want(WELL, &["awaiting "]),
            (_, Trouble::Silence) => want(LATE, &["no reply for 1 s"]),
            (_, Trouble::Reset) => want(LOST, &["connection lost"]),
            (_, _) => want(LOST, &["closed by server"]),
        }
    }
}

/// Whether a command was on its way when the connection ended decides it.
const ANY: &[Exit] = &[Exit::Well, Exit::Refused];
const TYPED: &[Client] = &[Client::Console, Client::Lines, Client::Script];
const CONSOLE_COMMANDS: &[Client] = &[
    Client::Console,
    Client::Lines,
    Client::Script,
    Client::Replay,
];
const CHECK: &[Client] = &[Client::Check];

/// What is otherwise than by rule: the first row counts.
const EXCEPTIONS: &[(Place, Trouble, &[Client], Want)] = &{
    use Client::{Console, Downstream, Lines, Replay, Script, Upstream};
    use Place::{BeforeGreeting, Between, Greeting, Handshake, Quit, Status, Terminator};
    use Trouble::{HalfClose, Reset, Silence};
    [
        // A reset so early may be met by the system while it connects.
        (
            BeforeGreeting,
            Reset,
            CHECK,
            want(
                &[Exit::Refused, Exit::NoConnection],
                &["no-greeting", "could not connect"],
            ),
        ),
        (
            Greeting,
            Reset,
            CHECK,
            want(
                &[Exit::Refused, Exit::NoConnection],
                &["the connection was lost", "could not connect"],
            ),
        ),
        (
            BeforeGreeting,
            Reset,
            &[Replay],
            want(LOST, &["the connection was lost", "could not connect"]),
        ),
        (
            Greeting,
            Reset,
            &[Replay],
            want(LOST, &["the connection was lost", "could not connect"]),
        ),
        (
            BeforeGreeting,
            Reset,
            TYPED,
            want(LOST, &["connection lost", "could not connect"]),
        ),
        (
            Greeting,
            Reset,
            TYPED,
            want(LOST, &["connection lost", "could not connect"]),
        ),
        (
            BeforeGreeting,
            Reset,
            &[Upstream],
            want(WELL, &["lost: connection reset", "could not connect"]),
        ),
        (
            Greeting,
            Reset,
            &[Upstream],
            want(WELL, &["lost: connection reset", "could not connect"]),
        ),
        (
            BeforeGreeting,
            HalfClose,
            TYPED,
            want(LOST, &["the server sent no greeting"]),
        ),
        (
            BeforeGreeting,
            HalfClose,
            CHECK,
            want(REFUSED, &["the server sent no greeting"]),
        ),
        // Nothing was awaited, so a person has lost nothing; a script has lines left, sent or not.
        (
            Between,
            HalfClose,
            &[Console],
            want(WELL, &["closed by server"]),
        ),
        (
            Between,
            HalfClose,
            &[Lines, Script],
            want(
                LOST,
                &[
                    "closed by server",
                    "the server closed the connection before QUIT",
                ],
            ),
        ),
        (Between, Reset, CHECK, want(ANY, &["lost", "closed"])),
        // A reset may be met by the next write, and takes with it what has not been read.
        (
            Status,
            Reset,
            CHECK,
            want(REFUSED, &["the connection was lost", "closed"]),
        ),
        (Between, HalfClose, CHECK, want(ANY, &["closed"])),
        // It is the dot that is told of.
        (
            Terminator,
            HalfClose,
            CHECK,
            want(REFUSED, &["terminator-no-crlf"]),
        ),
        // Without TLS there is no session, whatever is the reason.
        (
            Handshake,
            Reset,
            CONSOLE_COMMANDS,
            want(TLS, &["reset during the TLS handshake", "TLS failed"]),
        ),
        (
            Handshake,
            HalfClose,
            CONSOLE_COMMANDS,
            want(
                TLS,
                &[
                    "closed the connection during the TLS handshake",
                    "TLS failed",
                ],
            ),
        ),
        (
            Handshake,
            Silence,
            CONSOLE_COMMANDS,
            want(
                TLS,
                &["no answer to the TLS handshake within 1 s", "TLS failed"],
            ),
        ),
        (
            Handshake,
            Reset,
            CHECK,
            want(REFUSED, &["stls-ok-no-handshake"]),
        ),
        (
            Handshake,
            HalfClose,
            CHECK,
            want(REFUSED, &["stls-ok-no-handshake"]),
        ),
        (
            Handshake,
            Silence,
            CHECK,
            want(REFUSED, &["stls-ok-no-handshake"]),
        ),
        (
            Handshake,
            Reset,
            &[Upstream],
            want(
                WELL,
                &["no server: the connection was reset during the TLS"],
            ),
        ),
        (
            Handshake,
            HalfClose,
            &[Upstream],
            want(
                WELL,
                &["no server: the server closed the connection during the TLS"],
            ),
        ),
        (
            Handshake,
            Silence,
            &[Upstream],
            want(WELL, &["no answer to the TLS handshake within 1 s"]),
        ),
        (
            Handshake,
            Reset,
            &[Downstream],
            want(WELL, &["TLS failed: the client closed the connection"]),
        ),
        (
            Handshake,
            HalfClose,
            &[Downstream],
            want(WELL, &["TLS failed: the client closed the connection"]),
        ),
        (
            Handshake,
            Silence,
            &[Downstream],
            want(WELL, &["TLS failed: timed out"]),
        ),
        // The session is over: all that can be wrong is how it closes.
        (Quit, Reset, TYPED, want(WELL, &[])),
        (Quit, HalfClose, TYPED, want(WELL, &[])),
        (
            Quit,
            Silence,
            TYPED,
            want(
                WELL,
                &["the server has not closed the connection 3 s after QUIT"],
            ),
        ),
        (Quit, Reset, &[Replay], want(WELL, &["as recorded"])),
        (Quit, HalfClose, &[Replay], want(WELL, &["as recorded"])),
        (Quit, Silence, &[Replay], want(REFUSED, &["time-out"])),
        (Quit, Reset, CHECK, want(WELL, &[])),
        (Quit, HalfClose, CHECK, want(WELL, &[])),
        (Quit, Silence, CHECK, want(WELL, &["quit-keeps-open"])),
        (
            Quit,
            Silence,
            &[Upstream],
            want(WELL, &["timed out", "closed by client"]),
        ),
        // The server has closed by itself.
        (
            Quit,
            Reset,
            &[Downstream],
            want(WELL, &["closed by server", "closed by client"]),
        ),
        (
            Quit,
            HalfClose,
            &[Downstream],
            want(WELL, &["closed by server", "closed by client"]),
        ),
        (
            Quit,
            Silence,
            &[Downstream],
            want(WELL, &["closed by server"]),
        ),
    ]
};
