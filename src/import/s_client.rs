//! What `openssl s_client` wrote on its terminal, or into a file: its own lines, the server's, and the typed ones where they were
//! echoed.

use super::lines::{Tls, behind, numbered, text, without_cr, word};
use super::talk::Talk;
use super::{Made, Options, Problem, Source};
use crate::secret::place;
use crate::tracker::{Awaited, LineEnd, Role, Side, Status};
use crate::transcript::{Hole, Piece};

/// Lines of s_client's own, by their starts.
const OWN: &[&str] = &[
    "CONNECTED(",
    "Connecting to ",
    "depth=",
    "verify ",
    "Can't use SSL_get_servername",
    "DONE",
    "closed",
    "read:errno",
    "write:errno",
    "RENEGOTIATING",
    "KEYUPDATE",
    "Script started on",
    "Script done on",
    "$ ",
    "# ",
];

/// Whether a file begins as such a session.
pub(super) fn is_log(head: &[u8]) -> bool {
    numbered(head).take(8).any(|(_, line)| {
        ["CONNECTED(", "depth=", "Can't use SSL_get_servername"]
            .iter()
            .any(|own| line.starts_with(own.as_bytes()))
    })
}

fn is_own(line: &[u8]) -> bool {
    let is_error =
        behind(line, ":error:").is_some() && line.iter().take(8).all(u8::is_ascii_hexdigit);
    is_error || OWN.iter().any(|own| line.starts_with(own.as_bytes()))
}

/// How the file shows who said a line: a terminal turns LF into CR LF, so that a CR too many is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A file or pipe: only what was received is in it.
    Pipe,
    /// What `script` keeps of a terminal: lines with this many CRs are not the server's.
    Terminal(usize),
    /// A copy without CRs: the talk itself must tell.
    Copy,
}

impl Form {
    fn of(octets: &[u8]) -> Self {
        let crs = |line| without_cr(line).1;
        // What `script` itself writes does not go through the terminal.
        let lines = || {
            let lines = numbered(octets).map(|(_, line)| line);
            lines.filter(|line| !line.starts_with(b"Script ") && !line.is_empty())
        };
        let own = lines().find(|line| is_own(line)).map(crs);
        let least = own.or_else(|| lines().map(crs).min()).unwrap_or_default();
        match (least, lines().map(crs).max()) {
            (least, Some(most)) if most <= least => Self::Copy,
            (0, _) => Self::Pipe,
            (least, _) => Self::Terminal(least),
        }
    }
}

pub(super) fn import(source: &Source<'_>, options: &Options) -> Result<Vec<Made>, Problem> {
    let form = Form::of(source.octets);
    let imported = match form {
        Form::Pipe => "openssl s_client; what was typed and times are not in it",
        Form::Terminal(_) => "openssl s_client; line ends of the client and times are not in it",
        Form::Copy => {
            "openssl s_client; line ends, times and who said a line are not in it: the order of the talk tells"
        }
    };
    let lines = numbered(source.octets).map(|(_, line)| without_cr(line));
    let mut tls = Tls::default();
    let mut head = Vec::new();
    let begin = preamble(lines.clone(), &mut tls, &mut head);
    let mut session = Session {
        talk: Talk::new(options, &head, imported),
        form,
        is_first: true,
        is_over: false,
    };
    let has_preamble = tls.version.is_some();
    if let Some(event) = tls.take_event() {
        session.talk.event(&event);
    } else {
        session.talk.event("tls unknown");
    }
    let mut in_ticket = false;
    let mut lines = lines.skip(begin).peekable();
    while let Some((line, crs)) = lines.next() {
        let next = lines.peek().map(|(line, _)| *line).unwrap_or_default();
        if in_ticket {
            in_ticket = !line.starts_with(b"read R BLOCK");
        } else if line == b"---" && next.starts_with(b"Post-Handshake ") {
            in_ticket = true;
        } else if !(has_preamble && line == b"---" && session.talk.is_empty()) {
            session.line(line, crs, next);
        }
    }
    if session.talk.is_empty() {
        let hint = "keep what s_client printed, from `CONNECTED` to `closed`";
        return Err(Problem::new(
            source,
            None,
            "no greeting of a POP3 server",
            hint,
        ));
    }
    Ok(vec![session.talk.finish()])
}

