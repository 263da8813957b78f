//! A recording goes through mail, a forum or PowerShell, is cut, or has lines of others in it: it
//! is imported anyway.

use super::*;

/// The texts among the samples; a rawlog and a capture are not pasted.
fn texts() -> Vec<(Format, String)> {
    let samples = samples().into_iter();
    let texts = samples.filter(|(format, _)| !matches!(format, Format::Rawlog | Format::Pcap));
    texts
        .filter(|(_, octets)| octets.len() < 20_000)
        .filter_map(|(format, octets)| Some((format, String::from_utf8(octets).ok()?)))
        .collect()
}

/// What an import makes of a text, by itself and by `auto`; without the head, which names what is
/// missing.
fn bodies(format: Format, octets: &[u8]) -> Result<Vec<String>, String> {
    let source = [Source { name: "x", octets }];
    let made =
        import(format, &source, &Options::default()).map_err(|problem| problem.to_string())?;
    let body = |made: ImportedTranscript| {
        let text = String::from_utf8(made.text).unwrap();
        let (_, body) = text.split_once("\n\n").unwrap();
        body.to_owned()
    };
    Ok(made.into_iter().map(body).collect())
}

/// The rows and events, and not the times.
fn rows(bodies: &[String]) -> Vec<String> {
    let lines = bodies.iter().flat_map(|body| body.lines());
    let rows = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(str::to_owned).collect()
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    text.lines()
        .map(|line| change(line) + "\n")
        .collect::<String>()
        .into_bytes()
}

/// The ways in which a whole text is wrapped.
fn wrapped(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let wide = |order: fn(u16) -> [u8; 2], mark: &[u8]| {
        let units = text.encode_utf16().flat_map(order);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    vec![
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        ),
        ("UTF-16, little-endian", wide(u16::to_le_bytes, b"\xff\xfe")),
        ("UTF-16, big-endian", wide(u16::to_be_bytes, b"\xfe\xff")),
        ("a quotation", each_line(text, |line| format!("> {line}"))),
        (
            "a quotation of a quotation",
            each_line(text, |line| format!("> > {line}")),
        ),
        (
            "a quotation with an answer around it",
            [
                b"On Monday Alice wrote:\n",
                each_line(text, |line| format!("> {line}")).as_slice(),
                b"What is it?\n",
            ]
            .concat(),
        ),
        ("four spaces", each_line(text, |line| format!("    {line}"))),
        ("a tab", each_line(text, |line| format!("\t{line}"))),
        (
            "a fence",
            format!("I tried this:\n\n```text\n{text}\n```\nIt fails.\n").into_bytes(),
        ),
        (
            "a fence in a quotation",
            each_line(&format!("```\n{text}\n```"), |line| format!("> {line}")),
        ),
    ]
}

#[test]
fn a_text_is_imported_however_it_is_wrapped() {
    for (format, text) in texts() {
        let Ok(plain) = bodies(format, text.as_bytes()) else {
            panic!("{format:?}")
        };
        let has_status = text.contains("+OK") || text.contains("-ERR");
        for (how, octets) in wrapped(&text) {
            let is_wide = how.starts_with("UTF") || how.starts_with("a byte");
            // Without a status line nothing shows what the wrapping is.
            if !has_status && !is_wide {
                continue;
            }
            // CRs are part of the form of a terminal; in quotations they are still there.
            let source = Source {
                name: "x",
                octets: &octets,
            };
            assert_eq!(Format::recognize(&source), Some(format), "{how}: {text}");
            let found = bodies(format, &octets)
                .unwrap_or_else(|error| panic!("{format:?}, {how}: {error}\n{text}"));
            let has_cr = text.contains('\r');
            if has_cr && !is_wide {
                // `lines` takes the CR of a line off.
                assert!(!rows(&found).is_empty(), "{format:?}, {how}");
            } else {
                assert_eq!(rows(&found), rows(&plain), "{format:?}, {how}");
            }
        }
    }
}

#[test]
fn crlf_of_the_file_changes_no_row() {
    for (format, text) in texts().into_iter().filter(|(_, text)| !text.contains('\r')) {
        let crlf = text.replace('\n', "\r\n");
        let (plain, found) = (
            bodies(format, text.as_bytes()),
            bodies(format, crlf.as_bytes()),
        );
        assert_eq!(
            rows(&found.unwrap()),
            rows(&plain.unwrap()),
            "{format:?}\n{text}"
        );
    }
}

