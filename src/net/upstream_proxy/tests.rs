//! Proxies as they are, and as strangers would be.

use proptest::prelude::*;

use super::*;

fn secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(text.as_bytes().to_vec()))
}

fn target(host: &str) -> Target {
    Target {
        host: host.to_owned(),
        port: 995,
        is_tls: true,
    }
}

/// What a talk does with what the proxy says.
#[derive(Debug, PartialEq)]
enum End {
    Open,
    Fails(ProxyError),
    /// It waits for more.
    Waits,
}

/// Talks to a proxy that says all of `says`; returns what was sent, the end, and how much was not
/// read.
fn talk(url: &str, password: Option<&str>, host: &str, says: &[u8]) -> (Vec<Vec<u8>>, End, usize) {
    let proxy = parse(url, password.and_then(secret)).unwrap();
    let mut talk = match Negotiation::new(&proxy, &target(host)) {
        Ok(talk) => talk,
        Err(error) => return (Vec::new(), End::Fails(error), says.len()),
    };
    let is_secret =
        |shown: &str| password.is_some_and(|word| word.len() > 3 && shown.contains(word));
    assert!(!is_secret(&format!("{talk:?}")));
    let (mut sent, mut rest, mut got) = (Vec::new(), says, Vec::new());
    loop {
        match talk.next(&got) {
            Ok(ProxyStep::Send(octets)) => {
                sent.push(octets.to_vec());
                got.clear();
            }
            Ok(ProxyStep::Read(count)) => match rest.split_at_checked(count) {
                Some((read, after)) => {
                    got = read.to_vec();
                    rest = after;
                }
                None => return (sent, End::Waits, rest.len()),
            },
            Ok(ProxyStep::Open) => return (sent, End::Open, rest.len()),
            Err(error) => return (sent, End::Fails(error), rest.len()),
        }
    }
}

fn failure(url: &str, password: Option<&str>, says: &[u8]) -> ProxyError {
    match talk(url, password, "pop.example.org", says).1 {
        End::Fails(error) => error,
        other => panic!("{other:?} after {says:?}"),
    }
}

#[test]
fn a_proxy_is_a_url() {
    let read = |url: &str| parse(url, secret("geheim")).map(|proxy| proxy.to_string());
    for (url, meant) in [
        ("socks5://127.0.0.1:9050", "socks5://127.0.0.1:9050"),
        ("SOCKS5h://proxy.example/", "socks5://proxy.example:1080"),
        ("socks5://alice@[2001:db8::1]:1", "socks5://[2001:db8::1]:1"),
        (
            "http://al%40ice@proxy.example:3128",
            "http://proxy.example:3128",
        ),
        ("http://proxy.example:110", "http://proxy.example:110"),
    ] {
        assert_eq!(read(url), Ok(meant.to_owned()));
    }
    let proxy = parse("http://al%40ice@p:1", secret("geheim")).unwrap();
    assert_eq!(proxy.login.as_ref().unwrap().user, "al@ice");
    assert!(!format!("{proxy:?}").contains("geheim"), "{proxy:?}");
}

#[test]
fn what_is_no_proxy_is_told() {
    let read = |url: &str| parse(url, None).unwrap_err().what;
    for (url, told) in [
        (
            "proxy:1",
            "--proxy: it must start with `socks5://` or `http://`",
        ),
        ("ftp://p:1", "--proxy: unsupported scheme `ftp://`"),
        (
            "socks4a://p:1",
            "--proxy: only SOCKS version 5 is supported",
        ),
        ("http://p", "--proxy: no port after `p`"),
        ("http://p:x", "--proxy: `x` is not a port"),
        ("socks5://", "--proxy: no host"),
        ("http://p:1/x", "--proxy: nothing may follow the port"),
        ("http://alice@p:1", "no password for `alice` at the proxy"),
        ("http://a%zz@p:1", "--proxy: cannot decode the user name"),
        ("http://a%ff@p:1", "--proxy: cannot decode the user name"),
    ] {
        assert_eq!(read(url), told);
    }
    assert!(read("https://p:1").contains("TLS to the proxy"));
    let is_wrong = |url: &str, password: &str| parse(url, secret(password)).is_err();
    assert!(is_wrong("socks5://a@p:1", "") && is_wrong("socks5://a@p:1", &"x".repeat(256)));
    assert!(is_wrong("http://a%3ab@p:1", "x") && !is_wrong("http://a@p:1", ""));
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    for url in [
        "socks5://alice:geheim@p:1",
        "ftp://alice:geheim@p:1",
        "http://alice:@p:1",
    ] {
        let error = parse(url, secret("x")).unwrap_err();
        assert!(error.hint.contains(VARIABLE), "{error:?}");
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
    }
}

