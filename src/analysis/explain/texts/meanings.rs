//! The meanings of texts. Many servers say the same in different words, so each meaning is written
//! once.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// In a few words, after a colon.
    pub(crate) means: &'static str,
    /// The reason, as far as the text gives one.
    pub(crate) cause: &'static str,
    pub(crate) next: &'static str,
}

/// Defines a static for each meaning.
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
        "there is no mailbox with this name. A server that says so lets an attacker find out which names exist.",
        "check the spelling, and try the whole mail address as the name.";
    WRONG_PASSWORD = "the password was refused",
        "the password does not belong to this name. Some servers also say this for a name that does not exist.",
        "type the password again, and check Caps Lock; some accounts need a separate password for mail programs.";
    EXPIRED = "the password or the account has expired",
        "the name is known, but the server no longer accepts its password.",
        "renew the password in the web mail, or ask the administrator.";
    POP_OFF = "POP3 is not allowed for this account",
        "a setting of the account or of the server forbids POP3. The password is not the problem.",
        "enable POP3 in the settings of the account, or ask the administrator.";
    NEEDS_TLS = "no login without TLS",
        "the server accepts passwords only inside TLS. The refusal says nothing about the password. If it was sent before this \
         reply, it crossed the network unencrypted.",
        "start TLS first: `stls`, or port 995 with --tls. Change the password if others can read this network.";
    DENIED = "this login is not permitted",
        "the server recognises the login, but a rule forbids it: the host, the name, or the way of logging in.",
        "ask the administrator.";
    TOO_MANY_TRIES = "too many failed logins",
        "the server counts failed logins, and now refuses more of them or closes.",
        "wait before the next attempt; repeated attempts can lengthen the block.";
    USER_FIRST = "PASS came without USER",
        "the server has no name to go with the password. It forgets the name after a refused login, and after STLS.",
        "send USER, then PASS.";
    PASS_NEXT = "the server waits for PASS",
        "after USER this server takes only PASS or QUIT.",
        "send PASS; or start again with USER.";
    USER_TWICE = "the server already has a name",
        "USER was sent before, or the login is already done.",
        "send PASS; if you are logged in, go on with STAT or LIST.";
    BAD_DIGEST = "the APOP command is malformed",
        "APOP takes a name and a digest of 32 hexadecimal digits.",
        "`:apop` computes the digest.";
    NO_APOP = "the server does not offer APOP",
        "its greeting has no timestamp, or APOP is disabled.",
        "log in with USER and PASS inside TLS, or with AUTH.";
    // SASL.
    NO_MECHANISM = "the server does not offer this SASL mechanism",
        "the mechanism is unknown here, disabled, or offered only inside TLS.",
        "`capa` lists the mechanisms after SASL; compare before and after STLS.";
    NO_AUTH = "the server does not support AUTH",
        "AUTH is optional, and this server does not support it.",
        "log in with USER and PASS, inside TLS.";
    NOT_BASE64 = "a SASL response could not be read",
        "it is not base64 (spaces, a line break, or plain text), or what it encodes is not what the mechanism expects.",
        "encode the response again, without a line end inside, and start with AUTH again.";
    CANCELLED = "the SASL exchange was cancelled",
        "the client sent `*`, or the exchange was cut off.",
        "start with AUTH again, or log in differently.";
    // TLS.
    TLS_ON = "TLS is already on",
        "this connection already uses TLS, through STLS or port 995.",
        "go on with the login.";
    NO_TLS = "the server offers no STLS",
        "TLS is not set up on this port. A device between you and the server can also remove STLS.",
        "try port 995 with --tls.";
    TLS_FAILED = "TLS could not be started",
        "the server could not start TLS, often because it lacks a usable certificate or key.",
        "try port 995 with --tls, and contact the administrator.";
    // States and commands.
    LOG_IN_FIRST = "this command works only after login",
        "the session is in the AUTHORIZATION state (RFC 1939 §4).",
        "log in: USER, then PASS; or `:login`.";
    LOGGED_IN_ALREADY = "this command works only before login",
        "the session is in the TRANSACTION state (RFC 1939 §5).",
        "QUIT and connect again if you need another login.";
    WRONG_STATE = "the server does not take this command now",
        "the command is unknown to the server, or belongs to another state: before login, or after it.",
        "check whether the login was answered with +OK; `capa` lists what the server offers.";
    UNKNOWN = "the server does not know this command, or not now",
        "a typing error, a command that this server does not support, or one that belongs before or after \
         login: many servers say the same in all three cases.",
        "`capa` lists what the server offers, `?` what is allowed now.";
    SYNTAX = "the arguments do not fit the command",
        "an argument is missing, superfluous or malformed.",
        "`? VERB` shows the arguments of a command.";
    MANY_ARGUMENTS = "there are more words than the command takes",
        "there is an extra space. After PASS, some servers read a password with spaces as several arguments.",
        "remove the surplus; log in with AUTH PLAIN if the password has spaces.";
    TOO_LONG = "the line is too long for the server",
        "a command line has at most 255 octets (RFC 2449 §4); this server has its own limit.",
        "send a shorter line.";
    TOO_MANY_BAD = "too many failed commands, and the server closes",
        "many wrong commands in one session look like a scanner or a different protocol.",
        "connect again; `capa` lists what the server supports.";
    // Messages.
    NO_MESSAGE = "there is no message with this number",
        "numbers run from 1 to the count that STAT gave at login; some servers say the same for a message marked as deleted.",
        "`list` shows the numbers; `rset` removes deletion marks.";
    NOT_A_NUMBER = "the argument is not a number that the server can use",
        "it is not a number, is too large, or has something after it.",
        "`list` shows the message numbers.";
    DELETED = "the message is marked as deleted",
        "DELE marked it in this session; a marked message cannot be fetched, listed or marked again.",
        "`rset` removes all marks.";
    GONE = "the message is no longer there",
        "another session or program has removed it since this session began.",
        "send QUIT and log in again: the messages are then numbered again.";
    UNREADABLE = "the server cannot read this message",
        "the message is in the list, but its file or record cannot be read.",
        "try it in a new session; if it persists, contact the administrator.";
    NOT_REMOVED = "QUIT could not delete everything",
        "the storage has a problem: a quota, a read-only disk, a lock. The session is over.",
        "log in again and LIST: messages that are still there can be marked again.";
    // Locks and limits.
    LOCKED = "the maildrop is locked by another session",
        "another program has it open, or a lost session left a lock: some servers keep it for many minutes.",
        "close the other session, or wait.";
    TOO_MANY = "too many connections",
        "a limit is reached: for this address, this user, or the whole server.",
        "close other sessions, and wait.";
    TOO_SOON = "too soon after the last login",
        "the server requires a pause between two logins of one user.",
        "wait, and poll less often.";
    IDLE = "no command came for too long, and the server closes",
        "the autologout timer ran out. Nothing was deleted: that needs QUIT.",
        "connect again; send NOOP now and then to stay.";
    // Problems of the server.
    TROUBLE = "the server has a problem that may pass",
        "something that the server needs does not respond. The text does not blame the credentials.",
        "try again later.";
    BROKEN = "the server has an internal problem",
        "its storage or its configuration fails: a missing folder, a broken index, permissions, memory.",
        "try once more later; if it persists, contact the administrator, preferably with the transcript.";
    SHUTDOWN = "the server is shutting down",
        "it is restarted or stopped. Nothing was deleted: that needs QUIT.",
        "connect again in a minute.";
    CHANGED = "the maildrop changed while it was open",
        "another program wrote to it, so the message numbers no longer match.",
        "QUIT and log in again.";
    // Positive.
    GREETING = "the server is ready",
        "this is a greeting.",
        "start TLS if there is none, then log in.";
    SEND_PASS = "the server noted the name and waits for the password",
        "this does not prove that the user exists.",
        "send `pass`, or `:pass`, which hides the password.";
    WELCOME = "logged in",
        "the login succeeded, and the maildrop is open. \"Locked\" is good news here: no other session can change it.",
        "`stat` or `list`.";
    FOLLOWS = "the data follows",
        "it ends with a line that has only a dot.",
        "read on to that line.";
    MARKED = "the message is marked, not yet gone",
        "DELE only marks; QUIT deletes.",
        "`rset` removes the mark, `quit` makes the deletion final.";
    UNMARKED = "no message is marked as deleted",
        "RSET removes all marks.",
        "go on.";
    NOTHING = "nothing happened, as asked",
        "NOOP only shows that the server is still there.",
        "go on.";
    BYE = "the session is over",
        "the server says goodbye. If messages were marked after login, QUIT deletes them.",
        "nothing.";
    BYE_DELETED = "the session is over, and marked messages are deleted",
        "QUIT after login: only this deletes messages.",
        "nothing.";
    BEGIN_TLS = "TLS starts now",
        "the next octets are the TLS handshake; what was said before it no longer counts.",
        "nothing: poptalk starts it; send `capa` again inside TLS.";
    SWITCHED = "the mode was changed",
        "the server follows the request from here on.",
        "go on.";
    COUNTED = "the count, for people",
        "after LIST, RETR and at login the numbers in the text are decoration: clients must not rely on them (RFC 1939 §5).",
        "STAT and LIST give the numbers that count.";
    BYE_LEFT = "the session is over, and this many messages are left",
        "QUIT after login: the marked messages are deleted.",
        "nothing.";
    NO_LANGUAGE = "the server does not have this language",
        "LANG takes a tag from the list that the server offers (RFC 6856 §3).",
        "`lang` alone lists the languages.";
    STLS_LATE = "STLS comes too late",
        "after UTF8, STLS is not allowed (RFC 6856 §2.1).",
        "connect again: STLS first, then UTF8.";
    INJECTED = "something was sent with STLS, and the server closes",
        "nothing may follow STLS before TLS is on: an attacker could have inserted it (RFC 2595 §4).",
        "connect again, and wait for the reply to STLS.";
    STARTTLS = "STARTTLS is the command of SMTP and IMAP",
        "in POP3 the command is STLS (RFC 2595 §4).",
        "send `stls`.";
    NOT_UNDERSTOOD = "the SASL response does not suit the mechanism",
        "the text after the colon says which form is expected.",
        "start with AUTH again; `:auth MECH` makes the lines.";
    // Specific to one server.
    APP_PASSWORD = "the account requires an app password for mail programs",
        "the account has two-step verification, so mail programs cannot use its main password.",
        "create an app password in the account's security settings and use it here, or log in with XOAUTH2.";
    WEB_LOGIN = "Google wants a login in a browser first",
        "the sign-in looked unusual, or a plain password was used where Google no longer accepts one. The password may be right.",
        "sign in with a browser and confirm the attempt; then use an app password, or XOAUTH2.";
    GMAIL_REFUSED = "the credentials were refused: name or password",
        "Gmail also says this to the main password: it accepts only an app password or an OAuth token.",
        "use an app password, or XOAUTH2; check that POP is on in Gmail's settings.";
    GMAIL_POP_OFF = "POP is off in the settings of this Gmail account",
        "the login itself succeeded.",
        "enable POP: Gmail, Settings, Forwarding and POP/IMAP.";
    GMAIL_DOMAIN_OFF = "POP is off for the whole domain",
        "the administrator of this Google Workspace has disabled POP. The password is not the problem.",
        "ask the administrator of the domain to enable POP, or use IMAP or the web mail.";
    GMAIL_LIMIT = "Gmail limits this account for now",
        "too many commands or too much data over POP in a day. The credentials are not the problem.",
        "wait up to a day, and poll less often.";
    GMAIL_STATE = "the server does not take this command, or not now",
        "it is unknown, or belongs after login; if LIST or UIDL is refused like this, the login probably did not happen.",
        "check whether the login was answered with +OK. A line end inside the password also causes this.";
    YAHOO_REFUSED = "the credentials were refused: name or password",
        "Yahoo and AOL also say this to the account's main password: mail programs need an app password.",
        "create an app password in the account's security settings and use it here, or log in with XOAUTH2.";
    YANDEX_REFUSED = "the credentials were refused, or POP3 is off",
        "the text names both and does not say which; the code after `sc=` identifies the session to Yandex.",
        "check the name and password; then enable POP3 in the settings, and use an app password.";
    AUTH_CODE = "the login was refused",
        "the name or password is wrong; or POP3 is off for the account; or the server wants the authorization code from the \
         settings instead of the password, as 163.com does.",
        "enable POP3 in the web mail's settings and use the code shown there.";
    EXCHANGE_LOGON = "the login by password was refused",
        "the name or password is wrong; or the password is right but not allowed: Exchange Online no longer \
         accepts passwords for POP3. It was also seen for a while after very many requests.",
        "log in with XOAUTH2 if the server is Exchange Online; otherwise check the name and password, and that POP3 is enabled for the mailbox.";
    EXCHANGE_TOKEN = "the login was refused",
        "Exchange says this to any kind of login. After a password: the name or password is wrong, or passwords are not allowed. \
         After XOAUTH2: the token is for another mailbox or another service, is too old, or the application has no permission \
         for POP3.",
        "with a password: check both, and whether this server accepts passwords at all. With XOAUTH2: get a new token with the \
         scope for POP, for just this mailbox; the administrator must have allowed the application.";
    EXCHANGE_LINE = "the line was not understood, and the connection ends",
        "usually a token after `AUTH XOAUTH2` on the same line: it is longer than this server reads.",
        "connect again, send `AUTH XOAUTH2` alone, wait for `+`, then send the token on a line of its own.";
    EXCHANGE_STATE = "the server does not take this command now",
        "before login, it is usually a password without TLS: Exchange refuses USER and AUTH PLAIN on an unencrypted connection \
         unless its setting for plain text logins allows them. It also says so to STLS inside TLS, and to any command that \
         belongs before or after login.",
        "use port 995 with --tls, or `stls` first; check which command it answers.";
    TEMP_AUTH = "the login cannot be checked at the moment",
        "the server's user database does not respond. The credentials were not checked.",
        "try again later. The administrator finds the words in brackets in the server's log.";
    REFERRED = "the maildrop is on another host",
        "the login succeeded, and the server names in [REFERRAL/...] the host that holds the maildrop.",
        "check the host before you connect to it.";
    USER_IP_LIMIT = "too many sessions of this user from this address",
        "other programs or devices at the same address have sessions open; the number in the text is the limit.",
        "close some, or ask the administrator to raise `mail_max_userip_connections`.";
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
        "a bug in the server: it sends `+ERR` instead of `-ERR`, so a client may take it for success, or wait.",
        "contact the administrator: hMailServer has fixed this (pull request 594), and the account may lack its INBOX folder.";
    REDIS = "this is not a mail server",
        "Redis, a database, also answers with +OK and -ERR. The port is wrong, or a database is open to the network.",
        "POP3 is on port 110, or 995 with TLS. If the database is yours, close it to strangers.";
    RPOP = "RPOP was refused",
        "RPOP, a login by trusted host names, was removed from POP3 decades ago.",
        "log in with USER and PASS, or with AUTH.";
    // Texts of clients.
    CLIENT_EOF = "the client says this, not a server: the connection was closed",
        "Python's poplib raises this text when the connection ends before a reply. The server did not send it.",
        "look for the reason in what came before: a refused login, a time-out, TLS where none was expected, or the reverse.";
    CLIENT_CAPABILITY = "the client says this, not a server: a feature is missing",
        "Python's poplib raises this text itself, after looking at the greeting or at CAPA.",
        "send `capa`, and check the greeting, to see what the server really offers.";
    CLIENT_TLS = "the client says this, not a server: TLS is already on",
        "Python's poplib raises this text itself, without asking the server.",
        "omit the second start of TLS.";
    CLIENT_LONG = "the client says this, not a server: a line is longer than it accepts",
        "Python's poplib stops at 2048 octets in a line. The message may be fine.",
        "raise `poplib._MAXLINE`, or fetch it with another program.";
    CLIENT_SOCKET = "the client says this, not a server: the connection was closed",
        "JavaMail (Jakarta Mail) raises this text when the connection ends instead of a reply.",
        "look for the reason in what came before; `mail.debug` shows it.";
    CLIENT_CURL = "the client says this, not a server: the login was refused",
        "curl prints this, with the first character of the server's reply after it.",
        "run curl with -v to see what the server said.";
    CLIENT_FETCHMAIL = "the client says this: it guesses that the maildrop is locked",
        "fetchmail prints this when the server's refusal has words that hint at a lock.",
        "run fetchmail with -v to see what the server said.";
    CLIENT_MAILKIT = "the client says this, not a server: the login was refused",
        "MailKit raises this text when AUTH was not answered with +OK.",
        "use its ProtocolLogger to see what the server said.";
}
