//! The tables of events in transcripts/README.md name each event that the code can write, and no
//! other.

use std::collections::BTreeSet;
use std::time::Duration;

use poptalk::pop3::command::Shape;
use poptalk::pop3::tracker::{CutAt, Side};
use poptalk::transcript::event::{Event, Malformed, OUT_OF_STEP, Party, Trust};

fn text(text: &str) -> String {
    text.to_owned()
}

fn tls(trust: Option<Trust>) -> Event {
    Event::TlsStarted {
        version: text("VERSION"),
        cipher: text("CIPHER"),
        subject: text(if trust.is_some() { "SUBJECT" } else { "" }),
        trust,
    }
}

fn injected(by: Side, shown: Option<String>) -> Event {
    let octets = 7;
    Event::Injected { by, octets, shown }
}

fn taken_as(shape: Shape) -> Event {
    let verb = text("VERB");
    Event::TakenAs { verb, shape }
}

/// The events of a session, as the tables write them; a 7 stands for any number.
fn of_a_session() -> Vec<Event> {
    vec![
        Event::Found {
            server: text("HOST:PORT"),
            name: text("NAME"),
            priority: 7,
            weight: 7,
        },
        Event::connected("ADDRESS:PORT"),
        Event::connected("HOST:PORT through PROXY"),
        Event::ProxyProtocol(text("VERSION SOURCE DESTINATION")),
        Event::ProxyProtocol(text("VERSION without addresses")),
        Event::ProxyProtocolFailed(text("WHY")),
        Event::NoAddress(text("HOST: WHY")),
        Event::NotReached(text("PLACE: WHY")),
        Event::Other(text("proxy PROXY: WHY")),
        Event::Other(text("HOST:PORT through PROXY: WHY")),
        tls(Some(Trust::Verified)),
        tls(Some(Trust::Pinned)),
        tls(Some(Trust::Unverified(text("WHY")))),
        tls(Some(Trust::Unknown)),
        tls(None),
        Event::TlsUnknown,
        Event::TlsFailed(text("WHY")),
        injected(Side::Server, None),
        taken_as(Shape::Multi),
        taken_as(Shape::Single),
        Event::TimedOut(Duration::from_secs(7)),
        Event::TooMuchCame(text("SIZE")),
        Event::closed_by(Party::Server),
        Event::closed_by(Party::Client),
        Event::lost(Some(text("WHY"))),
        Event::EndedWithoutCloseNotify,
        // It stands for those of its own table.
        Event::Other(text("malformed SECRET: FLAW")),
        Event::AnotherWay(Some(text("WHAT"))),
    ]
}

/// Those of a proxy.
fn of_a_proxy() -> Vec<Event> {
    let upstream = |event| Event::Upstream(Box::new(event));
    let line = |side, said| Event::UpstreamLine {
        side,
        text: text(said),
    };
    vec![
        Event::ConnectedUpstream(text("ADDRESS:PORT")),
        upstream(Event::ProxyProtocol(text("VERSION SOURCE DESTINATION"))),
        upstream(tls(Some(Trust::Verified))),
        upstream(Event::TlsFailed(text("WHY"))),
        upstream(Event::EndedWithoutCloseNotify),
        line(Side::Client, "STLS"),
        line(Side::Server, "TEXT"),
        upstream(injected(Side::Server, Some(text("TEXT")))),
        injected(Side::Client, None),
        Event::ProxyAddsStls,
        Event::ProxyAnswersStls,
        Event::TooMuchPassed(text("SIZE")),
        Event::NotPassedOn(7),
        Event::closed_by(Party::Proxy),
    ]
}

/// The number of an event's variant. Who adds a variant adds a number here, and an event above.
fn variant(event: &Event) -> usize {
    match event {
        Event::Found { .. } => 0,
        Event::Connected { .. } => 1,
        Event::ConnectedUpstream(_) => 2,
        Event::NoAddress(_) => 3,
        Event::NotReached(_) => 4,
        Event::TlsStarted { .. } => 5,
        Event::TlsUnknown => 6,
        Event::TlsFailed(_) => 7,
        Event::Injected { .. } => 8,
        Event::TakenAs { .. } => 9,
        Event::Malformed(_) => 10,
        Event::TimedOut(_) => 11,
        Event::TooMuchCame(_) => 12,
        Event::TooMuchPassed(_) => 13,
        Event::Closed { .. } => 14,
        Event::Lost { .. } => 15,
        Event::EndedWithoutCloseNotify => 16,
        Event::Upstream(_) => 17,
        Event::UpstreamLine { .. } => 18,
        Event::ProxyAddsStls => 19,
        Event::ProxyAnswersStls => 20,
        Event::NotPassedOn(_) => 21,
        Event::AnotherWay(_) => 22,
        Event::ProxyProtocol(_) => 23,
        Event::ProxyProtocolFailed(_) => 24,
        Event::Other(_) => 25,
    }
}

/// What stands between backticks in the first cells of the tables.
fn named(readme: &str) -> BTreeSet<String> {
    let cells = readme.lines().filter_map(|line| line.strip_prefix("| "));
    let first = cells.filter_map(|line| line.split(" | ").next());
    first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_tables_of_events_are_those_of_the_code() {
    let readme = super::documents::read("transcripts/README.md");
    let (_, section) = readme.split_once("\n## Events\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut events = of_a_session();
    events.extend(of_a_proxy());
    events.extend(Malformed::all().map(Event::Malformed));
    let variants: BTreeSet<usize> = events.iter().map(variant).collect();
    assert_eq!(variants, (0..26).collect(), "each variant has an event");
    let plain = |event: &Event| match event {
        Event::Malformed(_) => event.to_string(),
        event => event.to_string().replace('7', "N"),
    };
    let want: BTreeSet<String> = events.iter().map(plain).collect();
    assert_eq!(named(section), want);
    let cut = |cut| Event::Lost { cut, why: None }.to_string();
    for cut in [CutAt::Reply, CutAt::Line, CutAt::Data].map(cut) {
        let words = cut.trim_start_matches("connection lost");
        assert!(section.contains(&format!("`{words}`")), "{words}");
    }
    assert!(section.contains(&format!("`: {OUT_OF_STEP}`")));
}
