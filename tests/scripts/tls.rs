//! Servers whose TLS is not to be trusted: each is refused with its own sentence, and `--insecure`
//! goes on and says so.

#![cfg(not(any(windows, target_vendor = "apple")))]

mod each_client;
mod handshakes;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};

use openssl::asn1::{Asn1Object, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use crate::support::{Home, LIMIT, text};

/// A certificate with its key.
pub(crate) struct Made {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
    /// The certificate of its issuer, which the server sends with it.
    pub(crate) issuer: Option<X509>,
}

/// What is odd about a certificate.
#[derive(Clone, Copy)]
pub(crate) struct Odd {
    /// The host name that it is for.
    pub(crate) name: &'static str,
    /// The SRV-ID that it has besides.
    pub(crate) service: Option<&'static str>,
    /// From and to when it is valid, in days from now.
    pub(crate) days: (i64, i64),
    pub(crate) digest: fn() -> MessageDigest,
    pub(crate) is_authority: bool,
    /// The name stands in the subject alone, as long ago.
    pub(crate) is_old: bool,
}

pub(crate) const GOOD: Odd = Odd {
    name: "localhost",
    service: None,
    days: (-1, 10),
    digest: MessageDigest::sha256,
    is_authority: false,
    is_old: false,
};

pub(crate) const AUTHORITY: Odd = Odd {
    name: "test authority",
    is_authority: true,
    ..GOOD
};

fn day(days: i64) -> Asn1Time {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Asn1Time::from_unix(i64::try_from(now.as_secs()).unwrap() + days * 86_400).unwrap()
}

/// Makes a certificate, signed by `issuer` or by itself.
pub(crate) fn make(odd: Odd, issuer: Option<&Made>) -> Made {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", odd.name).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(u32::from(odd.is_authority) + 1).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(&name).unwrap();
    builder
        .set_issuer_name(issuer.map_or(&name, |issuer| issuer.certificate.subject_name()))
        .unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&day(odd.days.0)).unwrap();
    builder.set_not_after(&day(odd.days.1)).unwrap();
    if odd.is_authority {
        builder
            .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
    } else if !odd.is_old {
        let mut names = SubjectAlternativeName::new();
        names.dns(odd.name);
        if let Some(service) = odd.service {
            // RFC 4985 §2: id-on-dnsSRV, an IA5String (0x16).
            let id = Asn1Object::from_str("1.3.6.1.5.5.7.8.7").unwrap();
            let length = u8::try_from(service.len()).unwrap();
            names.other_name2(id, &[&[0x16, length], service.as_bytes()].concat());
        }
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder
        .sign(issuer.map_or(&key, |issuer| &issuer.key), (odd.digest)())
        .unwrap();
    Made {
        certificate: builder.build(),
        key,
        issuer: None,
    }
}

/// A server for some connections: TLS from the first octet, a greeting, and `+OK` to whatever
/// comes.
fn serve(made: Made, version: Option<SslVersion>, connections: usize) -> SocketAddr {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    // The old versions and digests that are to be refused by the other side.
    context.set_cipher_list("DEFAULT:@SECLEVEL=0").unwrap();
    context.set_certificate(&made.certificate).unwrap();
    context.set_private_key(&made.key).unwrap();
    if let Some(issuer) = made.issuer {
        context.add_extra_chain_cert(issuer).unwrap();
    }
    context
        .set_min_proto_version(Some(SslVersion::TLS1))
        .unwrap();
    context.set_max_proto_version(version).unwrap();
    let context = context.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            let mut stream = SslStream::new(Ssl::new(&context).unwrap(), socket).unwrap();
            if stream.accept().is_err() {
                continue;
            }
            let _ = stream.write_all(b"+OK ready\r\n");
            let mut octets = [0; 100];
            while matches!(stream.ssl_read(&mut octets), Ok(1..)) {
                let _ = stream.write_all(b"+OK\r\n");
            }
        }
    });
    address
}

