//! RFC 5034: AUTH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Check, Context, ExchangeSeen, LineRole, LineSeen, Rule};
use crate::analysis::finding::Level::{Info, Must, Security, Should};
use crate::pop3::sasl::is_base64;
use crate::pop3::tracker::Side;
use crate::reading::dialogue::{Line, Place};

/// Mechanisms in which the server speaks first (RFC 4422 §5).
const SERVER_FIRST: &[&str] = &["CRAM-MD5", "DIGEST-MD5", "CRAM-SHA1", "CRAM-SHA256"];

const WEAK: &[&str] = &["CRAM-MD5", "DIGEST-MD5", "NTLM", "LOGIN", "CRAM-SHA1"];

/// The challenges of an exchange, without `+ `; None for a challenge with holes.
fn challenges<'a>(ended: &ExchangeSeen<'a>) -> Vec<Option<&'a [u8]>> {
    let lines = ended
        .exchange
        .sasl
        .iter()
        .filter(|line| line.side == Side::Server);
    let text = |line: &'a Line| {
        let plain = line.is_whole() && line.pieces.len() <= 1;
        plain.then(|| line.head().strip_prefix(b"+ ").unwrap_or_default())
    };
    lines.map(text).collect()
}

fn responses<'a>(ended: &ExchangeSeen<'a>) -> impl Iterator<Item = &'a Line> + use<'a> {
    let exchange = ended.exchange;
    exchange
        .sasl
        .iter()
        .filter(|line| line.side == Side::Client)
}

/// Whether `+OK` came instead of a challenge: the client has proved nothing.
pub(super) fn is_ok_as_challenge(ended: &ExchangeSeen<'_>, context: &Context) -> bool {
    let is_bare = ended.mechanism().is_some() && !ended.has_initial_response();
    is_bare && ended.is_ok() && ended.exchange.sasl.is_empty() && !context.session.is_transaction()
}

/// The row of a response that is not base64, including the initial one; for a hidden response, an
/// event says so.
fn bad_response(ended: &ExchangeSeen<'_>, context: &Context) -> Option<Place> {
    let command = ended.exchange.command.as_ref()?;
    ended.mechanism()?;
    let end = ended.exchange.status_line.as_ref()?.place;
    let hidden = context.login.malformed_response;
    if let Some(place) = hidden.filter(|place| (command.place..end).contains(place)) {
        return Some(place);
    }
    let is_plain = |line: &Line| line.is_whole() && line.pieces.len() <= 1;
    let initial = ended.arguments().nth(1).filter(|_| is_plain(command));
    if initial.is_some_and(|initial| initial != b"=" && !is_base64(initial)) {
        return Some(command.place);
    }
    let is_bad = |line: &&Line| is_plain(line) && line.head() != b"*" && !is_base64(line.head());
    responses(ended).find(is_bad).map(|line| line.place)
}

/// The mechanisms, when this line of the list of capabilities is SASL's.
fn mechanisms(seen: &LineSeen<'_>) -> Option<Vec<String>> {
    let mut words = seen.capability()?.split_ascii_whitespace();
    let tag = words.next()?;
    tag.eq_ignore_ascii_case("SASL")
        .then(|| words.map(str::to_owned).collect())
}

/// The parameter of a server-first-message of SCRAM (RFC 5802 §7).
fn scram_parameter(challenge: &[u8], name: char) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(challenge).ok()?).ok()?;
    let mut fields = text.split(',');
    let field = fields.find(|field| field.starts_with(name) && field.get(1..2) == Some("="))?;
    field.get(2..).map(str::to_owned)
}

