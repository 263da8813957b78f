//! The program is ended, stopped, or has no room, at any moment of a session: what was on the screen is in the transcript, and the
//! terminal is as it was.

mod disk;

use std::process::Command;

/// Sends a signal to a process.
pub(crate) fn send(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status();
    assert!(status.unwrap().success(), "{signal}");
}
