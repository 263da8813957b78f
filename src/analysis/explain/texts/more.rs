//! Texts of further servers, of providers, and of clients.

use super::TextOrigin;
use super::meanings::*;

pub(super) const ORIGINS: &[&TextOrigin] = &[
    &MAILPIT,
    &QMAIL,
    &IPOP3D,
    &CITADEL,
    &QPOPPER,
    &STALWART,
    &JAMES,
    &GREENMAIL,
    &TEAPOP,
    &VPOP3,
    &MDAEMON,
    &GORDANO,
    &REDIS_SERVER,
    &GMAIL,
    &EXCHANGE,
    &YAHOO,
    &YANDEX,
    &COREMAIL,
    &POPLIB,
    &JAVAMAIL,
    &CURL,
    &FETCHMAIL,
    &MAILKIT,
];

const MAILPIT: TextOrigin = TextOrigin {
    who: "Mailpit",
    source: "Mailpit: internal/pop3/server.go; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR invalid password", &WRONG_PASSWORD),
        ("-ERR must supply a user", &USER_FIRST),
        ("-ERR must supply a password", &SYNTAX),
        ("-ERR user already specified", &USER_TWICE),
        ("-ERR user not specified", &LOGGED_IN_ALREADY),
        ("-ERR user not authenticated", &LOG_IN_FIRST),
        ("-ERR line too long", &TOO_LONG),
        ("-ERR no such message", &NO_MESSAGE),
        ("-ERR message already deleted", &DELETED),
        ("-ERR UIDL takes at most one argument", &MANY_ARGUMENTS),
        ("-ERR TOP requires two arguments", &SYNTAX),
        ("-ERR unknown command", &UNKNOWN),
        ("+OK signed in", &WELCOME),
        ("+OK goodbye", &BYE),
        ("+OK message marked for deletion", &MARKED),
        ("+OK capability list follows", &FOLLOWS),
        ("+OK unique-id listing follows", &FOLLOWS),
        ("+OK top of message follows", &FOLLOWS),
    ],
};

const QMAIL: TextOrigin = TextOrigin {
    who: "qmail",
    source: "notqmail: qmail-pop3d.c and qmail-popup.c; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR authorization failed", &REFUSED),
        ("-ERR authorization first", &LOG_IN_FIRST),
        ("-ERR USER first", &USER_FIRST),
        ("-ERR syntax error", &SYNTAX),
        ("-ERR unimplemented", &UNKNOWN),
        ("-ERR already deleted", &DELETED),
        ("-ERR messages are counted from 1", &NO_MESSAGE),
        ("-ERR not that many messages", &NO_MESSAGE),
        ("-ERR unable to open that message", &UNREADABLE),
        ("-ERR unable to unlink all deleted messages", &NOT_REMOVED),
        ("-ERR this user has no $HOME/Maildir", &BROKEN),
        ("-ERR unable to scan $HOME/Maildir", &BROKEN),
        ("-ERR aack, child crashed", &BROKEN),
        ("-ERR unable to open pipe", &BROKEN),
        ("-ERR unable to write pipe", &BROKEN),
        ("-ERR unable to fork", &BROKEN),
        ("-ERR out of memory", &BROKEN),
    ],
};

const IPOP3D: TextOrigin = TextOrigin {
    who: "UW ipop3d",
    source: "Panda IMAP (after UW IMAP): src/ipopd/ipop3d.c; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR Bad authentication", &REFUSED),
        ("-ERR Bad APOP", &REFUSED),
        ("-ERR Missing APOP argument", &BAD_DIGEST),
        ("-ERR Missing username argument", &SYNTAX),
        ("-ERR Missing message number argument", &SYNTAX),
        ("-ERR Bad message number argument", &NO_MESSAGE),
        ("-ERR Bad line count argument", &NOT_A_NUMBER),
        ("-ERR Unknown AUTHORIZATION state command", &WRONG_STATE),
        ("-ERR Unknown TRANSACTION state command", &WRONG_STATE),
        ("-ERR Command line too long", &TOO_LONG),
        ("-ERR Null command", &SYNTAX),
        ("-ERR Nice try, bunkie", &RPOP),
        ("-ERR Sorry I can't do that", &UNKNOWN),
        ("-ERR STLS failed: {*}", &TLS_FAILED),
        ("-ERR Autologout", &IDLE),
        ("-ERR No such message", &NO_MESSAGE),
        ("+OK STLS completed", &BEGIN_TLS),
        ("+OK User name accepted, password please", &SEND_PASS),
        ("+OK Mailbox scan listing follows", &FOLLOWS),
        ("+OK Message deleted", &MARKED),
        ("+OK Reset state", &UNMARKED),
        ("+OK No-op to you too!", &NOTHING),
        ("+OK Sayonara", &BYE),
    ],
};