#[test]
fn a_text_that_is_cut_at_any_line_is_imported_or_refused() {
    for (format, text) in texts() {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let ends: Vec<usize> = ends.collect();
        for at in ends.iter().step_by(1 + ends.len() / 40) {
            let (start, rest) = text.split_at(*at);
            harmless(format, start.as_bytes());
            harmless(format, rest.as_bytes());
        }
    }
}

#[test]
fn lines_of_an_application_become_prose() {
    let foreign = "[Test] something else happened";
    for (format, text) in texts() {
        let plain = rows(&bodies(format, text.as_bytes()).unwrap());
        let around = format!("{foreign}\n{text}");
        let found = bodies(format, around.as_bytes());
        assert_eq!(rows(&found.unwrap()), plain, "{format:?}\n{around}");
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        for at in ends.iter().step_by(1 + ends.len() / 40) {
            let (start, rest) = text.split_at(*at);
            let between = format!("{start}{foreign}\n{rest}");
            harmless(format, between.as_bytes());
            // Where no mark says who sent a line, a foreign one can't be told from a typed one or
            // data.
            let is_marked = !matches!(
                format,
                Format::SClient
                    | Format::Telnet
                    | Format::GnutlsCli
                    | Format::Terminal
                    | Format::Javamail
                    | Format::Indy
                    | Format::Arrows
                    | Format::Curl
            );
            if is_marked {
                let found = bodies(format, between.as_bytes()).unwrap();
                assert_eq!(rows(&found), plain, "{format:?}\n{between}");
            }
        }
    }
}

#[test]
fn a_password_in_a_line_of_the_application_is_hidden() {
    let log = "Login of alice/geheim12\npassword: geheim12\nConnected to pop://192.0.2.1:110/\nS: +OK\nC: PASS geheim12\nS: +OK\nsaid geheim12\n";
    let made = bodies(Format::Mailkit, log.as_bytes()).unwrap().concat();
    assert!(!made.contains("geheim"), "{made}");
    assert!(
        made.contains(
            "# Login of alice/{{password}}\n# a line that may hold a secret was left out here\n"
        ),
        "{made}"
    );
}

