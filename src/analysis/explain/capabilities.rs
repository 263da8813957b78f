//! The capabilities: the lines of a CAPA reply (RFC 2449 §6), including those that only some
//! servers send.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capability {
    /// The first word of its line, upper case.
    pub(crate) tag: &'static str,
    pub(crate) params: &'static str,
    pub(crate) means: &'static str,
    /// What it means that it appears or disappears with TLS; empty if unknown.
    pub(crate) tls: &'static str,
    /// What it means that it appears or disappears with login; empty if unknown.
    pub(crate) login: &'static str,
    /// What individual parameters mean.
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

const PER_USER: &str = "The value may differ from user to user: send CAPA again after login.";
const VALUE_MAY_CHANGE: &str =
    "Its value may change after login: then it is the value for this user.";
const BOTH: &str = "It should be in both lists; many servers show it only where it is useful.";
const SCAN: &str = "no RFC: seen in a scan of servers (EAST)";
const SCAN_MEANS: &str =
    "A token that some server lists with or next to SASL; no document explains it.";

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
            "USER and PASS can log in, though perhaps not every user.",
            "RFC 2449 §6.2",
        ),
        "It is good, and usual, that it appears with TLS: without TLS the server does not want passwords.",
        "Many servers drop it after login, when it is no longer needed.",
    ),
    changing(
        row(
            "SASL",
            "mechanism ...",
            "AUTH works with these mechanisms and accepts an initial response on its line; if no mechanism is listed, none is allowed now.",
            "RFC 5034 §3",
        ),
        "It is good, and usual, that mechanisms with a cleartext password appear with TLS. Fewer or weaker \
         ones inside TLS than before would mean that an attacker changed the first list.",
        "It should stay after login, but Dovecot, Gmail, WildDuck and Cyrus drop it.",
    ),
    changing(
        row(
            "STLS",
            "",
            "The STLS command works now: it switches this connection to TLS.",
            "RFC 2595 §4",
        ),
        "It must disappear once TLS is on. If it stays, the list is fixed text, or a proxy in front of the server ends TLS.",
        "Correct: TLS cannot start after login.",
    ),
    row(
        "RESP-CODES",
        "",
        "Text after the status indicator that starts with `[` is a response code, not prose.",
        "RFC 2449 §6.4",
    ),
    row(
        "AUTH-RESP-CODE",
        "",
        "Every refusal of credentials has the code [AUTH], so a refusal without it has a different cause.",
        "RFC 3206 §6",
    ),
    valued(
        changing(
            row(
                "LOGIN-DELAY",
                "seconds [USER]",
                "This many seconds must pass between two logins of one user; before login, it is the longest pause of all users.",
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
        "Gmail lists it only after login.",
    ),
    valued(
        changing(
            row(
                "EXPIRE",
                "days|NEVER|0 [USER]",
                "The minimum number of days that the server keeps mail.",
                "RFC 2449 §6.7",
            ),
            "",
            VALUE_MAY_CHANGE,
        ),
        &[
            (
                "0",
                "0: mail may not be left on the server; fetched messages may be deleted at QUIT. Gmail says so but does not delete.",
            ),
            ("NEVER", "NEVER: the server deletes nothing by itself."),
            ("USER", PER_USER),
        ],
    ),
    changing(
        row(
            "IMPLEMENTATION",
            "text ...",
            "The name of the server program; clients must not rely on it.",
            "RFC 2449 §6.9",
        ),
        "",
        "Some servers show their name only after login.",
    ),
    valued(
        changing(
            row(
                "UTF8",
                "[USER]",
                "The UTF8 command works: it switches the session to UTF-8 mode, before login.",
                "RFC 6856 §2.1",
            ),
            "",
            BOTH,
        ),
        &[("USER", "USER: names and passwords may also be in UTF-8.")],
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
        "A needless tag: the RFCs define none for APOP, since the timestamp in the greeting announces it.",
        "no RFC: seen in the wild",
    ),
    row(
        "CAPA",
        "",
        "The command being answered; Dovecot lists it too.",
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
        "A private token of Gmail; its purpose is not published.",
        "no RFC: Gmail",
    ),
    row(
        "XOIP",
        "",
        "Zimbra's proxies may report the client's address with the XOIP command.",
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
        "A joke in Twisted's test list; it means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "AUSPEX",
        "",
        "A joke in Twisted's test list; it means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "POTENCE",
        "",
        "A joke in Twisted's test list; it means nothing.",
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
        "EXPIRE NEVER without the space: the server deletes nothing by itself, but clients do not recognise the line.",
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
        "The command of SMTP and IMAP; POP3 uses STLS, and clients look for that.",
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
        "SASL PLAIN with `=` instead of the space; clients do not recognise it.",
        "seen in the wild",
    ),
    row(
        "AUTH=CRAM-MD5",
        "",
        "IMAP's way to announce a mechanism; POP3 uses a SASL line.",
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

/// Returns the row of a tag, ignoring case.
pub(crate) fn find(tag: &str) -> Option<&'static Capability> {
    ROWS.iter().find(|row| row.tag.eq_ignore_ascii_case(tag))
}
