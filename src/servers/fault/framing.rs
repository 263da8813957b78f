//! Faults of lines and replies: how they end, how they begin, what they contain.

use super::FaultAction::{After, Before, Drop, Edit, End, Last, Raw, Say};
use super::ServerLineKind::{Any, Data, Status, Terminator};
use super::edits::unstuffed;
use super::{Fault, on};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("bare-lf")
        .says("status lines end with LF alone")
        .steps(&[on(Status, &[], End(b"\n"))]),
    Fault::new("bare-lf-everywhere")
        .says("all lines end with LF alone, even the terminating dot")
        .finding(&["bare-lf"])
        .steps(&[on(Any, &[], End(b"\n"))]),
    Fault::new("bare-lf-in-message")
        .says("a message has a line that ends with LF alone")
        .steps(&[on(Data, &["RETR"], End(b"\n")).when(|said| said.index == 2)]),
    Fault::new("bare-cr")
        .says("a status line contains a CR without LF")
        .steps(&[on(Status, &["NOOP"], Raw(b"+OK done\rand done\r\n")).where_ok()]),
    Fault::new("bare-cr-in-message")
        .says("a message contains a CR without LF")
        .steps(&[on(Data, &["RETR"], End(b"\rmore\r\n"))
            .when(|said| said.is_body && !said.text.is_empty())]),
    Fault::new("crcrlf")
        .says("status lines end with CR CR LF")
        .steps(&[on(Status, &[], End(b"\r\r\n"))]),
    Fault::new("missing-line-ends")
        .says("the lines of UIDL are not separated by CRLF")
        .steps(&[
            on(Data, &["UIDL"], End(b" ")),
            on(Terminator, &["UIDL"], Before(b"\r\n")),
        ]),
    Fault::new("missing-terminator")
        .says("the dot after a message is missing")
        .steps(&[on(Terminator, &["RETR"], Drop)])
        .typing("USER alice, PASS wonderland, RETR 2"),
    Fault::new("terminator-glued")
        .says("the dot is on the last line of a message, not on a line by itself")
        .steps(&[on(Terminator, &["RETR"], Raw(b"the end.\r\n"))])
        .typing("USER alice, PASS wonderland, RETR 2"),
    Fault::new("terminator-no-crlf")
        .says("the connection closes after the dot, without CRLF")
        .steps(&[on(Terminator, &["RETR"], Last(b"."))]),
    Fault::new("terminator-padded")
        .says("the dot is followed by a space")
        .steps(&[on(Terminator, &["RETR"], Raw(b". \r\n"))])
        .typing("USER alice, PASS wonderland, RETR 2"),
    Fault::new("extra-blank-line-before-end")
        .says("an extra empty line comes before the dot")
        .steps(&[on(Terminator, &["RETR"], Before(b"\r\n"))]),
    Fault::new("unstuffed-dot-line")
        .says("a dot at the start of a line is not doubled")
        .steps(&[on(Data, &["RETR"], Edit(unstuffed))]),
    Fault::new("unstuffed-first-octet")
        .says("a dot at the very start of a message is not doubled")
        .steps(&[on(Data, &["RETR"], Before(b".")).when(|said| said.index == 0)]),
    Fault::new("unstuffed-after-bare-lf")
        .says("a message contains LF, a dot and LF, which some clients take for its end")
        .steps(&[on(Data, &["RETR"], End(b"\n.\nmore\r\n"))
            .when(|said| said.is_body && !said.text.is_empty())]),
    Fault::new("double-stuffed")
        .says("a dot at the start of a line is stuffed twice")
        .steps(&[on(Data, &["RETR"], Before(b".")).when(|said| said.text.starts_with(b".."))]),
    Fault::new("status-over-512")
        .says("a status line is 600 octets long")
        .steps(&[on(
            Status,
            &["NOOP"],
            Edit(|_| format!("+OK {:x>594}", "").into()),
        )
        .where_ok()]),
    Fault::new("long-data-line")
        .says("a line of a message is 2,000 octets long")
        .steps(&[on(Data, &["RETR"], Edit(|_| vec![b'x'; 2000]))
            .when(|said| said.is_body && !said.text.is_empty())]),
    Fault::new("status-lowercase")
        .says("status indicators are in lower case")
        .steps(&[on(
            Status,
            &[],
            Edit(|said| {
                said.str()
                    .replacen("+OK", "+ok", 1)
                    .replacen("-ERR", "-err", 1)
                    .into()
            }),
        )]),
    Fault::new("status-malformed")
        .says("the status indicator is `OK`, without the plus sign")
        .steps(&[on(Status, &["NOOP"], Say("OK done")).where_ok()]),
    Fault::new("status-malformed-blank")
        .says("the status indicator is `+ OK`, with a space inside")
        .finding(&["status-malformed"])
        .steps(&[on(Status, &["NOOP"], Say("+ OK done")).where_ok()]),
    Fault::new("status-missing")
        .says("STAT is answered without a status indicator")
        .steps(&[on(Status, &["STAT"], Say("3 512")).where_ok()]),
    Fault::new("status-empty")
        .says("NOOP is answered with an empty line")
        .steps(&[on(Status, &["NOOP"], Say("")).where_ok()]),
    Fault::new("status-trailing-space")
        .says("status lines end with a space")
        .steps(&[on(Status, &[], End(b" \r\n"))]),
    Fault::new("status-twice")
        .says("NOOP is answered twice")
        .steps(&[on(Status, &["NOOP"], After(b"+OK done\r\n")).where_ok()]),
    Fault::new("err-after-ok")
        .says("-ERR comes in the middle of a message that began with +OK")
        .steps(&[on(Terminator, &["RETR"], Before(b"-ERR read error\r\n"))]),
    Fault::new("single-answered-multi")
        .says("LIST with a message number gets a multi-line reply")
        .steps(&[on(Status, &["LIST"], After(b"1 120\r\n.\r\n"))
            .when(|said| !said.asked.args.is_empty())
            .where_ok()]),
    Fault::new("err-multiline")
        .says("-ERR to an unknown command is followed by more lines and a dot")
        .steps(&[on(
            Status,
            &[],
            Raw(b"-ERR unknown command\r\nask for HELP\r\n.\r\n"),
        )
        .when(|said| said.asked.is_nonsense())])
        .typing("USER alice, PASS wonderland, XFOO, QUIT"),
    Fault::new("nul-octet")
        .says("a status line contains a NUL")
        .steps(&[on(Status, &["NOOP"], Raw(b"+OK done\0\r\n")).where_ok()]),
    Fault::new("control-bytes")
        .says("a status line contains a terminal escape sequence")
        .steps(&[on(Status, &["NOOP"], Raw(b"+OK \x1b]0;owned\x07done\r\n")).where_ok()]),
    Fault::new("eight-bit-status")
        .says("a status line contains UTF-8, although the client did not ask for UTF-8")
        .steps(&[on(Status, &["NOOP"], Say("+OK erledigt, schönen Tag")).where_ok()]),
    Fault::new("invalid-utf8-status")
        .says("a status line contains octets that are not valid UTF-8")
        .steps(&[on(Status, &["NOOP"], Raw(b"+OK sch\xf6n\r\n")).where_ok()])
        .typing("UTF8, USER alice, PASS wonderland, NOOP, QUIT"),
    Fault::new("eight-bit-headers")
        .says("a message's header contains UTF-8, outside UTF8 mode")
        .steps(&[
            on(Data, &["RETR"], Before("Comments: schön\r\n".as_bytes()))
                .when(|said| said.index == 0),
        ]),
    Fault::new("retr-refused")
        .says("RETR is refused for a message that LIST shows")
        .refuse_with(|asked| (asked.verb == "RETR").then_some("-ERR no such message")),
];
