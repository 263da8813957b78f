//! Runs a command in the platform's shell, without the passwords of our environment.

use std::process::Command;

use crate::net::upstream_proxy;

pub(crate) const PASSWORD_VARIABLE: &str = "POPTALK_PASSWORD";

pub(crate) fn command(program: &str) -> Command {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut command = Command::new(shell);
    command
        .args([flag, program])
        .env_remove(PASSWORD_VARIABLE)
        .env_remove(upstream_proxy::VARIABLE);
    command
}
