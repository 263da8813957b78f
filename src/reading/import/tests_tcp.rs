//! Connections whose segments are late, double, probes, of a connection before, or missing.

use proptest::prelude::*;

use super::sessions::sessions;
use super::tcp::{Captured, What, passages};
use crate::pop3::tracker::Side;

const C: Side = Side::Client;
const S: Side = Side::Server;

/// Where the client's first octet is, near the wrap, and the server's.
const CLIENT: u32 = u32::MAX - 3;
const SERVER: u32 = 8;

fn segment(side: Side, at: i32, payload: &[u8], ack: i32) -> Captured {
    let (own, other) = match side {
        Side::Client => (CLIENT, SERVER),
        Side::Server => (SERVER, CLIENT),
    };
    Captured {
        number: 0,
        us: 0,
        side,
        seq: own.wrapping_add_signed(at),
        ack: Some(other.wrapping_add_signed(ack)),
        is_syn: false,
        is_fin: false,
        is_rst: false,
        length: payload.len() as u32,
        payload: payload.into(),
    }
}

fn syn(side: Side) -> Captured {
    let mut syn = segment(side, -1, b"", 0);
    syn.is_syn = true;
    if side == C {
        syn.ack = None;
    }
    syn
}

fn fin(side: Side, at: i32, ack: i32) -> Captured {
    let mut fin = segment(side, at, b"", ack);
    fin.is_fin = true;
    fin
}

/// What comes out, a line for each connection: `C:..` and `S:..` are octets, `C[n]` gaps, `C.` a
/// FIN, `C!` an RST.
fn shown(segments: Vec<Captured>) -> Vec<String> {
    let numbered = (0..)
        .zip(segments)
        .map(|(number, segment)| Captured { number, ..segment });
    let line = |session: &super::sessions::CapturedSession| {
        let mut line = String::new();
        let mut last = None;
        for passage in passages(&session.segments, session.isn) {
            let name = if passage.side == C { "C" } else { "S" };
            match passage.what {
                What::Octets(octets) => {
                    if last != Some(passage.side) {
                        line += &format!(" {name}:");
                    }
                    line += &String::from_utf8_lossy(octets);
                }
                What::Gap(gap) if gap.may_be_close => line += &format!(" {name}[{}?]", gap.count),
                What::Gap(gap) if gap.is_cut => line += &format!(" {name}[{} cut]", gap.count),
                What::Gap(gap) => line += &format!(" {name}[{}]", gap.count),
                What::Close => line += &format!(" {name}."),
                What::Reset => line += &format!(" {name}!"),
            }
            last = matches!(passage.what, What::Octets(_)).then_some(passage.side);
        }
        line.trim_start().to_owned()
    };
    sessions(numbered.collect()).iter().map(line).collect()
}

#[test]
fn late_double_and_overlapping_segments_come_out_in_order_across_the_wrap() {
    for order in [
        vec![(0, "abc"), (3, "def"), (6, "gh")],
        vec![(6, "gh"), (3, "def"), (0, "abc")],
        vec![(0, "abc"), (0, "abc"), (1, "bcdef"), (5, "fgh")],
        vec![(6, "gh"), (2, "cdef"), (1, "bcdefg"), (0, "ab")],
        vec![(0, "abcdefgh"), (0, "ab"), (2, "cdefgh")],
    ] {
        let sent = order
            .iter()
            .map(|(at, octets)| segment(C, *at, octets.as_bytes(), 0));
        assert_eq!(
            shown([syn(C)].into_iter().chain(sent).collect()),
            ["C:abcdefgh"]
        );
    }
}

#[test]
fn an_acknowledgement_ahead_of_its_segment_waits_for_it() {
    let early = vec![
        syn(C),
        syn(S),
        segment(C, 0, b"capa", 5),
        segment(S, 5, b"yes", 4),
        segment(S, 0, b"hello", 0),
    ];
    assert_eq!(shown(early), ["S:hello C:capa S:yes"]);
}

#[test]
fn borders_of_a_retransmission_do_not_change_the_order() {
    // The client sends both lines again as one segment, and that is in the file first.
    let again = vec![
        syn(C),
        syn(S),
        segment(C, 0, b"statquit", 5),
        segment(S, 0, b"+OK 1", 4),
        segment(C, 0, b"stat", 0),
        segment(C, 4, b"quit", 5),
    ];
    assert_eq!(shown(again), ["C:stat S:+OK 1 C:quit"]);
}

#[test]
fn only_what_no_packet_holds_is_a_gap() {
    let lost = vec![
        syn(C),
        syn(S),
        segment(C, 0, b"stat", 5),
        segment(C, 4, b"quit", 9),
        segment(S, 9, b"bye", 8),
        fin(S, 12, 8),
        fin(C, 8, 13),
    ];
    assert_eq!(shown(lost), ["S[5] C:stat S[4] C:quit S:bye S. C."]);
    let mut cut = segment(S, 0, b"hello", 0);
    cut.length = 9;
    let cut = vec![syn(C), syn(S), cut, segment(C, 0, b"stat", 9)];
    assert_eq!(shown(cut), ["S:hello S[4 cut] C:stat"]);
}

