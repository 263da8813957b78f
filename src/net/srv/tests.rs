//! Answers as servers give them, and as strangers would.

use proptest::prelude::*;
use simple_dns::rdata::{A, CNAME, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use super::*;

const NAME: &str = "_pop3s._tcp.example.org";
const ID: u16 = 0x1234;

fn record(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record {
        priority,
        weight,
        port,
        target: target.to_owned(),
    }
}

fn srv<'a>(owner: &'a str, record: &'a Record) -> ResourceRecord<'a> {
    let data = RData::SRV(SRV {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: Name::new_unchecked(&record.target),
    });
    ResourceRecord::new(Name::new_unchecked(owner), CLASS::IN, 60, data)
}

fn cname<'a>(owner: &'a str, target: &'a str) -> ResourceRecord<'a> {
    let data = RData::CNAME(CNAME(Name::new_unchecked(target)));
    ResourceRecord::new(Name::new_unchecked(owner), CLASS::IN, 60, data)
}

/// An answer to the query, changed by `change`.
fn answer<'a>(records: Vec<ResourceRecord<'a>>, change: impl FnOnce(&mut Packet<'a>)) -> Vec<u8> {
    let query = query(ID, NAME).unwrap();
    let question = Packet::parse(&query).unwrap().questions[0].clone();
    let mut packet = Packet::new_reply(ID);
    packet.questions.push(question.into_owned());
    packet.answers = records;
    change(&mut packet);
    packet.build_bytes_vec_compressed().unwrap()
}

fn records(records: Vec<ResourceRecord<'_>>) -> Result<DnsAnswer, AnswerError> {
    read(&answer(records, |_| {}), ID, NAME)
}

#[test]
fn the_domain_of_an_address_is_behind_its_last_at() {
    assert_eq!(domain("alice@Example.ORG."), Ok("example.org".to_owned()));
    assert_eq!(domain("\"a@b\"@example.org"), Ok("example.org".to_owned()));
    assert_eq!(domain("alice"), Err("`alice` has no `@DOMAIN`".to_owned()));
    for odd in [
        "a@",
        "a@.",
        "a@x..y",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@x y",
        "a@x\\046y",
        "a@x\r\n",
    ] {
        assert!(domain(odd).is_err(), "{odd:?}");
    }
    assert!(domain(&format!("a@{}", "x.".repeat(150))).is_err());
    assert!(domain(&format!("a@{}.org", "x".repeat(64))).is_err());
    assert!(domain("a@grüße.example").unwrap_err().contains("xn--"));
}

#[test]
fn a_query_asks_one_question() {
    // RFC 1035 §4.1: header (id, RD, one question), then the name, SRV (33), IN (1).
    let want = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06_pop3s\x04_tcp\x07example\x03org\x00\x00\x21\x00\x01";
    assert_eq!(query(ID, NAME).unwrap(), want);
}

#[test]
fn servers_are_read_as_they_are_listed() {
    let (one, two) = (
        record(10, 5, 995, "POP.example.org"),
        record(0, 0, 9995, "b.example.net"),
    );
    assert_eq!(
        records(vec![srv(NAME, &one), srv("_POP3S._tcp.Example.org", &two)]),
        Ok(DnsAnswer::Records(vec![
            record(10, 5, 995, "pop.example.org"),
            two.clone()
        ]))
    );
}

#[test]
fn a_dot_means_not_offered_and_nothing_means_nothing() {
    let none = record(0, 0, 0, "");
    let one = record(1, 0, 995, "pop.example.org");
    assert_eq!(records(vec![srv(NAME, &none)]), Ok(DnsAnswer::NotOffered));
    assert_eq!(
        records(vec![srv(NAME, &none), srv(NAME, &one)]),
        Ok(DnsAnswer::Records(vec![one.clone()]))
    );
    assert_eq!(records(vec![]), Ok(DnsAnswer::Nothing));
    // Of another name, another class, another type.
    assert_eq!(
        records(vec![srv("_pop3s._tcp.example.net", &one)]),
        Ok(DnsAnswer::Nothing)
    );
    let mut chaos = srv(NAME, &one);
    chaos.class = CLASS::CH;
    assert_eq!(records(vec![chaos]), Ok(DnsAnswer::Nothing));
    let address = RData::A(A { address: 1 });
    let address = ResourceRecord::new(Name::new_unchecked(NAME), CLASS::IN, 1, address);
    assert_eq!(records(vec![address]), Ok(DnsAnswer::Nothing));
    let octets = answer(vec![], |packet| *packet.rcode_mut() = RCODE::NameError);
    assert_eq!(read(&octets, ID, NAME), Ok(DnsAnswer::Nothing));
}

#[test]
fn a_server_that_refuses_is_quoted() {
    for (code, says) in [
        (RCODE::ServerFailure, "SERVFAIL"),
        (RCODE::Refused, "REFUSED"),
        (RCODE::FormatError, "FORMERR"),
        (RCODE::NotImplemented, "NOTIMP"),
        (RCODE::YXDOMAIN, "YXDOMAIN"),
    ] {
        let octets = answer(vec![], |packet| {
            *packet.rcode_mut() = code;
            packet.questions.clear();
        });
        let error = read(&octets, ID, NAME).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn aliases_are_followed_and_their_circles_are_not() {
    let one = record(1, 0, 995, "pop.example.org");
    let found = records(vec![
        srv("c.example", &one),
        cname("b.example", "c.example"),
        cname(NAME, "b.example"),
    ]);
    assert_eq!(found, Ok(DnsAnswer::Records(vec![one.clone()])));
    let circle = records(vec![
        cname(NAME, "b.example"),
        cname("b.example", NAME),
        srv(NAME, &one),
    ]);
    assert!(matches!(circle, Err(AnswerError::Broken(_))), "{circle:?}");
    assert_eq!(
        records(vec![cname(NAME, "b.example")]),
        Ok(DnsAnswer::Nothing)
    );
}

#[test]
fn the_answer_to_another_question_is_none() {
    let one = record(1, 0, 995, "pop.example.org");
    let good = answer(vec![srv(NAME, &one)], |_| {});
    assert!(read(&good, ID, NAME).is_ok());
    assert_eq!(read(&good, ID ^ 1, NAME), Err(AnswerError::NotOurs));
    assert_eq!(
        read(&good, ID, "_pop3._tcp.example.org"),
        Err(AnswerError::NotOurs)
    );
    assert_eq!(
        read(&query(ID, NAME).unwrap(), ID, NAME),
        Err(AnswerError::NotOurs)
    );
    let none = answer(vec![srv(NAME, &one)], |packet| packet.questions.clear());
    assert_eq!(read(&none, ID, NAME), Err(AnswerError::NotOurs));
    let two = answer(vec![srv(NAME, &one)], |packet| {
        packet.questions.push(packet.questions[0].clone());
    });
    assert_eq!(read(&two, ID, NAME), Err(AnswerError::NotOurs));
    let address = answer(vec![srv(NAME, &one)], |packet| {
        packet.questions[0].qtype = QTYPE::TYPE(TYPE::A);
    });
    assert_eq!(read(&address, ID, NAME), Err(AnswerError::NotOurs));
    assert_eq!(read(b"", ID, NAME), Err(AnswerError::NotOurs));
}

#[test]
fn what_was_cut_off_is_asked_for_again() {
    let one = record(1, 0, 995, "pop.example.org");
    let mut octets = answer(vec![srv(NAME, &one)], |packet| {
        packet.set_flags(PacketFlag::TRUNCATION)
    });
    assert_eq!(read(&octets, ID, NAME), Ok(DnsAnswer::Truncated));
    octets.truncate(octets.len() - 7);
    assert_eq!(read(&octets, ID, NAME), Ok(DnsAnswer::Truncated));
}

#[test]
fn a_name_that_points_at_itself_is_refused() {
    let head = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00";
    let question = b"\x06_pop3s\x04_tcp\x07example\x03org\x00\x00\x21\x00\x01";
    let at = u8::try_from(head.len() + question.len()).unwrap();
    let fixed = b"\x00\x21\x00\x01\x00\x00\x00\x3c";
    // The owner points at itself; at what follows; into nowhere; and the target at itself.
    for owner in [[0xc0, at], [0xc0, at + 2], [0xff, 0xff]] {
        let octets = [
            &head[..],
            question,
            &owner,
            fixed,
            b"\x00\x09\x00\x00\x00\x00\x03\xe3\x01a\x00",
        ]
        .concat();
        let result = read(&octets, ID, NAME);
        assert!(matches!(result, Err(AnswerError::Broken(_))), "{result:?}");
    }
    let target = [0xc0, at + 2 + 8 + 2 + 6];
    let octets = [
        &head[..],
        question,
        b"\xc0\x0c",
        fixed,
        b"\x00\x08\x00\x00\x00\x00\x03\xe3",
        &target,
    ]
    .concat();
    let result = read(&octets, ID, NAME);
    assert!(matches!(result, Err(AnswerError::Broken(_))), "{result:?}");
    // Two that point at each other: the second one looks forward.
    let octets = [&head[..], &[0xc0, 14, 0xc0, 12], b"\x00\x21\x00\x01"].concat();
    assert!(read(&octets, ID, NAME).is_err());
}

#[test]
fn a_target_that_is_no_host_name_is_not_used() {
    let (odd, good) = (
        record(0, 0, 995, "a\x1b[2Jb"),
        record(1, 0, 995, "pop.example.org"),
    );
    assert!(matches!(
        records(vec![srv(NAME, &odd)]),
        Err(AnswerError::Broken(_))
    ));
    assert_eq!(
        records(vec![srv(NAME, &odd), srv(NAME, &good)]),
        Ok(DnsAnswer::Records(vec![good.clone()]))
    );
    let address = record(0, 0, 995, "127.0.0.1");
    assert!(matches!(
        records(vec![srv(NAME, &address)]),
        Err(AnswerError::Broken(_))
    ));
    let no_port = record(0, 0, 0, "pop.example.org");
    assert!(matches!(
        records(vec![srv(NAME, &no_port)]),
        Err(AnswerError::Broken(_))
    ));
}

#[test]
fn a_thousand_servers_are_some() {
    let one = record(1, 0, 995, "pop.example.org");
    let many = records(vec![srv(NAME, &one); 1000]);
    assert!(matches!(many, Ok(DnsAnswer::Records(found)) if found.len() == RECORDS_MAX));
}

#[test]
fn priority_comes_first_then_chance_by_weight() {
    let all = vec![
        record(20, 9, 1, "last"),
        record(10, 60, 1, "big"),
        record(10, 0, 1, "zero"),
        record(10, 40, 1, "small"),
    ];
    let names = |mut chance: Box<dyn FnMut(u32) -> u32>| -> Vec<String> {
        order(all.clone(), &mut *chance)
            .into_iter()
            .map(|record| record.target)
            .collect()
    };
    assert_eq!(names(Box::new(|_| 0)), ["zero", "big", "small", "last"]);
    assert_eq!(
        names(Box::new(|most| most)),
        ["small", "big", "zero", "last"]
    );
    let mut asked = vec![];
    let ordered = order(all.clone(), &mut |most| {
        asked.push(most);
        most / 2
    });
    assert_eq!(asked, [100, 40, 0, 9]);
    assert_eq!(ordered[0].target, "big");
    // Each weight gets its share: 60 of the numbers from 1 to 100 choose `big`.
    let big = (0..=100)
        .filter(|number| order(all.clone(), &mut |most| (*number).min(most))[0].target == "big");
    assert_eq!(big.count(), 60);
}

#[test]
fn a_host_is_within_its_domain() {
    assert!(is_within("Pop.example.org", "example.org") && is_within("example.org", "Example.org"));
    assert!(!is_within("badexample.org", "example.org") && !is_within("org", "example.org"));
    assert!(!is_within("example.org.evil.net", "example.org"));
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&octets, ID, NAME);
        let with_head = [b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x01".as_slice(), &octets].concat();
        let _ = read(&with_head, ID, NAME);
    }

    #[test]
    fn a_damaged_answer_makes_nobody_panic(at in 2_usize..120, octet: u8, length in 0_usize..160) {
        let one = record(1, 0, 995, "pop.example.org");
        let mut octets = answer(vec![cname(NAME, "b.example"), srv("b.example", &one)], |_| {});
        if let Some(place) = octets.get_mut(at) {
            *place = octet;
        }
        octets.truncate(length);
        let _ = read(&octets, ID, NAME);
    }

    #[test]
    fn every_order_has_all_of_them(weights in prop::collection::vec((0_u16..3, 0_u16..5), 0..12), number: u32) {
        let all: Vec<Record> = weights
            .iter()
            .enumerate()
            .map(|(index, (priority, weight))| record(*priority, *weight, 1, &index.to_string()))
            .collect();
        let mut ordered = order(all.clone(), &mut |most| if most == 0 { 0 } else { number % (most + 1) });
        prop_assert!(ordered.is_sorted_by_key(|record| record.priority));
        ordered.sort_by_key(|record| record.target.parse::<usize>().unwrap_or(0));
        prop_assert_eq!(ordered, all);
    }
}
