//! Lint comes back into step after octets that are not there, and one event is one finding.

use super::*;

/// Each finding above info: its rule and its row.
fn found(text: &str) -> Vec<(&'static str, usize)> {
    let mut found = judged(text.as_bytes());
    found.retain(|one| one.level > Level::Info);
    let place = |one: &Finding| (one.id, one.row.unwrap_or_default());
    found.iter().map(place).collect()
}

/// The same, of a session that is logged in over TLS; rows count from its first one.
fn logged_in(text: &str) -> Vec<(&'static str, usize)> {
    let login = "* connected 192.0.2.1:995\n* tls TLSv1.3 X verified CN=x\nS: +OK ready\nC: USER a\nS: +OK\n\
                 C: PASS {{password}}\nS: +OK\n";
    let found = found(&format!("{login}{text}"));
    found.iter().map(|(id, row)| (*id, row - 7)).collect()
}

const QUIT: &str = "C: QUIT\nS: +OK bye\n* closed by server\n";

#[test]
fn encrypted_rows_after_a_tls_row_are_no_finding() {
    let text = "* connected 192.0.2.1:110\nS: +OK ready\nC: STLS\nS: +OK begin\n* tls unknown\nC: {{...}}\nS: {{...}}\n\
                * closed by server\n";
    assert_eq!(found(text), []);
    let early = "* connected 192.0.2.1:110\nS: +OK ready\nC: STLS\nS: +OK begin\n* closed by server\n* tls unknown\n\
                 C: {{...}}\nS: {{...}}\n";
    assert_eq!(found(early), []);
    // Without the row, nobody can say that the octets were injected.
    let bare = "* connected 192.0.2.1:110\nS: +OK ready\nC: STLS\nS: +OK begin\nS: {{...}}\n* closed by server\n";
    assert_eq!(found(bare), []);
}

#[test]
fn a_refusal_in_place_of_the_handshake_is_no_injection() {
    let begin = "* connected 192.0.2.1:110\nS: +OK ready\nC: STLS\nS: +OK begin\n";
    let failed =
        "* tls failed: the server agreed to STLS and went on in clear\n* closed by client\n";
    let refused = format!("{begin}S: -ERR STARTTLS failed: Permission denied\n{failed}");
    assert_eq!(found(&refused), [("stls-ok-no-handshake", 6)]);
    let replies = format!("{begin}S: +OK logged in\n{failed}");
    assert!(found(&replies).contains(&("stls-response-injection", 5)));
    // What came together with the `+OK` was there before the server could fail.
    let early = "* injected 8 octets before the TLS handshake\nS: -ERR x\n";
    let early = format!("{begin}{early}* closed by client\n");
    assert_eq!(found(&early), [("stls-response-injection", 6)]);
    // The client sent CAPA after STLS, so the refusal may be its reply.
    let asked = early.replace("C: STLS\n", "C: STLS\nC: CAPA\n");
    assert!(
        !found(&asked)
            .iter()
            .any(|(id, _)| *id == "stls-response-injection")
    );
}

#[test]
fn a_gap_may_hold_the_end_of_a_reply() {
    for gap in [
        "S: 2 ab\\-\nS: {{...}}\n",
        "S: {{...}}\n",
        "S: {{...}}\nS: b\nS: .\n",
        "S: {{...}}\nS: .\n",
    ] {
        for reply in ["", "S: +OK\n", "S: +OK\nS: 1 abc\n"] {
            let mail = "C: RETR 1\nS: +OK\nS: a: b\nS:\nS: cc\nS: .\n";
            let text = format!("C: UIDL\n{reply}{gap}{mail}{QUIT}");
            assert_eq!(logged_in(&text), [], "{text}");
            let text = format!("C: RETR 1\n{reply}{gap}C: STAT\nS: +OK 8 800\n{QUIT}");
            assert_eq!(logged_in(&text), [], "{text}");
            assert_eq!(
                logged_in(&format!("C: CAPA\n{reply}{gap}* closed by server\n")),
                []
            );
        }
    }
}

