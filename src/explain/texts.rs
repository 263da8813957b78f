//! The usual texts of servers: what stands behind the status indicator. Only texts that were seen are here; none is guessed.

use crate::tracker::Status;

/// A text that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// Parts of the text, compared without regard to case; all of them must be there.
    pub parts: &'static [&'static str],
    /// The status indicator that it stands behind.
    pub sign: Status,
    /// Who says so; empty: many.
    pub who: &'static str,
    /// What it says, in a few words.
    pub means: &'static str,
    /// How it comes to that.
    pub cause: &'static str,
    /// What to do.
    pub next: &'static str,
    /// Where it was seen.
    pub source: &'static str,
    /// A line as it was seen.
    pub seen: &'static str,
}

const NEGATIVE: Text = Text {
    parts: &[],
    sign: Status::Negative,
    who: "",
    means: "",
    cause: "",
    next: "",
    source: "",
    seen: "",
};

const CHECK: &str = "check the name (often the whole mail address), then the password, then whether TLS is on and POP3 is allowed for \
                     the account. Each failure can make the next answer slower.";

/// Every text that poptalk knows.
pub const ROWS: &[Text] = &[
    // The order of things.
    Text {
        parts: &["log in first"],
        who: "poptalk's practice server",
        means: "this command works only behind the login",
        cause: "the session is in the AUTHORIZATION state (RFC 1939 §4); the prompt says `auth>`.",
        next: "USER, then PASS; or `:login`.",
        source: "the practice server's own",
        seen: "-ERR log in first: USER, then PASS",
        ..NEGATIVE
    },
    Text {
        parts: &["logged in already"],
        who: "poptalk's practice server",
        means: "this command works only before the login",
        cause: "the session is in the TRANSACTION state (RFC 1939 §5); the prompt says `trans>`.",
        next: "QUIT, and connect again.",
        source: "the practice server's own",
        seen: "-ERR you are logged in already; this command comes before the login",
        ..NEGATIVE
    },
    Text {
        parts: &["send user first"],
        who: "poptalk's practice server",
        means: "PASS came without USER right before it",
        cause: "PASS is taken only as the next command behind a USER that was accepted (RFC 1939 §7); anything between the two, a refused PASS too, begins it anew.",
        next: "USER, then PASS.",
        source: "the practice server's own",
        seen: "-ERR send USER first; PASS comes right behind it",
        ..NEGATIVE
    },
    // Logins.
    Text {
        parts: &["application-specific password required"],
        who: "Gmail",
        means: "the account wants a password of its own for programs",
        cause: "the account has two-step verification, and then its main password is not taken from mail programs.",
        next: "make an app password in the account's security settings and use it here, or log in by XOAUTH2.",
        source: "Mailman (Ruby) issue 50",
        seen: "-ERR [AUTH] Application-specific password required: http://support.google.com/accounts/bin/answer.py?answer=185833",
        ..NEGATIVE
    },
    Text {
        parts: &["logon failure: unknown user name or bad password"],
        who: "Exchange",
        means: "the login by password was refused",
        cause: "name or password is wrong; or the password is right and may not be used: Exchange Online takes no passwords \
                for POP3 any more. It was also seen for a while after very many requests.",
        next: "log in by XOAUTH2 where the server is Exchange Online; else check name, password, and that POP3 is on for the mailbox.",
        source: "rust-pop3 issue 17, node-poplib issue 34, Jakarta Mail issue 614",
        seen: "-ERR Logon failure: unknown user name or bad password.",
        ..NEGATIVE
    },
    Text {
        parts: &["authentication failure: unknown user name or bad password"],
        who: "Exchange Online",
        means: "the OAuth token was refused",
        cause: "the token is for another mailbox or another service, is too old, or the application has no permission for POP3.",
        next: "get a new token with the scope for POP, for just this mailbox; the administrator must have allowed the application.",
        source: "email-oauth2-proxy issue 244, Jakarta Mail issue 614",
        seen: "-ERR Authentication failure: unknown user name or bad password.",
        ..NEGATIVE
    },
    Text {
        parts: &["protocol error. connection is closed"],
        who: "Exchange Online",
        means: "the line was not understood, and the connection ends",
        cause: "usually a token behind `AUTH XOAUTH2` on the same line: it is longer than this server reads.",
        next: "connect again, send `AUTH XOAUTH2` alone, wait for `+`, then send the token on a line of its own.",
        source: "getmail6 issue 256, mpop issue 11",
        seen: "-ERR Protocol error. Connection is closed. 10",
        ..NEGATIVE
    },
    Text {
        parts: &["plaintext authentication disallowed"],
        who: "Dovecot",
        means: "no passwords without TLS",
        cause: "the server takes a clear password only inside TLS. The refusal says nothing about the password, and it \
                has been on the wire in clear.",
        next: "switch TLS on: `stls`, or port 995 with --tls. Think of a new password if others can read this network.",
        source: "read in Dovecot 2.3.19; mailcow-dockerized issue 1157",
        seen: "-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        ..NEGATIVE
    },
    Text {
        parts: &["temporary authentication failure"],
        who: "Dovecot",
        means: "the login can't be checked just now",
        cause: "the server's user database does not answer. The credentials were not judged.",
        next: "try again later. The administrator finds the words in brackets in the server's log.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR [SYS/TEMP] Temporary authentication failure. [host:2026-01-02 03:04:05]",
        ..NEGATIVE
    },
    Text {
        parts: &["invalid base64 data"],
        who: "Dovecot",
        means: "a SASL line was not base64",
        cause: "blanks, a line break or characters outside the alphabet, or a response typed as clear text.",
        next: "encode the response again, without a line end inside. `AUTH` begins anew.",
        source: "seen with Dovecot 2.3.19",
        seen: "-ERR [AUTH] Invalid base64 data in initial response",
        ..NEGATIVE
    },
    Text {
        parts: &["authentication failed"],
        who: "Dovecot and others",
        means: "the credentials were refused",
        cause: "name, password or token is wrong, or a rule forbids this login; servers say no more so as not to help those who guess.",
        next: CHECK,
        source: "seen with Dovecot 2.3.19; YAM issue 638 (GMX: also when POP3 is off in the account's settings)",
        seen: "-ERR [AUTH] Authentication failed.",
        ..NEGATIVE
    },
    Text {
        parts: &["login failed"],
        means: "the credentials were refused",
        cause: "name or password is wrong, or a rule forbids this login.",
        next: CHECK,
        source: "a common wording",
        seen: "-ERR Login failed",
        ..NEGATIVE
    },
    Text {
        parts: &["invalid user"],
        who: "Cyrus",
        means: "there is no such user",
        cause: "the name is not known here. A server that says so lets strangers find out names.",
        next: "try the whole mail address as name.",
        source: "Cyrus source",
        seen: "-ERR [AUTH] Invalid user",
        ..NEGATIVE
    },
    Text {
        parts: &["sorry, no mailbox for"],
        means: "there is no such maildrop",
        cause: "the name is not known here. A server that says so lets strangers find out names.",
        next: "try the whole mail address as name.",
        source: "after the example in RFC 1939 §7",
        seen: "-ERR sorry, no mailbox for frated here",
        ..NEGATIVE
    },
    Text {
        parts: &["no username given"],
        who: "Dovecot",
        means: "PASS came without USER",
        cause: "the server has no name to go with the password. After a refused login, and after STLS, the name is forgotten.",
        next: "send USER again, then PASS.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR No username given.",
        ..NEGATIVE
    },
    Text {
        parts: &["you should use this server instead"],
        who: "Dovecot",
        means: "the maildrop is on another host",
        cause: "the login was right, and the server names in [REFERRAL/...] the host that holds the maildrop.",
        next: "look at the host before you go there.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR [REFERRAL/pop://alice@pop2.example.org] Logged in, but you should use this server instead.",
        ..NEGATIVE
    },
    Text {
        parts: &["too many arguments"],
        who: "Stalwart",
        means: "there are more words than the command takes",
        cause: "a blank too many. For PASS: the server takes a password with blanks for several arguments.",
        next: "leave the surplus out; log in by AUTH PLAIN when the password has blanks.",
        source: "Stalwart source",
        seen: "-ERR Too many arguments",
        ..NEGATIVE
    },
    // Locks and limits.
    Text {
        parts: &["mailbox in use"],
        who: "GNU pop3d",
        means: "the maildrop is locked by another session",
        cause: "a second program has it open, or a session of yours was lost and the server has not noticed.",
        next: "close the other session, or wait some minutes. The password is not to blame.",
        source: "seen with GNU Mailutils 3.15",
        seen: "-ERR [IN-USE] Mailbox in use",
        ..NEGATIVE
    },
    Text {
        parts: &["already locked"],
        means: "the maildrop is locked by another session",
        cause: "a second program has it open, or a lock was left behind by a session that was lost: some servers keep it 10 to 30 minutes.",
        next: "close the other session, or wait. The password is not to blame.",
        source: "RFC 1939 §7; help pages of znet, Directnic and MDaemon",
        seen: "-ERR maildrop already locked",
        ..NEGATIVE
    },
    Text {
        parts: &["mailbox locked"],
        means: "the maildrop is locked by another session",
        cause: "a second program has it open, or a lock was left behind. In brackets it looks like a response code and is none: codes have no blanks.",
        next: "close the other session, or wait. The password is not to blame.",
        source: "a common wording",
        seen: "-ERR [Mailbox locked]",
        ..NEGATIVE
    },
    Text {
        parts: &["wait a few minutes"],
        means: "too early, or still locked",
        cause: "the last session's lock is still there, or the server wants a pause between logins.",
        next: "wait as it says, and ask less often.",
        source: "a common wording; fetchmail looks for it",
        seen: "-ERR mailbox is busy, please wait a few minutes",
        ..NEGATIVE
    },
    Text {
        parts: &["maximum number of connections from user+ip exceeded"],
        who: "Dovecot",
        means: "too many sessions of this user from this address",
        cause: "other programs or devices behind the same address have sessions open; the number in the text is the limit.",
        next: "close some, or let the administrator raise `mail_max_userip_connections`.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        ..NEGATIVE
    },
    Text {
        parts: &["too many connections"],
        means: "the server is full, for you or for all",
        cause: "a limit of connections is reached: of this address or of the whole server. As a greeting it ends the session at once.",
        next: "wait, and close other sessions.",
        source: "EAST test cases",
        seen: "-ERR Too many connections",
        ..NEGATIVE
    },
    Text {
        parts: &["too many open connections"],
        who: "Cyrus",
        means: "the server is full, for you or for all",
        cause: "a limit of connections is reached: of this address or of this user.",
        next: "wait, and close other sessions.",
        source: "Cyrus source",
        seen: "-ERR Too many open connections",
        ..NEGATIVE
    },
    // Time.
    Text {
        parts: &["disconnected for inactivity"],
        who: "Dovecot",
        means: "nothing came for too long, and the server closes",
        cause: "the autologout timer ran out: 3 minutes before the login, 10 or more after it. Nothing was deleted: that needs QUIT. \
                By the RFC the server should close without a word.",
        next: "connect again; send NOOP now and then to stay.",
        source: "read in Dovecot 2.3.19; RFC 1939 §3",
        seen: "-ERR Disconnected for inactivity.",
        ..NEGATIVE
    },
    Text {
        parts: &["disconnected for inactivity during authentication"],
        who: "Dovecot",
        means: "the SASL response took too long, and the server closes",
        cause: "AUTH was begun and the response did not come in time.",
        next: "connect again, and have the response ready.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR Disconnected for inactivity during authentication.",
        ..NEGATIVE
    },
    // Commands.
    Text {
        parts: &["unknown command", "with args beginning with"],
        who: "Redis",
        means: "this is not a mail server",
        cause: "Redis, a database, also answers with +OK and -ERR. The port is wrong, or a database is open to the network.",
        next: "POP3 is on port 110, or 995 with TLS. If the database is yours, close it to strangers.",
        source: "seen with Redis 7.0.15",
        seen: "-ERR unknown command 'CAPA', with args beginning with: ",
        ..NEGATIVE
    },
    Text {
        parts: &["unknown command"],
        means: "the server does not know this command, or not now",
        cause: "a slip of the keyboard, a command that this server lacks, or one that belongs after (or before) the login: many say \
                the same in all three cases.",
        next: "`capa` tells what the server can do, `?` what is allowed now.",
        source: "seen with Dovecot 2.3.19, Redis 7.0.15",
        seen: "-ERR Unknown command: XFOO",
        ..NEGATIVE
    },
    Text {
        parts: &["invalid command"],
        who: "GNU pop3d",
        means: "the command is not known, or not allowed at this place",
        cause: "GNU pop3d takes only PASS and QUIT after USER, so that even CAPA is refused there.",
        next: "ask CAPA before USER.",
        source: "seen with GNU Mailutils 3.15",
        seen: "-ERR Invalid command",
        ..NEGATIVE
    },
    Text {
        parts: &["command not understood"],
        who: "Gmail",
        means: "the server does not take this command, or not now",
        cause: "it is not known, or belongs after the login; a UIDL that is refused so hints that the login did not happen.",
        next: "see whether the login was answered by +OK.",
        source: "getmail6 issue 252",
        seen: "-ERR Command not understood",
        ..NEGATIVE
    },
    Text {
        parts: &["bad command"],
        means: "the server does not know this command",
        cause: "a slip of the keyboard, or a command that this server lacks; some close at once after it.",
        next: "`capa` tells what the server can do.",
        source: "a common wording",
        seen: "-ERR bad command",
        ..NEGATIVE
    },
    Text {
        parts: &["too many", "bad commands"],
        who: "Dovecot",
        means: "too many unknown commands, and the server closes",
        cause: "3 bad commands before the login, or 20 after it, end the session: it looks like a scanner, or like another protocol.",
        next: "connect again; `capa` tells what is known.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR Too many invalid bad commands.",
        ..NEGATIVE
    },
    Text {
        parts: &["input buffer full, aborting"],
        who: "Dovecot",
        means: "the line was too long, and the server closes",
        cause: "a line far above the 255 octets of a command.",
        next: "connect again; send shorter lines.",
        source: "seen with Dovecot 2.3.19",
        seen: "-ERR Input buffer full, aborting",
        ..NEGATIVE
    },
    Text {
        parts: &["tls is already active"],
        who: "Dovecot",
        means: "STLS a second time",
        cause: "this connection is inside TLS already, by STLS or by port 995.",
        next: "go on with the login.",
        source: "seen with Dovecot 2.3.19",
        seen: "-ERR TLS is already active.",
        ..NEGATIVE
    },
    // Messages.
    Text {
        parts: &["no such message"],
        means: "there is no message with this number",
        cause: "numbers go from 1 to the count of STAT, and a message that is marked as deleted can't be named any more.",
        next: "`list` tells the numbers; `rset` takes marks back.",
        source: "RFC 1939 §5",
        seen: "-ERR no such message, only 2 messages in maildrop",
        ..NEGATIVE
    },
    Text {
        parts: &["invalid message number"],
        who: "Dovecot",
        means: "the argument is no message number",
        cause: "not a number, or none of this maildrop. The server repeats what was sent.",
        next: "`list` tells the numbers.",
        source: "seen with Dovecot 2.3.19",
        seen: "-ERR Invalid message number: 1x",
        ..NEGATIVE
    },
    Text {
        parts: &["message is deleted"],
        who: "Dovecot",
        means: "the message is marked as deleted",
        cause: "DELE marked it in this session; marked ones can't be fetched, listed or marked again.",
        next: "`rset` takes all marks back.",
        source: "read in Dovecot 2.3.19",
        seen: "-ERR Message is deleted.",
        ..NEGATIVE
    },
    Text {
        parts: &["some deleted messages not removed"],
        means: "QUIT could not delete everything",
        cause: "trouble with the storage: a quota, a disk that is read only, a lock. The session is over all the same.",
        next: "log in again and LIST: what is still there can be marked once more.",
        source: "RFC 1939 §6",
        seen: "-ERR some deleted messages not removed",
        ..NEGATIVE
    },
    Text {
        parts: &["storage error"],
        who: "Dovecot",
        means: "the server can't read or write its mail",
        cause: "trouble with the storage: a quota, permissions, a broken index.",
        next: "look after the next login what is still there; tell the administrator.",
        source: "Dovecot source",
        seen: "-ERR Storage error",
        ..NEGATIVE
    },
    // Positive ones.
    Text {
        parts: &["pop3 clients that break here, they violate std53"],
        sign: Status::Positive,
        who: "Courier",
        means: "nothing is wrong: the server tests its clients",
        cause: "Courier sends this sentence before a listing. RFC 1939 (STD 53) lets any text stand behind +OK, and clients that look for a \
                number there have a bug.",
        next: "nothing; read on up to the line with one dot.",
        source: "seen with Courier 1.0.16",
        seen: "+OK POP3 clients that break here, they violate STD53.",
    },
    Text {
        parts: &["logging out, messages deleted"],
        sign: Status::Positive,
        who: "Dovecot",
        means: "the session is over, and what was marked is gone",
        cause: "QUIT after the login: only this deletes.",
        next: "nothing.",
        source: "read in Dovecot 2.3.19",
        seen: "+OK Logging out, messages deleted.",
    },
    Text {
        parts: &["marked to be deleted"],
        sign: Status::Positive,
        who: "Dovecot",
        means: "the message is marked, not yet gone",
        cause: "DELE only marks; QUIT deletes.",
        next: "`rset` takes the mark back, `quit` makes it final.",
        source: "read in Dovecot 2.3.19",
        seen: "+OK Marked to be deleted.",
    },
    Text {
        parts: &["maildrop locked and ready"],
        sign: Status::Positive,
        means: "logged in; \"locked\" is good news here",
        cause: "the maildrop is locked for you: no other session can change it.",
        next: "`stat` or `list`.",
        source: "RFC 1939 §7",
        seen: "+OK maildrop locked and ready",
        ..NEGATIVE
    },
    Text {
        parts: &["logged in."],
        sign: Status::Positive,
        who: "Dovecot",
        means: "the login was right",
        cause: "the maildrop is open.",
        next: "`stat` or `list`.",
        source: "read in Dovecot 2.3.19",
        seen: "+OK Logged in.",
    },
];

/// The row whose parts all stand in a text; of several, the one that says most. Without a sign, any.
#[must_use]
pub fn find(text: &str, sign: Option<Status>) -> Option<&'static Text> {
    ROWS.iter()
        .filter(|row| sign.is_none_or(|sign| sign == row.sign))
        .filter(|row| row.parts.iter().all(|part| contains(text, part)))
        .max_by_key(|row| row.parts.iter().map(|part| part.len()).sum::<usize>())
}

/// Whether `part` stands in `text`, without regard to the case of ASCII letters.
pub(super) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes()
        .windows(part.len().max(1))
        .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}
