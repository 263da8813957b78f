//! Handshakes as OpenSSL 3 sends them, cut and damaged.

use proptest::prelude::*;

use super::*;

/// A server's TLS 1.2 flight up to ServerHelloDone.
const TLS_1_2: &str = "\
    16030300410200003d0303ecd2c9ace03653612a8fff4a123963ecbbcbdf56bccf189c444f574e4752440100\
    c02c000015ff01000100000b000403000102002300000017000016030301200b00011c000119000116308201\
    123081b9021429f8d087cb6baffa799acaf4dfcb2b632e6be8f3300a06082a8648ce3d040302300c310a3008\
    06035504030c0161301e170d3236313230313031333132375a170d3336313132383031333132375a300c310a\
    300806035504030c01613059301306072a8648ce3d020106082a8648ce3d03010703420004b11e5b38859aa9\
    b966a531cc1bf5bebeebf4d4e0a21e976005557225c2941de923c0886704fe2042870abe5cc055569036e3d4\
    c817a7f6ca8b9ae1f4f67a65d8300a06082a8648ce3d040302034800304502202b4c346482bebec3d23c44c3\
    c5ba6c932e4b08c06a3b27a0f47542a7ebc77717022100fc6377c1390fee46b3ee532554d0d3e4405d664227\
    2af75d29542368f8d3152616030300730c00006f03001d20c8b16a3be6a1d92bbfa2f4ad6d4c2cd50d73f27a\
    bf02bd07162f63c6519f3e2904030047304502203bb13a09b7834aab7a7713b877941fd9988afc9c2e979b20\
    10eeddd3f4f1b6cf022100bfbf541844926b9588ec29d561560ed335fd356bfcb743a04dd6161fb86f2a4e16\
    030300040e000000";

/// A ServerHello of TLS 1.3, and the change_cipher_spec after it.
const TLS_1_3: &str = "\
    160303007a0200007603039f43c8d7d5f1c59ccbea0899ba52e013b2295e92560cde91f8577d43605a158720\
    5aa43ec7fcab23e6f051dfdbc21ca0ff89483b0dfebec00f31c4bec7d0a4d8c2130200002e002b0002030400\
    330024001d002016f695d0732c7f1a3e84cf652d770f7aa308bdc0752434d6d8b44b898e88ab561403030001\
    01";

fn octets_of(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn odd_octets_give_no_version_and_no_panic() {
    for octets in [
        &b""[..],
        b"+OK ready\r\n",
        b"\x16\x03\x01",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
    ] {
        assert_eq!(listen(octets), HelloSeen::default());
    }
}

#[test]
fn tls_1_2_shows_suite_curve_and_certificate() {
    let seen = listen(&octets_of(TLS_1_2));
    assert_eq!(seen.version, "TLSv1.2");
    assert_eq!(seen.cipher, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(seen.key_exchange, "ECDHE EcdhX25519");
    let [certificate] = seen.chain.as_slice() else {
        panic!("{} certificates", seen.chain.len());
    };
    assert_eq!(certificate.len(), 278);
    assert!(certificate.starts_with(&[0x30, 0x82]));
}

#[test]
fn tls_1_3_shows_suite_and_group() {
    let seen = HelloSeen {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
        key_exchange: "EcdhX25519".to_owned(),
        chain: Vec::new(),
        asks_for_certificate: false,
    };
    assert_eq!(listen(&octets_of(TLS_1_3)), seen);
}

#[test]
fn messages_may_be_cut_into_records_anywhere() {
    let whole = octets_of(TLS_1_2);
    let messages = iterator(whole.as_slice(), record);
    let messages: Vec<u8> = messages.flat_map(|(_, content)| content.to_vec()).collect();
    for size in [1, 2, 7, 100] {
        let records = messages.chunks(size).flat_map(|part| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[HANDSHAKE_RECORD, 3, 3], length.as_slice(), part].concat()
        });
        assert_eq!(listen(&records.collect::<Vec<u8>>()), listen(&whole));
    }
}

#[test]
fn what_follows_server_hello_done_is_not_read() {
    let first = octets_of(TLS_1_2);
    let both = [first.as_slice(), &octets_of(TLS_1_3)].concat();
    assert_eq!(listen(&both), listen(&first));
}

#[test]
fn the_second_hello_counts() {
    let [mut retry, second] = [octets_of(TLS_1_3), octets_of(TLS_1_3)];
    // The first asks for TLS_AES_128_GCM_SHA256.
    let suite = retry.windows(2).position(|pair| pair == [0x13, 0x02]);
    retry[suite.unwrap() + 1] = 0x01;
    assert_eq!(listen(&retry).cipher, "TLS_AES_128_GCM_SHA256");
    assert_eq!(listen(&[retry, second.clone()].concat()), listen(&second));
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
        let cut = octets.get(..cut).unwrap_or(&octets);
        let _ = listen(cut);
        let length = u16::try_from(cut.len()).unwrap().to_be_bytes();
        let record = [&[HANDSHAKE_RECORD, 3, 3], length.as_slice(), cut].concat();
        for certificate in listen(&record).chain {
            prop_assert!(certificate.len() <= cut.len());
        }
    }

    #[test]
    fn a_cut_handshake_shows_what_came_whole(is_old: bool, cut in 0_usize..500) {
        let whole = octets_of(if is_old { TLS_1_2 } else { TLS_1_3 });
        let seen = listen(whole.get(..cut).unwrap_or(&whole));
        let full = listen(&whole);
        let hello = if is_old { 5 + 65 } else { 5 + 122 };
        prop_assert_eq!(&seen.version, if cut < hello { "TLS" } else { &full.version });
        prop_assert!(cut < hello || seen.cipher == full.cipher);
        prop_assert!(seen.chain.is_empty() || seen.chain == full.chain);
    }

    #[test]
    fn a_damaged_handshake_makes_nothing_panic(is_old: bool, at in 0_usize..500, octet: u8, cut in 0_usize..500) {
        let mut octets = octets_of(if is_old { TLS_1_2 } else { TLS_1_3 });
        if let Some(place) = octets.get_mut(at) {
            *place = octet;
        }
        octets.truncate(cut);
        for certificate in listen(&octets).chain {
            prop_assert!(certificate.len() <= octets.len());
        }
    }
}