/// Connects to such a server strictly, then with `--insecure`; `told` is what is said of it, and
/// `doubt` in the transcript.
fn refused(
    made: Made,
    version: Option<SslVersion>,
    ca: Option<&Made>,
    told: &str,
    doubt: Option<&str>,
) {
    let port = serve(made, version, 2).port().to_string();
    let home = Home::new();
    let file = home.path().join("ca.pem");
    let mut args = vec!["localhost", port.as_str(), "--tls", "-c", "NOOP"];
    if let Some(ca) = ca {
        std::fs::write(&file, ca.certificate.to_pem().unwrap()).unwrap();
        args.extend(["--ca", file.to_str().unwrap()]);
    }
    let strict = home.script(&[&args[..], &["--no-log"]].concat(), b"");
    let words = text(&strict.stderr);
    assert_eq!(strict.status.code(), Some(4), "{words}");
    assert!(words.contains(told) && words.contains("hint: "), "{words}");
    assert!(strict.stdout.is_empty());

    let Some(doubt) = doubt else { return };
    let log = home.path().join("log.pop3");
    args.extend(["--insecure", "--log", log.to_str().unwrap()]);
    let insecure = home.script(&args, b"");
    let words = text(&insecure.stderr);
    assert_eq!(insecure.status.code(), Some(0), "{words}");
    assert!(
        words.contains("NOT VERIFIED") && words.contains(doubt),
        "{words}"
    );
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains(" unverified (") && log.contains(doubt),
        "{log}"
    );
}

/// `--insecure` takes everything, and says of a valid certificate nothing that is not so.
#[test]
fn a_certificate_whose_issuer_comes_with_it() {
    let root = make(AUTHORITY, None);
    let home = Home::new();
    let file = home.path().join("ca.pem");
    std::fs::write(&file, root.certificate.to_pem().unwrap()).unwrap();
    for (version, row, words) in [
        (SslVersion::TLS1_2, " verified CN=localhost", ", verified\n"),
        (
            SslVersion::TLS1_3,
            " unknown CN=localhost",
            "NOT VERIFIED, perhaps valid",
        ),
    ] {
        let between = Odd {
            name: "an authority between",
            ..AUTHORITY
        };
        let between = make(between, Some(&root));
        let mut leaf = make(GOOD, Some(&between));
        leaf.issuer = Some(between.certificate);
        let port = serve(leaf, Some(version), 1).port().to_string();
        let log = home.path().join("log.pop3");
        let args = ["localhost", &port, "--tls", "-c", "NOOP", "--insecure"];
        let files = [
            "--ca",
            file.to_str().unwrap(),
            "--log",
            log.to_str().unwrap(),
        ];
        let output = home.script(&[&args[..], &files].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(words), "{said}");
        let recorded = std::fs::read_to_string(&log).unwrap();
        assert!(recorded.contains(row), "{recorded}");
        std::fs::remove_file(log).unwrap();
    }
}

/// A pinned certificate is accepted by whomever it is signed, and no other one is.
#[test]
fn only_the_pinned_certificate_is_accepted() {
    let own = make(GOOD, None);
    let hex = |octet: &u8| format!("{octet:02x}");
    let digest = own.certificate.digest(MessageDigest::sha256()).unwrap();
    let pin: Vec<String> = digest.iter().map(hex).collect();
    let pin = format!("SHA256:{}", pin.join(":"));
    let port = serve(own, None, 2).port().to_string();
    let connect = |pin: &str| {
        let home = Home::new();
        let log = home.path().join("log.pop3");
        let path = log.to_str().unwrap();
        let args = [
            "localhost",
            &port,
            "--tls",
            "-c",
            "NOOP",
            "--log",
            path,
            "--pin",
            pin,
        ];
        let output = home.script(&args, b"");
        (output, std::fs::read_to_string(&log).unwrap())
    };
    let (output, recorded) = connect(&pin);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "+OK ready\r\n+OK\r\n");
    assert!(recorded.contains(" pinned CN=localhost"), "{recorded}");

    let (output, recorded) = connect(&format!("SHA256:{}", "00".repeat(32)));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(output.stdout.is_empty());
    let found = pin.trim_start_matches("SHA256:");
    assert!(
        said.contains("not match the pinned fingerprint") && said.contains(found),
        "{said}"
    );
    assert!(
        recorded.contains(
            "* tls failed: the server's certificate does not match the pinned fingerprint"
        )
    );
}

