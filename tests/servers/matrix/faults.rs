//! What each fault of a server comes to, client by client.

use poptalk::analysis::finding::Level;
use poptalk::analysis::lint;
use poptalk::servers::fault::Fault;

use super::clients::record;

/// Who meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The lines of `-c`: the first `-ERR` ends them.
    Lines,
    /// Lines on standard input, with `--keep-going`.
    Script,
    Replay,
    Check,
    /// `Lines` through a proxy.
    Proxy,
    /// A person at a terminal.
    Console,
}

impl Who {
    pub(crate) const ALL: [Self; 6] = [
        Self::Lines,
        Self::Script,
        Self::Replay,
        Self::Check,
        Self::Proxy,
        Self::Console,
    ];
}

/// The exit codes that are not by rule: fault, then those of `Lines`, `Script`, `Replay`, `Check`,
/// `Proxy` and `Console`; `-1` where the rule holds.
pub(crate) const EXITS: &[(&str, [i32; 6])] = &[
    ("no-greeting", [5, 5, 5, -1, 5, -1]),
    ("greeting-delayed", [5, 5, 5, 1, 5, -1]),
    ("greeting-err", [1, 3, -1, -1, 1, -1]),
    ("redis-lookalike", [5, 5, 5, -1, 5, -1]),
    ("tls-on-plain-port", [1, 1, -1, -1, 1, -1]),
    ("greeting-rewritten-by-proxy", [-1, -1, 0, -1, -1, -1]),
    ("greeting-leaks", [-1, -1, 0, -1, -1, -1]),
    ("quit-no-reply", [3, 3, -1, -1, 3, 3]),
    ("quit-err", [1, 1, -1, -1, 1, -1]),
    ("quit-slow", [5, 5, 5, 1, 5, -1]),
    ("connection-cut-mid-reply", [3, 3, -1, -1, 3, 3]),
    ("closed-before-reply", [3, 3, -1, -1, 3, 3]),
    ("reply-timed-out", [5, 5, 5, -1, 5, -1]),
    ("stall-large-data", [5, 5, 5, -1, 5, -1]),
    ("slow-drip", [5, 5, 5, 1, 5, -1]),
    ("slow-reply", [5, 5, 5, 1, 5, -1]),
    ("unknown-command-closes", [3, 3, -1, 1, 3, 3]),
    ("unknown-command-silent", [5, 5, 5, 1, 5, 3]),
    ("unknown-command-ok", [0, 0, -1, -1, 0, -1]),
    ("server-crashes-on-args", [3, 3, -1, 1, 3, 3]),
    ("case-sensitive-commands", [1, 1, -1, -1, 1, -1]),
    ("command-255-rejected", [1, 1, -1, 1, 1, -1]),
    ("wrong-state-accepted", [0, 0, -1, -1, 0, -1]),
    ("bare-lf", [-1, -1, 0, -1, -1, -1]),
    ("bare-lf-everywhere", [-1, -1, 0, -1, -1, -1]),
    ("bare-lf-in-message", [-1, -1, 0, 1, -1, -1]),
    ("bare-cr", [-1, -1, 0, -1, -1, -1]),
    ("missing-terminator", [5, 5, 5, -1, 5, -1]),
    ("terminator-glued", [5, 5, 5, -1, 5, -1]),
    ("terminator-no-crlf", [3, 3, -1, -1, 3, 3]),
    ("terminator-padded", [5, 5, 5, -1, 5, -1]),
    ("unstuffed-first-octet", [-1, -1, 0, -1, -1, -1]),
    ("status-over-512", [-1, -1, 0, -1, -1, -1]),
    ("status-lowercase", [-1, -1, 0, -1, -1, -1]),
    ("status-malformed-blank", [1, 1, -1, -1, 1, -1]),
    ("status-trailing-space", [-1, -1, 0, 1, -1, -1]),
    ("err-multiline", [-1, -1, -1, 1, -1, -1]),
    ("nul-octet", [-1, -1, 0, -1, -1, -1]),
    ("control-bytes", [-1, -1, 0, -1, -1, -1]),
    ("eight-bit-status", [-1, -1, 0, -1, -1, -1]),
    ("invalid-utf8-status", [-1, -1, 0, -1, -1, -1]),
    ("plain-garbage", [1, 1, -1, -1, 1, -1]),
    ("status-malformed", [1, 1, -1, -1, 1, -1]),
    ("capa-no-status", [1, 1, -1, -1, 1, -1]),
    ("status-missing", [1, 1, -1, -1, 1, -1]),
    ("status-empty", [1, 1, -1, -1, 1, -1]),
    ("input-echoed", [1, 1, -1, -1, 1, -1]),
    ("greeting-wrong-protocol", [1, 1, -1, -1, 1, -1]),
    ("greeting-wrong-protocol-smtp", [1, 1, -1, -1, 1, -1]),
    ("retr-refused", [1, 1, -1, -1, 1, -1]),
    ("stat-extra-text", [-1, -1, 0, -1, -1, -1]),
    ("stat-list-mismatch", [-1, -1, -1, 0, -1, -1]),
    ("stat-octets-mismatch", [-1, -1, -1, 0, -1, -1]),
    ("list-extra-columns", [-1, -1, 0, -1, -1, -1]),
    ("list-multiple-spaces", [-1, -1, 0, -1, -1, -1]),
    ("list-trailing-space", [-1, -1, 0, -1, -1, -1]),
    ("list-text-count-mismatch", [-1, -1, 0, -1, -1, -1]),
    ("list-window", [-1, -1, -1, 1, -1, -1]),
    ("size-changes", [-1, -1, -1, 1, -1, -1]),
    ("number-zero-accepted", [0, 0, -1, -1, 0, -1]),
    ("number-wraps", [0, 0, -1, 1, 0, -1]),
    ("number-garbage-accepted", [0, 0, -1, -1, 0, -1]),
    ("number-out-of-range-accepted", [0, 0, -1, -1, 0, -1]),
    ("uidl-missing", [1, 1, -1, 0, 1, -1]),
    ("uidl-extra-text", [-1, -1, 0, -1, -1, -1]),
    ("uidl-unstable-in-session", [-1, -1, -1, 1, -1, -1]),
    ("retr-text-mismatch", [-1, -1, 0, 0, -1, -1]),
    ("message-without-blank-line", [-1, -1, -1, 1, -1, -1]),
    ("top-missing", [1, 1, -1, 0, 1, -1]),
    ("top-negative-accepted", [0, 0, -1, -1, 0, -1]),
    ("top-truncated", [-1, -1, -1, 1, -1, -1]),
    ("top-unstuffed", [-1, -1, -1, 1, -1, -1]),
    ("top-marks-seen", [0, 0, -1, -1, 0, -1]),
    ("dele-ignored", [-1, -1, 0, 1, -1, -1]),
    ("server-trouble", [1, 1, -1, -1, 1, -1]),
    ("capa-unsupported", [1, 1, -1, -1, 1, -1]),
    ("capa-refused-mid-login", [1, 1, -1, -1, 1, -1]),
    ("capa-no-terminator", [5, 5, 5, -1, 5, -1]),
    ("capa-announces-refused", [1, 1, -1, -1, 1, -1]),
    ("resp-code-lookalike", [1, 1, -1, 1, 1, -1]),
    ("resp-code-auth-missing", [-1, -1, -1, 0, -1, -1]),
    ("resp-code-misplaced", [1, 1, -1, 0, 1, -1]),
    ("user-enumeration-timing", [-1, -1, 0, -1, -1, -1]),
    ("user-enumeration-text", [-1, -1, -1, 1, -1, -1]),
    ("tarpit", [5, 5, 5, 1, 5, -1]),
    ("closed-after-failed-login", [-1, 3, -1, -1, -1, -1]),
    ("accepts-any-password", [0, 0, -1, 1, 0, -1]),
    ("login-delay", [1, 1, -1, 1, 1, -1]),
    ("in-use-lingers", [-1, -1, -1, 1, -1, -1]),
    ("required-command-refused", [1, 1, -1, -1, 1, -1]),
    ("noop-before-login", [0, 0, -1, -1, 0, -1]),
    ("apop-timestamp-malformed", [-1, -1, 0, 0, -1, -1]),
    ("apop-offered-fails", [-1, -1, 0, -1, -1, -1]),
    ("sasl-plus-no-space", [-1, -1, 0, -1, -1, -1]),
    ("sasl-plus-with-text", [-1, -1, 0, -1, -1, -1]),
    ("sasl-bad-base64-accepted", [-1, -1, 0, -1, -1, -1]),
    ("sasl-cancel-ignored", [-1, -1, 0, 1, -1, -1]),
    ("sasl-ir-rejected", [-1, -1, 0, 0, -1, -1]),
    ("sasl-announced-unknown", [-1, -1, 0, 1, -1, -1]),
    ("sasl-probe-unsupported", [1, 1, -1, -1, 1, -1]),
    ("sasl-ok-as-challenge", [1, 1, -1, -1, 1, -1]),
    ("stls-response-injection", [3, 3, 3, -1, 3, 3]),
    // Their lines go one at a time.
    ("stls-command-injection", [-1, -1, 0, -1, -1, -1]),
    ("stls-discards-leftover", [-1, -1, 0, -1, -1, -1]),
    ("stls-ok-no-handshake", [4, 4, 4, -1, 3, 4]),
    ("stls-in-transaction", [4, 4, -1, 1, 3, 4]),
    ("pipelining-drops-at-login", [-1, -1, 5, -1, -1, -1]),
    ("unstuffed-after-bare-lf", [-1, -1, -1, 1, -1, -1]),
    ("pipelining-drops", [-1, -1, 5, -1, -1, -1]),
    ("silent-login", [3, 3, -1, -1, 3, 3]),
    ("no-login-offered", [1, 1, -1, 1, 1, -1]),
    ("neither-capa-nor-stls", [1, 1, -1, -1, 1, -1]),
    ("last-disagrees", [0, 0, -1, -1, 0, -1]),
    ("dele-still-named", [0, 0, -1, -1, 0, -1]),
    ("control-octets-echoed", [-1, -1, 0, -1, -1, -1]),
    ("top-adds-blank-line", [-1, -1, -1, 1, -1, -1]),
    // A script ends its line with CRLF, and then there is an empty one.
    ("lf-command-ignored", [-1, 1, 0, -1, -1, -1]),
    // They show on a second connection only, or to a line that nobody types.
    ("stls-refused-later", [-1, -1, 0, -1, -1, -1]),
    ("messages-come-and-go", [-1, -1, 0, -1, -1, -1]),
    ("nul-command-ignored", [-1, -1, 0, -1, -1, -1]),
];

