use proptest::prelude::*;

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn header(version: HeaderVersion, source: &str, destination: &str) -> Header {
    Header {
        version,
        endpoints: Some(Endpoints::new(address(source), address(destination))),
    }
}

fn version() -> impl Strategy<Value = HeaderVersion> {
    prop_oneof![Just(HeaderVersion::V1), Just(HeaderVersion::V2)]
}

fn any_header() -> impl Strategy<Value = Header> {
    let endpoints = any::<(SocketAddr, SocketAddr)>();
    let endpoints = endpoints.prop_map(|(source, to)| Endpoints::new(source, to));
    (version(), proptest::option::of(endpoints))
        .prop_map(|(version, endpoints)| Header { version, endpoints })
}

/// Octets that are nearly a header.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let octets = proptest::collection::vec(any::<u8>(), 0..300);
    let broken = (any_header(), any::<prop::sample::Index>(), any::<u8>());
    let broken = broken.prop_map(|(header, at, octet)| {
        let mut octets = header.octets().unwrap();
        let at = at.index(octets.len());
        octets[at] = octet;
        octets
    });
    let started = (
        prop_oneof![Just(&b"PROXY "[..]), Just(v2::PROTOCOL_PREFIX)],
        octets.clone(),
    );
    prop_oneof![
        octets,
        broken,
        started.prop_map(|(start, rest)| [start, &rest].concat()),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_read_as_the_same(header in any_header()) {
        let octets = header.octets().unwrap();
        prop_assert_eq!(parse(&octets), Ok(Parsed::Whole(header)));
    }

    #[test]
    fn every_cut_of_a_header_is_incomplete(header in any_header()) {
        let octets = header.octets().unwrap();
        for cut in 0..octets.len() {
            let parsed = parse(&octets[..cut]);
            let is_right = matches!(
                parsed,
                Ok(Parsed::Incomplete(missing)) if (1..=octets.len() - cut).contains(&missing)
            );
            prop_assert!(is_right, "{cut} {parsed:?}");
        }
    }

    #[test]
    fn whatever_comes_ends_in_a_header_an_error_or_a_wait(octets in nearly()) {
        if let Ok(Parsed::Incomplete(missing)) = parse(&octets) {
            prop_assert!(missing > 0);
        }
        let mut client = octets.as_slice();
        // It ends: a slice has an end.
        let _ = read(&mut client, HEADER_WAIT);
    }

    #[test]
    fn no_octet_after_a_header_is_read(header in any_header(), rest: Vec<u8>) {
        let octets = [header.octets().unwrap(), rest.clone()].concat();
        let mut client = octets.as_slice();
        prop_assert_eq!(read(&mut client, HEADER_WAIT), Ok(header));
        prop_assert_eq!(client, rest.as_slice());
    }
}

/// The examples of the specification, and what other programs send.
#[test]
fn headers_of_others_are_read() {
    let v2 = |rest: &[u8]| [v2::PROTOCOL_PREFIX, rest].concat();
    let four = [198, 51, 100, 1, 192, 0, 2, 1, 0x12, 0x67, 0, 110];
    for (octets, want) in [
        (
            b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".to_vec(),
            "v1 255.255.255.255:65535 255.255.255.255:65535",
        ),
        (
            b"PROXY TCP6 2001:DB8:0:0::1 ::1 0 110\r\n".to_vec(),
            "v1 [2001:db8::1]:0 [::1]:110",
        ),
        (
            b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 110\r\n".to_vec(),
            "v1 [::ffff:192.0.2.7]:1 [2001:db8::1]:110",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "v1 without addresses"),
        (
            b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(),
            "v1 without addresses",
        ),
        (
            v2(&[&[0x21, 0x11, 0, 12][..], &four].concat()),
            "v2 198.51.100.1:4711 192.0.2.1:110",
        ),
        // With a checksum that is not verified, as the specification allows.
        (
            v2(&[&[0x21, 0x11, 0, 19][..], &four, &[3, 0, 4, 1, 2, 3, 4]].concat()),
            "v2 198.51.100.1:4711 192.0.2.1:110",
        ),
        (v2(&[0x20, 0, 0, 0]), "v2 without addresses"),
        // A check of the load balancer's own, which may name anything.
        (
            v2(&[&[0x20, 0x11, 0, 12][..], &four].concat()),
            "v2 without addresses",
        ),
        (
            v2(&[&[0x21, 0x12, 0, 12][..], &four].concat()),
            "v2 without addresses",
        ),
        (
            v2(&[&[0x21, 0x31, 0, 216][..], &[b'/'; 216]].concat()),
            "v2 without addresses",
        ),
    ] {
        let told = read(&mut octets.as_slice(), HEADER_WAIT).map(|header| header.to_string());
        assert_eq!(told.as_deref(), Ok(want));
    }
}

