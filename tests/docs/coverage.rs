//! How each way in which servers misbehave is accounted for: most have a rule of their name, and
//! the others are here with the reason. `transcripts/lint/README.md` prints it.

use poptalk::analysis::lint::rule;
use poptalk::modes::check::FAILED_LOGINS;
use poptalk::modes::check::cross_session::ACROSS;

/// How something is seen that no rule of its name sees in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// By a rule of its name.
    ByRule,
    /// By rules of other names.
    By(&'static [&'static str]),
    /// By `check`, over several sessions.
    Across,
    /// Not by a client that only reads, and why.
    Not(&'static str),
}

/// Every way that is known, in the order of a conversation.
pub(super) const ENTRIES: &[&str] = &[
    "no-greeting",
    "greeting-delayed",
    "greeting-err",
    "greeting-wrong-protocol",
    "redis-lookalike",
    "proxy-header-unexpected",
    "tls-on-plain-port",
    "plain-on-tls-port",
    "greeting-extra-data",
    "greeting-rewritten-by-proxy",
    "greeting-leaks",
    "greeting-varies",
    "bare-lf",
    "bare-cr",
    "crcrlf",
    "missing-line-ends",
    "missing-terminator",
    "terminator-glued",
    "terminator-no-crlf",
    "terminator-padded",
    "extra-blank-line-before-end",
    "unstuffed-dot-line",
    "unstuffed-first-octet",
    "unstuffed-after-bare-lf",
    "double-stuffed",
    "status-over-512",
    "long-data-line",
    "status-lowercase",
    "status-malformed",
    "status-missing",
    "status-empty",
    "status-trailing-space",
    "status-twice",
    "err-after-ok",
    "single-answered-multi",
    "err-multiline",
    "unsolicited-data",
    "data-after-quit",
    "nul-octet",
    "control-bytes",
    "control-bytes-echoed",
    "eight-bit-status",
    "eight-bit-headers",
    "stat-malformed",
    "stat-extra-text",
    "stat-list-mismatch",
    "list-malformed",
    "list-extra-columns",
    "list-multiple-spaces",
    "list-number-gap",
    "list-duplicate-number",
    "list-text-count-mismatch",
    "list-window",
    "size-list-vs-retr",
    "size-no-final-newline",
    "size-zero",
    "size-huge",
    "size-changes",
    "number-zero-accepted",
    "number-wraps",
    "number-garbage-accepted",
    "uidl-missing",
    "uidl-duplicate",
    "uidl-too-long",
    "uidl-illegal-chars",
    "uidl-extra-text",
    "uidl-n-format",
    "uidl-list-mismatch",
    "uidl-unstable-in-session",
    "uidl-changes-between-sessions",
    "uidl-comes-back",
    "uidl-reused",
    "uidl-ambiguous",
    "top-missing",
    "top-wrong-line-count",
    "top-zero-is-all",
    "top-huge-n-fails",
    "top-negative-accepted",
    "top-truncated",
    "top-differs-from-retr",
    "top-unstuffed",
    "top-marks-seen",
    "retr-truncated",
    "retr-adds-headers",
    "retr-deletes",
    "internal-data-message",
    "dele-still-listed",
    "dele-still-retrievable",
    "dele-twice-ok",
    "dele-renumbers",
    "dele-ignored",
    "maildrop-varies",
    "deleted-without-quit",
    "rset-incomplete",
    "quit-no-reply",
    "quit-err",
    "quit-keeps-open",
    "quit-slow",
    "unknown-command-closes",
    "unknown-command-silent",
    "unknown-command-ok",
    "server-crashes-on-args",
    "wrong-state-accepted",
    "case-sensitive-commands",
    "command-255-rejected",
    "input-echoed",
    "oversize-command-reset",
    "no-exclusive-lock",
    "in-use-lingers",
    "pass-spaces-broken",
    "login-delay",
    "login-delay-not-enforced",
    "capa-unsupported",
    "capa-refused-mid-login",
    "capa-no-terminator",
    "capa-no-status",
    "capa-blank-lines",
    "capa-malformed-tag",
    "capa-misspelled-tag",
    "capa-unregistered-tag",
    "capa-announces-refused",
    "capa-hides-working",
    "capa-differs-after-login",
    "capa-differs-after-tls",
    "capa-stls-inside-tls",
    "capa-expire-contradiction",
    "resp-code-without-capa",
    "resp-code-lookalike",
    "resp-code-auth-missing",
    "resp-code-on-user",
    "plaintext-auth-offered",
    "cleartext-refusal-leaks",
    "user-enumeration-text",
    "user-enumeration-timing",
    "tarpit",
    "ban-after-failures",
    "accepts-any-password",
    "apop-timestamp-malformed",
    "apop-timestamp-reused",
    "apop-offered-fails",
    "apop-refused-closes",
    "sasl-plus-no-space",
    "sasl-plus-with-text",
    "sasl-ok-as-challenge",
    "sasl-bad-base64-accepted",
    "sasl-cancel-ignored",
    "sasl-ir-rejected",
    "sasl-ir-server-first-accepted",
    "sasl-probe-unsupported",
    "sasl-second-auth",
    "sasl-scram-server-unverified",
    "sasl-scram-weak",
    "weak-mechanism-only",
    "stls-stripped",
    "stls-refused-later",
    "stls-response-injection",
    "stls-command-injection",
    "stls-keeps-pre-tls-state",
    "stls-in-transaction",
    "stls-second-greeting",
    "stls-ok-no-handshake",
    "tls-cert-expired",
    "tls-cert-name-mismatch",
    "tls-cert-untrusted",
    "tls-cert-weak",
    "tls-old-version",
    "tls-no-close-notify",
    "autologout-early",
    "autologout-talks",
    "nat-idle-drop",
    "slow-drip",
    "stall-large-data",
    "rst-instead-of-fin",
    "half-close-breaks",
    "connection-cut-mid-reply",
    "pipelining-drops",
    "pipelining-drops-at-login",
    "pipelining-out-of-order",
    "pipelining-undeclared",
    "write-deadlock",
];

