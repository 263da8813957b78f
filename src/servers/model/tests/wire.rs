//! How the octets come and go: commands sent ahead, long lines, long replies, odd line ends, any
//! chunks, anything at all.

use proptest::prelude::*;

use super::*;

#[test]
fn commands_sent_ahead_are_answered_in_order() {
    let mut talk = Talk::new(&small());
    let replies = talk.send(
        b"USER alice\r\nPASS wonderland\r\nSTAT\r\nRETR 3\r\nXFOO\r\nLIST 1\r\nDELE 1\r\nQUIT\r\nNOOP\r\n",
    );
    let replies = String::from_utf8(replies).unwrap();
    let mut lines = replies.split_terminator("\r\n");
    for start in [
        "+OK send PASS",
        "+OK 3 messages",
        "+OK 3 30",
        "+OK 0 octets",
        ".",
        "-ERR unknown",
        "+OK 1 18",
        "+OK message 1 deleted",
        "+OK 2 messages left",
    ] {
        assert!(lines.next().unwrap().starts_with(start), "{start}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn ten_thousand_commands_sent_ahead_fill_no_memory() {
    let mut talk = Talk::logged_in(&practice());
    talk.model.push(&b"RETR 7\r\n".repeat(10_000));
    let mut out = vec![];
    for _ in 0..1000 {
        out.clear();
        assert_eq!(talk.model.next(&mut out), Next::Again);
        assert!(out.len() < 20_000, "{} octets in one step", out.len());
    }
}

#[test]
fn a_long_listing_comes_in_parts() {
    let many = (0..5000).map(|id| Message::new("x\r\n", format!("{id:0>70}")));
    let mut talk = Talk::logged_in(&Maildrop::new(many.collect()));
    talk.model.push(b"UIDL\r\n");
    let mut all = vec![];
    loop {
        let before = all.len();
        let wish = talk.model.next(&mut all);
        assert!(all.len() - before < 20_000);
        if wish == Next::Read {
            break;
        }
    }
    let listed = data(&all);
    let listed = String::from_utf8(listed).unwrap();
    for (index, line) in listed.lines().enumerate() {
        assert_eq!(line, format!("{} {index:0>70}", index + 1));
    }
    assert_eq!(listed.lines().count(), 5000);
}

#[test]
fn a_long_line_is_taken_up_to_its_limit_and_then_dropped() {
    let mut talk = Talk::logged_in(&small());
    let longest = format!("STAT{}", " ".repeat(LONGEST_LINE - 6));
    assert_eq!(talk.say(&longest), "+OK 3 30");
    assert!(
        talk.say(&format!("{longest} "))
            .starts_with("-ERR a command line")
    );
    assert_eq!(talk.say("STAT"), "+OK 3 30");
    // The answer does not wait for a line end that may never come, and there is one only.
    let endless = [b'S'; 100_000];
    let reply = talk.send(&endless);
    assert!(reply.starts_with(b"-ERR a command line has at most 8192 octets"));
    assert_eq!(talk.send(&endless), b"");
    assert!(talk.model.input.len() <= endless.len());
    assert_eq!(talk.send(b"\nSTAT\r\n"), b"+OK 3 30\r\n");
}

#[test]
fn a_line_feed_alone_ends_a_command_and_a_carriage_return_alone_does_not() {
    let mut talk = Talk::logged_in(&small());
    assert_eq!(talk.send(b"STAT\nSTAT\n"), b"+OK 3 30\r\n+OK 3 30\r\n");
    assert_eq!(talk.send(b"STAT\r"), b"");
    assert!(talk.send(b"STAT\r\n").starts_with(b"-ERR unknown command"));
}

/// A line that somebody may type.
fn typed() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"USER alice\r\nPASS wonderland\r\n".to_vec()),
        "(USER|PASS|APOP|LANG|LIST|UIDL|RETR|TOP|DELE|XFOO)( [0-9a-z*]{0,3}){0,3}\r\n"
            .prop_map(String::into_bytes),
        "(CAPA|UTF8|STAT|NOOP|RSET|LIST|UIDL|LANG|)\r?\n".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        Just(vec![b'A'; 9000]),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_octets(
        lines in proptest::collection::vec(typed(), 0..20),
        sizes in proptest::collection::vec(1_usize..50, 1..20),
    ) {
        let stream = lines.concat();
        let whole = Talk::with(&small(), TlsOffer::Unavailable).send(&stream);
        let mut talk = Talk::with(&small(), TlsOffer::Unavailable);
        let mut parts = vec![];
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at((*size).min(rest.len()));
            parts.extend(talk.send(part));
            rest = after;
        }
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn random_octets_never_panic_and_every_line_is_well_formed(
        chunks in proptest::collection::vec(
            prop_oneof![typed(), proptest::collection::vec(any::<u8>(), 0..300), Just(b"STLS\r\n".to_vec())],
            0..30,
        ),
    ) {
        let mut talk = Talk::new(&small());
        for chunk in chunks {
            let out = talk.send(&chunk);
            let lines = out.iter().filter(|octet| **octet == b'\n').count();
            prop_assert_eq!(memchr::memmem::find_iter(&out, b"\r\n").count(), lines);
            for line in out.split_inclusive(|octet| *octet == b'\n') {
                prop_assert!(line.len() <= 512 && line.ends_with(b"\r\n"));
            }
            if talk.wish == Next::StartTls {
                talk.model.tls_started(Secured::default());
            }
        }
    }
}
