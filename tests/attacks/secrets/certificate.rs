//! A server that knows the password shows it in its certificate.

use std::net::SocketAddr;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Name};
use poptalk::modes::serve::{ServeOptions, Server};
use poptalk::net::server_certificate::ServerCertificate;
use poptalk::servers::Account;

use crate::support::{Home, text};

const SECRET: &str = "Zq7marked-secret";

/// A server whose certificate has the password as its name.
fn server() -> Server {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", SECRET).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let days = |days| Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(2)).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let options = ServeOptions {
        account: Account {
            password: SECRET.into(),
            ..Account::practice()
        },
        tls_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        certificate: ServerCertificate::Given {
            certificate: builder.build().to_pem().unwrap(),
            key: key.private_key_to_pem_pkcs8().unwrap(),
        },
        ..ServeOptions::default()
    };
    Server::start(options, |_| {}).unwrap()
}

#[test]
fn a_password_in_the_name_of_a_certificate_is_hidden() {
    let server = server();
    let address = server.tls_address().unwrap().to_string();
    let home = Home::new();
    let log = home.path().join("log.pop3");
    let args = [&address, "--tls", "--insecure", "-u", "alice", "--login"];
    let output = home
        .poptalk(&args)
        .args(["-c", "STAT", "--log", log.to_str().unwrap()])
        .env("POPTALK_PASSWORD", SECRET)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let log = text(&std::fs::read(log).unwrap());
    assert!(log.contains("tls TLSv1."), "{log}");
    assert!(!log.contains(SECRET), "{log}");
    for shown in [output.stdout, output.stderr] {
        assert!(!text(&shown).contains(SECRET), "{}", text(&shown));
    }
}
