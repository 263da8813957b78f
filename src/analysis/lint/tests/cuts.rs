//! Recordings with octets cut out: nothing is blamed on what is not there.

use super::*;
use crate::transcript::text::print;
use crate::transcript::{Hole, Transcript};

/// How many recordings are cut.
const RECORDINGS: usize = 30;

fn is_grave(finding: &Finding) -> bool {
    finding.level >= Level::Must
}

/// Every recording below `transcripts/` that is not made to be wrong, by its path there.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let name = name.replace(std::path::MAIN_SEPARATOR, "/");
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".pop3")
                && !name.ends_with(".bad.pop3")
                && !name.starts_with("faults")
            {
                let mut text = std::fs::read(path).unwrap();
                // Each other way of a lesson is a session of its own.
                let way = b"\n* another way";
                let ways = text.windows(way.len()).position(|part| part == way);
                text.truncate(ways.map_or(text.len(), |at| at + 1));
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// What is a must or of security in the recordings, and why it is right.
const RIGHT: &[(&str, &str, &str)] = &[
    (
        "commands/AUTH.pop3",
        "sasl-second-auth",
        "several sessions in one file",
    ),
    (
        "commands/STLS.pop3",
        "client-stls-in-tls",
        "shows the refusal",
    ),
    (
        "commands/UTF8.pop3",
        "client-stls-after-utf8",
        "shows the refusal",
    ),
    (
        "probes/late.pop3",
        "client-non-ascii-command",
        "asks the server what it does then",
    ),
    (
        "probes/lf-command.pop3",
        "client-bare-lf",
        "asks the server what it does then",
    ),
    (
        "probes/stls-injection.pop3",
        "client-pipelined-behind-stls",
        "asks the server what it does then",
    ),
    (
        "probes/stls.pop3",
        "client-stls-in-tls",
        "asks the server what it does then",
    ),
    (
        "real/courier-pipelined.pop3",
        "pipelining-drops-at-login",
        "a fault of Courier 1.0.16",
    ),
    (
        "real/dovecot-first-dot.pop3",
        "unstuffed-first-octet",
        "a fault of Dovecot 2.3.19",
    ),
    (
        "real/dovecot-first-dot.pop3",
        "retr-truncated",
        "a fault of Dovecot 2.3.19",
    ),
    (
        "real/mailutils-long-line.pop3",
        "client-line-too-long",
        "a fault of GNU Mailutils 3.15 is shown by a long line",
    ),
    (
        "real/mailutils-long-line.pop3",
        "input-echoed",
        "a fault of GNU Mailutils 3.15",
    ),
    (
        "real/mailutils-session.pop3",
        "capa-malformed-tag",
        "a fault of GNU Mailutils 3.15",
    ),
    (
        "real/mailutils-session.pop3",
        "dele-twice-ok",
        "a fault of GNU Mailutils 3.15",
    ),
    (
        "show/hostile.pop3",
        "client-non-ascii-name",
        "made to be hostile",
    ),
    ("show/hostile.pop3", "bare-lf", "made to be hostile"),
    (
        "show/hostile.pop3",
        "client-non-ascii-command",
        "made to be hostile",
    ),
    ("show/hostile.pop3", "status-missing", "made to be hostile"),
    (
        "show/hostile.pop3",
        "connection-cut-mid-reply",
        "made to be hostile",
    ),
];

#[test]
fn recordings_have_no_must_but_these() {
    let mut all = Vec::new();
    for (name, text) in recordings() {
        for finding in judged(&text).iter().filter(|one| one.level == Level::Must) {
            all.push((name.clone(), finding.id));
        }
    }
    let want: Vec<_> = RIGHT
        .iter()
        .map(|(name, id, _)| ((*name).to_owned(), *id))
        .collect();
    assert_eq!(all, want);
}

/// Numbers that look random (xorshift), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).unwrap()
    }
}

/// What is cut out.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Octets of both sides; a hole of each side stands where they end.
    Both,
    /// Octets of one side; a hole stands where the other side speaks next, as in packets that were
    /// cut.
    Packets(Side),
    /// Octets of one side; one hole stands where they begin.
    Stream(Side),
    /// The start of the file.
    Start,
    /// The end of the file.
    End,
}

/// The octets of a row with their line end; names stand for what was hidden.
fn octets(row: &Row) -> Vec<u8> {
    let mut octets = Vec::new();
    for piece in &row.pieces {
        match piece {
            Piece::Octets(some) => octets.extend_from_slice(some),
            Piece::Hole(Hole::Rows) => return octets,
            Piece::Hole(hole) => octets.extend_from_slice(hole.name().as_bytes()),
        }
    }
    octets.extend_from_slice(row.end.octets());
    octets
}

fn row_of(side: Side, octets: &[u8]) -> Option<Item> {
    let (text, end) = match octets {
        [] => return None,
        [text @ .., b'\r', b'\n'] => (text, LineEnd::Crlf),
        [text @ .., b'\n'] => (text, LineEnd::Lf),
        text => (text, LineEnd::None),
    };
    let text = [Piece::Octets(text.to_vec())];
    Some(Item::Row(Row::new(side, 0, text, end)))
}

