//! From the text of an event to the event.

use std::time::Duration;

use super::{CUTS, Event, EventKind, Malformed, PARTIES, SHAPES, Trust};
use crate::pop3::tracker::{CutAt, Side};

impl Event {
    /// Returns the event that a text says, without its time. A text that would print differently is
    /// [`Event::Other`].
    pub(crate) fn parse(text: &str) -> Self {
        known(text)
            .filter(|event| event.to_string() == text)
            .unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

fn known(text: &str) -> Option<Event> {
    let after = |start: &str| text.strip_prefix(start).map(str::to_owned);
    match EventKind::of(text) {
        EventKind::Connected => connected(text),
        EventKind::NotConnected => {
            let no_address = after("no address for ").map(Event::NoAddress);
            no_address.or_else(|| after("could not connect to ").map(Event::NotReached))
        }
        EventKind::TlsStarted => tls_started(text),
        EventKind::TlsFailed => after("tls failed: ").map(Event::TlsFailed),
        EventKind::Injected => injected(text, Side::Server),
        EventKind::Malformed => Malformed::of_event(text).map(Event::Malformed),
        EventKind::TimedOut => {
            let seconds = between(text, "timeout after ", " s")?.parse().ok()?;
            let limit = Duration::try_from_secs_f64(seconds).ok()?;
            Some(Event::TimedOut(limit))
        }
        EventKind::Closed => {
            let who = text.strip_prefix("closed by ")?;
            let (by, rest) = PARTIES
                .iter()
                .find_map(|(by, name)| Some((*by, who.strip_prefix(name)?)))?;
            let (cut, why) = end(rest)?;
            Some(Event::Closed { by, cut, why })
        }
        EventKind::Lost => {
            let (cut, why) = end(text.strip_prefix("connection lost")?)?;
            Some(Event::Lost { cut, why })
        }
        EventKind::Other => other(text),
    }
}

fn other(text: &str) -> Option<Event> {
    match text {
        "ended TLS without close_notify" => return Some(Event::EndedWithoutCloseNotify),
        "the proxy adds STLS to the capabilities" => return Some(Event::ProxyAddsStls),
        "the proxy answers STLS" => return Some(Event::ProxyAnswersStls),
        _ => {}
    }
    if let Some(inner) = text.strip_prefix("upstream ") {
        let line = |side, text: &str| Event::UpstreamLine {
            side,
            text: text.to_owned(),
        };
        let said = inner
            .strip_prefix("C: ")
            .map(|text| line(Side::Client, text));
        let said = said.or_else(|| {
            inner
                .strip_prefix("S: ")
                .map(|text| line(Side::Server, text))
        });
        return Some(said.unwrap_or_else(|| Event::Upstream(Box::new(Event::parse(inner)))));
    }
    if let Some(header) = text.strip_prefix("proxy-protocol ") {
        return Some(match header.strip_prefix("failed: ") {
            Some(why) => Event::ProxyProtocolFailed(why.to_owned()),
            None => Event::ProxyProtocol(header.to_owned()),
        });
    }
    if let Some(rest) = text.strip_prefix("another way") {
        return because(rest).map(Event::AnotherWay);
    }
    if let Some(most) = text.strip_prefix("more than ") {
        let came = most.strip_suffix(" came from the server");
        let passed = most.strip_suffix(" have passed (--max-size)");
        let came = came.map(|most| Event::TooMuchCame(most.to_owned()));
        return came.or_else(|| passed.map(|most| Event::TooMuchPassed(most.to_owned())));
    }
    if let Some(rest) = text.strip_prefix("client ") {
        let count = between(rest, "sent ", " that were not passed on");
        let count = count.and_then(|count| count.split(' ').next()?.parse().ok());
        return injected(rest, Side::Client).or_else(|| count.map(Event::NotPassedOn));
    }
    taken_as(text).or_else(|| found(text))
}

fn taken_as(text: &str) -> Option<Event> {
    let (words, verb) = text.strip_prefix("taken as ")?.split_once(": ")?;
    let (shape, _) = SHAPES.iter().find(|(_, known)| *known == words)?;
    Some(Event::TakenAs {
        verb: verb.to_owned(),
        shape: *shape,
    })
}

fn found(text: &str) -> Option<Event> {
    let rest = between(text, "found ", ", DNS without DNSSEC")?;
    let (server, rest) = rest.split_once(" by ")?;
    let (name, rest) = rest.split_once(" SRV, priority ")?;
    let (priority, weight) = rest.split_once(", weight ")?;
    Some(Event::Found {
        server: server.to_owned(),
        name: name.to_owned(),
        priority: priority.parse().ok()?,
        weight: weight.parse().ok()?,
    })
}

fn connected(text: &str) -> Option<Event> {
    let to = text.strip_prefix("connected ")?;
    if let Some(address) = to.strip_prefix("upstream ") {
        return Some(Event::ConnectedUpstream(address.to_owned()));
    }
    Some(route(to))
}

/// A connection to a place, and perhaps `through` a proxy.
pub(super) fn route(place: &str) -> Event {
    let (peer, via) = match place.split_once(" through ") {
        Some((peer, via)) => (peer, Some(via.to_owned())),
        None => (place, None),
    };
    Event::Connected {
        peer: peer.to_owned(),
        via,
    }
}

/// The words of `tls`: the verdict is the first word that can be one, since no cipher suite is
/// called so and a subject may have any words.
fn tls_started(text: &str) -> Option<Event> {
    let said = text.strip_prefix("tls ")?;
    if said == "unknown" {
        return Some(Event::TlsUnknown);
    }
    let (version, rest) = said.split_at(said.find(' ').unwrap_or(said.len()));
    let word = |word: &'static str| {
        let mut places = rest.match_indices(word);
        places.find_map(|(at, _)| {
            let after = rest.get(at + word.len()..)?;
            (after.is_empty() || after.starts_with(' ')).then_some((at, word, after))
        })
    };
    let verdict = [" verified", " pinned", " unverified", " unknown"]
        .into_iter()
        .filter_map(word)
        .min_by_key(|(at, ..)| *at);
    let (cipher, trust, subject) = match verdict {
        None => (rest, None, ""),
        Some((at, " unverified", after)) => {
            let reason = after.strip_prefix(" (")?;
            let (why, subject) = match reason.split_once(") ") {
                Some((why, subject)) => (why, subject),
                None => (reason.strip_suffix(')')?, ""),
            };
            let trust = Trust::Unverified(why.to_owned());
            (rest.get(..at)?, Some(trust), subject)
        }
        Some((at, word, after)) => {
            let trust = match word {
                " verified" => Trust::Verified,
                " pinned" => Trust::Pinned,
                _ => Trust::Unknown,
            };
            let subject = after.strip_prefix(' ').unwrap_or_default();
            (rest.get(..at)?, Some(trust), subject)
        }
    };
    Some(Event::TlsStarted {
        version: version.to_owned(),
        cipher: cipher.strip_prefix(' ').unwrap_or_default().to_owned(),
        trust,
        subject: subject.to_owned(),
    })
}

fn injected(text: &str, by: Side) -> Option<Event> {
    let rest = text.strip_prefix("injected ")?;
    let (octets, rest) = rest.split_once(" octets before the TLS handshake")?;
    Some(Event::Injected {
        by,
        octets: octets.parse().ok()?,
        shown: because(rest)?,
    })
}

fn end(rest: &str) -> Option<(CutAt, Option<String>)> {
    let cut = CUTS
        .iter()
        .find_map(|(cut, words)| Some((*cut, rest.strip_prefix(words)?)));
    let (cut, rest) = cut.unwrap_or((CutAt::Nothing, rest));
    Some((cut, because(rest)?))
}

/// What follows a colon; nothing may be there instead.
fn because(rest: &str) -> Option<Option<String>> {
    match rest.strip_prefix(": ") {
        Some(why) => Some(Some(why.to_owned())),
        None => rest.is_empty().then_some(None),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}
