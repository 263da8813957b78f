//! The rows of the base protocol (RFC 1939), in the order in which a learner meets them.

use super::{
    Arg, ArgumentKind, Command, DataKind, Effect, MULTI, Provenance, SINGLE, Shape, States,
};

const MSG: Arg = Arg::required("msg", ArgumentKind::Message);
const OPTIONAL_MSG: Arg = Arg::optional("msg", ArgumentKind::Message);

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "USER",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::AUTHORIZATION,
        // RFC 1939 §4: a server needs some login method, but none in particular; the capability
        // USER announces this one.
        provenance: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "name the maildrop to open",
        about: "The first half of the plain login: it names your maildrop, and `PASS` must \
                come next. Today the name is usually a full mail address, such as \
                `alice@example.org`.\n\n\
                `+OK` only means that the server noted the name. A careful server accepts \
                every name, so that strangers cannot find out which ones exist; a name that \
                does not exist then fails at `PASS`. The text after `+OK` has no meaning.\n\n\
                `-ERR` usually has a different cause: the server requires TLS first (send \
                `STLS`, or use port 995), it offers only other logins (`CAPA` does not list \
                `USER`; see `AUTH`), or you are already logged in. A few servers refuse a \
                name that they do not know. After a failed `USER` or `PASS`, start again with \
                `USER`.\n\n\
                Without TLS, anyone on the network path can read the name, and soon the \
                password.\n\n\
                Some sites give names a special meaning. Gmail accepts `recent:` before the name \
                and then shows the mail of the last 30 days, even if another program has already \
                fetched it.",
        example: include_str!("../../../transcripts/commands/USER.pop3"),
        ..SINGLE
    },
    Command {
        verb: "PASS",
        args: &[Arg::required("string", ArgumentKind::Secret("password"))],
        states: States::AUTHORIZATION,
        effect: Effect::Login,
        // As USER: RFC 1939 §4.
        provenance: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "give the password and open the maildrop",
        about: "The second half of the plain login, right after `+OK` to `USER`. `+OK` means \
                that the maildrop is open and that you are in the TRANSACTION state: the \
                messages now have fixed numbers, and mail that arrives later appears at the \
                next login. The text may mention a number of messages, but `STAT` gives the \
                one that counts.\n\n\
                Everything after the first space is the password, up to the end of the line, \
                including spaces inside it or at its end. Not every server follows this: \
                Stalwart and Mailpit refuse a password with a space, and WildDuck drops \
                spaces at the end.\n\n\
                `-ERR` often gives the reason in brackets. `[AUTH]`: the name or the password \
                is wrong, or this login is not allowed. `[IN-USE]`: the password was right, \
                but another session has locked the maildrop; wait. `[LOGIN-DELAY]`: too soon \
                after the last login. `[SYS/TEMP]`: try again later. `[SYS/PERM]`: only an \
                administrator can help. Then start again with `USER`. A refusal that takes a \
                few seconds is meant to slow down password guessing.\n\n\
                poptalk sends the line as you typed it, but neither shows nor stores the password: \
                the transcript has `{{password}}` in its place. Without TLS the password is sent \
                in cleartext, so start TLS first (`STLS`, or port 995).",
        example: include_str!("../../../transcripts/commands/PASS.pop3"),
        ..SINGLE
    },
    Command {
        verb: "STAT",
        states: States::TRANSACTION,
        fields: &["messages", "octets"],
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "count the messages and their octets",
        about: "The reply is one line, the drop listing: `+OK`, the number of messages, one \
                space, and their total size in octets. Here the text after `+OK` is the data. \
                Programs parse these two numbers, so a server should add nothing.\n\n\
                An octet is a byte. Each line end counts as two (CR and LF), however the \
                server stores it. Dots that are added for the transfer do not count, nor does \
                the line with the final dot.\n\n\
                Neither number includes messages marked by `DELE`, but Twisted, Stalwart and \
                Mailpit still count them. New mail is not counted until the next login.\n\n\
                A count that never exceeds 100 or about 250 can be a window: Mailpit and Gmail \
                show only part of a large maildrop. The size should equal the sum of the sizes in \
                `LIST`, but do not rely on it: a server may estimate it here.",
        example: include_str!("../../../transcripts/commands/STAT.pop3"),
        ..SINGLE
    },
    Command {
        verb: "LIST",
        args: &[OPTIONAL_MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        fields: &["msg", "octets"],
        data: DataKind::Listing,
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "list message numbers with their sizes in octets",
        about: "Without an argument the reply has several lines: `+OK` with any text, one \
                scan listing for each message (its number, one space, its size in octets), \
                and a line with a single dot. If the maildrop is empty, the dot follows right \
                after the `+OK` line.\n\n\
                `LIST 2` asks about one message, and the reply is a single line: `+OK 2 228`. \
                No dot follows. So the line you send, not the reply, decides how long the \
                reply is. Do not type a space after a bare `LIST`: a strict server may look \
                for the missing argument.\n\n\
                After login the numbers start at 1 and have no gaps. A message marked by \
                `DELE` is no longer listed but keeps its number, and the other messages keep \
                theirs. WildDuck renumbers its listings anyway; there, send `LIST` before the \
                first `DELE`.\n\n\
                The size counts each line end as two octets and does not count dots added for \
                the transfer; `RETR` should send exactly that many octets. Some servers are \
                off: Dovecot and Courier send two octets more for a message that is stored \
                without a final line end.\n\n\
                `-ERR` means that there is no such message: the number is too high, deleted, 0, or \
                not a plain decimal number.",
        example: include_str!("../../../transcripts/commands/LIST.pop3"),
        ..SINGLE
    },
    Command {
        verb: "RETR",
        args: &[MSG],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "fetch a whole message",
        about: "After `+OK` comes the message: the header, an empty line, the body. A line \
                with a single dot ends it. Many servers put a size after `+OK`, but only the \
                line with the dot shows where the message ends.\n\n\
                A line of the message that starts with a dot is sent with a second dot \
                (byte-stuffing), so that it cannot be mistaken for the end. The receiver \
                removes the first dot again. Some servers (Dovecot 2.3, Courier) forget this \
                on the very first line. A message that starts with a dot then seems to end at \
                once, and the rest looks like unsolicited data.\n\n\
                Fetching a message does not delete it: that takes `DELE` and then `QUIT`. But \
                a server may do more: most mark the message as read, Gmail hides it from \
                later sessions, and `EXPIRE 0` in `CAPA` warns that the server may delete \
                fetched mail at `QUIT`.\n\n\
                `-ERR`: there is no such message, you have deleted it, or `[UTF8]`, which means \
                that it is available only in UTF-8 mode (log in again and send `UTF8` first). To \
                look at a large message without fetching it all, use `TOP`.",
        example: include_str!("../../../transcripts/commands/RETR.pop3"),
        ..MULTI
    },
    Command {
        verb: "DELE",
        args: &[MSG],
        states: States::TRANSACTION,
        effect: Effect::Delete,
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "mark a message as deleted; QUIT removes it",
        about: "It only marks the message. The server removes marked messages when you send \
                `QUIT`. If the connection is lost before that, or you disconnect, every \
                message is kept.\n\n\
                From now on `RETR`, `TOP`, `LIST 2`, `UIDL 2` and a second `DELE 2` are \
                answered with `-ERR`, and the listings omit the message. All other numbers \
                stay the same. `RSET` removes all marks; you cannot remove a single one.\n\n\
                Not all servers are this exact. GNU pop3d and Twisted answer `+OK` to a \
                second `DELE`; Stalwart and Mailpit still list and send the message.\n\n\
                What happens at `QUIT` may depend on the provider: Gmail follows an account \
                setting and may only archive the message, and Dovecot with a read-only maildrop \
                keeps everything without saying so. Compare the unique-ids in the next session.",
        example: include_str!("../../../transcripts/commands/DELE.pop3"),
        ..SINGLE
    },
    Command {
        verb: "NOOP",
        states: States::TRANSACTION,
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "do nothing, but show that the session is alive",
        about: "The server does nothing and answers `+OK`. Like every command it restarts the \
                idle timer, which must allow at least ten minutes. Some servers are less \
                patient (WildDuck: one minute), and a router on the way may drop an idle \
                connection even sooner.\n\n\
                It works only after login; before that the correct reply is `-ERR`. So you \
                cannot use it to keep a session open while you look for your password.\n\n\
                It is also a good test. The reply is exactly one line; if you see anything else, \
                you and the server are out of step, and octets of an earlier reply are still \
                arriving. Give it no argument: Twisted ends the session at `NOOP x`.",
        example: include_str!("../../../transcripts/commands/NOOP.pop3"),
        ..SINGLE
    },
    Command {
        verb: "RSET",
        states: States::TRANSACTION,
        effect: Effect::Reset,
        provenance: Provenance::Required,
        source: "RFC 1939 §5",
        help: "undelete every message marked in this session",
        about: "All messages that `DELE` marked are restored: they are listed again, under \
                their old numbers. You cannot restore a single message; send `RSET`, then \
                `DELE` again for the others.\n\n\
                It resets nothing else. You stay logged in, new mail does not appear, and a \
                fetched message stays marked as read. Messages that an earlier session \
                removed at its `QUIT` are gone.\n\n\
                The reply is one line, and a count in its text has no meaning; `STAT` shows \
                whether all messages are back. Careful programs send `RSET` before `QUIT` if a \
                server deletes mail merely because it was fetched.",
        example: include_str!("../../../transcripts/commands/RSET.pop3"),
        ..SINGLE
    },
    Command {
        verb: "QUIT",
        states: States::BOTH,
        effect: Effect::Quit,
        pipelines: false,
        provenance: Provenance::Required,
        source: "RFC 1939 §4, §6",
        help: "end the session; after login, remove marked messages",
        about: "Before login it only ends the session. After login the session enters the \
                UPDATE state: the server removes the messages that `DELE` marked, unlocks the \
                maildrop, answers, and closes the connection.\n\n\
                If you disconnect without `QUIT`, nothing is removed. That is a safety net: \
                when in doubt, close the connection, and all your mail is still there.\n\n\
                Wait for the reply, because nothing else shows whether the messages were \
                removed. `-ERR some deleted messages not removed` means that some or all of \
                them are still there; the connection is closed either way. In a large \
                maildrop the reply may take a while, and some servers just close the \
                connection without one.\n\n\
                Send nothing after `QUIT`. Text such as `3 messages left` has no meaning.",
        example: include_str!("../../../transcripts/commands/QUIT.pop3"),
        ..SINGLE
    },
    Command {
        verb: "TOP",
        args: &[MSG, Arg::required("n", ArgumentKind::Lines)],
        states: States::TRANSACTION,
        data: DataKind::Lines,
        provenance: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "fetch the header and the first lines of the body",
        about: "It shows a message without fetching all of it: the whole header, the empty \
                line, and the first n lines of the body. A line with a single dot ends the \
                reply, and lines that start with a dot are stuffed, as with `RETR`. `TOP 1 0` \
                sends only the header.\n\n\
                n counts lines of the body, not of the message, and is required: `TOP 1` is \
                answered with `-ERR`. If n is larger than the body, the whole message is \
                sent.\n\n\
                `-ERR`: there is no such message, a number is missing or not decimal, or the \
                server has no `TOP`. It is optional; the capability `TOP` announces it.\n\n\
                Many servers deviate. Stalwart starts to count at the first header line and sends \
                everything for `TOP 1 0`; Mailpit sends the whole body for every n but 0; a few \
                truncate long replies or fail on a huge n. If it matters, compare with `RETR`.",
        example: include_str!("../../../transcripts/commands/TOP.pop3"),
        ..MULTI
    },
    Command {
        verb: "UIDL",
        args: &[OPTIONAL_MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        fields: &["msg", "unique-id"],
        data: DataKind::Listing,
        provenance: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "list the unique-ids, which outlast the session",
        about: "A message number is valid for one session; the unique-id stays with the \
                message. It is the only way for a program that leaves mail on the server to \
                know what it has already fetched.\n\n\
                It works like `LIST`: without an argument, one line for each message (number, \
                one space, unique-id) and a line with a single dot; with a number, a single \
                line, `+OK 2 id`. The id has 1 to 70 printable ASCII characters and no space. \
                It has no meaning: compare the whole id, including case.\n\n\
                `-ERR` means that there is no such message, or that the server has no `UIDL`: \
                it is optional (capability `UIDL`), though nearly every server has it today.\n\n\
                A server must not give an id to a different message later, and the id must be the \
                same in the next session even if this one ends without `QUIT`. It still goes \
                wrong. popa3d derives ids from a few header lines and gave the same id to five \
                messages without these lines. After a change of server software, all ids are \
                often new, and mail programs fetch everything again.",
        example: include_str!("../../../transcripts/commands/UIDL.pop3"),
        ..SINGLE
    },
    Command {
        verb: "APOP",
        args: &[
            Arg::required("name", ArgumentKind::Name),
            Arg::required("digest", ArgumentKind::Secret("digest")),
        ],
        states: States::AUTHORIZATION,
        effect: Effect::Login,
        provenance: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "log in with a digest instead of the password",
        about: "One line replaces `USER` and `PASS`, and the password itself is not sent. It \
                works if the greeting has a timestamp that looks like a Message-ID, such as \
                `<1896.697@pop.example.org>`. No capability announces it.\n\n\
                The digest is the MD5 of the timestamp, including the angle brackets, \
                followed directly by the password, written as 32 lower-case hexadecimal \
                digits. The timestamp is different on each connection, so an old digest is \
                useless. `:apop` computes it for you.\n\n\
                `-ERR` means that the name or the digest is wrong, or that this account must \
                use a different login. Some servers send a timestamp but refuse `APOP` for \
                every account, because it requires passwords that are stored in readable \
                form.\n\n\
                Do not rely on it. MD5 is broken, anyone who records the line can try passwords \
                offline, and a fake server can choose its timestamps so that it learns the first \
                characters of the password. With TLS you do not need it. In the transcript the \
                digest is `{{digest}}`.",
        example: include_str!("../../../transcripts/commands/APOP.pop3"),
        ..SINGLE
    },
];