#[test]
fn what_is_wrong_is_an_error_before_more_is_awaited() {
    let v2 = |rest: &[u8]| [v2::PROTOCOL_PREFIX, rest].concat();
    let long = [&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat();
    let line = |text: &str| HeaderFlaw::Line(text.to_owned());
    for (octets, want) in [
        (b"C".to_vec(), HeaderFlaw::NoHeader),
        (b"PASS x\r\n".to_vec(), HeaderFlaw::NoHeader),
        (b"PROXYZ".to_vec(), HeaderFlaw::NoHeader),
        (b"\x16\x03\x01".to_vec(), HeaderFlaw::Tls),
        (
            b"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(),
            line(r"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"),
        ),
        (b"PROXY TCP4 1.2.3\n".to_vec(), line(r"PROXY TCP4 1.2.3\n")),
        (
            b"PROXY UNKNOWN\r\rx\r\n".to_vec(),
            line(r"PROXY UNKNOWN\r\rx\r\n"),
        ),
        (long, HeaderFlaw::LongLine),
        (v2(&[0x11, 0x11, 0, 12]), HeaderFlaw::Command(0x11)),
        (v2(&[0x22, 0x11, 0, 12]), HeaderFlaw::Command(0x22)),
        (v2(&[0x21, 0x41, 0, 12]), HeaderFlaw::Family(0x41)),
        (v2(&[0x21, 0x13, 0, 12]), HeaderFlaw::Family(0x13)),
        (v2(&[0x21, 0x21, 0, 12]), HeaderFlaw::Short(12)),
        (v2(&[0x21, 0x11, 0xff, 0xff]), HeaderFlaw::Long(65_551)),
    ] {
        assert_eq!(parse(&octets), Err(want));
    }
}

#[test]
fn addresses_of_two_families_become_two_of_ipv6() {
    let settings = |source| HeaderSettings {
        version: HeaderVersion::V1,
        source,
    };
    let six = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
    for (source, client, destination, want) in [
        (
            None,
            "192.0.2.1:5",
            "192.0.2.2:110",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 110\r\n",
        ),
        (
            Some((six, None)),
            "192.0.2.1:5",
            "192.0.2.2:110",
            "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 5 110\r\n",
        ),
        (
            Some((IpAddr::from([203, 0, 113, 7]), Some(4711))),
            "[fe80::1%3]:5",
            "[fe80::2%3]:110",
            "PROXY TCP6 ::ffff:203.0.113.7 fe80::2 4711 110\r\n",
        ),
        // A listener for both families names IPv4 clients so.
        (
            None,
            "[::ffff:192.0.2.1]:5",
            "192.0.2.2:110",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 110\r\n",
        ),
    ] {
        let header = settings(source).header(address(client), address(destination));
        assert_eq!(header.octets().unwrap(), want.as_bytes());
    }
    let mixed = header(HeaderVersion::V2, "192.0.2.1:5", "[2001:db8::1]:110");
    assert_eq!(mixed.source(), Some(address("192.0.2.1:5")));
}

#[test]
fn a_client_that_closes_too_early_is_an_error() {
    let error = read(&mut &b"PROXY TCP4 1.2."[..], HEADER_WAIT).unwrap_err();
    assert_eq!(error, HeaderError::Closed(15));
    assert!(error.is_by_client());
}
