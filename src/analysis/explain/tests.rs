//! Every row of every table is explained by a text, and the texts fit the screen.

use super::*;
use crate::pop3::tracker::Status;

fn answer(text: &str) -> Explained {
    explain(text, &ExplainContext::default())
}

/// The explanation in one line, so that a search does not depend on the wrapping.
fn flat(explained: &Explained) -> String {
    let text = explained.text(80);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn asked(text: &str, context: &ExplainContext) -> String {
    flat(&explain(text, context))
}

fn has(found: &str, part: &str) -> bool {
    let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
    found.to_lowercase().contains(&part.to_lowercase())
}

#[track_caller]
fn fits(explained: &Explained) {
    for width in [20, 40, 80, 200] {
        let text = explained.text(width);
        let limit = width.min(80);
        assert!(!text.replace('\n', "").contains(char::is_control), "{text}");
        // The example of a command keeps its own lines.
        let is_command = explained
            .parts
            .iter()
            .any(|part| matches!(part, ExplainedPart::Command(_)));
        if width >= 80 && !is_command {
            for line in text.lines() {
                assert!(line.chars().count() <= limit, "{line}");
            }
        }
    }
}

#[test]
fn every_code_is_explained_in_brackets_alone_and_in_a_reply() {
    for row in codes::ROWS {
        let name = row.name();
        let sign = if row.sign == Status::Positive {
            "+OK"
        } else {
            "-ERR"
        };
        for text in [
            name.clone(),
            format!("[{name}]"),
            format!("[{}]", name.to_lowercase()),
            format!("{sign} [{name}]"),
            format!("{sign} [{name}] a text that nobody knows"),
        ] {
            let explained = answer(&text);
            let found = flat(&explained);
            assert!(explained.is_known, "{text}");
            assert!(has(&found, row.means) && has(&found, row.cause), "{found}");
            assert!(has(&found, row.next) && has(&found, row.source), "{found}");
            fits(&explained);
        }
    }
}

#[test]
fn every_capability_is_explained_with_its_parameters() {
    for row in capabilities::ROWS {
        let explained = answer(row.tag);
        let found = flat(&explained);
        assert!(explained.is_known, "{}", row.tag);
        assert!(has(&found, row.means) && has(&found, row.source), "{found}");
        fits(&explained);
        for (value, says) in row.values {
            assert!(has(&flat(&answer(&format!("{} {value}", row.tag))), says));
        }
        assert_eq!(row.tag, row.tag.to_ascii_uppercase());
    }
}

#[test]
fn every_mechanism_is_explained_alone_and_in_a_sasl_line() {
    for row in mechanisms::ROWS {
        for text in [row.name.to_lowercase(), format!("SASL PLAIN {}", row.name)] {
            let explained = answer(&text);
            let found = flat(&explained);
            assert!(explained.is_known && has(&found, row.means), "{found}");
            assert!(has(&found, row.next) && has(&found, row.source), "{found}");
            fits(&explained);
        }
    }
}

#[test]
fn every_profile_is_known_by_its_names_and_its_signs() {
    for row in servers::ROWS {
        for text in row.also.iter().chain(std::iter::once(&row.name)) {
            let found = flat(&answer(text));
            assert!(has(&found, row.expect) && has(&found, row.next), "{found}");
        }
        for sign in row.signs {
            let sign = texts::example(sign, true);
            let line = match sign.starts_with("IMPLEMENTATION") {
                true => sign,
                false => format!("+OK {sign}"),
            };
            let explained = answer(&line);
            assert!(has(&flat(&explained), row.expect), "{line}");
            assert!(has(&flat(&explained), "Any server can use the same words"));
            fits(&explained);
            // More words, or fewer: not that greeting.
            for near in [format!("{line} and more"), line.replacen(' ', " my ", 1)] {
                assert!(!has(&flat(&answer(&near)), row.expect), "{near}");
            }
        }
    }
}

#[test]
fn every_command_is_explained_by_its_row() {
    for row in Command::all() {
        let explained = answer(row.verb);
        assert!(explained.is_known);
        assert!(explained.text(80).starts_with(&help::command(row, 80)));
        fits(&explained);
    }
    assert!(answer("retr 1").is_known);
    assert!(!answer("last night nobody came").is_known);
}

#[test]
fn no_row_is_there_twice_and_none_is_empty() {
    let mut names: Vec<String> = Vec::new();
    for row in codes::ROWS {
        names.push(format!("code {}", row.name()));
        assert!(
            row.cause.ends_with('.') && row.next.ends_with('.'),
            "{}",
            row.name()
        );
    }
    for row in capabilities::ROWS {
        names.push(format!("capability {}", row.tag));
        assert!(row.means.ends_with('.'), "{}", row.tag);
    }
    for row in mechanisms::ROWS {
        names.push(format!("mechanism {}", row.name));
        assert!(
            row.means.ends_with('.') && row.next.ends_with('.'),
            "{}",
            row.name
        );
    }
    for row in servers::ROWS {
        names.push(format!("profile {}", row.name));
        assert!(
            row.expect.ends_with('.') && row.next.ends_with('.'),
            "{}",
            row.name
        );
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_usual_servers_and_providers_are_known() {
    let named = "Gmail, Outlook, Exchange Online, Exchange 2003, Exchange 5.5, Yahoo, AOL, Verizon, Comcast, Maillennium, \
                 Dovecot, Courier, popa3d, GNU pop3d, Cyrus, Qpopper, Stalwart, Mailpit, WildDuck, Twisted";
    for name in named.split(", ") {
        assert!(servers::named(name).is_some(), "{name}");
    }
    for text in [
        "recent:alice@example.org",
        "EXPIRE 0",
        "LOGIN-DELAY 300",
        "+OK Gpop ready for requests from 192.0.2.1 hv19mb95710270qab",
        "+OK The Microsoft Exchange POP3 service is ready. [UwBDAA==]",
        "-ERR Protocol error. Connection is closed. 10",
        "+OK Microsoft Exchange Server 2003 POP3 server version 6.5.7638.1 (example.net) ready.",
        "+OK Maildrop ready, (JPOP server ready).",
        "IMPLEMENTATION jpop-0.1",
        "+OK POP3 clients that break here, they violate STD53.",
        "+OK Hello there.",
        "EXPIRENEVER",
        "-ERR [IN-USE] Mailbox in use",
        "[LOGIN-DELAY]",
        "XTND XMIT",
        "XTND XLST",
        "X-MANGLE",
        "[AUTH]",
        "PIPELINE",
        "IMPLEMENTATION Courier Mail Server",
        "IMPLEMENTATION Mailpit",
        "X-GOOGLE-RICO",
        "XOIP",
    ] {
        assert!(answer(text).is_known, "{text}");
    }
}

/// Exchange refuses passwords and tokens by the same words.
#[test]
fn the_refusal_of_exchange_is_not_always_that_of_a_token() {
    let text = "-ERR Authentication failure: unknown user name or bad password.";
    let found = flat(&answer(text));
    assert!(found.contains("the login was refused"), "{found}");
    assert!(
        found.contains("After a password:") && found.contains("After XOAUTH2:"),
        "{found}"
    );
}

#[test]
fn the_greeting_of_exchange_is_known_with_and_without_brackets() {
    let online = flat(&answer(
        "+OK The Microsoft Exchange POP3 service is ready. [UwBDAA==]",
    ));
    let own = flat(&answer("+OK The Microsoft Exchange POP3 service is ready."));
    assert!(
        online.contains("Exchange Online") && !own.contains("Exchange Online"),
        "{own}"
    );
    assert!(own.contains("Exchange Server"), "{own}");
}

#[test]
fn an_unknown_text_is_not_guessed_at() {
    for text in [
        "-ERR Kein Anschluss unter dieser Nummer",
        "+OK moo",
        "-ERR [FOO/BAR] moo",
    ] {
        let explained = answer(text);
        assert!(!explained.is_known, "{text}");
        let found = flat(&explained);
        assert!(found.contains("RFC 1939 §3"), "{found}");
        assert!(found.contains("poptalk does not know this text"), "{found}");
        fits(&explained);
    }
    // The code explains the reply, so that nothing need be said of the text.
    let found = flat(&answer("-ERR [SYS/TEMP] moo"));
    assert!(found.contains("a temporary problem") && !found.contains("moo"));
    for text in ["XFOO", "wibble", "[]", "[no code]"] {
        assert!(!answer(text).is_known, "{text}");
    }
    assert!(flat(&answer("XFOO")).contains("only their author can explain"));
}

#[test]
fn a_code_is_known_by_its_longest_known_levels() {
    let found = flat(&answer("-ERR [SYS/TEMP/foo/bar] later"));
    assert!(
        found.contains("`SYS/TEMP`") && found.contains("detail `foo/bar`"),
        "{found}"
    );
    let found = flat(&answer("[sys/foo]"));
    assert!(
        found.contains("`SYS`,") && found.contains("detail `foo`"),
        "{found}"
    );
    assert!(codes::find("SYSTEM").is_none());
    let found = flat(&answer(
        "-ERR [REFERRAL/pop://alice@pop2.example.org] go there",
    ));
    assert!(found.contains("`pop://alice@pop2.example.org`"), "{found}");
}

#[test]
fn only_resp_codes_makes_a_bracket_a_code_for_certain() {
    let with = |has_codes| ExplainContext {
        has_codes,
        ..ExplainContext::default()
    };
    let line = "-ERR [IN-USE] busy";
    assert!(!asked(line, &with(Some(true))).contains("looks like"));
    assert!(asked(line, &with(Some(false))).contains("CAPA does not list RESP-CODES"));
    assert!(asked(line, &with(None)).contains("certain to be a response code only if CAPA lists"));
    assert!(asked("-ERR [FOO] x", &with(Some(true))).contains("unknown response code"));
}

#[test]
fn a_code_where_it_does_not_belong_is_told() {
    let to = |verb: &str| ExplainContext {
        verb: Some(verb.to_owned()),
        ..ExplainContext::default()
    };
    assert!(asked("-ERR [AUTH] no", &to("USER")).contains("reveals to strangers"));
    assert!(asked("-ERR [UTF8] no", &to("STAT")).contains("not to `STAT`"));
    assert!(asked("+OK [IN-USE] x", &to("PASS")).contains("belongs after -ERR"));
    assert!(!asked("-ERR [AUTH] no", &to("PASS")).contains("strangers"));
}

#[test]
fn the_command_the_state_and_tls_say_more() {
    let context = |verb: &str, state, is_tls| ExplainContext {
        verb: Some(verb.to_owned()),
        state: Some(state),
        is_tls: Some(is_tls),
        ..ExplainContext::default()
    };
    let before = State::Authorization;
    assert!(asked("-ERR", &context("PASS", before, false)).contains("unencrypted"));
    assert!(!asked("-ERR", &context("PASS", before, true)).contains("unencrypted"));
    assert!(asked("-ERR", &context("STAT", before, true)).contains("allowed only after login"));
    assert!(
        asked("-ERR", &context("USER", State::Transaction, true))
            .contains("allowed only before login")
    );
    assert!(asked("+OK", &context("USER", before, true)).contains("does not prove"));
    assert!(
        asked("+OK", &context("DELE", State::Transaction, true))
            .contains("Nothing is deleted before QUIT")
    );
    assert!(
        asked("+OK", &context("RETR", State::Transaction, true)).contains("a line with a lone dot")
    );
    assert!(
        asked("+OK 2 320", &context("STAT", State::Transaction, true))
            .contains("messages `2`, octets `320`")
    );
    assert!(asked("+OK", &context("XFOO", before, true)).contains("to `XFOO`"));
    assert!(asked("+ok", &ExplainContext::default()).contains("upper case"));
}

#[test]
fn a_challenge_is_shown_in_clear() {
    assert!(flat(&answer("+ VXNlcm5hbWU6")).contains("`Username:`"));
    let found = flat(&answer("+ eyJzdGF0dXMiOiI0MDEifQ=="));
    assert!(found.contains("the token was refused"), "{found}");
    assert!(answer("+").is_known);
    assert!(!answer("+ go ahead").is_known);
}

#[test]
fn what_others_wrote_is_made_safe_and_short() {
    for text in [
        "-ERR \u{1b}[31mred\r\n+OK",
        "+OK [\u{1b}]x",
        "\u{1b}]0;title\u{7}",
        "-ERR [REFERRAL/pop://\u{8}\u{8}]",
    ] {
        fits(&answer(text));
    }
    fits(&answer(&format!("-ERR {}", "x".repeat(5000))));
    fits(&answer(&"wörter ".repeat(500)));
}

#[test]
fn lists_of_capabilities_are_compared() {
    let lines = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let clear = lines("TOP, STLS, SASL CRAM-MD5, XFOO, LOGIN-DELAY 900 USER");
    let tls = lines("top, SASL PLAIN CRAM-MD5, USER, LOGIN-DELAY 900 USER");
    let after = lines("TOP, LOGIN-DELAY 10, PIPELINING");
    let answers = [
        compare::CapaReply {
            when: "before TLS",
            change: compare::CapaChange::Tls,
            lines: &clear,
        },
        compare::CapaReply {
            when: "inside TLS",
            change: compare::CapaChange::Tls,
            lines: &tls,
        },
        compare::CapaReply {
            when: "after login",
            change: compare::CapaChange::Login,
            lines: &after,
        },
    ];
    let text = compare::compare(&answers, 80);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "before TLS: `TOP` The TOP command works",
        "`XFOO` poptalk does not know this capability.",
        "inside TLS, compared with before TLS:",
        "changed: `SASL PLAIN CRAM-MD5` It was `SASL CRAM-MD5`.",
        "appeared: `USER`",
        "disappeared: `STLS`",
        "compared with inside TLS: changed: `LOGIN-DELAY 10` It was `LOGIN-DELAY 900 USER`.",
        "appeared: `PIPELINING`",
        "disappeared: `USER`",
    ] {
        assert!(flat.contains(part), "{part} is not in {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let same = [
        answers[0],
        compare::CapaReply {
            when: "again",
            ..answers[0]
        },
    ];
    assert!(compare::compare(&same, 80).contains("nothing changed"));
}
