//! The situations: each is a server with its certificates, and the options of the client.

use openssl::hash::MessageDigest;
use openssl::ssl::SslVersion;
use openssl::x509::X509;

use super::made::{After, BETWEEN, LEAF, Made, ROOT, Wanted, context, make, short};

pub(super) struct Situation {
    pub(super) name: String,
    pub(super) host: &'static str,
    /// The options of the client, apart from `--ca` and `--insecure`.
    pub(super) args: &'static [&'static str],
    /// The authority that is given with `--ca`.
    pub(super) authority: Option<X509>,
    /// Whether `:tls` would show more certificates than anyone reads.
    pub(super) is_long: bool,
    /// What the server shows, its own certificate first.
    chain: Vec<Made>,
    server: Server,
}

/// How a server speaks TLS.
#[derive(Clone, Copy)]
enum Server {
    Version(SslVersion),
    /// This version, and no cipher suite that the client knows.
    OddCiphers(SslVersion),
    /// It demands a certificate of the client.
    AsksForCertificate(SslVersion),
    Octets(&'static [u8]),
}

impl Situation {
    /// What its server does after STLS.
    pub(super) fn after(&self) -> After {
        match self.server {
            Server::Version(version) => After::Tls(context(&self.chain, Some(version)).build()),
            Server::OddCiphers(version) => {
                let mut context = context(&self.chain, Some(version));
                context.set_cipher_list("aNULL:@SECLEVEL=0").unwrap();
                context
                    .set_ciphersuites("TLS_AES_128_CCM_8_SHA256")
                    .unwrap();
                After::Tls(context.build())
            }
            Server::AsksForCertificate(version) => {
                let mut context = context(&self.chain, Some(version));
                let mode = openssl::ssl::SslVerifyMode::PEER
                    | openssl::ssl::SslVerifyMode::FAIL_IF_NO_PEER_CERT;
                context.set_verify(mode);
                After::Tls(context.build())
            }
            Server::Octets(octets) => After::Octets(octets),
        }
    }
}

/// A chain and the authority that is given with `--ca`.
type Chain = (Vec<Made>, Option<X509>);

/// CRL distribution points: `URI:http://crl.example.org/ca.crl`.
const CRL: &[u8] = b"\x30\x27\x30\x25\xa0\x23\xa0\x21\x86\x1fhttp://crl.example.org/root.crl";

/// Authority information access: OCSP, `URI:http://ocsp.example.org`.
const OCSP: &[u8] =
    b"\x30\x26\x30\x24\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01\x86\x18http://ocsp.example.org/";

/// Name constraints: permitted are the names in `example.org`.
const ONLY_EXAMPLE_ORG: &[u8] = b"\x30\x11\xa0\x0f\x30\x0d\x82\x0bexample.org";

/// The server's certificate, issued by an authority that is given.
fn issued(wanted: Wanted) -> Chain {
    let root = make(ROOT, None);
    (vec![make(wanted, Some(&root))], Some(root.certificate))
}

/// The same with an authority between.
fn through(between: Wanted, wanted: Wanted) -> Chain {
    let root = make(ROOT, None);
    let between = make(between, Some(&root));
    let leaf = make(wanted, Some(&between));
    (vec![leaf, between], Some(root.certificate))
}

const EXPIRED: (&str, &str) = ("20200101", "20210101");

/// Certificates with one thing wrong: that of an authority between, if there is one, and the
/// server's. The authority above them is given with `--ca`.
const WRONG: &[(&str, Option<Wanted>, Wanted)] = &[
    ("nothing is wrong", Some(BETWEEN), LEAF),
    (
        "expired",
        None,
        Wanted {
            days: EXPIRED,
            ..LEAF
        },
    ),
    (
        "not yet valid",
        None,
        Wanted {
            days: ("20480101", "20491231"),
            ..LEAF
        },
    ),
    (
        "wrong name",
        None,
        Wanted {
            names: &["pop.example.org", "*.example.net"],
            ..LEAF
        },
    ),
    (
        "name in the subject only",
        None,
        Wanted { names: &[], ..LEAF },
    ),
    (
        "NUL in a name",
        None,
        Wanted {
            names: &["localhost\0.example.org"],
            ..LEAF
        },
    ),
    (
        "NUL in the subject",
        None,
        Wanted {
            common_name: "localhost\0.example.org",
            names: &[],
            ..LEAF
        },
    ),
    ("weak key", None, Wanted { key: short, ..LEAF }),
    (
        "SHA-1 signature",
        None,
        Wanted {
            digest: MessageDigest::sha1,
            ..LEAF
        },
    ),
    (
        "for clients only",
        None,
        Wanted {
            is_for_clients: true,
            ..LEAF
        },
    ),
    (
        "key usage for signing only",
        None,
        Wanted {
            is_for_signing: true,
            ..LEAF
        },
    ),
    (
        "perhaps revoked",
        None,
        Wanted {
            extensions: &[
                ("2.5.29.31", false, CRL),
                ("1.3.6.1.5.5.7.1.1", false, OCSP),
            ],
            ..LEAF
        },
    ),
    (
        "unknown critical extension",
        None,
        Wanted {
            extensions: &[("1.2.3.4", true, b"\x05\x00")],
            ..LEAF
        },
    ),
    (
        "serial number too long",
        None,
        Wanted { serial: 40, ..LEAF },
    ),
    (
        "intermediate expired",
        Some(Wanted {
            days: EXPIRED,
            ..BETWEEN
        }),
        LEAF,
    ),
    (
        "intermediate with a weak key",
        Some(Wanted {
            key: short,
            ..BETWEEN
        }),
        LEAF,
    ),
    (
        "intermediate signed with SHA-1",
        Some(Wanted {
            digest: MessageDigest::sha1,
            ..BETWEEN
        }),
        LEAF,
    ),
    (
        "intermediate for clients only",
        Some(Wanted {
            is_for_clients: true,
            ..BETWEEN
        }),
        LEAF,
    ),
    (
        "intermediate is not an authority",
        Some(Wanted {
            authority: None,
            ..BETWEEN
        }),
        LEAF,
    ),
    (
        "intermediate may not issue the name",
        Some(Wanted {
            extensions: &[("2.5.29.30", true, ONLY_EXAMPLE_ORG)],
            ..BETWEEN
        }),
        LEAF,
    ),
];

/// Certificates whose authority is not known, or has not signed them.
fn untrusted() -> Vec<(&'static str, Chain)> {
    let other = |name| {
        Some(
            make(
                Wanted {
                    common_name: name,
                    ..ROOT
                },
                None,
            )
            .certificate,
        )
    };
    let mut omitted = through(BETWEEN, LEAF);
    omitted.0.truncate(1);
    let root = make(ROOT, None);
    let with_root = vec![make(LEAF, Some(&root)), root];
    let all = Wanted {
        days: EXPIRED,
        names: &["pop.example.org"],
        key: short,
        digest: MessageDigest::sha1,
        is_for_clients: true,
        ..LEAF
    };
    vec![
        ("self-signed", (vec![make(LEAF, None)], None)),
        (
            "unknown issuer",
            (issued(LEAF).0, other("a different root")),
        ),
        ("unknown issuer, its certificate sent", (with_root, None)),
        ("not signed by its issuer", (issued(LEAF).0, other("root"))),
        ("intermediate omitted", omitted),
        (
            "all at once, unknown issuer",
            (
                through(
                    Wanted {
                        days: EXPIRED,
                        ..BETWEEN
                    },
                    all,
                )
                .0,
                None,
            ),
        ),
        ("all at once, self-signed", (vec![make(all, None)], None)),
    ]
}

fn long_chains() -> Vec<(&'static str, Chain)> {
    let root = make(
        Wanted {
            authority: Some(Some(0)),
            ..ROOT
        },
        None,
    );
    let between = make(BETWEEN, Some(&root));
    let leaf = make(LEAF, Some(&between));
    let limited = (vec![leaf, between], Some(root.certificate));
    let root = make(ROOT, None);
    let mut long = vec![make(BETWEEN, Some(&root))];
    for count in 0..101 {
        let name = format!("authority {count}").leak();
        let wanted = Wanted {
            common_name: name,
            ..BETWEEN
        };
        long.push(make(wanted, long.last()));
    }
    long.push(make(LEAF, long.last()));
    long.reverse();
    let mut many = long.clone();
    many.extend(std::iter::repeat_n(long[1].clone(), 400));
    let root = Some(root.certificate);
    vec![
        ("path length exceeded", limited),
        ("more than 100 authorities", (long, root.clone())),
        ("too many certificates", (many, root)),
    ]
}

/// All certificates, by what is wrong with them.
fn certificates() -> Vec<(&'static str, Chain)> {
    let wrong = WRONG.iter().map(|(name, between, leaf)| {
        let chain = match between {
            Some(between) => through(*between, *leaf),
            None => issued(*leaf),
        };
        (*name, chain)
    });
    wrong.chain(untrusted()).chain(long_chains()).collect()
}

/// A server that judges the client's certificate after the client's handshake.
pub(super) fn late_judge() -> Situation {
    let (chain, authority) = issued(LEAF);
    Situation {
        name: "no certificate of the client, TLS 1.3".to_owned(),
        host: "localhost",
        args: &[],
        authority,
        is_long: false,
        chain,
        server: Server::AsksForCertificate(SslVersion::TLS1_3),
    }
}

pub(super) fn situations() -> Vec<Situation> {
    let mut all = Vec::new();
    for (name, (chain, authority)) in certificates() {
        for (version, words) in [
            (SslVersion::TLS1_2, "TLS 1.2"),
            (SslVersion::TLS1_3, "TLS 1.3"),
        ] {
            all.push(Situation {
                name: format!("{name}, {words}"),
                host: "localhost",
                args: &[],
                authority: authority.clone(),
                is_long: chain.len() > 10,
                chain: chain.clone(),
                server: Server::Version(version),
            });
        }
    }
    let (chain, authority) = issued(LEAF);
    let old = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\x00\x00\x2f\x00";
    let servers: [(&str, &str, &'static [&'static str], Server); 13] = [
        (
            "certificate for a name, asked by address",
            "127.0.0.1",
            &[],
            Server::Version(SslVersion::TLS1_2),
        ),
        (
            "only TLS 1.0",
            "localhost",
            &[],
            Server::Version(SslVersion::TLS1),
        ),
        (
            "only TLS 1.0, with a lower limit",
            "localhost",
            &["--tls-min", "1.0"],
            Server::Version(SslVersion::TLS1),
        ),
        (
            "only TLS 1.0, with limits",
            "localhost",
            &["--tls-min", "1.0", "--tls-max", "1.1"],
            Server::Version(SslVersion::TLS1),
        ),
        (
            "limits that exclude each other",
            "localhost",
            &["--tls-min", "1.3", "--tls-max", "1.2"],
            Server::Version(SslVersion::TLS1_2),
        ),
        (
            "only TLS 1.1",
            "localhost",
            &[],
            Server::Version(SslVersion::TLS1_1),
        ),
        (
            "only TLS 1.2",
            "localhost",
            &["--tls-min", "1.3"],
            Server::Version(SslVersion::TLS1_2),
        ),
        (
            "only TLS 1.3",
            "localhost",
            &["--tls-max", "1.2"],
            Server::Version(SslVersion::TLS1_3),
        ),
        (
            "an answer in TLS 1.0",
            "localhost",
            &[],
            Server::Octets(old),
        ),
        (
            "no common cipher suite, TLS 1.2",
            "localhost",
            &[],
            Server::OddCiphers(SslVersion::TLS1_2),
        ),
        (
            "no common cipher suite, TLS 1.3",
            "localhost",
            &[],
            Server::OddCiphers(SslVersion::TLS1_3),
        ),
        (
            "no certificate of the client, TLS 1.2",
            "localhost",
            &[],
            Server::AsksForCertificate(SslVersion::TLS1_2),
        ),
        (
            "cleartext after STLS",
            "localhost",
            &[],
            Server::Octets(b"-ERR no TLS today\r\n"),
        ),
    ];
    all.extend(servers.map(|(name, host, args, server)| Situation {
        name: name.to_owned(),
        host,
        args,
        authority: authority.clone(),
        is_long: false,
        chain: chain.clone(),
        server,
    }));
    all
}
