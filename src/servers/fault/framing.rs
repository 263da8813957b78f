//! Faults of lines and replies: how they end, how they begin, what they contain. Catalogue section
//! B.

use super::Does::{After, Before, Drop, Edit, Raw, Say};
use super::ServerLineKind::{Any, Data, Status, Terminator};
use super::{Fault, FaultStep, Outgoing};

fn ends(said: &Outgoing<'_>, out: &mut Vec<u8>, end: &[u8]) {
    out.extend_from_slice(said.text);
    out.extend_from_slice(end);
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "bare-lf",
        "status lines end with LF alone",
        &["bare-lf"],
        &[FaultStep::new(
            Status,
            &[],
            Edit(|said, out| ends(said, out, b"\n")),
        )],
    ),
    Fault::new(
        "bare-lf-everywhere",
        "all lines end with LF alone, even the terminating dot",
        &["bare-lf"],
        &[FaultStep::new(
            Any,
            &[],
            Edit(|said, out| ends(said, out, b"\n")),
        )],
    ),
    Fault::new(
        "bare-lf-in-message",
        "a message has a line that ends with LF alone",
        &["bare-lf-in-message"],
        &[
            FaultStep::new(Data, &["RETR"], Edit(|said, out| ends(said, out, b"\n")))
                .when(|said| said.index == 2),
        ],
    ),
    Fault::new(
        "bare-cr",
        "a status line contains a CR without LF",
        &["bare-cr"],
        &[FaultStep::new(Status, &["NOOP"], Raw(b"+OK done\rand done\r\n")).where_ok()],
    ),
    Fault::new(
        "bare-cr-in-message",
        "a message contains a CR without LF",
        &["bare-cr-in-message"],
        &[FaultStep::new(
            Data,
            &["RETR"],
            Edit(|said, out| ends(said, out, b"\rmore\r\n")),
        )
        .when(|said| said.is_body && !said.text.is_empty())],
    ),
    Fault::new(
        "crcrlf",
        "status lines end with CR CR LF",
        &["crcrlf"],
        &[FaultStep::new(
            Status,
            &[],
            Edit(|said, out| ends(said, out, b"\r\r\n")),
        )],
    ),
    Fault::new(
        "missing-line-ends",
        "the lines of UIDL are not separated by CRLF",
        &["missing-line-ends"],
        &[
            FaultStep::new(Data, &["UIDL"], Edit(|said, out| ends(said, out, b" "))),
            FaultStep::new(Terminator, &["UIDL"], Before(b"\r\n")),
        ],
    ),
    Fault::new(
        "missing-terminator",
        "the dot after a message is missing",
        &["missing-terminator"],
        &[FaultStep::new(Terminator, &["RETR"], Drop)],
    )
    .typing(&["USER alice", "PASS wonderland", "RETR 2"]),
    Fault::new(
        "terminator-glued",
        "the dot is on the last line of a message, not on a line by itself",
        &["terminator-glued"],
        &[FaultStep::new(Terminator, &["RETR"], Raw(b"the end.\r\n"))],
    )
    .typing(&["USER alice", "PASS wonderland", "RETR 2"]),
    Fault::new(
        "terminator-no-crlf",
        "the connection closes after the dot, without CRLF",
        &["terminator-no-crlf"],
        &[FaultStep::new(
            Terminator,
            &["RETR"],
            super::Does::Last(b"."),
        )],
    ),
    Fault::new(
        "terminator-padded",
        "the dot is followed by a space",
        &["terminator-padded"],
        &[FaultStep::new(Terminator, &["RETR"], Raw(b". \r\n"))],
    )
    .typing(&["USER alice", "PASS wonderland", "RETR 2"]),
    Fault::new(
        "extra-blank-line-before-end",
        "an extra empty line comes before the dot",
        &["extra-blank-line-before-end"],
        &[FaultStep::new(Terminator, &["RETR"], Before(b"\r\n"))],
    ),
    Fault::new(
        "unstuffed-dot-line",
        "a dot at the start of a line is not doubled",
        &["unstuffed-dot-line"],
        &[FaultStep::new(
            Data,
            &["RETR"],
            Edit(|said, out| {
                let text = said.text.strip_prefix(b".").unwrap_or(said.text);
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }),
        )],
    ),
    Fault::new(
        "unstuffed-first-octet",
        "a dot at the very start of a message is not doubled",
        &["unstuffed-first-octet"],
        &[FaultStep::new(Data, &["RETR"], Before(b".")).when(|said| said.index == 0)],
    ),
    Fault::new(
        "unstuffed-after-bare-lf",
        "a message contains LF, a dot and LF, which some clients take for its end",
        &["unstuffed-after-bare-lf"],
        &[FaultStep::new(
            Data,
            &["RETR"],
            Edit(|said, out| ends(said, out, b"\n.\nmore\r\n")),
        )
        .when(|said| said.is_body && !said.text.is_empty())],
    ),
    Fault::new(
        "double-stuffed",
        "a dot at the start of a line is stuffed twice",
        &["double-stuffed"],
        &[FaultStep::new(Data, &["RETR"], Before(b".")).when(|said| said.text.starts_with(b".."))],
    ),
    Fault::new(
        "status-over-512",
        "a status line is 600 octets long",
        &["status-over-512"],
        &[FaultStep::new(
            Status,
            &["NOOP"],
            Edit(|_, out| {
                out.extend_from_slice(b"+OK ");
                out.extend([b'x'; 594]);
                out.extend_from_slice(b"\r\n");
            }),
        )
        .where_ok()],
    ),
    Fault::new(
        "long-data-line",
        "a line of a message is 2,000 octets long",
        &["long-data-line"],
        &[FaultStep::new(
            Data,
            &["RETR"],
            Edit(|_, out| {
                out.extend([b'x'; 2000]);
                out.extend_from_slice(b"\r\n");
            }),
        )
        .when(|said| said.is_body && !said.text.is_empty())],
    ),
    Fault::new(
        "status-lowercase",
        "status indicators are in lower case",
        &["status-lowercase"],
        &[FaultStep::new(
            Status,
            &[],
            Edit(|said, out| {
                let line = said.str();
                let line = line.replacen("+OK", "+ok", 1).replacen("-ERR", "-err", 1);
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(b"\r\n");
            }),
        )],
    ),
    Fault::new(
        "status-malformed",
        "the status indicator is `OK`, without the plus sign",
        &["status-malformed"],
        &[FaultStep::new(Status, &["NOOP"], Say("OK done")).where_ok()],
    ),
    Fault::new(
        "status-malformed-blank",
        "the status indicator is `+ OK`, with a space inside",
        &["status-malformed"],
        &[FaultStep::new(Status, &["NOOP"], Say("+ OK done")).where_ok()],
    ),
    Fault::new(
        "status-missing",
        "STAT is answered without a status indicator",
        &["status-missing"],
        &[FaultStep::new(Status, &["STAT"], Say("3 512")).where_ok()],
    ),
    Fault::new(
        "status-empty",
        "NOOP is answered with an empty line",
        &["status-empty"],
        &[FaultStep::new(Status, &["NOOP"], Say("")).where_ok()],
    ),
    Fault::new(
        "status-trailing-space",
        "status lines end with a space",
        &["status-trailing-space"],
        &[FaultStep::new(
            Status,
            &[],
            Edit(|said, out| ends(said, out, b" \r\n")),
        )],
    ),
    Fault::new(
        "status-twice",
        "NOOP is answered twice",
        &["status-twice"],
        &[FaultStep::new(Status, &["NOOP"], After(b"+OK done\r\n")).where_ok()],
    ),
    Fault::new(
        "err-after-ok",
        "-ERR comes in the middle of a message that began with +OK",
        &["err-after-ok"],
        &[FaultStep::new(
            Terminator,
            &["RETR"],
            Before(b"-ERR read error\r\n"),
        )],
    ),
    Fault::new(
        "single-answered-multi",
        "LIST with a message number gets a multi-line reply",
        &["single-answered-multi"],
        &[FaultStep::new(Status, &["LIST"], After(b"1 120\r\n.\r\n"))
            .when(|said| !said.asked.args.is_empty())
            .where_ok()],
    ),
    Fault::new(
        "err-multiline",
        "-ERR to an unknown command is followed by more lines and a dot",
        &["err-multiline"],
        &[FaultStep::new(
            Status,
            &[],
            Raw(b"-ERR unknown command\r\nask for HELP\r\n.\r\n"),
        )
        .when(|said| said.asked.is_nonsense())],
    )
    .typing(&["USER alice", "PASS wonderland", "XFOO", "QUIT"]),
    Fault::new(
        "nul-octet",
        "a status line contains a NUL",
        &["nul-octet"],
        &[FaultStep::new(Status, &["NOOP"], Raw(b"+OK done\0\r\n")).where_ok()],
    ),
    Fault::new(
        "control-bytes",
        "a status line contains a terminal escape sequence",
        &["control-bytes"],
        &[FaultStep::new(Status, &["NOOP"], Raw(b"+OK \x1b]0;owned\x07done\r\n")).where_ok()],
    ),
    Fault::new(
        "eight-bit-status",
        "a status line contains UTF-8, although the client did not ask for UTF-8",
        &["eight-bit-status"],
        &[FaultStep::new(Status, &["NOOP"], Say("+OK erledigt, schönen Tag")).where_ok()],
    ),
    Fault::new(
        "invalid-utf8-status",
        "a status line contains octets that are not valid UTF-8",
        &["invalid-utf8-status"],
        &[FaultStep::new(Status, &["NOOP"], Raw(b"+OK sch\xf6n\r\n")).where_ok()],
    )
    .typing(&["UTF8", "USER alice", "PASS wonderland", "NOOP", "QUIT"]),
    Fault::new(
        "eight-bit-headers",
        "a message's header contains UTF-8, outside UTF8 mode",
        &["eight-bit-headers"],
        &[
            FaultStep::new(Data, &["RETR"], Before("Comments: schön\r\n".as_bytes()))
                .when(|said| said.index == 0),
        ],
    ),
    Fault::new(
        "retr-refused",
        "RETR is refused for a message that LIST shows",
        &["retr-refused"],
        &[],
    )
    .refusing(|asked| (asked.verb == "RETR").then_some("-ERR no such message")),
];