#[test]
fn a_gap_may_hold_replies_and_commands() {
    let text = format!(
        "C: LIST\nS: +OK\nS: 1 1\\-\nS: {{{{...}}}}\nC: {{{{...}}}}\nS: ext\nS: .\nC: XYZ\nS: oops\n{QUIT}"
    );
    assert_eq!(logged_in(&text), []);
    // The login is in the gap.
    let text = format!(
        "* connected 192.0.2.1:110\nS: +OK ready\nC: {{{{...}}}}\nS: {{{{...}}}}\nC: STAT\nS: +OK 1 2\n{QUIT}"
    );
    assert_eq!(found(&text), []);
    // The challenge is in the gap: a response is no command.
    let text = format!(
        "* connected 127.0.0.1:110\nS: +OK ready\nC: AUTH LOGIN\nS: {{{{...}}}}\nC: YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: eA==\nS: +OK\nC: STAT\nS: +OK 1 2\n{QUIT}"
    );
    assert_eq!(found(&text), []);
}

#[test]
fn after_a_gap_faults_are_found_again() {
    let text = format!("C: UIDL\nS: +OK\nS: {{{{...}}}}\nC: NOOP\nS: +ok\nC: NOOP\nS: +ok\n{QUIT}");
    // The first reply is no status line: it may be some of the listing.
    assert_eq!(logged_in(&text), []);
    let text =
        format!("C: UIDL\nS: +OK\nS: {{{{...}}}}\nC: STAT\nS: +OK 1 2\nC: NOOP\nS: +ok\n{QUIT}");
    assert_eq!(logged_in(&text), [("status-lowercase", 7)]);
    let text = "C: DELE 1\nS: {{...}}\nC: NOOP\nS: +OK\nC: STAT\n* closed by server\n";
    assert_eq!(logged_in(text), [("closed-before-reply", 5)]);
}

#[test]
fn a_recording_may_begin_in_the_middle() {
    for text in [
        "S: K ready\nC: STAT\nS: +OK 2 3\nC: LIST\nS: +OK\nS: 1 1\nS: 2 2\nS: .\n",
        "S: 2 200\nS: .\nC: STAT\nS: +OK 2 3\n",
        "S: +OK 2 messages\nS: 1 120\nS: 2 200\nS: .\nC: RETR 1\nS: +OK\nS: a: b\nS:\nS: .\n",
        "S: +OK logged in\nC: STAT\nS: +OK 2 3\n",
        "S: -ERR no such message\nC: STAT\nS: +OK 2 3\n",
        "S: +OK send PASS\nC: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK 2 3\n",
        "C: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK 2 3\n",
    ] {
        assert_eq!(found(&format!("{text}{QUIT}")), [], "{text}");
    }
    // A greeting of another protocol is one, wherever it stands.
    let text =
        "S: * OK IMAP4rev1 ready\nC: CAPA\nS: CAPA BAD unknown\nC: QUIT\nS: QUIT BAD unknown\n";
    assert_eq!(found(text), [("greeting-wrong-protocol", 1)]);
}

#[test]
fn the_client_spoke_first_and_no_greeting_came() {
    let text = format!(
        "* connected 127.0.0.1:110\nC: CAPA\nS: +OK Capability list follows\nS: USER\nS: TOP\nS: .\n{QUIT}"
    );
    assert_eq!(
        found(&text),
        [("client-before-greeting", 2), ("no-greeting", 3)]
    );
    let text = format!(
        "* connected 127.0.0.1:110\nC: USER a\nS: +OK\nC: PASS {{{{password}}}}\nS: +OK\nC: STAT\nS: +OK 2 3\nC: LIST\nS: +OK\nS: 1 1\nS: 2 2\nS: .\n{QUIT}"
    );
    assert_eq!(
        found(&text),
        [("client-before-greeting", 2), ("no-greeting", 3)]
    );
    // The greeting came late.
    let text =
        format!("* connected 127.0.0.1:110\nC: CAPA\nS: +OK ready\nS: +OK\nS: USER\nS: .\n{QUIT}");
    assert_eq!(found(&text), [("client-before-greeting", 2)]);
    let text = format!(
        "* connected 127.0.0.1:110\nC: USER a\nS: +OK ready\nC: PASS {{{{password}}}}\nS: +OK send PASS\nS: +OK logged in\nC: STAT\nS: +OK 2 3\n{QUIT}"
    );
    assert_eq!(found(&text), [("client-before-greeting", 2)]);
}

