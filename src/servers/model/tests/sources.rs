//! Messages that are not in memory.

use std::io::{self, Cursor, Read};

use super::*;
use crate::servers::{MessageSource, StoreFailure};

/// Gives its octets, then an error where it is broken.
#[derive(Debug)]
struct Fake {
    octets: &'static [u8],
    is_broken: bool,
    is_there: bool,
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk has gone"))
    }
}

impl MessageSource for Fake {
    fn open(&self) -> Result<Box<dyn Read + Send>, StoreFailure> {
        let octets = Cursor::new(self.octets);
        match (self.is_there, self.is_broken) {
            (false, _) => Err(StoreFailure),
            (true, false) => Ok(Box::new(octets)),
            (true, true) => Ok(Box::new(octets.chain(Broken))),
        }
    }
}

const OCTETS: &[u8] = b".a: b\r\n\r\n.\r\ntwo\r\n";

fn maildrop(is_broken: bool, is_there: bool) -> Maildrop {
    let source = Fake {
        octets: OCTETS,
        is_broken,
        is_there,
    };
    let message = Message::kept_in(Arc::new(source), OCTETS.len() as u64, "uid-one");
    Maildrop::new(vec![message, Message::new("in memory\r\n", "uid-two")])
}

#[test]
fn a_message_that_is_kept_elsewhere_is_served_as_one_in_memory() {
    let elsewhere = maildrop(false, true);
    let in_memory = Maildrop::new(vec![
        Message::new(OCTETS, "uid-one"),
        Message::new("in memory\r\n", "uid-two"),
    ]);
    let mut elsewhere = Talk::logged_in(&elsewhere);
    let mut in_memory = Talk::logged_in(&in_memory);
    for line in [
        "STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "TOP 1 1", "TOP 1 2", "TOP 1 9", "RETR 2",
        "DELE 1", "RETR 1", "TOP 1 1", "RSET", "RETR 1", "QUIT",
    ] {
        assert_eq!(elsewhere.say(line), in_memory.say(line), "{line}");
    }
}

#[test]
fn a_message_that_can_not_be_opened_is_refused_and_the_session_goes_on() {
    let mut talk = Talk::logged_in(&maildrop(false, false));
    for line in ["RETR 1", "TOP 1 0"] {
        assert_eq!(
            talk.say(line),
            "-ERR [SYS/TEMP] message 1 cannot be read: it was removed or changed since login, or the disk has failed"
        );
    }
    assert_eq!(talk.say("RETR 2"), "+OK 11 octets\nin memory\n.");
    assert_eq!(talk.say("LIST 1"), "+OK 1 17");
}

#[test]
fn a_message_that_breaks_off_has_no_end_and_nothing_comes_behind() {
    let maildrop = maildrop(true, true);
    let mut talk = Talk::logged_in(&maildrop);
    // The break is behind what is wanted.
    assert!(talk.say("TOP 1 1").ends_with("\n\n..\n."));
    talk.say("DELE 2");
    let reply = talk.send(b"RETR 1\r\nSTAT\r\nQUIT\r\n");
    assert_eq!(
        reply.escape_ascii().to_string(),
        b"+OK 17 octets\r\n..a: b\r\n\r\n..\r\ntwo\r\n"
            .escape_ascii()
            .to_string()
    );
    assert_eq!(talk.wish, Next::Close);
    assert_eq!(talk.send(b"STAT\r\n"), b"");
    assert_eq!(talk.model.summary().ending, Some(Ending::BrokenOff));
    drop(talk);
    let mut talk = Talk::logged_in(&maildrop);
    assert_eq!(talk.say("STAT"), "+OK 2 28", "nothing was deleted");
}
