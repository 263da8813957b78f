//! Faults of capabilities, response codes, logins and TLS. Catalogue sections H, I, J and L.

use super::Does::{After, Before, Close, Drop, Edit, Say, Wait};
use super::ServerLineKind::{Data, Greeting, Status, Terminator};
use super::listing::with;
use super::{Fault, FaultStep, Leftover, Outgoing};
use crate::pop3::session::Accepted;

const CAPABILITIES: &[&str] = &["CAPA", "USER alice", "PASS wonderland", "CAPA", "QUIT"];
const WRONG: &[&str] = &["CAPA", "USER alice", "PASS wrong", "QUIT"];
const UNKNOWN: &[&str] = &["CAPA", "USER bob", "PASS wrong", "QUIT"];
const PLAIN: &str = "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=";
const STLS: &[&str] = &[
    "CAPA",
    "STLS",
    "CAPA",
    "USER alice",
    "PASS wonderland",
    "QUIT",
];

fn is(said: &Outgoing<'_>, tag: &str) -> bool {
    said.word(0) == tag
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "capa-unsupported",
        "CAPA is an unknown command",
        &["capa-unsupported"],
        &[],
    )
    .refusing(|asked| (asked.verb == "CAPA").then_some("-ERR unknown command")),
    Fault::new(
        "capa-refused-mid-login",
        "CAPA is refused between USER and PASS",
        &["capa-refused-mid-login"],
        &[],
    )
    .refusing(|asked| (asked.verb == "CAPA" && asked.session.accepted == Accepted::Yes).then_some("-ERR send PASS"))
    .typing(&["CAPA", "USER alice", "CAPA", "PASS wonderland", "QUIT"]),
    Fault::new(
        "capa-no-terminator",
        "the list of capabilities ends without a dot",
        &["capa-no-terminator"],
        &[FaultStep::new(Terminator, &["CAPA"], Drop)],
    )
    .typing(&["CAPA", "USER alice", "PASS wonderland"]),
    Fault::new(
        "capa-no-status",
        "the list of capabilities begins without +OK",
        &["capa-no-status"],
        &[FaultStep::new(Status, &["CAPA"], Drop)],
    )
    .typing(&["CAPA", "QUIT"]),
    Fault::new(
        "capa-blank-lines",
        "the list of capabilities contains an empty line",
        &["capa-blank-lines"],
        &[FaultStep::new(Data, &["CAPA"], After(b"\r\n")).when(|said| said.index == 1)],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-malformed-tag",
        "a capability and its parameter are not separated by a space",
        &["capa-malformed-tag"],
        &[FaultStep::new(Data, &["CAPA"], Say("EXPIRENEVER")).when(|said| is(said, "EXPIRE"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-misspelled-tag",
        "a capability is misspelled",
        &["capa-misspelled-tag"],
        &[FaultStep::new(Data, &["CAPA"], Say("PIPELINE")).when(|said| is(said, "PIPELINING"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-unregistered-tag",
        "a private capability does not begin with X",
        &["capa-unregistered-tag"],
        &[FaultStep::new(Data, &["CAPA"], Before(b"MADEUP\r\n")).when(|said| said.index == 0)],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-duplicate-tag",
        "a capability is listed twice",
        &["capa-duplicate-tag"],
        &[FaultStep::new(Data, &["CAPA"], After(b"TOP\r\n")).when(|said| is(said, "TOP"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-line-over-512",
        "a line of CAPA is 600 octets long",
        &["capa-line-over-512"],
        &[FaultStep::new(
            Data,
            &["CAPA"],
            Edit(|_, out| {
                out.extend_from_slice(b"IMPLEMENTATION ");
                out.extend([b'x'; 585]);
                out.extend_from_slice(b"\r\n");
            }),
        )
        .when(|said| is(said, "IMPLEMENTATION"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-announces-refused",
        "UIDL is announced but refused",
        &["capa-announces-refused"],
        &[],
    )
    .refusing(|asked| (asked.verb == "UIDL").then_some("-ERR unknown command")),
    Fault::new(
        "capa-hides-working",
        "UIDL works but is not announced",
        &["capa-hides-working"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| is(said, "UIDL"))],
    ),
    Fault::new(
        "capa-differs-after-login",
        "PIPELINING is no longer announced after login",
        &["capa-differs-after-login"],
        &[FaultStep::new(Data, &["CAPA"], Drop)
            .when(|said| said.asked.session.is_transaction() && is(said, "PIPELINING"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "capa-differs-after-tls",
        "UIDL is announced only inside TLS",
        &["capa-differs-after-tls"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| !said.asked.session.tls.is_on() && is(said, "UIDL"))],
    )
    .typing(STLS)
    .in_clear(),
    Fault::new(
        "capa-stls-inside-tls",
        "STLS is announced inside TLS",
        &["capa-stls-inside-tls"],
        &[FaultStep::new(Terminator, &["CAPA"], Before(b"STLS\r\n"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "expire-zero",
        "EXPIRE 0 is announced: messages may be deleted once fetched",
        &["expire-zero"],
        &[FaultStep::new(Data, &["CAPA"], Say("EXPIRE 0")).when(|said| is(said, "EXPIRE"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "implementation-leaks",
        "IMPLEMENTATION reveals the version and the host",
        &["implementation-leaks"],
        &[FaultStep::new(
            Data,
            &["CAPA"],
            Say("IMPLEMENTATION Example-POP3-4.0.5-mail7.example.org"),
        )
        .when(|said| is(said, "IMPLEMENTATION"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "utf8-capability-parameter",
        "the capability UTF8 has a parameter that no RFC defines",
        &["utf8-capability-parameter"],
        &[FaultStep::new(Data, &["CAPA"], Say("UTF8 PASSWORD")).when(|said| is(said, "UTF8"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "pipelining-undeclared",
        "pipelining works but is not announced",
        &["pipelining-undeclared"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| is(said, "PIPELINING"))],
    )
    .beyond_check("it pipelines only if PIPELINING is announced, as a client must")
    .typing(&[
        "CAPA",
        "USER alice",
        "PASS wonderland",
        "NOOP\r\nSTAT",
        "QUIT",
    ]),
    Fault::new(
        "pipelining-drops",
        "pipelining is announced, but only the first of several commands is answered",
        &["pipelining-drops"],
        &[],
    )
    .losing(|_| true)
    .typing(&[
        "CAPA",
        "USER alice",
        "PASS wonderland",
        "NOOP\r\nSTAT\r\nLIST",
    ]),
    Fault::new(
        "resp-code-without-capa",
        "response codes are used but not announced",
        &["resp-code-without-capa"],
        &[FaultStep::new(Data, &["CAPA"], Drop)
            .when(|said| said.word(0).ends_with("RESP-CODES") || said.word(0) == "AUTH-RESP-CODE")],
    )
    .typing(WRONG),
    Fault::new(
        "resp-code-lookalike",
        "text in brackets looks like a response code but is not one",
        &["resp-code-lookalike"],
        &[FaultStep::new(Status, &["NOOP"], Say("-ERR [mail7] not now"))],
    ),
    Fault::new(
        "resp-code-auth-missing",
        "AUTH-RESP-CODE is announced, but a failed login has no code",
        &["resp-code-auth-missing"],
        &[
            FaultStep::new(Status, &["PASS", "APOP", "AUTH"], Say("-ERR login failed"))
                .when(|said| !said.is_positive),
        ],
    )
    .typing(WRONG),
    Fault::new(
        "resp-code-on-user",
        "USER is refused with [AUTH], which reveals which mailboxes exist",
        &["resp-code-on-user"],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "USER").then_some("-ERR [AUTH] invalid user")
    })
    .typing(UNKNOWN),
    Fault::new(
        "resp-code-misplaced",
        "DELE is refused with [IN-USE]",
        &["resp-code-misplaced"],
        &[],
    )
    .refusing(|asked| (asked.verb == "DELE").then_some("-ERR [IN-USE] no such message"))
    .typing(&["USER alice", "PASS wonderland", "DELE 1", "STAT", "QUIT"]),
    Fault::new(
        "user-enumeration-text",
        "USER is refused for an unknown name, which reveals which mailboxes exist",
        &["user-enumeration-text"],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "USER" && asked.args != "alice").then_some("-ERR no mailbox for that user")
    })
    .typing(UNKNOWN),
    Fault::new(
        "user-enumeration-timing",
        "USER takes 200 ms longer for a mailbox that exists",
        &[],
        &[FaultStep::new(Status, &["USER"], Wait(200)).when(|said| said.asked.args == "alice")],
    )
    .typing(WRONG)
    .because("one login shows no difference in time; `check --samples 5` compares several"),
    Fault::new(
        "tarpit",
        "a failed login is answered after two seconds",
        &["tarpit"],
        &[FaultStep::new(Status, &["PASS"], Wait(2000)).when(|said| !said.is_positive)],
    )
    .typing(WRONG),
    Fault::new(
        "closed-after-failed-login",
        "a failed login closes the connection",
        &["closed-after-failed-login"],
        &[
            FaultStep::new(Status, &["PASS"], super::Does::Last(b"-ERR [AUTH] no\r\n"))
                .when(|said| !said.is_positive),
        ],
    )
    .typing(WRONG),
    Fault::new("accepts-any-password", "every password is accepted", &[], &[])
        .hearing(|asked| (asked.verb == "PASS").then(|| "PASS wonderland".to_owned()))
        .typing(WRONG)
        .because("a transcript does not show that the password was wrong; `check` sends a wrong one"),
    Fault::new(
        "login-delay",
        "the login is refused with [LOGIN-DELAY]",
        &["login-delay"],
        &[],
    )
    .refusing(|asked| asked.is_login().then_some("-ERR [LOGIN-DELAY] wait a minute"))
    .typing(CAPABILITIES),
    Fault::new(
        "in-use-lingers",
        "the login is refused with [IN-USE]",
        &["in-use-lingers"],
        &[],
    )
    .refusing(|asked| asked.is_login().then_some("-ERR [IN-USE] maildrop is locked"))
    .typing(&[
        "CAPA",
        "USER alice",
        "PASS wonderland",
        "USER alice",
        "PASS wonderland",
        "QUIT",
    ]),
    Fault::new(
        "required-command-refused",
        "STAT is refused after login",
        &["required-command-refused"],
        &[],
    )
    .refusing(|asked| (asked.verb == "STAT" && asked.session.is_transaction()).then_some("-ERR not now")),
    Fault::new(
        "noop-before-login",
        "NOOP works before login",
        &["noop-before-login"],
        &[FaultStep::new(Status, &["NOOP"], Say("+OK"))],
    )
    .typing(&["NOOP", "USER alice", "PASS wonderland", "QUIT"]),
    Fault::new(
        "apop-timestamp-malformed",
        "the timestamp in the greeting is not a valid msg-id",
        &["apop-timestamp-malformed"],
        &[FaultStep::new(Greeting, &[], Say("+OK ready <20261123>"))],
    ),
    Fault::new(
        "apop-offered-fails",
        "APOP is offered but always refused",
        &["apop-offered-fails"],
        &[],
    )
    .hearing(|asked| (asked.verb == "APOP").then(|| "APOP alice 0".to_owned()))
    .typing(&[
        "APOP alice b89b16790fe51d415588ee0740a7b873",
        "USER alice",
        "PASS wonderland",
        "QUIT",
    ]),
    Fault::new(
        "scram-plus-refused",
        "SCRAM with channel binding is offered but always refused",
        &[],
        &[],
    )
    // Seen: Cyrus 3.6, which supports only the binding `tls-unique`.
    .refusing(|asked| {
        let mechanism = asked.args.split(' ').next().unwrap_or_default();
        let is_bound = asked.verb == "AUTH" && mechanism.to_ascii_uppercase().ends_with("-PLUS");
        is_bound.then_some("-ERR [AUTH] authenticating: bad protocol / cancel")
    })
    .because("a transcript does not show that the password was right")
    .typing(&[
        "CAPA",
        "AUTH SCRAM-SHA-256-PLUS",
        "USER alice",
        "PASS wonderland",
        "QUIT",
    ]),
    Fault::new(
        "digests-refused",
        "digest logins are offered but always refused, as by a server that stores only password hashes",
        &["apop-offered-fails"],
        &[],
    )
    // Seen: Dovecot 2.3 with passwords in SHA512-CRYPT.
    .refusing(|asked| {
        let mechanism = asked.args.to_ascii_uppercase();
        let is_digest = match asked.verb.as_str() {
            "APOP" => true,
            "AUTH" => mechanism.starts_with("SCRAM-") || mechanism.starts_with("CRAM-"),
            _ => false,
        };
        is_digest.then_some("-ERR [AUTH] Authentication failed.")
    })
    .typing(&[
        "APOP alice b89b16790fe51d415588ee0740a7b873",
        "AUTH CRAM-MD5",
        "USER alice",
        "PASS wonderland",
        "QUIT",
    ]),
    Fault::new(
        "sasl-plus-no-space",
        "an empty challenge is `+` without a space",
        &["sasl-plus-no-space"],
        &[FaultStep::new(Status, &["AUTH"], Say("+")).when(|said| said.text == b"+ ")],
    )
    .typing(&["AUTH PLAIN", "AGFsaWNlAHdvbmRlcmxhbmQ=", "QUIT"]),
    Fault::new(
        "sasl-plus-with-text",
        "an empty challenge has text instead",
        &["sasl-plus-with-text"],
        &[FaultStep::new(Status, &["AUTH"], Say("+ go ahead")).when(|said| said.text == b"+ ")],
    )
    .typing(&["AUTH PLAIN", "AGFsaWNlAHdvbmRlcmxhbmQ=", "QUIT"]),
    Fault::new(
        "sasl-bad-base64-accepted",
        "a response that is not base64 is accepted",
        &[],
        &[],
    )
    .hearing(|asked| (asked.line == "AUTH PLAIN !!!!").then(|| PLAIN.to_owned()))
    .typing(&["AUTH PLAIN !!!!", "QUIT"])
    .because("a transcript hides the response; `sasl-bad-base64-accepted` finds it only with secrets kept"),
    Fault::new(
        "sasl-cancel-ignored",
        "`*` during AUTH logs in instead of cancelling",
        &["sasl-cancel-ignored"],
        &[],
    )
    .hearing(|asked| {
        (asked.line == "*" && asked.response > 0).then(|| "AGFsaWNlAHdvbmRlcmxhbmQ=".to_owned())
    })
    .typing(&["AUTH PLAIN", "*", "QUIT"]),
    Fault::new(
        "sasl-ir-rejected",
        "AUTH with an initial response is refused",
        &["sasl-ir-rejected"],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "AUTH" && asked.args.contains(' ')).then_some("-ERR syntax error")
    })
    .typing(&[PLAIN, "AUTH PLAIN", "AGFsaWNlAHdvbmRlcmxhbmQ=", "QUIT"]),
    Fault::new(
        "sasl-announced-unknown",
        "the mechanism PLAIN is announced but unknown",
        &["sasl-announced-unknown"],
        &[],
    )
    .refusing(|asked| {
        let is_plain = asked.verb == "AUTH" && asked.arg(0).eq_ignore_ascii_case("PLAIN");
        is_plain.then_some("-ERR unknown mechanism")
    })
    .typing(&["CAPA", "AUTH PLAIN", "QUIT"]),
    Fault::new(
        "sasl-no-mechanism",
        "SASL is announced without any mechanism",
        &["sasl-no-mechanism"],
        &[FaultStep::new(Data, &["CAPA"], Say("SASL")).when(|said| is(said, "SASL"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "sasl-mechanism-name",
        "a mechanism's name has lower-case letters and a dot",
        &["sasl-mechanism-name"],
        &[FaultStep::new(
            Data,
            &["CAPA"],
            Edit(|said, out| with(said, out, " xoauth_bearer.2")),
        )
        .when(|said| is(said, "SASL"))],
    )
    .typing(CAPABILITIES),
    Fault::new(
        "sasl-probe-unsupported",
        "AUTH without a mechanism is refused",
        &["sasl-probe-unsupported"],
        &[],
    )
    .refusing(|asked| {
        (asked.verb == "AUTH" && asked.args.is_empty()).then_some("-ERR which mechanism?")
    })
    .typing(&["AUTH", "QUIT"]),
    Fault::new(
        "sasl-second-auth",
        "AUTH is accepted after login",
        &["sasl-second-auth"],
        &[FaultStep::new(Status, &["AUTH"], Say("+ ")).when(|said| said.asked.session.is_transaction())],
    )
    .typing(&["USER alice", "PASS wonderland", "AUTH PLAIN", "*", "QUIT"]),
    Fault::new(
        "sasl-ok-as-challenge",
        "AUTH is answered with +OK instead of a challenge",
        &["sasl-ok-as-challenge"],
        &[FaultStep::new(Status, &["AUTH"], Say("+OK"))],
    )
    .typing(&["AUTH NTLM", "QUIT"]),
    Fault::new(
        "sasl-ir-server-first-accepted",
        "CRAM-MD5 accepts an initial response",
        &["sasl-ir-server-first-accepted"],
        &[],
    )
    .beyond_check("finding it costs one more failed login, and the fault is harmless")
    .hearing(|asked| (asked.line == "AUTH CRAM-MD5 eA==").then(|| "AUTH CRAM-MD5".to_owned()))
    .typing(&["AUTH CRAM-MD5 eA==", "*", "QUIT"]),
    Fault::new(
        "weak-mechanism-only",
        "only weak mechanisms are offered",
        &["weak-mechanism-only"],
        &[
            FaultStep::new(Data, &["CAPA"], Say("SASL NTLM CRAM-MD5")).when(|said| is(said, "SASL")),
            FaultStep::new(Data, &["CAPA"], Drop).when(|said| is(said, "USER")),
        ],
    )
    .typing(&["CAPA", "QUIT"]),
    Fault::new(
        "no-tls-offered",
        "TLS is not offered",
        &["no-tls-offered"],
        &[
            FaultStep::new(Data, &["CAPA"], Drop).when(|said| is(said, "STLS")),
        ],
    )
    .refusing(|asked| (asked.verb == "STLS").then_some("-ERR unknown command"))
    .typing(CAPABILITIES)
    .in_clear()
    .because("found by `no-tls-offered` on a network, not on the loopback interface"),
    Fault::new(
        "stls-stripped",
        "an attacker on the network path removes STLS from the capabilities",
        &["stls-stripped"],
        &[FaultStep::new(Data, &["CAPA"], Drop).when(|said| is(said, "STLS") && said.asked.nth > 1)],
    )
    .typing(&["CAPA", "CAPA", "QUIT"])
    .in_clear(),
    Fault::new(
        "stls-response-injection",
        "cleartext follows the +OK to STLS",
        &["stls-response-injection"],
        &[FaultStep::new(Status, &["STLS"], After(b"+OK\r\nTOP\r\n.\r\n")).where_ok()],
    )
    .typing(STLS)
    .in_clear(),
    Fault::new(
        "stls-command-injection",
        "a command sent in cleartext after STLS is carried out inside TLS",
        &["stls-command-injection"],
        &[],
    )
    .after_stls(Leftover::CarryOut)
    .typing(&["STLS", "CAPA", "QUIT"])
    .in_clear(),
    Fault::new(
        "stls-discards-leftover",
        "a command sent in cleartext after STLS is discarded",
        &[],
        &[],
    )
    .after_stls(Leftover::Discard)
    .typing(&["STLS", "CAPA", "QUIT"])
    .in_clear()
    .because("this is correct; the practice server closes the connection instead"),
    Fault::new(
        "stls-ok-no-handshake",
        "the connection is closed after the +OK to STLS",
        &["stls-ok-no-handshake"],
        &[FaultStep::new(
            Status,
            &["STLS"],
            super::Does::Last(b"+OK begin\r\n"),
        )
        .where_ok()],
    )
    .typing(STLS)
    .in_clear(),
    Fault::new(
        "stls-in-transaction",
        "STLS is accepted after login",
        &["stls-in-transaction"],
        &[FaultStep::new(Status, &["STLS"], Say("+OK begin")).when(|said| said.asked.session.is_transaction())],
    )
    .typing(&["USER alice", "PASS wonderland", "STLS"])
    .in_clear(),
    Fault::new(
        "lang-list-malformed",
        "a line of LANG does not begin with a language tag",
        &["lang-list-malformed"],
        &[FaultStep::new(Data, &["LANG"], Say("(de) Deutsch")).when(|said| said.index == 1)],
    )
    .typing(&["USER alice", "PASS wonderland", "LANG", "QUIT"]),
    Fault::new(
        "lang-reply-without-tag",
        "LANG does not say which language it chose",
        &["lang-reply-without-tag"],
        &[FaultStep::new(Status, &["LANG"], Say("+OK"))
            .when(|said| !said.asked.args.is_empty())
            .where_ok()],
    )
    .typing(&["USER alice", "PASS wonderland", "LANG en", "QUIT"]),
    Fault::new(
        "silent-login",
        "PASS closes the connection without a reply",
        &["closed-before-reply"],
        &[FaultStep::new(Status, &["PASS"], Close)],
    ),
];
