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
    REFUSED = "the credentials were refused",
        "the name or the password is wrong, or a rule forbids this login. Servers rarely say which, so as not to help attackers.",
        "check the name (often the whole mail address), then the password. Then check that TLS is \
         on and that the provider allows POP3 for the account. Some servers answer more slowly \
         after each failure.";
    NO_USER = "the server does not know this name",
        "there is no mailbox with this name. A server that says so lets an attacker find out which names exist.",
        "check the spelling, and try the whole mail address as the name.";
    WRONG_PASSWORD = "the password was refused",
        "the password does not belong to this name. Some servers also say this for a name that does not exist.",
        "type the password again, and check Caps Lock. Some accounts need a separate password for \
         mail programs.";
    EXPIRED = "the password or the account has expired",
        "the name is known, but the server no longer accepts its password.",
        "change the password on the provider's website, or ask the administrator.";
    POP_OFF = "POP3 is not allowed for this account",
        "a setting of the account or of the server forbids POP3. The password is not the problem.",
        "enable POP3 in the settings of the account, or ask the administrator.";
    NEEDS_TLS = "the server requires TLS for a login",
        "the server accepts passwords only inside TLS. The refusal says nothing about the password. If it was sent before this \
         reply, it crossed the network unencrypted.",
        "start TLS first: send `stls`, or use port 995 with --tls. Change the password if others \
         could have read the traffic.";
    DENIED = "this login is not permitted",
        "the server understood the login, but a rule forbids it. The rule may concern the host, \
         the name, or the way of logging in.",
        "ask the administrator.";
    TOO_MANY_TRIES = "too many failed logins",
        "the server counts failed logins. It now refuses further attempts, or closes the \
         connection.",
        "wait before the next attempt. Repeated attempts can lengthen the block.";
    USER_FIRST = "PASS was sent without USER",
        "the server has no name to go with the password. It forgets the name after a refused login, and after STLS.",
        "send USER, then PASS.";
    PASS_NEXT = "the server waits for PASS",
        "after USER, this server accepts only PASS or QUIT.",
        "send PASS. For a different name, send QUIT and connect again.";
    USER_TWICE = "the server already has a name",
        "USER was already sent, or the login is complete.",
        "send PASS. If you are already logged in, continue with STAT or LIST.";
    BAD_DIGEST = "the APOP command is malformed",
        "APOP takes a name and a digest of 32 hexadecimal digits.",
        "`:apop` computes the digest.";
    NO_APOP = "the server does not offer APOP",
        "its greeting has no timestamp, or APOP is disabled.",
        "log in with USER and PASS inside TLS, or with AUTH.";
    // SASL.
    NO_MECHANISM = "the server does not offer this SASL mechanism",
        "the mechanism is unknown here, disabled, or offered only inside TLS.",
        "the SASL line of `capa` lists the mechanisms. Compare it before and after STLS.";
    NO_AUTH = "the server does not support AUTH",
        "AUTH is optional, and this server does not support it.",
        "log in with USER and PASS, inside TLS.";
    NOT_BASE64 = "a SASL response could not be read",
        "the response is not base64, or its content is not what the mechanism expects. Spaces, \
         line breaks and plain text are not base64.",
        "encode the response again, without line breaks, and start again with AUTH.";
    CANCELLED = "the SASL exchange was cancelled",
        "the client sent `*`, or the exchange was cut off.",
        "start again with AUTH, or log in differently.";
    // TLS.
    TLS_ON = "TLS is already on",
        "this connection already uses TLS, through STLS or port 995.",
        "continue with the login.";
    NO_TLS = "the server does not offer STLS",
        "TLS is not set up on this port, or a device between you and the server blocks STLS.",
        "try port 995 with --tls.";
    TLS_FAILED = "TLS could not be started",
        "the server could not start TLS, often because it lacks a usable certificate or key.",
        "try port 995 with --tls, and contact the administrator.";
    // States and commands.
    LOG_IN_FIRST = "this command works only after login",
        "the session is in the AUTHORIZATION state (RFC 1939 §4).",
        "log in with USER and PASS, or with `:login`.";
    LOGGED_IN_ALREADY = "this command works only before login",
        "the session is in the TRANSACTION state (RFC 1939 §5).",
        "to log in again, send QUIT and connect again.";
    WRONG_STATE = "the server does not accept this command now",
        "the command is unknown to the server, or works only in another state: before login, or \
         after it.",
        "check that the login was answered with +OK. `capa` lists what the server offers.";
    UNKNOWN = "the server does not know this command, or does not accept it now",
        "the command is misspelled, not supported, or not allowed in this state. Many servers say \
         the same in all three cases.",
        "`capa` lists what the server offers. `?` lists what is allowed now.";
    SYNTAX = "the arguments do not fit the command",
        "an argument is missing, superfluous or malformed.",
        "`?VERB` shows the arguments of a command.";
    MANY_ARGUMENTS = "there are more arguments than the command takes",
        "the line has an extra word or space. After PASS, some servers read a password with spaces \
         as several arguments.",
        "remove the extra arguments. If the password has spaces, log in with AUTH PLAIN.";
    TOO_LONG = "the line is too long for the server",
        "a command line may have at most 255 octets (RFC 2449 §4), but this server has its own \
         limit.",
        "send a shorter line.";
    TOO_MANY_BAD = "the server closes the connection after too many failed commands",
        "many wrong commands in one session look like a scanner or a different protocol.",
        "connect again. `capa` lists what the server supports.";
    // Messages.
    NO_MESSAGE = "there is no message with this number",
        "numbers run from 1 to the count that STAT gives right after login. Some servers say the \
         same for a message marked as deleted.",
        "`list` shows the numbers. `rset` removes deletion marks.";
    NOT_A_NUMBER = "the argument is not a number that the server can use",
        "the argument is not a number, is too large, or has other text after it.",
        "`list` shows the message numbers.";
    DELETED = "the message is marked as deleted",
        "DELE marked it in this session. A marked message cannot be fetched, listed or marked \
         again.",
        "`rset` removes all marks.";
    GONE = "the message no longer exists",
        "another session or program has removed it since this session began.",
        "send QUIT and log in again. The messages then get new numbers.";
    UNREADABLE = "the server cannot read this message",
        "the message is in the list, but its file or record cannot be read.",
        "try again in a new session. If the problem persists, contact the administrator.";
    NOT_REMOVED = "QUIT could not delete everything",
        "the storage may have a problem, such as a quota, a read-only disk or a lock. The session \
         is over.",
        "log in again, send LIST, and mark the remaining messages again.";
    // Locks and limits.
    LOCKED = "the maildrop is locked by another session",
        "another program has it open, or a lost session left a lock. Some servers keep such a lock \
         for many minutes.",
        "close the other session, or wait.";
    TOO_MANY = "too many connections",
        "a limit was reached for this address, this user or the whole server.",
        "close other sessions, and wait.";
    TOO_SOON = "too soon after the last login",
        "the server requires a pause between two logins of one user.",
        "wait, and poll less often.";
    IDLE = "the session was idle for too long, and the server closes it",
        "the autologout timer ran out. Nothing was deleted, because no QUIT was sent.",
        "connect again. Send NOOP from time to time to keep the session open.";
    // Problems of the server.
    TROUBLE = "the server has a problem that may be temporary",
        "something that the server needs is not responding. The text does not blame the \
         credentials.",
        "try again later.";
    BROKEN = "the server has an internal problem",
        "its storage or configuration may be at fault, for example a missing folder, a broken \
         index, wrong permissions or too little memory.",
        "try again later. If the problem persists, contact the administrator, preferably with the \
         transcript.";
    SHUTDOWN = "the server is shutting down",
        "it is being restarted or stopped. Nothing was deleted, because no QUIT was sent.",
        "connect again in a minute.";
    CHANGED = "the maildrop changed while it was open",
        "another program wrote to it, so the message numbers no longer match.",
        "QUIT and log in again.";
    // Positive.
    GREETING = "the server is ready",
        "this is a greeting.",
        "start TLS if it is not on, then log in.";
    SEND_PASS = "the server noted the name and waits for the password",
        "this does not prove that the user exists.",
        "send `pass`, or `:pass`, which hides the password.";
    WELCOME = "logged in",
        "the login succeeded, and the maildrop is open. \"Locked\" is good news here: no other session can change it.",
        "send `stat` or `list`.";
    FOLLOWS = "the data follows",
        "the data ends with a line that has only a dot.",
        "read on to that line.";
    MARKED = "the message is marked, but not yet deleted",
        "DELE only marks messages. QUIT deletes them.",
        "`rset` removes the mark. `quit` deletes the message.";
    UNMARKED = "no message is marked as deleted",
        "RSET removes all marks.",
        "continue.";
    NOTHING = "nothing happened, as requested",
        "NOOP only shows that the server still responds.",
        "continue.";
    BYE = "the session is over",
        "the server says goodbye. If messages were marked as deleted, QUIT deletes them.",
        "nothing.";
    BYE_DELETED = "the session is over, and marked messages are deleted",
        "this is the reply to QUIT after login. Only QUIT deletes messages.",
        "nothing.";
    BEGIN_TLS = "TLS starts now",
        "the next octets are the TLS handshake. What the server said before TLS no longer counts.",
        "nothing: poptalk starts the handshake. Once TLS is on, send `capa` again.";
    SWITCHED = "the mode was changed",
        "the server applies the change from here on.",
        "continue.";
    COUNTED = "a count that is meant for people",
        "after LIST, RETR or a login, the numbers in the text are only for people. Clients must \
         not rely on them (RFC 1939 §5).",
        "rely on the reply to STAT and on the lines of LIST instead.";
    BYE_LEFT = "the session is over, and this many messages are left",
        "this is the reply to QUIT after login. The marked messages are deleted.",
        "nothing.";
    NO_LANGUAGE = "the server does not have this language",
        "LANG takes a tag from the list that the server offers (RFC 6856 §3).",
        "`lang` alone lists the languages.";
    STLS_LATE = "STLS was sent too late",
        "STLS is not allowed after UTF8 (RFC 6856 §2.1).",
        "connect again, and send STLS before UTF8.";
    INJECTED = "data followed STLS before TLS was on, and the server closes the connection",
        "nothing may follow STLS before TLS is on: an attacker could have inserted it (RFC 2595 §4).",
        "connect again, and wait for the reply to STLS.";
    STARTTLS = "STARTTLS is the command of SMTP and IMAP",
        "in POP3 the command is STLS (RFC 2595 §4).",
        "send `stls`.";
    NOT_UNDERSTOOD = "the SASL response is not what the mechanism expects",
        "the text after the colon says which form is expected.",
        "start again with AUTH. `:auth MECH` builds the lines.";
    // Specific to one server.
    APP_PASSWORD = "the account requires an app password for mail programs",
        "the account has two-step verification, so mail programs cannot use its main password.",
        "create an app password in the account's security settings and use it here, or log in with XOAUTH2.";
    WEB_LOGIN = "Google wants a login in a browser first",
        "the sign-in looked unusual, or a plain password was used where Google no longer accepts one. The password may be right.",
        "sign in with a browser and confirm the attempt. Then use an app password or XOAUTH2.";
    GMAIL_REFUSED = "the credentials were refused",
        "Gmail also refuses the account's main password with this text. It accepts only an app \
         password or an OAuth token.",
        "use an app password or XOAUTH2, and check that POP is on in Gmail's settings.";
    GMAIL_POP_OFF = "POP is off in the settings of this Gmail account",
        "the login itself succeeded.",
        "enable POP in Gmail's settings, under Forwarding and POP/IMAP.";
    GMAIL_DOMAIN_OFF = "POP is off for the whole domain",
        "the administrator of this Google Workspace has disabled POP. The password is not the problem.",
        "ask the administrator of the domain to enable POP, or use IMAP or the web mail.";
    GMAIL_LIMIT = "Gmail limits this account temporarily",
        "the account sent too many commands or fetched too much data over POP in a day. The \
         credentials are not the problem.",
        "wait up to a day, and poll less often.";
    GMAIL_STATE = "the server does not accept this command, at least not now",
        "the command is unknown, or works only after login. If LIST or UIDL is refused like this, \
         the login probably did not succeed.",
        "check that the login was answered with +OK. A line end inside the password can also cause \
         this.";
    YAHOO_REFUSED = "the credentials were refused",
        "Yahoo and AOL also refuse the account's main password with this text. Mail programs need \
         an app password.",
        "create an app password in the account's security settings and use it here, or log in with XOAUTH2.";
    YANDEX_REFUSED = "the credentials were refused, or POP3 is off",
        "the text names both causes and does not say which one applies. The code after `sc=` \
         identifies the session to Yandex.",
        "check the name and password. Then enable POP3 in the settings, and use an app password.";
    AUTH_CODE = "the login was refused",
        "the name or password is wrong, or POP3 is off for the account. Some servers, such as \
         163.com, require the authorization code from the settings instead of the password.",
        "enable POP3 in the web mail's settings and use the code shown there.";
    EXCHANGE_LOGON = "the password login was refused",
        "the name or password is wrong, or passwords are not allowed: Exchange Online no longer \
         accepts them for POP3. The text was also seen for a while after a very large number of \
         requests.",
        "if the server is Exchange Online, log in with XOAUTH2. Otherwise check the name and \
         password, and that POP3 is enabled for the mailbox.";
    EXCHANGE_TOKEN = "the login was refused",
        "Exchange refuses any kind of login with this text. After a password: the name or password \
         is wrong, or passwords are not allowed. After XOAUTH2: the token is too old, the token is \
         for another mailbox or service, or the application has no permission for POP3.",
        "with a password: check the name and password, and whether this server accepts passwords \
         at all. With XOAUTH2: get a new token for this mailbox, with the scope for POP. The \
         administrator must have allowed the application.";
    EXCHANGE_LINE = "the server did not understand the line, and closes the connection",
        "usually the token was sent on the same line as `AUTH XOAUTH2`, and that line is longer \
         than this server accepts.",
        "connect again, send `AUTH XOAUTH2` alone, wait for `+`, then send the token on a line of its own.";
    EXCHANGE_STATE = "the server does not accept this command now",
        "before login, the usual cause is a password without TLS. Exchange refuses USER and AUTH \
         PLAIN on an unencrypted connection unless its setting for plain text logins allows them. \
         It also refuses STLS inside TLS with this text, and any command that is not allowed in \
         the current state.",
        "use port 995 with --tls, or send `stls` first. Check which command was refused.";
    TEMP_AUTH = "the login cannot be checked at the moment",
        "the server's user database does not respond. The credentials were not checked.",
        "try again later. The administrator can find the words in brackets in the server's log.";
    REFERRED = "the maildrop is on another host",
        "the login succeeded, but another host holds the maildrop. The URL in [REFERRAL/...] names \
         that host.",
        "check the host name before you connect to it.";
    USER_IP_LIMIT = "too many sessions of this user from this address",
        "other programs or devices at the same address have sessions open. The number in the text \
         is the limit.",
        "close some of them, or ask the administrator to raise `mail_max_userip_connections`.";
    CERTIFICATE = "the server requires a certificate from the client",
        "no client certificate was sent, or the server does not trust it.",
        "connect with --cert and --key.";
    STD53 = "nothing is wrong: the server tests its clients",
        "Courier sends this sentence before a listing. RFC 1939 (STD 53) lets any text follow +OK. \
         A client that looks for a number there has a bug.",
        "nothing. Read on to the line with only a dot.";
    FULL_ADDRESS = "the credentials were refused",
        "the name has no `@`, and this server wants the whole mail address.",
        "log in with the whole mail address as the name.";
    HMAIL_INBOX = "the credentials were right, but the inbox could not be read",
        "the server has a bug: it sends `+ERR` instead of `-ERR`. A client may take this for \
         success, or wait.",
        "contact the administrator. hMailServer fixed the bug in pull request 594. The account may \
         also lack its INBOX folder.";
    REDIS = "this is not a mail server",
        "Redis, a database, also answers with +OK and -ERR. The port is wrong, or a database is open to the network.",
        "POP3 is on port 110, or 995 with TLS. If the database is yours, restrict access to it.";
    RPOP = "RPOP was refused",
        "RPOP, a login by trusted host names, was removed from POP3 decades ago.",
        "log in with USER and PASS, or with AUTH.";
    // Texts of clients.
    CLIENT_EOF = "the client says this, not the server: the connection was closed",
        "Python's poplib raises this error when the connection ends before a reply. The server did \
         not send it.",
        "look for the reason in what came before, such as a refused login, a timeout, or TLS on \
         only one side.";
    CLIENT_CAPABILITY = "the client says this, not the server: a feature is missing",
        "Python's poplib raises this error itself, after looking at the greeting or at CAPA.",
        "send `capa`, and check the greeting, to see what the server really offers.";
    CLIENT_TLS = "the client says this, not the server: TLS is already on",
        "Python's poplib raises this error itself, without asking the server.",
        "start TLS only once.";
    CLIENT_LONG = "the client says this, not the server: a line is longer than it accepts",
        "Python's poplib accepts at most 2048 octets in a line. The message may be fine.",
        "raise `poplib._MAXLINE`, or fetch the message with another program.";
    CLIENT_SOCKET = "the client says this, not the server: the connection was closed",
        "JavaMail (Jakarta Mail) raises this error when the connection ends before a reply.",
        "look for the reason in the replies before it. JavaMail logs them if `mail.debug` is set.";
    CLIENT_CURL = "the client says this, not the server: the login was refused",
        "curl prints this, followed by the first character of the server's reply.",
        "run curl with -v to see what the server said.";
    CLIENT_FETCHMAIL = "the client says this: it guesses that the maildrop is locked",
        "fetchmail prints this when the server's refusal has words that hint at a lock.",
        "run fetchmail with -v to see what the server said.";
    CLIENT_MAILKIT = "the client says this, not the server: the login was refused",
        "MailKit raises this error when AUTH was not answered with +OK.",
        "use its ProtocolLogger to see what the server said.";
}
