//! TLS on the practice server: by STLS, from the first octet, and what is refused.

use openssl::ssl::{
    ShutdownState, SslConnector, SslConnectorBuilder, SslMethod, SslStream, SslVersion,
};
use openssl::x509::X509;

use super::*;

/// A client's settings that trust the server's certificate and nothing else.
fn trusting(served: &Served) -> SslConnectorBuilder {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    let pem = served.serving.certificate_pem();
    let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
    store
        .add_cert(X509::from_pem(pem.as_bytes()).unwrap())
        .unwrap();
    builder.set_verify_cert_store(store.build()).unwrap();
    builder
}

fn handshake(served: &Served, stream: TcpStream) -> Client<SslStream<TcpStream>> {
    Client::new(
        trusting(served)
            .build()
            .connect("localhost", stream)
            .unwrap(),
    )
}

fn with_tls() -> Served {
    Served::with(ServeOptions {
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        maildrop: Maildrop::new(vec![Message::new("one\r\n", "one")]),
        ..ServeOptions::default()
    })
}

/// Says QUIT and sees close_notify before the end.
fn quit(mut client: Client<SslStream<TcpStream>>) {
    assert_eq!(client.say("QUIT"), "+OK 1 message left");
    assert_eq!(client.rest(), "");
    let state = client.0.get_mut().get_shutdown();
    assert!(state.contains(ShutdownState::RECEIVED), "no close_notify");
}

#[test]
fn stls_switches_in_place_and_forgets() {
    let served = with_tls();
    let mut client = served.client();
    client.say("CAPA");
    assert!(
        String::from_utf8(client.data())
            .unwrap()
            .contains("STLS\r\n")
    );
    client.say("USER alice");
    assert!(client.say("STLS").starts_with("+OK"));
    let mut client = handshake(&served, client.0.into_inner());
    assert!(
        client
            .say("PASS wonderland")
            .starts_with("-ERR send USER first")
    );
    client.say("CAPA");
    assert!(!String::from_utf8(client.data()).unwrap().contains("STLS"));
    assert_eq!(client.say("STLS"), "-ERR TLS is on already");
    client.log_in();
    quit(client);
    let event = served.event();
    assert!(event.tls.unwrap().starts_with("TLSv1.3 TLS_"));
    assert_eq!(event.outcome, VisitOutcome::Ended);
}

#[test]
fn tls_from_the_first_octet_in_both_versions() {
    let served = with_tls();
    for (version, name) in [
        (SslVersion::TLS1_2, "TLSv1.2 "),
        (SslVersion::TLS1_3, "TLSv1.3 "),
    ] {
        for host in ["localhost", "127.0.0.1"] {
            let mut builder = trusting(&served);
            builder.set_max_proto_version(Some(version)).unwrap();
            builder.set_alpn_protos(b"\x04pop3").unwrap();
            let stream = connect(served.serving.tls_address().unwrap());
            let stream = builder.build().connect(host, stream).unwrap();
            assert_eq!(stream.ssl().selected_alpn_protocol(), Some(&b"pop3"[..]));
            let mut client = Client::new(stream);
            assert!(
                client
                    .line()
                    .starts_with("+OK poptalk practice server ready <")
            );
            client.log_in();
            quit(client);
            let event = served.event();
            assert!(event.tls.unwrap().starts_with(name));
        }
    }
}

#[test]
fn tls_older_than_1_2_is_refused() {
    let served = with_tls();
    let mut builder = trusting(&served);
    builder.set_security_level(0);
    builder.set_min_proto_version(None).unwrap();
    builder
        .set_max_proto_version(Some(SslVersion::TLS1_1))
        .unwrap();
    let stream = connect(served.serving.tls_address().unwrap());
    let error = builder.build().connect("localhost", stream).unwrap_err();
    assert!(error.to_string().contains("protocol version"), "{error}");
    let why = "the client offers neither TLS 1.2 nor TLS 1.3".to_owned();
    assert_eq!(served.event().outcome, VisitOutcome::TlsFailed(why));
}

#[test]
fn commands_behind_stls_in_clear_close_the_connection() {
    let served = with_tls();
    let mut client = served.client();
    client.send("STLS\r\nUSER alice\r\nPASS wonderland\r\n");
    let rest = client.rest();
    assert!(rest.starts_with("-ERR data followed STLS"));
    assert_eq!(rest.lines().count(), 1);
    assert_eq!(served.event().summary.ending, Some(Ending::Injected));
}

