//! The fault matrix: each trouble of a connection at each place of a conversation, and each fault
//! of a server, for each client. What is to come of a cell is data (`table`, `faults`); the cells
//! are made of it.

#![cfg(not(any(windows, target_vendor = "apple")))]

mod clients;
mod faults;
mod peer;
mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use poptalk::pop3::tracker::Side;
use poptalk::servers::fault::{self, Fault};
use poptalk::transcript::text;
use poptalk::transcript::{Piece, Row, Transcript};

use clients::{Came, Task, through_proxy};
use faults::Who;
use peer::{Record, Server};
use table::{Cell, Client, Trouble};

/// Runs jobs a few at a time; gives what was wrong.
fn all<T: Sync>(jobs: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    // Most of the time is waiting.
    const WORKERS: usize = 12;
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(what) = run(job) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// Whether a transcript holds what the server wrote: all of it, or its start. A hole stands for
/// what was hidden.
fn holds(transcript: &Transcript, wrote: &[u8], is_all: bool) -> Result<(), String> {
    let mut runs: Vec<Vec<u8>> = vec![Vec::new()];
    let rows = transcript.rows().filter(|row| row.side == Side::Server);
    for row in rows.filter(|row| !is_proxys(row)) {
        for piece in &row.pieces {
            match piece {
                Piece::Octets(octets) => runs.last_mut().unwrap().extend_from_slice(octets),
                Piece::Hole(_) => runs.push(Vec::new()),
            }
        }
        runs.last_mut().unwrap().extend_from_slice(row.end.octets());
    }
    let mut rest = wrote;
    let is_hole_last = runs.len() > 1 && runs.last().unwrap().is_empty();
    for (index, run) in runs.iter().enumerate().filter(|(_, run)| !run.is_empty()) {
        let at = match index {
            0 => rest.starts_with(run).then_some(0),
            _ => rest.windows(run.len()).position(|window| window == run),
        };
        let Some(at) = at else {
            return Err(format!(
                "`{}` is not in `{}`",
                run.escape_ascii(),
                rest.escape_ascii()
            ));
        };
        rest = &rest[at + run.len()..];
    }
    if is_all && !rest.is_empty() && !is_hole_last {
        return Err(format!(
            "`{}` is not in the transcript",
            rest.escape_ascii()
        ));
    }
    Ok(())
}

/// Whether it is a proxy that speaks, because it has no server.
fn is_proxys(row: &Row) -> bool {
    let start = b"-ERR [SYS/TEMP] no connection to ";
    matches!(row.pieces.first(), Some(Piece::Octets(octets)) if octets.starts_with(start))
}

/// What must be true of any client, whatever it met.
fn sound(came: &Came, records: &[Record], is_all: bool) -> Result<(), String> {
    if came.code < 0 {
        return Err("it hangs".to_owned());
    }
    let out = crate::support::text(&came.out);
    if came.words.contains("panicked at") || out.contains("panicked at") {
        return Err("it panics".to_owned());
    }
    let mut transcripts = Vec::new();
    for log in &came.logs {
        let transcript = text::parse(log).map_err(|error| format!("row {}: {error}", error.row))?;
        transcripts.push(transcript);
    }
    // A proxy that its client has left at once may never have come to the server.
    let (all, met) = (transcripts.len(), records.len());
    if all > met {
        transcripts.retain(|transcript| transcript.rows().any(|row| row.side == Side::Server));
    }
    if transcripts.len() != met {
        return Err(format!("{all} transcripts of {met} connections"));
    }
    for (transcript, record) in transcripts.iter().zip(records) {
        holds(transcript, &record.wrote, is_all)?;
    }
    Ok(())
}

/// All that a client said, of its own and of the server's.
fn said(came: &Came) -> String {
    came.words.clone() + &crate::support::text(&came.out)
}

/// Runs a case in which time-outs must pass, with a short one. A busy machine can need longer for
/// the steps before the trouble, so a failure counts only if it also happens with a long one.
fn with_patience(run: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    run("1").or_else(|_| run("10"))
}

/// Runs a cell and judges it.
fn try_cell(cell: &Cell) -> Result<(), String> {
    match cell.trouble {
        Trouble::Silence => with_patience(|timeout| try_cell_for(cell, timeout)),
        _ => try_cell_for(cell, "20"),
    }
}

fn try_cell_for(cell: &Cell, timeout: &str) -> Result<(), String> {
    let Cell {
        place,
        trouble,
        client,
    } = *cell;
    let is_silence = trouble == Trouble::Silence;
    let trouble_there = (client != Client::Downstream).then_some((place, trouble));
    let server = Server::start(trouble_there, Vec::new());
    let task = |client, address, timeout| {
        Task {
            client,
            address,
            lines: place.session(),
            timeout,
            has_happened: &AtomicBool::new(false),
            is_silence: Some(is_silence),
        }
        .run()
    };
    let mut of_client = None;
    let came = match client {
        Client::Upstream => through_proxy(server.address, timeout, |address| {
            let came = task(Client::Lines, address, "20");
            of_client = Some(came);
        }),
        Client::Downstream => through_proxy(server.address, timeout, |address| {
            peer::talk(address, *cell, place.session());
        }),
        client => Task {
            client,
            address: server.address,
            lines: place.session(),
            timeout,
            has_happened: &server.has_happened,
            is_silence: Some(is_silence),
        }
        .run(),
    };
    let has_happened = server.has_happened.load(Ordering::SeqCst);
    let records = server.finish();
    let want = cell.want();
    let said = said(&came);
    let judge = || {
        // A reset may take with it what was on the way, and `check` leaves without the last words
        // of a server.
        sound(
            &came,
            &records,
            trouble != Trouble::Reset && client != Client::Check,
        )?;
        if let Some(came) = &of_client {
            sound(came, &records, false)?;
        }
        if client != Client::Downstream && !has_happened {
            return Err("the trouble did not come about".to_owned());
        }
        if !want.exits.iter().any(|exit| came.code == *exit as i32) {
            return Err(format!("exit {}, not {:?}", came.code, want.exits));
        }
        match want.words {
            [] if came.words.contains("error: ") => Err("an error is told".to_owned()),
            [_, ..] if !want.words.iter().any(|words| said.contains(words)) => {
                Err(format!("none of {:?} is said", want.words))
            }
            _ => Ok(()),
        }
    };
    judge().map_err(|what| {
        let logs: Vec<_> = came
            .logs
            .iter()
            .map(|log| crate::support::text(log))
            .collect();
        format!(
            "=== {cell:?}: {what}\n{}\n{}",
            said.trim(),
            logs.last().map_or("", String::as_str)
        )
    })
}

/// Runs a client at a server with a fault and judges it.
fn try_fault(case: &(&'static Fault, Who)) -> Result<(), String> {
    match faults::is_slow(case.0) {
        true => with_patience(|timeout| try_fault_for(case, timeout)),
        // No time-out is to pass, so there is no hurry.
        false => try_fault_for(case, "20"),
    }
}

fn try_fault_for((fault, who): &(&'static Fault, Who), timeout: &str) -> Result<(), String> {
    let want = faults::exit(fault, *who);
    let server = Server::start(None, vec![fault]);
    let run = |client, address| {
        Task {
            client,
            address,
            lines: &fault.session(),
            timeout,
            has_happened: &server.has_happened,
            is_silence: None,
        }
        .run()
    };
    let mut of_proxy = None;
    let came = match who {
        Who::Lines => run(Client::Lines, server.address),
        Who::Script => run(Client::Script, server.address),
        Who::Replay => run(Client::Replay, server.address),
        Who::Check => run(Client::Check, server.address),
        Who::Console => run(Client::Console, server.address),
        Who::Proxy => {
            let mut came = None;
            let told = through_proxy(server.address, "20", |address| {
                came = Some(run(Client::Lines, address));
            });
            of_proxy = Some(told);
            came.unwrap()
        }
    };
    let records = server.finish();
    let said = said(&came);
    let judge = || {
        sound(&came, &records, false)?;
        if let Some(proxy) = &of_proxy {
            sound(proxy, &records, false)?;
        }
        // Whether what comes next is before the end of the connection is chance.
        let is_chance = (came.code == 3 || want == 3) && faults::CLOSES.contains(&fault.name);
        if came.code != want && !is_chance {
            return Err(format!("exit {}, not {want}", came.code));
        }
        let is_told = match came.code {
            // What the server said, or what was found.
            1 => {
                let is_typed = matches!(who, Who::Lines | Who::Script | Who::Proxy);
                // A script that goes on is warned.
                let is_warned = *who == Who::Script && came.words.contains("warning: ");
                let is_said = said.contains("-ERR") || came.words.contains("error: ");
                is_said || is_warned || !is_typed
            }
            3..=5 => came.words.contains("error: ") || matches!(who, Who::Replay | Who::Console),
            _ => true,
        };
        match is_told {
            true => Ok(()),
            false => Err("it does not tell why".to_owned()),
        }
    };
    judge().map_err(|what| {
        let logs: Vec<_> = came
            .logs
            .iter()
            .map(|log| crate::support::text(log))
            .collect();
        format!(
            "=== {} {who:?}: {what}\n{}\n{}",
            fault.name,
            said.trim(),
            logs.last().map_or("", String::as_str)
        )
    })
}

/// All cells with a fault, and all with trouble that are not left out.
fn cells() -> (Vec<(&'static Fault, Who)>, Vec<Cell>) {
    let all_of = |fault| Who::ALL.map(|who| (fault, who));
    let troubles = Cell::all().into_iter();
    let troubles = troubles.filter(|cell| cell.left_out().is_none());
    (fault::all().flat_map(all_of).collect(), troubles.collect())
}

/// Runs every so many of the cells: steps that no axis of the matrix can be divided by.
#[allow(clippy::print_stdout, reason = "the figures of the whole matrix")]
fn run(of_faults: usize, of_troubles: usize) {
    let (faults, troubles) = cells();
    let wanted = std::env::var("POPTALK_MATRIX").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(' ').filter(|word| *word != "1").collect();
    let has_all = |name: &str| wanted.iter().all(|word| name.contains(word));
    let faults = faults.into_iter().step_by(of_faults);
    let faults = faults.filter(|(fault, who)| has_all(&format!("fault {} {who:?}", fault.name)));
    let faults: Vec<_> = faults.collect();
    let troubles = troubles.into_iter().step_by(of_troubles);
    let troubles = troubles.filter(|cell| has_all(&format!("{cell:?}")));
    let troubles: Vec<_> = troubles.collect();
    let (mut wrong, is_there) = (all(&faults, try_fault), Cell::all().len());
    wrong.extend(all(&troubles, try_cell));
    println!(
        "{} cells with a fault and {} with trouble: {} wrong; {} left out of all",
        faults.len(),
        troubles.len(),
        wrong.len(),
        is_there - cells().1.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A sample; with the variable POPTALK_MATRIX all of it, or those cells in whose name it stands,
/// such as `Check` or `slow-drip`.
#[test]
fn the_cells_of_the_matrix() {
    if std::env::var_os("POPTALK_MATRIX").is_some() {
        run(1, 1);
    } else {
        // Cells that take ten seconds are not among them.
        run(31, 13);
    }
}

#[test]
fn the_tables_name_faults_that_there_are_and_give_reasons() {
    for (name, _) in faults::EXITS {
        assert!(fault::named(name).is_some(), "{name}");
    }
    for cell in Cell::all() {
        assert!(cell.left_out().is_none_or(|why| why.len() > 10), "{cell:?}");
    }
}