/// Faults that end the connection behind a whole line: the next one may have gone out by then, or
/// the script may be over.
pub(crate) const CLOSES: &[&str] = &["greeting-err", "closed-after-failed-login"];

/// The exit code that a client is to have: by the table, or by rule.
pub(crate) fn exit(fault: &Fault, who: Who) -> i32 {
    let row = EXITS.iter().find(|row| row.0 == fault.name);
    match row.map(|row| row.1[who as usize]) {
        Some(code) if code >= 0 => code,
        _ => by_rule(fault, who),
    }
}

fn by_rule(fault: &Fault, who: Who) -> i32 {
    match who {
        // What is typed is refused by a server without fault as well, or nothing is.
        Who::Lines | Who::Script | Who::Proxy => {
            i32::from(record(&fault.session()).contains("\nS: -ERR"))
        }
        // It is not as recorded.
        Who::Replay => 1,
        // What the rules find in it breaks a MUST, or is of security.
        Who::Check => {
            let mut rules = fault.finds().iter().filter_map(|id| lint::rule(id));
            i32::from(rules.any(|rule| rule.level >= Level::Must))
        }
        // A person leaves when they like.
        Who::Console => 0,
    }
}

/// Refusals are made into `+OK` without the message that is awaited then, for a probe that asks for
/// none that is there.
const SLOW_FOR_CHECK: &[&str] = &["retr-text-mismatch"];

/// Whether somebody waits for it in vain.
pub(crate) fn is_slow(fault: &Fault) -> bool {
    let row = EXITS.iter().find(|row| row.0 == fault.name);
    row.is_some_and(|row| row.1.contains(&5)) || SLOW_FOR_CHECK.contains(&fault.name)
}
