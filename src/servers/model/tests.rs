//! Conversations with the model, as octets.

mod auth;
mod sources;
mod wire;

use super::handlers::ROWS;
use super::*;
use crate::servers::{Message, messages};

const TIMESTAMP: &str = "<1896.697170952@pop.example.org>";

/// A session with the model, greeted already.
struct Talk {
    model: Model,
    wish: Next,
}

impl Talk {
    fn with(maildrop: &Maildrop, tls: TlsOffer) -> Self {
        let account = Arc::new(Account::practice());
        let mut model = Model::new(
            maildrop.clone(),
            account,
            tls,
            TIMESTAMP.to_owned(),
            [7; 32],
        );
        let mut out = vec![];
        assert_eq!(model.next(&mut out), Next::Again);
        assert_eq!(
            out,
            b"+OK poptalk practice server ready <1896.697170952@pop.example.org>\r\n"
        );
        Self {
            model,
            wish: Next::Again,
        }
    }

    fn new(maildrop: &Maildrop) -> Self {
        Self::with(maildrop, TlsOffer::Offered)
    }

    fn logged_in(maildrop: &Maildrop) -> Self {
        let mut talk = Self::new(maildrop);
        talk.say("USER alice");
        assert!(talk.say("PASS wonderland").starts_with("+OK"));
        talk
    }

    fn send(&mut self, octets: &[u8]) -> Vec<u8> {
        self.model.push(octets);
        let mut out = vec![];
        loop {
            self.wish = self.model.next(&mut out);
            if self.wish != Next::Again {
                return out;
            }
        }
    }

    /// Sends a line; the reply, with LF at its line ends.
    fn say(&mut self, line: &str) -> String {
        let reply = self.send(format!("{line}\r\n").as_bytes());
        assert!(reply.is_empty() || reply.ends_with(b"\r\n"));
        String::from_utf8_lossy(&reply)
            .replace("\r\n", "\n")
            .trim_end_matches('\n')
            .to_owned()
    }
}

fn small() -> Maildrop {
    Maildrop::new(vec![
        Message::new("a: b\r\n\r\none\r\ntwo\r\n", "uid-one"),
        Message::new(".a: b\r\n\r\n.\r\n", "uid-two"),
        Message::new("", "uid-three"),
    ])
}

fn practice() -> Maildrop {
    Maildrop::new(messages::practice())
}

