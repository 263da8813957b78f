//! Both sides of each mechanism hear anything; and when they hear each other, who knows the
//! password gets in, and nobody else.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use poptalk::pop3::sasl::server::{AuthContext, SaslVerdict, Verifier};
use poptalk::pop3::sasl::{self, Credentials, SaslExchange, MECHANISMS, Mechanism};
use poptalk_fuzz::is_unsafe;

fuzz_target!(|octets: &[u8]| {
    let Some((which, octets)) = octets.split_first() else {
        return;
    };
    if let Some(stamp) = sasl::timestamp(octets) {
        assert!(stamp.iter().all(u8::is_ascii_graphic));
        assert_eq!(sasl::apop(stamp, b"x").len(), 32);
    }
    let mechanism = &MECHANISMS[usize::from(*which) % MECHANISMS.len()];
    let lines: Vec<&[u8]> = octets.split(|octet| *octet == b'\n').collect();
    client(mechanism, &lines);
    server(mechanism, &lines);
    if let [user, secret, ..] = lines.as_slice() {
        let user = String::from_utf8_lossy(user).into_owned();
        both(mechanism, &user, secret);
    }
});

fn credentials(user: &str, secret: &[u8]) -> Credentials {
    Credentials {
        user: user.to_owned(),
        secret: secret.to_vec().into(),
        host: "pop.example".to_owned(),
        port: 110,
        nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
        binding: Some(b"certificate".to_vec()),
        is_plus_missing: false,
    }
}

fn known(user: &str, password: &str) -> AuthContext {
    AuthContext {
        users: vec![user.to_owned()],
        password: password.to_owned().into(),
        is_anonymous_allowed: true,
        certified: vec![user.to_owned()],
        binding: Some(b"certificate".to_vec()),
        nonce: "3rfcNHYJY1ZVvWVs7j".to_owned(),
        host: "pop.example".to_owned(),
    }
}

fn client(mechanism: &'static Mechanism, lines: &[&[u8]]) {
    // In base64, and as they are.
    for is_encoded in [true, false] {
        let mut exchange = SaslExchange::new(mechanism, credentials("bob", b"secret-word"));
        let _ = exchange.initial();
        for line in lines.iter().take(4) {
            let encoded = STANDARD.encode(line).into_bytes();
            match exchange.answer(if is_encoded { &encoded } else { line }) {
                Ok(turn) => {
                    for (_, text) in &turn.parts {
                        assert!(
                            !text.contains("secret-word")
                                || line.windows(11).any(|word| word == b"secret-word")
                        );
                    }
                    assert!(turn.text(false).is_ascii());
                }
                Err(error) => {
                    assert!(!is_unsafe(&error.to_string()), "{error:?}");
                    break;
                }
            }
        }
        assert_ne!(exchange.is_verified(), Some(true));
    }
}

fn server(mechanism: &'static Mechanism, lines: &[&[u8]]) {
    let mut verifier = Verifier::new(mechanism, known("bob", "secret-word"));
    let mut lines = lines.iter().take(5);
    let mut verdict = verifier.begin(lines.next().copied());
    for line in lines {
        if !matches!(verdict, SaslVerdict::Challenge(_)) {
            break;
        }
        verdict = verifier.answer(line);
    }
    let is_open = matches!(mechanism.name, "ANONYMOUS" | "EXTERNAL");
    let is_proved = lines_hold(mechanism);
    assert!(is_open || is_proved || !matches!(verdict, SaslVerdict::Right(_)));
}

/// The password itself is said: a fuzzer finds it in the program.
fn lines_hold(mechanism: &Mechanism) -> bool {
    mechanism.is_plain
}

fn both(mechanism: &'static Mechanism, user: &str, secret: &[u8]) {
    let Ok(password) = std::str::from_utf8(secret) else {
        return;
    };
    for is_right in [true, false] {
        let told = if is_right {
            password.to_owned()
        } else {
            format!("{password}x")
        };
        let mut exchange = SaslExchange::new(mechanism, credentials(user, told.as_bytes()));
        let mut verifier = Verifier::new(mechanism, known(user, password));
        let Ok(initial) = exchange.initial() else {
            return;
        };
        let mut verdict = verifier.begin(initial.as_ref().map(|turn| turn.response.as_slice()));
        for _ in 0..5 {
            let SaslVerdict::Challenge(challenge) = &verdict else {
                break;
            };
            let Ok(turn) = exchange.answer(STANDARD.encode(challenge).as_bytes()) else {
                return;
            };
            verdict = verifier.answer(&turn.response);
        }
        let is_in = matches!(verdict, SaslVerdict::Right(_));
        if matches!(mechanism.name, "ANONYMOUS" | "EXTERNAL") {
            continue;
        }
        assert!(is_right || !is_in, "{}", mechanism.name);
        // An empty name or password is refused by some, and control octets by others.
        let is_plain = |octets: &[u8]| octets.iter().all(|octet| octet.is_ascii_graphic());
        let is_usual = is_plain(user.as_bytes()) && is_plain(secret);
        if is_right && is_usual && !user.is_empty() && !secret.is_empty() {
            assert!(
                is_in,
                "{} {user:?} {password:?} {verdict:?}",
                mechanism.name
            );
        }
    }
}
