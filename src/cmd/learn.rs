//! `poptalk learn`: lessons in the console, on the built-in server.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::console;
use crate::exit::Exit;
use crate::learn::course::Course;
use crate::learn::lesson::Lesson;
use crate::learn::progress::Progress;
use crate::learn::{LESSONS, proof};
use crate::net::dial::plain;
use crate::net::tls::TlsSettings;
use crate::report;
use crate::session::{Plan, SessionArgs};
use crate::style::ColorChoice;
use crate::target::Target;

/// What stands under the help.
pub const EXAMPLES: &str = "\
Examples:
  poptalk learn                 the first lesson that is not done
  poptalk learn --list          all of them, and what is done
  poptalk learn 6               lesson 6; its name does it too
  poptalk learn FOLDER          the lessons of a class, *.pop3
  poptalk learn --check FOLDER  prove that each can be solved";

/// The arguments of `learn`.
#[derive(Debug, clap::Args)]
pub struct LearnArgs {
    /// A lesson's number or name, a file, or a folder of files
    #[arg(value_name = "LESSON")]
    lesson: Option<PathBuf>,

    /// Name the lessons, and say which are done
    #[arg(long, conflicts_with_all = ["check", "reset"])]
    list: bool,

    /// Prove each lesson: its solution solves it, nothing else does
    #[arg(long, conflicts_with = "reset")]
    check: bool,

    /// Forget which lessons are done
    #[arg(long)]
    reset: bool,

    /// Write the transcripts to new files in this folder [default: the state folder]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_log")]
    log: Option<PathBuf>,

    /// Write no transcripts
    #[arg(long)]
    no_log: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,

    /// Lines only, for screen readers: no colours, no pager, no line editor; `:pass` asks for a password unseen
    #[arg(long)]
    plain: bool,
}

/// Teaches, lists or proves.
#[must_use]
pub fn run(args: LearnArgs) -> Exit {
    let mut progress = Progress::read();
    if args.reset {
        return match progress.reset() {
            Ok(()) => Exit::Well,
            Err(error) => {
                report::error(&plain(&error), None);
                Exit::Usage
            }
        };
    }
    let (lessons, at) = match find(args.lesson.as_deref()) {
        Ok(found) => found,
        Err((what, hint)) => {
            report::error(&what, Some(hint));
            return Exit::Usage;
        }
    };
    if args.list {
        return report::written(&list(&lessons, &progress), Exit::Well);
    }
    if args.check {
        return check(&lessons);
    }
    if !io::stdin().is_terminal() {
        report::error(
            "lessons are for a person at a terminal",
            Some("`poptalk practice` takes a script, on the same server"),
        );
        return Exit::Usage;
    }
    let first_open = lessons
        .iter()
        .position(|lesson| !progress.has(&lesson.name));
    let at = at.or(first_open).unwrap_or(0);
    let Some(course) = Course::new(lessons, at, progress) else {
        return Exit::Usage;
    };
    let version = env!("CARGO_PKG_VERSION");
    let args = SessionArgs {
        log: args.log,
        no_log: args.no_log,
        color: args.color,
        plain: args.plain,
        ..SessionArgs::default()
    };
    let plan = Plan {
        server: "learn".to_owned(),
        file_name: "learn".to_owned(),
        // Each lesson has a server of its own.
        target: Target {
            host: "127.0.0.1".to_owned(),
            port: 0,
            is_tls: false,
        },
        spares: Vec::new(),
        proxy: None,
        found: None,
        tls: TlsSettings::default(),
        is_stls: false,
        welcome: Some(format!(
            "poptalk {version}: lessons, on a server inside this program\nWhat you type goes to the server; a line that begins with `:` is for poptalk."
        )),
        args,
    };
    console::teach(plan, course)
}

type Found = (Vec<Lesson>, Option<usize>);
type Failure = (String, &'static str);

/// The lessons that are meant, and the one to begin with where one was named.
fn find(wanted: Option<&Path>) -> Result<Found, Failure> {
    let Some(wanted) = wanted else {
        return Ok((built_in()?, None));
    };
    if wanted.is_dir() {
        let files = files(wanted).map_err(|error| {
            let what = format!("{}: {}", wanted.display(), plain(&error));
            (what, "give a folder that can be read")
        })?;
        let lessons: Vec<Lesson> = files
            .iter()
            .map(|file| read(file))
            .collect::<Result<_, _>>()?;
        return match lessons.is_empty() {
            true => Err((
                format!("{}: no lesson in it", wanted.display()),
                "lessons are files whose names end in .pop3",
            )),
            false => Ok((lessons, None)),
        };
    }
    if wanted.is_file() {
        return Ok((vec![read(wanted)?], Some(0)));
    }
    let name = wanted.to_string_lossy();
    let lessons = built_in()?;
    let by_number = name.parse::<usize>().ok().and_then(|number| {
        let at = number.checked_sub(1)?;
        (at < lessons.len()).then_some(at)
    });
    let by_name = lessons.iter().position(|lesson| {
        let bare = lesson.name.split_once('-').map_or("", |(_, bare)| bare);
        *name == lesson.name || *name == *bare
    });
    match by_number.or(by_name) {
        Some(at) => Ok((lessons, Some(at))),
        None => Err((
            format!("there is no lesson `{name}`"),
            "`poptalk learn --list` names them; a file or a folder of files does it too",
        )),
    }
}

fn built_in() -> Result<Vec<Lesson>, Failure> {
    let lessons = LESSONS.iter().map(|(name, text)| Lesson::parse(name, text));
    let lessons: Result<_, _> = lessons.collect();
    lessons.map_err(|error| (error.to_string(), "this is a defect of poptalk"))
}

/// The files of a folder that may be lessons, by name.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("pop3")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Lesson, Failure> {
    let hint = "GUIDE.md tells how a lesson is written";
    let text = std::fs::read_to_string(path)
        .map_err(|error| (format!("{}: {}", path.display(), plain(&error)), hint))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Lesson::parse(&name, &text).map_err(|error| (error.to_string(), hint))
}

fn list(lessons: &[Lesson], progress: &Progress) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (number, lesson) in (1..).zip(lessons) {
        let mark = if progress.has(&lesson.name) {
            "done"
        } else {
            "    "
        };
        writeln!(out, "{number:>3} {mark}  {}", lesson.title)?;
    }
    let done = lessons.iter().filter(|one| progress.has(&one.name)).count();
    writeln!(out, "{done} of {} done", lessons.len())
}

fn check(lessons: &[Lesson]) -> Exit {
    let mut out = io::stdout().lock();
    let mut exit = Exit::Well;
    let mut told = Ok(());
    for lesson in lessons {
        let complaints = proof::complaints(lesson);
        let verdict = if complaints.is_empty() {
            "proved"
        } else {
            "NOT PROVED"
        };
        told = told.and_then(|()| writeln!(out, "{}: {verdict}", lesson.name));
        for complaint in complaints {
            exit = Exit::Refused;
            told = told.and_then(|()| writeln!(out, "  {complaint}"));
        }
    }
    report::written(&told, exit)
}
