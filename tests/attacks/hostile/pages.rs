//! Attacks that are paged, cut in two, endless, or shown on a terminal that can do little.

use std::sync::mpsc;

use super::console::{TALL, console, lines, message, type_lines};
use super::{ATTACKS, Attack, Cells, Writer};
use crate::support::terminal::Terminal;
use crate::support::{Home, Peer, serve, text};

/// Answers with something long: a message, or one line of ten million octets.
fn long(peer: &mut Peer) {
    peer.say("+OK ready\r\n");
    loop {
        match text(&peer.hear()).trim_end().to_ascii_lowercase().as_str() {
            "" => return,
            "retr 1" => peer.say(message()),
            "retr 2" => {
                let all: Vec<u8> = ATTACKS
                    .iter()
                    .flat_map(|attack| attack.octets)
                    .copied()
                    .collect();
                let line = all.repeat(10_000_000 / all.len());
                peer.say([b"+OK\r\n", line.as_slice(), b"\r\n.\r\n"].concat());
            }
            "list" => peer.say(lines(|octets| [b"1 ", octets].concat())),
            _ => peer.say("+OK that is the end\r\n"),
        }
    }
}

/// Looks at all of what is in the pager, or at its start and its end, and leaves it.
fn leaf(terminal: &mut Terminal, is_whole: bool) {
    terminal.see("q back");
    let mut is_over = !is_whole;
    while !is_over {
        let mark = terminal.raw().len();
        terminal.press(" ");
        terminal.wait_raw(mark, b"\x1b[?2026l");
        is_over = memchr::memmem::find(&terminal.raw()[mark..], b"  end ").is_some();
    }
    terminal.press("  G\x02\x02g/Zq7\rnnh");
    terminal.see("any key continues");
    let mark = terminal.raw().len();
    // The keys, which any key takes away again.
    terminal.press("xq");
    terminal.wait_raw(mark, b"\x1b[1mauth");
}

#[test]
fn a_long_reply_in_the_pager() {
    let mut cells = Cells::default();
    let home = Home::new();
    let (address, _server) = serve(long);
    let mut terminal = console(&home, &address.to_string(), (40, 80));
    for (place, line, is_whole) in [
        ("pager", "retr 1", true),
        ("pager of :page", ":page", true),
        ("pager of :view", ":view 1", true),
        ("pager of a line without end", "retr 2", false),
    ] {
        let mark = terminal.raw().len();
        terminal.press(&format!("{line}\r"));
        leaf(&mut terminal, is_whole);
        let raw = terminal.raw().split_off(mark);
        cells.look(place, ATTACKS, Writer::Console, &raw);
    }
    cells.end("pager");
}

/// A place, variables of the environment, and arguments.
type Settings = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

#[test]
fn a_pager_of_choice_and_terminals_that_can_do_little() {
    let mut cells = Cells::default();
    let settings: [Settings; 4] = [
        ("$PAGER", &[("PAGER", "cat")], &[]),
        ("dumb terminal", &[("TERM", "dumb")], &[]),
        ("--plain", &[], &["--plain"]),
        ("NO_COLOR", &[("NO_COLOR", "1"), ("PAGER", "cat")], &[]),
    ];
    for (place, settings, args) in settings {
        let home = Home::new();
        let (address, _server) = serve(long);
        let address = address.to_string();
        let args = [&[address.as_str()], args].concat();
        let mut terminal = Terminal::open(&home, &args, settings, (40, 80));
        terminal.prompt("auth>");
        let mark = terminal.raw().len();
        for line in ["retr 1", "list", ":view 1"] {
            terminal.press(&format!("{line}\r"));
            type_lines(&mut terminal, &["noop".to_owned()]);
        }
        let raw = terminal.raw().split_off(mark);
        cells.look(place, ATTACKS, Writer::Console, &raw);
    }
    cells.end("other terminals");
}

/// Says the first half of each attack, and the second when it was seen.
fn cut(attacks: &'static [Attack]) -> Cells {
    let mut cells = Cells::default();
    let (tell, told) = mpsc::channel::<()>();
    let home = Home::new();
    let (address, _server) = serve(move |peer| {
        peer.say("+OK ready\r\n");
        for attack in attacks {
            for before in ["+OK half", "+OK\r\nhalf"] {
                peer.hear();
                let (left, right) = attack.octets.split_at(attack.octets.len() / 2);
                peer.say([before.as_bytes(), left].concat());
                if told.recv().is_err() {
                    return;
                }
                peer.say(
                    [
                        right,
                        if before.len() > 8 {
                            b"\r\n.\r\n"
                        } else {
                            b"\r\n"
                        },
                    ]
                    .concat(),
                );
            }
        }
        peer.hear();
        peer.say("+OK that is the end\r\n");
        peer.rest();
    });
    let mut terminal = console(&home, &address.to_string(), TALL);
    let from = terminal.raw().len();
    for _ in attacks {
        for line in ["stat", "list"] {
            let mark = terminal.raw().len();
            terminal.press(&format!("{line}\r"));
            terminal.wait_raw(mark, b"half");
            tell.send(()).unwrap();
            terminal.wait_raw(mark, b"> \x1b[0m");
        }
    }
    terminal.press("noop\r");
    terminal.wait_raw(from, b"that is the end");
    cells.look(
        "cut in two",
        attacks,
        Writer::Console,
        &terminal.raw()[from..],
    );
    cells.look("cut in two, data", attacks, Writer::Console, b"");
    cells
}

#[test]
fn an_attack_in_two_reads() {
    // What was not seen whole is shown after a while: the waits are for each other.
    let mut cells = Cells::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = ATTACKS
            .chunks(8)
            .map(|part| scope.spawn(|| cut(part)))
            .collect();
        for part in parts {
            let part = part.join().unwrap();
            cells.count += part.count;
            cells.octets += part.octets;
            cells.wrong.extend(part.wrong);
        }
    });
    cells.end("cut");
}

#[test]
fn what_is_put_in_before_the_handshake() {
    let mut cells = Cells::default();
    let home = Home::new();
    let (address, _server) = serve(|peer| {
        peer.say("+OK ready\r\n");
        peer.hear();
        let all: Vec<&[u8]> = ATTACKS.iter().map(|attack| attack.octets).collect();
        peer.say([b"+OK begin\r\n", all.join(&b"\r\n"[..]).as_slice()].concat());
        peer.rest();
    });
    let mut terminal = console(&home, &address.to_string(), TALL);
    let mark = terminal.raw().len();
    terminal.press("stls\r:state\r:nonsense\r");
    terminal.wait_raw(mark, b"unknown command `:nonsense`");
    let raw = terminal.raw().split_off(mark);
    cells.look("injected", ATTACKS, Writer::Console, &raw);
    cells.end("injected");
}