#[test]
fn no_greeting_and_no_reply_are_one_event() {
    let text = "* connected 127.0.0.1:110\nC: CAPA\n* closed by server\n";
    assert_eq!(
        found(text),
        [("client-before-greeting", 2), ("no-greeting", 3)]
    );
}

#[test]
fn a_status_line_in_a_listing_is_the_reply_to_the_next_command() {
    for (list, lines) in [
        ("LIST", "S: 1 120\nS: 2 200\n"),
        ("UIDL", "S: 1 a\nS: 2 b\n"),
        ("CAPA", "S: TOP\nS: UIDL\n"),
    ] {
        for (next, reply) in [
            ("RETR 1", "S: +OK 12 octets\nS: a: b\nS:\nS: cc\nS: .\n"),
            ("NOOP", "S: +OK\n"),
            ("DELE 9", "S: -ERR no such message\n"),
        ] {
            let text = format!("C: {list}\nS: +OK\n{lines}C: {next}\n{reply}{QUIT}");
            assert_eq!(logged_in(&text), [("missing-terminator", 2)], "{text}");
            // Sent together.
            let text = format!("C: {list}\nC: {next}\nS: +OK\n{lines}{reply}{QUIT}");
            assert_eq!(logged_in(&text), [("missing-terminator", 3)], "{text}");
        }
    }
    // Nothing was asked: the line is a bad one of the listing.
    assert_eq!(
        logged_in(&format!("C: LIST\nS: +OK\nS: 1 120\nS: +OK\nS: .\n{QUIT}")),
        [("list-malformed", 4)]
    );
}

#[test]
fn a_message_may_have_lines_like_status_lines() {
    let text = format!(
        "C: RETR 1\nC: NOOP\nS: +OK\nS: a: b\nS:\nS: +OK not a reply\nS: .\nS: +OK\n{QUIT}"
    );
    assert_eq!(logged_in(&text), []);
    // The server fell silent, answered one command more, and closed.
    let text = format!("C: RETR 1\nS: +OK\nS: a: b\nS:\nS: cc\n{QUIT}");
    assert_eq!(logged_in(&text), [("missing-terminator", 7)]);
    let text = "C: RETR 1\nS: +OK\nS: a: b\nS:\nS: cc\n* closed by server\n";
    assert_eq!(logged_in(text), [("connection-cut-mid-reply", 2)]);
}

#[test]
fn ok_in_place_of_a_challenge_is_one_event() {
    for rest in [
        "C: STAT\nS: -ERR Command is not valid in this state.\nC: QUIT\nS: +OK\n",
        "C: TlRMTVNTUAAB\nS: + TlRMTVNTUAAC\nC: TlRMTVNTUAAD\nS: +OK\nC: STAT\nS: +OK 1 2\n",
        "C: TlRMTVNTUAAB\nS: -ERR unknown command\n* closed by server\n",
        "C: STAT\n* closed by server\n",
        "* closed by server\n",
    ] {
        let text = format!("S: +OK ready\nC: AUTH NTLM\nS: +OK\n{rest}");
        assert_eq!(found(&text), [("sasl-ok-as-challenge", 3)], "{text}");
    }
}

