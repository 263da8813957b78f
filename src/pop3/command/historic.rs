//! The rows of older documents: what was in POP3 once, and still answers on some server.

use super::{Arg, ArgumentKind, Command, DataKind, Effect, Provenance, Shape, States};

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "LAST",
        args: &[],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &["msg"],
        data: DataKind::Nothing,
        standing: Provenance::Historic,
        source: "RFC 1460 §5",
        help: "ask for the highest message number fetched so far",
        about: "The answer is one line, `+OK` and a number: the highest message that was fetched, or 0 for \
                none. It never goes down, but `RSET` sets it back to 0. The server kept it from one session to the \
                next, so that a program fetched only what was new.\n\n\
                That broke as soon as somebody read mail in two places or deleted in the middle. RFC 1725 took it \
                out in 1994 and brought `UIDL`, which is what you want.\n\n\
                popa3d and Twisted still answer it, Dovecot where `pop3_enable_last` is set. Everywhere else `-ERR` \
                is the right answer.",
        example: include_str!("../../../transcripts/commands/LAST.pop3"),
    },
    Command {
        verb: "RPOP",
        args: &[Arg::required("user", ArgumentKind::Name)],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Login,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Historic,
        source: "RFC 1225",
        help: "log in by the trust between two hosts; long gone",
        about: "It followed `USER` where `PASS` does today, and there was no password: the server believed \
                the client because its source port was below 1024, which on a Unix host only root can have. The name \
                is that of the user on the client's side.\n\n\
                Nobody should believe that today: anybody can be root on a computer of their own. RFC 1460 removed \
                it in 1993. A server that says `+OK` here lets people in without proof; report it.\n\n\
                The answer is one line. `-ERR` is the right one.",
        example: include_str!("../../../transcripts/commands/RPOP.pop3"),
    },
    Command {
        verb: "XTND",
        args: &[Arg::required("extension", ArgumentKind::Text)],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Free,
        standing: Provenance::Historic,
        source: "RFC 1082",
        help: "call an extension of 1988 by its name",
        about: "An early way to add commands: the second word says which one. RFC 1082 had `BBOARDS`, \
                `ARCHIVE` and `X-BBOARDS` for bulletin boards; popper, the server of Berkeley and later Qualcomm, \
                added `XMIT` and `XLST`.\n\n\
                By the RFC each positive answer has several lines and ends in a line with one dot, and poptalk takes \
                it so for a second word that it does not know. `XMIT` is the exception.\n\n\
                Nearly all servers of today say `-ERR`. The examples in the RFC itself print `+ OK`, with a space in \
                the middle; that is a misprint and no status indicator.",
        example: include_str!("../../../transcripts/commands/XTND.pop3"),
    },
    Command {
        verb: "XTND XMIT",
        args: &[],
        states: States::TRANSACTION,
        bare: Shape::Upload,
        with_argument: Shape::Upload,
        effect: Effect::Nothing,
        pipelines: false,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Historic,
        source: "draft-hansen-pop3-xtndext",
        help: "send a mail through the POP3 server",
        about: "The one command of POP3 with which mail leaves. The server says `+OK`; then you send the \
                message (header, empty line, body) and a line with one dot; then it says `+OK` or `-ERR` once more. \
                It takes the recipients from the header of the message.\n\n\
                This time the stuffing is your part: give each line of the message that starts with a dot a second \
                one.\n\n\
                After `-ERR` to the first line send nothing more of the message: the server would read it line by \
                line as commands. `-ERR` at the end mostly means that a recipient was refused.\n\n\
                It comes from popper (Berkeley, later Qualcomm); Mercury/32 has it, too. It was handy because the \
                login was already done. Today mail is sent by SMTP, port 465 or 587.",
        example: include_str!("../../../transcripts/commands/XTND-XMIT.pop3"),
    },
    Command {
        verb: "XTND XLST",
        args: &[
            Arg::required("header", ArgumentKind::Text),
            Arg::optional("msg", ArgumentKind::Message),
        ],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Historic,
        source: "draft-hansen-pop3-xtndext",
        help: "list one header field of all messages",
        about: "`XTND XLST Subject` gives one line for each message that has this field: the message number, \
                a space, and the header line as it stands in the message. A line with one dot ends the list. With a \
                number behind the field only that message is looked at, and the dot line comes as well.\n\n\
                It comes from Qpopper, for Eudora. Where `UIDL` was missing, Netscape and for years Mozilla told \
                messages apart by `XTND XLST Message-Id`.\n\n\
                `-ERR`: no field named, no such message, or, nearly everywhere today, no such command. `TOP 1 0` \
                shows the whole header and works on most servers.",
        example: include_str!("../../../transcripts/commands/XTND-XLST.pop3"),
    },
    Command {
        verb: "XTND BBOARDS",
        args: &[Arg::optional("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Historic,
        source: "RFC 1082",
        help: "list the bulletin boards, or open one",
        about: "Bulletin boards were mail for everybody at a site, read like a maildrop. Alone the command \
                lists them: the name, a space, and the highest number that an item ever had there (the maxima). With \
                a name it opens that board in place of your maildrop. Both answers end in a line with one dot, also \
                the one about a single board.\n\n\
                On an open board `LIST` gets a third column with the item's number on the board, which unlike the \
                message number stays. That is why a reader of scan listings should pass over what follows the size.\n\n\
                No server of today is known to have it; expect `-ERR`.",
        example: include_str!("../../../transcripts/commands/XTND-BBOARDS.pop3"),
    },
    Command {
        verb: "XTND ARCHIVE",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Historic,
        source: "RFC 1082",
        help: "open the archive of a bulletin board",
        about: "The older items of a bulletin board, opened like the board itself by `XTND BBOARDS`; `LIST` \
                and `RETR` then work on them. The name must be there.\n\n\
                The answer has several lines and ends in a line with one dot. Expect `-ERR` on servers of today.",
        example: include_str!("../../../transcripts/commands/XTND-ARCHIVE.pop3"),
    },
    Command {
        verb: "XTND X-BBOARDS",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Free,
        standing: Provenance::Historic,
        source: "RFC 1082",
        help: "show what is known of a bulletin board",
        about: "What the server has noted about one bulletin board. The answer has several lines, made for a \
                program rather than for people, and ends in a line with one dot.\n\n\
                Expect `-ERR` on servers of today.",
        example: include_str!("../../../transcripts/commands/XTND-X-BBOARDS.pop3"),
    },
];
