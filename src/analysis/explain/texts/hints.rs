//! What refusals often mean, by their words. A hint is for a text that matches no row, and is never
//! more than a hint.

use super::contains;
use super::meanings::*;

/// Words that suggest a meaning: the text must contain one word of each list.
struct Hint {
    one_of: &'static [&'static [&'static str]],
    meaning: &'static Meaning,
}

/// The first match is used, so server problems and locks come before logins.
const HINTS: &[Hint] = &[
    Hint {
        one_of: &[
            &["locked", "in use", "lock busy", "unable to lock"],
            &["mailbox", "maildrop", "account", "session"],
        ],
        meaning: &LOCKED,
    },
    Hint {
        one_of: &[&["temporar", "try again later", "overload", "maintenance"]],
        meaning: &TROUBLE,
    },
    Hint {
        one_of: &[&["too many"], &["connection", "session"]],
        meaning: &TOO_MANY,
    },
    Hint {
        one_of: &[&["too many"], &["login", "logon", "attempt", "failure"]],
        meaning: &TOO_MANY_TRIES,
    },
    Hint {
        one_of: &[
            &[
                "pop3 access",
                "pop access",
                "pop3 is",
                "pop3 service",
                "use of pop3",
            ],
            &[
                "disabled",
                "not enabled",
                "not allowed",
                "denied",
                "not permitted",
                "off",
            ],
        ],
        meaning: &POP_OFF,
    },
    Hint {
        one_of: &[
            &["tls", "ssl", "secure connection", "encrypt"],
            &[
                "required",
                "only",
                "must",
                "disallowed",
                "not allowed",
                "without",
            ],
        ],
        meaning: &NEEDS_TLS,
    },
    Hint {
        one_of: &[
            &[
                "password",
                "passwd",
                "credential",
                "login",
                "logon",
                "authenticat",
            ],
            &[
                "invalid",
                "incorrect",
                "wrong",
                "bad ",
                "fail",
                "denied",
                "refused",
                "rejected",
                "not accepted",
                "mismatch",
            ],
        ],
        meaning: &REFUSED,
    },
    Hint {
        one_of: &[&["inactivity", "idle", "timed out", "timeout", "autologout"]],
        meaning: &IDLE,
    },
    Hint {
        one_of: &[&[
            "no such message",
            "message not found",
            "message does not exist",
        ]],
        meaning: &NO_MESSAGE,
    },
    Hint {
        one_of: &[
            &[
                "unknown",
                "unrecogni",
                "invalid",
                "not implemented",
                "unsupported",
                "bad ",
            ],
            &["command", "verb"],
        ],
        meaning: &UNKNOWN,
    },
];

/// Returns what the words of a refusal often mean.
pub(super) fn hint(text: &str) -> Option<&'static Meaning> {
    HINTS
        .iter()
        .find(|hint| {
            hint.one_of
                .iter()
                .all(|words| words.iter().any(|word| contains(text, word)))
        })
        .map(|hint| hint.meaning)
}
