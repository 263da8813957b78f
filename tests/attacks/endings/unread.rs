//! Servers whose output nobody reads: a full pipe, and a signal that is to end them.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Instant;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;

use super::random::end;
use crate::support::{Home, LIMIT};

/// A pipe that takes no more.
fn full() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let end = loop {
        if let Err(error) = writer.write_all(b".") {
            break error.kind();
        }
    };
    assert_eq!(end, ErrorKind::WouldBlock);
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    (reader, writer)
}

/// Waits until a process has a handler for TERM.
fn wait_for_handler(process: u32) {
    let start = Instant::now();
    let has_handler = || {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        caught & 1 << (Signal::TERM.as_raw() - 1) != 0
    };
    while !has_handler() {
        assert!(start.elapsed() < LIMIT);
        std::thread::yield_now();
    }
}

#[test]
fn a_server_whose_output_is_a_full_pipe_is_ended_by_a_signal() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = upstream.local_addr().unwrap().to_string();
    let home = Home::new();
    // The one that can be reached from elsewhere has a warning to print.
    let here = ["--listen", "127.0.0.1:0"];
    let everywhere = ["--listen", "0.0.0.0:0"];
    for program in [&["serve"][..], &["proxy", &upstream, "--no-log"]] {
        for (is_error, listen) in [(false, here), (true, everywhere)] {
            for signal in [Signal::TERM, Signal::INT] {
                let (reader, writer) = full();
                let args = [program, &listen].concat();
                let mut command = home.poptalk(&args);
                command.stdin(Stdio::null());
                match is_error {
                    true => command.stdout(Stdio::null()).stderr(writer),
                    false => command.stdout(writer).stderr(Stdio::null()),
                };
                let child = command.spawn().unwrap();
                wait_for_handler(child.id());
                let what = format!("{args:?} {is_error} {signal:?}");
                assert_eq!(end(child, signal, &what), Some(2), "{what}");
                drop(reader);
            }
        }
    }
}
