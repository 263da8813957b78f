//! Situations of a conversation, and what must hold for any octets.

use proptest::prelude::*;

use super::*;

/// A step with its octets owned, neighbouring pieces of data joined: what must not depend on the
/// chunking.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Line(Side, Role, Vec<u8>, bool, LineEnd),
    Data(Side, Vec<u8>),
    Injected(Vec<u8>),
    Other(String),
}

#[derive(Default)]
struct Talk {
    tracker: Tracker,
    told: Vec<Told>,
}

impl Talk {
    fn feed(&mut self, side: Side, octets: &[u8]) -> &mut Self {
        let told = &mut self.told;
        self.tracker.feed(side, octets, &mut |step| add(told, step));
        self
    }

    fn server(&mut self, text: &str) -> &mut Self {
        self.feed(Side::Server, text.as_bytes())
    }

    fn client(&mut self, text: &str) -> &mut Self {
        self.feed(Side::Client, text.as_bytes())
    }

    /// Greeted and logged in.
    fn logged_in() -> Self {
        let mut talk = Self::default();
        talk.server("+OK ready\r\n")
            .client("USER a\r\nPASS b\r\n")
            .server("+OK\r\n+OK\r\n");
        talk.told.clear();
        talk
    }

    fn roles(&self) -> Vec<Role> {
        self.told
            .iter()
            .filter_map(|told| match told {
                Told::Line(_, role, ..) => Some(*role),
                _ => None,
            })
            .collect()
    }

    fn data(&self) -> Vec<u8> {
        self.told
            .iter()
            .filter_map(|told| match told {
                Told::Data(_, octets) => Some(octets.clone()),
                _ => None,
            })
            .flatten()
            .collect()
    }
}

fn add(told: &mut Vec<Told>, step: Step<'_>) {
    let new = match step {
        Step::Line(line) => {
            let content = line.content.to_vec();
            Told::Line(line.side, line.role, content, line.first, line.end)
        }
        Step::Data { side, octets } => Told::Data(side, octets.to_vec()),
        Step::Injected(octets) => Told::Injected(octets.to_vec()),
        other => Told::Other(format!("{other:?}")),
    };
    match (told.last_mut(), &new) {
        (Some(Told::Data(old_side, old)), Told::Data(side, octets)) if old_side == side => {
            old.extend(octets)
        }
        (Some(Told::Injected(old)), Told::Injected(octets)) => old.extend(octets),
        _ => told.push(new),
    }
}

/// The octets of one side, put together from the steps.
fn octets(told: &[Told], wanted: Side) -> Vec<u8> {
    let mut all = Vec::new();
    for step in told {
        match step {
            Told::Line(side, _, octets, _, end) if *side == wanted => {
                all.extend(octets);
                all.extend(end.octets());
            }
            Told::Data(side, octets) if *side == wanted => all.extend(octets),
            Told::Injected(octets) if wanted == Side::Server => all.extend(octets),
            _ => {}
        }
    }
    all
}

