//! Faults of RETR, TOP, DELE and RSET: the messages and what happens to them. Catalogue sections E
//! and F.

use super::Does::{Before, Drop, Edit, Raw, Say};
use super::ServerLineKind::{Data, Status, Terminator};
use super::{Asked, Fault, FaultStep};

/// RETR and TOP of the same message.
const FETCHES: &[&str] = &[
    "CAPA",
    "USER alice",
    "PASS wonderland",
    "LIST",
    "RETR 1",
    "TOP 1 0",
    "TOP 1 1",
    "TOP 1 99999",
    "TOP 1 2147483648",
    "TOP 1 -1",
    "QUIT",
];

const DELETIONS: &[&str] = &[
    "USER alice",
    "PASS wonderland",
    "STAT",
    "LIST",
    "UIDL",
    "DELE 1",
    "DELE 1",
    "RETR 1",
    "STAT",
    "LIST",
    "LIST 1",
    "RSET",
    "STAT",
    "LIST",
    "QUIT",
];

/// LAST is obsolete, but it shows what TOP does to a message.
const LASTS: &[&str] = &[
    "USER alice",
    "PASS wonderland",
    "LAST",
    "TOP 1 0",
    "LAST",
    "QUIT",
];

/// Replaces DELE by a command that is refused for the same messages and marks none.
fn unmarked(asked: &Asked) -> Option<String> {
    (asked.verb == "DELE" && !asked.args.is_empty()).then(|| format!("LIST {}", asked.args))
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "retr-truncated",
        "a message is cut off after a few lines, with the dot as if it were complete",
        &["retr-truncated"],
        &[FaultStep::new(Data, &["RETR"], Drop).when(|said| said.index > 1)],
    ),
    Fault::new(
        "retr-adds-headers",
        "RETR adds a header field, which the size in LIST does not include",
        &["retr-adds-headers"],
        &[
            FaultStep::new(Data, &["RETR"], Before(b"X-UIDL: 0000000c\r\n"))
                .when(|said| said.index == 0),
        ],
    ),
    Fault::new(
        "retr-text-mismatch",
        "the status line of RETR gives a wrong size",
        &["retr-text-mismatch"],
        &[FaultStep::new(Status, &["RETR"], Say("+OK 7 octets")).where_ok()],
    ),
    Fault::new(
        "message-without-blank-line",
        "no empty line separates the header from the body",
        &["message-without-blank-line"],
        &[FaultStep::new(Data, &["RETR"], Drop).when(|said| said.is_body || said.text.is_empty())],
    ),
    Fault::new(
        "internal-data-message",
        "message 1 is the internal data of a mail folder",
        &["internal-data-message"],
        &[FaultStep::new(
            Data,
            &["RETR"],
            Before(
                b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\nX-IMAP: 1 2\r\n",
            ),
        )
        .when(|said| said.index == 0)],
    ),
    Fault::new(
        "top-missing",
        "TOP is neither announced nor supported",
        &["top-missing"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| said.word(0) == "TOP")],
    )
    .refusing(|asked| (asked.verb == "TOP").then_some("-ERR unknown command")),
    Fault::new(
        "top-wrong-line-count",
        "TOP sends one line of the body too many",
        &["top-wrong-line-count"],
        &[
            FaultStep::new(Terminator, &["TOP"], Before(b"one line more\r\n"))
                .when(|said| said.asked.arg(1) == "1"),
        ],
    )
    .typing(FETCHES),
    Fault::new(
        "top-zero-is-all",
        "TOP with 0 lines sends the whole message",
        &["top-zero-is-all"],
        &[],
    )
    .hearing(|asked| (asked.line == "TOP 1 0").then(|| "TOP 1 99999".to_owned()))
    .typing(FETCHES),
    Fault::new(
        "top-huge-n-fails",
        "TOP refuses a large number of lines",
        &["top-huge-n-fails"],
        &[],
    )
    .refusing(|asked| (asked.verb == "TOP" && asked.arg(1).len() > 4).then_some("-ERR bad number"))
    .typing(FETCHES),
    Fault::new(
        "top-negative-accepted",
        "TOP accepts -1 lines",
        &["top-negative-accepted"],
        &[],
    )
    .hearing(|asked| (asked.line == "TOP 1 -1").then(|| "TOP 1 0".to_owned()))
    .typing(FETCHES),
    Fault::new(
        "top-truncated",
        "TOP with more lines than the message has sends less than RETR",
        &["top-truncated"],
        &[FaultStep::new(Data, &["TOP"], Drop)
            .when(|said| said.is_body && said.index > 4 && said.asked.arg(1).len() > 4)],
    )
    .typing(FETCHES),
    Fault::new(
        "top-differs-from-retr",
        "TOP shows a different header than RETR",
        &["top-differs-from-retr"],
        &[
            FaultStep::new(Data, &["TOP"], Before(b"X-Seen: by TOP\r\n"))
                .when(|said| said.index == 0),
        ],
    ),
    Fault::new(
        "top-unstuffed",
        "RETR doubles a dot at the start of a line, but TOP does not",
        &["top-unstuffed"],
        &[FaultStep::new(
            Data,
            &["TOP"],
            Edit(|said, out| {
                out.extend_from_slice(said.text.strip_prefix(b".").unwrap_or(said.text));
                out.extend_from_slice(b"\r\n");
            }),
        )],
    )
    .typing(FETCHES),
    Fault::new(
        "top-marks-seen",
        "TOP marks the message as read",
        &["top-marks-seen"],
        &[
            FaultStep::new(Status, &["LAST"], Say("+OK 0"))
                .when(|said| said.asked.nth == 1)
                .where_ok(),
            FaultStep::new(Status, &["LAST"], Say("+OK 1"))
                .when(|said| said.asked.nth > 1)
                .where_ok(),
        ],
    )
    // The inner server may not know LAST.
    .hearing(|asked| (asked.verb == "LAST").then(|| "NOOP".to_owned()))
    .typing(LASTS),
    Fault::new(
        "retr-deletes",
        "RETR also deletes the message",
        &["maildrop-changes"],
        &[],
    )
    .slipping(|asked| (asked.verb == "RETR").then(|| format!("DELE {}", asked.args)))
    .typing(&[
        "USER alice",
        "PASS wonderland",
        "STAT",
        "RETR 1",
        "STAT",
        "QUIT",
    ]),
    Fault::new(
        "dele-ignored",
        "DELE is answered with +OK but deletes nothing",
        &[],
        &[FaultStep::new(Status, &["DELE"], Say("+OK message deleted")).where_ok()],
    )
    .hearing(unmarked)
    .typing(&["USER alice", "PASS wonderland", "DELE 1", "QUIT"])
    .because(
        "it shows in the next session; in the same session, `dele-still-listed` finds it after a LIST",
    ),
    Fault::new(
        "dele-still-listed",
        "LIST still shows a deleted message",
        &["dele-still-listed"],
        &[FaultStep::new(Status, &["DELE"], Say("+OK message deleted")).where_ok()],
    )
    .hearing(unmarked)
    .typing(&[
        "USER alice",
        "PASS wonderland",
        "STAT",
        "LIST",
        "DELE 1",
        "LIST",
        "QUIT",
    ]),
    Fault::new(
        "dele-still-retrievable",
        "RETR still sends a deleted message",
        &["dele-still-retrievable"],
        &[FaultStep::new(
            Status,
            &["RETR"],
            Raw(b"+OK\r\nFrom: Bob <bob@example.org>\r\n\r\ntext\r\n.\r\n"),
        )
        .when(|said| said.asked.is_about_marked())],
    )
    .typing(DELETIONS),
    Fault::new(
        "dele-twice-ok",
        "DELE of a deleted message is answered with +OK",
        &["dele-twice-ok"],
        &[
            FaultStep::new(Status, &["DELE"], Say("+OK message deleted"))
                .when(|said| said.asked.is_about_marked()),
        ],
    )
    .typing(DELETIONS),
    Fault::new(
        "dele-renumbers",
        "DELE renumbers the other messages",
        &["dele-renumbers"],
        &[FaultStep::new(
            Data,
            &["LIST", "UIDL"],
            Edit(|said, out| {
                let number: usize = said.word(0).parse().unwrap_or_default();
                let number = number.saturating_sub(said.asked.session.marked.len());
                out.extend_from_slice(format!("{number} {}\r\n", said.word(1)).as_bytes());
            }),
        )],
    )
    .typing(DELETIONS),
    Fault::new(
        "rset-incomplete",
        "RSET is answered with +OK but restores nothing",
        &["rset-incomplete"],
        &[],
    )
    .hearing(|asked| (asked.verb == "RSET").then(|| "NOOP".to_owned()))
    .typing(DELETIONS),
    Fault::new(
        "server-trouble",
        "RETR is refused with [SYS/TEMP]",
        &["server-trouble"],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "RETR" && asked.session.is_transaction())
            .then_some("-ERR [SYS/TEMP] try again later")
    }),
];
