//! The rows of the base protocol (RFC 1939), in the order in which a learner meets them.

use super::{Arg, ArgumentKind, Command, DataKind, Effect, Provenance, Shape, States};

const MSG: Arg = Arg::required("msg", ArgumentKind::Message);
const OPTIONAL_MSG: Arg = Arg::optional("msg", ArgumentKind::Message);

pub(super) const ROWS: &[Command] = &[
    Command {
        verb: "USER",
        args: &[Arg::required("name", ArgumentKind::Name)],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        // RFC 1939 §4: no login method is required of a server, so long as it has one; the capability USER announces this one.
        standing: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "name the maildrop that you want to open",
        about: "The first half of the plain login: it names your maildrop, and `PASS` must come next. Today \
                the name is mostly a whole mail address, such as `alice@example.org`.\n\n\
                `+OK` means that the name was noted, and no more. A careful server says it to every name, so that \
                strangers cannot find out which ones exist; a name that does not exist then fails at `PASS`. The \
                text behind `+OK` is decoration.\n\n\
                `-ERR` mostly has another cause: the server wants TLS first (send `STLS`, or use port 995), it has \
                another login only (the capability `USER` is missing from `CAPA`; see `AUTH`), or you are logged in \
                already. A few servers say it to a name they do not know. After a failed `USER` or `PASS` begin \
                again with `USER`.\n\n\
                Without TLS the name, and soon the password, can be read by everybody on the way.\n\n\
                Site customs hide in the name. Gmail takes `recent:` in front of it and then shows the mail of the \
                last 30 days, also what another program has fetched.",
        example: include_str!("../../../transcripts/commands/USER.pop3"),
    },
    Command {
        verb: "PASS",
        args: &[Arg::required("string", ArgumentKind::Secret("password"))],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Login,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        // As USER: RFC 1939 §4.
        standing: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "give the password and open the maildrop",
        about: "The second half of the plain login, right after `+OK` to `USER`. With `+OK` the maildrop is \
                open and you are in the TRANSACTION state: the messages now have fixed numbers, and mail that \
                arrives later is seen at the next login. How many messages the text mentions is decoration; `STAT` \
                gives the number that counts.\n\n\
                All that stands behind the one space is the password, up to the end of the line: blanks in it or at \
                its end are part of it. Not every server keeps to that: Stalwart and Mailpit refuse a password with \
                a blank, WildDuck cuts the end.\n\n\
                `-ERR` often tells its cause in brackets. `[AUTH]`: name or password is wrong, or this login is not \
                allowed. `[IN-USE]`: the password was right, but another session holds the maildrop; wait. \
                `[LOGIN-DELAY]`: too soon after the last login. `[SYS/TEMP]`: try later. `[SYS/PERM]`: only an \
                administrator can help. Then begin again with `USER`. A refusal that takes some seconds is meant to \
                slow down guessing.\n\n\
                poptalk sends the line as you typed it, but neither shows nor stores the password: the transcript \
                has `{{password}}` in its place. On the wire it is plain text, so have TLS first (`STLS`, or port \
                995).",
        example: include_str!("../../../transcripts/commands/PASS.pop3"),
    },
    Command {
        verb: "STAT",
        args: &[],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &["messages", "octets"],
        data: DataKind::Nothing,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "count the messages and their octets",
        about: "The answer is one line, the drop listing: `+OK`, the number of messages, one space, and \
                their size in octets. Here the text behind `+OK` is the data; programs read these two numbers, so a \
                server should add nothing.\n\n\
                An octet is a byte. Each line end counts as two (CR and LF), however the server stores it. The dots \
                that are added for the transport do not count, nor does the line with the lone dot.\n\n\
                Messages marked by `DELE` are left out of both numbers. Twisted, Stalwart and Mailpit go on counting \
                them. New mail is not counted before the next login.\n\n\
                A number that never grows past 100 or about 250 can be a window: Mailpit and Gmail show a part of a \
                large maildrop. And do not be strict about the octets: the sum of the sizes in `LIST` should be the \
                same, but a server may estimate here.",
        example: include_str!("../../../transcripts/commands/STAT.pop3"),
    },
    Command {
        verb: "LIST",
        args: &[OPTIONAL_MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &["msg", "octets"],
        data: DataKind::Listing,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "list message numbers with their sizes in octets",
        about: "Alone it is answered by several lines: `+OK` with any text, then one scan listing for each \
                message (its number, one space, its size in octets), then a line with one dot. When the maildrop is \
                empty, the dot follows right behind `+OK`.\n\n\
                `LIST 2` asks for one message, and all of the answer is one line: `+OK 2 228`. No dot line follows. \
                So it is the line you send, not the reply, that decides how long the reply is. Type no blank behind \
                a bare `LIST`: a strict server may take it for an argument that is missing.\n\n\
                Numbers start at 1 and have no gaps at the login. A message marked by `DELE` is not listed any more \
                but keeps its number; no other one moves up. WildDuck shifts the numbers in its listings all the \
                same: there, list before the first `DELE`.\n\n\
                The size counts each line end as two octets and no dots of the transport; `RETR` should bring just \
                as many. Some servers are off: Dovecot and Courier send two octets more for a message that is stored \
                without a last line end.\n\n\
                `-ERR` means that there is no such message: too high, deleted, 0, or not a plain decimal number.",
        example: include_str!("../../../transcripts/commands/LIST.pop3"),
    },
    Command {
        verb: "RETR",
        args: &[MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "fetch a whole message",
        about: "After `+OK` comes the message: the header, an empty line, the body. A line with one dot ends \
                it. The number that many servers put behind `+OK` is decoration; only the dot line tells where the \
                message stops.\n\n\
                A line of the message that starts with a dot gets a second one on the way (byte-stuffing), so that \
                it cannot be taken for the end. Whoever receives it takes that first dot away again. Some servers \
                (Dovecot 2.3, Courier) forget this on the very first line; a message that starts with a dot then \
                seems to end at once, and the rest comes as if unasked.\n\n\
                Fetching removes nothing: that takes `DELE` and then `QUIT`. Yet much is done behind the protocol: \
                most servers mark the message as read, Gmail hides it from later sessions, and `EXPIRE 0` in `CAPA` \
                warns that fetched mail may be removed at `QUIT`.\n\n\
                `-ERR`: no such number, a message that you deleted, or `[UTF8]`, which means that this one comes \
                only in UTF-8 mode (log in anew and send `UTF8` before it). To look at a large message first, use \
                `TOP`.",
        example: include_str!("../../../transcripts/commands/RETR.pop3"),
    },
    Command {
        verb: "DELE",
        args: &[MSG],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Delete,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "mark a message as deleted; QUIT removes it",
        about: "It puts a mark on the message, and nothing more. The server removes what is marked when you \
                send `QUIT`. If the connection is lost before that, or you hang up, every message stays.\n\n\
                From now on the number is out of use: `RETR`, `TOP`, `LIST 2`, `UIDL 2` and a second `DELE 2` get \
                `-ERR`, and the listings leave it out. All other numbers stay as they are. `RSET` takes all marks \
                back; one alone cannot be taken back.\n\n\
                Not all servers are so exact. GNU pop3d and Twisted say `+OK` to a second `DELE`; Stalwart and \
                Mailpit go on listing and sending the message.\n\n\
                What `QUIT` then does can be up to the provider: Gmail follows a setting of the account and may only \
                archive, and a read-only maildrop in Dovecot keeps all without a word. The unique-ids of the next \
                session tell.",
        example: include_str!("../../../transcripts/commands/DELE.pop3"),
    },
    Command {
        verb: "NOOP",
        args: &[],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "do nothing, but show that the session is alive",
        about: "The server does nothing and says `+OK`. Like every command it starts the idle timer anew, \
                which must give you at least ten minutes. Some servers are less patient (WildDuck: one minute), and \
                a router on the way may drop a silent connection even sooner.\n\n\
                It works only after the login; before it the right answer is `-ERR`. So it cannot hold a session \
                open while you look for your password.\n\n\
                It is also a good probe. The reply is exactly one line; when something else comes, you and the \
                server are out of step, and octets of an earlier reply are still on the way. Give it no argument: \
                one server, Twisted, loses the whole session over `NOOP x`.",
        example: include_str!("../../../transcripts/commands/NOOP.pop3"),
    },
    Command {
        verb: "RSET",
        args: &[],
        states: States::TRANSACTION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Reset,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Required,
        source: "RFC 1939 §5",
        help: "take back every deletion mark of this session",
        about: "All messages that `DELE` marked are as before: they are listed again, under their old \
                numbers. There is no way to take back one mark alone; send `RSET`, then `DELE` for the others once \
                more.\n\n\
                It resets nothing else. You stay logged in, new mail does not show up, and a message that was \
                fetched stays marked as read. What an earlier session removed at its `QUIT` is gone.\n\n\
                The reply is one line, and the count in its text is decoration; `STAT` shows whether all came back. \
                Careful programs send `RSET` before `QUIT` where a server removes mail only because it was fetched.",
        example: include_str!("../../../transcripts/commands/RSET.pop3"),
    },
    Command {
        verb: "QUIT",
        args: &[],
        states: States::BOTH,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Quit,
        pipelines: false,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Required,
        source: "RFC 1939 §4, §6",
        help: "end the session; after the login, remove what is marked",
        about: "Before the login it only says goodbye. After it this is the moment that counts: the session \
                enters the UPDATE state, the server removes the messages that `DELE` marked, unlocks the maildrop, \
                answers, and closes the connection.\n\n\
                Hanging up in its place removes nothing. That is a safety net: when in doubt, close the connection \
                and all your mail is still there.\n\n\
                Wait for the answer, for it alone tells whether the messages went. `-ERR some deleted messages not \
                removed` means that some or all are still there; the connection ends all the same. In a large \
                maildrop the answer may take its time, and some servers just close without one.\n\n\
                Send nothing behind it in the same breath. Text such as `3 messages left` is decoration.",
        example: include_str!("../../../transcripts/commands/QUIT.pop3"),
    },
    Command {
        verb: "TOP",
        args: &[MSG, Arg::required("n", ArgumentKind::Lines)],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Multi,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &[],
        data: DataKind::Lines,
        standing: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "fetch the header and the first lines of the body",
        about: "A look at a message without fetching all of it: the whole header, the empty line, and the \
                first n lines of the body. A line with one dot ends the reply, and lines that start with a dot are \
                stuffed, as with `RETR`. `TOP 1 0` is the header alone.\n\n\
                n counts lines of the body, not of the message, and it must be there: `TOP 1` gets `-ERR`. When n is \
                larger than the body, all of the message comes.\n\n\
                `-ERR`: no such message, a number missing or not decimal, or no `TOP` at all. It is optional; the \
                capability `TOP` announces it.\n\n\
                Servers take it lightly. Stalwart begins to count at the first header line and sends everything for \
                `TOP 1 0`; Mailpit sends the whole body for every n but 0; a few cut long answers short or fail on a \
                huge n. Where it matters, compare with `RETR`.",
        example: include_str!("../../../transcripts/commands/TOP.pop3"),
    },
    Command {
        verb: "UIDL",
        args: &[OPTIONAL_MSG],
        states: States::TRANSACTION,
        bare: Shape::Multi,
        with_argument: Shape::Single,
        effect: Effect::Nothing,
        pipelines: true,
        fields: &["msg", "unique-id"],
        data: DataKind::Listing,
        standing: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "list the unique-ids, which last beyond the session",
        about: "A message number is good for one session; the unique-id stays with the message. By it, and \
                by nothing else, a program that leaves mail on the server knows what it has fetched.\n\n\
                It looks like `LIST`: alone one line for each message (number, one space, unique-id) up to a line \
                with one dot; with a number one single line, `+OK 2 id`. The id has 1 to 70 printable ASCII \
                characters and no blank. It has no meaning: compare it whole, and mind upper and lower case.\n\n\
                `-ERR` means no such message, or no `UIDL`: it is optional (capability `UIDL`), though nearly every \
                server of today has it.\n\n\
                An id may not be given to another message later, and it must be the same in the next session even \
                when this one ends without `QUIT`. It goes wrong all the same: popa3d makes ids of a few header \
                lines and gave five messages that lack them the same one, and after a change of server software \
                often all ids are new, so that mail programs fetch everything again.",
        example: include_str!("../../../transcripts/commands/UIDL.pop3"),
    },
    Command {
        verb: "APOP",
        args: &[
            Arg::required("name", ArgumentKind::Name),
            Arg::required("digest", ArgumentKind::Secret("digest")),
        ],
        states: States::AUTHORIZATION,
        bare: Shape::Single,
        with_argument: Shape::Single,
        effect: Effect::Login,
        pipelines: true,
        fields: &[],
        data: DataKind::Nothing,
        standing: Provenance::Optional,
        source: "RFC 1939 §7",
        help: "log in with a digest in place of the password",
        about: "One line in place of `USER` and `PASS`, and the password itself does not travel. It works \
                when the greeting has a timestamp that looks like a Message-ID, such as \
                `<1896.697@pop.example.org>`. No capability announces it.\n\n\
                The digest is the MD5 of the timestamp, angle brackets included, with the password right behind it, \
                written as 32 hexadecimal digits in lower case. The timestamp differs at each connection, so an old \
                digest is worth nothing. `:apop` computes it for you.\n\n\
                `-ERR` says that name or digest is wrong, or that this account is to use another login. Some servers \
                show a timestamp and refuse `APOP` to everybody, since it needs passwords that are stored in \
                readable form.\n\n\
                Do not rely on it. MD5 is broken, whoever records the line can try out passwords at home, and a \
                false server can choose its timestamps so that it learns the first characters. With TLS there is no \
                need for it. In the transcript the digest is `{{digest}}`.",
        example: include_str!("../../../transcripts/commands/APOP.pop3"),
    },
];