#[test]
fn a_log_of_another_protocol_is_named() {
    for (format, log, want) in [
        (
            Format::SClient,
            "CONNECTED(00000003)\n---\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n---\n220 mail.example.org ESMTP\nEHLO x\n",
            "SMTP",
        ),
        (
            Format::SClient,
            "CONNECTED(00000003)\n---\n250 CHUNKING\nquit\n",
            "SMTP",
        ),
        (
            Format::SClient,
            "CONNECTED(00000003)\n---\n* OK IMAP4rev1 ready\na login x y\n",
            "IMAP",
        ),
        (
            Format::Telnet,
            "Trying 192.0.2.1...\nConnected to 192.0.2.1.\nEscape character is '^]'.\n* OK IMAP4rev1\n",
            "IMAP",
        ),
        (
            Format::Mailkit,
            "Connected to pop://192.0.2.1:25/\nS: 220 mail.example.org\nC: CAPA\n",
            "SMTP",
        ),
        (
            Format::NetPop3,
            "Net::SMTP=GLOB(0x1a)<<< 220 mail.example.org ESMTP\nNet::SMTP=GLOB(0x1a)>>> EHLO x\n",
            "SMTP",
        ),
    ] {
        let error = bodies(format, log.as_bytes()).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    let source = |octets| Source { name: "x", octets };
    let other = |octets| other_protocol(&source(octets)).map(|service| service.name);
    assert!(
        other(b"S: 220 mail.example.org ESMTP\nC: EHLO x\n")
            .unwrap()
            .contains("SMTP")
    );
    assert!(other(b"<- * OK IMAP4rev1\n").unwrap().contains("IMAP"));
    assert_eq!(other(b"nothing\n"), None);
}

#[test]
fn s_client_says_how_it_failed() {
    let handshake = "CONNECTED(00000003)\n---\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n    Verify return code: 0 (ok)\n---\n";
    let error = bodies(Format::SClient, handshake.as_bytes()).unwrap_err();
    assert!(error.contains("TLS was set up, but no line"), "{error}");
    let none = bodies(Format::SClient, b"CONNECTED(00000003)\n").unwrap_err();
    assert!(none.contains("no greeting"), "{none}");
    let plain = "CONNECTED(00000003)\n140735:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:ssl/record/ssl3_record.c:332:\n---\nno peer certificate available\n---\nNew, (NONE), Cipher is (NONE)\n---\n";
    let made = bodies(Format::SClient, plain.as_bytes()).unwrap();
    assert_eq!(rows(&made), ["* tls failed: wrong version number"]);
}

#[test]
fn the_shapes_of_s_client_through_the_years() {
    for (log, tls) in [
        (
            "CONNECTED(00000003)\ndepth=0 CN = x\nverify error:num=18:self signed certificate\nverify return:1\n+OK\nquit\n+OK\nread:errno=0\n",
            "* tls unknown",
        ),
        (
            "CONNECTED(00000003)\n---\nNew, TLSv1/SSLv3, Cipher is DHE-RSA-AES256-SHA\nSSL-Session:\n    Protocol  : TLSv1\n    Cipher    : DHE-RSA-AES256-SHA\n    Verify return code: 21 (unable to verify the first certificate)\n---\n+OK\nquit\n+OK\nread:errno=0\n",
            "* tls TLSv1 DHE-RSA-AES256-SHA unverified (21 (unable to verify the first certificate))",
        ),
        (
            "Connecting to 192.0.2.1\nCONNECTION ESTABLISHED\nProtocol version: TLSv1.3\nCiphersuite: TLS_AES_256_GCM_SHA384\nPeer certificate: CN=x\nVerification: OK\n+OK\nquit\n+OK\nclosed\n",
            "* tls TLSv1.3 TLS_AES_256_GCM_SHA384 verified CN=x",
        ),
        (
            "[08:40:12] CONNECTED(00000003)\n[08:40:12] +OK\n[08:40:13] quit\n[08:40:13] +OK\n[08:40:13] closed\n",
            "* tls unknown",
        ),
    ] {
        let made = rows(&bodies(Format::SClient, log.as_bytes()).unwrap());
        assert_eq!(made.first().map(String::as_str), Some(tls), "{made:?}");
        assert_eq!(
            made.last().map(String::as_str),
            Some("* closed by server"),
            "{made:?}"
        );
        let said = made.iter().filter(|row| row.starts_with(['C', 'S']));
        assert_eq!(said.count(), 3, "{made:?}");
    }
}

#[test]
fn the_marks_of_any_log_can_be_given() {
    let log = "2026-11-23 08:40:12.000 conn7 <<< +OK\n2026-11-23 08:40:12.250 conn7 >>> PASS geheim12\nnoise\n2026-11-23 08:40:13.000 conn7 <<< +OK\n";
    let patterns = Patterns::new(
        r"^(?P<t>\S+ \S+) (?P<id>\w+) >>> (.*)$",
        r"^(?P<t>\S+ \S+) (?P<id>\w+) <<< (?P<line>.*)$",
    )
    .unwrap();
    let source = [Source {
        name: "x",
        octets: log.as_bytes(),
    }];
    let made = import_lines(&patterns, &source, &Options::default()).unwrap();
    let text = String::from_utf8(made[0].text.clone()).unwrap();
    assert!(
        text.ends_with("\n\nS: +OK\nC@250: PASS {{password}}\n# noise\nS@750: +OK\n"),
        "{text}"
    );
    for wrong in ["(", "^x$", "^(a)(b)$", "a{99999}{99999}(x)"] {
        assert!(Patterns::new(wrong, "^(.*)$").is_err(), "{wrong}");
    }
}

/// Where no mark says who sent a line, a `+` inside AUTH is the server's, and the line after it is
/// a response.
///
/// `talk` has a line a row, its side in front. No octet of `secrets` may be in what was made.
fn reads_an_unmarked_copy(talk: &[&str], secrets: &[&str]) {
    const S_CLIENT: &str =
        "CONNECTED(00000003)\n---\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n---\n";
    const TELNET: &str =
        "Trying 192.0.2.1...\nConnected to 192.0.2.1.\nEscape character is '^]'.\n";
    const GNUTLS: &str = "- Handshake was completed\n\n- Simple Client Mode:\n\n";
    let sides = |line: &str| line.starts_with(['C', 'S']).then(|| line[..1].to_owned());
    let want: String = talk.iter().copied().filter_map(sides).collect();
    let lines: Vec<&str> = talk.iter().filter_map(|line| line.get(3..)).collect();
    read_as(Format::Terminal, "", &lines, &want, secrets);
    read_as(Format::SClient, S_CLIENT, &lines, &want, secrets);
    read_as(Format::Telnet, TELNET, &lines, &want, secrets);
    read_as(Format::GnutlsCli, GNUTLS, &lines, &want, secrets);
}

fn read_as(format: Format, front: &str, lines: &[&str], want: &str, secrets: &[&str]) {
    let copy = front.to_owned() + &lines.join("\n") + "\n";
    let made = bodies(format, copy.as_bytes()).unwrap().concat();
    let sides = |line: &str| line.starts_with(['C', 'S']).then(|| line[..1].to_owned());
    let found: String = made.lines().filter_map(sides).collect();
    assert!(found.ends_with(want), "{format:?}, {lines:?}\n{made}");
    assert!(!made.contains("malformed"), "{format:?}\n{made}");
    for secret in secrets {
        assert!(!made.contains(secret), "{format:?}\n{made}");
    }
}

#[test]
fn challenges_of_login_in_a_copy() {
    let talk = "S: +OK|C: AUTH LOGIN|S: + VXNlcm5hbWU6|C: Ym9i|S: + UGFzc3dvcmQ6|C: aHVudGVyMnNlY3JldA==|S: +OK|C: QUIT|S: +OK";
    let talk: Vec<&str> = talk.split('|').collect();
    reads_an_unmarked_copy(&talk, &["aHVudGVyMnNlY3JldA"]);
}

#[test]
fn a_challenge_of_cram_md5_in_a_copy() {
    let talk = "S: +OK|C: auth cram-md5|S: + PDE4OTYuNjk3QHg+|C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw|S: +OK|C: STAT|S: +OK 0 0";
    let talk: Vec<&str> = talk.split('|').collect();
    reads_an_unmarked_copy(&talk, &["dGltIGI5MTNhNjAy"]);
}

#[test]
fn an_empty_challenge_in_a_copy_with_and_without_its_space() {
    for challenge in ["S: +", "S: + "] {
        let talk = format!(
            "S: +OK|C: AUTH PLAIN|{challenge}|C: AGJvYgBodW50ZXIyc2VjcmV0|S: +OK|C: LIST|S: +OK|S: 1 5|S: .|C: QUIT|S: +OK"
        );
        let talk: Vec<&str> = talk.split('|').collect();
        reads_an_unmarked_copy(&talk, &["AGJvYgBodW50ZXIy"]);
    }
}

#[test]
fn an_exchange_that_is_cancelled_in_a_copy() {
    let talk = "S: +OK|C: AUTH LOGIN|S: + VXNlcm5hbWU6|C: Ym9i|S: + UGFzc3dvcmQ6|C: *|S: -ERR|C: QUIT|S: +OK";
    let talk: Vec<&str> = talk.split('|').collect();
    reads_an_unmarked_copy(&talk, &[]);
}

#[test]
fn several_mechanisms_tried_in_a_copy() {
    let talk = "S: +OK|C: AUTH LOGIN|S: -ERR|C: AUTH PLAIN|S: +|C: AGJvYgBodW50ZXIxd3Jvbmc=|S: -ERR|C: AUTH PLAIN|S: +|C: AGJvYgBodW50ZXIyc2VjcmV0|S: +OK|C: QUIT|S: +OK";
    let talk: Vec<&str> = talk.split('|').collect();
    reads_an_unmarked_copy(&talk, &["AGJvYgBodW50ZXIx", "AGJvYgBodW50ZXIy"]);
}

#[test]
fn an_initial_response_that_was_not_enough_in_a_copy() {
    let talk = "S: +OK|C: AUTH LOGIN Ym9i|S: + UGFzc3dvcmQ6|C: aHVudGVyMnNlY3JldA==|S: -ERR|C: USER bob|S: +OK";
    let talk: Vec<&str> = talk.split('|').collect();
    reads_an_unmarked_copy(&talk, &["aHVudGVyMnNlY3JldA"]);
}

#[test]
fn arrows_and_names_mark_the_sides() {
    for (client, server) in [
        ("-> ", "<- "),
        (">> ", "<< "),
        (">>> ", "<<< "),
        ("=> ", "<= "),
        // A server's log: what it sent has the arrow that points away.
        ("<- ", "-> "),
        ("client> ", "server> "),
        ("Client: ", "Server: "),
        ("[client] ", "[server] "),
    ] {
        let log = format!(
            "{server}+OK ready\n{client}USER bob\n{server}+OK\n{client}PASS geheim12\n{server}+OK\n{client}STAT\n{server}+OK 0 0\n"
        );
        let source = Source {
            name: "x",
            octets: log.as_bytes(),
        };
        assert_eq!(Format::recognize(&source), Some(Format::Arrows), "{log}");
        let made = rows(&bodies(Format::Arrows, log.as_bytes()).unwrap()).join("\n");
        let want =
            "S: +OK ready\nC: USER bob\nS: +OK\nC: PASS {{password}}\nS: +OK\nC: STAT\nS: +OK 0 0";
        assert!(made.ends_with(want), "{made}");
    }
}
