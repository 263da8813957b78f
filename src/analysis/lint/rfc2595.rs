//! RFC 2595: STLS.

use super::context::Unsolicited;
use super::{Check, LineRole, List, Rule, Site};
use crate::analysis::finding::Level::{Must, Security, Should};
use crate::pop3::session::{Accepted, Phase, Tls};

pub(super) const RULES: &[Rule] = &[
    // RFC 2595 §9: an attacker on the network path can remove STLS from the list, or answer -ERR in
    // the server's place.
    Rule {
        id: "stls-stripped",
        level: Security,
        source: "RFC 2595 §9, RFC 8314 §4",
        says: "STLS should not disappear from CAPA",
        hint: "an attacker may have removed STLS: do not log in, and compare the list from a different network or port 995",
        check: &[Check::Exchange(|ended, context| {
            let was_there =
                context.announces("STLS") == Some(true) && context.session.phase() == Phase::First;
            let is_gone = ended.verb == "CAPA"
                && ended.is_complete()
                // A refused CAPA lists nothing.
                && ended.is_ok()
                && !context.listing.has_holes
                && !super::words::has_tag(&context.listing.capabilities, "STLS");
            ended.when(
                // Seen: nginx 1.22 itself removes it from the list once USER is sent.
                was_there && is_gone && !context.session.tls.is_on() && context.login.users == 0,
                "CAPA listed STLS earlier, but no longer does",
            )
        })],
    },
    // RFC 2595 §4: the handshake begins right after the CRLF of the server's +OK.
    Rule {
        id: "stls-response-injection",
        level: Security,
        source: "RFC 2595 §4",
        says: "nothing may come between the server's +OK to STLS and the handshake",
        hint: "an attacker may have injected replies: discard these octets, and close the connection",
        check: &[Check::Line(|seen, context| {
            // A hole says nothing of its length.
            let at_least = if seen.has_holes { "at least " } else { "" };
            let what = format!(
                "the server sent {at_least}{} octets in cleartext before the handshake",
                seen.octets
            );
            // Seen: Courier 1.0.16 answers a handshake that it can't do with `-ERR STARTTLS
            // failed`, in cleartext. That deceives no client, and the rule about the failed
            // handshake names it. It may come before the handshake begins if the client sent a
            // command after STLS.
            let connection = &context.connection;
            let was_early = connection.has_injection && !connection.is_after_stls;
            let is_refusal = seen.text == b"-ERR" && !was_early;
            (seen.role == LineRole::Injected && !is_refusal).then(|| seen.spot(what))
        })],
    },
    // RFC 2595 §4: what was sent in cleartext does not count inside TLS.
    Rule {
        id: "stls-command-injection",
        level: Security,
        source: "CVE-2011-0411, RFC 2595 §4",
        says: "the server must not carry out commands inside TLS that came in cleartext after STLS",
        hint: "an attacker on the network path can inject commands: update the server, or use port 995",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::Smuggled),
                "inside TLS, the server answered a command sent in cleartext",
            )
        })],
    },
    // RFC 2595 §4: both sides discard what they learned before TLS.
    Rule {
        id: "stls-keeps-pre-tls-state",
        level: Should,
        source: "RFC 2595 §4",
        says: "the server should forget a USER command sent before TLS",
        hint: "an attacker on the network path can choose the user name: the server must reset the session after STLS",
        check: &[Check::Exchange(|ended, context| {
            let is_kept = ended.verb == "PASS"
                && context.session.tls == Tls::ByStls
                && context.session.accepted == Accepted::BeforeTls;
            ended.when(
                is_kept && ended.is_ok(),
                "the server accepted PASS for a user name sent before TLS",
            )
        })],
    },
    // RFC 2595 §4: STLS belongs to the AUTHORIZATION state.
    Rule {
        id: "stls-in-transaction",
        level: Should,
        source: "RFC 2595 §4",
        says: "STLS should come before login",
        hint: "the server must refuse STLS after login",
        check: &[Check::Exchange(|ended, context| {
            let is_late = ended.verb == "STLS"
                && ended.is_ok()
                && context.session.is_transaction()
                && !context.session.tls.is_on();
            ended.when(is_late, "the server accepted STLS after login")
        })],
    },
    // RFC 2595 §4: with TLS on, STLS is not permitted.
    Rule {
        id: "stls-twice-accepted",
        level: Must,
        source: "RFC 2595 §4",
        says: "the server must refuse STLS inside TLS",
        hint: "the server must answer -ERR: TLS is already on",
        check: &[Check::Exchange(|ended, context| {
            ended.when(
                ended.verb == "STLS" && ended.is_ok() && context.session.tls.is_on(),
                "the server accepted STLS inside TLS",
            )
        })],
    },
    // RFC 2595 §4: the session continues after the handshake; there is no second greeting.
    Rule {
        id: "stls-second-greeting",
        level: Should,
        source: "RFC 2595 §4",
        says: "the server should not send a second greeting after STLS",
        hint: "a misconfigured TLS wrapper in front of the server can cause this: replies may not match the commands",
        check: &[Check::Line(|seen, context| {
            seen.when(
                context.unsolicited(seen) == Some(Unsolicited::SecondGreeting),
                "the server sent a greeting inside TLS",
            )
        })],
    },
    // RFC 2595 §4: the handshake follows +OK to STLS.
    Rule {
        id: "stls-ok-no-handshake",
        level: Must,
        source: "RFC 2595 §4, RFC 8314 §4",
        says: "a server that answers STLS with +OK must support TLS",
        hint: "the server may have no certificate, or be unable to read its key: check its log",
        check: &[Check::Event(|event, context| {
            let is_failed =
                super::tls::is_failed_handshake(event) && context.session.tls == Tls::Agreed;
            let what = "the handshake failed after +OK to STLS";
            // A server is right to close if something was injected after STLS.
            let is_earned = context.connection.is_after_stls;
            (is_failed && !is_earned).then(|| Site::at(event.place, what))
        })],
    },
    // RFC 2595 §4: STLS is listed only while it is permitted.
    Rule {
        id: "capa-stls-inside-tls",
        level: Should,
        source: "RFC 2595 §4",
        says: "CAPA should not list STLS inside TLS",
        hint: "the list may be fixed text, or a proxy may handle TLS: leave STLS out once TLS is on",
        check: &[Check::Line(|seen, context| {
            let is_capability =
                seen.role == LineRole::Listed(List::Capabilities) && context.session.tls.is_on();
            seen.when(
                is_capability && seen.text.eq_ignore_ascii_case(b"STLS"),
                "CAPA lists STLS inside TLS",
            )
        })],
    },
];
