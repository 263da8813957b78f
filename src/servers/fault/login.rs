//! Faults of capabilities, response codes, logins and TLS.

use super::FaultAction::{After, Before, Close, Drop, Edit, End, Last, Say, Wait};
use super::ServerLineKind::{Data, Greeting, Status, Terminator};
use super::{Fault, Leftover, Outgoing, on};
use crate::pop3::session::Accepted;

const CAPABILITIES: &str = "CAPA, USER alice, PASS wonderland, CAPA, QUIT";
const WRONG: &str = "CAPA, USER alice, PASS wrong, QUIT";
const UNKNOWN: &str = "CAPA, USER bob, PASS wrong, QUIT";
const PLAIN: &str = "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=";
const STLS: &str = "CAPA, STLS, CAPA, USER alice, PASS wonderland, QUIT";

fn is(said: &Outgoing<'_>, tag: &str) -> bool {
    said.word(0) == tag
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("capa-unsupported")
        .says("CAPA is an unknown command")
        .refuse_with(|asked| (asked.verb == "CAPA").then_some("-ERR unknown command")),
    Fault::new("capa-refused-mid-login")
        .says("CAPA is refused between USER and PASS")
        .refuse_with(|asked| {
            (asked.verb == "CAPA" && asked.session.accepted == Accepted::Yes)
                .then_some("-ERR send PASS")
        })
        .typing("CAPA, USER alice, CAPA, PASS wonderland, QUIT"),
    Fault::new("capa-no-terminator")
        .says("the list of capabilities ends without a dot")
        .steps(&[on(Terminator, &["CAPA"], Drop)])
        .typing("CAPA, USER alice, PASS wonderland"),
    Fault::new("capa-no-status")
        .says("the list of capabilities begins without +OK")
        .steps(&[on(Status, &["CAPA"], Drop)])
        .typing("CAPA, QUIT"),
    Fault::new("capa-blank-lines")
        .says("the list of capabilities contains an empty line")
        .steps(&[on(Data, &["CAPA"], After(b"\r\n")).when(|said| said.index == 1)])
        .typing(CAPABILITIES),
    Fault::new("capa-malformed-tag")
        .says("a capability and its parameter are not separated by a space")
        .steps(&[on(Data, &["CAPA"], Say("EXPIRENEVER")).when(|said| is(said, "EXPIRE"))])
        .typing(CAPABILITIES),
    Fault::new("capa-misspelled-tag")
        .says("a capability is misspelled")
        .steps(&[on(Data, &["CAPA"], Say("PIPELINE")).when(|said| is(said, "PIPELINING"))])
        .typing(CAPABILITIES),
    Fault::new("capa-unregistered-tag")
        .says("a private capability does not begin with X")
        .steps(&[on(Data, &["CAPA"], Before(b"MADEUP\r\n")).when(|said| said.index == 0)])
        .typing(CAPABILITIES),
    Fault::new("capa-duplicate-tag")
        .says("a capability is listed twice")
        .steps(&[on(Data, &["CAPA"], After(b"TOP\r\n")).when(|said| is(said, "TOP"))])
        .typing(CAPABILITIES),
    Fault::new("capa-line-over-512")
        .says("a line of CAPA is 600 octets long")
        .steps(&[on(
            Data,
            &["CAPA"],
            Edit(|_| format!("IMPLEMENTATION {:x>585}", "").into()),
        )
        .when(|said| is(said, "IMPLEMENTATION"))])
        .typing(CAPABILITIES),
    Fault::new("capa-announces-refused")
        .says("UIDL is announced but refused")
        .refuse_with(|asked| (asked.verb == "UIDL").then_some("-ERR unknown command")),
    Fault::new("capa-hides-working")
        .says("UIDL works but is not announced")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| is(said, "UIDL"))]),
    Fault::new("capa-differs-after-login")
        .says("PIPELINING is no longer announced after login")
        .steps(&[on(Data, &["CAPA"], Drop)
            .when(|said| said.asked.session.is_transaction() && is(said, "PIPELINING"))])
        .typing(CAPABILITIES),
    Fault::new("capa-differs-after-tls")
        .says("UIDL is announced only inside TLS")
        .steps(&[on(Data, &["CAPA"], Drop)
            .when(|said| !said.asked.session.tls.is_on() && is(said, "UIDL"))])
        .typing(STLS)
        .in_clear(),
    Fault::new("capa-stls-inside-tls")
        .says("STLS is announced inside TLS")
        .steps(&[on(Terminator, &["CAPA"], Before(b"STLS\r\n"))])
        .typing(CAPABILITIES),
    Fault::new("expire-zero")
        .says("EXPIRE 0 is announced: messages may be deleted once fetched")
        .steps(&[on(Data, &["CAPA"], Say("EXPIRE 0")).when(|said| is(said, "EXPIRE"))])
        .typing(CAPABILITIES),
    Fault::new("implementation-leaks")
        .says("IMPLEMENTATION reveals the version and the host")
        .steps(&[on(
            Data,
            &["CAPA"],
            Say("IMPLEMENTATION Example-POP3-4.0.5-mail7.example.org"),
        )
        .when(|said| is(said, "IMPLEMENTATION"))])
        .typing(CAPABILITIES),
    Fault::new("utf8-capability-parameter")
        .says("the capability UTF8 has a parameter that no RFC defines")
        .steps(&[on(Data, &["CAPA"], Say("UTF8 PASSWORD")).when(|said| is(said, "UTF8"))])
        .typing(CAPABILITIES),
    Fault::new("pipelining-undeclared")
        .says("pipelining works but is not announced")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| is(said, "PIPELINING"))])
        .beyond_check("it pipelines only if PIPELINING is announced, as a client must")
        .typing("CAPA, USER alice, PASS wonderland, NOOP\r\nSTAT, QUIT"),
    Fault::new("pipelining-drops")
        .says("pipelining is announced, but only the first of several commands is answered")
        .dropping(|_| true)
        .typing("CAPA, USER alice, PASS wonderland, NOOP\r\nSTAT\r\nLIST"),
    Fault::new("resp-code-without-capa")
        .says("response codes are used but not announced")
        .steps(&[on(Data, &["CAPA"], Drop)
            .when(|said| said.word(0).ends_with("RESP-CODES") || said.word(0) == "AUTH-RESP-CODE")])
        .typing(WRONG),
    Fault::new("resp-code-lookalike")
        .says("text in brackets looks like a response code but is not one")
        .steps(&[on(Status, &["NOOP"], Say("-ERR [mail7] not now"))]),
    Fault::new("resp-code-auth-missing")
        .says("AUTH-RESP-CODE is announced, but a failed login has no code")
        .steps(&[
            on(Status, &["PASS", "APOP", "AUTH"], Say("-ERR login failed"))
                .when(|said| !said.is_positive),
        ])
        .typing(WRONG),
    Fault::new("resp-code-on-user")
        .says("USER is refused with [AUTH], which reveals which mailboxes exist")
        .refuse_with(|asked| (asked.verb == "USER").then_some("-ERR [AUTH] invalid user"))
        .typing(UNKNOWN),
    Fault::new("resp-code-misplaced")
        .says("DELE is refused with [IN-USE]")
        .refuse_with(|asked| (asked.verb == "DELE").then_some("-ERR [IN-USE] no such message"))
        .typing("USER alice, PASS wonderland, DELE 1, STAT, QUIT"),
    Fault::new("user-enumeration-text")
        .says("USER is refused for an unknown name, which reveals which mailboxes exist")
        .refuse_with(|asked| {
            (asked.verb == "USER" && asked.args != "alice")
                .then_some("-ERR no mailbox for that user")
        })
        .typing(UNKNOWN),
    Fault::new("user-enumeration-timing")
        .says("USER takes 200 ms longer for a mailbox that exists")
        .steps(&[on(Status, &["USER"], Wait(200)).when(|said| said.asked.args == "alice")])
        .typing(WRONG)
        .because("one login shows no difference in time; `check --samples 5` compares several"),
    Fault::new("tarpit")
        .says("a failed login is answered after two seconds")
        .steps(&[on(Status, &["PASS"], Wait(2000)).when(|said| !said.is_positive)])
        .typing(WRONG),
    Fault::new("closed-after-failed-login")
        .says("a failed login closes the connection")
        .steps(&[on(Status, &["PASS"], Last(b"-ERR [AUTH] no\r\n")).when(|said| !said.is_positive)])
        .typing(WRONG),
    Fault::new("accepts-any-password")
        .says("every password is accepted")
        .rewriting(|asked| (asked.verb == "PASS").then(|| "PASS wonderland".to_owned()))
        .typing(WRONG)
        .because(
            "a transcript does not show that the password was wrong; `check` sends a wrong one",
        ),
    Fault::new("login-delay")
        .says("the login is refused with [LOGIN-DELAY]")
        .refuse_with(|asked| {
            asked
                .is_login()
                .then_some("-ERR [LOGIN-DELAY] wait a minute")
        })
        .typing(CAPABILITIES),
    Fault::new("in-use-lingers")
        .says("the login is refused with [IN-USE]")
        .refuse_with(|asked| {
            asked
                .is_login()
                .then_some("-ERR [IN-USE] maildrop is locked")
        })
        .typing("CAPA, USER alice, PASS wonderland, USER alice, PASS wonderland, QUIT"),
    Fault::new("required-command-refused")
        .says("STAT is refused after login")
        .refuse_with(|asked| {
            (asked.verb == "STAT" && asked.session.is_transaction()).then_some("-ERR not now")
        }),
    Fault::new("noop-before-login")
        .says("NOOP works before login")
        .steps(&[on(Status, &["NOOP"], Say("+OK"))])
        .typing("NOOP, USER alice, PASS wonderland, QUIT"),
    Fault::new("apop-timestamp-malformed")
        .says("the timestamp in the greeting is not a valid msg-id")
        .steps(&[on(Greeting, &[], Say("+OK ready <20261123>"))]),
    Fault::new("apop-offered-fails")
        .says("APOP is offered but always refused")
        .rewriting(|asked| (asked.verb == "APOP").then(|| "APOP alice 0".to_owned()))
        .typing("APOP alice b89b16790fe51d415588ee0740a7b873, USER alice, PASS wonderland, QUIT"),
    Fault::new("scram-plus-refused")
        .says("SCRAM with channel binding is offered but always refused")
        // Seen: Cyrus 3.6, which supports only the binding `tls-unique`.
        .refuse_with(|asked| {
            let mechanism = asked.args.split(' ').next().unwrap_or_default();
            let is_bound =
                asked.verb == "AUTH" && mechanism.to_ascii_uppercase().ends_with("-PLUS");
            is_bound.then_some("-ERR [AUTH] authenticating: bad protocol / cancel")
        })
        .because("a transcript does not show that the password was right")
        .typing("CAPA, AUTH SCRAM-SHA-256-PLUS, USER alice, PASS wonderland, QUIT"),
    Fault::new("digests-refused")
        .says(
            "digest logins are offered but always refused, as by a server that \
            stores only password hashes",
        )
        .finding(&["apop-offered-fails"])
        // Seen: Dovecot 2.3 with passwords in SHA512-CRYPT.
        .refuse_with(|asked| {
            let mechanism = asked.args.to_ascii_uppercase();
            let is_digest = match asked.verb.as_str() {
                "APOP" => true,
                "AUTH" => mechanism.starts_with("SCRAM-") || mechanism.starts_with("CRAM-"),
                _ => false,
            };
            is_digest.then_some("-ERR [AUTH] Authentication failed.")
        })
        .typing(
            "APOP alice b89b16790fe51d415588ee0740a7b873, AUTH CRAM-MD5, USER alice, \
            PASS wonderland, QUIT",
        ),
    Fault::new("sasl-plus-no-space")
        .says("an empty challenge is `+` without a space")
        .steps(&[on(Status, &["AUTH"], Say("+")).when(|said| said.text == b"+ ")])
        .typing("AUTH PLAIN, AGFsaWNlAHdvbmRlcmxhbmQ=, QUIT"),
    Fault::new("sasl-plus-with-text")
        .says("an empty challenge has text instead")
        .steps(&[on(Status, &["AUTH"], Say("+ go ahead")).when(|said| said.text == b"+ ")])
        .typing("AUTH PLAIN, AGFsaWNlAHdvbmRlcmxhbmQ=, QUIT"),
    Fault::new("sasl-bad-base64-accepted")
        .says("a response that is not base64 is accepted")
        .rewriting(|asked| (asked.line == "AUTH PLAIN !!!!").then(|| PLAIN.to_owned()))
        .typing("AUTH PLAIN !!!!, QUIT")
        .because(
            "a transcript hides the response; `sasl-bad-base64-accepted` finds it only \
        with secrets kept",
        ),
    Fault::new("sasl-cancel-ignored")
        .says("`*` during AUTH logs in instead of cancelling")
        .rewriting(|asked| {
            (asked.line == "*" && asked.response > 0).then(|| "AGFsaWNlAHdvbmRlcmxhbmQ=".to_owned())
        })
        .typing("AUTH PLAIN, *, QUIT"),
    Fault::new("sasl-ir-rejected")
        .says("AUTH with an initial response is refused")
        .refuse_with(|asked| {
            (asked.verb == "AUTH" && asked.args.contains(' ')).then_some("-ERR syntax error")
        })
        .typing("AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=, AUTH PLAIN, AGFsaWNlAHdvbmRlcmxhbmQ=, QUIT"),
    Fault::new("sasl-announced-unknown")
        .says("the mechanism PLAIN is announced but unknown")
        .refuse_with(|asked| {
            let is_plain = asked.verb == "AUTH" && asked.arg(0).eq_ignore_ascii_case("PLAIN");
            is_plain.then_some("-ERR unknown mechanism")
        })
        .typing("CAPA, AUTH PLAIN, QUIT"),
    Fault::new("sasl-no-mechanism")
        .says("SASL is announced without any mechanism")
        .steps(&[on(Data, &["CAPA"], Say("SASL")).when(|said| is(said, "SASL"))])
        .typing(CAPABILITIES),
    Fault::new("sasl-mechanism-name")
        .says("a mechanism's name has lower-case letters and a dot")
        .steps(&[on(Data, &["CAPA"], End(b" xoauth_bearer.2\r\n")).when(|said| is(said, "SASL"))])
        .typing(CAPABILITIES),
    Fault::new("sasl-probe-unsupported")
        .says("AUTH without a mechanism is refused")
        .refuse_with(|asked| {
            (asked.verb == "AUTH" && asked.args.is_empty()).then_some("-ERR which mechanism?")
        })
        .typing("AUTH, QUIT"),
    Fault::new("sasl-second-auth")
        .says("AUTH is accepted after login")
        .steps(&[on(Status, &["AUTH"], Say("+ ")).when(|said| said.asked.session.is_transaction())])
        .typing("USER alice, PASS wonderland, AUTH PLAIN, *, QUIT"),
    Fault::new("sasl-ok-as-challenge")
        .says("AUTH is answered with +OK instead of a challenge")
        .steps(&[on(Status, &["AUTH"], Say("+OK"))])
        .typing("AUTH NTLM, QUIT"),
    Fault::new("sasl-ir-server-first-accepted")
        .says("CRAM-MD5 accepts an initial response")
        .beyond_check("finding it costs one more failed login, and the fault is harmless")
        .rewriting(|asked| (asked.line == "AUTH CRAM-MD5 eA==").then(|| "AUTH CRAM-MD5".to_owned()))
        .typing("AUTH CRAM-MD5 eA==, *, QUIT"),
    Fault::new("weak-mechanism-only")
        .says("only weak mechanisms are offered")
        .steps(&[
            on(Data, &["CAPA"], Say("SASL NTLM CRAM-MD5")).when(|said| is(said, "SASL")),
            on(Data, &["CAPA"], Drop).when(|said| is(said, "USER")),
        ])
        .typing("CAPA, QUIT"),
    Fault::new("no-tls-offered")
        .says("TLS is not offered")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| is(said, "STLS"))])
        .refuse_with(|asked| (asked.verb == "STLS").then_some("-ERR unknown command"))
        .typing(CAPABILITIES)
        .in_clear()
        .because("found by `no-tls-offered` on a network, not on the loopback interface")
        .finding(&["no-tls-offered"]),
    Fault::new("stls-stripped")
        .says("an attacker on the network path removes STLS from the capabilities")
        .steps(&[on(Data, &["CAPA"], Drop).when(|said| is(said, "STLS") && said.asked.nth > 1)])
        .typing("CAPA, CAPA, QUIT")
        .in_clear(),
    Fault::new("stls-response-injection")
        .says("cleartext follows the +OK to STLS")
        .steps(&[on(Status, &["STLS"], After(b"+OK\r\nTOP\r\n.\r\n")).where_ok()])
        .typing(STLS)
        .in_clear(),
    Fault::new("stls-command-injection")
        .says("a command sent in cleartext after STLS is carried out inside TLS")
        .after_stls(Leftover::CarryOut)
        .typing("STLS, CAPA, QUIT")
        .in_clear(),
    Fault::new("stls-discards-leftover")
        .says("a command sent in cleartext after STLS is discarded")
        .after_stls(Leftover::Discard)
        .typing("STLS, CAPA, QUIT")
        .in_clear()
        .because("this is correct; the practice server closes the connection instead"),
    Fault::new("stls-ok-no-handshake")
        .says("the connection is closed after the +OK to STLS")
        .steps(&[on(Status, &["STLS"], Last(b"+OK begin\r\n")).where_ok()])
        .typing(STLS)
        .in_clear(),
    Fault::new("stls-in-transaction")
        .says("STLS is accepted after login")
        .steps(&[on(Status, &["STLS"], Say("+OK begin"))
            .when(|said| said.asked.session.is_transaction())])
        .typing("USER alice, PASS wonderland, STLS")
        .in_clear(),
    Fault::new("lang-list-malformed")
        .says("a line of LANG does not begin with a language tag")
        .steps(&[on(Data, &["LANG"], Say("(de) Deutsch")).when(|said| said.index == 1)])
        .typing("USER alice, PASS wonderland, LANG, QUIT"),
    Fault::new("lang-reply-without-tag")
        .says("LANG does not say which language it chose")
        .steps(&[on(Status, &["LANG"], Say("+OK"))
            .when(|said| !said.asked.args.is_empty())
            .where_ok()])
        .typing("USER alice, PASS wonderland, LANG en, QUIT"),
    Fault::new("silent-login")
        .says("PASS closes the connection without a reply")
        .finding(&["closed-before-reply"])
        .steps(&[on(Status, &["PASS"], Close)]),
];