#[test]
fn the_clients_line_decides_how_long_the_reply_is() {
    let mut talk = Talk::logged_in();
    talk.client("list\r\n")
        .server("+OK\r\n1 120\r\n2 200\r\n.\r\n");
    talk.client("LIST 1\r\n").server("+OK 1 120\r\n");
    talk.client("list 9\r\n").server("-ERR none\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
    assert_eq!(talk.data(), b"1 120\r\n2 200\r\n");
    use Role::{Command, Status, Terminator};
    assert_eq!(
        talk.roles(),
        [
            Command, Status, Terminator, Command, Status, Command, Status
        ]
    );
}

#[test]
fn an_empty_listing_ends_right_behind_the_status_line() {
    let mut talk = Talk::logged_in();
    talk.client("LIST\r\n").server("+OK\r\n.\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
}

#[test]
fn replies_to_pipelined_commands_come_in_order() {
    let mut talk = Talk::logged_in();
    talk.client("STAT\r\nRETR 1\r\nNOOP\r\n");
    talk.server("+OK 1 4\r\n+OK\r\n+OK not a reply\r\n..\r\n.\r\n+OK\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
    assert_eq!(talk.data(), b"+OK not a reply\r\n..\r\n");
}

/// The framing vectors of RFC 1939 §3: stuffed data, as octets behind the status line.
#[test]
fn data_ends_at_its_terminator_only() {
    for wire in [
        ".\r\n",
        "\r\n.\r\n",
        "..\r\n.\r\n",
        "...\r\n.\r\n",
        "..a\r\n.\r\n",
        "a\r\n..\r\nb\r\n.\r\n",
        "..\r\r\n.\r\n",
        "a\n.\nb\r\n.\r\n",
        "no newline\r\n.\r\n",
        "x.\r\n.\r\n",
        "\r.\r\n.\r\n",
        ".\r\r\n.\r\n",
    ] {
        for chunk in [1, 2, 3, 1000] {
            let mut talk = Talk::logged_in();
            talk.client("RETR 1\r\n").server("+OK\r\n");
            for piece in wire.as_bytes().chunks(chunk) {
                assert_eq!(talk.tracker.outstanding(), 1, "{wire:?} ended early");
                talk.feed(Side::Server, piece);
            }
            assert_eq!(talk.tracker.outstanding(), 0, "{wire:?} has not ended");
            let data = wire.strip_suffix(".\r\n").map(str::as_bytes);
            assert_eq!(Some(talk.data().as_slice()), data, "{wire:?}");
        }
    }
}

#[test]
fn a_server_that_knows_only_bare_lf_still_ends() {
    let mut talk = Talk::logged_in();
    talk.client("LIST\r\n").server("+OK\n1 120\n.\n");
    assert_eq!(talk.tracker.outstanding(), 0);
    assert_eq!(talk.data(), b"1 120\n");
}

#[test]
fn a_sasl_exchange_is_challenges_responses_and_one_status_line() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("AUTH LOGIN\r\n")
        .server("+ VXNlcm5hbWU6\r\n");
    assert!(talk.tracker.is_response_owed());
    talk.client("YWxpY2U=\r\n")
        .server("+\r\n")
        .client("c2VjcmV0\r\n")
        .server("+OK in\r\n");
    use Role::{Command, Continuation, Greeting, Response, Status};
    let want = [
        Greeting,
        Command,
        Continuation,
        Response,
        Continuation,
        Response,
        Status,
    ];
    assert_eq!(talk.roles(), want);
    assert_eq!(talk.tracker.state(), State::Transaction);
}

#[test]
fn a_response_typed_before_the_challenge_is_a_response() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("AUTH PLAIN\r\nAGEAYg==\r\n")
        .server("+ \r\n+OK in\r\n");
    assert_eq!(talk.roles()[2], Role::Response);
    assert_eq!(talk.tracker.outstanding(), 0);
    assert_eq!(talk.tracker.state(), State::Transaction);
}

#[test]
fn a_response_that_the_server_never_asked_for_is_answered_as_a_command() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("AUTH PLAIN\r\nAGEAYg==\r\n")
        .server("-ERR no\r\n");
    assert_eq!(talk.tracker.outstanding(), 1);
    talk.server("-ERR unknown command\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
}

#[test]
fn a_complete_initial_response_lets_the_next_line_be_a_command() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("AUTH PLAIN AGEAYg==\r\nSTAT\r\n")
        .server("+OK in\r\n+OK 0 0\r\n");
    assert_eq!(talk.roles()[2], Role::Command);
    assert_eq!(talk.tracker.outstanding(), 0);
}

/// Seen: curl's test server, for a mechanism that it lacks.
#[test]
fn ok_before_any_credentials_is_no_login() {
    for (client, server) in [
        ("AUTH LOGIN\r\n", "+OK\r\n"),
        ("AUTH PLAIN\r\nAGEAYg==\r\n", "+OK\r\n-ERR\r\n"),
    ] {
        let mut talk = Talk::default();
        talk.server("+OK\r\n").client(client).server(server);
        assert_eq!(talk.tracker.state(), State::Authorization, "{client}");
        assert_eq!(talk.tracker.outstanding(), 0);
    }
    let mut talk = Talk::default();
    talk.server("+OK\r\n").client("AUTH LOGIN\r\n");
    talk.server("+ VXNlcm5hbWU6\r\n").client("*\r\n");
    talk.server("+OK cancelled\r\n");
    assert_eq!(talk.tracker.state(), State::Authorization);
}

