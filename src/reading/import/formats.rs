//! The formats that can be imported: a row for each, from which help, errors and
//! `transcripts/README.md` take their lists.

/// Makes a format of each row: its name on the command line, what its recordings are, and what they
/// lack.
macro_rules! formats {
    ($($format:ident, $name:literal: $reads:literal, without $lacks:literal;)*) => {
        /// The program that made a recording, or its form.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "`reads` says what each is")]
        pub enum Format {
            $($format,)*
        }

        impl Format {
            /// All formats, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$format,)*];

            fn row(self) -> FormatRow {
                let (name, reads, lacks) = match self {
                    $(Self::$format => ($name, $reads, $lacks),)*
                };
                FormatRow { name, reads, lacks }
            }
        }
    };
}

formats! {
    SClient, "s_client":
        "the output of `openssl s_client`, from a file, a terminal or `script`; whole, cut down or with `-quiet`",
        without "times; in a file, what was typed. Lines that `s_client` took as its own commands (`R`, `Q`) become prose";
    GnutlsCli, "gnutls_cli":
        "the output of `gnutls-cli`, likewise",
        without "times; in a file, what was typed";
    Telnet, "telnet":
        "a telnet session",
        without "times, line ends, who sent a line";
    Terminal, "terminal":
        "a session copied from any terminal, from the greeting on",
        without "times, line ends, who sent a line, and whether TLS is on";
    Curl, "curl":
        "`curl -v`, `--trace-ascii`, `--trace`, `--trace-time`",
        without "message data, which curl shows unstuffed or in part";
    Fetchmail, "fetchmail":
        "`fetchmail -vv`",
        without "line ends, times, message data";
    Mpop, "mpop":
        "`mpop --debug`",
        without "line ends, times";
    Mutt, "mutt":
        "the debug log of mutt and NeoMutt (`-d 2` or more)",
        without "line ends, passwords below `-d 5`";
    Claws, "claws":
        "the network log of Claws Mail and Sylpheed",
        without "line ends, message data, listings, passwords";
    Thunderbird, "thunderbird":
        "`MOZ_LOG=POP3:5` (`SEND: `, `RECV: `), or `mailnews.pop3.loglevel` (`C: `, `S: `)",
        without "line ends, message data, lines with passwords";
    Outlook, "outlook":
        "the POP3 log of Outlook and Outlook Express (`[rx]`, `[tx]`)",
        without "line ends, message data";
    Yam, "yam":
        "the log of YAM (`SERVER[0033]: `)",
        without "line ends, times";
    Mailkit, "mailkit":
        "`ProtocolLogger` of MailKit, and other logs with `C: ` and `S: `",
        without "times, unless each line has one";
    Javamail, "javamail":
        "the debug log of JavaMail and Jakarta Mail",
        without "line ends, times, the login unless `mail.debug.auth` is on";
    Poplib, "poplib":
        "Python's `poplib` with `set_debuglevel(2)`, or 1",
        without "times; at level 1, what the server sent";
    NetPop3, "net_pop3":
        "Perl's `Net::POP3` with `Debug => 1`",
        without "line ends, times, message data, passwords";
    Ruby, "ruby":
        "Ruby's `Net::POP3` with `set_debug_output`",
        without "times, message data";
    NodePoplib, "node_poplib":
        "`node-poplib` with `enabledebug`",
        without "times";
    Indy, "indy":
        "Indy's `TIdLogFile`, and logs with `S:` (sent) and `R:` (received)",
        without "in the second kind, line ends and times";
    Wormly, "wormly":
        "the POP3 test of Wormly",
        without "line ends, times, passwords";
    Rawlog, "rawlog":
        "Dovecot's `NAME.in` and `NAME.out`, both",
        without "the login, if the log begins after it";
    Hmailserver, "hmailserver":
        "the log of hMailServer (`\"POP3D\"`, `\"POP3C\"`)",
        without "line ends, message data, passwords";
    Davmail, "davmail":
        "the log of DavMail (`PopConnection`)",
        without "line ends, message data, passwords";
    Exchange, "exchange":
        "the POP3 log of Exchange (CSV)",
        without "greetings, data, passwords, the text of most replies";
    Arrows, "arrows":
        "logs with `->` and `<-`, `>>` and `<<`, or `client>` and `server>`",
        without "line ends; times, unless each line has one";
    Lines, "lines":
        "any log, by `--client REGEX` and `--server REGEX`",
        without "line ends; times and data that the patterns do not match";
    Pcap, "pcap":
        "pcap and pcapng with unencrypted POP3: IPv4 and IPv6 on Ethernet, Linux cooked, PPP, loopback, 802.11, or bare; in VLANs, MPLS, PPPoE, GRE, VXLAN and the like",
        without "what TLS encrypts, and lost packets: both are counted";
}

struct FormatRow {
    name: &'static str,
    reads: &'static str,
    lacks: &'static str,
}

impl Format {
    /// What recordings of this format are, for the reference.
    #[must_use]
    pub fn reads(self) -> &'static str {
        self.row().reads
    }

    /// What such a recording lacks.
    #[must_use]
    pub fn lacks(self) -> &'static str {
        self.row().lacks
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|format| format.name()).collect()
    }
}
