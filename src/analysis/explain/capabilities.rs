//! The capabilities: the lines of a CAPA reply (RFC 2449 §6), those that only some servers send included.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capability {
    /// The first word of its line, upper case.
    pub(crate) tag: &'static str,
    pub(crate) params: &'static str,
    pub(crate) means: &'static str,
    /// What it means that it appears or vanishes with TLS; empty: nothing is known of it.
    pub(crate) tls: &'static str,
    /// What it means that it appears or vanishes with the login; empty: nothing is known of it.
    pub(crate) login: &'static str,
    /// What single parameters say.
    pub(crate) values: &'static [(&'static str, &'static str)],
    /// The document and section that define it, or where it was seen.
    pub(crate) source: &'static str,
}

const fn row(
    tag: &'static str,
    params: &'static str,
    means: &'static str,
    source: &'static str,
) -> Capability {
    Capability {
        tag,
        params,
        means,
        tls: "",
        login: "",
        values: &[],
        source,
    }
}

const fn changing(row: Capability, tls: &'static str, login: &'static str) -> Capability {
    Capability { tls, login, ..row }
}

const fn valued(row: Capability, values: &'static [(&'static str, &'static str)]) -> Capability {
    Capability { values, ..row }
}

const PER_USER: &str = "The value may differ from user to user: ask CAPA again after the login.";
const VALUE_MAY_CHANGE: &str =
    "Its value may differ after the login: then it is the one of this user.";
const BOTH: &str = "It should be in both lists; many servers show it only where it is useful.";
const SCAN: &str = "no RFC: seen in a scan of servers (EAST)";
const SCAN_MEANS: &str =
    "A token that some server lists with or beside SASL; no document explains it.";