#[test]
fn a_greeting_of_another_protocol_is_one_event() {
    for (greeting, answer) in [
        ("* OK IMAP4rev1 ready", "BAD unknown"),
        ("220 mx.example.org ESMTP", "500 unknown"),
        ("SSH-2.0-OpenSSH_9", "Invalid SSH identification"),
    ] {
        for end in [
            "* closed by server\n",
            "* connection lost: reset\n",
            "* timeout after 3 s\n",
            "* closed by client\n",
        ] {
            let text = format!(
                "* connected 127.0.0.1:110\nS: {greeting}\nC: CAPA\nS: {answer}\nC: NOOP\nS: {answer}\nS: more\nC: QUIT\n{end}"
            );
            assert_eq!(found(&text), [("greeting-wrong-protocol", 2)], "{text}");
        }
    }
}

#[test]
fn a_line_of_uidl_begins_with_a_number_and_has_an_id() {
    let listing = |line: &str| logged_in(&format!("C: UIDL\nS: +OK\nS: {line}\nS: .\n{QUIT}"));
    for line in ["abc def", "1x def", "-1 abc", "abc", "+OK"] {
        assert_eq!(listing(line), [("uidl-malformed", 3)], "{line}");
    }
    for line in ["1", "1 \\s", "1\\s"] {
        assert!(listing(line).contains(&("uidl-without-id", 3)), "{line}");
        assert!(
            !listing(line)
                .iter()
                .any(|(id, _)| *id == "uidl-illegal-chars"),
            "{line}"
        );
    }
    assert_eq!(
        logged_in(&format!("C: UIDL 1\nS: +OK 1\n{QUIT}")),
        [("uidl-without-id", 2)]
    );
    assert_eq!(
        logged_in(&format!("C: UIDL 1\nS: +OK abc\n{QUIT}")),
        [("uidl-n-format", 2)]
    );
    let scan = |line: &str| logged_in(&format!("C: LIST\nS: +OK\nS: {line}\nS: .\n{QUIT}"));
    for line in ["abc def", "1x 20", "1"] {
        assert_eq!(scan(line), [("list-malformed", 3)], "{line}");
    }
}

#[test]
fn a_client_uses_what_capa_does_not_list() {
    let before = "* connected 127.0.0.1:1995\nS: +OK ready\nC: CAPA\nS: +OK\nS: TOP\nS: SASL PLAIN\nS: USER\nS: .\n";
    for verb in ["STLS", "UTF8", "LANG", "LANG de"] {
        let text = format!(
            "{before}C: {verb}\nS: -ERR Command is not valid in this state.\n* closed by client\n"
        );
        assert_eq!(found(&text), [("client-command-unannounced", 9)], "{verb}");
    }
    // UIDL is older than CAPA, and a list of before the login need not be that of after it.
    let login = "C: USER a\nS: +OK\nC: PASS {{password}}\nS: +OK\n";
    let text = format!("{before}{login}C: UIDL\nS: +OK\nS: .\nC: LANG\nS: -ERR no\n{QUIT}");
    assert_eq!(found(&text), []);
    let tls = "C: STLS\nS: +OK\n* tls TLSv1.3 X verified CN=x\n";
    let first =
        "* connected 127.0.0.1:110\nS: +OK ready\nC: CAPA\nS: +OK\nS: STLS\nS: USER\nS: .\n";
    let text = format!("{first}{tls}C: UTF8\nS: +OK\n{login}{QUIT}");
    assert_eq!(found(&text), []);
    let text =
        format!("{first}{tls}C: CAPA\nS: +OK\nS: USER\nS: .\nC: UTF8\nS: -ERR no\n{login}{QUIT}");
    assert_eq!(found(&text), [("client-command-unannounced", 15)]);
}

