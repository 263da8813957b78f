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

const PER_USER: &str = "The value may differ from user to user. Send CAPA again after login to see \
                        yours.";
const VALUE_MAY_CHANGE: &str =
    "The value may change after login, when the server knows which user it applies to.";
const BOTH: &str = "It should be listed both before and after login, but many servers list it only \
                    where it can be used.";
const SCAN: &str = "no RFC: seen in a scan of servers by the authors of EAST";
const SCAN_MEANS: &str =
    "A token that a scan found in or next to a SASL line. No document explains it.";

pub(crate) const ROWS: &[Capability] = &[
    row(
        "TOP",
        "",
        "The TOP command works: it fetches the header and the first lines of a message.",
        "RFC 2449 §6.1",
    ),
    row(
        "UIDL",
        "",
        "The UIDL command works: each message has a unique-id that stays the same from session to \
         session.",
        "RFC 2449 §6.8",
    ),
    changing(
        row(
            "USER",
            "",
            "USER and PASS work, though perhaps not for every user.",
            "RFC 2449 §6.2",
        ),
        "Many servers list it only inside TLS, so that clients do not send passwords unencrypted.",
        "Many servers drop it after login, when it is no longer needed.",
    ),
    changing(
        row(
            "SASL",
            "mechanism ...",
            "The AUTH command works with these mechanisms and accepts an initial response on the \
             same line. If no mechanism is listed, none is allowed now.",
            "RFC 5034 §3",
        ),
        "Many servers list mechanisms that send the password in cleartext only inside TLS, as they \
         should. If the list inside TLS is shorter or weaker, an attacker may have changed the \
         earlier one.",
        "It should stay in the list after login, but Dovecot, Gmail, WildDuck and Cyrus drop it.",
    ),
    changing(
        row(
            "STLS",
            "",
            "The STLS command works now: it switches this connection to TLS.",
            "RFC 2595 §4",
        ),
        "It must disappear once TLS is on. If it stays, the server may send a fixed list, or a \
         proxy in front of it may handle TLS.",
        "Servers rightly drop it after login: TLS cannot start then.",
    ),
    row(
        "RESP-CODES",
        "",
        "If the text after the status indicator starts with `[`, it begins with a response code.",
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
                "This many seconds must pass between two logins of one user. Before login, the \
                 value is the longest pause required of any user.",
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
                "0: clients must not leave mail on the server. The server may delete fetched \
                 messages at QUIT. Gmail lists 0 but does not delete them.",
            ),
            ("NEVER", "NEVER: the server never deletes mail on its own."),
            ("USER", PER_USER),
        ],
    ),
    changing(
        row(
            "IMPLEMENTATION",
            "text ...",
            "The name of the server program. Clients must not rely on it.",
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
                "The UTF8 command works: sent before login, it switches the session to UTF-8 mode.",
                "RFC 6856 §2.1",
            ),
            "",
            BOTH,
        ),
        &[(
            "USER",
            "USER: user names and passwords may be in UTF-8, too.",
        )],
    ),
    row(
        "LANG",
        "",
        "The LANG command works: it lists the languages for reply texts, or chooses one of them.",
        "RFC 6856 §3",
    ),
    // Seen in the wild: private, needless or joking.
    row(
        "APOP",
        "",
        "No RFC defines this tag, and none is needed: the timestamp in the greeting announces \
         APOP.",
        "no RFC: seen in the wild",
    ),
    row(
        "CAPA",
        "",
        "The CAPA command itself, which Dovecot also lists.",
        "no RFC: Dovecot",
    ),
    row(
        "LAST",
        "",
        "The LAST command works. It dates from 1988.",
        "no current RFC: o2.pl, MailKit issue 174",
    ),
    row(
        "X-GOOGLE-RICO",
        "",
        "A private Gmail token. Its purpose is not published.",
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
        "Qpopper can reduce a message to its readable text.",
        "no RFC: Qpopper",
    ),
    row(
        "CELERITY",
        "",
        "A joke in Twisted's capability list. It means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "AUSPEX",
        "",
        "A joke in Twisted's capability list. It means nothing.",
        "no RFC: Twisted",
    ),
    row(
        "POTENCE",
        "",
        "A joke in Twisted's capability list. It means nothing.",
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
        "EXPIRE NEVER without its space, so clients do not recognise it. The server means that it \
         never deletes mail on its own.",
        "seen with GNU Mailutils 3.15",
    ),
    row(
        "PIPELINE",
        "",
        "A misspelling of PIPELINING that clients do not recognise.",
        "seen with Twisted",
    ),
    row(
        "RESP_CODES",
        "",
        "RESP-CODES misspelled with an underscore. Clients do not recognise it.",
        "seen with secure.plala.or.jp, Mew pull request 188",
    ),
    row(
        "STARTTLS",
        "",
        "The SMTP and IMAP name of the command. POP3 clients look for STLS instead.",
        "seen in the wild",
    ),
    row(
        "UTF-8",
        "",
        "A misspelling of UTF8 that clients do not recognise.",
        "seen in the wild",
    ),
    row(
        "SASL=PLAIN",
        "",
        "SASL PLAIN with `=` instead of the space. Clients do not recognise it.",
        "seen in the wild",
    ),
    row(
        "AUTH=CRAM-MD5",
        "",
        "The IMAP form for announcing a mechanism. POP3 uses a SASL line.",
        SCAN,
    ),
    row(
        "POP3AUTH=LOGIN",
        "",
        "Meant as SASL LOGIN, but clients do not recognise it.",
        SCAN,
    ),
    row(
        "CRAM_MD5",
        "",
        "CRAM-MD5 misspelled with an underscore. Clients do not recognise it.",
        SCAN,
    ),
    row(
        "LOPGIN",
        "",
        "A misspelling of LOGIN that clients do not recognise.",
        SCAN,
    ),
];

/// Returns the row of a tag, ignoring case.
pub(crate) fn find(tag: &str) -> Option<&'static Capability> {
    ROWS.iter().find(|row| row.tag.eq_ignore_ascii_case(tag))
}