const CITADEL: TextOrigin = TextOrigin {
    who: "Citadel",
    source: "Citadel: modules/pop3/serv_pop3.c; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR No such user.", &NO_USER),
        ("-ERR That is NOT the password.", &WRONG_PASSWORD),
        ("-ERR You are already logged in.", &LOGGED_IN_ALREADY),
        (
            "-ERR You are already logged in; not in the AUTHORIZATION phase.",
            &LOGGED_IN_ALREADY,
        ),
        ("-ERR Not logged in.", &LOG_IN_FIRST),
        ("-ERR Invalid APOP line.", &BAD_DIGEST),
        ("-ERR Can't open your mailbox", &BROKEN),
        ("-ERR no such message, only {n} are here", &NO_MESSAGE),
        ("-ERR Sorry, you deleted that message.", &DELETED),
        ("-ERR You already deleted that message.", &DELETED),
        ("-ERR TLS not supported here", &NO_TLS),
        ("-ERR I'm afraid I can't do that.", &UNKNOWN),
        ("+OK Password required for {*}", &SEND_PASS),
        ("+OK {*} is logged in ({n} messages)", &WELCOME),
        ("+OK Here's your mail:", &FOLLOWS),
        ("+OK Message {n} deleted.", &MARKED),
        ("+OK Reset completed.", &UNMARKED),
        ("+OK No operation.", &NOTHING),
        ("+OK Goodbye...", &BYE),
    ],
};

const QPOPPER: TextOrigin = TextOrigin {
    who: "Qpopper",
    source: "Qpopper 4: popper/pop_pass.c and related files; logs of vmime and check_pop; seen \
             2026-11",
    is_client: false,
    texts: &[
        (
            "-ERR {?[AUTH] }Password supplied for \"{*}\" is incorrect.",
            &WRONG_PASSWORD,
        ),
        ("-ERR {?[AUTH] }\"{*}\": account expired.", &EXPIRED),
        ("-ERR {?[AUTH] }\"{*}\": password expired.", &EXPIRED),
        ("-ERR {?[AUTH] }\"{*}\": access denied.", &DENIED),
        (
            "-ERR {?[AUTH] }PAM authentication failed for user \"{*}\": {*} ({n})",
            &REFUSED,
        ),
        ("-ERR {?[AUTH] }Not in {*}'s ACL.", &DENIED),
        (
            "-ERR {?[IN-USE] }{w} lock busy!  Is another session active? ({n})",
            &LOCKED,
        ),
        (
            "-ERR {?[IN-USE] }{w} lock busy! Is another session active? ({n})",
            &LOCKED,
        ),
        (
            "-ERR {?[IN-USE] }Maildrop lock busy!  Is another session active?",
            &LOCKED,
        ),
        (
            "-ERR [SYS/PERM] Kerberos failure: Qpopper not compiled with --enable-kerberos",
            &BROKEN,
        ),
        ("+OK Password required for {w}.", &SEND_PASS),
        (
            "+OK {w} has {n} visible message{?s} ({n} hidden) in {n} octets.",
            &WELCOME,
        ),
        ("+OK Pop server at {w} signing off.", &BYE),
    ],
};

const STALWART: TextOrigin = TextOrigin {
    who: "Stalwart",
    source: "Stalwart: crates/pop3; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR Too many arguments", &MANY_ARGUMENTS),
        ("-ERR Missing arguments", &SYNTAX),
        ("-ERR Invalid command", &UNKNOWN),
        ("-ERR Invalid digit", &NOT_A_NUMBER),
        ("-ERR Numeric argument out of range", &NOT_A_NUMBER),
        ("-ERR Message number must be greater than zero", &NO_MESSAGE),
        ("-ERR Unsupported mechanism '{*}'.", &NO_MECHANISM),
        (
            "-ERR Authentication mechanism not supported.",
            &NO_MECHANISM,
        ),
        ("-ERR Invalid SASL challenge", &NOT_BASE64),
        ("-ERR Connection timed out.", &IDLE),
        ("+OK Authentication successful", &WELCOME),
    ],
};