/// Reads the data behind a status line as a client does.
fn data(reply: &[u8]) -> Vec<u8> {
    let start = memchr::memmem::find(reply, b"\r\n").unwrap() + 2;
    let mut rest = &reply[start..];
    let mut data = vec![];
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").unwrap() + 2;
        let (line, after) = rest.split_at(end);
        rest = after;
        if line == b".\r\n" {
            assert!(rest.is_empty(), "octets behind the end");
            return data;
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

#[test]
fn the_session_of_the_design_goes_as_it_says() {
    let maildrop = practice();
    let mut talk = Talk::new(&maildrop);
    assert_eq!(talk.say("user alice"), "+OK send PASS");
    let octets: u64 = messages::practice().iter().map(Message::size).sum();
    assert_eq!(
        talk.say("pass wonderland"),
        format!("+OK 9 messages ({octets} octets)")
    );
    assert_eq!(talk.say("dele 2"), "+OK message 2 deleted");
    let book = talk.say("retr 4");
    assert_eq!(book.lines().count(), 1 + 800 + 1);
    assert_eq!(talk.say("list 99"), "-ERR no such message");
    assert_eq!(talk.say("quit"), "+OK 8 messages left");
    assert_eq!(talk.wish, Next::Close);
    assert_eq!(
        talk.model.summary(),
        Summary {
            commands: 6,
            has_logged_in: true,
            failed_logins: 0,
            ending: Some(Ending::Updated {
                deleted: 1,
                left: 8
            })
        }
    );
    assert_eq!(maildrop.count(), 8);
}

#[test]
fn every_practice_message_arrives_octet_for_octet() {
    let maildrop = practice();
    let mut talk = Talk::logged_in(&maildrop);
    for (number, message) in (1..).zip(messages::practice()) {
        let reply = talk.send(format!("RETR {number}\r\n").as_bytes());
        let status = format!("+OK {} octets\r\n", message.size());
        assert!(reply.starts_with(status.as_bytes()));
        assert!(data(&reply) == message.octets(), "message {number}");
        let scan = format!("+OK {number} {}", message.size());
        assert_eq!(talk.say(&format!("LIST {number}")), scan);
        let top = data(&talk.send(format!("TOP {number} 0\r\n").as_bytes()));
        assert_eq!(top, message.octets()[..message.top(0)]);
    }
}

#[test]
fn a_command_in_the_wrong_state_is_refused_and_changes_nothing() {
    for (verb, _) in ROWS {
        let command = Command::named(verb).unwrap();
        let maildrop = small();
        let line = match *verb {
            "USER" | "PASS" | "RETR" | "DELE" => format!("{verb} 1"),
            "APOP" => "APOP alice 3850dc681bc4c6a1eef6158c08a4bf4a".to_owned(),
            "TOP" => "TOP 1 1".to_owned(),
            verb => verb.to_owned(),
        };
        if !command.states.authorization {
            let mut talk = Talk::new(&maildrop);
            assert_eq!(talk.say(&line), "-ERR log in first: USER, then PASS");
        }
        if !command.states.transaction {
            let mut talk = Talk::logged_in(&maildrop);
            assert!(
                talk.say(&line)
                    .starts_with("-ERR you are already logged in")
            );
            assert_eq!(talk.say("STAT"), "+OK 3 30");
        }
    }
}

#[test]
fn a_name_that_does_not_exist_is_answered_like_one_that_does() {
    let maildrop = small();
    let mut talk = Talk::new(&maildrop);
    assert_eq!(talk.say("USER nobody"), talk.say("USER alice"));
    talk.say("USER nobody");
    let refused = talk.say("PASS wonderland");
    assert_eq!(refused, "-ERR [AUTH] wrong name or password");
    talk.say("USER alice");
    assert_eq!(talk.say("PASS wrong"), refused);
    assert!(talk.say("USER \u{e9}").starts_with("+OK"));
    let reply = talk.send(b"USER \xff\r\n");
    assert!(reply.starts_with(b"-ERR"));
}

#[test]
fn pass_is_taken_right_behind_user_only() {
    let maildrop = small();
    let mut talk = Talk::new(&maildrop);
    for between in [
        "CAPA",
        "XFOO",
        "",
        "USER",
        "PASS",
        "STAT",
        "PASS wrong",
        "USER a b",
    ] {
        talk.say("USER alice");
        talk.say(between);
        let reply = talk.say("PASS wonderland");
        assert!(
            reply.starts_with("-ERR send USER first"),
            "`{between}` between"
        );
    }
    talk.say("USER alice");
    talk.send(&[b'A'; LONGEST_LINE]);
    assert!(talk.say("PASS wonderland").is_empty());
    assert!(talk.say("PASS wonderland").starts_with("-ERR send USER"));
}

#[test]
fn a_password_is_the_rest_of_the_line() {
    for password in [" two  spaces ", "", "p\u{e4}ssw\u{f6}rd", "a\tb "] {
        let account = Account {
            user: "bob".to_owned(),
            password: password.to_owned(),
            is_practice: false,
        };
        let mut model = Model::new(
            small(),
            Arc::new(account),
            TlsOffer::Unavailable,
            TIMESTAMP.to_owned(),
            [7; 32],
        );
        model.push(format!("USER bob\r\nPASS {password}\r\n").as_bytes());
        let mut out = vec![];
        while model.next(&mut out) == Next::Again {}
        assert!(model.summary().has_logged_in, "`{password}`");
    }
}

#[test]
fn an_account_does_not_show_its_password() {
    let shown = format!("{:?}", Account::practice());
    assert!(shown.contains("alice") && !shown.contains("wonderland"));
}

#[test]
fn apop_takes_the_digest_of_timestamp_and_password() {
    let maildrop = small();
    let mut talk = Talk::new(&maildrop);
    for wrong in [
        "APOP alice 00000000000000000000000000000000",
        "APOP alice 3850DC681BC4C6A1EEF6158C08A4BF4A",
        "APOP bob 3850dc681bc4c6a1eef6158c08a4bf4a",
    ] {
        assert_eq!(talk.say(wrong), "-ERR [AUTH] wrong name or password");
    }
    assert!(
        talk.say("APOP alice")
            .starts_with("-ERR the syntax is: APOP")
    );
    assert_eq!(
        talk.say("APOP alice 3850dc681bc4c6a1eef6158c08a4bf4a"),
        "+OK 3 messages (30 octets)"
    );
}

#[test]
fn second_session_gets_in_use() {
    let maildrop = small();
    let first = Talk::logged_in(&maildrop);
    let mut second = Talk::new(&maildrop);
    second.say("USER alice");
    assert!(second.say("PASS wrong").starts_with("-ERR [AUTH] "));
    second.say("USER alice");
    assert!(second.say("PASS wonderland").starts_with("-ERR [IN-USE] "));
    drop(first);
    second.say("USER alice");
    assert!(second.say("PASS wonderland").starts_with("+OK "));
}

#[test]
fn hanging_up_keeps_the_mail() {
    let maildrop = small();
    let mut talk = Talk::logged_in(&maildrop);
    talk.say("DELE 1");
    drop(talk);
    assert_eq!(Talk::logged_in(&maildrop).say("STAT"), "+OK 3 30");
}

#[test]
fn quit_before_the_login_updates_nothing() {
    let maildrop = small();
    let mut talk = Talk::new(&maildrop);
    assert_eq!(talk.say("QUIT"), "+OK bye");
    assert_eq!(talk.wish, Next::Close);
    assert_eq!(talk.model.summary().ending, Some(Ending::Quit));
    assert!(talk.say("NOOP").is_empty());
}

#[test]
fn the_next_session_may_begin_as_soon_as_quit_is_answered() {
    let maildrop = small();
    let mut first = Talk::logged_in(&maildrop);
    first.say("DELE 1");
    first.say("DELE 2");
    assert_eq!(first.say("QUIT"), "+OK 1 message left");
    let mut second = Talk::logged_in(&maildrop);
    assert_eq!(second.say("UIDL 1"), "+OK 1 uid-three");
}

#[test]
fn a_deleted_message_is_gone_until_rset() {
    let maildrop = small();
    let mut talk = Talk::logged_in(&maildrop);
    talk.say("DELE 2");
    for line in [
        "DELE 2", "RETR 2", "TOP 2 0", "LIST 2", "UIDL 2", "DELE 2", "dele 02",
    ] {
        assert!(talk.say(line).starts_with("-ERR message 2 is marked"));
    }
    assert_eq!(talk.say("STAT"), "+OK 2 18");
    assert_eq!(talk.say("LIST"), "+OK 2 messages (18 octets)\n1 18\n3 0\n.");
    assert_eq!(
        talk.say("UIDL"),
        "+OK unique-ids follow\n1 uid-one\n3 uid-three\n."
    );
    assert_eq!(talk.say("RSET"), "+OK 3 messages (30 octets)");
    assert_eq!(talk.say("LIST 2"), "+OK 2 12");
    assert_eq!(talk.say("QUIT"), "+OK 3 messages left");
}

#[test]
fn an_empty_maildrop_has_empty_listings() {
    let mut talk = Talk::logged_in(&Maildrop::default());
    assert_eq!(talk.say("STAT"), "+OK 0 0");
    assert_eq!(talk.say("LIST"), "+OK 0 messages (0 octets)\n.");
    assert_eq!(talk.say("UIDL"), "+OK unique-ids follow\n.");
    assert_eq!(talk.say("RETR 1"), "-ERR no such message");
}

#[test]
fn an_odd_number_is_refused() {
    let mut talk = Talk::logged_in(&small());
    for number in ["0", "4", "4294967297", "18446744073709551617", "00"] {
        for verb in ["LIST", "UIDL", "RETR", "DELE"] {
            assert_eq!(
                talk.say(&format!("{verb} {number}")),
                "-ERR no such message"
            );
        }
        assert_eq!(talk.say(&format!("TOP {number} 1")), "-ERR no such message");
    }
    for number in ["-1", "+1", "1abc", "one", "1.0", "0x1", "\u{661}", "1\t"] {
        let reply = talk.say(&format!("LIST {number}x"));
        assert_eq!(reply, "-ERR a number consists of digits only");
        assert!(talk.say(&format!("TOP 1 {number}x")).starts_with("-ERR"));
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_the_syntax() {
    let mut talk = Talk::logged_in(&small());
    for (line, syntax) in [
        ("RETR", "RETR msg"),
        ("RETR ", "RETR msg"),
        ("RETR 1 2", "RETR msg"),
        ("RETR  1", "RETR msg"),
        ("LIST 1 2", "LIST [msg]"),
        ("LIST  1", "LIST [msg]"),
        ("TOP 1", "TOP msg n"),
        ("TOP", "TOP msg n"),
        ("TOP 1  1", "TOP msg n"),
        ("TOP 2 0 10", "TOP msg n"),
        ("STAT x", "STAT"),
        ("NOOP x", "NOOP"),
        ("RSET x", "RSET"),
        ("CAPA x", "CAPA"),
        ("QUIT x", "QUIT"),
    ] {
        assert_eq!(talk.say(line), format!("-ERR the syntax is: {syntax}"));
    }
    assert_eq!(talk.wish, Next::Read);
}

#[test]
fn a_blank_at_the_end_is_no_argument() {
    let mut talk = Talk::logged_in(&small());
    assert_eq!(talk.say("LIST "), talk.say("LIST"));
    assert_eq!(talk.say("LIST 1  "), "+OK 1 18");
    assert_eq!(talk.say("STAT "), "+OK 3 30");
}

#[test]
fn an_unknown_word_is_refused_with_a_hint() {
    let mut talk = Talk::new(&small());
    for (line, hint) in [
        ("XFOO bar", "CAPA lists"),
        ("HELP", "HELP is not POP3"),
        ("?", "HELP is not POP3"),
        ("starttls", "the POP3 command is STLS"),
        ("AUTH NTLM", "no such mechanism"),
        (
            "AUTH PLAIN",
            "PLAIN would send the secret in cleartext; send STLS first",
        ),
        ("", "an empty line"),
        (" STAT", "the space before it"),
        ("LIST\t1", "CAPA lists"),
        ("QUIT\0", "CAPA lists"),
        ("+OK", "CAPA lists"),
    ] {
        let reply = talk.say(line);
        assert!(
            reply.starts_with("-ERR ") && reply.contains(hint),
            "{reply}"
        );
    }
    assert_eq!(talk.wish, Next::Read);
}

#[test]
fn top_brings_header_blank_line_and_lines_of_the_body() {
    let mut talk = Talk::logged_in(&small());
    let head = "+OK the top of message 1 follows\na: b\n\n";
    assert_eq!(talk.say("TOP 1 0"), format!("{head}."));
    assert_eq!(talk.say("TOP 1 1"), format!("{head}one\n."));
    assert_eq!(
        talk.say("top 1 99999999999999999999999"),
        format!("{head}one\ntwo\n.")
    );
    assert!(talk.say("TOP 2 1").ends_with("\n..a: b\n\n..\n."));
}

#[test]
fn stls_is_announced_where_it_is_permitted() {
    let maildrop = small();
    let mut clear = Talk::with(&maildrop, TlsOffer::Unavailable);
    let without = clear.say("CAPA");
    assert!(without.starts_with("+OK capabilities follow\nTOP\nUIDL\nUSER\n"));
    assert!(!without.contains("STLS") && !without.contains("PLAIN"));
    let with = without.replace("\n.", "\nSTLS\n.");
    let in_clear = "\nSASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 ANONYMOUS\n";
    let inside =
        "\nSASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2 ANONYMOUS\n";
    assert!(without.contains(in_clear), "{without}");

    let mut talk = Talk::new(&maildrop);
    assert_eq!(talk.say("capa"), with);
    assert_eq!(talk.say("STLS"), "+OK begin the TLS handshake");
    assert_eq!(talk.wish, Next::StartTls);
    talk.model.tls_started(Secured::default());
    assert_eq!(talk.say("CAPA"), without.replace(in_clear, inside));
    assert_eq!(talk.say("STLS"), "-ERR TLS is on already");
    drop(talk);

    let mut talk = Talk::logged_in(&maildrop);
    assert_eq!(
        talk.say("CAPA"),
        without.replace("LOGIN-DELAY 300 USER", "LOGIN-DELAY 0")
    );
    assert!(
        talk.say("STLS")
            .starts_with("-ERR you are already logged in")
    );
    assert_eq!(clear.say("STLS"), "-ERR this server has no TLS");
    let mut talk = Talk::new(&maildrop);
    assert!(talk.say("UTF8").starts_with("+OK"));
    assert_eq!(talk.say("CAPA"), without);
    assert_eq!(talk.say("STLS"), "-ERR STLS comes before UTF8");
}

#[test]
fn what_was_said_before_stls_is_forgotten() {
    let mut talk = Talk::new(&small());
    talk.say("LANG de");
    talk.say("USER alice");
    talk.say("STLS");
    talk.model.tls_started(Secured::default());
    let reply = talk.say("PASS wonderland");
    assert!(reply.starts_with("-ERR send USER first"), "{reply}");
}

#[test]
fn a_command_put_behind_stls_closes_the_session() {
    let mut talk = Talk::new(&small());
    let reply = talk.send(b"STLS\r\nUSER alice\r\nPASS wonderland\r\n");
    assert_eq!(reply.iter().filter(|octet| **octet == b'\n').count(), 1);
    assert!(reply.starts_with(b"-ERR data followed STLS"));
    assert_eq!(talk.wish, Next::Close);
    assert_eq!(talk.model.summary().ending, Some(Ending::Injected));
    let mut talk = Talk::new(&small());
    talk.send(b"STLS\r\nN");
    assert_eq!(talk.wish, Next::Close);
}

#[test]
fn what_is_pushed_before_the_handshake_is_never_used() {
    let mut talk = Talk::new(&small());
    talk.say("STLS");
    assert!(talk.say("CAPA").trim().is_empty() && talk.wish == Next::StartTls);
    talk.model.tls_started(Secured::default());
    assert_eq!(talk.say("NOOP"), "-ERR log in first: USER, then PASS");
}

#[test]
fn lang_changes_the_texts_and_not_the_status() {
    let mut talk = Talk::new(&small());
    assert_eq!(
        talk.say("LANG"),
        "+OK languages follow\nen English\nde Deutsch\n."
    );
    assert_eq!(
        talk.say("LANG fr"),
        "-ERR no such language; LANG alone lists them"
    );
    assert_eq!(
        talk.say("LANG de-AT"),
        "+OK de ab hier Deutsch, f\u{fc}r alle Antworten"
    );
    assert_eq!(
        talk.say("LANG tlh"),
        "-ERR keine solche Sprache; LANG allein z\u{e4}hlt sie auf"
    );
    talk.say("USER alice");
    assert_eq!(talk.say("PASS x"), "-ERR [AUTH] Name oder Passwort falsch");
    talk.say("USER alice");
    assert_eq!(
        talk.say("PASS wonderland"),
        "+OK 3 Nachrichten (30 Oktette)"
    );
    assert_eq!(talk.say("STAT"), "+OK 3 30");
    assert_eq!(talk.say("LANG *"), "+OK en English from here on");
    assert!(talk.say("LANG en de").starts_with("-ERR the syntax"));
}
