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

/// Writes a line of a listing.
fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A message number parsed as some C libraries parse it.
fn number(said: &str, taken: &'static str, asked: &super::Asked) -> Option<String> {
    (asked.arg(0) == said && (asked.verb == "LIST" || asked.is_for(Command::fetches_message)))
        .then(|| format!("{} {taken}", asked.verb))
}

/// The last message, for a number that is too large.
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
        "STAT is answered in words, not with two numbers",
        &["stat-malformed"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK there are 3 messages")).where_ok()],
    ),
    Fault::new(
        "stat-extra-text",
        "text follows the two numbers of STAT",
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
        "STAT counts one more message than LIST shows",
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
        "the size in STAT is not the sum of the sizes in LIST",
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
        "a line of LIST is in words",
        &["list-malformed"],
        &[
            FaultStep::new(Data, &["LIST"], Say("message 1: 120 octets"))
                .when(|said| said.index == 0),
        ],
    ),
    Fault::new(
        "list-extra-columns",
        "the lines of LIST have a date after the size",
        &["list-extra-columns"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| with(said, out, " 2026-11-23")),
        )],
    ),
    Fault::new(
        "list-multiple-spaces",
        "the columns of LIST are padded with spaces",
        &["list-multiple-spaces"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{}    {}", said.word(0), said.word(1)))),
        )],
    ),
    Fault::new(
        "list-trailing-space",
        "the lines of LIST end with a space",
        &["list-trailing-space"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| with(said, out, " ")),
        )],
    ),
    Fault::new(
        "list-leading-zero",
        "the message numbers in LIST have leading zeros",
        &["list-leading-zero"],
        &[FaultStep::new(Data, &["LIST"], Before(b"00"))],
    ),
    Fault::new(
        "list-line-empty",
        "LIST contains an empty line",
        &["list-line-empty"],
        &[FaultStep::new(Data, &["LIST"], After(b"\r\n")).when(|said| said.index == 0)],
    ),
    Fault::new(
        "list-number-gap",
        "LIST omits a message",
        &["list-number-gap"],
        &[FaultStep::new(Data, &["LIST"], Drop).when(|said| said.word(0) == "2")],
    ),
    Fault::new(
        "list-duplicate-number",
        "LIST shows a message number twice",
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
        "the count in the status line of LIST does not match its lines",
        &["list-text-count-mismatch"],
        &[FaultStep::new(Status, &["LIST"], Say("+OK 5 messages"))
            .when(|said| said.asked.args.is_empty())
            .where_ok()],
    ),
    Fault::new(
        "list-window",
        "STAT counts exactly 100 messages, as if the server showed only the first 100",
        &["list-window"],
        &[FaultStep::new(Status, &["STAT"], Say("+OK 100 12345")).where_ok()],
    )
    .typing(&["USER alice", "PASS wonderland", "STAT", "QUIT"]),
    Fault::new(
        "list-wrong-number",
        "LIST 2 shows message 1",
        &["list-wrong-number"],
        &[],
    )
    .hearing(|asked| (asked.line == "LIST 2").then(|| "LIST 1".to_owned()))
    .typing(&["USER alice", "PASS wonderland", "LIST", "LIST 2", "QUIT"]),
    Fault::new(
        "size-list-vs-retr",
        "the size in LIST differs from what RETR sends",
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
        "the size in LIST leaves out the final CRLF of a message",
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
        "the size in LIST is 0",
        &["size-zero"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{} 0", said.word(0)))),
        )],
    ),
    Fault::new(
        "size-huge",
        "the size in LIST is negative: it did not fit in 31 bits",
        &["size-huge"],
        &[FaultStep::new(
            Data,
            &["LIST"],
            Edit(|said, out| line(out, &format!("{} -1294967296", said.word(0)))),
        )],
    ),
    Fault::new(
        "size-changes",
        "the sizes in LIST change when LIST is repeated",
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
        "message number 0 is taken for message 1",
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
        "message number 4294967297 is taken for message 1",
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
        "message number `1x` is taken for message 1",
        &["number-garbage-accepted"],
        &[],
    )
    .hearing(|asked| number("1x", "1", asked))
    .typing(&["USER alice", "PASS wonderland", "LIST", "RETR 1x", "QUIT"]),
    Fault::new(
        "number-out-of-range-accepted",
        "a message number that is too large is taken for the last message",
        &["number-out-of-range-accepted"],
        &[],
    )
    .hearing(beyond)
    .typing(&["USER alice", "PASS wonderland", "LIST", "RETR 99", "QUIT"]),
    Fault::new(
        "uidl-missing",
        "UIDL is neither announced nor supported",
        &["uidl-missing"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| said.word(0) == "UIDL")],
    )
    .refusing(|asked| (asked.verb == "UIDL").then_some("-ERR unknown command")),
    Fault::new(
        "uidl-duplicate",
        "different messages have the same unique-id",
        &["uidl-duplicate", "uidl-shared-by-different"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} same", said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-too-long",
        "unique-ids are 80 characters long",
        &["uidl-too-long"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} {:0>80}", said.word(0), said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-illegal-chars",
        "unique-ids contain characters that are not ASCII",
        &["uidl-illegal-chars"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| line(out, &format!("{} idé{}", said.word(0), said.word(0)))),
        )],
    ),
    Fault::new(
        "uidl-extra-text",
        "extra text follows the unique-id",
        &["uidl-extra-text"],
        &[FaultStep::new(
            Data,
            &["UIDL"],
            Edit(|said, out| with(said, out, " 120")),
        )],
    ),
    Fault::new(
        "uidl-n-format",
        "UIDL with a message number is answered without that number",
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
        "UIDL omits a message that LIST shows",
        &["uidl-list-mismatch"],
        &[FaultStep::new(Data, &["UIDL"], Drop).when(|said| said.word(0) == "3")],
    ),
    Fault::new(
        "uidl-unstable-in-session",
        "the unique-ids change when UIDL is repeated",
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
