//! Faults of the connection: before the greeting, in it, and at the end. Catalogue sections A, K
//! and M.

use super::Does::{After, Close, Drop, Hang, Last, Raw, Say, Wait};
use super::ServerLineKind::{Data, Greeting, Reply, Status};
use super::{Fault, FaultStep};

const LATE_QUIT: &[&str] = &["USER alice", "PASS wonderland", "NOOP", "QUIT"];

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "no-greeting",
        "the server accepts the connection and sends no greeting",
        &["no-greeting"],
        &[FaultStep::new(Greeting, &[], Hang)],
    ),
    Fault::new(
        "greeting-delayed",
        "the greeting comes after three seconds",
        &["greeting-delayed"],
        &[FaultStep::new(Greeting, &[], Wait(3000))],
    ),
    Fault::new(
        "greeting-err",
        "the greeting is -ERR, and then the connection is closed",
        &["greeting-err"],
        &[FaultStep::new(Greeting, &[], Last(b"-ERR too many connections\r\n"))],
    ),
    Fault::new(
        "greeting-wrong-protocol",
        "the greeting is that of an IMAP server",
        &["greeting-wrong-protocol"],
        &[FaultStep::new(Greeting, &[], Say("* OK IMAP4rev1 server ready"))],
    ),
    Fault::new(
        "greeting-wrong-protocol-smtp",
        "the greeting is that of an SMTP server",
        &["greeting-wrong-protocol"],
        &[FaultStep::new(Greeting, &[], Say("220 mail.example.org ESMTP"))],
    ),
    Fault::new(
        "redis-lookalike",
        "there is no greeting, and commands are refused with a Redis server's text",
        &["redis-lookalike"],
        &[
            FaultStep::new(Greeting, &[], Drop),
        ],
    )
    .refusing(|asked| {
        (asked.verb != "QUIT").then_some("-ERR unknown command 'CAPA', with args beginning with: ")
    })
    .in_clear(),
    Fault::new(
        "tls-on-plain-port",
        "a TLS alert comes instead of the greeting",
        &["tls-on-plain-port"],
        &[FaultStep::new(Greeting, &[], Last(b"\x15\x03\x03\x00\x02\x02\x0a"))],
    )
    .in_clear(),
    Fault::new(
        "greeting-extra-data",
        "a scan listing follows the greeting",
        &["greeting-extra-data"],
        &[FaultStep::new(Greeting, &[], After(b"1 120\r\n2 200\r\n.\r\n"))],
    ),
    Fault::new(
        "greeting-rewritten-by-proxy",
        "a mail filter on the network path has replaced the greeting with its own",
        &["greeting-rewritten-by-proxy"],
        &[FaultStep::new(Greeting, &[], Say("+OK ******************** AVG POP3 Proxy Server"))],
    ),
    Fault::new(
        "greeting-leaks",
        "the greeting reveals the client's address and the server's version",
        &["greeting-leaks"],
        &[FaultStep::new(
            Greeting,
            &[],
            Say("+OK ready for requests from 192.0.2.66, version 1.2.3"),
        )],
    ),
    Fault::new(
        "data-after-quit",
        "a second line follows the reply to QUIT",
        &["data-after-quit"],
        &[FaultStep::new(Status, &["QUIT"], After(b"+OK connection closing\r\n"))],
    ),
    Fault::new(
        "quit-no-reply",
        "QUIT closes the connection without a reply",
        &["quit-no-reply"],
        &[FaultStep::new(Status, &["QUIT"], Close)],
    ),
    Fault::new(
        "quit-err",
        "QUIT is answered with -ERR",
        &["quit-err"],
        &[FaultStep::new(Status, &["QUIT"], Last(b"-ERR some messages were not removed\r\n"))],
    )
    .hearing(|asked| (asked.verb == "QUIT").then(|| "NOOP".to_owned())),
    Fault::new(
        "quit-slow",
        "the reply to QUIT takes eleven seconds",
        &["quit-slow"],
        &[FaultStep::new(Status, &["QUIT"], Wait(11_000))],
    )
    .typing(LATE_QUIT),
    Fault::new(
        "quit-keeps-open",
        "the connection stays open after the reply to QUIT",
        &["quit-keeps-open"],
        &[
            FaultStep::new(Status, &["QUIT"], After(b"")),
            FaultStep::new(Status, &["QUIT"], Say("+OK bye")),
        ],
    )
    .hearing(|asked| (asked.verb == "QUIT").then(|| "NOOP".to_owned())),
    Fault::new(
        "connection-cut-mid-reply",
        "the connection ends in the middle of a message",
        &["connection-cut-mid-reply"],
        &[FaultStep::new(Data, &["RETR"], Last(b"From: Bob <b"))],
    ),
    Fault::new(
        "closed-before-reply",
        "STAT closes the connection without a reply",
        &["closed-before-reply"],
        &[FaultStep::new(Status, &["STAT"], Close)],
    ),
    Fault::new(
        "reply-timed-out",
        "STAT is never answered",
        &["reply-timed-out"],
        &[FaultStep::new(Reply, &["STAT"], Hang)],
    ),
    Fault::new(
        "stall-large-data",
        "a large message stops after a few lines, and the server sends nothing more",
        &["stall-large-data"],
        &[
            FaultStep::new(Data, &["LIST"], Say("1 90000")).when(|said| said.word(0) == "1"),
            FaultStep::new(Status, &["LIST"], Say("+OK 1 90000"))
                .when(|said| said.asked.arg(0) == "1")
                .where_ok(),
            FaultStep::new(Data, &["RETR"], Hang)
                .when(|said| said.index == 3 && said.asked.arg(0) == "1"),
        ],
    )
    .typing(&["USER alice", "PASS wonderland", "LIST", "RETR 1"]),
    Fault::new(
        "slow-drip",
        "the lines of a message come six seconds apart",
        &["slow-drip"],
        &[FaultStep::new(Data, &["RETR"], Wait(6000))],
    )
    .beyond_check("one message takes most of its 60 seconds; `--time-limit 600` allows more")
    .typing(&["USER alice", "PASS wonderland", "RETR 2", "QUIT"]),
    Fault::new(
        "slow-reply",
        "the reply to STAT takes twelve seconds",
        &["slow-reply"],
        &[FaultStep::new(Status, &["STAT"], Wait(12_000))],
    )
    .typing(&["USER alice", "PASS wonderland", "STAT", "QUIT"]),
    Fault::new(
        "unknown-command-closes",
        "an unknown command closes the connection",
        &["unknown-command-closes"],
        &[FaultStep::new(Status, &[], Close).when(|said| said.asked.is_nonsense())],
    )
    .typing(&["USER alice", "PASS wonderland", "XFOO", "QUIT"]),
    Fault::new(
        "unknown-command-silent",
        "an unknown command gets no reply",
        &["unknown-command-silent"],
        &[FaultStep::new(Status, &[], Drop).when(|said| said.asked.is_nonsense())],
    )
    .typing(&["USER alice", "PASS wonderland", "XFOO", "QUIT"]),
    Fault::new(
        "unknown-command-ok",
        "an unknown command is answered with +OK",
        &["unknown-command-ok"],
        &[FaultStep::new(Status, &[], Say("+OK")).when(|said| said.asked.is_nonsense())],
    )
    .typing(&["USER alice", "PASS wonderland", "FOOBAR", "QUIT"]),
    Fault::new(
        "server-crashes-on-args",
        "NOOP with an argument closes the connection",
        &["server-crashes-on-args"],
        &[FaultStep::new(Status, &["NOOP"], Close).when(|said| !said.asked.args.is_empty())],
    )
    .typing(&["USER alice", "PASS wonderland", "NOOP x", "QUIT"]),
    Fault::new(
        "case-sensitive-commands",
        "commands in lower case are refused",
        &["case-sensitive-commands"],
        &[],
    )
    .refusing(|asked| {
        let is_lower = asked.line.starts_with(|first: char| first.is_ascii_lowercase());
        is_lower.then_some("-ERR unknown command")
    })
    .typing(&["user alice", "USER alice", "PASS wonderland", "stat", "STAT", "QUIT"]),
    Fault::new(
        "command-255-rejected",
        "a command line longer than 80 octets is refused",
        &["command-255-rejected"],
        &[],
    )
    .refusing(|asked| (asked.line.len() > 80).then_some("-ERR line too long"))
    .typing(&[
        "CAPA",
        "USER aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "QUIT",
    ]),
    Fault::new(
        "input-echoed",
        "the server echoes each command",
        &["input-echoed"],
        &[FaultStep::new(
            Status,
            &[],
            super::Does::Edit(|said, out| {
                out.extend_from_slice(said.asked.line.as_bytes());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(said.text);
                out.extend_from_slice(b"\r\n");
            }),
        )
        .when(|said| said.asked.session.is_transaction())],
    ),
    Fault::new(
        "wrong-state-accepted",
        "STAT works before login",
        &["wrong-state-accepted"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK 3 500")).when(|said| !said.asked.session.is_transaction())],
    )
    .typing(&["STAT", "QUIT"]),
    Fault::new(
        "pipelining-drops-at-login",
        "commands pipelined after PASS are lost",
        &["pipelining-drops-at-login"],
        &[],
    )
    .losing(|asked| asked.verb == "PASS")
    .typing(&["CAPA", "USER alice", "PASS wonderland\r\nSTAT\r\nLIST"]),
    Fault::new(
        "unsolicited-data",
        "a second, unsolicited line follows the reply to NOOP",
        &["unsolicited-data"],
        &[FaultStep::new(Status, &["NOOP"], After(b"you have new mail\r\n"))],
    ),
    Fault::new(
        "plain-garbage",
        "the reply to STAT is plain text without a status indicator",
        &["status-missing"],
        &[FaultStep::new(Status, &["STAT"], Raw(b"3 messages\r\n")).where_ok()],
    ),
];
