//! What people paste of a terminal: other languages, prose around the session, lines left out,
//! failures, several sessions.

use super::*;

/// The transcripts of a text, without their heads.
fn made(format: Format, text: &str) -> Vec<String> {
    let source = Source {
        name: "x",
        octets: text.as_bytes(),
    };
    assert_eq!(Format::recognize(&source), Some(format), "{text}");
    let made = import(format, &[source], &Options::default()).unwrap();
    let body = |made: ImportedTranscript| {
        let text = String::from_utf8(made.text).unwrap();
        text.split_once("\n\n").unwrap().1.to_owned()
    };
    made.into_iter().map(body).collect()
}

fn one(format: Format, text: &str) -> String {
    let mut made = made(format, text);
    assert_eq!(made.len(), 1, "{text}");
    made.remove(0)
}

const LOGIN: &str = "+OK ready\nuser bob\n+OK\npass geheim12\n-ERR no\n";
const LOGIN_ROWS: &str = "S: +OK ready\nC: user bob\nS: +OK\nC: pass {{password}}\nS: -ERR no\n";

/// s_client with -starttls prints the greeting without its line end; then comes what was typed, or
/// a session ticket.
#[test]
fn the_greeting_that_s_client_glues_to_the_next_line() {
    let front = "$ openssl s_client -starttls pop3 -connect x:110\nCONNECTED(00000003)\n---\nNew, TLSv1.2, Cipher is X\n---\n";
    for (typed, rest, want) in [
        (
            "AUTH PLAIN AGJvYgBnZWhlaW0=",
            "+OK\n",
            "C: AUTH PLAIN {{response}}\nS: +OK\n",
        ),
        ("user bob", "+OK\n", "C: user bob\nS: +OK\n"),
        ("PASS geheim12", "-ERR\n", "C: PASS {{password}}\nS: -ERR\n"),
        ("quit", "+OK\n", "C: quit\nS: +OK\n"),
        (
            "---",
            "Post-Handshake New Session Ticket arrived:\nSSL-Session:\n    Resumption PSK: 97E761\n    0000 - 60 e2\n---\nread R BLOCK\nstat\n+OK 0 0\n",
            "C: stat\nS: +OK 0 0\n",
        ),
    ] {
        let log = format!("{front}+OK mail server r{typed}\n{rest}");
        let made = one(Format::SClient, &log);
        let want = format!("S: +OK mail server r{{{{..}}}}\n{want}");
        assert!(made.ends_with(&want), "{log}\n{made}");
        assert!(!made.contains("AGJv") && !made.contains("97E7"), "{made}");
        // `script` keeps a CR of the terminal's, and a second one of what the server sent.
        let crs = log.replace('\n', "\r\n").replace("+OK\r", "+OK\r\r");
        let made = one(
            Format::SClient,
            &crs.replace("-ERR\r", "-ERR\r\r")
                .replace("0 0\r", "0 0\r\r"),
        );
        assert!(made.ends_with(&want), "{crs}\n{made}");
    }
    let padded = format!("{front}+OK ready\n\0\0\0user bob\n+OK\n");
    assert!(one(Format::SClient, &padded).ends_with("S: +OK ready\nC: user bob\nS: +OK\n"));
}

#[test]
fn a_key_that_s_client_prints_among_data_is_left_out() {
    let log = "CONNECTED(00000003)\n---\n+OK ready\nretr 1\n+OK\nA: b\n    Resumption PSK: 97E761\n    Master-Key: 97E762\n.\n";
    let made = one(Format::SClient, log);
    assert!(!made.contains("97E7"), "{made}");
    assert!(
        made.ends_with("S: A: b\nS: {{...}}\nS: {{...}}\nS: .\n"),
        "{made}"
    );
}