#[test]
fn closing_after_a_refusal_is_one_event() {
    for verb in [
        "CAPA",
        "STLS",
        "UTF8",
        "LANG",
        "AUTH",
        "AUTH SCRAM-SHA-256",
        "XCLIENT ADDR=192.0.2.7",
    ] {
        let before = format!(
            "* connected 192.0.2.1:995\n* tls TLSv1.3 X verified CN=x\nS: +OK ready\nC: {verb}\nS: -ERR unknown command\n"
        );
        for (rest, row) in [
            ("* closed by server\n", 6),
            ("* connection lost: reset\n", 6),
            ("C: USER a\n* closed by server\n", 6),
            ("C: QUIT\n* closed by server\n", 6),
        ] {
            let mut ids = found(&format!("{before}{rest}"));
            ids.retain(|(id, _)| !id.starts_with("client-"));
            assert_eq!(ids, [("closed-after-refusal", row)], "{verb} {rest}");
        }
        let mut ids = found(&format!("{before}* closed by client\n"));
        ids.retain(|(id, _)| !id.starts_with("client-"));
        assert_eq!(ids, [], "{verb}");
    }
    // Credentials were refused: that is another matter.
    let text = "* connected 127.0.0.1:110\nS: +OK ready\nC: AUTH PLAIN {{response}}\nS: -ERR no\n* closed by server\n";
    assert_eq!(found(text), []);
}

#[test]
fn a_server_may_close_where_a_command_comes_right_after_stls() {
    let text = "S: +OK ready\nC: STLS\nC: NOOP\nS: -ERR not now\n* closed by server\n";
    assert_eq!(found(text), [("client-pipelined-behind-stls", 3)]);
}

#[test]
fn a_gap_in_a_listing_before_login_may_hold_the_login() {
    for verb in ["CAPA", "LANG", "AUTH"] {
        let text = format!(
            "* connected 127.0.0.1:110\nS: +OK ready\nC: {verb}\nS: +OK\nS: TOP\nS: {{{{...}}}}\n\
             C: STAT\nS: +OK 1 10\nC: RETR 1\nS: +OK\nS: x: y\nS: .\n"
        );
        let mut ids = found(&text);
        ids.retain(|(id, _)| !matches!(*id, "message-without-blank-line" | "size-list-vs-retr"));
        assert_eq!(ids, [], "{verb}");
    }
}

/// Many rows of a listing are read at once; a status line among them ends the listing.
#[test]
fn a_row_after_a_status_line_inside_a_listing_has_its_own_place() {
    let text = "* connected 192.0.2.1:110\nS: +OK ready\nC: RETR 2\nS: +OK 145 octets\nS: From: Bob\nS: +OK\n\
                C: LIST\nS: +OK\nS: 1 120\nS: To: alice\nS: .\nC: NOOP\nS: +OK still here\nC: DELE 3\n\
                S: +OK message 3 d\nS: 2:200\nS: .\nC: QUIT\nS: +OK bye\n";
    let found = found(text);
    assert!(found.contains(&("status-missing", 16)), "{found:?}");
}

/// Rows of a reply that belongs to an earlier command come in one read, and are looked at one by
/// one: each has its own place.
#[test]
fn rows_read_at_once_are_found_where_rows_read_singly_are() {
    let shifted = "* connected 192.0.2.1:110\nS: +OK ready\nC: USER alice\nS: +OK\nC: PASS {{password}}\nS: +OK\n\
                C: TOP 1 0\nS: +OK the top follows\nS: From: Bob\nS: Subject:\n* connected 192.0.2.1:110\n\
                S: +OK ready\nC: CAPA\nS: +OK capabilities follow\nS: TOP\nS: LOGIN-DELAY 300  one\nS:\n\
                S: .\nC: TOP 1 1\nS: +OK the top follows\nS: From: Bob\nS: To: alice\nS: Date: today\n\
                S: Subject: one\nS:\nS: A line.\nS: .\nC: QUIT\nS: +OK bye\n";
    let mut texts = vec![shifted.to_owned()];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts/faults");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "pop3"));
    paths.sort();
    for path in paths.iter().step_by(5) {
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        for part in 1..4 {
            let mut rows = rows.clone();
            rows.remove(rows.len() * part / 4);
            texts.push(rows.join("\n") + "\n");
        }
    }
    for text in texts {
        let judge = |capacity| {
            let input = std::io::BufReader::with_capacity(capacity, text.as_bytes());
            judge(&mut Reader::new(input), Lint::new()).unwrap()
        };
        assert_eq!(judge(1 << 13), judge(7), "{text}");
    }
}
