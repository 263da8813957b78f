//! The certificate that is shown, and those of clients.

use sha2::{Digest, Sha256, Sha384};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::{
    BasicConstraints as Constraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};

use super::*;

#[test]
fn a_certificate_of_our_own_is_for_a_server_and_no_authority() {
    let names = ["pop.example.org", "192.0.2.7", "2001:db8::7"].map(str::to_owned);
    let made = ServerCertificate::SelfSigned(names.into());
    let (_, pem) = Acceptor::new(&made, None).unwrap();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let parsed = x509_cert::Certificate::from_der(&der).unwrap();
    let inner = parsed.tbs_certificate();
    assert_eq!(
        inner.subject().to_string(),
        "CN=pop.example.org,O=poptalk practice server"
    );
    assert_eq!(inner.subject(), inner.issuer());
    assert_eq!(
        parsed.signature_algorithm().oid.to_string(),
        "1.2.840.10045.4.3.2"
    );
    let validity = inner.validity();
    let days = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    assert_eq!(days, Duration::from_secs(365 * 86400));

    let (is_critical, constraints) = inner.get_extension::<Constraints>().unwrap().unwrap();
    assert!(is_critical && !constraints.ca);
    let (is_critical, usage) = inner.get_extension::<KeyUsage>().unwrap().unwrap();
    assert!(is_critical && usage.digital_signature() && !usage.key_cert_sign());
    let (_, purposes) = inner.get_extension::<ExtendedKeyUsage>().unwrap().unwrap();
    let purposes: Vec<String> = purposes.0.iter().map(ToString::to_string).collect();
    assert_eq!(purposes, ["1.3.6.1.5.5.7.3.1"]);
    let identifier = inner.get_extension::<SubjectKeyIdentifier>().unwrap();
    assert_eq!(identifier.unwrap().1.0.as_bytes().len(), 20);
    let (_, names) = inner.get_extension::<SubjectAltName>().unwrap().unwrap();
    let shown = format!("{:?}", names.0);
    assert_eq!(shown.matches("DnsName").count(), 1, "{shown}");
    assert_eq!(shown.matches("IpAddress").count(), 2, "{shown}");
}

#[test]
fn a_name_of_our_own_certificate_may_be_long_but_must_be_ascii() {
    let make = |name: String| Acceptor::new(&ServerCertificate::SelfSigned(vec![name]), None);
    let (_, pem) = make(format!("{}.example.org", "a".repeat(60))).unwrap();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    assert_eq!(credential::names(&der), [""; 0]);
    assert_eq!(
        make("bücher.example".to_owned()).err().unwrap(),
        "`bücher.example` is neither a host name nor an address"
    );
}

#[test]
fn what_is_wrong_with_a_given_certificate_or_key_is_said() {
    let (one, two) = (authority("one"), authority("two"));
    let big = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (pem, key) = (one.pem.as_str(), one.key_pem());
    let cut = pem.trim_end().trim_end_matches('-');
    let encrypted = encode("ENCRYPTED PRIVATE KEY", b"x");
    let unknown = encode("PRIVATE KEY", b"x");
    let other = encode("PRIVATE KEY", &big.serialize_der());
    let cases = [
        ("", key.as_str(), "it contains no certificate"),
        (&key, &key, "it contains no certificate"),
        (cut, &key, "it is not valid PEM"),
        (
            &encode("CERTIFICATE", b"x"),
            &key,
            "its first certificate is not valid X.509",
        ),
        (pem, "", "the file of the key contains no private key"),
        (pem, pem, "the file of the key contains no private key"),
        (
            pem,
            &key.replace("\n-----END", "!\n-----END"),
            "the key is not valid PEM",
        ),
        (
            pem,
            &encrypted,
            "the key is encrypted; `openssl pkey` decrypts it",
        ),
        (
            pem,
            &unknown,
            "this kind of key is not supported; RSA with 2048 to 4096 bits, EC with P-256 or P-384 and Ed25519 are",
        ),
        (
            pem,
            &two.key_pem(),
            "the key belongs to a different certificate",
        ),
        (pem, &other, "the key belongs to a different certificate"),
    ];
    for (certificate, key, why) in cases {
        let given = ServerCertificate::Given {
            certificate: certificate.as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
        };
        let told = Acceptor::new(&given, None).map(|_| ());
        assert_eq!(told, Err(why.to_owned()));
    }
    for (client_ca, why) in [
        ("", "it contains no certificate"),
        (cut, "it is not valid PEM"),
        (&encode("CERTIFICATE", b"x"), "it is not valid X.509"),
    ] {
        let told = Acceptor::new(&one.given(), Some(client_ca.as_bytes())).map(|_| ());
        let why = format!("the clients' authority cannot be used: {why}");
        assert_eq!(told, Err(why));
    }
}

