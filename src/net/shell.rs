//! Runs a command in the platform's shell, without the passwords of our environment.

use std::process::Command;

use crate::net::upstream_proxy;

pub(crate) const PASSWORD_VARIABLE: &str = "POPTALK_PASSWORD";

pub(crate) fn command(program: &str) -> Command {
    let mut command = shell(program);
    command
        .env_remove(PASSWORD_VARIABLE)
        .env_remove(upstream_proxy::VARIABLE);
    command
}

#[cfg(not(windows))]
fn shell(program: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", program]);
    command
}

/// The text must reach `cmd` as it is: a backslash before a quote, as other programs want it, would
/// be a part of the command there. `/S` takes off the outer quotes and nothing else, and `/D` keeps
/// the output of the user's AutoRun commands out.
#[cfg(windows)]
fn shell(program: &str) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut command = Command::new("cmd");
    command
        .args(["/D", "/S", "/C"])
        .raw_arg(format!("\"{program}\""));
    command
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn quotes_reach_the_command_as_they_are() {
        for (program, printed) in [
            (
                r#"echo "two words" & echo "more""#,
                "\"two words\" \r\n\"more\"\r\n",
            ),
            ("echo one", "one\r\n"),
            (r#""cmd" /C echo inner"#, "inner\r\n"),
        ] {
            let output = command(program).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), printed);
        }
    }
}
