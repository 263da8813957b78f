//! What the client does that an RFC forbids, or that gives its password away. `check` leaves these rules out: its probes are the client.

use super::context::Utf8;
use super::rfc2449::tag_for;
use super::rfc2449_replies::{is_ahead, is_dropped};
use super::security::is_plain;
use super::{Check, Context, LineRole, LineSeen, Rule, Site};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::command::Command;
use crate::pop3::sasl::is_base64;
use crate::pop3::session::{Phase, Tls};
use crate::pop3::tracker::LineEnd;
use crate::reading::dialogue::EventKind;
use crate::transcript::event::{Flaw, SecretKind};

/// The line of a command whose text is known up to a secret.
fn command<'a>(heard: &LineSeen<'a>) -> Option<&'a [u8]> {
    (heard.role == LineRole::Command).then_some(heard.text)
}

/// Whether CAPA lists `UTF8 USER` (RFC 6856 §2.1).
fn allows_utf8_names(known: &Context) -> bool {
    let words = known.parameters("UTF8");
    words.is_some_and(|words| words.iter().any(|word| word == "USER"))
}

/// Whether a command has a name or password in it as it is.
fn names_or_proves(row: &Command) -> bool {
    row.names_user() || row.completes_user()
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §3: keyword and argument are separated by a single space.
    Rule {
        id: "client-double-space",
        level: Should,
        source: "RFC 1939 §3, RFC 2449 §3",
        says: "one space stands between a command and its argument",
        hint: "strict servers take the second blank for an empty argument: send one",
        check: &[Check::Line(|heard, _| {
            // The blanks of a password are its own.
            let text = command(heard).filter(|_| heard.verb() != "PASS")?;
            let inside = text.trim_ascii_end();
            let is_double = memchr::memmem::find(inside, b"  ").is_some()
                || inside.contains(&b'\t')
                || text.starts_with(b" ");
            heard.when(is_double, "more than one blank")
        })],
    },
    // RFC 2449 §3: a command ends behind its last parameter.
    Rule {
        id: "client-trailing-space",
        level: Should,
        source: "RFC 2449 §3",
        says: "no blank stands at the end of a command",
        hint: "strict servers take it for an empty argument: leave it out",
        check: &[Check::Line(|heard, _| {
            let text = command(heard)
                .filter(|text| heard.verb() != "PASS" && !heard.has_holes && !text.is_empty())?;
            heard.when(
                text.ends_with(b" ") && heard.plain().is_some(),
                "a blank at the end",
            )
        })],
    },
    // RFC 2449 §4: a command has at most 255 octets.
    Rule {
        id: "client-line-too-long",
        level: Must,
        source: "RFC 2449 §4",
        says: "a command has at most 255 octets, CRLF included",
        hint: "the server may refuse or close: shorten it",
        check: &[Check::Line(|heard, _| {
            command(heard)
                .filter(|_| !heard.has_holes && heard.verb() != "AUTH" && heard.octets > 255)?;
            Some(heard.spot(format!("the command has {} octets", heard.octets)))
        })],
    },
    // RFC 5034 §4: an initial response that makes the line longer than 255 octets is not sent with the command.
    Rule {
        id: "client-initial-response-too-long",
        level: Must,
        source: "RFC 5034 §4",
        says: "AUTH with an initial response has at most 255 octets",
        hint: "send AUTH alone, and the response when the server asks for it",
        check: &[
            Check::Line(|heard, _| {
                command(heard)
                    .filter(|_| !heard.has_holes && heard.verb() == "AUTH" && heard.octets > 255)?;
                Some(heard.spot(format!("the line has {} octets", heard.octets)))
            }),
            Check::Event(|event, known| {
                let what = "the line has more than 255 octets";
                known.malformed(event, SecretKind::InitialResponse, Flaw::LongLine, what)
            }),
        ],
    },
    // RFC 1939 §3: a command ends with CRLF.
    Rule {
        id: "client-bare-lf",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command ends with CRLF",
        hint: "send CR and LF; strict servers wait for ever",
        check: &[Check::Line(|heard, _| {
            heard.when(
                !heard.role.is_servers() && heard.end == LineEnd::Lf,
                "the line ends with LF alone",
            )
        })],
    },
    // RFC 1939 §3: a command has a keyword.
    Rule {
        id: "client-empty-line",
        level: Should,
        source: "RFC 1939 §3",
        says: "an empty line is no command",
        hint: "servers count such lines as mistakes and may close",
        check: &[Check::Line(|heard, _| {
            let text =
                command(heard).filter(|_| heard.plain().is_some() && heard.end != LineEnd::None)?;
            heard.when(text.is_empty(), "an empty line")
        })],
    },
    // RFC 2595 §4: the word of POP3 is STLS.
    Rule {
        id: "client-starttls",
        level: Should,
        source: "RFC 2595 §4",
        says: "in POP3 the word for TLS is STLS",
        hint: "STARTTLS is of IMAP and SMTP: send STLS",
        check: &[Check::Line(|heard, _| {
            let text = command(heard)?;
            heard.when(
                text.eq_ignore_ascii_case(b"STARTTLS"),
                "the word of another protocol",
            )
        })],
    },
    // RFC 1939 §4: the client waits for the greeting.
    Rule {
        id: "client-before-greeting",
        level: Should,
        source: "RFC 1939 §4",
        says: "the client waits for the greeting",
        hint: "servers take a client that talks first for an attack: read the greeting first",
        check: &[Check::Line(|heard, known| {
            let is_early = heard.role == LineRole::Command
                && !known.session.is_greeted
                && !known.recording.is_piece()
                && known.now.event.is_none();
            heard.when(
                is_early && !known.now.is_over,
                "a command before the greeting",
            )
        })],
    },
    // RFC 2595 §4: behind STLS the client sends nothing before the handshake is done.
    Rule {
        id: "client-pipelined-behind-stls",
        level: Must,
        source: "RFC 2595 §4",
        says: "nothing is sent behind STLS before the handshake is done",
        hint: "it goes out in clear, and may be carried out inside TLS: wait",
        check: &[Check::Line(|heard, known| {
            let is_behind = known.commands.waiting.has("STLS")
                || (known.session.tls == Tls::Agreed && known.now.event.is_none());
            heard.when(
                heard.role == LineRole::Command && is_behind,
                "a command in clear behind STLS",
            )
        })],
    },
    // RFC 2449 §6.6: behind QUIT the connection is closed.
    Rule {
        id: "client-pipelined-behind-quit",
        level: Should,
        source: "RFC 1939 §6, RFC 2449 §6.6",
        says: "nothing is sent behind QUIT",
        hint: "the server closes, and a reset may take the reply to QUIT away",
        check: &[Check::Line(|heard, known| {
            let is_behind = known.commands.waiting.has("QUIT")
                || (known.has_quit() && !known.recording.is_piece());
            heard.when(
                heard.role == LineRole::Command && is_behind && !known.now.is_over,
                "a command behind QUIT",
            )
        })],
    },
    // RFC 2449 §6.6: a client sends ahead only where PIPELINING is announced; many servers can all the same.
    Rule {
        id: "pipelining-undeclared",
        level: Info,
        source: "RFC 2449 §6.6",
        says: "a client sends ahead only when PIPELINING is announced",
        hint: "a server that does not announce PIPELINING may lose what is sent ahead: the client must wait for each reply",
        check: &[Check::Exchange(|ended, known| {
            let is_ahead = is_ahead(ended, known) && !known.last.as_ref()?.is(|row| !row.pipelines);
            let announced = known.announces("PIPELINING");
            let is_fine = ended.exchange.status.is_some() && announced == Some(false);
            let is_gone = is_dropped(ended, known) && announced != Some(true);
            let what = if is_gone {
                "sent before the reply to the command before it, and never answered"
            } else {
                "sent before the reply to the command before it"
            };
            ended.command_when(is_ahead && (is_fine || is_gone), what)
        })],
    },
    // RFC 2595 §4: with TLS on, STLS makes no sense.
    Rule {
        id: "client-stls-in-tls",
        level: Must,
        source: "RFC 2595 §4",
        says: "the client does not send STLS inside TLS",
        hint: "TLS is on already",
        check: &[Check::Line(|heard, known| {
            heard.when(
                heard.role == LineRole::Command
                    && heard.verb() == "STLS"
                    && known.session.tls.is_on(),
                "STLS inside TLS",
            )
        })],
    },
    // RFC 6856 §2.1: the client must not send STLS after UTF8.
    Rule {
        id: "client-stls-after-utf8",
        level: Must,
        source: "RFC 6856 §2.1",
        says: "STLS comes before UTF8",
        hint: "send STLS first, then CAPA, then UTF8",
        check: &[Check::Line(|heard, known| {
            heard.when(
                heard.role == LineRole::Command && heard.verb() == "STLS" && known.utf8 == Utf8::On,
                "STLS behind UTF8",
            )
        })],
    },
    // RFC 6856 §3: who sits between can choose a language that the user can't read.
    Rule {
        id: "client-lang-before-stls",
        level: Should,
        source: "RFC 6856 §7",
        says: "LANG is sent inside TLS",
        hint: "somebody between can choose a language that nobody here reads: send LANG behind STLS",
        check: &[Check::Exchange(|ended, known| {
            let is_set = ended.verb == "LANG" && ended.has_arguments() && ended.is_ok();
            let has_stls = known.announces("STLS") == Some(true);
            ended.command_when(
                is_set && known.is_in_clear() && has_stls,
                "LANG before STLS",
            )
        })],
    },
    // RFC 6856 §2.1: only with `UTF8 USER` are names and passwords UTF-8.
    Rule {
        id: "client-non-ascii-name",
        level: Must,
        source: "RFC 6856 §2.1",
        says: "a name or password is ASCII unless CAPA lists UTF8 USER",
        hint: "this server may take such a name for another one: use ASCII",
        check: &[
            Check::Line(|heard, known| {
                let is_name = heard.is_of(names_or_proves) && heard.role == LineRole::Command;
                heard.when(
                    is_name && !heard.text.is_ascii() && !allows_utf8_names(known),
                    "octets above 127",
                )
            }),
            Check::Event(|event, known| {
                let what = "a password with octets above 127";
                known
                    .malformed(event, SecretKind::Password, Flaw::NotAscii, what)
                    .filter(|_| !allows_utf8_names(known))
            }),
        ],
    },
    // RFC 1939 §3: keywords and arguments are printable ASCII.
    Rule {
        id: "client-non-ascii-command",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command is printable ASCII",
        hint: "an odd keyboard, or the octets of telnet: type it anew",
        check: &[Check::Line(|heard, _| {
            let text = command(heard).filter(|_| !heard.is_of(names_or_proves))?;
            let is_odd = text
                .iter()
                .any(|octet| !octet.is_ascii_graphic() && !matches!(octet, b' ' | b'\t'));
            heard.when(is_odd, "octets that are no printable ASCII")
        })],
    },
    // RFC 1939 §7: PASS comes right after a USER that was accepted.
    Rule {
        id: "client-pass-without-user",
        level: Must,
        source: "RFC 1939 §7",
        says: "PASS follows +OK to USER",
        hint: "send USER first; after -ERR to PASS too",
        check: &[Check::Exchange(|ended, known| {
            let is_behind = known.is_behind("USER") && !known.is_behind_refusal();
            let is_alone = ended.verb == "PASS" && !is_behind && known.session.is_authorization();
            ended.command_when(is_alone, "PASS without USER before it")
        })],
    },
    // RFC 1939 §7: APOP needs the timestamp of the greeting.
    Rule {
        id: "client-apop-without-timestamp",
        level: Should,
        source: "RFC 1939 §7",
        says: "APOP is for servers that greet with a timestamp",
        hint: "this server has no APOP",
        check: &[Check::Line(|heard, known| {
            let is_apop = heard.role == LineRole::Command && heard.verb() == "APOP";
            let greeting = known.greeting.text.as_ref().filter(|_| is_apop)?;
            heard.when(!greeting.contains(&b'<'), "the greeting has no timestamp")
        })],
    },
    // RFC 1939 §7, CVE-2007-1558: a timestamp that is no message-id may have been chosen by an attacker.
    Rule {
        id: "client-apop-odd-timestamp",
        level: Security,
        source: "RFC 1939 §7, CVE-2007-1558",
        says: "a client does not use APOP with a timestamp that is no message-id",
        hint: "parts of the password can be found out of such digests: change it, and use TLS",
        check: &[Check::Line(|heard, known| {
            let is_apop = heard.role == LineRole::Command && heard.verb() == "APOP";
            let greeting = known.greeting.text.as_ref().filter(|_| is_apop)?;
            heard.when(
                greeting.contains(&b'<') && known.greeting.timestamp().is_none(),
                "a digest of an odd timestamp",
            )
        })],
    },
    // RFC 1939 §7: the digest is 32 hexadecimal digits in lower case.
    Rule {
        id: "client-apop-digest",
        level: Must,
        source: "RFC 1939 §7",
        says: "the digest of APOP is 32 hexadecimal digits in lower case",
        hint: "the digest is that of MD5 over the timestamp with its brackets and the password",
        check: &[
            Check::Line(|heard, _| {
                heard
                    .plain()
                    .filter(|_| heard.role == LineRole::Command && heard.verb() == "APOP")?;
                let digest = heard.arguments().nth(1).unwrap_or_default();
                let is_hex = digest
                    .iter()
                    .all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
                heard.when(digest.len() != 32 || !is_hex, "not a digest")
            }),
            Check::Event(|event, known| {
                let is = |flaw, what| known.malformed(event, SecretKind::Digest, flaw, what);
                is(Flaw::NotHexadecimal, "not a digest")
                    .or_else(|| is(Flaw::UpperCase, "a digest that is not in lower case"))
            }),
        ],
    },
    // RFC 5034 §3: without the SASL capability AUTH is not to be tried.
    Rule {
        id: "client-auth-unannounced",
        level: Should,
        source: "RFC 5034 §3",
        says: "AUTH is used with a mechanism that SASL lists",
        hint: "ask CAPA, and choose one of its mechanisms",
        check: &[Check::Exchange(|ended, known| {
            let mechanism = ended
                .mechanism()
                .filter(|_| known.session.is_authorization())?;
            known.session.announced_now()?;
            let is_listed = known
                .parameters("SASL")
                .is_some_and(|names| names.contains(&mechanism));
            // An initial response without SASL is worse.
            let is_worse = known.announces("SASL") == Some(false) && ended.has_initial_response();
            ended.command_when(!is_listed && !is_worse, "a mechanism that was not listed")
        })],
    },
    // RFC 2595 §4, RFC 6856 §2, §3: these commands came after CAPA, and where they work CAPA lists them. TOP and UIDL are older: a client may
    // try them (RFC 1939 §7).
    Rule {
        id: "client-command-unannounced",
        level: Should,
        source: "RFC 2449 §3, RFC 2595 §4, RFC 6856 §2, §3",
        says: "STLS, UTF8 and LANG are sent where CAPA lists them",
        hint: "the server does not offer this here: leave the command out; if TLS is on already, outside this recording, do not ask for it",
        check: &[Check::Line(|heard, known| {
            let row = heard
                .sent
                .filter(|_| heard.role == LineRole::Command)?
                .command()?;
            let tag = tag_for(row.verb).filter(|_| !row.source.starts_with("RFC 1939"))?;
            // The list may differ in each phase; inside TLS, STLS is worse.
            let list = known.session.announced(known.session.phase())?;
            let is_listed = super::words::has_tag(list, tag);
            let is_worse = row.verb == "STLS" && known.session.tls.is_on();
            heard.when(!is_listed && !is_worse, "a command that CAPA does not list")
        })],
    },
    // RFC 5034 §4: servers without the SASL capability know no initial response.
    Rule {
        id: "client-initial-response-unannounced",
        level: Must,
        source: "RFC 5034 §3, §4",
        says: "an initial response is sent only where SASL is listed",
        hint: "old servers take it for something else: send AUTH alone",
        check: &[Check::Exchange(|ended, known| {
            let is_sent = ended.has_initial_response() && known.announces("SASL") == Some(false);
            ended.command_when(
                is_sent && known.session.is_authorization(),
                "an initial response, and no SASL in CAPA",
            )
        })],
    },
    // RFC 5034 §4: a response is base64, an asterisk, or empty.
    Rule {
        id: "client-bad-base64",
        level: Must,
        source: "RFC 5034 §4",
        says: "a response is base64",
        hint: "encode it (`:auth` shows how); cancel with an asterisk",
        check: &[
            Check::Line(|heard, _| {
                let text = heard.plain().filter(|_| heard.role == LineRole::Response)?;
                heard.when(text != b"*" && !is_base64(text), "not base64")
            }),
            Check::Line(|heard, _| {
                heard
                    .plain()
                    .filter(|_| heard.role == LineRole::Command && heard.verb() == "AUTH")?;
                let initial = heard.arguments().nth(1)?;
                heard.when(
                    initial != b"=" && !is_base64(initial),
                    "the initial response is not base64",
                )
            }),
            Check::Event(|event, known| {
                let is = |secret, what| known.malformed(event, secret, Flaw::NotBase64, what);
                is(SecretKind::Response, "not base64").or_else(|| {
                    is(
                        SecretKind::InitialResponse,
                        "the initial response is not base64",
                    )
                })
            }),
        ],
    },
    // RFC 2595 §4: behind STLS the capabilities are asked for again.
    Rule {
        id: "client-no-capa-after-stls",
        level: Info,
        source: "RFC 2595 §4",
        says: "behind STLS the client asks CAPA again",
        hint: "what was told in clear may be somebody else's words",
        check: &[Check::Exchange(|ended, known| {
            let is_login = (ended.verb == "AUTH" || ended.is(Command::names_user))
                && known.session.tls == Tls::ByStls
                && known.session.is_authorization();
            let was_asked = known.session.announced(Phase::First).is_some();
            let is_asked = known.session.announced(Phase::Tls).is_some();
            ended.command_when(
                is_login && was_asked && !is_asked && known.session.phase() == Phase::Tls,
                "a login without CAPA inside TLS",
            )
        })],
    },
    // RFC 1939 §6: only QUIT makes deletions happen.
    Rule {
        id: "client-quit-missing",
        level: Should,
        source: "RFC 1939 §6",
        says: "QUIT comes before the end when messages were deleted",
        hint: "nothing was deleted: send QUIT, or do not send DELE",
        check: &[Check::Event(|event, known| {
            let is_left = event.kind == EventKind::Closed
                && known.now.is_closed_by_client()
                && !known.has_quit();
            let count = known.session.marked.len();
            let what = format!("closed without QUIT: {count} deleted and still there");
            (is_left && count > 0 && !known.commands.waiting.has("QUIT"))
                .then(|| Site::at(event.place, what))
        })],
    },
    // RFC 1939 §5: a command has its arguments.
    Rule {
        id: "client-missing-argument",
        level: Should,
        source: "RFC 1939 §5, §7",
        says: "a command has all its arguments",
        hint: "`?` and the verb show the syntax",
        check: &[Check::Line(|heard, _| {
            heard.plain().filter(|_| heard.role == LineRole::Command)?;
            let row = heard.sent?.command()?;
            let wanted = row.args.iter().filter(|arg| !arg.optional).count();
            let is_own = row.takes_secret();
            let is_short = heard.arguments().count() < wanted;
            heard.when(
                is_short && !is_own && heard.end != LineEnd::None,
                "an argument is missing",
            )
        })],
    },
    // RFC 8314 §4.1: a password in clear is known to everybody on the way.
    Rule {
        id: "password-in-clear",
        level: Security,
        source: "RFC 8314 §4.1",
        says: "no password crosses the network in cleartext",
        hint: "change this password, and connect with --tls or type STLS before the login",
        check: &[Check::Line(|heard, known| {
            let is_password =
                heard.role == LineRole::Command && heard.verb() == "PASS" && heard.octets > 6;
            heard.when(
                is_password && known.is_in_clear(),
                "a password in cleartext",
            )
        })],
    },
    // RFC 5034 §4, RFC 4616 §6: PLAIN and its like only inside TLS.
    Rule {
        id: "plain-mechanism-in-clear",
        level: Security,
        source: "RFC 5034 §4, RFC 4616 §6",
        says: "PLAIN, LOGIN and tokens are used inside TLS only",
        hint: "change this password, and connect with --tls or type STLS before the login",
        check: &[Check::Exchange(|ended, known| {
            let is_open =
                ended.mechanism().is_some_and(|name| is_plain(&name)) && ended.has_credentials();
            ended.command_when(
                is_open && known.is_in_clear(),
                "a mechanism that sends the secret itself, in cleartext",
            )
        })],
    },
    // RFC 2595 §2.4, RFC 8314 §5: who wanted TLS and did not get it must not log in.
    Rule {
        id: "login-without-the-tls-asked-for",
        level: Security,
        source: "RFC 2595 §2.4, RFC 8314 §5",
        says: "who asks for TLS and gets none does not log in",
        hint: "somebody may have refused STLS in the server's place: close, and use port 995",
        check: &[Check::Line(|heard, known| {
            let is_login =
                heard.role == LineRole::Command && heard.verb() == "PASS" && known.is_in_clear();
            heard.when(
                is_login && known.refusals.verbs.contains("STLS"),
                "a login in cleartext after STLS was refused",
            )
        })],
    },
];
