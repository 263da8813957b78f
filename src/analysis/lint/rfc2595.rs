//! RFC 2595: STLS.

use super::context::Unsolicited;
use super::{Check, LineRole, List, Rule, Site};
use crate::analysis::finding::Level::{Must, Security, Should};
use crate::pop3::session::{Accepted, Phase, Tls};
use crate::reading::dialogue::EventKind;

pub(super) const RULES: &[Rule] = &[
    // RFC 2595 §9: who sits between can take STLS out of the list, or answer -ERR in the server's place.
    Rule {
        id: "stls-stripped",
        level: Security,
        source: "RFC 2595 §9, RFC 8314 §4",
        says: "STLS does not vanish",
        hint: "somebody may have taken it away: do not log in, and compare from another network or on port 995",
        check: &[Check::Exchange(|ended, known| {
            let was_there =
                known.announces("STLS") == Some(true) && known.session.phase() == Phase::First;
            let is_gone = ended.verb == "CAPA"
                && ended.is_complete()
                // A refused CAPA lists nothing.
                && ended.is_ok()
                && !known.listing.has_holes
                && !super::words::has_tag(&known.listing.capabilities, "STLS");
            ended.when(
                // Seen: nginx 1.22 takes it out of the list itself once USER was sent.
                was_there && is_gone && !known.session.tls.is_on() && known.login.users == 0,
                "STLS was in the list before, and is gone",
            )
        })],
    },
    // RFC 2595 §4: the handshake begins right behind the CRLF of the server's +OK.
    Rule {
        id: "stls-response-injection",
        level: Security,
        source: "RFC 2595 §4",
        says: "nothing stands between the server's +OK to STLS and the handshake",
        hint: "somebody may have put replies there: never use these octets, and close",
        check: &[Check::Line(|heard, known| {
            let what = format!("{} octets in clear before the handshake", heard.octets);
            // Seen: Courier 1.0.16 answers a handshake that it can't do with `-ERR STARTTLS failed`, in cleartext. That deceives
            // no client, and the rule about the failed handshake names it. It may come before the handshake begins if the client
            // sent a command after STLS.
            let connection = &known.connection;
            let was_early = connection.has_injection && !connection.is_behind_stls;
            let is_refusal = heard.text == b"-ERR" && !was_early;
            (heard.role == LineRole::Injected && !is_refusal).then(|| heard.spot(what))
        })],
    },
    // RFC 2595 §4: what was sent in clear does not count inside TLS.
    Rule {
        id: "stls-command-injection",
        level: Security,
        source: "CVE-2011-0411, RFC 2595 §4",
        says: "a command that came in clear behind STLS is not carried out inside TLS",
        hint: "somebody between can put commands into the session: update the server, or use port 995",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::Smuggled),
                "a reply inside TLS to what was sent in clear",
            )
        })],
    },
    // RFC 2595 §4: what was learnt before TLS is forgotten by both sides.
    Rule {
        id: "stls-keeps-pre-tls-state",
        level: Should,
        source: "RFC 2595 §4",
        says: "a USER in clear is forgotten when TLS begins",
        hint: "somebody between can choose the name: the server must begin anew behind STLS",
        check: &[Check::Exchange(|ended, known| {
            let is_kept = ended.verb == "PASS"
                && known.session.tls == Tls::ByStls
                && known.session.accepted == Accepted::BeforeTls;
            ended.when(
                is_kept && ended.is_ok(),
                "PASS works with the USER of before TLS",
            )
        })],
    },
    // RFC 2595 §4: STLS belongs to the AUTHORIZATION state.
    Rule {
        id: "stls-in-transaction",
        level: Should,
        source: "RFC 2595 §4",
        says: "STLS comes before the login",
        hint: "the server must refuse STLS once somebody is logged in",
        check: &[Check::Exchange(|ended, known| {
            let is_late = ended.verb == "STLS"
                && ended.is_ok()
                && known.session.is_transaction()
                && !known.session.tls.is_on();
            ended.when(is_late, "STLS is accepted behind the login")
        })],
    },
    // RFC 2595 §4: with TLS on, STLS is not permitted.
    Rule {
        id: "stls-twice-accepted",
        level: Must,
        source: "RFC 2595 §4",
        says: "STLS inside TLS is refused",
        hint: "the server must say -ERR: TLS is on",
        check: &[Check::Exchange(|ended, known| {
            ended.when(
                ended.verb == "STLS" && ended.is_ok() && known.session.tls.is_on(),
                "STLS is accepted inside TLS",
            )
        })],
    },
    // RFC 2595 §4: the session goes on behind the handshake; there is no second greeting.
    Rule {
        id: "stls-second-greeting",
        level: Should,
        source: "RFC 2595 §4",
        says: "no greeting comes inside TLS behind STLS",
        hint: "TLS is made by a wrapper that is set up wrong; replies do not fit the commands any more",
        check: &[Check::Line(|heard, known| {
            heard.when(
                known.odd(heard) == Some(Unsolicited::SecondGreeting),
                "a greeting inside TLS",
            )
        })],
    },
    // RFC 2595 §4: behind +OK to STLS the handshake follows.
    Rule {
        id: "stls-ok-no-handshake",
        level: Must,
        source: "RFC 2595 §4, RFC 8314 §4",
        says: "a server that says +OK to STLS can do TLS",
        hint: "no certificate, or its key can't be read: the server's log says more",
        check: &[Check::Event(|event, known| {
            let is_failed = event.kind == EventKind::TlsFailed && known.session.tls == Tls::Agreed;
            let is_about_certificate = super::tls::reason(&event.text).is_some();
            let what = "the handshake failed behind +OK to STLS";
            // A server that closes because something was injected behind STLS does well.
            let is_earned = known.connection.is_behind_stls;
            (is_failed && !is_about_certificate && !is_earned).then(|| Site::at(event.place, what))
        })],
    },
    // RFC 2595 §4: STLS is listed only while it is permitted.
    Rule {
        id: "capa-stls-inside-tls",
        level: Should,
        source: "RFC 2595 §4",
        says: "STLS is not listed inside TLS",
        hint: "the list is fixed text, or a proxy in front does TLS: leave STLS out once TLS is on",
        check: &[Check::Line(|heard, known| {
            let is_capability =
                heard.role == LineRole::Listed(List::Capabilities) && known.session.tls.is_on();
            heard.when(
                is_capability && heard.text.eq_ignore_ascii_case(b"STLS"),
                "STLS inside TLS",
            )
        })],
    },
];