pub(crate) const ROWS: &[Capability] = &[
    row(
        "TOP",
        "",
        "The TOP command works: the header and the first lines of a message.",
        "RFC 2449 §6.1",
    ),
    row(
        "UIDL",
        "",
        "The UIDL command works: each message has an id that stays the same in every session.",
        "RFC 2449 §6.8",
    ),
    changing(
        row(
            "USER",
            "",
            "A login with USER and PASS is possible, though perhaps not for everybody.",
            "RFC 2449 §6.2",
        ),
        "Usual and good when it appears with TLS: without TLS the server does not want passwords.",
        "Many servers drop it after the login, where nobody needs it.",
    ),
    changing(
        row(
            "SASL",
            "mechanism ...",
            "AUTH works with these mechanisms, and takes an initial response on its line; without any mechanism listed, none is allowed now.",
            "RFC 5034 §3",
        ),
        "Usual and good when mechanisms with a clear password appear with TLS. Fewer or weaker ones inside TLS than before \
         would mean that somebody on the way changed the first list.",
        "It should stay after the login; Dovecot, Gmail, WildDuck and Cyrus drop it all the same.",
    ),
    changing(
        row(
            "STLS",
            "",
            "The STLS command works now: it switches this connection to TLS.",
            "RFC 2595 §4",
        ),
        "It must vanish once TLS is on. Where it stays, the list is a fixed text, or a proxy ends TLS in front of the server.",
        "Right: TLS can't start after the login.",
    ),
    row(
        "RESP-CODES",
        "",
        "A text behind the status indicator that starts with `[` is a response code, not prose.",
        "RFC 2449 §6.4",
    ),
    row(
        "AUTH-RESP-CODE",
        "",
        "Every refusal of credentials has the code [AUTH], so a refusal without it has another cause.",
        "RFC 3206 §6",
    ),
    valued(
        changing(
            row(
                "LOGIN-DELAY",
                "seconds [USER]",
                "So many seconds must pass between two logins of one user; before the login the largest pause of all users is told.",
                "RFC 2449 §6.5",
            ),
            "",
            VALUE_MAY_CHANGE,
        ),
        &[("USER", PER_USER)],
    ),
    changing(
        row(
            "PIPELINING",
            "",
            "Several commands may be sent without waiting for each reply.",
            "RFC 2449 §6.6",
        ),
        "",
        "Gmail announces it only after the login.",
    ),
    valued(
        changing(
            row(
                "EXPIRE",
                "days|NEVER|0 [USER]",
                "How many days the server keeps mail at least.",
                "RFC 2449 §6.7",
            ),
            "",
            VALUE_MAY_CHANGE,
        ),
        &[
            (
                "0",
                "0: mail may not be left on the server; what was fetched may be deleted at QUIT. Gmail says so and does not delete.",
            ),
            ("NEVER", "NEVER: the server deletes nothing by itself."),
            ("USER", PER_USER),
        ],
    ),
    changing(
        row(
            "IMPLEMENTATION",
            "text ...",
            "The name of the server's program; nothing may depend on it.",
            "RFC 2449 §6.9",
        ),
        "",
        "Some servers tell their name only to those who are logged in.",
    ),
    valued(
        changing(
            row(
                "UTF8",
                "[USER]",
                "The UTF8 command works: it switches the session to UTF-8 mode, before the login.",
                "RFC 6856 §2.1",
            ),
            "",
            BOTH,
        ),
        &[("USER", "USER: names and passwords may be in UTF-8 too.")],
    ),
    row(
        "LANG",
        "",
        "The LANG command works: it lists the languages of the reply texts and chooses one.",
        "RFC 6856 §3",
    ),
    // Seen in the wild: private, needless or joking.
    row(
        "APOP",
        "",
        "A needless tag: APOP has none in the RFCs, the timestamp in the greeting announces it.",
        "no RFC: seen in the wild",
    ),
    row(
        "CAPA",
        "",
        "The command that is being answered; Dovecot lists it too.",
        "no RFC: Dovecot",
    ),
    row(
        "LAST",
        "",
        "The LAST command of 1988 works.",
        "no RFC of today: o2.pl, MailKit issue 174",
    ),
    row(
        "X-GOOGLE-RICO",
        "",
        "A private token of Gmail; what it does is not published.",
        "no RFC: Gmail",
    ),
    row(
        "XOIP",
        "",
        "Zimbra's proxies may tell the client's address with the XOIP command.",
        "no RFC: Zimbra",
    ),
    row(
        "X-MANGLE",
        "",
        "Qpopper can shorten messages to their readable text.",
        "no RFC: Qpopper",
    ),
    row(
        "CELERITY",
        "",
        "A joke of Twisted's test list; it means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "AUSPEX",
        "",
        "A joke of Twisted's test list; it means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "POTENCE",
        "",
        "A joke of Twisted's test list; it means nothing.",
        "no RFC: Twisted",
    ),
    row("ONECOM", "", SCAN_MEANS, SCAN),
    row("SYNOAUTH", "", SCAN_MEANS, SCAN),
    row("X-CHMAIL", "", SCAN_MEANS, SCAN),
    row("X-TMAILER", "", SCAN_MEANS, SCAN),
    // Misspelt: clients do not recognise them.
    row(
        "EXPIRENEVER",
        "",
        "EXPIRE NEVER without its blank: the server deletes nothing by itself, but clients don't recognise the line.",
        "seen with GNU Mailutils 3.15",
    ),
    row(
        "PIPELINE",
        "",
        "A misspelling of PIPELINING; clients do not recognise it.",
        "seen with Twisted",
    ),
    row(
        "RESP_CODES",
        "",
        "A misspelling of RESP-CODES, with an underscore; clients do not recognise it.",
        "seen with secure.plala.or.jp, Mew pull request 188",
    ),
    row(
        "STARTTLS",
        "",
        "The word of SMTP and IMAP; POP3's is STLS, and clients look for that one.",
        "seen in the wild",
    ),
    row(
        "UTF-8",
        "",
        "A misspelling of UTF8; clients do not recognise it.",
        "seen in the wild",
    ),
    row(
        "SASL=PLAIN",
        "",
        "SASL PLAIN with `=` in place of the blank; clients do not recognise it.",
        "seen in the wild",
    ),
    row(
        "AUTH=CRAM-MD5",
        "",
        "IMAP's way to announce a mechanism; POP3's is a SASL line.",
        SCAN,
    ),
    row(
        "POP3AUTH=LOGIN",
        "",
        "Meant as SASL LOGIN; clients do not recognise it.",
        SCAN,
    ),
    row(
        "CRAM_MD5",
        "",
        "A misspelling of CRAM-MD5, with an underscore; clients do not recognise it.",
        SCAN,
    ),
    row(
        "LOPGIN",
        "",
        "A misspelling of LOGIN; clients do not recognise it.",
        SCAN,
    ),
];

/// The row of a tag, without regard to case.
pub(crate) fn find(tag: &str) -> Option<&'static Capability> {
    ROWS.iter().find(|row| row.tag.eq_ignore_ascii_case(tag))
}