const JAMES: TextOrigin = TextOrigin {
    who: "Apache James",
    source: "Apache James: protocols/pop3/core; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR Authentication failed.", &REFUSED),
        ("-ERR Unexpected error accessing mailbox", &BROKEN),
        ("-ERR Usage: DELE [mail number]", &SYNTAX),
        ("-ERR Message ({n}) does not exist.", &NO_MESSAGE),
        ("-ERR Message ({n}) already deleted.", &DELETED),
        ("+OK Message deleted", &MARKED),
        ("+OK Welcome {w}", &WELCOME),
    ],
};

const GREENMAIL: TextOrigin = TextOrigin {
    who: "GreenMail",
    source: "GreenMail: pop3/commands; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR USER required", &USER_FIRST),
        ("-ERR Required syntax: PASS <username>", &SYNTAX),
        ("-ERR Authentication failed: {*}", &REFUSED),
        ("-ERR no such message", &NO_MESSAGE),
        ("-ERR message already deleted", &DELETED),
        ("+OK message scheduled for deletion", &MARKED),
    ],
};

const TEAPOP: TextOrigin = TextOrigin {
    who: "Teapop",
    source: "banners of Teapop 0.3 in scanners' lists; seen 2026-11",
    is_client: false,
    texts: &[
        (
            "+OK Teapop [{*}] - Teaspoon stirs around again <{w}>",
            &GREETING,
        ),
        ("+OK These are my limits, Sir", &FOLLOWS),
    ],
};

const VPOP3: TextOrigin = TextOrigin {
    who: "VPOP3",
    source: "helpdesk.pscs.co.uk 612651; seen 2026-11",
    is_client: false,
    texts: &[("-ERR {?[IN-USE] }Mailbox Locked", &LOCKED)],
};

const MDAEMON: TextOrigin = TextOrigin {
    who: "MDaemon",
    source: "altn.com FAQ 247; seen 2026-11",
    is_client: false,
    texts: &[("-ERR Maildrop already locked", &LOCKED)],
};

const GORDANO: TextOrigin = TextOrigin {
    who: "Gordano GMS",
    source: "gordano.com knowledge base, alert 8157; seen 2026-11",
    is_client: false,
    texts: &[("-ERR invalid parameter", &SYNTAX)],
};

const REDIS_SERVER: TextOrigin = TextOrigin {
    who: "Redis",
    source: "seen with Redis 7.0.15",
    is_client: false,
    texts: &[
        (
            "-ERR unknown command '{*}', with args beginning with:",
            &REDIS,
        ),
        (
            "-ERR unknown command '{*}', with args beginning with: {*}",
            &REDIS,
        ),
    ],
};

const GMAIL: TextOrigin = TextOrigin {
    who: "Gmail",
    source: "Mailman (Ruby) issue 50, frappe pull request 1133, getmail6 issue 252, CPython issue 94019; seen 2026-11",
    is_client: false,
    texts: &[
        (
            "-ERR [AUTH] Application-specific password required: {w}",
            &APP_PASSWORD,
        ),
        (
            "-ERR [AUTH] Application-specific password required",
            &APP_PASSWORD,
        ),
        ("-ERR [AUTH] Web login required: {w}", &WEB_LOGIN),
        ("-ERR [AUTH] Web login required", &WEB_LOGIN),
        (
            "-ERR [AUTH] Username and password not accepted.",
            &GMAIL_REFUSED,
        ),
        ("-ERR [AUTH] Invalid credentials", &REFUSED),
        (
            "-ERR [AUTH] Account exceeded pop command or bandwidth limits (Failure)",
            &GMAIL_LIMIT,
        ),
        (
            "-ERR [SYS/PERM] Your account is not enabled for POP access.{? }Please visit your Gmail settings page and enable your \
          account for POP access.",
            &GMAIL_POP_OFF,
        ),
        (
            "-ERR [SYS/PERM] Your account is not enabled for POP access{?.}",
            &GMAIL_POP_OFF,
        ),
        (
            "-ERR {?[SYS/PERM] }POP access is disabled for your domain.{? Please contact your domain administrator for questions \
             about this feature.}",
            &GMAIL_DOMAIN_OFF,
        ),
        (
            "-ERR [SYS/TEMP] Temporary system problem. Please try again later.",
            &TROUBLE,
        ),
        ("-ERR Command not understood", &GMAIL_STATE),
    ],
};