#[test]
fn socks_sends_the_name_and_leaves_the_greeting_alone() {
    let says = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34+OK ready\r\n";
    let (sent, end, rest) = talk("socks5://p", None, "pop.example.org", says);
    assert_eq!(
        sent,
        [
            b"\x05\x01\x00".to_vec(),
            b"\x05\x01\x00\x03\x0fpop.example.org\x03\xe3".to_vec()
        ]
    );
    assert_eq!((end, rest), (End::Open, 11));
    // The other kinds of addresses in the reply: a name, and IPv6.
    for address in [
        b"\x03\x02ab\x00\x01".to_vec(),
        [b"\x04".as_slice(), &[0; 18]].concat(),
    ] {
        let says = [b"\x05\x00\x05\x00\x00", address.as_slice(), b"+"].concat();
        let (_, end, rest) = talk("socks5://p", None, "pop.example.org", &says);
        assert_eq!((end, rest), (End::Open, 1));
    }
}

#[test]
fn socks_sends_an_address_as_an_address() {
    for (host, request) in [
        (
            "192.0.2.1",
            b"\x05\x01\x00\x01\xc0\x00\x02\x01\x03\xe3".to_vec(),
        ),
        (
            "::1",
            [b"\x05\x01\x00\x04".as_slice(), &[0; 15], b"\x01\x03\xe3"].concat(),
        ),
    ] {
        let (sent, end, _) = talk("socks5://p", None, host, b"\x05\x00");
        assert_eq!((sent.last(), end), (Some(&request), End::Waits));
    }
    let (sent, end, _) = talk("socks5://p", None, &"x".repeat(256), b"");
    assert!(sent.is_empty() && matches!(end, End::Fails(_)));
}

#[test]
fn socks_logs_in() {
    let (sent, end, rest) = talk(
        "socks5://alice@p",
        Some("geheim"),
        "h",
        b"\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0",
    );
    assert_eq!(sent[0], b"\x05\x02\x00\x02");
    assert_eq!(sent[1], b"\x01\x05alice\x06geheim");
    assert_eq!((end, rest), (End::Open, 0));
    let refused = failure("socks5://alice@p", Some("geheim"), b"\x05\x02\x01\x01");
    assert_eq!(
        refused.what,
        "the proxy rejected the user name or the password"
    );
    assert!(
        failure("socks5://p", None, b"\x05\xff")
            .what
            .contains("without a login")
    );
    assert!(
        failure("socks5://p", None, b"\x05\x02")
            .what
            .contains("requires a user")
    );
    assert!(
        failure("socks5://a@p", Some("x"), b"\x05\xff")
            .what
            .contains("method 255")
    );
    assert!(
        failure("socks5://p", None, b"\x05\x01")
            .what
            .contains("method 1")
    );
}

#[test]
fn each_socks_reply_has_its_sentence() {
    let mut seen = std::collections::BTreeSet::new();
    for code in 1..=9 {
        let error = failure("socks5://p", None, &[5, 0, 5, code, 0, 1]);
        assert!(
            error.what.contains(&format!("(SOCKS reply {code})")),
            "{error:?}"
        );
        assert!(error.is_about_target && !error.hint.is_empty());
        assert!(seen.insert(error.what));
    }
}

