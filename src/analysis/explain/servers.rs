//! Servers and providers: how to recognise them, and what to expect from them. None of this is a
//! fault to repair.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// Other names in use for it.
    pub(crate) also: &'static [&'static str],
    /// Its greeting, its reply to the login, or its IMPLEMENTATION line, each as a whole, in the
    /// notation of the texts.
    pub(crate) signs: &'static [&'static str],
    pub(crate) expect: &'static str,
    pub(crate) next: &'static str,
    pub(crate) source: &'static str,
}

pub(crate) const ROWS: &[Profile] = &[
    Profile {
        name: "Gmail",
        also: &["Google", "pop.gmail.com"],
        signs: &["Gpop ready for requests from {w} {w}"],
        expect: "TLS works only on port 995, and STLS is not supported. A session shows about 250 \
                 conversations. Depending on the account's settings, fetched messages may be \
                 missing from the next session, and DELE may archive messages instead of deleting \
                 them. CAPA lists LOGIN-DELAY 300 and EXPIRE 0, although the latter is not true. \
                 It lists PIPELINING only after login.",
        next: "log in as `recent:NAME` to see the mail of the last 30 days again. An ordinary \
               password is refused: use an app password or XOAUTH2.",
        source: "limilabs.com, Stack Overflow 4530781, MailKit test data, Horde pull request 36",
    },
    Profile {
        name: "Exchange Online",
        also: &[
            "Outlook",
            "Microsoft 365",
            "Office 365",
            "outlook.office365.com",
        ],
        signs: &["The Microsoft Exchange POP3 service is ready. [{w}]"],
        expect: "the brackets in the greeting hold a host name in base64 (UTF-16), not a response code. The \
                 login uses XOAUTH2. Now and then a reply is an empty line.",
        next: "send `AUTH XOAUTH2` alone, then the token on a line of its own. On one line, they \
               are too long for this server.",
        source: "vmime issue 267, getmail6 issue 256, mpop issue 11, MailKit issue 1636",
    },
    Profile {
        name: "Exchange Server",
        also: &[
            "Exchange 2010",
            "Exchange 2013",
            "Exchange 2016",
            "Exchange 2019",
        ],
        signs: &["The Microsoft Exchange POP3 service is ready."],
        expect: "POP3 must be enabled both on the server and for the mailbox. Without TLS, USER \
                 and AUTH PLAIN are refused unless the LoginType setting allows them. The sizes in \
                 LIST may be estimates.",
        next: "use TLS. The administrator can set EnableExactRFC822Size for exact sizes.",
        source: "Microsoft Learn, Set-PopSettings",
    },
    Profile {
        name: "Exchange 2003",
        also: &["Exchange 5.5", "Exchange 2000", "Exchange"],
        signs: &[
            "Microsoft Exchange Server 2003 POP3 server version {w} ({w}) ready.",
            "Microsoft Exchange 2000 POP3 server version {w} ({w}) ready.",
        ],
        expect: "LIST gives the size in the database, not the octets that RETR sends. The server \
                 sends the NTLM challenge as `+OK`. Exchange 2000 appends the final dot directly \
                 to the text. TOP and RETR send different headers.",
        next: "do not rely on the sizes. The administrator can enable exact sizes with bit 1 of \
               the registry value `Pop3 Compatibility`.",
        source: "fetchmail FAQ S2, MailKit issue 391, angus-mail",
    },
    Profile {
        name: "Yahoo",
        also: &["AOL", "Verizon", "jpop"],
        signs: &[
            "Maildrop ready, (JPOP server ready).",
            "IMPLEMENTATION jpop-{w}",
        ],
        expect: "UIDL works although CAPA does not list it.",
        next: "try UIDL even though it is not listed.",
        source: "NeoMutt issue 1427",
    },
    Profile {
        name: "Comcast",
        also: &["Maillennium"],
        signs: &[
            "Maillennium POP3/PROXY server #{n}",
            "Maillennium POP3/PROXY",
        ],
        expect: "a proxy in front of the server cuts off the reply to TOP after 64 to 82 kB.",
        next: "fetch long messages with RETR.",
        source: "fetchmail",
    },
    Profile {
        name: "Dovecot",
        also: &[],
        signs: &[
            "{?[XCLIENT] }Dovecot ready.",
            "{?[XCLIENT] }Dovecot ({w}) ready.",
            "{?[XCLIENT] }Dovecot ready. <{w}>",
            "{?[XCLIENT] }Dovecot ({w}) ready. <{w}>",
            "IMPLEMENTATION Dovecot",
        ],
        expect: "by default the maildrop is not locked, so two sessions can be open at once. CAPA \
                 lists less after login. After each wrong password, the next reply is slower. The \
                 server closes the connection after 3 bad commands before login, or 20 after it. \
                 After login, it echoes bad arguments unchanged. It sends a line before it closes \
                 an idle session.",
        next: "nothing. After a failed login, just wait.",
        source: "seen with Dovecot 2.3.19, and its source",
    },
    Profile {
        name: "Courier",
        also: &["Courier Mail Server"],
        signs: &[
            "Hello there.",
            "Hello there. <{w}>",
            "IMPLEMENTATION Courier Mail Server",
        ],
        expect: "numbers are read leniently: trailing letters are ignored, and large numbers wrap at 32 \
                 bits. Commands pipelined after PASS are lost, although CAPA lists PIPELINING. The listed \
                 LOGIN-DELAY is not enforced. There are no response codes. Unique-ids look like `UID1-1795422173`.",
        next: "wait for the reply to PASS before the next command.",
        source: "seen with Courier 1.0.16",
    },
    Profile {
        name: "popa3d",
        also: &[],
        signs: &[],
        expect: "replies have no text, except for a failed login. CAPA is not supported, but LAST \
                 is. Messages with almost no header can share a unique-id.",
        next: "try each command to see whether it works.",
        source: "seen with popa3d 1.0.3",
    },
    Profile {
        name: "GNU pop3d",
        also: &["GNU Mailutils", "Mailutils"],
        signs: &[
            "POP3 Ready <{w}>",
            "IMPLEMENTATION GNU Mailutils {w}",
            "IMPLEMENTATION GNU Mailutils",
        ],
        expect: "CAPA lists EXPIRENEVER. The server refuses CAPA between USER and PASS. A second \
                 DELE of the same message is accepted. A locked maildrop is reported with \
                 [IN-USE]. Lines of 512 octets or more are echoed. An unknown name is refused \
                 faster than a wrong password.",
        next: "send CAPA before USER.",
        source: "seen with GNU Mailutils 3.15",
    },
    Profile {
        name: "Cyrus",
        also: &[],
        signs: &[
            "{w} Cyrus POP3 {w} server ready <{w}>",
            "{w} Cyrus POP3 {w} server ready",
            "IMPLEMENTATION Cyrus POP3 {w}",
        ],
        expect: "the text after [LOGIN-DELAY] gives the pause in minutes. The form of unique-ids \
                 is configurable. A NUL octet cuts off the rest of its line. CAPA does not list \
                 STLS after login.",
        next: "nothing.",
        source: "Cyrus source",
    },
    Profile {
        name: "Qpopper",
        also: &[],
        signs: &[],
        expect: "XTND XMIT and XTND XLST work. CAPA lists X-MANGLE. Refused logins have the code \
                 [AUTH]. If the user name ends in `-no-mime`, messages come without attachments.",
        next: "`?xtnd xmit` and `?xtnd xlst` explain these commands.",
        source: "Qpopper manual, fetchmail",
    },
    Profile {
        name: "Stalwart",
        also: &[],
        signs: &[
            "Stalwart POP3 at your service.",
            "IMPLEMENTATION Stalwart Server",
        ],
        expect: "TOP counts header lines too, and TOP n 0 sends the whole message. Message number \
                 0 means message 1. Messages marked as deleted are still listed. The SASL \
                 challenge is `+` without the space. UTF8 works only after login.",
        next: "fetch with RETR, and do not rely on TOP.",
        source: "Stalwart source",
    },
    Profile {
        name: "Mailpit",
        also: &[],
        signs: &[
            "Mailpit POP3 server",
            "Mailpit ({*}) POP3 server",
            "IMPLEMENTATION Mailpit",
        ],
        expect: "this is a testing tool that shows the newest 100 messages. TOP sends the whole \
                 message, without dot-stuffing. Messages marked as deleted are still listed. RETR \
                 adds an empty line. The server closes the connection if the password after PASS \
                 has spaces.",
        next: "nothing. Mailpit is not meant for real mail.",
        source: "Mailpit source",
    },
    Profile {
        name: "WildDuck",
        also: &[],
        signs: &[],
        expect: "messages get new numbers after DELE. The server closes the connection after 60 \
                 idle seconds, after a bad command, and after a failed SASL exchange.",
        next: "send LIST again after each DELE.",
        source: "WildDuck source",
    },
    Profile {
        name: "Twisted",
        also: &["twisted.mail"],
        signs: &[],
        expect: "mail that is stored with CR LF arrives with lines that end in CR CR LF. CAPA \
                 lists the misspelling PIPELINE and three jokes. The reply to UIDL n omits the \
                 message number. `NOOP x` ends the connection.",
        next: "send arguments only to commands that take them.",
        source: "seen with Twisted 26.10",
    },
];

/// Returns the row with this name, ignoring case.
pub(crate) fn named(name: &str) -> Option<&'static Profile> {
    ROWS.iter().find(|row| {
        std::iter::once(&row.name)
            .chain(row.also)
            .any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// Returns the row with a sign that matches the whole text.
pub(crate) fn of_text(text: &str) -> Option<&'static Profile> {
    ROWS.iter().find(|row| {
        row.signs
            .iter()
            .any(|sign| super::texts::is_whole(sign, text))
    })
}
