//! The rows of single vendors, and of words that people type here because other protocols have them.

use super::{Arg, ArgumentKind, Command, DataKind, Effect, Provenance, Shape, States};

const MSG: Arg = Arg::required("msg", ArgumentKind::Message);

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "*ENV",
        args: &[MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Private,
        source: "no RFC: Demon Internet, SDPS",
        help: "show the envelope of a message (Demon Internet)",
        about: "Demon Internet gave its customers one maildrop for a whole domain. To sort the mail they had \
                to know for whom each message came, and the header does not always tell; this command shows the \
                envelope that SMTP delivered.\n\n\
                The answer has several lines and ends in a line with one dot. Of the lines between, the third is the \
                sender and the fourth the recipient. An empty third line is the empty sender of an error report.\n\n\
                fetchmail and getmail know it under the name SDPS. Elsewhere expect `-ERR`. The star is part of the \
                verb.",
        example: include_str!("../../../transcripts/commands/ENV.pop3"),
    },
    Command {
        verb: "XCLIENT",
        args: &[Arg::required("key=value", ArgumentKind::Text)],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Private,
        source: "no RFC: Dovecot",
        help: "tell the server a client's address, as a proxy",
        about: "A proxy in front of Dovecot tells it for whom it speaks: `ADDR=` and `PORT=` of the real \
                client, `SESSION=` for the log, and more pairs of this kind, with spaces between. The server then \
                logs and limits by that address.\n\n\
                Only hosts that the server trusts may do so; all others get `-ERR`. Dovecot greets a host that it \
                trusts with `+OK [XCLIENT]`; do not take that for a response code.\n\n\
                If you get `+OK` from anywhere on the Internet, the list of trusted networks is far too wide.",
        example: include_str!("../../../transcripts/commands/XCLIENT.pop3"),
    },
    Command {
        verb: "XOIP",
        args: &[Arg::required("address", ArgumentKind::Text)],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Private,
        source: "no RFC: Zimbra",
        help: "tell the server the original IP address, as a proxy",
        about: "The same idea as `XCLIENT`, made by Zimbra: its nginx proxy tells the mailbox server from \
                which IP address the client really comes, so that this address stands in the log.\n\n\
                The answer is one line. Zimbra shows `XOIP` among the capabilities. Between the proxy and its server \
                it is of use; typed by hand it only puts a false address into a log, where it is accepted at all.",
        example: include_str!("../../../transcripts/commands/XOIP.pop3"),
    },
    Command {
        verb: "XSENDER",
        args: &[MSG],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Private,
        source: "no RFC: Netscape Messaging Server",
        help: "ask who sent a message, as the server knows it",
        about: "Netscape's mail server remembered who had logged in to send a message. Its mail program, and \
                Mozilla after it, asked with `XSENDER 1` before `RETR 1` and compared the answer with the From line \
                of the header.\n\n\
                The answer is one line: `+OK` and the sender's address, or a bare `+OK` when nothing is known. \
                Servers of today say `-ERR`.",
        example: include_str!("../../../transcripts/commands/XSENDER.pop3"),
    },
    Command {
        verb: "HELP",
        args: &[],
        states: States::BOTH,
        bare: Shape::Unknown,
        with_argument: Shape::Unknown,
        effect: Effect::Nothing,
        // Nobody knows where its reply ends.
        pipelines: false,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Foreign,
        source: "RFC 5321 §4.1.1.8 (SMTP)",
        help: "not POP3; ask CAPA, or type ? for poptalk's help",
        about: "SMTP has this command, POP3 has not. What the server can do is told by `CAPA`; what you can \
                type is told by `?`, which poptalk answers itself (`?retr` for one command).\n\n\
                You may send it all the same, and most servers say `-ERR`. A few (Mercury/32 is one) do answer `+OK` \
                and then a list that ends in a line with one dot. No document says so, hence poptalk takes one line \
                as the reply and shows the rest as octets that nobody asked for; with `--multi HELP` it reads up to \
                the dot.",
        example: include_str!("../../../transcripts/commands/HELP.pop3"),
    },
    Command {
        verb: "STARTTLS",
        args: &[],
        states: States::AUTHORIZATION,
        bare: Shape::Unknown,
        with_argument: Shape::Unknown,
        effect: Effect::Nothing,
        pipelines: false,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Foreign,
        source: "RFC 9051 §6.2.1 (IMAP), RFC 3207 (SMTP)",
        help: "not POP3; its word for this is STLS",
        about: "IMAP and SMTP start TLS with this word. POP3 verbs have three or four letters, and its word \
                is `STLS`.\n\n\
                `-ERR` is the answer to expect. Nothing is lost: the connection is still in the clear and still \
                usable, so send `STLS`. After a `+OK` no document says what comes next; poptalk starts no handshake \
                then.",
        example: include_str!("../../../transcripts/commands/STARTTLS.pop3"),
    },
];