/// Reads what s_client tells before the talk; returns how many lines that is.
fn preamble<'a>(
    lines: impl Iterator<Item = (&'a [u8], usize)> + Clone,
    tls: &mut Tls,
    head: &mut Vec<(&'static str, String)>,
) -> usize {
    let has_report = lines
        .clone()
        .take(200)
        .any(|(line, _)| line == b"Server certificate");
    let mut count = 0;
    let mut is_ending = false;
    for (index, (line, _)) in lines.enumerate() {
        count = index + 1;
        if let Some(server) = behind(line, "-connect ")
            && head.is_empty()
        {
            head.push(("server", word(server, b"\"'")));
        }
        if let Some(subject) = line.strip_prefix(b"subject=") {
            tls.subject = text(subject);
        } else if let Some(new) = line.strip_prefix(b"New, ") {
            tls.version = Some(word(new, b","));
            tls.cipher = behind(new, "Cipher is ")
                .map(|rest| word(rest, b""))
                .unwrap_or_default();
        } else if let Some(code) = behind(line, "Verify return code: ") {
            let code = text(code);
            tls.doubt = Some(if code.starts_with("0 ") {
                String::new()
            } else {
                code
            });
            is_ending = true;
        }
        let is_over = if has_report {
            is_ending && line == b"---"
        } else {
            !is_own(line)
        };
        if is_over {
            return index + usize::from(has_report);
        }
    }
    count
}

struct Session {
    talk: Talk,
    form: Form,
    is_first: bool,
    /// The session has ended: what follows is the shell's.
    is_over: bool,
}

impl Session {
    /// A line of the talk. `next` tells whether s_client took it for itself.
    fn line(&mut self, line: &[u8], crs: usize, next: &[u8]) {
        if self.is_over {
            return;
        }
        let is_first = std::mem::take(&mut self.is_first);
        let is_status = Status::of_line(line) != Status::Malformed;
        let side = match self.form {
            Form::Pipe if crs == 0 && is_own(line) => return self.own(line),
            // Nobody but the client says such a line; taken for the server's, it would show the secret.
            Form::Pipe if crs == 0 && is_login(line) => Side::Client,
            Form::Pipe => Side::Server,
            Form::Terminal(least) if crs > least => Side::Server,
            Form::Terminal(least) if is_own(line) || crs < least => return self.own(line),
            // The greeting may come while the terminal is still set up.
            Form::Terminal(_) if is_first && is_status => Side::Server,
            Form::Terminal(_) => Side::Client,
            Form::Copy if is_own(line) && !self.talk.is_in_data() => return self.own(line),
            Form::Copy => self.side(is_status),
        };
        let end = match self.form {
            Form::Pipe if crs == 0 => LineEnd::Lf,
            _ => LineEnd::Crlf,
        };
        if side == Side::Client {
            let taken = match line.first() {
                Some(b'Q') => next.starts_with(b"DONE"),
                Some(b'R') => next.starts_with(b"RENEGOTIATING"),
                Some(b'K' | b'k') => next.starts_with(b"KEYUPDATE"),
                _ => false,
            };
            if taken {
                let what = if self.talk.expects_response() || is_login(line) {
                    "a secret".to_owned()
                } else {
                    text(line)
                };
                let own = "s_client took this line for itself and did not send it:";
                return self.talk.prose(&format!("{own} {what}"));
            }
            return self.talk.line(side, line, end);
        }
        if is_first && let Some(inner) = second_status(line) {
            let (greeting, rest) = line.split_at(inner);
            // Seen: OpenSSL 3.0.22, -starttls pop3: of the greeting as many octets as the reply to STLS had.
            self.talk.prose(
                "s_client -starttls shows a part of the greeting, and neither STLS nor its reply",
            );
            let pieces = vec![Piece::Octets(greeting.to_vec()), Piece::Hole(Hole::Text)];
            self.talk.row(Side::Server, pieces, LineEnd::Crlf);
            return self.line(rest, crs, next);
        }
        if is_status && !is_first && self.talk.awaited().is_none() && !self.talk.is_in_data() {
            // What was typed is not in the file.
            self.talk.hole(Side::Client);
        }
        if self.form == Form::Copy
            && let Some(found) = place(line, Role::Command, false)
        {
            // Data, or a login that was typed while data was awaited: nobody can tell.
            let open = line.get(..found.from).unwrap_or_default().to_vec();
            let hole = Piece::Hole(Hole::Named(found.hole.to_owned()));
            return self.talk.row(side, vec![Piece::Octets(open), hole], end);
        }
        self.talk.line(side, line, end);
    }

    /// Who said a line, by the order of the talk.
    fn side(&self, is_status: bool) -> Side {
        match self.talk.awaited() {
            Some(Awaited::Terminator(_) | Awaited::Greeting) => Side::Server,
            _ if is_status => Side::Server,
            _ => Side::Client,
        }
    }

    /// A line of s_client's own.
    fn own(&mut self, line: &[u8]) {
        if line.starts_with(b"closed") {
            self.talk.event("closed by server");
            self.is_over = true;
        } else if line.starts_with(b"read:errno") {
            self.talk.event(&format!("connection lost: {}", text(line)));
        } else if line.starts_with(b"DONE") {
            self.talk.event("closed by client");
            self.is_over = true;
        } else if behind(line, ":error:").is_some() {
            self.talk.prose(&text(line));
        }
    }
}

/// Whether a line carries a secret.
fn is_login(line: &[u8]) -> bool {
    place(line, Role::Command, false).is_some()
}

/// Where a second status line begins inside a first one.
fn second_status(line: &[u8]) -> Option<usize> {
    let starts = ["+OK", "-ERR"].map(|status| {
        let rest = line.get(3..)?;
        memchr::memmem::find(rest, status.as_bytes()).map(|at| at + 3)
    });
    starts.into_iter().flatten().min()
}