#[test]
fn telnet_in_four_languages() {
    for (front, connected, end, closed) in [
        (
            "Trying 192.0.2.1...\nConnected to x.\nEscape character is '^]'.\n",
            "192.0.2.1",
            "Connection to x closed by foreign host.",
            "server",
        ),
        (
            "Verbindungsaufbau zu x...",
            "x",
            "Verbindung zu Host verloren.",
            "server",
        ),
        (
            "Essai de 192.0.2.1...\nConnecté à x.\n",
            "192.0.2.1",
            "Connexion fermée.",
            "client",
        ),
        (
            "Conectando a 192.0.2.1...\nConectado a x.\n",
            "192.0.2.1",
            "Conexión cerrada por el anfitrión remoto.",
            "server",
        ),
    ] {
        let log = format!("$ telnet x 110\n{front}\n{LOGIN}{end}\n$ ls\n");
        let made = made(Format::Telnet, &log).concat();
        let want = format!("* connected {connected}:110\n{LOGIN_ROWS}* closed by {closed}\n");
        assert_eq!(made, want, "{log}");
        // A console of Windows writes other octets for the same letters.
        let octets: Vec<u8> = log
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let source = Source {
            name: "x",
            octets: &octets,
        };
        let other = import(Format::Telnet, &[source], &Options::default()).unwrap();
        let other = String::from_utf8(other[0].text.clone()).unwrap();
        assert!(other.ends_with(&want), "{other}");
    }
}

#[test]
fn what_neither_side_said_is_prose() {
    for foreign in [
        "^C\n[alice@pc ~]$ exit\nexit",
        "Any ideas? I am sure it is right.\nRegards",
        "C:\\Users\\Bob>",
        "Mar  3 10:11:12 mx pop3d: LOGIN FAILED, user=jean",
    ] {
        let made = one(Format::Terminal, &format!("{LOGIN}\n{foreign}\n"));
        let prose: String = foreign.lines().map(|line| format!("# {line}\n")).collect();
        assert_eq!(made, format!("{LOGIN_ROWS}{}", prose.replace('\\', "\\\\")));
    }
    // A password that was typed before is hidden there, too; a verb that fits none is a line when a
    // reply follows.
    let log = format!(
        "{LOGIN}quti\n-ERR what\ngeheim12 works elsewhere, why not here?\npas geheim34\nDe x: geheim12\n"
    );
    let made = one(Format::Terminal, &log);
    assert!(
        made.contains("C: quti\nS: -ERR what\n# {{password}} works elsewhere"),
        "{made}"
    );
    assert!(!made.contains("geheim"), "{made}");
}

#[test]
fn after_the_reply_to_quit_comes_the_shell() {
    let made = one(
        Format::Terminal,
        "+OK\nquit\n+OK bye\nlist\nPASS geheim12\n$ ls\n",
    );
    assert_eq!(
        made,
        "S: +OK\nC: quit\nS: +OK bye\n# list\n# a line that may hold a secret was left out here\n"
    );
}

#[test]
fn lines_that_were_left_out_are_holes() {
    for mark in ["[snip]", "...", "[...]", "<snip>", "\u{2026}"] {
        let log =
            format!("+OK\nlist\n+OK\n1 5\n{mark}\nretr 1\n+OK\n{mark}\n.\n{mark}\nquit\n+OK\n");
        let made = one(Format::Terminal, &log);
        assert_eq!(
            made,
            "S: +OK\nC: list\nS: +OK\nS: 1 5\nS: {{...}}\nS: .\nC: retr 1\nS: +OK\nS: {{...}}\nS: .\nS: {{...}}\nC: {{...}}\nC: quit\nS: +OK\n",
            "{mark}"
        );
    }
}

#[test]
fn lines_that_a_console_padded_or_a_page_spaced() {
    let log = "+OK ready\nlist\n+OK\n1 5\n.\nretr 1\n+OK\nA: b\n\n.\nquit\n+OK\n";
    let want = one(Format::Terminal, log);
    assert!(want.contains("S: A: b\nS:\nS: .\nC: quit\n"), "{want}");
    let padded: String = log.lines().map(|line| format!("{line:<40}\n")).collect();
    assert_eq!(one(Format::Terminal, &padded), want);
    assert_eq!(one(Format::Terminal, &log.replace('\n', "\n\n")), want);
    assert_eq!(
        one(Format::Terminal, &log.replace('\n', "  \r\n\r\n")),
        want
    );
}

#[test]
fn two_sessions_in_one_paste_are_two_transcripts() {
    let front = "Trying 192.0.2.1...\nConnected to x.\nEscape character is '^]'.\n";
    let two = format!("{front}{LOGIN}then a second time:\n$ telnet x 110\n{front}{LOGIN}");
    let made = made(Format::Telnet, &two);
    assert_eq!(made.len(), 2, "{made:?}");
    assert_eq!(made[1], format!("* connected 192.0.2.1:110\n{LOGIN_ROWS}"));
    // A mail about telnet is one message.
    let mail = format!(
        "{front}+OK\nretr 1\n+OK\n{}\n.\nquit\n+OK\n",
        "Trying 192.0.2.1...\n".repeat(3) + &"it hangs\n".repeat(9)
    );
    assert_eq!(super::terminals::made(Format::Telnet, &mail).len(), 1);
    let s_client = format!(
        "CONNECTED(00000003)\n---\n{LOGIN}closed\n$ openssl s_client -connect x:995\nCONNECTED(00000003)\n---\n{LOGIN}"
    );
    assert_eq!(super::terminals::made(Format::SClient, &s_client).len(), 2);
}

