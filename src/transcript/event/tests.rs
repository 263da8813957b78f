use proptest::prelude::*;

use super::kind::STARTS;
use super::*;

/// A word that no event has.
fn word() -> impl Strategy<Value = String> {
    "[A-Z0-9.:=-]{1,8}"
}

fn cut() -> impl Strategy<Value = CutAt> {
    proptest::sample::select(vec![CutAt::Nothing, CutAt::Reply, CutAt::Line, CutAt::Data])
}

fn side() -> impl Strategy<Value = Side> {
    proptest::sample::select(vec![Side::Client, Side::Server])
}

fn of_tls() -> impl Strategy<Value = Event> {
    let trust = prop_oneof![
        Just(Some(Trust::Verified)),
        Just(Some(Trust::Pinned)),
        Just(Some(Trust::Unknown)),
        word().prop_map(|why| Some(Trust::Unverified(format!("a {why} (b) c")))),
        Just(None),
    ];
    let subject = prop_oneof![Just(String::new()), "CN=[ -~]{0,12}"];
    prop_oneof![
        (word(), word(), trust, subject).prop_map(|(version, cipher, trust, subject)| {
            Event::TlsStarted {
                version,
                cipher,
                subject: if trust.is_some() {
                    subject
                } else {
                    String::new()
                },
                // A bracket that closes inside the reason would end it.
                trust: trust.map(|trust| match trust {
                    Trust::Unverified(why) => Trust::Unverified(why.replace(')', "")),
                    trust => trust,
                }),
            }
        }),
        Just(Event::TlsUnknown),
        "[ -~]{0,12}".prop_map(Event::TlsFailed),
    ]
}

fn of_ends() -> impl Strategy<Value = Event> {
    let party = proptest::sample::select(vec![Party::Client, Party::Server, Party::Proxy]);
    let why = || proptest::option::of("[ -~]{0,12}");
    prop_oneof![
        (party, cut(), why()).prop_map(|(by, cut, why)| Event::Closed { by, cut, why }),
        (cut(), why()).prop_map(|(cut, why)| Event::Lost { cut, why }),
        (0..100_000_000_u64).prop_map(|ms| Event::TimedOut(Duration::from_millis(ms))),
        Just(Event::EndedWithoutCloseNotify),
        word().prop_map(Event::TooMuchCame),
        word().prop_map(Event::TooMuchPassed),
    ]
}

fn of_the_rest() -> impl Strategy<Value = Event> {
    let malformed: Vec<Malformed> = Malformed::all().collect();
    let shape = proptest::sample::select(vec![Shape::Single, Shape::Multi]);
    prop_oneof![
        (word(), word(), any::<(u16, u16)>()).prop_map(|(server, name, (priority, weight))| {
            Event::Found {
                server,
                name,
                priority,
                weight,
            }
        }),
        (word(), proptest::option::of(word()))
            .prop_map(|(peer, via)| Event::Connected { peer, via }),
        word().prop_map(Event::ConnectedUpstream),
        (word(), word()).prop_map(|(from, to)| Event::ProxyProtocol(format!("v2 {from} {to}"))),
        "[ -~]{0,12}".prop_map(Event::ProxyProtocolFailed),
        word().prop_map(Event::NoAddress),
        word().prop_map(Event::NotReached),
        (side(), any::<u64>(), proptest::option::of(word()))
            .prop_map(|(by, octets, shown)| Event::Injected { by, octets, shown }),
        (word(), shape).prop_map(|(verb, shape)| Event::TakenAs { verb, shape }),
        proptest::sample::select(malformed).prop_map(Event::Malformed),
        (side(), word()).prop_map(|(side, text)| Event::UpstreamLine { side, text }),
        Just(Event::ProxyAddsStls),
        Just(Event::ProxyAnswersStls),
        any::<u64>().prop_map(Event::NotPassedOn),
        proptest::option::of(word()).prop_map(Event::AnotherWay),
        "[A-Z]{1,8}".prop_map(Event::Other),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let here = prop_oneof![of_tls(), of_ends(), of_the_rest()].boxed();
    let upstream = prop_oneof![of_tls(), of_ends()];
    prop_oneof![
        4 => here,
        1 => upstream.prop_map(|event| Event::Upstream(Box::new(event))),
    ]
}

/// Text that is like an event, or nearly so.
fn text() -> impl Strategy<Value = String> {
    let starts: Vec<&str> = STARTS.iter().map(|(start, _)| *start).collect();
    let start = proptest::sample::select(starts).prop_map(str::to_owned);
    prop_oneof![
        (start, "[ -~]{0,12}").prop_map(|(start, rest)| format!("{start}{rest}")),
        (event(), "[ -~]{0,3}").prop_map(|(event, rest)| format!("{event}{rest}")),
        "[ -~]{0,20}",
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_as_the_same(event in event()) {
        prop_assert_eq!(Event::parse(&event.to_string()), event);
    }

    #[test]
    fn what_is_parsed_is_printed_as_it_was(text in text()) {
        let event = Event::parse(&text);
        prop_assert_eq!(event.to_string(), text.clone());
        prop_assert_eq!(event.kind(), EventKind::of(&text));
    }
}

#[test]
fn the_verdict_on_a_certificate_is_apart_from_its_subject() {
    let text = "tls TLSv1.3 X unverified (18 (self-signed certificate)) CN = verified host";
    let Event::TlsStarted { trust, subject, .. } = Event::parse(text) else {
        panic!("{text}");
    };
    let why = "18 (self-signed certificate)".to_owned();
    assert_eq!(trust, Some(Trust::Unverified(why)));
    assert_eq!(subject, "CN = verified host");
    let forged = "tls TLSv1.3 X verified CN=a unverified (expired) b";
    let Event::TlsStarted { trust, .. } = Event::parse(forged) else {
        panic!("{forged}");
    };
    assert_eq!(trust, Some(Trust::Verified));
}

#[test]
fn who_closed_is_known_whatever_else_is_said() {
    let closer = |text| Event::parse(text).closer();
    assert_eq!(closer("closed by server"), Some(Party::Server));
    assert_eq!(closer("closed by client, in a hurry"), Some(Party::Client));
    assert_eq!(closer("closed by nobody"), None);
    let is_gone = |text| Event::parse(text).is_server_gone();
    assert!(is_gone("closed by server before a reply"));
    assert!(is_gone("connection lost"));
    assert!(!is_gone("closed by client") && !is_gone("closed by proxy"));
}

#[test]
fn no_verb_can_break_the_event() {
    assert_eq!(
        Event::taken_as("XFOO", Shape::Multi).map(|event| event.to_string()),
        Some("taken as multi-line: XFOO".to_owned())
    );
    assert_eq!(Event::taken_as("X Y", Shape::Multi), None);
    assert_eq!(Event::taken_as("", Shape::Single), None);
    assert_eq!(Event::taken_as("AUTH", Shape::Sasl), None);
}
