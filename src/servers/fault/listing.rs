//! Faults of STAT, LIST and UIDL, and of message numbers.

use super::FaultAction::{After, Before, Drop, Edit, End, Say};
use super::ServerLineKind::{Data, Status};
use super::{Fault, on};
use crate::pop3::command::Command;

/// A message number parsed as some C libraries parse it.
fn number(said: &str, taken: &'static str, asked: &super::Incoming) -> Option<String> {
    (asked.arg(0) == said && (asked.verb == "LIST" || asked.is_for(Command::fetches_message)))
        .then(|| format!("{} {taken}", asked.verb))
}

/// The last message, for a number that is too large.
fn beyond(asked: &super::Incoming) -> Option<String> {
    let (number, rest) = asked.args.split_once(' ').unwrap_or((&asked.args, ""));
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    let is_beyond = is_number && number.parse().unwrap_or(u64::MAX) > asked.count;
    let is_asked = asked.is_for(Command::lists_messages) || asked.is_for(Command::fetches_message);
    let line = || format!("{} {} {rest}", asked.verb, asked.count);
    (is_asked && is_beyond && asked.count > 0).then(|| line().trim_end().to_owned())
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("stat-malformed")
        .says("STAT is answered in words, not with two numbers")
        .steps(&[on(Status, &["STAT"], Say("+OK there are 3 messages")).where_ok()]),
    Fault::new("stat-extra-text")
        .says("text follows the two numbers of STAT")
        .steps(&[on(Status, &["STAT"], End(b" octets in your maildrop\r\n")).where_ok()]),
    Fault::new("stat-list-mismatch")
        .says("STAT counts one more message than LIST shows")
        .steps(&[on(
            Status,
            &["STAT"],
            Edit(|said| {
                format!("+OK {} {}", said.number(1).saturating_add(1), said.word(2)).into()
            }),
        )
        .where_ok()]),
    Fault::new("stat-octets-mismatch")
        .says("the size in STAT is not the sum of the sizes in LIST")
        .steps(&[on(
            Status,
            &["STAT"],
            Edit(|said| format!("+OK {} 17", said.word(1)).into()),
        )
        .where_ok()]),
    Fault::new("list-malformed")
        .says("a line of LIST is in words")
        .steps(&[on(Data, &["LIST"], Say("message 1: 120 octets")).when(|said| said.index == 0)]),
    Fault::new("list-extra-columns")
        .says("the lines of LIST have a date after the size")
        .steps(&[on(Data, &["LIST"], End(b" 2026-11-23\r\n"))]),
    Fault::new("list-multiple-spaces")
        .says("the columns of LIST are padded with spaces")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{}    {}", said.word(0), said.word(1)).into()),
        )]),
    Fault::new("list-trailing-space")
        .says("the lines of LIST end with a space")
        .steps(&[on(Data, &["LIST"], End(b" \r\n"))]),
    Fault::new("list-leading-zero")
        .says("the message numbers in LIST have leading zeros")
        .steps(&[on(Data, &["LIST"], Before(b"00"))]),
    Fault::new("list-line-empty")
        .says("LIST contains an empty line")
        .steps(&[on(Data, &["LIST"], After(b"\r\n")).when(|said| said.index == 0)]),
    Fault::new("list-number-gap")
        .says("LIST omits a message")
        .steps(&[on(Data, &["LIST"], Drop).when(|said| said.word(0) == "2")]),
    Fault::new("list-duplicate-number")
        .says("LIST shows a message number twice")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| [said.text, b"\r\n", said.text].concat()),
        )
        .when(|said| said.index == 1)]),
    Fault::new("list-text-count-mismatch")
        .says("the count in the status line of LIST does not match its lines")
        .steps(&[on(Status, &["LIST"], Say("+OK 5 messages"))
            .when(|said| said.asked.args.is_empty())
            .where_ok()]),
    Fault::new("list-window")
        .says("STAT counts exactly 100 messages, as if the server showed only the first 100")
        .steps(&[on(Status, &["STAT"], Say("+OK 100 12345")).where_ok()])
        .typing("USER alice, PASS wonderland, STAT, QUIT"),
    Fault::new("list-wrong-number")
        .says("LIST 2 shows message 1")
        .rewriting(|asked| (asked.line == "LIST 2").then(|| "LIST 1".to_owned()))
        .typing("USER alice, PASS wonderland, LIST, LIST 2, QUIT"),
    Fault::new("size-list-vs-retr")
        .says("the size in LIST differs from what RETR sends")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{} {}", said.word(0), said.number(1).saturating_sub(7)).into()),
        )]),
    Fault::new("size-no-final-newline")
        .says("the size in LIST leaves out the final CRLF of a message")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{} {}", said.word(0), said.number(1).saturating_sub(2)).into()),
        )]),
    Fault::new("size-zero")
        .says("the size in LIST is 0")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{} 0", said.word(0)).into()),
        )]),
    Fault::new("size-huge")
        .says("the size in LIST is negative: it did not fit in 31 bits")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{} -1294967296", said.word(0)).into()),
        )]),
    Fault::new("size-changes")
        .says("the sizes in LIST change when LIST is repeated")
        .steps(&[on(
            Data,
            &["LIST"],
            Edit(|said| format!("{} {}", said.word(0), 400 + said.asked.nth).into()),
        )]),
    Fault::new("maildrop-changes")
        .says("a message arrives in the middle of a session")
        .steps(&[on(Status, &["STAT"], Say("+OK 4 2000"))
            .when(|said| said.asked.nth > 1)
            .where_ok()])
        .typing("USER alice, PASS wonderland, STAT, STAT, QUIT"),
    Fault::new("number-zero-accepted")
        .says("message number 0 is taken for message 1")
        .rewriting(|asked| number("0", "1", asked))
        .typing("USER alice, PASS wonderland, LIST, LIST 0, RETR 0, QUIT"),
    Fault::new("number-wraps")
        .says("message number 4294967297 is taken for message 1")
        .rewriting(|asked| number("4294967297", "1", asked))
        .typing("USER alice, PASS wonderland, LIST, LIST 4294967297, QUIT"),
    Fault::new("number-garbage-accepted")
        .says("message number `1x` is taken for message 1")
        .rewriting(|asked| number("1x", "1", asked))
        .typing("USER alice, PASS wonderland, LIST, RETR 1x, QUIT"),
    Fault::new("number-out-of-range-accepted")
        .says("a message number that is too large is taken for the last message")
        .rewriting(beyond)
        .typing("USER alice, PASS wonderland, LIST, RETR 99, QUIT"),
    Fault::new("uidl-missing")
        .says("UIDL is neither announced nor supported")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| said.word(0) == "UIDL")])
        .refuse_with(|asked| (asked.verb == "UIDL").then_some("-ERR unknown command")),
    Fault::new("uidl-duplicate")
        .says("different messages have the same unique-id")
        .finding(&["uidl-duplicate", "uidl-shared-by-different"])
        .steps(&[on(
            Data,
            &["UIDL"],
            Edit(|said| format!("{} same", said.word(0)).into()),
        )]),
    Fault::new("uidl-too-long")
        .says("unique-ids are 80 characters long")
        .steps(&[on(
            Data,
            &["UIDL"],
            Edit(|said| format!("{} {:0>80}", said.word(0), said.word(0)).into()),
        )]),
    Fault::new("uidl-illegal-chars")
        .says("unique-ids contain characters that are not ASCII")
        .steps(&[on(
            Data,
            &["UIDL"],
            Edit(|said| format!("{} idé{}", said.word(0), said.word(0)).into()),
        )]),
    Fault::new("uidl-extra-text")
        .says("extra text follows the unique-id")
        .steps(&[on(Data, &["UIDL"], End(b" 120\r\n"))]),
    Fault::new("uidl-n-format")
        .says("UIDL with a message number is answered without that number")
        .steps(&[on(
            Status,
            &["UIDL"],
            Edit(|said| format!("+OK {}", said.word(2)).into()),
        )
        .when(|said| !said.asked.args.is_empty())
        .where_ok()]),
    Fault::new("uidl-list-mismatch")
        .says("UIDL omits a message that LIST shows")
        .steps(&[on(Data, &["UIDL"], Drop).when(|said| said.word(0) == "3")]),
    Fault::new("uidl-unstable-in-session")
        .says("the unique-ids change when UIDL is repeated")
        .steps(&[on(
            Data,
            &["UIDL"],
            Edit(|said| format!("{} {}-{}", said.word(0), said.asked.nth, said.word(0)).into()),
        )])
        .typing("USER alice, PASS wonderland, UIDL, UIDL, QUIT"),
];
