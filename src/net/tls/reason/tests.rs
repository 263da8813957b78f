use super::*;

fn of(text: &str, received: &[u8]) -> TlsError {
    of_failure(
        text,
        received,
        "pop.example.org",
        &TlsSettings::default(),
        false,
    )
}

/// With `--insecure` the verdict on the certificate is not why a handshake failed.
#[test]
fn the_verdict_that_the_library_adds_is_not_the_reason() {
    let hello = b"\x16\x03\x02\x00\x04\x00\x00\x00\x00";
    let error = |words: &str| {
        format!(
            "error:0A00014D:SSL routines:tls_process_key_exchange:{words}:\
             ../ssl/statem/statem_clnt.c:2255: (self-signed certificate)"
        )
    };
    for (words, said) in [
        (
            "legacy sigalg disallowed or unsupported",
            "signs the handshake",
        ),
        ("dh key too small", "Diffie-Hellman group is too short"),
        ("something new", "the TLS handshake failed: `something new`"),
    ] {
        let what = of(&error(words), hello).what;
        assert!(what.contains(said), "{what}");
    }
}

/// How native-tls says that OpenSSL refused a certificate.
fn verify_failed(words: &str) -> String {
    format!(
        "error:0A000086:SSL routines:tls_post_process_server_certificate:\
         certificate verify failed:../ssl/statem/statem_clnt.c:1889: ({words})"
    )
}

#[test]
fn what_the_server_sent_counts_more_than_the_library() {
    let failed = of("wrong version number", b"+OK ready\r\n");
    assert_eq!(failed.what, "this port speaks POP3 in cleartext, not TLS");
    let failed = of("tlsv1 alert", b"\x15\x03\x01\x00\x02\x02\x46");
    assert!(failed.what.contains("alert 70"), "{failed:?}");
    let failed = of(&verify_failed("hostname mismatch"), b"\x16\x03\x03");
    assert_eq!(
        failed.what,
        "the server's certificate is not for the name `pop.example.org`"
    );
    assert!(of("eof", b"").what.contains("closed"));
    let text = "error:0A0000F4:SSL routines:state:unexpected message:../a.c:396:, error:x";
    assert_eq!(
        of(text, b"\x16\x03\x03").what,
        "the TLS handshake failed: `unexpected message`"
    );
}

#[test]
fn words_that_are_not_known_pass_through() {
    let failed = of(
        &verify_failed("proxy path (length) is odd"),
        b"\x16\x03\x03",
    );
    assert_eq!(
        failed.what,
        "the TLS library refuses the server's certificate: `proxy path (length) is odd`"
    );
    let failed = of(
        &verify_failed("EE certificate key too weak"),
        b"\x16\x03\x03",
    );
    assert_eq!(
        failed.what,
        "the server's certificate has a key that is no longer safe"
    );
}

#[test]
fn the_words_of_other_systems_are_known() {
    for (text, says) in [
        (
            "A certificate chain processed, but terminated in a root certificate which is not trusted by the trust provider. (os error -2146762487)",
            "the certificate was signed by an authority that this machine does not trust",
        ),
        (
            "Der CN-Name des Zertifikats stimmt nicht mit dem übergebenen Wert überein. (os error -2146762481)",
            "the server's certificate is not for the name `pop.example.org`",
        ),
        (
            "The certificate was not trusted.",
            "this machine does not trust the server's certificate",
        ),
    ] {
        assert_eq!(of(text, b"\x16\x03\x03").what, says);
    }
}

#[test]
fn a_port_without_an_answer_may_miss_a_header_or_not_expect_it() {
    let hint = |has_header| no_answer(Duration::from_secs(15)).at_once(has_header).hint;
    let (without, with) = (hint(false), hint(true));
    assert!(without.is_some_and(|hint| hint.ends_with("may need --proxy-protocol")));
    assert!(with.is_some_and(|hint| hint.starts_with("the server may not expect the header")));
    let unknown = verify_failed("self-signed certificate");
    let refused = of(&unknown, b"\x16\x03\x03");
    assert_eq!(refused.clone().at_once(true), refused);
}

#[test]
fn what_cannot_be_read_is_not_verified() {
    let of = |der| verdict(der, &[], "pop.example.org", &TlsSettings::default());
    let refuted = |fault: &TlsFault| TlsVerdict::Refuted(vec![fault.says.to_owned()]);
    assert_eq!(of(None), refuted(&tls_fault::NO_CERTIFICATE));
    assert_eq!(
        of(Some(b"\x30\x03\x02\x01\x01")),
        refuted(&tls_fault::UNREADABLE)
    );
}

#[test]
fn an_alert_in_the_middle_of_a_handshake_is_found_in_the_words() {
    let text = "error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:\
                ../ssl/record/rec_layer_s3.c:1586:SSL alert number 48";
    assert_eq!(
        of(text, b"\x16\x03\x03").what,
        "the server requires an acceptable client certificate: alert 48 (unknown_ca)"
    );
}

#[test]
fn a_connection_that_tls_ended_has_a_sentence() {
    let lost = |words: &str| {
        why_lost(&std::io::Error::other(format!(
            "error:0A00045C:SSL routines:ssl3_read_bytes:{words}"
        )))
    };
    for (words, says) in [
        (
            "tlsv13 alert certificate required:../a.c:1602:SSL alert number 116",
            "the server requires an acceptable client certificate: alert 116 (certificate_required)",
        ),
        (
            "tlsv1 alert internal error:../a.c:1602:SSL alert number 80",
            "the server ended TLS: alert 80 (internal_error)",
        ),
        (
            "decryption failed or bad record mac:../a.c:1602:",
            "TLS broke: `decryption failed or bad record mac`",
        ),
    ] {
        assert_eq!(lost(words), says);
        assert!(tls_fault::of_sentence(says).is_some(), "{says}");
    }
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert_eq!(why_lost(&reset), "connection reset");
}

#[test]
fn each_sentence_of_a_failure_has_its_explanation() {
    let texts = tls_fault::all().flat_map(|row| row.library.iter().map(move |words| (row, *words)));
    for (row, words) in texts {
        let whole = of(&verify_failed(words), b"\x16\x03\x03");
        for failed in [of(words, b"\x16\x03\x03"), whole] {
            let found = tls_fault::of_sentence(&failed.what);
            let is_version = found == Some(&tls_fault::LIMITED_VERSION)
                || found == Some(&tls_fault::NO_NEW_VERSION);
            assert!(found == Some(row) || is_version, "{words}: {failed:?}");
        }
    }
    for code in 0..=255 {
        let failed = of("x", &[0x15, 3, 1, 0, 2, 2, code]);
        let found = tls_fault::of_sentence(&failed.what).map(TlsFault::hint);
        assert_eq!(found, failed.hint, "{failed:?}");
    }
}
