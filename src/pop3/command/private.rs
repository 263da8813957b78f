//! The rows of single vendors, and of commands that people type here because other protocols have
//! them.

use super::{Arg, ArgumentKind, Command, DataKind, MULTI, Provenance, SINGLE, Shape, States};

const MSG: Arg = Arg::required("msg", ArgumentKind::Message);

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "*ENV",
        args: &[MSG],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Private,
        source: "no RFC: Demon Internet, SDPS",
        help: "show the envelope of a message (Demon Internet)",
        about: "Demon Internet gave its customers one maildrop for a whole domain. To sort \
                the mail, they had to know the recipient of each message, which the header \
                does not always show; this command shows the envelope from SMTP.\n\n\
                The reply has several lines and ends with a line with a single dot. The third \
                line is the sender and the fourth the recipient. An empty third line is the \
                empty sender of an error report.\n\n\
                fetchmail and getmail call it SDPS. Other servers answer `-ERR`. The star is part \
                of the command.",
        example: include_str!("../../../transcripts/commands/ENV.pop3"),
        ..MULTI
    },
    Command {
        verb: "XCLIENT",
        args: &[Arg::required("key=value", ArgumentKind::Text)],
        states: States::AUTHORIZATION,
        provenance: Provenance::Private,
        source: "no RFC: Dovecot",
        help: "give the server a client's address, as a proxy",
        about: "A proxy in front of Dovecot uses it to pass on details of the real client: \
                `ADDR=` and `PORT=` for its address, `SESSION=` for the log, and more pairs \
                like these, separated by spaces. The server then uses that address in its log \
                and for its limits.\n\n\
                Only hosts that the server trusts may use it; all others get `-ERR`. Dovecot \
                greets a trusted host with `+OK [XCLIENT]`; do not mistake that for a \
                response code.\n\n\
                If you get `+OK` from an arbitrary address on the Internet, the list of trusted \
                networks is far too wide.",
        example: include_str!("../../../transcripts/commands/XCLIENT.pop3"),
        ..SINGLE
    },
    Command {
        verb: "XOIP",
        args: &[Arg::required("address", ArgumentKind::Text)],
        states: States::AUTHORIZATION,
        provenance: Provenance::Private,
        source: "no RFC: Zimbra",
        help: "give the server the original IP address, as a proxy",
        about: "The same idea as `XCLIENT`, from Zimbra: its nginx proxy passes the client's \
                real IP address to the mailbox server, for the log.\n\n\
                The reply is one line. Zimbra lists `XOIP` among its capabilities. It is useful \
                only between the proxy and its server. If a server accepts it from you, it only \
                puts a false address into the log.",
        example: include_str!("../../../transcripts/commands/XOIP.pop3"),
        ..SINGLE
    },
    Command {
        verb: "XSENDER",
        args: &[MSG],
        states: States::TRANSACTION,
        provenance: Provenance::Private,
        source: "no RFC: Netscape Messaging Server",
        help: "ask who the server thinks sent a message",
        about: "Netscape's mail server remembered who had logged in to send a message. Its \
                mail program, and later Mozilla, sent `XSENDER 1` before `RETR 1` and \
                compared the reply with the From line of the header.\n\n\
                The reply is one line: `+OK` and the sender's address, or a bare `+OK` if the \
                sender is unknown. Today's servers answer `-ERR`.",
        example: include_str!("../../../transcripts/commands/XSENDER.pop3"),
        ..SINGLE
    },
    Command {
        verb: "HELP",
        states: States::BOTH,
        bare: Shape::Unknown,
        with_argument: Shape::Unknown,
        // No document defines where its reply ends.
        pipelines: false,
        provenance: Provenance::Foreign,
        source: "RFC 5321 §4.1.1.8 (SMTP)",
        help: "not POP3; ask CAPA, or type ? for poptalk's help",
        about: "This command belongs to SMTP, not to POP3. `CAPA` shows what the server can \
                do; `?` shows what you can type, and poptalk answers it itself (`?retr` for \
                one command).\n\n\
                You may send it anyway, and most servers answer `-ERR`. A few (such as Mercury/32) \
                answer `+OK` and a list that ends with a line with a single dot. No document \
                defines that, so poptalk takes one line as the reply and shows the rest as \
                unsolicited data; with `--multi HELP` it reads up to the dot.",
        example: include_str!("../../../transcripts/commands/HELP.pop3"),
        ..SINGLE
    },
    Command {
        verb: "STARTTLS",
        states: States::AUTHORIZATION,
        bare: Shape::Unknown,
        with_argument: Shape::Unknown,
        pipelines: false,
        provenance: Provenance::Foreign,
        source: "RFC 9051 §6.2.1 (IMAP), RFC 3207 (SMTP)",
        help: "not POP3; the POP3 command is STLS",
        about: "IMAP and SMTP start TLS with this command. POP3 commands have three or four \
                letters, and the one for TLS is `STLS`.\n\n\
                Expect `-ERR`. No harm is done: the connection is still unencrypted and still \
                usable, so send `STLS`. No document defines what follows a `+OK`; poptalk does not \
                start a handshake then.",
        example: include_str!("../../../transcripts/commands/STARTTLS.pop3"),
        ..SINGLE
    },
];