#[test]
fn clear_text_behind_stls_is_no_handshake() {
    let served = with_tls();
    let mut client = served.client();
    assert!(client.say("STLS").starts_with("+OK"));
    client.send("USER alice\r\nPASS wonderland\r\n");
    assert!(!client.rest().contains("+OK"));
    assert!(matches!(served.event().outcome, VisitOutcome::TlsFailed(_)));
}

#[test]
fn who_does_not_trust_the_certificate_gets_no_further() {
    let served = with_tls();
    let stream = connect(served.serving.tls_address().unwrap());
    let builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    assert!(builder.build().connect("localhost", stream).is_err());
    let why = "the client does not trust the certificate (alert unknown_ca)".to_owned();
    assert_eq!(served.event().outcome, VisitOutcome::TlsFailed(why));
}

#[test]
fn clear_text_on_the_port_for_tls_ends_that_connection_only() {
    let served = with_tls();
    let mut client = Client::new(connect(served.serving.tls_address().unwrap()));
    client.send("USER alice\r\n");
    assert!(!client.rest().contains("+OK"));
    let why = "the client sent something that is not TLS".to_owned();
    assert_eq!(served.event().outcome, VisitOutcome::TlsFailed(why));
    served.client().log_in();
}

#[test]
fn a_silent_client_inside_tls_is_logged_out_without_a_word() {
    let served = Served::with(ServeOptions {
        autologout: Duration::from_secs(3),
        ..ServeOptions::default()
    });
    let mut client = served.client();
    assert!(client.say("STLS").starts_with("+OK"));
    let mut client = handshake(&served, client.0.into_inner());
    assert_eq!(client.rest(), "");
    assert_eq!(served.event().outcome, VisitOutcome::TimedOut);
}

/// A certificate of X.509 version 1 that is signed by its own key.
fn self_signed(
    key: &openssl::pkey::PKey<openssl::pkey::Private>,
    hash: openssl::hash::MessageDigest,
) -> X509 {
    let mut builder = X509::builder().unwrap();
    let mut name = openssl::x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "pop.example.org").unwrap();
    let name = name.build();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    let days = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(2)).unwrap();
    builder.sign(key, hash).unwrap();
    builder.build()
}

#[test]
fn a_given_certificate_is_the_one_that_is_shown() {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;

    let rsa = Rsa::generate(2048).unwrap();
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let ec = EcKey::generate(&group).unwrap();
    let pkcs1 = rsa.private_key_to_pem().unwrap();
    let sec1 = ec.private_key_to_pem().unwrap();
    let (rsa, ec) = (PKey::from_rsa(rsa).unwrap(), PKey::from_ec_key(ec).unwrap());
    let ed = PKey::generate_ed25519().unwrap();
    let pkcs8 = |key: &PKey<_>| key.private_key_to_pem_pkcs8().unwrap();
    let (sha256, none) = (MessageDigest::sha256(), MessageDigest::null());
    let cases = [
        (&rsa, pkcs8(&rsa), sha256),
        (&rsa, pkcs1, MessageDigest::sha1()),
        (&ec, pkcs8(&ec), sha256),
        (&ec, sec1, sha256),
        (&ed, pkcs8(&ed), none),
    ];
    for (key, key_pem, hash) in cases {
        let pem = self_signed(key, hash).to_pem().unwrap();
        let given = |key| ServeOptions {
            tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            certificate: ServerCertificate::Given {
                certificate: pem.clone(),
                key,
            },
            ..ServeOptions::default()
        };
        let served = Served::with(given(key_pem));
        assert_eq!(served.serving.certificate_pem().as_bytes(), pem);
        let stream = connect(served.serving.tls_address().unwrap());
        let mut builder = trusting(&served);
        builder.set_security_level(0);
        let stream = builder.build().connect("pop.example.org", stream).unwrap();
        let shown = stream.ssl().peer_certificate().unwrap();
        assert_eq!(shown.to_pem().unwrap(), pem);

        let other = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let error = Server::start(given(pkcs8(&other)), |_| ()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot use this certificate for TLS: the key belongs to a different certificate"
        );
    }
}

#[test]
fn a_key_that_is_too_weak_is_refused() {
    let rsa = openssl::rsa::Rsa::generate(1024).unwrap();
    let key = openssl::pkey::PKey::from_rsa(rsa).unwrap();
    let hash = openssl::hash::MessageDigest::sha256();
    let options = ServeOptions {
        certificate: ServerCertificate::Given {
            certificate: self_signed(&key, hash).to_pem().unwrap(),
            key: key.private_key_to_pem_pkcs8().unwrap(),
        },
        ..ServeOptions::default()
    };
    let error = Server::start(options, |_| ()).err().unwrap().to_string();
    assert!(error.contains("RSA with 2048 to 4096 bits"), "{error}");
}
