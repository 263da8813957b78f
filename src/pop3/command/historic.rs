//! The rows of older documents: commands that were once in POP3 and that a few servers still
//! answer.

use super::{
    Arg, ArgumentKind, Command, DataKind, Effect, MULTI, Provenance, SINGLE, Shape, States,
};

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "LAST",
        states: States::TRANSACTION,
        fields: &["msg"],
        provenance: Provenance::Historic,
        source: "RFC 1460 §5",
        help: "ask for the highest message number fetched so far",
        about: "The reply is one line, `+OK` and a number: the highest message number fetched \
                so far, or 0 if none was. It never goes down, except that `RSET` sets it back \
                to 0. The server kept it from one session to the next, so that a program \
                could fetch only what was new.\n\n\
                That failed as soon as someone read mail in two places or deleted a message \
                in the middle. RFC 1725 removed it in 1994 and added `UIDL`, which you should \
                use instead.\n\n\
                popa3d and Twisted still support it, and so does Dovecot if `pop3_enable_last` is \
                set. On any other server `-ERR` is the right reply.",
        example: include_str!("../../../transcripts/commands/LAST.pop3"),
        ..SINGLE
    },
    Command {
        verb: "RPOP",
        args: &[Arg::required("user", ArgumentKind::Name)],
        states: States::AUTHORIZATION,
        effect: Effect::Login,
        provenance: Provenance::Historic,
        source: "RFC 1225",
        help: "log in from a trusted host; obsolete",
        about: "It followed `USER`, as `PASS` does today, and needed no password: the server \
                trusted the client because its source port was below 1024, which only root \
                can use on a Unix host. The name is that of the user on the client's side.\n\n\
                No server should trust that today: anyone can be root on their own computer. \
                RFC 1460 removed it in 1993. A server that answers `+OK` lets people in \
                without proof; report it.\n\n\
                The reply is one line, and it should be `-ERR`.",
        example: include_str!("../../../transcripts/commands/RPOP.pop3"),
        ..SINGLE
    },
    Command {
        verb: "XTND",
        args: &[Arg::required("extension", ArgumentKind::Text)],
        states: States::TRANSACTION,
        data: DataKind::Free,
        provenance: Provenance::Historic,
        source: "RFC 1082",
        help: "call a 1988 extension by its name",
        about: "An early way to add commands: the second word is the name of the extension. \
                RFC 1082 had `BBOARDS`, `ARCHIVE` and `X-BBOARDS` for bulletin boards; \
                popper, the server from Berkeley and later Qualcomm, added `XMIT` and `XLST`.\n\n\
                According to the RFC, each positive reply has several lines and ends with a \
                line with a single dot. poptalk expects that for any second word that it does \
                not know. `XMIT` is the exception.\n\n\
                Nearly all servers today answer `-ERR`. The examples in the RFC print `+ OK`, with \
                a space in the middle; that is a misprint, not a status indicator.",
        example: include_str!("../../../transcripts/commands/XTND.pop3"),
        ..MULTI
    },
    Command {
        verb: "XTND XMIT",
        states: States::TRANSACTION,
        bare: Shape::Upload,
        with_argument: Shape::Upload,
        pipelines: false,
        data: DataKind::Lines,
        provenance: Provenance::Historic,
        source: "draft-hansen-pop3-xtndext",
        help: "send a mail through the POP3 server",
        about: "The only command in POP3 that sends mail. The server answers `+OK`; then you \
                send the message (header, empty line, body) and a line with a single dot; \
                then it answers `+OK` or `-ERR` again. The server takes the recipients from the \
                header of the message.\n\n\
                This time you do the stuffing: put a second dot before each line of the \
                message that starts with a dot.\n\n\
                After `-ERR` to the first line do not send the message: the server would read \
                it line by line as commands. `-ERR` at the end usually means that a recipient \
                was refused.\n\n\
                It comes from popper (Berkeley, later Qualcomm); Mercury/32 has it, too. It was \
                convenient because the client was already logged in. Today mail is sent by SMTP, \
                on port 465 or 587.",
        example: include_str!("../../../transcripts/commands/XTND-XMIT.pop3"),
        ..SINGLE
    },
    Command {
        verb: "XTND XLST",
        args: &[
            Arg::required("header", ArgumentKind::Text),
            Arg::optional("msg", ArgumentKind::Message),
        ],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Historic,
        source: "draft-hansen-pop3-xtndext",
        help: "list one header field of all messages",
        about: "`XTND XLST Subject` shows one line for each message that has this field: the \
                message number, a space, and the header line as it is in the message. A line \
                with a single dot ends the list. With a message number after the field, the \
                reply covers only that message and still ends with a dot.\n\n\
                It comes from Qpopper, for Eudora. On servers without `UIDL`, Netscape, and \
                Mozilla for years, identified messages by `XTND XLST Message-Id`.\n\n\
                `-ERR`: no field was given, there is no such message, or, on nearly every server \
                today, there is no such command. `TOP 1 0` shows the whole header and works on \
                most servers.",
        example: include_str!("../../../transcripts/commands/XTND-XLST.pop3"),
        ..MULTI
    },
    Command {
        verb: "XTND BBOARDS",
        args: &[Arg::optional("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Historic,
        source: "RFC 1082",
        help: "list the bulletin boards, or open one",
        about: "Bulletin boards were mail for everyone at a site, read like a maildrop. \
                Without an argument the command lists them: the name, a space, and the \
                highest number that an item ever had there (the maxima). With a name it opens \
                that board in place of your maildrop. Both replies end with a line with a \
                single dot, even the one about a single board.\n\n\
                On an open board `LIST` has a third column with the item's number on the \
                board, which unlike the message number does not change. That is why a program \
                that reads scan listings should ignore anything after the size.\n\n\
                No server today is known to have it; expect `-ERR`.",
        example: include_str!("../../../transcripts/commands/XTND-BBOARDS.pop3"),
        ..MULTI
    },
    Command {
        verb: "XTND ARCHIVE",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Historic,
        source: "RFC 1082",
        help: "open the archive of a bulletin board",
        about: "It opens the older items of a bulletin board, just as `XTND BBOARDS` opens \
                the board itself; `LIST` and `RETR` then work on them. The name is required.\n\n\
                The reply has several lines and ends with a line with a single dot. Today's \
                servers answer `-ERR`.",
        example: include_str!("../../../transcripts/commands/XTND-ARCHIVE.pop3"),
        ..MULTI
    },
    Command {
        verb: "XTND X-BBOARDS",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        data: DataKind::Free,
        provenance: Provenance::Historic,
        source: "RFC 1082",
        help: "show what the server knows about a bulletin board",
        about: "It shows what the server has recorded about a bulletin board. The reply has \
                several lines, meant for a program rather than for people, and ends with a \
                line with a single dot.\n\n\
                Today's servers answer `-ERR`.",
        example: include_str!("../../../transcripts/commands/XTND-X-BBOARDS.pop3"),
        ..MULTI
    },
];