#[test]
fn sessions_that_failed_are_transcripts() {
    for (format, log, want) in [
        (
            Format::Telnet,
            "Could not open connection to the host, on port 110: Connect failed\n",
            "* could not connect to port 110: connect failed\n",
        ),
        (
            Format::Telnet,
            "Verbindungsaufbau zu mail.example.de...Es konnte keine Verbindung mit dem Host hergestellt werden, auf Port 110: Verbinden fehlgeschlagen\n",
            "* could not connect to mail.example.de:110: verbinden fehlgeschlagen\n",
        ),
        (
            Format::Telnet,
            "Trying 192.0.2.1...\nConnected to 192.0.2.1.\nEscape character is '^]'.\nConnection closed by foreign host.\n",
            "* connected 192.0.2.1\n* closed by server\n",
        ),
        (
            Format::GnutlsCli,
            "Resolving 'x:995'...\nConnecting to '192.0.2.7:995'...\n- Status: The certificate is NOT trusted. The certificate issuer is unknown. \n*** Fatal error: Error in the certificate.\n",
            "* connected 192.0.2.7:995\n* tls failed: Error in the certificate (The certificate is NOT trusted. The certificate issuer is unknown)\n",
        ),
    ] {
        assert_eq!(one(format, log), want, "{log}");
    }
}

#[test]
fn gnutls_cli_that_did_stls_itself_shows_no_greeting() {
    let front = "$ gnutls-cli --starttls-proto=pop3 -p 110 x\nResolving 'x:110'...\n- Handshake was completed\n\n- Simple Client Mode:\n\n";
    let rest = "user bob\n+OK\n";
    let made = one(Format::GnutlsCli, &format!("{front}{rest}"));
    assert!(
        made.ends_with("S: {{...}}\nC: user bob\nS: +OK\n"),
        "{made}"
    );
    let piped = format!("{front}+OK\r\n+OK\r\n");
    let made = one(Format::GnutlsCli, &piped);
    assert!(
        made.ends_with("S: {{...}}\nC: {{...}}\nS: +OK\nC: {{...}}\nS: +OK\n"),
        "{made}"
    );
}

#[test]
fn the_progress_meter_of_curl_is_cut_off() {
    let row = "\r  0     0    0     0    0     0      0      0 --:--:--  0:00:01 --:--:--     0";
    let whole = "\r100  1234  100  1234    0     0  12.3k      0 --:--:--  0:00:01 --:--:-- 12.3k";
    let log = format!(
        "* Connected to x (192.0.2.1) port 110 (#0)\n{row}{row}< +OK ready\r\n{row}> LIST\r\n< +OK\r\n{whole}> QUIT\r\n< +OK\r\n"
    );
    let made = one(Format::Curl, &log);
    let want = "S: +OK ready\nC: LIST\nS: +OK\nS: {{...}}\nS: .\nC: QUIT\nS: +OK\n";
    assert!(made.ends_with(want), "{made}");
}

#[test]
fn a_command_after_a_lost_one_is_shown_once_the_login_was_seen() {
    let login = [
        (S, "+OK\r\n"),
        (C, "USER bob\r\n"),
        (S, "+OK\r\n"),
        (C, "PASS geheim12\r\n"),
        (S, "+OK\r\n"),
    ];
    let rest = [
        (C, "LIST\r\n"),
        (S, "+OK\r\n.\r\n"),
        (C, "RETR 1\r\n"),
        (S, "-ERR\r\n"),
    ];
    let talk = talk(&[&login[..], &rest].concat());
    let (whole, ends) = segments(&talk, 100);
    let without = |lost: usize| {
        let mut segments = whole.clone();
        segments.remove(lost);
        let file = writer::capture(Link::Ip, false, false, &segments, ends);
        import_one(Format::Pcap, "x", &file, &Options::default())
    };
    let text = without(5);
    assert!(text.contains(": RETR 1\n"), "{text}");
    let text = without(1);
    assert!(!text.contains("PASS") && !text.contains("geheim"), "{text}");
}