#[test]
fn an_acknowledged_number_without_its_packet_may_be_a_fin() {
    let ends = vec![
        syn(C),
        syn(S),
        segment(S, 0, b"bye", 0),
        segment(C, 0, b"", 4),
    ];
    assert_eq!(shown(ends), ["S:bye S[1?]"]);
}

#[test]
fn probes_add_nothing() {
    let probes = vec![
        syn(C),
        syn(S),
        // Keep-alive: the number before the next one, with an octet that means nothing, and
        // without.
        segment(S, -1, b"\0", 0),
        segment(S, 0, b"hello", 0),
        segment(S, 4, b"\0", 0),
        segment(S, 4, b"", 0),
        // Zero-window: the first octet of what follows.
        segment(S, 5, b"w", 0),
        segment(S, 5, b"world", 0),
        segment(C, 0, b"quit", 10),
    ];
    assert_eq!(shown(probes), ["S:helloworld C:quit"]);
    let early = vec![segment(S, 4, b"\0", 0), segment(S, 0, b"hello", 0)];
    assert_eq!(shown(early), ["S:hello"]);
    // The capture begins with one.
    let first = vec![segment(C, -1, b"\0", 0), segment(C, 0, b"noop", 0)];
    assert_eq!(shown(first), ["C:noop"]);
}

#[test]
fn connections_between_the_same_ends_are_told_apart_by_their_numbers() {
    let second = |mut segment: Captured| {
        segment.seq = segment.seq.wrapping_add(1 << 20);
        segment.ack = segment.ack.map(|ack| ack.wrapping_add(1 << 20));
        segment
    };
    let mut one = vec![
        syn(C),
        syn(S),
        segment(S, 0, b"one", 0),
        segment(C, 0, b"quit", 3),
        fin(S, 3, 4),
        fin(C, 4, 4),
    ];
    let two = vec![
        second(segment(S, 0, b"two", 0)),
        second(syn(S)),
        second(syn(C)),
        second(segment(C, 0, b"stat", 3)),
    ];
    one.extend(two);
    let late = one.remove(2);
    one.push(late);
    let want = ["S:one C:quit S. C.", "S:two C:stat"];
    assert_eq!(shown(one.clone()), want);
    one.reverse();
    assert_eq!(shown(one), want);
}

#[test]
fn a_reset_comes_last_and_its_payload_is_no_data() {
    let mut reset = segment(S, 3, b"no such session", 4);
    reset.is_rst = true;
    let segments = vec![
        syn(C),
        syn(S),
        reset,
        segment(S, 0, b"one", 0),
        segment(C, 0, b"stat", 3),
    ];
    assert_eq!(shown(segments), ["S:one C:stat S!"]);
}

#[test]
fn a_capture_of_one_direction_shows_where_the_other_spoke() {
    let one = vec![
        segment(C, 0, b"stat", 0),
        segment(C, 4, b"list", 7),
        segment(C, 8, b"quit", 12),
    ];
    assert_eq!(shown(one), ["C:stat S[7] C:list S[5?] C:quit"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_segments_in_any_order_give_what_was_sent(
        data in proptest::collection::vec(b'a'..=b'z', 1..200),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut parts: Vec<(usize, usize)> = cuts.iter().map(|(a, b)| {
            let (a, b) = (a.index(data.len()), b.index(data.len()));
            (a.min(b), a.max(b) + 1)
        }).collect();
        parts.extend((0..data.len()).map(|at| (at, at + 1)));
        let turn = turn.index(parts.len());
        parts.rotate_left(turn);
        let mut segments: Vec<Captured> = parts.iter().map(|(from, to)| segment(C, *from as i32, &data[*from..*to], 0)).collect();
        segments.push(syn(C));
        prop_assert_eq!(shown(segments), [format!("C:{}", String::from_utf8(data).unwrap())]);
    }

    #[test]
    fn nonsense_does_no_harm(segments in proptest::collection::vec((any::<bool>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..9), any::<u8>(), any::<Option<u32>>(), any::<u64>()), 0..40)) {
        let segments: Vec<Captured> = segments.into_iter().map(|(is_client, seq, payload, flags, ack, us)| Captured {
            us,
            seq,
            ack,
            is_syn: flags & 1 != 0,
            is_fin: flags & 2 != 0,
            is_rst: flags & 12 == 12,
            length: payload.len() as u32 + u32::from(flags >> 4),
            ..segment(if is_client { C } else { S }, 0, &payload, 0)
        }).collect();
        let octets: usize = segments.iter().filter(|segment| !segment.is_rst).map(|segment| segment.payload.len()).sum();
        let lines = shown(segments);
        prop_assert!(lines.len() <= octets);
    }
}
