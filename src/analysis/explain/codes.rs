//! The response codes: the text in brackets after a status indicator (RFC 2449 §8).

use crate::pop3::tracker::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseCode {
    /// Its levels, separated by slashes on the wire.
    pub(crate) levels: &'static [&'static str],
    pub(crate) sign: Status,
    /// The commands whose replies may carry it; empty: any, and the greeting.
    pub(crate) on: &'static [&'static str],
    pub(crate) means: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) next: &'static str,
    /// The document and section that define it, or where it was seen.
    pub(crate) source: &'static str,
}

impl ResponseCode {
    /// Its name as on the wire, without brackets.
    pub(crate) fn name(&self) -> String {
        self.levels.join("/")
    }
}

pub(crate) const ROWS: &[ResponseCode] = &[
    ResponseCode {
        levels: &["IN-USE"],
        sign: Status::Negative,
        on: &["PASS", "APOP", "AUTH"],
        means: "the credentials were right, but the maildrop is locked",
        cause: "another session has this maildrop open. It may be a second mail program, or a lost \
                session that the server has not closed yet.",
        next: "close the other session, or wait. A stale lock can take up to half an hour to \
               expire. The password is not the problem.",
        source: "RFC 2449 §8.1.2",
    },
    ResponseCode {
        levels: &["LOGIN-DELAY"],
        sign: Status::Negative,
        on: &["USER", "PASS", "APOP", "AUTH"],
        means: "it is too early to log in again",
        cause: "the server requires a pause between two logins of one user, and the last login was too recent.",
        next: "wait. The LOGIN-DELAY line of CAPA gives the pause in seconds.",
        source: "RFC 2449 §8.1.1",
    },
    ResponseCode {
        levels: &["AUTH"],
        sign: Status::Negative,
        on: &["PASS", "APOP", "AUTH"],
        means: "the credentials were refused",
        cause: "the name or password is wrong, or a rule forbids this login. The rule may require \
                TLS or an app password, or may not allow POP3 at all. The server itself works.",
        next: "check the name and password. Then check that TLS is on and that the provider's \
               settings allow POP3.",
        source: "RFC 3206 §5",
    },
    ResponseCode {
        levels: &["SYS"],
        sign: Status::Negative,
        on: &[],
        means: "the server has an internal problem",
        cause: "something in the server failed. A second level, TEMP or PERM, would say whether \
                the problem is temporary.",
        next: "try again later. If the problem persists, contact the administrator. The password \
               is not the problem.",
        source: "RFC 3206 §4",
    },
    ResponseCode {
        levels: &["SYS", "TEMP"],
        sign: Status::Negative,
        on: &[],
        means: "the server has a temporary problem",
        cause: "something that the server needs, such as its user database or its disk, is not \
                responding at the moment.",
        next: "try again later. The password is not the problem, so there is no need to type a different one.",
        source: "RFC 3206 §4",
    },
    ResponseCode {
        levels: &["SYS", "PERM"],
        sign: Status::Negative,
        on: &[],
        means: "the server has a problem that needs repair",
        cause: "something in the server is broken or misconfigured. Trying again will not help.",
        next: "contact the administrator, preferably with the transcript.",
        source: "RFC 3206 §4",
    },
    ResponseCode {
        levels: &["UTF8"],
        sign: Status::Negative,
        on: &["LIST", "TOP", "RETR"],
        means: "this message needs UTF-8 mode",
        cause: "the message has addresses or header fields in UTF-8, and the session is not in UTF-8 mode.",
        next: "start a new session, and send UTF8 before login.",
        source: "RFC 6856 §5",
    },
    ResponseCode {
        levels: &["REFERRAL"],
        sign: Status::Negative,
        on: &["PASS", "APOP", "AUTH"],
        means: "the maildrop is on another host",
        cause: "this server does not hold the maildrop. The URL after the slash names the server \
                that does.",
        next: "check the host name before you connect to it. Without TLS, anyone on the network \
               path could have inserted that name.",
        source: "private: Dovecot",
    },
    ResponseCode {
        levels: &["XCLIENT"],
        sign: Status::Positive,
        on: &[],
        means: "the server trusts your address as that of a proxy",
        cause: "the server lists your address among its own proxies, and accepts the XCLIENT command from it.",
        next: "nothing, unless you are a proxy. `?xclient` explains the command.",
        source: "private: Dovecot",
    },
];

/// Returns the row for a code without brackets, the one that shares most levels with it, and the
/// number of known levels.
///
/// RFC 2449 §8: a client that does not know a level may use the levels before it. Case does not
/// matter.
pub(crate) fn find(code: &str) -> Option<(&'static ResponseCode, usize)> {
    let fits = |row: &&ResponseCode| {
        let mut levels = code.split('/');
        row.levels.iter().all(|known| {
            levels
                .next()
                .is_some_and(|level| level.eq_ignore_ascii_case(known))
        })
    };
    ROWS.iter()
        .filter(fits)
        .max_by_key(|row| row.levels.len())
        .map(|row| (row, row.levels.len()))
}