/// With `--ca-only` an authority of the system is not trusted.
#[test]
fn only_the_authorities_of_the_file_are_trusted() {
    let home = Home::new();
    let file = |name: &str, ca: &Made| {
        let path = home.path().join(name);
        std::fs::write(&path, ca.certificate.to_pem().unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (system, given) = (make(AUTHORITY, None), make(AUTHORITY, None));
    let of_system = make(GOOD, Some(&system));
    let port = serve(of_system, None, 3).port().to_string();
    let bundle = file("system.pem", &system);
    let given_file = file("given.pem", &given);
    for (options, wanted) in [
        (&["--ca", &given_file][..], 0),
        (&["--ca-only", &given_file], 4),
        (&["--ca-only", &bundle], 0),
    ] {
        let args = ["localhost", &port, "--tls", "--no-log", "-c", "NOOP"];
        let mut command = home.poptalk(&[&args[..], options].concat());
        command.env("SSL_CERT_FILE", &bundle);
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(wanted), "{options:?}: {said}");
    }
}

#[test]
fn all_that_is_wrong_with_a_certificate_is_said() {
    let leaf = Odd {
        name: "pop.example.org",
        days: (-20, -2),
        ..GOOD
    };
    let port = serve(make(leaf, None), None, 1).port().to_string();
    let args = [
        "localhost",
        &port,
        "--tls",
        "--insecure",
        "--no-log",
        "-c",
        "NOOP",
    ];
    let said = text(&Home::new().script(&args, b"").stderr);
    for fault in [
        "expired on",
        "is not for the name `localhost`",
        "self-signed",
    ] {
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn an_expired_certificate() {
    let ca = make(AUTHORITY, None);
    let leaf = make(
        Odd {
            days: (-20, -2),
            ..GOOD
        },
        Some(&ca),
    );
    refused(
        leaf,
        None,
        Some(&ca),
        "certificate or an authority's has expired",
        Some("certificate expired on"),
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet() {
    let ca = make(AUTHORITY, None);
    let leaf = make(
        Odd {
            days: (2, 20),
            ..GOOD
        },
        Some(&ca),
    );
    refused(
        leaf,
        None,
        Some(&ca),
        "not valid yet",
        Some("not valid before"),
    );
}

#[test]
fn a_certificate_signed_by_itself() {
    refused(
        make(GOOD, None),
        None,
        None,
        "self-signed",
        Some("certificate is self-signed"),
    );
}

#[test]
fn a_certificate_for_another_name() {
    let ca = make(AUTHORITY, None);
    let leaf = make(
        Odd {
            name: "pop.example.org",
            ..GOOD
        },
        Some(&ca),
    );
    refused(
        leaf,
        None,
        Some(&ca),
        "not for the name `localhost`",
        Some("not for the name `localhost`"),
    );
}

#[test]
fn a_certificate_of_an_authority_that_is_not_known() {
    let leaf = make(GOOD, Some(&make(AUTHORITY, None)));
    refused(
        leaf,
        // TLS 1.3 hides whether the certificate of the issuer was sent.
        Some(SslVersion::TLS1_2),
        None,
        "unknown issuer: this machine does not trust the authority",
        Some("does not trust the authority"),
    );
}

#[test]
fn a_certificate_signed_with_sha_1() {
    let ca = make(AUTHORITY, None);
    let leaf = make(
        Odd {
            digest: MessageDigest::sha1,
            ..GOOD
        },
        Some(&ca),
    );
    refused(
        leaf,
        None,
        Some(&ca),
        "no longer safe",
        Some("no longer safe"),
    );
}

#[test]
fn a_server_that_knows_only_tls_1_0() {
    let ca = make(AUTHORITY, None);
    let leaf = make(GOOD, Some(&ca));
    refused(
        leaf,
        Some(SslVersion::TLS1),
        Some(&ca),
        "TLS 1.2 or later",
        None,
    );
}