const EXCHANGE: TextOrigin = TextOrigin {
    who: "Exchange",
    source: "node-pop3 issue 33, email-oauth2-proxy issues 162 and 244, rust-pop3 issue 17, getmail6 issue 256; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR Command is not valid in this state.", &EXCHANGE_STATE),
        (
            "-ERR Logon failure: unknown user name or bad password.",
            &EXCHANGE_LOGON,
        ),
        (
            "-ERR Authentication failure: unknown user name or bad password.",
            &EXCHANGE_TOKEN,
        ),
        (
            "-ERR Protocol error. Connection is closed. {n}",
            &EXCHANGE_LINE,
        ),
        (
            "+OK Microsoft Exchange Server POP3 server signing off.",
            &BYE,
        ),
    ],
};

const YAHOO: TextOrigin = TextOrigin {
    who: "Yahoo and AOL",
    source: "RainLoop issue 1354 (the same words and number over IMAP); seen 2026-11",
    is_client: false,
    texts: &[(
        "-ERR [AUTH] (#MBR{n}) Incorrect username or password.",
        &YAHOO_REFUSED,
    )],
};

const YANDEX: TextOrigin = TextOrigin {
    who: "Yandex",
    source: "public logs of pop.yandex.ru and pop.yandex.com; seen 2026-11",
    is_client: false,
    texts: &[
        (
            "-ERR [AUTH] login failure or POP3 disabled, try later. sc={w}",
            &YANDEX_REFUSED,
        ),
        (
            "-ERR [AUTH] login failure or POP3 disabled, try later.",
            &YANDEX_REFUSED,
        ),
        ("+OK password, please.", &SEND_PASS),
    ],
};

const COREMAIL: TextOrigin = TextOrigin {
    who: "Coremail (163.com)",
    source: "public logs of pop.163.com; zmail issue 22; seen 2026-11",
    is_client: false,
    texts: &[
        ("-ERR Unable to log on", &AUTH_CODE),
        (
            "-ERR Can't get the letter {w}, try again later",
            &UNREADABLE,
        ),
        ("+OK core mail", &SEND_PASS),
    ],
};

// Texts that clients print as if a server had sent them.

const POPLIB: TextOrigin = TextOrigin {
    who: "Python's poplib",
    source: "CPython: Lib/poplib.py; getmail6 issue 252; seen 2026-11",
    is_client: true,
    texts: &[
        ("-ERR EOF", &CLIENT_EOF),
        ("-ERR APOP not supported by server", &CLIENT_CAPABILITY),
        ("-ERR CAPA not supported by server", &CLIENT_CAPABILITY),
        ("-ERR STLS not supported by server", &CLIENT_CAPABILITY),
        ("-ERR TLS support missing", &CLIENT_CAPABILITY),
        ("-ERR TLS session already established", &CLIENT_TLS),
        ("line too long", &CLIENT_LONG),
    ],
};

const JAVAMAIL: TextOrigin = TextOrigin {
    who: "JavaMail",
    source: "com/sun/mail/pop3/Protocol.java; seen 2026-11",
    is_client: true,
    texts: &[("EOF on socket", &CLIENT_SOCKET)],
};

const CURL: TextOrigin = TextOrigin {
    who: "curl",
    source: "curl: lib/pop3.c; seen 2026-11",
    is_client: true,
    texts: &[("Access denied. -", &CLIENT_CURL)],
};

const FETCHMAIL: TextOrigin = TextOrigin {
    who: "fetchmail",
    source: "fetchmail: pop3.c; seen 2026-11",
    is_client: true,
    texts: &[
        (
            "{?fetchmail: }lock busy!  Is another session active?",
            &CLIENT_FETCHMAIL,
        ),
        (
            "{?fetchmail: }lock busy! Is another session active?",
            &CLIENT_FETCHMAIL,
        ),
    ],
};

const MAILKIT: TextOrigin = TextOrigin {
    who: "MailKit",
    source: "MimeKit issue 99; seen 2026-11",
    is_client: true,
    texts: &[(
        "POP3 server did not respond with a +OK response to the AUTH command.",
        &CLIENT_MAILKIT,
    )],
};
