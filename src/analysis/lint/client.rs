//! What the client does that an RFC forbids, or that gives its password away. `check` leaves these
//! rules out: its probes are the client.

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

/// The text of a command line, up to its first secret.
fn command<'a>(seen: &LineSeen<'a>) -> Option<&'a [u8]> {
    (seen.role == LineRole::Command).then_some(seen.text)
}

/// Whether CAPA lists `UTF8 USER` (RFC 6856 §2.1).
fn allows_utf8_names(context: &Context) -> bool {
    let words = context.parameters("UTF8");
    words.is_some_and(|words| words.iter().any(|word| word == "USER"))
}

/// Whether a command contains a name or password verbatim.
fn names_or_proves(row: &Command) -> bool {
    row.names_user() || row.completes_user()
}

pub(super) const RULES: &[Rule] = &[
    // RFC 1939 §3: keyword and argument are separated by a single space.
    Rule {
        id: "client-double-space",
        level: Should,
        source: "RFC 1939 §3, RFC 2449 §3",
        says: "one space should separate a command from its argument",
        hint: "strict servers read the second space as an empty argument: send one space",
        check: &[Check::Line(|seen, _| {
            // Spaces in a password belong to it.
            let text = command(seen).filter(|_| seen.verb() != "PASS")?;
            let inside = text.trim_ascii_end();
            let is_double = memchr::memmem::find(inside, b"  ").is_some()
                || inside.contains(&b'\t')
                || text.starts_with(b" ");
            seen.when(is_double, "the command has extra spaces or a TAB")
        })],
    },
    // RFC 2449 §3: a command ends right after its last parameter.
    Rule {
        id: "client-trailing-space",
        level: Should,
        source: "RFC 2449 §3",
        says: "a command should not end with a space",
        hint: "strict servers read a final space as an empty argument: leave it out",
        check: &[Check::Line(|seen, _| {
            let text = command(seen)
                .filter(|text| seen.verb() != "PASS" && !seen.has_holes && !text.is_empty())?;
            seen.when(
                text.ends_with(b" ") && seen.plain().is_some(),
                "the command ends with a space",
            )
        })],
    },
    // RFC 2449 §4: a command has at most 255 octets.
    Rule {
        id: "client-line-too-long",
        level: Must,
        source: "RFC 2449 §4",
        says: "a command must have at most 255 octets, including CRLF",
        hint: "the server may refuse a longer command or close the connection: shorten the command",
        check: &[Check::Line(|seen, _| {
            command(seen)
                .filter(|_| !seen.has_holes && seen.verb() != "AUTH" && seen.octets > 255)?;
            Some(seen.spot(format!("the command has {} octets", seen.octets)))
        })],
    },
    // RFC 5034 §4: an initial response that would make the line longer than 255 octets is not sent
    // with the command.
    Rule {
        id: "client-initial-response-too-long",
        level: Must,
        source: "RFC 5034 §4",
        says: "AUTH with an initial response must have at most 255 octets, including CRLF",
        hint: "send AUTH without the initial response, and send the response when the server asks for it",
        check: &[
            Check::Line(|seen, _| {
                command(seen)
                    .filter(|_| !seen.has_holes && seen.verb() == "AUTH" && seen.octets > 255)?;
                Some(seen.spot(format!("the line has {} octets", seen.octets)))
            }),
            Check::Event(|event, context| {
                let what = "the line has more than 255 octets";
                context.malformed(event, SecretKind::InitialResponse, Flaw::LongLine, what)
            }),
        ],
    },
    // RFC 1939 §3: a command ends with CRLF.
    Rule {
        id: "client-bare-lf",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command must end with CRLF",
        hint: "strict servers wait for the CR: send CR and LF",
        check: &[Check::Line(|seen, _| {
            seen.when(
                !seen.role.is_servers() && seen.end == LineEnd::Lf,
                "the line ends with LF alone",
            )
        })],
    },
    // RFC 1939 §3: a command has a keyword.
    Rule {
        id: "client-empty-line",
        level: Should,
        source: "RFC 1939 §3",
        says: "a client should not send empty lines",
        hint: "servers may count empty lines as errors and close the connection: send only commands",
        check: &[Check::Line(|seen, _| {
            let text =
                command(seen).filter(|_| seen.plain().is_some() && seen.end != LineEnd::None)?;
            seen.when(text.is_empty(), "the client sent an empty line")
        })],
    },
    // RFC 2595 §4: the POP3 command is STLS.
    Rule {
        id: "client-starttls",
        level: Should,
        source: "RFC 2595 §4",
        says: "the POP3 command that starts TLS is STLS",
        hint: "STARTTLS belongs to IMAP and SMTP: send STLS",
        check: &[Check::Line(|seen, _| {
            let text = command(seen)?;
            seen.when(
                text.eq_ignore_ascii_case(b"STARTTLS"),
                "STARTTLS is not a POP3 command",
            )
        })],
    },
    // RFC 1939 §4: the client waits for the greeting.
    Rule {
        id: "client-before-greeting",
        level: Should,
        source: "RFC 1939 §4",
        says: "the client should wait for the greeting",
        hint: "servers may treat a client that speaks first as an attacker: read the greeting first",
        check: &[Check::Line(|seen, context| {
            let is_early = seen.role == LineRole::Command
                && !context.session.is_greeted
                && !context.recording.is_piece()
                && context.now.event.is_none();
            seen.when(
                is_early && !context.now.is_over,
                "the client sent a command before the greeting",
            )
        })],
    },
    // RFC 2595 §4: after STLS the client sends nothing until the handshake is done.
    Rule {
        id: "client-pipelined-behind-stls",
        level: Must,
        source: "RFC 2595 §4",
        says: "the client must not send anything after STLS until the handshake is done",
        hint: "the command is sent unencrypted, and the server may carry it out inside TLS: wait for the handshake",
        check: &[Check::Line(|seen, context| {
            let is_after = context.commands.waiting.has("STLS")
                || (context.session.tls == Tls::Agreed && context.now.event.is_none());
            seen.when(
                seen.role == LineRole::Command && is_after,
                "the client sent a command in cleartext after STLS",
            )
        })],
    },
    // RFC 2449 §6.6: after QUIT the connection is closed.
    Rule {
        id: "client-pipelined-behind-quit",
        level: Should,
        source: "RFC 1939 §6, RFC 2449 §6.6",
        says: "the client should not send anything after QUIT",
        hint: "a command after QUIT can cause a reset that discards the reply: stop sending after QUIT",
        check: &[Check::Line(|seen, context| {
            let is_after = context.commands.waiting.has("QUIT")
                || (context.has_quit() && !context.recording.is_piece());
            seen.when(
                seen.role == LineRole::Command && is_after && !context.now.is_over,
                "the client sent a command after QUIT",
            )
        })],
    },
    // RFC 2449 §6.6: a client pipelines only if PIPELINING is announced, although many servers
    // support it anyway.
    Rule {
        id: "pipelining-undeclared",
        level: Info,
        source: "RFC 2449 §6.6",
        says: "a client should pipeline commands only if CAPA lists PIPELINING",
        hint: "a server that does not list PIPELINING may lose pipelined commands: wait for each reply",
        check: &[Check::Exchange(|ended, context| {
            let is_ahead =
                is_ahead(ended, context) && !context.last.as_ref()?.is(|row| !row.pipelines);
            let announced = context.announces("PIPELINING");
            let is_fine = ended.exchange.status.is_some() && announced == Some(false);
            let is_gone = is_dropped(ended, context) && announced != Some(true);
            let what = if is_gone {
                "the command was sent before the previous reply arrived, and was never answered"
            } else {
                "the command was sent before the previous reply arrived"
            };
            ended.command_when(is_ahead && (is_fine || is_gone), what)
        })],
    },
    // RFC 2595 §4: once TLS is on, STLS is not permitted.
    Rule {
        id: "client-stls-in-tls",
        level: Must,
        source: "RFC 2595 §4",
        says: "the client must not send STLS inside TLS",
        hint: "TLS is already on: leave STLS out",
        check: &[Check::Line(|seen, context| {
            seen.when(
                seen.role == LineRole::Command
                    && seen.verb() == "STLS"
                    && context.session.tls.is_on(),
                "the client sent STLS inside TLS",
            )
        })],
    },
    // RFC 6856 §2.1: the client must not send STLS after UTF8.
    Rule {
        id: "client-stls-after-utf8",
        level: Must,
        source: "RFC 6856 §2.1",
        says: "STLS must come before UTF8",
        hint: "send STLS first, then CAPA, then UTF8",
        check: &[Check::Line(|seen, context| {
            seen.when(
                seen.role == LineRole::Command && seen.verb() == "STLS" && context.utf8 == Utf8::On,
                "the client sent STLS after UTF8",
            )
        })],
    },
    // RFC 6856 §3: an attacker on the network path can choose a language that the user cannot read.
    Rule {
        id: "client-lang-before-stls",
        level: Should,
        source: "RFC 6856 §7",
        says: "the client should send LANG inside TLS",
        hint: "an attacker on the network path can choose a language that the user cannot read: send LANG after STLS",
        check: &[Check::Exchange(|ended, context| {
            let is_set = ended.verb == "LANG" && ended.has_arguments() && ended.is_ok();
            let has_stls = context.announces("STLS") == Some(true);
            ended.command_when(
                is_set && context.is_in_clear() && has_stls,
                "the client sent LANG before STLS",
            )
        })],
    },
    // RFC 6856 §2.1: only with `UTF8 USER` are names and passwords UTF-8.
    Rule {
        id: "client-non-ascii-name",
        level: Must,
        source: "RFC 6856 §2.1",
        says: "a name or password must be ASCII unless CAPA lists UTF8 USER",
        hint: "the server may read other characters as a different name or password: use ASCII",
        check: &[
            Check::Line(|seen, context| {
                let is_name = seen.is_of(names_or_proves) && seen.role == LineRole::Command;
                seen.when(
                    is_name && !seen.text.is_ascii() && !allows_utf8_names(context),
                    "the name or password has octets above 127",
                )
            }),
            Check::Event(|event, context| {
                let what = "the password has octets above 127";
                context
                    .malformed(event, SecretKind::Password, Flaw::NotAscii, what)
                    .filter(|_| !allows_utf8_names(context))
            }),
        ],
    },
    // RFC 1939 §3: keywords and arguments are printable ASCII.
    Rule {
        id: "client-non-ascii-command",
        level: Must,
        source: "RFC 1939 §3",
        says: "a command must be printable ASCII",
        hint: "a keyboard layout or telnet's control octets can cause this: type the command again",
        check: &[Check::Line(|seen, _| {
            let text = command(seen).filter(|_| !seen.is_of(names_or_proves))?;
            let is_odd = text
                .iter()
                .any(|octet| !octet.is_ascii_graphic() && !matches!(octet, b' ' | b'\t'));
            seen.when(
                is_odd,
                "the command has octets that are not printable ASCII",
            )
        })],
    },
    // RFC 1939 §7: PASS comes right after a USER that was accepted.
    Rule {
        id: "client-pass-without-user",
        level: Must,
        source: "RFC 1939 §7",
        says: "PASS must come right after a USER command that the server accepted",
        hint: "send USER before each PASS, even if the previous PASS got -ERR",
        check: &[Check::Exchange(|ended, context| {
            let is_after = context.is_after("USER") && !context.is_after_refusal();
            let is_alone = ended.verb == "PASS" && !is_after && context.session.is_authorization();
            ended.command_when(
                is_alone,
                "the client sent PASS without an accepted USER right before it",
            )
        })],
    },
    // RFC 1939 §7: APOP needs the timestamp of the greeting.
    Rule {
        id: "client-apop-without-timestamp",
        level: Should,
        source: "RFC 1939 §7",
        says: "a client should use APOP only if the greeting has a timestamp",
        hint: "this server does not support APOP: use a different login",
        check: &[Check::Line(|seen, context| {
            let is_apop = seen.role == LineRole::Command && seen.verb() == "APOP";
            let greeting = context.greeting.text.as_ref().filter(|_| is_apop)?;
            seen.when(
                !greeting.contains(&b'<'),
                "the client sent APOP, but the greeting has no timestamp",
            )
        })],
    },
    // RFC 1939 §7, CVE-2007-1558: an attacker may have chosen a timestamp that is not a message-id.
    Rule {
        id: "client-apop-odd-timestamp",
        level: Security,
        source: "RFC 1939 §7, CVE-2007-1558",
        says: "a client should use APOP only if the timestamp is a message-id",
        hint: "an attacker can recover parts of the password from such digests: change the password, and use TLS",
        check: &[Check::Line(|seen, context| {
            let is_apop = seen.role == LineRole::Command && seen.verb() == "APOP";
            let greeting = context.greeting.text.as_ref().filter(|_| is_apop)?;
            seen.when(
                greeting.contains(&b'<') && context.greeting.timestamp().is_none(),
                "the client used APOP with a timestamp that is not a message-id",
            )
        })],
    },
    // RFC 1939 §7: the digest is 32 hexadecimal digits in lower case.
    Rule {
        id: "client-apop-digest",
        level: Must,
        source: "RFC 1939 §7",
        says: "an APOP digest must be 32 lower-case hexadecimal digits",
        hint: "compute MD5 over the timestamp, including its angle brackets, followed by the password",
        check: &[
            Check::Line(|seen, _| {
                seen.plain()
                    .filter(|_| seen.role == LineRole::Command && seen.verb() == "APOP")?;
                let digest = seen.arguments().nth(1).unwrap_or_default();
                let is_hex = digest
                    .iter()
                    .all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
                seen.when(
                    digest.len() != 32 || !is_hex,
                    "the digest is not 32 lower-case hexadecimal digits",
                )
            }),
            Check::Event(|event, context| {
                let is = |flaw, what| context.malformed(event, SecretKind::Digest, flaw, what);
                is(
                    Flaw::NotHexadecimal,
                    "the digest is not 32 lower-case hexadecimal digits",
                )
                .or_else(|| is(Flaw::UpperCase, "the digest is not in lower case"))
            }),
        ],
    },
    // RFC 5034 §3: without the SASL capability, a client does not try AUTH.
    Rule {
        id: "client-auth-unannounced",
        level: Should,
        source: "RFC 5034 §3",
        says: "a client should use only mechanisms that CAPA lists after SASL",
        hint: "send CAPA, and choose one of the listed mechanisms",
        check: &[Check::Exchange(|ended, context| {
            let mechanism = ended
                .mechanism()
                .filter(|_| context.session.is_authorization())?;
            context.session.announced_now()?;
            let is_listed = context
                .parameters("SASL")
                .is_some_and(|names| names.contains(&mechanism));
            // An initial response without SASL is worse, and has its own rule.
            let is_worse = context.announces("SASL") == Some(false) && ended.has_initial_response();
            ended.command_when(!is_listed && !is_worse, "CAPA does not list this mechanism")
        })],
    },
    // RFC 2595 §4, RFC 6856 §2, §3: these commands are newer than CAPA, so a server that supports
    // them lists them. TOP and UIDL are older: a client may try them (RFC 1939 §7).
    Rule {
        id: "client-command-unannounced",
        level: Should,
        source: "RFC 2449 §3, RFC 2595 §4, RFC 6856 §2, §3",
        says: "a client should send STLS, UTF8 and LANG only if CAPA lists them",
        hint: "leave the command out: the server does not offer it now, or TLS is on but not recorded",
        check: &[Check::Line(|seen, context| {
            let row = seen
                .sent
                .filter(|_| seen.role == LineRole::Command)?
                .command()?;
            let tag = tag_for(row.verb).filter(|_| !row.source.starts_with("RFC 1939"))?;
            // The list may differ in each phase. STLS inside TLS is worse, and has its own rule.
            let list = context.session.announced(context.session.phase())?;
            let is_listed = super::words::has_tag(list, tag);
            let is_worse = row.verb == "STLS" && context.session.tls.is_on();
            seen.when(!is_listed && !is_worse, "CAPA does not list this command")
        })],
    },
    // RFC 5034 §4: servers without the SASL capability do not know initial responses.
    Rule {
        id: "client-initial-response-unannounced",
        level: Must,
        source: "RFC 5034 §3, §4",
        says: "a client must send an initial response only if CAPA lists SASL",
        hint: "old servers misread an initial response: send AUTH with only the mechanism",
        check: &[Check::Exchange(|ended, context| {
            let is_sent = ended.has_initial_response() && context.announces("SASL") == Some(false);
            ended.command_when(
                is_sent && context.session.is_authorization(),
                "the client sent an initial response, but CAPA does not list SASL",
            )
        })],
    },
    // RFC 5034 §4: a response is base64, an asterisk, or empty.
    Rule {
        id: "client-bad-base64",
        level: Must,
        source: "RFC 5034 §4",
        says: "a response must be base64",
        hint: "encode the response in base64 (`:auth` shows how), or send an asterisk to cancel",
        check: &[
            Check::Line(|seen, _| {
                let text = seen.plain().filter(|_| seen.role == LineRole::Response)?;
                seen.when(
                    text != b"*" && !is_base64(text),
                    "the response is not base64",
                )
            }),
            Check::Line(|seen, _| {
                seen.plain()
                    .filter(|_| seen.role == LineRole::Command && seen.verb() == "AUTH")?;
                let initial = seen.arguments().nth(1)?;
                seen.when(
                    initial != b"=" && !is_base64(initial),
                    "the initial response is not base64",
                )
            }),
            Check::Event(|event, context| {
                let is = |secret, what| context.malformed(event, secret, Flaw::NotBase64, what);
                is(SecretKind::Response, "the response is not base64").or_else(|| {
                    is(
                        SecretKind::InitialResponse,
                        "the initial response is not base64",
                    )
                })
            }),
        ],
    },
    // RFC 2595 §4: after STLS the client asks for the capabilities again.
    Rule {
        id: "client-no-capa-after-stls",
        level: Info,
        source: "RFC 2595 §4",
        says: "the client should send CAPA again after STLS",
        hint: "an attacker may have changed the list sent before TLS: send CAPA again inside TLS",
        check: &[Check::Exchange(|ended, context| {
            let is_login = (ended.verb == "AUTH" || ended.is(Command::names_user))
                && context.session.tls == Tls::ByStls
                && context.session.is_authorization();
            let was_asked = context.session.announced(Phase::First).is_some();
            let is_asked = context.session.announced(Phase::Tls).is_some();
            ended.command_when(
                is_login && was_asked && !is_asked && context.session.phase() == Phase::Tls,
                "the client logged in without sending CAPA inside TLS",
            )
        })],
    },
    // RFC 1939 §6: only QUIT carries out deletions.
    Rule {
        id: "client-quit-missing",
        level: Should,
        source: "RFC 1939 §6",
        says: "a session that deletes messages should end with QUIT",
        hint: "the server deletes nothing without QUIT: end with QUIT, or do not send DELE",
        check: &[Check::Event(|event, context| {
            let is_left = event.kind == EventKind::Closed
                && context.now.is_closed_by_client()
                && !context.has_quit();
            let count = context.session.marked.len();
            let what = format!(
                "the client closed the connection without QUIT; deletions not committed: {count}"
            );
            (is_left && count > 0 && !context.commands.waiting.has("QUIT"))
                .then(|| Site::at(event.place, what))
        })],
    },
    // RFC 1939 §5: a command has all its arguments.
    Rule {
        id: "client-missing-argument",
        level: Should,
        source: "RFC 1939 §5, §7",
        says: "a command should have all required arguments",
        hint: "type `?` and the verb to see the syntax",
        check: &[Check::Line(|seen, _| {
            seen.plain().filter(|_| seen.role == LineRole::Command)?;
            let row = seen.sent?.command()?;
            let wanted = row.args.iter().filter(|arg| !arg.optional).count();
            let is_own = row.takes_secret();
            let is_short = seen.arguments().count() < wanted;
            seen.when(
                is_short && !is_own && seen.end != LineEnd::None,
                "the command lacks a required argument",
            )
        })],
    },
    // RFC 8314 §4.1: anyone on the network path can read a password sent in cleartext.
    Rule {
        id: "password-in-clear",
        level: Security,
        source: "RFC 8314 §4.1",
        says: "no password should cross the network in cleartext",
        hint: "change this password, and connect with --tls or send STLS before login",
        check: &[Check::Line(|seen, context| {
            let is_password =
                seen.role == LineRole::Command && seen.verb() == "PASS" && seen.octets > 6;
            seen.when(
                is_password && context.is_in_clear(),
                "the client sent a password in cleartext",
            )
        })],
    },
    // RFC 5034 §4, RFC 4616 §6: PLAIN and similar mechanisms are used only inside TLS.
    Rule {
        id: "plain-mechanism-in-clear",
        level: Security,
        source: "RFC 5034 §4, RFC 4616 §6",
        says: "PLAIN, LOGIN and token mechanisms should be used only inside TLS",
        hint: "change this password, and connect with --tls or send STLS before login",
        check: &[Check::Exchange(|ended, context| {
            let is_open =
                ended.mechanism().is_some_and(|name| is_plain(&name)) && ended.has_credentials();
            ended.command_when(
                is_open && context.is_in_clear(),
                "the client used a mechanism that sends the secret itself in cleartext",
            )
        })],
    },
    // RFC 2595 §2.4, RFC 8314 §5: a client that wanted TLS and did not get it must not log in.
    Rule {
        id: "login-without-the-tls-asked-for",
        level: Security,
        source: "RFC 2595 §2.4, RFC 8314 §5",
        says: "a client must not log in if it asked for TLS but did not get it",
        hint: "the refusal may come from an attacker, not the server: close the connection, and use port 995",
        check: &[Check::Line(|seen, context| {
            let is_login =
                seen.role == LineRole::Command && seen.verb() == "PASS" && context.is_in_clear();
            seen.when(
                is_login && context.refusals.verbs.contains("STLS"),
                "the client logged in unencrypted after STLS was refused",
            )
        })],
    },
];
