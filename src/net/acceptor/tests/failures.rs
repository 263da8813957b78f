//! What is said of a handshake that fails, to us and to the client.

use rustls::client::WebPkiServerVerifier;

use super::*;

#[test]
fn the_client_learns_by_an_alert_why_it_is_refused() {
    // RFC 8446 §6: content type, version, length, fatal, the alert.
    let alert = |number| [0x15, 3, 3, 0, 2, 2, number];
    let (acceptor, _) = own();
    // RFC 5246 §7.4.1.2, as a client of TLS 1.1 sends it: without extensions, and with
    // signature_algorithms.
    let hello = |extensions: &[u8]| {
        let length = 41 + u8::try_from(extensions.len()).unwrap();
        let mut hello = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length, 3, 2];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x09, 1, 0]);
        hello.extend(extensions);
        hello
    };
    let (bare, newer) = (hello(b""), hello(b"\0\x08\0\x0d\0\x04\0\x02\x04\x03"));
    let too_old = "the client offers neither TLS 1.2 nor TLS 1.3";
    let cases: [(&[u8], u8, &str); 4] = [
        (
            b"USER alice\r\n",
            50,
            "the client sent something that is not TLS",
        ),
        (
            b"\x16\x03\x01\0\x04\x01\0\0\0",
            50,
            "the client sent a malformed TLS message",
        ),
        (&bare, 70, too_old),
        (&newer, 70, too_old),
    ];
    for (octets, number, why) in cases {
        let wire = Wire::new();
        wire.0.borrow_mut().to_server.extend(octets);
        let Handshake::Failed(told) = acceptor.begin(wire.clone()) else {
            panic!("no failure: {why}");
        };
        assert_eq!(told, why);
        assert_eq!(wire.0.borrow().to_client, alert(number), "{why}");
    }
}

#[test]
fn why_a_client_breaks_off_is_said() {
    let (acceptor, pem) = own();
    let stranger = authority("stranger");
    for version in BOTH {
        let mut client = Client::new(config(&stranger.pem, &[version], None));
        assert_eq!(
            client.failure(&acceptor),
            "the client does not trust the certificate (alert unknown_ca)"
        );
    }

    let mut client = Client::new(config(&pem, &[&TLS12], None));
    client.go();
    let Handshake::Waiting(half) = acceptor.begin(client.way.clone()) else {
        panic!("the handshake does not wait");
    };
    let alert = b"\x15\x03\x03\0\x02\x02\x28";
    client.way.0.borrow_mut().to_server.extend(alert);
    let Handshake::Failed(why) = half.go_on() else {
        panic!("the handshake does not fail");
    };
    assert_eq!(
        why,
        "the client does not accept the cipher or the key (alert handshake_failure)"
    );

    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| {
        let name = suite.suite().as_str().unwrap();
        name.starts_with("TLS_ECDHE_RSA")
    });
    let provider = Arc::new(provider);
    let roots = Arc::new(roots(&pem));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_webpki_verifier(verifier.build().unwrap())
        .with_no_client_auth();
    assert_eq!(
        Client::new(config).failure(&acceptor),
        "the client offers no cipher that we have"
    );

    let mut client = trusting(&pem);
    client.way.0.borrow_mut().is_closed = true;
    assert_eq!(
        client.failure(&acceptor),
        "the client closed the connection"
    );
}

#[test]
fn what_came_before_a_broken_record_is_still_read() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    let mut inside = client.inside(&acceptor);
    client.tls.writer().write_all(b"NOOP\r\n").unwrap();
    client.go();
    let broken = [0x17, 3, 3, 0, 20].into_iter().chain([0; 20]);
    client.way.0.borrow_mut().to_server.extend(broken);
    let mut got = [0; 6];
    inside.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"NOOP\r\n");
    let error = inside.read(&mut got).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a TLS record of the client cannot be decrypted"
    );
    // The alert has been sent.
    assert!(!client.way.0.borrow().to_client.is_empty());
}

#[test]
fn alerts_have_the_names_of_the_rfc() {
    for (number, name) in [
        (48, "unknown_ca"),
        (42, "bad_certificate"),
        (70, "protocol_version"),
        (20, "bad_record_mac"),
        (200, "200"),
    ] {
        assert_eq!(reason::name(number.into()), name);
    }
}