fn hole(side: Side) -> [Item; 2] {
    let rows = [Piece::Hole(Hole::Rows)];
    [
        Item::Prose(" octets are not in the capture".to_owned()),
        Item::Row(Row::new(side, 0, rows, LineEnd::Crlf)),
    ]
}

/// Cuts the octets `from..upto` (of all rows together) out, as `import pcap` writes it.
fn cut(items: &[Item], from: usize, upto: usize, kind: Kind) -> Vec<Item> {
    let mut made = Vec::new();
    // Whose octets are missing, and no hole says so.
    let mut missing: Vec<Side> = Vec::new();
    let mut has_hole = false;
    let mut at = 0;
    for item in items {
        let Item::Row(row) = item else {
            made.extend(missing.drain(..).flat_map(hole));
            let is_gone = match kind {
                Kind::Start => at < upto,
                Kind::End => at > from,
                _ => false,
            };
            if !is_gone {
                made.push(item.clone());
            }
            continue;
        };
        let octets = octets(row);
        let start = at;
        at += octets.len();
        let is_side = match kind {
            Kind::Packets(side) | Kind::Stream(side) => row.side == side,
            _ => true,
        };
        let (from, upto) = (from.clamp(start, at) - start, upto.clamp(start, at) - start);
        if !is_side || upto <= from {
            if start >= upto || matches!(kind, Kind::Packets(_)) {
                made.extend(missing.drain(..).flat_map(hole));
            }
            made.push(item.clone());
            continue;
        }
        let (head, rest) = octets.split_at(from);
        made.extend(row_of(row.side, head));
        match kind {
            Kind::Start | Kind::End => {}
            Kind::Stream(_) if std::mem::replace(&mut has_hole, true) => {}
            Kind::Stream(_) => made.extend(hole(row.side)),
            _ if missing.contains(&row.side) => {}
            _ => missing.push(row.side),
        }
        if let Some(tail) = row_of(row.side, &rest[upto - from..]) {
            made.extend(missing.drain(..).flat_map(hole));
            made.push(tail);
        }
    }
    made.extend(missing.drain(..).flat_map(hole));
    made
}

#[test]
fn nothing_is_blamed_on_octets_that_were_cut_out() {
    let cuts = match std::env::var_os("POPTALK_MATRIX") {
        Some(_) => 1000,
        None => 12,
    };
    let seed = std::env::var("POPTALK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut dice = Dice(seed.unwrap_or(0x9e37_79b9_7f4a_7c15));
    let mut clean: Vec<(String, Transcript)> = recordings()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("lessons") && !name.starts_with("probes"))
        .filter(|(_, text)| !judged(text).iter().any(is_grave))
        .map(|(name, text)| (name, parse(&text).unwrap()))
        .collect();
    // The longest sessions have most to lose; those of real servers come first.
    clean.sort_by_key(|(name, transcript)| {
        (
            !name.starts_with("real"),
            std::cmp::Reverse(transcript.rows().count()),
        )
    });
    clean.truncate(RECORDINGS);
    assert_eq!(clean.len(), RECORDINGS);
    let mut wrong: std::collections::BTreeMap<(String, &str), (usize, String)> =
        std::collections::BTreeMap::new();
    let mut all = 0;
    for (name, transcript) in &clean {
        let octets: usize = transcript.rows().map(|row| octets(row).len()).sum();
        for number in 0..cuts {
            let from = dice.below(octets);
            // Small gaps and large ones.
            let most = [4, 40, 400, octets][dice.below(4)];
            let upto = (from + 1 + dice.below(most)).min(octets);
            let kind = [
                Kind::Both,
                Kind::Packets(Side::Server),
                Kind::Packets(Side::Client),
                Kind::Stream(Side::Server),
                Kind::Stream(Side::Client),
                Kind::Start,
                Kind::End,
            ][number % 7];
            let (from, upto) = match kind {
                Kind::Start => (0, upto),
                Kind::End => (from, octets),
                _ => (from, upto),
            };
            all += 1;
            let items = cut(&transcript.items, from, upto, kind);
            let text = print(&Transcript { items });
            for finding in judged(text.as_bytes()).iter().filter(|one| is_grave(one)) {
                let entry = wrong.entry((name.clone(), finding.id)).or_insert_with(|| {
                    let shown = format!(
                        "{kind:?} {from}..{upto}: row {:?}: {}\n{text}",
                        finding.row, finding.message
                    );
                    (0, shown)
                });
                entry.0 += 1;
            }
        }
    }
    let shown: Vec<String> = wrong
        .iter()
        .map(|((name, id), (count, text))| format!("{name}: {id}, {count} times: {text}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{all} cuts of {} recordings: {}\n{}",
        clean.len(),
        shown.join("\n\n"),
        wrong
            .iter()
            .map(|((name, id), (count, _))| format!("{name} {id} {count}\n"))
            .collect::<String>()
    );
}