#[test]
fn a_plus_without_ok_ends_an_exchange_unless_it_can_be_a_challenge() {
    use Role::{Continuation, Status};
    for (line, role) in [
        ("+ERR no inbox", Status),
        ("+no such user", Status),
        ("+VXNlcm5hbWU6", Continuation),
        ("+", Continuation),
    ] {
        let mut talk = Talk::default();
        talk.server("+OK\r\n").client("AUTH LOGIN\r\n");
        talk.server(&format!("{line}\r\n"));
        assert_eq!(talk.roles().last(), Some(&role), "{line}");
    }
}

#[test]
fn the_bare_auth_lists_and_logs_nobody_in() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("AUTH\r\n")
        .server("+OK\r\nPLAIN\r\n.\r\n");
    assert_eq!(talk.tracker.state(), State::Authorization);
    assert_eq!(talk.data(), b"PLAIN\r\n");
}

#[test]
fn an_unknown_verb_takes_one_line_and_the_rest_is_unrequested() {
    let mut talk = Talk::logged_in();
    talk.client("XFOO\r\n").server("+OK\r\nmore\r\n");
    assert_eq!(
        talk.roles(),
        [Role::Command, Role::Status, Role::Unrequested]
    );
    talk.tracker.set_shape("xfoo", Shape::Multi);
    talk.client("xfoo 1\r\n").server("+OK\r\nmore\r\n.\r\n");
    assert_eq!(talk.data(), b"more\r\n");
}

