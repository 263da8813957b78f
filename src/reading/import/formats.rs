//! The formats that can be imported: a row for each, from which help, errors and the guide take their lists.

/// The program that made a recording, or its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // `reads` says what each is
pub enum Format {
    SClient,
    GnutlsCli,
    Telnet,
    Terminal,
    Curl,
    Fetchmail,
    Mpop,
    Mutt,
    Claws,
    Thunderbird,
    Outlook,
    Yam,
    Mailkit,
    Javamail,
    Poplib,
    NetPop3,
    Ruby,
    NodePoplib,
    Indy,
    Wormly,
    Rawlog,
    Hmailserver,
    Davmail,
    Exchange,
    Arrows,
    Lines,
    Pcap,
}

impl Format {
    /// All formats, in the order of the guide.
    pub const ALL: &[Self] = &[
        Self::SClient,
        Self::GnutlsCli,
        Self::Telnet,
        Self::Terminal,
        Self::Curl,
        Self::Fetchmail,
        Self::Mpop,
        Self::Mutt,
        Self::Claws,
        Self::Thunderbird,
        Self::Outlook,
        Self::Yam,
        Self::Mailkit,
        Self::Javamail,
        Self::Poplib,
        Self::NetPop3,
        Self::Ruby,
        Self::NodePoplib,
        Self::Indy,
        Self::Wormly,
        Self::Rawlog,
        Self::Hmailserver,
        Self::Davmail,
        Self::Exchange,
        Self::Arrows,
        Self::Lines,
        Self::Pcap,
    ];

    /// What recordings of this format are, for help and the guide.
    #[must_use]
    pub fn reads(self) -> &'static str {
        self.about().0
    }

    /// What such a recording does not have.
    #[must_use]
    pub fn lacks(self) -> &'static str {
        self.about().1
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SClient => "s_client",
            Self::GnutlsCli => "gnutls_cli",
            Self::Telnet => "telnet",
            Self::Terminal => "terminal",
            Self::Curl => "curl",
            Self::Fetchmail => "fetchmail",
            Self::Mpop => "mpop",
            Self::Mutt => "mutt",
            Self::Claws => "claws",
            Self::Thunderbird => "thunderbird",
            Self::Outlook => "outlook",
            Self::Yam => "yam",
            Self::Mailkit => "mailkit",
            Self::Javamail => "javamail",
            Self::Poplib => "poplib",
            Self::NetPop3 => "net_pop3",
            Self::Ruby => "ruby",
            Self::NodePoplib => "node_poplib",
            Self::Indy => "indy",
            Self::Wormly => "wormly",
            Self::Rawlog => "rawlog",
            Self::Hmailserver => "hmailserver",
            Self::Davmail => "davmail",
            Self::Exchange => "exchange",
            Self::Arrows => "arrows",
            Self::Lines => "lines",
            Self::Pcap => "pcap",
        }
    }

    /// The names of all formats.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|format| format.name()).collect()
    }

    fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::SClient => (
                "what `openssl s_client` printed, into a file, on a terminal, or kept by `script`; whole, cut down, with `-quiet`",
                "times; in a file what was typed. Lines that `s_client` took for itself (`R`, `Q`) become prose",
            ),
            Self::GnutlsCli => (
                "what `gnutls-cli` printed, likewise",
                "times; in a file what was typed",
            ),
            Self::Telnet => ("a telnet session", "times, line ends, who sent a line"),
            Self::Terminal => (
                "a session copied from any terminal, from the greeting on",
                "times, line ends, who sent a line, and whether TLS is on",
            ),
            Self::Curl => (
                "`curl -v`, `--trace-ascii`, `--trace`, `--trace-time`",
                "message data: curl shows it without its stuffing, or in part",
            ),
            Self::Fetchmail => ("`fetchmail -vv`", "line ends, times, message data"),
            Self::Mpop => ("`mpop --debug`", "line ends, times"),
            Self::Mutt => (
                "the debug log of mutt and NeoMutt (`-d 2` or more)",
                "line ends, passwords below `-d 5`",
            ),
            Self::Claws => (
                "the network log of Claws Mail and Sylpheed",
                "line ends, message data, listings, passwords",
            ),
            Self::Thunderbird => (
                "`MOZ_LOG=POP3:5` (`SEND: `, `RECV: `), or `mailnews.pop3.loglevel` (`C: `, `S: `)",
                "line ends, message data, lines with passwords",
            ),
            Self::Outlook => (
                "the POP3 log of Outlook and Outlook Express (`[rx]`, `[tx]`)",
                "line ends, message data",
            ),
            Self::Yam => ("the log of YAM (`SERVER[0033]: `)", "line ends, times"),
            Self::Mailkit => (
                "`ProtocolLogger` of MailKit, and other logs with `C: ` and `S: `",
                "times, unless each line has one",
            ),
            Self::Javamail => (
                "the debug log of JavaMail and Jakarta Mail",
                "line ends, times, the login unless `mail.debug.auth` is on",
            ),
            Self::Poplib => (
                "Python's `poplib` with `set_debuglevel(2)`, or 1",
                "times; at level 1 what the server sent",
            ),
            Self::NetPop3 => (
                "Perl's `Net::POP3` with `Debug => 1`",
                "line ends, times, message data, passwords",
            ),
            Self::Ruby => (
                "Ruby's `Net::POP3` with `set_debug_output`",
                "times, message data",
            ),
            Self::NodePoplib => ("`node-poplib` with `enabledebug`", "times"),
            Self::Indy => (
                "Indy's `TIdLogFile`, and logs with `S:` (sent) and `R:` (received)",
                "in the second kind line ends and times",
            ),
            Self::Wormly => ("the POP3 test of Wormly", "line ends, times, passwords"),
            Self::Rawlog => (
                "Dovecot's `NAME.in` and `NAME.out`, both",
                "nothing, but a log that begins after login",
            ),
            Self::Hmailserver => (
                "the log of hMailServer (`\"POP3D\"`, `\"POP3C\"`)",
                "line ends, message data, passwords",
            ),
            Self::Davmail => (
                "the log of DavMail (`PopConnection`)",
                "line ends, message data, passwords",
            ),
            Self::Exchange => (
                "the POP3 log of Exchange (CSV)",
                "greetings, data, passwords, the text of most replies",
            ),
            Self::Arrows => (
                "logs with `->` and `<-`, `>>` and `<<`, or `client>` and `server>`",
                "line ends, times unless each line has one",
            ),
            Self::Lines => (
                "any log, by `--client REGEX` and `--server REGEX`",
                "line ends; times and data as far as the patterns find them",
            ),
            Self::Pcap => (
                "pcap and pcapng with unencrypted POP3: IPv4 and IPv6 on Ethernet, Linux cooked, PPP, loopback, 802.11, or bare; in VLANs, MPLS, PPPoE, GRE, VXLAN and the like",
                "what TLS encrypts, and lost packets: both are counted",
            ),
        }
    }
}