#[test]
fn a_given_chain_is_sent_whole() {
    let root = authority("root");
    let leaf = make(&rcgen::PKCS_ECDSA_P384_SHA384, Some(&root), |_| ());
    let mut given = leaf.given();
    if let ServerCertificate::Given { certificate, .. } = &mut given {
        certificate.extend_from_slice(root.pem.as_bytes());
    }
    let (acceptor, pem) = Acceptor::new(&given, None).unwrap();
    assert_eq!(pem, format!("{}{}", leaf.pem, root.pem));
    let mut client = trusting(&root.pem);
    let _ = client.inside(&acceptor);
    assert_eq!(client.tls.peer_certificates().unwrap().len(), 2);
}

#[test]
fn the_end_point_is_the_hash_of_the_certificate_by_its_own_function() {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let (acceptor, pem) = own();
    assert_eq!(
        acceptor.end_point(),
        Some(Sha256::digest(der(&pem)).to_vec())
    );
    let longer = make(&rcgen::PKCS_ECDSA_P384_SHA384, None, |_| ());
    let wanted = Sha384::digest(der(&longer.pem)).to_vec();
    assert_eq!(longer.acceptor().end_point(), Some(wanted));
    // RFC 8446 has no hash function for it.
    let none = make(&rcgen::PKCS_ED25519, None, |_| ());
    assert_eq!(none.acceptor().end_point(), None);
}

#[test]
fn a_client_shows_a_certificate_of_its_authority_or_none() {
    let (root, stranger) = (authority("root"), authority("stranger"));
    let server = make(&rcgen::PKCS_ECDSA_P256_SHA256, None, |_| ());
    let client_ca = Some(root.pem.as_bytes());
    let (acceptor, _) = Acceptor::new(&server.given(), client_ca).unwrap();
    let names = ["alice".to_owned(), "wonder.alice".to_owned()];
    let cases = [
        (None, Ok(&[][..])),
        (Some(user(&root, |_| ())), Ok(&names[..])),
        (
            Some(user(&stranger, |_| ())),
            Err("the client's certificate was issued by a different authority"),
        ),
        (
            Some(user(&root, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
            Err("the client's certificate is not for clients of TLS"),
        ),
        (
            Some(user(&root, |params| {
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            })),
            Err("the client's certificate has expired"),
        ),
        (
            Some(user(&root, |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            })),
            Err("the client's certificate is that of an authority"),
        ),
    ];
    for (own, wanted) in cases {
        for version in BOTH {
            let mut client = Client::new(config(&server.pem, &[version], own.as_ref()));
            match (client.meet(&acceptor).0, &wanted) {
                (Ok(inside), Ok(names)) => assert_eq!(inside.client_names(), *names),
                (Err(why), Err(wanted)) => assert_eq!(why, *wanted),
                (Ok(_), Err(wanted)) => panic!("no failure: {wanted}"),
                (Err(why), Ok(_)) => panic!("{why}"),
            }
        }
    }
}
