//! What texts mean. Many servers say the same in different words, so a meaning is written once.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// In a few words, after a colon.
    pub(crate) means: &'static str,
    /// The reason, as far as the text gives one.
    pub(crate) cause: &'static str,
    pub(crate) next: &'static str,
}

/// Names each meaning, and lists them for the tests.
macro_rules! meanings {
    ($($name:ident = $means:literal, $cause:literal, $next:literal;)*) => {
        $(pub(super) static $name: Meaning = Meaning { means: $means, cause: $cause, next: $next };)*
    };
}

meanings! {
    // Logins.
    REFUSED = "the credentials were refused: name or password",
        "the name or the password is wrong, or a rule forbids this login. Servers rarely say which, so as not to help attackers.",
        "check the name (often the whole mail address), then the password, then whether TLS is on and the provider allows POP3 \
         for the account. Some servers answer more slowly after each failure.";
    NO_USER = "the server does not know this name",
        "there is no mailbox of this name. A server that says so lets an attacker find out which names exist.",
        "check the spelling, and try the whole mail address as the name.";
    WRONG_PASSWORD = "the password was refused",
        "the password is not the one of this name. Some servers say this for a name that does not exist, too.",
        "type the password again, with an eye on Caps Lock; some accounts need a separate password for mail programs.";
    EXPIRED = "the password or the account has expired",
        "the name is known, and the server no longer takes its password.",
        "renew the password in the web mail, or ask the administrator.";
    POP_OFF = "POP3 is not allowed for this account",
        "a setting of the account or of the server forbids POP3. The password is not the problem.",
        "switch POP3 on in the settings of the account, or ask the administrator.";
    NEEDS_TLS = "no login without TLS",
        "the server takes passwords only inside TLS. The refusal says nothing about the password. If it was sent before this \
         reply, it crossed the network unencrypted.",
        "start TLS first: `stls`, or port 995 with --tls. Change the password if others can read this network.";
    DENIED = "this login is not permitted",
        "the server recognises the login, and a rule forbids it: the host, the name, or the way of logging in.",
        "ask the administrator.";
    TOO_MANY_TRIES = "too many failed logins",
        "the server counts failed logins and now refuses more of them, or closes.",
        "wait before the next try; repeated tries can lengthen the block.";
    USER_FIRST = "PASS came without USER",
        "the server has no name to go with the password. It forgets the name after a refused login, and after STLS.",
        "send USER, then PASS.";
    PASS_NEXT = "the server waits for PASS",
        "after USER this server takes only PASS or QUIT.",
        "send PASS; or start again with USER.";
    USER_TWICE = "the server has a name already",
        "USER was sent before, or the login is already done.",
        "send PASS; if you are logged in, go on with STAT or LIST.";
    BAD_DIGEST = "the APOP command is malformed",
        "APOP takes a name and a digest of 32 hexadecimal digits.",
        "`:apop` computes the digest.";
    NO_APOP = "the server does not offer APOP",
        "its greeting has no timestamp, or APOP is switched off.",
        "log in by USER and PASS inside TLS, or by AUTH.";
    // SASL.
    NO_MECHANISM = "the server does not offer this SASL mechanism",
        "the mechanism is unknown here, switched off, or only offered inside TLS.",
        "`capa` lists the mechanisms after SASL; compare before and after STLS.";
    NO_AUTH = "the server does not support AUTH",
        "AUTH is optional, and this server lacks it.",
        "log in by USER and PASS, inside TLS.";
    NOT_BASE64 = "a SASL response could not be read",
        "it is not base64 (blanks, a line break, or plain text), or what it encodes is not what the mechanism expects.",
        "encode the response again, without a line end inside; start with AUTH again.";
    CANCELLED = "the SASL exchange was cancelled",
        "the client sent `*`, or the exchange broke off before its end.",
        "start with AUTH again, or log in another way.";
    // TLS.
    TLS_ON = "TLS is already on",
        "this connection is inside TLS already, by STLS or by port 995.",
        "go on with the login.";
    NO_TLS = "the server offers no STLS",
        "TLS is not set up on this port. A device between you and the server can also remove STLS.",
        "try port 995 with --tls.";
    TLS_FAILED = "TLS could not be started",
        "the server could not begin TLS, often for want of a usable certificate or key.",
        "try port 995 with --tls; tell the administrator.";
    // States and commands.
    LOG_IN_FIRST = "this command works only after login",
        "the session is in the AUTHORIZATION state (RFC 1939 §4).",
        "log in: USER, then PASS; or `:login`.";
    LOGGED_IN_ALREADY = "this command works only before login",
        "the session is in the TRANSACTION state (RFC 1939 §5).",
        "QUIT and connect again if you need another login.";
    WRONG_STATE = "the server does not take this command now",
        "the command is unknown to the server, or belongs to another state: before login, or after it.",
        "look whether the login was answered by +OK; `capa` lists what the server offers.";
    UNKNOWN = "the server does not know this command, or not now",
        "a typing error, a command that this server lacks, or one that belongs before or after login: many servers say the \
         same in all three cases.",
        "`capa` lists what the server offers, `?` what is allowed now.";
    SYNTAX = "the arguments do not fit the command",
        "an argument is missing, superfluous or malformed.",
        "`? VERB` shows the arguments of a command.";
    MANY_ARGUMENTS = "there are more words than the command takes",
        "a blank too many. After PASS, some servers take a password with blanks for several arguments.",
        "leave the surplus out; log in by AUTH PLAIN if the password has blanks.";
    TOO_LONG = "the line is too long for the server",
        "a command line has at most 255 octets (RFC 2449 §4); this server has a limit of its own.",
        "send a shorter line.";
    TOO_MANY_BAD = "too many commands that failed, and the server closes",
        "many wrong commands in one session look like a scanner, or like another protocol.",
        "connect again; `capa` lists what is known.";
    // Messages.
    NO_MESSAGE = "there is no message with this number",
        "numbers run from 1 to the count that STAT gave at login; some servers say the same for a message that is marked as deleted.",
        "`list` shows the numbers; `rset` takes deletion marks back.";
    NOT_A_NUMBER = "the argument is not a number that the server can use",
        "it is not a number, is too large, or has something after it.",
        "`list` shows the message numbers.";
    DELETED = "the message is marked as deleted",
        "DELE marked it in this session; a marked message can't be fetched, listed or marked again.",
        "`rset` takes all marks back.";
    GONE = "the message is no longer there",
        "another session or program has removed it since this session began.",
        "QUIT and log in again: the numbers are then assigned again.";
    UNREADABLE = "the server can't read this message",
        "the message is in the list, but its file or record can't be read.",
        "try it in a new session; if it stays, tell the administrator.";
    NOT_REMOVED = "QUIT could not delete everything",
        "trouble with the storage: a quota, a disk that is read-only, a lock. The session is over.",
        "log in again and LIST: messages that are still there can be marked again.";
    // Locks and limits.
    LOCKED = "the maildrop is locked by another session",
        "another program has it open, or a lock was left over from a session that was lost: some servers keep it for many minutes.",
        "close the other session, or wait.";
    TOO_MANY = "too many connections",
        "a limit is reached: for this address, this user, or the whole server.",
        "close other sessions, and wait.";
    TOO_SOON = "too soon after the last login",
        "the server wants a pause between two logins of one user.",
        "wait, and poll less often.";
    IDLE = "nothing came for too long, and the server closes",
        "the autologout timer ran out. Nothing was deleted: that needs QUIT.",
        "connect again; send NOOP now and then to stay.";
    // The server's own trouble.
    TROUBLE = "the server has trouble that may pass",
        "something that the server needs does not answer. The text does not blame the credentials.",
        "try again later.";
    BROKEN = "the server has trouble of its own",
        "its storage or its setup fails: a missing folder, a broken index, permissions, memory.",
        "try once more later; if it stays, tell the administrator, best with the transcript.";
    SHUTDOWN = "the server is shutting down",
        "it is restarted or stopped. Nothing was deleted: that needs QUIT.",
        "connect again in a minute.";
    CHANGED = "the maildrop changed while it was open",
        "another program wrote to it, so the message numbers no longer fit.",
        "QUIT and log in again.";
    // Positive.
    GREETING = "the server is ready",
        "this is a greeting.",
        "start TLS if there is none, then log in.";
    SEND_PASS = "the name was noted, and the password is awaited",
        "this does not prove that there is such a user.",
        "`pass`, or `:pass`, which shows no letter of it.";
    WELCOME = "logged in",
        "the login was right, and the maildrop is open. \"Locked\" is good news here: no other session can change it.",
        "`stat` or `list`.";
    FOLLOWS = "the data follow",
        "they end with a line that has only a dot.",
        "read on to that line.";
    MARKED = "the message is marked, not yet gone",
        "DELE only marks; QUIT deletes.",
        "`rset` takes the mark back, `quit` makes it final.";
    UNMARKED = "no message is marked as deleted",
        "RSET takes all marks back.",
        "go on.";
    NOTHING = "nothing happened, as asked",
        "NOOP only shows that the server is still there.",
        "go on.";
    BYE = "the session is over",
        "the server says goodbye. If messages were marked after login, QUIT deletes them.",
        "nothing.";
    BYE_DELETED = "the session is over, and marked messages are deleted",
        "QUIT after login: only this deletes.",
        "nothing.";
    BEGIN_TLS = "TLS starts now",
        "the next octets are the TLS handshake; all that was said before it counts no more.",
        "nothing: poptalk starts it; ask `capa` again inside TLS.";
    SWITCHED = "the mode was changed",
        "the server follows the request from here on.",
        "go on.";
    COUNTED = "the count, for people",
        "after LIST, RETR and at login the numbers in the text are decoration: no program may depend on them (RFC 1939 §5).",
        "STAT and LIST give the numbers that count.";
    BYE_LEFT = "the session is over, and this many messages are left",
        "QUIT after login: what was marked is deleted.",
        "nothing.";
    NO_LANGUAGE = "the server does not have this language",
        "LANG takes a tag of the list that the server offers (RFC 6856 §3).",
        "`lang` alone lists the languages.";
    STLS_LATE = "STLS comes too late",
        "after UTF8, STLS is not allowed (RFC 6856 §2.1).",
        "connect again: STLS first, then UTF8.";
    INJECTED = "something was sent with STLS, and the server closes",
        "nothing may follow STLS before TLS is on: it could have been put there by an attacker (RFC 2595 §4).",
        "connect again, and wait for the reply to STLS.";
    STARTTLS = "STARTTLS is the word of SMTP and IMAP",
        "in POP3 the command is STLS (RFC 2595 §4).",
        "`stls`.";
    NOT_UNDERSTOOD = "the SASL response does not fit the mechanism",
        "the text after the colon says which form is expected.",
        "start with AUTH again; `:auth MECH` makes the lines.";
    // Of one server only.
    APP_PASSWORD = "the account wants a password of its own for programs",
        "the account has two-step verification, so its main password is not taken from mail programs.",
        "make an app password in the account's security settings and use it here, or log in by XOAUTH2.";
    WEB_LOGIN = "Google wants a login in a browser first",
        "the sign-in looked unusual, or a plain password was used where Google no longer takes one. The password may be right.",
        "sign in with a browser and confirm the attempt; then use an app password, or XOAUTH2.";
    GMAIL_REFUSED = "the credentials were refused: name or password",
        "Gmail also says this when the main password is used: it takes an app password or an OAuth token only.",
        "use an app password, or XOAUTH2; check that POP is on in Gmail's settings.";
    GMAIL_POP_OFF = "POP is off in the settings of this Gmail account",
        "the login itself was right.",
        "switch POP on: Gmail, Settings, Forwarding and POP/IMAP.";
    GMAIL_DOMAIN_OFF = "POP is off for the whole domain",
        "the administrator of this Google Workspace has switched POP off. The password is not the problem.",
        "ask the administrator of the domain to switch POP on, or use IMAP or the web mail.";
    GMAIL_LIMIT = "Gmail limits this account for now",
        "too many commands or too much data by POP in a day. The credentials are not the problem.",
        "wait up to a day, and poll less often.";
    GMAIL_STATE = "the server does not take this command, or not now",
        "it is unknown, or belongs after login; a LIST or UIDL that is refused so hints that the login did not happen.",
        "see whether the login was answered by +OK. A line end inside the password causes it, too.";
    YAHOO_REFUSED = "the credentials were refused: name or password",
        "Yahoo and AOL also answer so to the account's main password: mail programs need an app password.",
        "make an app password in the account's security settings and use it here, or log in by XOAUTH2.";
    YANDEX_REFUSED = "the credentials were refused, or POP3 is off",
        "the text names both, and does not say which; the code after `sc=` is Yandex's own mark for the session.",
        "check name and password; then switch POP3 on in the settings, and use an app password.";
    AUTH_CODE = "the login was refused",
        "name or password is wrong; or POP3 is off for the account; or the server wants the authorization code from the \
         settings instead of the password, as 163.com does.",
        "switch POP3 on in the web mail's settings and use the code that it shows there.";
    EXCHANGE_LOGON = "the login by password was refused",
        "name or password is wrong; or the password is right and may not be used: Exchange Online takes no passwords \
         for POP3 any more. It was also seen for a while after very many requests.",
        "log in by XOAUTH2 where the server is Exchange Online; else check name, password, and that POP3 is on for the mailbox.";
    EXCHANGE_TOKEN = "the login was refused",
        "Exchange says this to any kind of login. After a password: name or password is wrong, or passwords are not allowed. \
         After XOAUTH2: the token is for another mailbox or another service, is too old, or the application has no permission \
         for POP3.",
        "with a password: check both, and whether this server takes passwords at all. With XOAUTH2: get a new token with the \
         scope for POP, for just this mailbox; the administrator must have allowed the application.";
    EXCHANGE_LINE = "the line was not understood, and the connection ends",
        "usually a token after `AUTH XOAUTH2` on the same line: it is longer than this server reads.",
        "connect again, send `AUTH XOAUTH2` alone, wait for `+`, then send the token on a line of its own.";
    EXCHANGE_STATE = "the server does not take this command now",
        "before login, it is usually a password without TLS: Exchange refuses USER and AUTH PLAIN on an unencrypted connection \
         unless its setting for plain text logins allows them. It also says so to STLS inside TLS, and to any command that \
         belongs before or after login.",
        "use port 995 with --tls, or `stls` first; see which command it answers.";
    TEMP_AUTH = "the login can't be checked just now",
        "the server's user database does not answer. The credentials were not judged.",
        "try again later. The administrator finds the words in brackets in the server's log.";
    REFERRED = "the maildrop is on another host",
        "the login was right, and the server names in [REFERRAL/...] the host that holds the maildrop.",
        "look at the host before you go there.";
    USER_IP_LIMIT = "too many sessions of this user from this address",
        "other programs or devices behind the same address have sessions open; the number in the text is the limit.",
        "close some, or let the administrator raise `mail_max_userip_connections`.";
    CERTIFICATE = "the server wants a certificate from the client",
        "no client certificate was sent, or the server does not trust it.",
        "connect with --cert and --key.";
    STD53 = "nothing is wrong: the server tests its clients",
        "Courier sends this sentence before a listing. RFC 1939 (STD 53) lets any text follow +OK, and a client that looks for a \
         number there has a bug.",
        "nothing; read on up to the line with one dot.";
    FULL_ADDRESS = "the credentials were refused: name or password",
        "the name has no `@`, and this server wants the whole mail address.",
        "log in with the whole mail address as the name.";
    HMAIL_INBOX = "the login was right, but the inbox could not be read",
        "a fault of the server: it says `+ERR` where POP3 wants `-ERR`, so a client can take it for a yes, or wait.",
        "tell the administrator: hMailServer has mended this (pull request 594), and the account may lack its INBOX folder.";
    REDIS = "this is not a mail server",
        "Redis, a database, also answers with +OK and -ERR. The port is wrong, or a database is open to the network.",
        "POP3 is on port 110, or 995 with TLS. If the database is yours, close it to strangers.";
    RPOP = "RPOP was refused",
        "RPOP, a login by trusted host names, was dropped from POP3 decades ago.",
        "log in by USER and PASS, or AUTH.";
    // Of clients.
    CLIENT_EOF = "the client says this, not a server: the connection was closed",
        "Python's poplib raises this text when the connection ends before a reply came. The server sent nothing of it.",
        "look for the reason in what came before: a refused login, a time-out, TLS where none was expected, or the reverse.";
    CLIENT_CAPABILITY = "the client says this, not a server: a feature is missing",
        "Python's poplib raises this text itself, after it looked at the greeting or at CAPA.",
        "ask `capa`, and look at the greeting, to see what the server really offers.";
    CLIENT_TLS = "the client says this, not a server: TLS is already on",
        "Python's poplib raises this text itself, without asking the server.",
        "leave out the second start of TLS.";
    CLIENT_LONG = "the client says this, not a server: a line is longer than it accepts",
        "Python's poplib stops at 2048 octets in a line. The message may be fine.",
        "raise `poplib._MAXLINE`, or fetch it with another program.";
    CLIENT_SOCKET = "the client says this, not a server: the connection was closed",
        "JavaMail (Jakarta Mail) raises this text when the connection ends where a reply was due.",
        "look for the reason in what came before; `mail.debug` shows it.";
    CLIENT_CURL = "the client says this, not a server: the login was refused",
        "curl prints this, with the first character of the server's reply after it.",
        "run curl with -v to see what the server said.";
    CLIENT_FETCHMAIL = "the client says this: the maildrop is locked, as it guesses",
        "fetchmail prints this when the server's refusal has words that hint at a lock.",
        "run fetchmail with -v to see what the server said.";
    CLIENT_MAILKIT = "the client says this, not a server: the login was refused",
        "MailKit raises this text when AUTH was not answered by +OK.",
        "use its ProtocolLogger to see what the server said.";
}