#[test]
fn a_capture_that_begins_later_says_so_by_holes() {
    let talk = talk(&[(S, "+OK\r\n"), (C, "RETR 1\r\n"), (S, "+OK\r\nx\r\n.\r\n")]);
    let (segments, ends) = segments(&talk, 100);
    let file = writer::capture(Link::Ip, false, false, &segments, ends);
    // Without the two packets of the handshake: each is a header of 16 octets and one of 40.
    let (head, packets) = file.split_at(24);
    let file = [head, &packets[2 * 56..]].concat();
    let text = import_one(Format::Pcap, "x", &file, &Options::default());
    assert!(
        text.contains("middle of the connection\nS@2: {{...}}\nC: {{...}}\nS"),
        "{text}"
    );
}

#[test]
fn a_message_that_quotes_a_session_is_one_message() {
    let front = "Trying 192.0.2.1...\nConnected to x.\nEscape character is '^]'.\n";
    let quoted = format!("{front}{LOGIN}Connection closed by foreign host.\n");
    let log = format!("{front}+OK\nretr 1\n+OK\n{quoted}.\nquit\n+OK bye\n");
    let made = one(Format::Telnet, &log);
    assert!(made.contains("S: Trying 192.0.2.1...\n"), "{made}");
    assert!(made.ends_with("S: .\nC: quit\nS: +OK bye\n"), "{made}");
}

#[test]
fn what_script_kept_as_typed_is_typed_whatever_the_server_answers() {
    let log = "Escape character is '^]'.\r\n+OK ready\r\r\nhelo\r\n500 what\r\r\nfoo bar baz qux\r\n-ERR\r\r\n";
    let made = one(Format::Telnet, log);
    let want = "S: +OK ready\nC: helo\nS: 500 what\nC: foo bar baz qux\nS: -ERR\n";
    assert_eq!(made, want);
}

#[test]
fn a_greeting_too_long_for_one_is_not_searched_for_commands() {
    let long = "PASS ".repeat(100_000);
    let log = format!("$ openssl s_client -starttls pop3\nCONNECTED(00000003)\n+OK {long}\n+OK\n");
    let made = one(Format::SClient, &log);
    assert!(!made.contains("{{..}}"));
    assert!(made.ends_with("C: {{...}}\nS: +OK\n"));
}

/// A line that is missing or strange at any place of a login, and no secret comes out.
#[test]
fn a_login_with_a_line_lost_or_added_stays_hidden() {
    let starttls = "$ openssl s_client -starttls pop3 -connect x:110\nCONNECTED(00000003)\n---\n";
    for (front, talk) in [
        (
            "",
            "+OK|AUTH LOGIN|+ VXNlcm5hbWU6|Ym9i|+ UGFzc3dvcmQ6|aHVudGVyMnNlY3JldA==|+OK|QUIT|+OK",
        ),
        (
            "",
            "+OK|AUTH PLAIN|+ |AGJvYgBodW50ZXIyc2VjcmV0|+OK|QUIT|+OK",
        ),
        (
            "",
            "+OK|user bob|+OK|pas hunter2secret|-ERR|pass hunter2secret|+OK|quit|+OK",
        ),
        (
            starttls,
            "+OK rAUTH PLAIN AGJvYgBodW50ZXIyc2VjcmV0|+OK|stat|+OK 0 0",
        ),
        (starttls, "+OK rpass hunter2secret|+OK|stat|+OK 0 0"),
    ] {
        let lines: Vec<&str> = talk.split('|').collect();
        for (at, lost) in (1..=lines.len()).flat_map(|at| [(at, 0), (at, 1)]) {
            let rest = lines.get(at + lost..).unwrap_or_default();
            for added in ["[Test] something else", "...", "", "^C", "exit"] {
                let talk = [&lines[..at], &[added], rest].concat().join("\n");
                let log = format!("{front}{talk}\n");
                let source = [Source {
                    name: "x",
                    octets: log.as_bytes(),
                }];
                let format = if front.is_empty() {
                    Format::Terminal
                } else {
                    Format::SClient
                };
                let Ok(made) = import(format, &source, &Options::default()) else {
                    continue;
                };
                let made: String = made
                    .iter()
                    .map(|made| String::from_utf8_lossy(&made.text))
                    .collect();
                for secret in ["aHVudGVyMnNl", "AGJvYgBo", "hunter2"] {
                    assert!(!made.contains(secret), "{log}\n{made}");
                }
            }
        }
    }
}