#[test]
fn strangers_are_recognised() {
    for (url, says, hint) in [
        (
            "socks5://p",
            b"HTTP/1.1 400 Bad\r\n\r\n".as_slice(),
            "try http://",
        ),
        ("http://p:1", b"\x05\xff", "try socks5://"),
        ("socks5://p", b"\x00\x5b\x00\x00", "SOCKS 4"),
        ("socks5://p", b"+OK ready\r\n", "POP3 server"),
        ("http://p:1", b"-ERR what\r\n", "check the host"),
        ("http://p:1", b"+OK ready\r\n", "POP3 server"),
        ("socks5://p", b"\x16\x03\x01", "TLS"),
        ("socks5://p", b"\x1b]0;x\x07", "check the host"),
        ("socks5://p", b"\x05\x00\x1b[2J", "check the host"),
        ("socks5://p", b"\x05\x00\x05\x00\x00\x09", "check the host"),
    ] {
        let error = failure(url, None, says);
        assert!(error.hint.contains(hint), "{says:?} {error:?}");
        assert!(!error.what.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn http_connects_and_leaves_the_greeting_alone() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 204\r\nContent-Length: 99\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\nVia: x\n\n",
    ] {
        let says = format!("{head}+OK ready\r\n");
        let (sent, end, rest) = talk("http://p:1", None, "2001:db8::1", says.as_bytes());
        let want = "CONNECT [2001:db8::1]:995 HTTP/1.1\r\nHost: [2001:db8::1]:995\r\n\r\n";
        assert_eq!(sent, [want.as_bytes()]);
        assert_eq!((end, rest), (End::Open, 11));
    }
}

#[test]
fn http_logs_in_by_basic_authentication() {
    let ok = b"HTTP/1.1 200 OK\r\n\r\n";
    // RFC 7617 §2: its own example.
    let (sent, end, _) = talk("http://Aladdin@p:1", Some("open sesame"), "h", ok);
    let sent = String::from_utf8(sent.concat()).unwrap();
    assert!(
        sent.contains("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        "{sent}"
    );
    assert_eq!(end, End::Open);
    let says = b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n";
    assert!(
        failure("http://p:1", None, says)
            .what
            .contains("requires a user")
    );
    let refused = failure("http://a@p:1", Some("geheim"), says);
    assert!(refused.what.contains("rejected the user") && !refused.is_about_target);
}

#[test]
fn each_http_status_has_its_sentence() {
    let mut seen = std::collections::BTreeSet::new();
    for code in [
        302, 400, 401, 403, 404, 405, 418, 429, 501, 502, 503, 504, 599,
    ] {
        let says = format!("HTTP/1.1 {code} Said \x1b[2Jso\r\n\r\n");
        let error = failure("http://p:1", None, says.as_bytes());
        assert!(
            error.what.contains(&format!("(HTTP {code} Said ^[[2Jso)")),
            "{error:?}"
        );
        assert!(error.is_about_target && !error.hint.is_empty());
        assert!(seen.insert(error.what));
    }
    for odd in [
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/1.1 +20 x\r\n\r\n",
        "HTTP/1.1  200\r\n\r\n",
    ] {
        assert!(
            matches!(
                talk("http://p:1", None, "h", odd.as_bytes()).1,
                End::Fails(_)
            ),
            "{odd:?}"
        );
    }
}

#[test]
fn a_proxy_that_repeats_the_password_is_not_quoted() {
    for said in ["no geheim here", "no YTpnZWhlaW0= here"] {
        let says = format!("HTTP/1.1 403 {said}\r\n\r\n");
        let error = failure("http://a@p:1", Some("geheim"), says.as_bytes());
        assert_eq!(
            error.what,
            "the proxy refused the connection: its rules forbid this connection (HTTP 403 (hidden))"
        );
    }
    let error = failure("socks5://a@p", Some("geheim"), b"\x05\x02\x01\x00geheim");
    assert!(!error.what.contains("ge"), "{error:?}");
}

#[test]
fn a_head_without_end_is_left() {
    let says = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 100_000]].concat();
    let (_, end, rest) = talk("http://p:1", None, "h", &says);
    assert!(matches!(end, End::Fails(_)));
    assert!(rest > 80_000, "{rest}");
}

#[test]
fn a_host_with_a_line_end_is_told_to_nobody() {
    for url in ["http://p:1", "socks5://p"] {
        for host in ["a\r\nX: y", "a b", "grüße.example", ""] {
            let (sent, end, _) = talk(url, None, host, b"");
            assert!(sent.is_empty() && matches!(end, End::Fails(_)), "{host:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(says in prop::collection::vec(any::<u8>(), 0..100), is_http: bool) {
        let (url, start) = if is_http { ("http://a@p:1", b"HTTP/1.1 ".as_slice()) } else { ("socks5://a@p", b"\x05".as_slice()) };
        for says in [says.clone(), [start, &says].concat()] {
            if let (_, End::Fails(error), _) = talk(url, Some("geheim"), "h", &says) {
                prop_assert!(!error.what.contains(char::is_control));
            }
        }
    }
}