/// How an entry is seen.
pub(super) fn seen(id: &str) -> Coverage {
    let other = OTHERS.iter().find(|(name, _)| *name == id);
    other.map_or(Coverage::ByRule, |(_, seen)| *seen)
}

/// Every entry without a rule of its name.
const OTHERS: &[(&str, Coverage)] = &[
    ("accepts-any-password", Coverage::Across),
    ("apop-refused-closes", Coverage::Across),
    ("apop-timestamp-reused", Coverage::Across),
    (
        "ban-after-failures",
        Coverage::Not("only many failed logins show it, and `check` makes 5 at most"),
    ),
    (
        "capa-expire-contradiction",
        Coverage::Not("EXPIRE speaks of days; `expire-zero` sees the one that is at once"),
    ),
    (
        "cleartext-refusal-leaks",
        Coverage::Not("it takes the right password, unencrypted, to a server that refuses that"),
    ),
    (
        "dele-ignored",
        Coverage::By(&["dele-still-listed", "dele-still-retrievable"]),
    ),
    ("deleted-without-quit", Coverage::Across),
    ("greeting-varies", Coverage::Across),
    (
        "half-close-breaks",
        Coverage::Not("poptalk does not close its half before it has all replies"),
    ),
    ("login-delay-not-enforced", Coverage::Across),
    (
        "no-exclusive-lock",
        Coverage::Not("`check` holds one session at a time, so as not to lock a person out"),
    ),
    (
        "pass-spaces-broken",
        Coverage::Not(
            "it depends on the password; type it with `:pass` and compare with `:auth plain`",
        ),
    ),
    ("maildrop-varies", Coverage::Across),
    ("retr-deletes", Coverage::Across),
    ("stls-refused-later", Coverage::Across),
    (
        "uidl-ambiguous",
        Coverage::Not(
            "one listing can't show it; where two messages come to have one unique-id, `uidl-duplicate` does",
        ),
    ),
    ("uidl-changes-between-sessions", Coverage::Across),
    ("uidl-comes-back", Coverage::Across),
    (
        "uidl-reused",
        Coverage::Not("a message must be deleted and a new one delivered"),
    ),
    ("user-enumeration-timing", Coverage::Across),
    (
        "write-deadlock",
        Coverage::Not("poptalk reads while it sends, so it never comes to that"),
    ),
];

#[test]
fn every_entry_is_accounted_for() {
    for (index, id) in ENTRIES.iter().enumerate() {
        assert!(
            !ENTRIES.iter().take(index).any(|other| other == id),
            "{id} twice"
        );
        match seen(id) {
            Coverage::ByRule => assert!(rule(id).is_some(), "{id} has no rule and no reason"),
            Coverage::By(rules) => {
                assert!(rules.iter().all(|id| rule(id).is_some()), "{id}");
            }
            Coverage::Across => assert!(ACROSS.iter().any(|rule| rule.id == *id), "{id}"),
            Coverage::Not(why) => assert!(why.len() > 20, "{id}"),
        }
        if seen(id) != Coverage::ByRule {
            assert!(rule(id).is_none(), "{id} has a rule now");
        }
    }
    assert!(OTHERS.iter().all(|(id, _)| ENTRIES.contains(id)));
}

#[test]
fn every_rule_over_several_sessions_is_an_entry() {
    for rule in ACROSS {
        assert_eq!(seen(rule.id), Coverage::Across, "{}", rule.id);
    }
}

#[test]
fn the_reason_without_a_ban_names_the_failed_logins_of_a_check() {
    let Coverage::Not(why) = seen("ban-after-failures") else {
        panic!("it has no reason");
    };
    assert!(
        why.contains(&format!("makes {FAILED_LOGINS} at most")),
        "{why}"
    );
}
