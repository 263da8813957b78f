//! Faults of STAT, LIST and UIDL, and of message numbers. Catalogue sections C and D.

use super::Does::{After, Before, Drop, Edit, Say};
use super::ServerLineKind::{Data, Status};
use super::{Fault, FaultStep, Outgoing};
use crate::pop3::command::Command;

pub(super) fn with(said: &Outgoing<'_>, out: &mut Vec<u8>, more: &str) {
    out.extend_from_slice(said.text);
    out.extend_from_slice(more.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The words of a line of a listing, put together anew.
fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A message number that is read as some C library's would be.
fn number(said: &str, taken: &'static str, asked: &super::Asked) -> Option<String> {
    (asked.arg(0) == said && (asked.verb == "LIST" || asked.is_for(Command::fetches_message)))
        .then(|| format!("{} {taken}", asked.verb))
}

/// The last message in place of one that is beyond.
fn beyond(asked: &super::Asked) -> Option<String> {
    let (number, rest) = asked.args.split_once(' ').unwrap_or((&asked.args, ""));
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    let is_beyond = is_number && number.parse().unwrap_or(u64::MAX) > asked.count;
    let is_asked = asked.is_for(Command::lists_messages) || asked.is_for(Command::fetches_message);
    let line = || format!("{} {} {rest}", asked.verb, asked.count);
    (is_asked && is_beyond && asked.count > 0).then(|| line().trim_end().to_owned())
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "stat-malformed",
        "STAT is answered in words",
        &["stat-malformed"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK there are 3 messages")).where_ok()],
    ),
    Fault::new(
        "stat-extra-text",
        "words stand behind the two numbers of STAT",
        &["stat-extra-text"],
        &[FaultStep::new(
            Status,
            &["STAT"],
            Edit(|said, out| with(said, out, " octets in your maildrop")),
        )
        .where_ok()],
    ),
    Fault::new(
        "stat-list-mismatch",
        "STAT counts one message more than LIST names",
        &["stat-list-mismatch"],
        &[FaultStep::new(
            Status,
            &["STAT"],
            Edit(|said, out| {
                let count: u64 = said.word(1).parse().unwrap_or_default();
                line(
                    out,
                    &format!("+OK {} {}", count.saturating_add(1), said.word(2)),
                );
            }),
        )
        .where_ok()],
    ),
    Fault::new(
        "stat-octets-mismatch",
        "STAT's octets are not the sum of LIST's",
        &["stat-octets-mismatch"],
        &[FaultStep::new(
            Status,
            &["STAT"],
            Edit(|said, out| line(out, &format!("+OK {} 17", said.word(1)))),
        )
        .where_ok()],
    ),
    Fault::new(
        "list-malformed",
        "a line of LIST is words",
        &["list-malformed"],
        &[
            FaultStep::new(Data, &["LIST"], Say("message 1: 120 octets"))
                .when(|said| said.index == 0),
        ],
    ),
    Fault::new(
        "list-extra-columns",
        "a line of LIST has a date behind the size",
        &["list-extra-columns"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| with(said, out, " 2026-11-23")),
        )],
    ),
    Fault::new(
        "list-multiple-spaces",
        "the columns of LIST are padded with blanks",
        &["list-multiple-spaces"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{}    {}", said.word(0), said.word(1)))),
        )],
    ),
    Fault::new(
        "list-trailing-space",
        "lines of LIST end with a blank",
        &["list-trailing-space"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| with(said, out, " ")),
        )],
    ),
    Fault::new(
        "list-leading-zero",
        "message numbers begin with zeros",
        &["list-leading-zero"],
        &[FaultStep::new(Data, &["LIST"], Before(b"00"))],
    ),
    Fault::new(
        "list-line-empty",
        "an empty line stands inside LIST",
        &["list-line-empty"],
        &[FaultStep::new(Data, &["LIST"], After(b"\r\n")).when(|said| said.index == 0)],
    ),
    Fault::new(
        "list-number-gap",
        "LIST leaves a message out",
        &["list-number-gap"],
        &[FaultStep::new(Data, &["LIST"], Drop).when(|said| said.word(0) == "2")],
    ),
    Fault::new(
        "list-duplicate-number",
        "LIST names a number twice",
        &["list-duplicate-number"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| {
                with(said, out, "");
                with(said, out, "");
            }),
        )
        .when(|said| said.index == 1)],
    ),
    Fault::new(
        "list-text-count-mismatch",
        "the status line of LIST counts other than its lines",
        &["list-text-count-mismatch"],
        &[FaultStep::new(Status, &["LIST"], Say("+OK 5 messages"))
            .when(|said| said.asked.args.is_empty())
            .where_ok()],
    ),
    Fault::new(
        "list-window",
        "STAT shows exactly the hundred messages that a quota lets through",
        &["list-window"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK 100 12345")).where_ok()],
    )
    .typing(&["USER alice", "PASS wonderland", "STAT", "QUIT"]),
    Fault::new(
        "list-wrong-number",
        "LIST 2 tells of message 1",
        &["list-wrong-number"],
        &[],
    )
    .hearing(|asked| (asked.line == "LIST 2").then(|| "LIST 1".to_owned()))
    .typing(&["USER alice", "PASS wonderland", "LIST", "LIST 2", "QUIT"]),
    Fault::new(
        "size-list-vs-retr",
        "LIST tells a size that RETR does not bring",
        &["size-list-vs-retr"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| {
                let size: u64 = said.word(1).parse().unwrap_or_default();
                line(out, &format!("{} {}", said.word(0), size.saturating_sub(7)));
            }),
        )],
    ),
    Fault::new(
        "size-no-final-newline",
        "LIST counts a message without the CR LF at its end",
        &["size-no-final-newline"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| {
                let size: u64 = said.word(1).parse().unwrap_or_default();
                line(out, &format!("{} {}", said.word(0), size.saturating_sub(2)));
            }),
        )],
    ),
    Fault::new(
        "size-zero",
        "LIST tells a size of 0",
        &["size-zero"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{} 0", said.word(0)))),
        )],
    ),
    Fault::new(
        "size-huge",
        "a size is negative: more than 31 bits",
        &["size-huge"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{} -1294967296", said.word(0)))),
        )],
    ),
    Fault::new(
        "size-changes",
        "the sizes of LIST are others the second time",
        &["size-changes"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{} {}", said.word(0), 400 + said.asked.nth))),
        )],
    ),
    Fault::new(
        "maildrop-changes",
        "a message arrives in the middle of a session",
        &["maildrop-changes"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK 4 2000"))
            .when(|said| said.asked.nth > 1)
            .where_ok()],
    )
    .typing(&["USER alice", "PASS wonderland", "STAT", "STAT", "QUIT"]),
    Fault::new(
        "number-zero-accepted",
        "message 0 is there",
        &["number-zero-accepted"],
        &[],
    )
    .hearing(|asked| number("0", "1", asked))
    .typing(&[
        "USER alice",
        "PASS wonderland",
        "LIST",
        "LIST 0",
        "RETR 0",
        "QUIT",
    ]),
    Fault::new(
        "number-wraps",
        "message 4294967297 is message 1",
        &["number-wraps"],
        &[],
    )
    .hearing(|asked| number("4294967297", "1", asked))
    .typing(&[
        "USER alice",
        "PASS wonderland",
        "LIST",
        "LIST 4294967297",
        "QUIT",
    ]),
    Fault::new(
        "number-garbage-accepted",
        "message 1x is message 1",
        &["number-garbage-accepted"],
        &[],
    )
    .hearing(|asked| number("1x", "1", asked))
    .typing(&["USER alice", "PASS wonderland", "LIST", "RETR 1x", "QUIT"]),
    Fault::new(
        "number-out-of-range-accepted",
        "a message that is not there is the last one",
        &["number-out-of-range-accepted"],
        &[],
    )
    .hearing(beyond)
    .typing(&["USER alice", "PASS wonderland", "LIST", "RETR 99", "QUIT"]),
    Fault::new(
        "uidl-missing",
        "UIDL is neither announced nor known",
        &["uidl-missing"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| said.word(0) == "UIDL")],
    )
    .refusing(|asked| (asked.verb == "UIDL").then_some("-ERR unknown command")),
    Fault::new(
        "uidl-duplicate",
        "two messages have one unique-id",
        &["uidl-duplicate", "uidl-shared-by-different"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} same", said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-too-long",
        "unique-ids have 80 characters",
        &["uidl-too-long"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} {:0>80}", said.word(0), said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-illegal-chars",
        "unique-ids have characters beyond ASCII",
        &["uidl-illegal-chars"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} idé{}", said.word(0), said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-extra-text",
        "something stands behind the unique-id",
        &["uidl-extra-text"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| with(said, out, " 120")),
        )],
    ),
    Fault::new(
        "uidl-n-format",
        "UIDL with a number is answered without the number",
        &["uidl-n-format"],
        &[FaultStep::new(
            Status,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("+OK {}", said.word(2)))),
        )
        .when(|said| !said.asked.args.is_empty())
        .where_ok()],
    ),
    Fault::new(
        "uidl-list-mismatch",
        "UIDL names a message less than LIST",
        &["uidl-list-mismatch"],
        &[FaultStep::new(Data, &["UIDL"], Drop).when(|said| said.word(0) == "3")],
    ),
    Fault::new(
        "uidl-unstable-in-session",
        "unique-ids are others the second time",
        &["uidl-unstable-in-session"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| {
                line(
                    out,
                    &format!("{} {}-{}", said.word(0), said.asked.nth, said.word(0)),
                );
            }),
        )],
    )
    .typing(&["USER alice", "PASS wonderland", "UIDL", "UIDL", "QUIT"]),
];
