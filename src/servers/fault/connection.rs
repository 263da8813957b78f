//! Faults of the connection: before the greeting, in it, and at the end.

use super::FaultAction::{After, Close, Drop, Edit, Hang, Last, Raw, Say, Wait};
use super::ServerLineKind::{Data, Greeting, Reply, Status};
use super::{Fault, on};

const LATE_QUIT: &str = "USER alice, PASS wonderland, NOOP, QUIT";

const LONG_NAME: &str = "CAPA, \
    USER aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, \
    QUIT";

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("no-greeting")
        .says("the server accepts the connection and sends no greeting")
        .steps(&[on(Greeting, &[], Hang)]),
    Fault::new("greeting-delayed")
        .says("the greeting comes after three seconds")
        .steps(&[on(Greeting, &[], Wait(3000))]),
    Fault::new("greeting-err")
        .says("the greeting is -ERR, and then the connection is closed")
        .steps(&[on(Greeting, &[], Last(b"-ERR too many connections\r\n"))]),
    Fault::new("greeting-wrong-protocol")
        .says("the greeting is that of an IMAP server")
        .steps(&[on(Greeting, &[], Say("* OK IMAP4rev1 server ready"))]),
    Fault::new("greeting-wrong-protocol-smtp")
        .says("the greeting is that of an SMTP server")
        .finding(&["greeting-wrong-protocol"])
        .steps(&[on(Greeting, &[], Say("220 mail.example.org ESMTP"))]),
    Fault::new("redis-lookalike")
        .says("there is no greeting, and commands are refused with a Redis server's text")
        .steps(&[on(Greeting, &[], Drop)])
        .refuse_with(|asked| {
            (asked.verb != "QUIT")
                .then_some("-ERR unknown command 'CAPA', with args beginning with: ")
        })
        .in_clear(),
    Fault::new("tls-on-plain-port")
        .says("a TLS alert comes instead of the greeting")
        .steps(&[on(Greeting, &[], Last(b"\x15\x03\x03\x00\x02\x02\x0a"))])
        .in_clear(),
    Fault::new("greeting-extra-data")
        .says("a scan listing follows the greeting")
        .steps(&[on(Greeting, &[], After(b"1 120\r\n2 200\r\n.\r\n"))]),
    Fault::new("greeting-rewritten-by-proxy")
        .says("a mail filter on the network path has replaced the greeting with its own")
        .steps(&[on(
            Greeting,
            &[],
            Say("+OK ******************** AVG POP3 Proxy Server"),
        )]),
    Fault::new("greeting-leaks")
        .says("the greeting reveals the client's address and the server's version")
        .steps(&[on(
            Greeting,
            &[],
            Say("+OK ready for requests from 192.0.2.66, version 1.2.3"),
        )]),
    Fault::new("data-after-quit")
        .says("a second line follows the reply to QUIT")
        .steps(&[on(Status, &["QUIT"], After(b"+OK connection closing\r\n"))]),
    Fault::new("quit-no-reply")
        .says("QUIT closes the connection without a reply")
        .steps(&[on(Status, &["QUIT"], Close)]),
    Fault::new("quit-err")
        .says("QUIT is answered with -ERR")
        .steps(&[on(
            Status,
            &["QUIT"],
            Last(b"-ERR some messages were not removed\r\n"),
        )])
        .rewriting(|asked| (asked.verb == "QUIT").then(|| "NOOP".to_owned())),
    Fault::new("quit-slow")
        .says("the reply to QUIT takes eleven seconds")
        .steps(&[on(Status, &["QUIT"], Wait(11_000))])
        .typing(LATE_QUIT),
    Fault::new("quit-keeps-open")
        .says("the connection stays open after the reply to QUIT")
        .steps(&[
            on(Status, &["QUIT"], After(b"")),
            on(Status, &["QUIT"], Say("+OK bye")),
        ])
        .rewriting(|asked| (asked.verb == "QUIT").then(|| "NOOP".to_owned())),
    Fault::new("connection-cut-mid-reply")
        .says("the connection ends in the middle of a message")
        .steps(&[on(Data, &["RETR"], Last(b"From: Bob <b"))]),
    Fault::new("closed-before-reply")
        .says("STAT closes the connection without a reply")
        .steps(&[on(Status, &["STAT"], Close)]),
    Fault::new("reply-timed-out")
        .says("STAT is never answered")
        .steps(&[on(Reply, &["STAT"], Hang)]),
    Fault::new("stall-large-data")
        .says("a large message stops after a few lines, and the server sends nothing more")
        .steps(&[
            on(Data, &["LIST"], Say("1 90000")).when(|said| said.word(0) == "1"),
            on(Status, &["LIST"], Say("+OK 1 90000"))
                .when(|said| said.asked.arg(0) == "1")
                .where_ok(),
            on(Data, &["RETR"], Hang).when(|said| said.index == 3 && said.asked.arg(0) == "1"),
        ])
        .typing("USER alice, PASS wonderland, LIST, RETR 1"),
    Fault::new("slow-drip")
        .says("the lines of a message come six seconds apart")
        .steps(&[on(Data, &["RETR"], Wait(6000))])
        .beyond_check("one message takes most of its 60 seconds; `--time-limit 600` allows more")
        .typing("USER alice, PASS wonderland, RETR 2, QUIT"),
    Fault::new("slow-reply")
        .says("the reply to STAT takes twelve seconds")
        .steps(&[on(Status, &["STAT"], Wait(12_000))])
        .typing("USER alice, PASS wonderland, STAT, QUIT"),
    Fault::new("unknown-command-closes")
        .says("an unknown command closes the connection")
        .steps(&[on(Status, &[], Close).when(|said| said.asked.is_nonsense())])
        .typing("USER alice, PASS wonderland, XFOO, QUIT"),
    Fault::new("unknown-command-silent")
        .says("an unknown command gets no reply")
        .steps(&[on(Status, &[], Drop).when(|said| said.asked.is_nonsense())])
        .typing("USER alice, PASS wonderland, XFOO, QUIT"),
    Fault::new("unknown-command-ok")
        .says("an unknown command is answered with +OK")
        .steps(&[on(Status, &[], Say("+OK")).when(|said| said.asked.is_nonsense())])
        .typing("USER alice, PASS wonderland, FOOBAR, QUIT"),
    Fault::new("server-crashes-on-args")
        .says("NOOP with an argument closes the connection")
        .steps(&[on(Status, &["NOOP"], Close).when(|said| !said.asked.args.is_empty())])
        .typing("USER alice, PASS wonderland, NOOP x, QUIT"),
    Fault::new("case-sensitive-commands")
        .says("commands in lower case are refused")
        .refuse_with(|asked| {
            let is_lower = asked
                .line
                .starts_with(|first: char| first.is_ascii_lowercase());
            is_lower.then_some("-ERR unknown command")
        })
        .typing("user alice, USER alice, PASS wonderland, stat, STAT, QUIT"),
    Fault::new("command-255-rejected")
        .says("a command line longer than 80 octets is refused")
        .refuse_with(|asked| (asked.line.len() > 80).then_some("-ERR line too long"))
        .typing(LONG_NAME),
    Fault::new("input-echoed")
        .says("the server echoes each command")
        .steps(&[on(
            Status,
            &[],
            Edit(|said| [said.asked.line.as_bytes(), b"\r\n", said.text].concat()),
        )
        .when(|said| said.asked.session.is_transaction())]),
    Fault::new("wrong-state-accepted")
        .says("STAT works before login")
        .steps(&[on(Status, &["STAT"], Say("+OK 3 500"))
            .when(|said| !said.asked.session.is_transaction())])
        .typing("STAT, QUIT"),
    Fault::new("pipelining-drops-at-login")
        .says("commands pipelined after PASS are lost")
        .dropping(|asked| asked.verb == "PASS")
        .typing("CAPA, USER alice, PASS wonderland\r\nSTAT\r\nLIST"),
    Fault::new("unsolicited-data")
        .says("a second, unsolicited line follows the reply to NOOP")
        .steps(&[on(Status, &["NOOP"], After(b"you have new mail\r\n"))]),
    Fault::new("plain-garbage")
        .says("the reply to STAT is plain text without a status indicator")
        .finding(&["status-missing"])
        .steps(&[on(Status, &["STAT"], Raw(b"3 messages\r\n")).where_ok()]),
];