#[test]
fn octets_behind_the_ok_to_stls_are_never_a_reply() {
    let mut talk = Talk::default();
    talk.server("+OK\r\n")
        .client("STLS\r\n")
        .server("+OK begin\r\n+OK injected\r\n");
    assert_eq!(
        talk.told.last(),
        Some(&Told::Injected(b"+OK injected\r\n".to_vec()))
    );
    assert!(talk.tracker.is_before_tls());
    talk.tracker.tls_started();
    assert!(talk.tracker.is_tls() && !talk.tracker.is_before_tls());
    talk.client("USER a\r\n").server("+OK\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
}

#[test]
fn a_line_begun_before_the_agreement_was_known_keeps_its_place() {
    let mut talk = Talk::default();
    // The client goes on after one line: it was the reply to STLS, and there was no greeting.
    talk.client("STLS\r\n").server("+OK begin\r\n+OK in");
    talk.client("\r\n").server("jected\r\n");
    assert!(talk.tracker.is_tls_agreed());
    assert_eq!(
        octets(&talk.told, Side::Server),
        b"+OK begin\r\n+OK injected\r\n"
    );
}

#[test]
fn marks_follow_dele_rset_and_quit() {
    let mut talk = Talk::logged_in();
    talk.client("DELE 2\r\nDELE 2\r\nDELE 3\r\nDELE 9\r\n")
        .server("+OK\r\n+OK\r\n+OK\r\n-ERR\r\n");
    assert_eq!(talk.tracker.marked(), 2);
    talk.client("RSET\r\n").server("+OK\r\n");
    assert_eq!(talk.tracker.marked(), 0);
    talk.client("QUIT\r\n").server("+OK\r\n");
    assert_eq!(talk.tracker.state(), State::Update);
}

#[test]
fn nothing_goes_out_behind_stls_auth_and_quit() {
    for verb in ["STLS", "AUTH PLAIN x", "QUIT"] {
        let mut talk = Talk::default();
        assert!(!talk.tracker.may_send(), "before the greeting");
        talk.server("+OK\r\n").client("NOOP\r\n");
        assert!(talk.tracker.may_send());
        talk.client(&format!("{verb}\r\n"));
        assert!(!talk.tracker.may_send(), "{verb}");
    }
}

#[test]
fn a_message_sent_by_the_client_ends_with_its_dot() {
    let mut talk = Talk::logged_in();
    talk.client("XTND XMIT\r\n")
        .server("+OK send\r\n")
        .client("Subject: x\r\n\r\nQUIT\r\n.\r\n");
    assert_eq!(talk.tracker.outstanding(), 1);
    talk.server("+OK sent\r\n");
    assert_eq!(talk.tracker.outstanding(), 0);
    assert_eq!(talk.data(), b"Subject: x\r\n\r\nQUIT\r\n");
}

#[test]
fn the_end_of_a_connection_tells_what_it_cut() {
    let cut = |text: &str| {
        let mut talk = Talk::logged_in();
        talk.client("RETR 1\r\n").server(text);
        let told = &mut talk.told;
        let cut = talk.tracker.finish(&mut |step| add(told, step));
        (cut, octets(&talk.told, Side::Server) == text.as_bytes())
    };
    assert_eq!(cut(""), (CutAt::Reply, true));
    assert_eq!(cut("+O"), (CutAt::Line, true));
    assert_eq!(cut("+OK\r"), (CutAt::Line, true));
    assert_eq!(cut("+OK\r\nabc"), (CutAt::Data, true));
    assert_eq!(cut("+OK\r\n.\r"), (CutAt::Data, true));
    assert_eq!(cut("+OK\r\n.\r\n"), (CutAt::Nothing, true));
}

#[test]
fn after_a_time_out_nothing_is_awaited() {
    let mut talk = Talk::logged_in();
    talk.client("RETR 1\r\n").server("+OK\r\nhalf");
    assert_eq!(
        talk.tracker.awaited(),
        Some(Awaited::Terminator("RETR".to_owned()))
    );
    talk.tracker.forget(&mut |_| {});
    assert_eq!(talk.tracker.awaited(), None);
    talk.server("a line\r\n");
    assert_eq!(talk.roles().last(), Some(&Role::Unrequested));
}

#[test]
fn a_line_without_end_is_handed_on_in_parts() {
    let mut talk = Talk::logged_in();
    talk.client("NOOP\r\n");
    for _ in 0..100 {
        talk.feed(Side::Server, &[b'x'; 1000]);
    }
    assert!(talk.told.len() > 10);
    assert!(talk.tracker.server.head().len() <= 3 * LINE_MAX);
}

/// What is fed: mostly what POP3 is made of, so that the odd paths are met.
fn conversation() -> impl Strategy<Value = Vec<(Side, Vec<u8>)>> {
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    let word: Vec<&[u8]> = vec![
        b"+OK",
        b"-ERR",
        b"+ ",
        b".",
        b"..",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n.\r\n",
        b"LIST\r\n",
        b"RETR 1\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH X y\r\n",
        b"STLS\r\n",
        b"QUIT\r\n",
        b"XTND XMIT\r\n",
        b"PASS x",
        b"\0\xff",
        b"a",
        b" ",
        b"*\r\n",
        b"USER a\r\n",
        b"+OK\r\n",
        b"+OK x\r\n",
        b"1 2\r\n",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(word).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (0..20_000_usize).prop_map(|length| vec![b'y'; length]),
    ];
    proptest::collection::vec((side, piece), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_the_chunking_does_not_matter(talk in conversation(), sizes in proptest::collection::vec(1..50_usize, 1..20)) {
        let mut whole = Talk::default();
        let mut parts = Talk::default();
        let mut sent = [Vec::new(), Vec::new()];
        let mut sizes = sizes.iter().cycle();
        for (side, octets) in &talk {
            whole.feed(*side, octets);
            let mut rest = octets.as_slice();
            while !rest.is_empty() {
                let size = sizes.next().copied().unwrap_or(1).min(rest.len());
                let (piece, after) = rest.split_at(size);
                parts.feed(*side, piece);
                rest = after;
            }
            sent[usize::from(*side == Side::Server)].extend_from_slice(octets);
        }
        for talk in [&mut whole, &mut parts] {
            let told = &mut talk.told;
            talk.tracker.finish(&mut |step| add(told, step));
        }
        prop_assert_eq!(&whole.told, &parts.told);
        prop_assert_eq!(octets(&whole.told, Side::Client), &sent[0][..]);
        prop_assert_eq!(octets(&whole.told, Side::Server), &sent[1][..]);
    }
}
