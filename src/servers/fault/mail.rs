//! Faults of RETR, TOP, DELE and RSET: the messages and what happens to them.

use super::FaultAction::{Before, Drop, Edit, Raw, Say};
use super::ServerLineKind::{Data, Status, Terminator};
use super::edits::unstuffed;
use super::{Fault, Incoming, on};

/// RETR and TOP of the same message.
const FETCHES: &str = "CAPA, USER alice, PASS wonderland, LIST, RETR 1, TOP 1 0, TOP 1 1, \
    TOP 1 99999, TOP 1 2147483648, TOP 1 -1, QUIT";

const DELETIONS: &str = "USER alice, PASS wonderland, STAT, LIST, UIDL, DELE 1, DELE 1, RETR 1, \
    STAT, LIST, LIST 1, RSET, STAT, LIST, QUIT";

/// LAST is obsolete, but it shows what TOP does to a message.
const LASTS: &str = "USER alice, PASS wonderland, LAST, TOP 1 0, LAST, QUIT";

const INTERNAL_DATA: &[u8] =
    b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\nX-IMAP: 1 2\r\n";

/// Replaces DELE by a command that is refused for the same messages and marks none.
fn unmarked(asked: &Incoming) -> Option<String> {
    (asked.verb == "DELE" && !asked.args.is_empty()).then(|| format!("LIST {}", asked.args))
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("retr-truncated")
        .says("a message is cut off after a few lines, with the dot as if it were complete")
        .steps(&[on(Data, &["RETR"], Drop).when(|said| said.index > 1)]),
    Fault::new("retr-adds-headers")
        .says("RETR adds a header field, which the size in LIST does not include")
        .steps(
            &[on(Data, &["RETR"], Before(b"X-UIDL: 0000000c\r\n")).when(|said| said.index == 0)],
        ),
    Fault::new("retr-text-mismatch")
        .says("the status line of RETR gives a wrong size")
        .steps(&[on(Status, &["RETR"], Say("+OK 7 octets")).where_ok()]),
    Fault::new("message-without-blank-line")
        .says("no empty line separates the header from the body")
        .steps(&[on(Data, &["RETR"], Drop).when(|said| said.is_body || said.text.is_empty())]),
    Fault::new("internal-data-message")
        .says("message 1 is the internal data of a mail folder")
        .steps(&[on(Data, &["RETR"], Before(INTERNAL_DATA)).when(|said| said.index == 0)]),
    Fault::new("top-missing")
        .says("TOP is neither announced nor supported")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| said.word(0) == "TOP")])
        .refuse_with(|asked| (asked.verb == "TOP").then_some("-ERR unknown command")),
    Fault::new("top-wrong-line-count")
        .says("TOP sends one line of the body too many")
        .steps(&[on(Terminator, &["TOP"], Before(b"one line more\r\n"))
            .when(|said| said.asked.arg(1) == "1")])
        .typing(FETCHES),
    Fault::new("top-zero-is-all")
        .says("TOP with 0 lines sends the whole message")
        .rewriting(|asked| (asked.line == "TOP 1 0").then(|| "TOP 1 99999".to_owned()))
        .typing(FETCHES),
    Fault::new("top-huge-n-fails")
        .says("TOP refuses a large number of lines")
        .refuse_with(|asked| {
            (asked.verb == "TOP" && asked.arg(1).len() > 4).then_some("-ERR bad number")
        })
        .typing(FETCHES),
    Fault::new("top-negative-accepted")
        .says("TOP accepts -1 lines")
        .rewriting(|asked| (asked.line == "TOP 1 -1").then(|| "TOP 1 0".to_owned()))
        .typing(FETCHES),
    Fault::new("top-truncated")
        .says("TOP with more lines than the message has sends less than RETR")
        .steps(&[on(Data, &["TOP"], Drop)
            .when(|said| said.is_body && said.index > 4 && said.asked.arg(1).len() > 4)])
        .typing(FETCHES),
    Fault::new("top-differs-from-retr")
        .says("TOP shows a different header than RETR")
        .steps(&[on(Data, &["TOP"], Before(b"X-Seen: by TOP\r\n")).when(|said| said.index == 0)]),
    Fault::new("top-unstuffed")
        .says("RETR doubles a dot at the start of a line, but TOP does not")
        .steps(&[on(Data, &["TOP"], Edit(unstuffed))])
        .typing(FETCHES),
    Fault::new("top-marks-seen")
        .says("TOP marks the message as read")
        .steps(&[
            on(Status, &["LAST"], Say("+OK 0"))
                .when(|said| said.asked.nth == 1)
                .where_ok(),
            on(Status, &["LAST"], Say("+OK 1"))
                .when(|said| said.asked.nth > 1)
                .where_ok(),
        ])
        // The inner server may not know LAST.
        .rewriting(|asked| (asked.verb == "LAST").then(|| "NOOP".to_owned()))
        .typing(LASTS),
    Fault::new("retr-deletes")
        .says("RETR also deletes the message")
        .finding(&["maildrop-changes"])
        .inserting(|asked| (asked.verb == "RETR").then(|| format!("DELE {}", asked.args)))
        .typing("USER alice, PASS wonderland, STAT, RETR 1, STAT, QUIT"),
    Fault::new("dele-ignored")
        .says("DELE is answered with +OK but deletes nothing")
        .steps(&[on(Status, &["DELE"], Say("+OK message deleted")).where_ok()])
        .rewriting(unmarked)
        .typing("USER alice, PASS wonderland, DELE 1, QUIT")
        .because(
            "it shows in the next session; in the same session, `dele-still-listed` finds it \
         after a LIST",
        ),
    Fault::new("dele-still-listed")
        .says("LIST still shows a deleted message")
        .steps(&[on(Status, &["DELE"], Say("+OK message deleted")).where_ok()])
        .rewriting(unmarked)
        .typing("USER alice, PASS wonderland, STAT, LIST, DELE 1, LIST, QUIT"),
    Fault::new("dele-still-retrievable")
        .says("RETR still sends a deleted message")
        .steps(&[on(
            Status,
            &["RETR"],
            Raw(b"+OK\r\nFrom: Bob <bob@example.org>\r\n\r\ntext\r\n.\r\n"),
        )
        .when(|said| said.asked.is_about_marked())])
        .typing(DELETIONS),
    Fault::new("dele-twice-ok")
        .says("DELE of a deleted message is answered with +OK")
        .steps(&[on(Status, &["DELE"], Say("+OK message deleted"))
            .when(|said| said.asked.is_about_marked())])
        .typing(DELETIONS),
    Fault::new("dele-renumbers")
        .says("DELE renumbers the other messages")
        .steps(&[on(
            Data,
            &["LIST", "UIDL"],
            Edit(|said| {
                let marked = said.asked.session.marked.len() as u64;
                format!("{} {}", said.number(0).saturating_sub(marked), said.word(1)).into()
            }),
        )])
        .typing(DELETIONS),
    Fault::new("rset-incomplete")
        .says("RSET is answered with +OK but restores nothing")
        .rewriting(|asked| (asked.verb == "RSET").then(|| "NOOP".to_owned()))
        .typing(DELETIONS),
    Fault::new("server-trouble")
        .says("RETR is refused with [SYS/TEMP]")
        .refuse_with(|asked| {
            (asked.verb == "RETR" && asked.session.is_transaction())
                .then_some("-ERR [SYS/TEMP] try again later")
        }),
];