pub(super) const RULES: &[Rule] = &[
    // RFC 5034 §4: a challenge is "+", a space, base64; an empty one is "+ ".
    Rule {
        id: "sasl-plus-no-space",
        level: Should,
        source: "RFC 5034 §4",
        says: "a challenge should have a space after the plus sign, even if the challenge is empty",
        hint: "strict clients stop here: the server must send a plus sign and a space",
        check: &[Check::Line(|seen, _| {
            let is_bare = seen.role == LineRole::Challenge
                && !seen.text.starts_with(b"+ ")
                && !seen.has_holes;
            seen.when(is_bare, "no space follows the plus sign")
        })],
    },
    // RFC 5034 §4: nothing but base64 follows it.
    Rule {
        id: "sasl-plus-with-text",
        level: Must,
        source: "RFC 5034 §4",
        says: "a challenge must be base64 and nothing else",
        hint: "clients cancel here: the server must not send plain text in a challenge",
        check: &[Check::Line(|seen, _| {
            let line = seen.plain().filter(|_| seen.role == LineRole::Challenge)?;
            let text = line.strip_prefix(b"+")?;
            seen.when(
                !is_base64(text.strip_prefix(b" ").unwrap_or(text)),
                "the challenge is not base64",
            )
        })],
    },
    // RFC 5034 §4: +OK ends the exchange; a challenge begins with a plus sign and a space.
    Rule {
        id: "sasl-ok-as-challenge",
        level: Must,
        source: "RFC 5034 §4",
        says: "the server must send +OK only after the login succeeded",
        hint: "the client has sent no credentials, but believes that it is logged in: send STAT to check, and do not use this mechanism",
        check: &[Check::Exchange(|ended, context| {
            ended.when(
                is_ok_as_challenge(ended, context),
                "the server answered +OK before the client sent a response",
            )
        })],
    },
    // RFC 5034 §4: a response that is not base64 is refused.
    Rule {
        id: "sasl-bad-base64-accepted",
        level: Should,
        source: "RFC 5034 §4",
        says: "the server should refuse a response that is not base64",
        hint: "the server's decoder is too lenient: the server should answer -ERR",
        check: &[Check::Exchange(|ended, context| {
            let place = bad_response(ended, context)?;
            // A token mechanism reports an error in one more challenge (RFC 7628 §3.2.3).
            let tells_errors = crate::pop3::sasl::Mechanism::named(&ended.mechanism()?)
                .is_some_and(|mechanism| mechanism.wants_token);
            let goes_on = ended
                .exchange
                .sasl
                .iter()
                .any(|line| line.side == Side::Server && line.place > place);
            let is_initial =
                (ended.exchange.command.as_ref()).is_some_and(|line| line.place == place);
            let what = match is_initial {
                true => "the server accepted an initial response that is not base64",
                false => "the server accepted a response that is not base64",
            };
            ended.command_when(ended.is_ok() || goes_on && !tells_errors, what)
        })],
    },
    // RFC 5034 §4: a client that sends "*" gets -ERR.
    Rule {
        id: "sasl-cancel-ignored",
        level: Must,
        source: "RFC 5034 §4",
        says: "an asterisk cancels the exchange, and the server must answer -ERR",
        hint: "the connection can no longer be used: connect again",
        check: &[Check::Exchange(|ended, _| {
            let mut lines = ended.exchange.sasl.iter();
            let is_cancelled = lines.any(|line| line.side == Side::Client && line.head() == b"*");
            let is_ignored = lines.next().is_some() || !ended.is_err();
            ended.when(
                is_cancelled && is_ignored,
                "the server did not answer the asterisk with -ERR",
            )
        })],
    },
    // RFC 5034 §4: a server with SASL accepts an initial response.
    Rule {
        id: "sasl-ir-rejected",
        level: Should,
        source: "RFC 5034 §3, §4",
        says: "a server that lists SASL should accept an initial response",
        hint: "the server may be old or have a short line limit: send the response when the server asks for it",
        check: &[Check::Exchange(|ended, context| {
            let mechanism = ended
                .mechanism()
                .filter(|_| ended.is_ok() && !ended.has_initial_response())?;
            let was_refused = context.refusals.with_initial.contains(&mechanism);
            ended.when(
                was_refused && !ended.exchange.sasl.is_empty(),
                "the server refused an initial response, but accepted the mechanism without one",
            )
        })],
    },
    // RFC 5034 §4: a mechanism in which the server speaks first has no initial response.
    Rule {
        id: "sasl-ir-server-first-accepted",
        level: Info,
        source: "RFC 5034 §4",
        says: "the server should refuse an initial response for a mechanism in which the server speaks first",
        hint: "harmless",
        check: &[Check::Exchange(|ended, _| {
            let mechanism = ended.mechanism().filter(|_| ended.has_initial_response())?;
            let is_first = SERVER_FIRST.contains(&mechanism.as_str());
            ended.when(
                is_first && !ended.exchange.sasl.is_empty(),
                "the server sent a challenge despite the initial response",
            )
        })],
    },
    // No RFC defines AUTH alone; some servers list their mechanisms.
    Rule {
        id: "sasl-probe-unsupported",
        level: Info,
        source: "in no RFC",
        says: "some servers answer AUTH alone with a list of mechanisms",
        hint: "harmless: no RFC defines AUTH without a mechanism, and CAPA lists the mechanisms",
        check: &[Check::Exchange(|ended, context| {
            let is_refused = ended.verb == "AUTH" && ended.is_err() && ended.mechanism().is_none();
            // After login it must be.
            ended.when(
                is_refused && context.session.is_authorization(),
                "the server refused AUTH without a mechanism",
            )
        })],
    },
    // RFC 5034 §4: after a successful AUTH, every further one is refused.
    Rule {
        id: "sasl-second-auth",
        level: Must,
        source: "RFC 5034 §4",
        says: "the server must refuse AUTH after login",
        hint: "the server must answer -ERR",
        check: &[Check::Exchange(|ended, context| {
            let is_again = ended.mechanism().is_some() && context.session.is_transaction();
            ended.when(
                is_again && (ended.is_ok() || !ended.exchange.sasl.is_empty()),
                "the server accepted AUTH after login",
            )
        })],
    },
    // RFC 5802 §3, §5: the server proves with `v=` that it knows the password.
    Rule {
        id: "sasl-scram-server-unverified",
        level: Security,
        source: "RFC 5802 §3, §5",
        says: "with SCRAM, the server must also prove that it knows the password",
        hint: "the server may be an impostor: do not trust this login",
        check: &[Check::Exchange(|ended, _| {
            let is_scram = ended
                .mechanism()
                .is_some_and(|name| name.starts_with("SCRAM-"))
                && ended.is_ok();
            let stated = challenges(ended);
            let is_proved = stated.iter().any(|text| match text {
                Some(text) => scram_parameter(text, 'v').is_some(),
                None => true,
            });
            ended.when(
                is_scram && !stated.is_empty() && !is_proved,
                "the server answered +OK without sending its signature",
            )
        })],
    },
    // RFC 5802 §5.1, RFC 7677 §4: 4096 iterations at least.
    Rule {
        id: "sasl-scram-weak",
        level: Should,
        source: "RFC 5802 §5.1, RFC 7677 §4",
        says: "SCRAM should use at least 4096 iterations",
        hint: "a stolen password file can be cracked quickly: raise the count, and store the passwords again",
        check: &[Check::Exchange(|ended, _| {
            let is_scram = ended
                .mechanism()
                .is_some_and(|name| name.starts_with("SCRAM-"));
            let first = challenges(ended)
                .into_iter()
                .flatten()
                .next()
                .filter(|_| is_scram)?;
            let count: u64 = scram_parameter(first, 'i')?.parse().ok()?;
            (count < 4096).then(|| ended.spot(format!("the server asked for {count} iterations")))
        })],
    },
    // RFC 6331, RFC 6151: these are broken or historic; every server can offer PLAIN inside TLS.
    Rule {
        id: "weak-mechanism-only",
        level: Info,
        source: "RFC 6331, RFC 6151",
        says: "a server should offer at least one mechanism that is not weak",
        hint: "add SCRAM-SHA-256, or PLAIN inside TLS",
        check: &[Check::Line(|seen, _| {
            let names = mechanisms(seen)?;
            let is_weak = |name: &String| WEAK.iter().any(|weak| weak.eq_ignore_ascii_case(name));
            seen.when(
                !names.is_empty() && names.iter().all(is_weak),
                "CAPA lists only weak mechanisms",
            )
        })],
    },
    // RFC 5034 §3: the SASL capability lists mechanisms.
    Rule {
        id: "sasl-no-mechanism",
        level: Info,
        source: "RFC 5034 §3",
        says: "the SASL line of CAPA should list at least one mechanism",
        hint: "harmless: the server may disable all mechanisms without TLS, but should then omit the SASL line",
        check: &[Check::Line(|seen, _| {
            seen.when(
                mechanisms(seen)?.is_empty(),
                "CAPA lists SASL without a mechanism",
            )
        })],
    },
    // RFC 4422 §3.1: a name has 1 to 20 upper-case letters, digits, hyphens and underscores.
    Rule {
        id: "sasl-mechanism-name",
        level: Must,
        source: "RFC 4422 §3.1",
        says: "a mechanism name must have 1 to 20 upper-case letters, digits, - and _",
        hint: "clients do not recognise this mechanism: the server must correct its name",
        check: &[Check::Line(|seen, _| {
            let names = mechanisms(seen)?;
            let is_plain =
                |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_".contains(c);
            let is_odd = |name: &&String| name.len() > 20 || !name.chars().all(is_plain);
            let odd = names.iter().find(is_odd)?;
            Some(seen.spot(format!("`{odd}` is not a mechanism name")))
        })],
    },
    // RFC 4505: anyone may log in without a password.
    Rule {
        id: "anonymous-offered",
        level: Info,
        source: "RFC 4505",
        says: "the mechanism ANONYMOUS admits users without an account",
        hint: "disable ANONYMOUS unless the server is meant to be public",
        check: &[Check::Line(|seen, _| {
            let names = mechanisms(seen)?;
            seen.when(
                names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case("ANONYMOUS")),
                "CAPA lists ANONYMOUS",
            )
        })],
    },
    // RFC 5034 §4: a refusal of the mechanism that CAPA lists.
    Rule {
        id: "sasl-announced-unknown",
        level: Must,
        source: "RFC 5034 §3",
        says: "a mechanism that CAPA lists after SASL must work",
        hint: "the list may be fixed text or come from a proxy: the server must list only what works",
        check: &[Check::Exchange(|ended, context| {
            let mechanism = ended
                .mechanism()
                .filter(|_| context.session.is_authorization())?;
            let is_listed = context
                .parameters("SASL")
                .is_some_and(|names| names.contains(&mechanism));
            let is_bare = !ended.has_initial_response() && responses(ended).next().is_none();
            let is_refused =
                ended.is_err() && ended.exchange.sasl.is_empty() && ended.code().is_none();
            ended.when(
                is_listed && is_bare && is_refused,
                "CAPA lists the mechanism, but the server refused it at once",
            )
        })],
    },
];
