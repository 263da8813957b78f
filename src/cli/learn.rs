//! `poptalk learn`: lessons in the console, on the built-in server.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::shared::LogFolderArgs;
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::io_error::plain;
use crate::base::say;
use crate::base::stdio;
use crate::modes::console;
use crate::modes::learn::course::Course;
use crate::modes::learn::lesson::{Lesson, meant};
use crate::modes::learn::progress::Progress;
use crate::modes::learn::{LESSONS, proof};
use crate::modes::options::{NoLogArgs, ScreenArgs};
use crate::modes::plan::{Plan, SessionArgs};
use crate::net::target::Target;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk learn                 the first lesson that is not done
  poptalk learn --list          all of them, and what is done
  poptalk learn 6               lesson 6; its name also works
  poptalk learn FOLDER          the lessons of a class, *.pop3
  poptalk learn --check FOLDER  prove that each can be solved";

#[derive(Debug, clap::Args)]
pub(crate) struct LearnArgs {
    /// Number or name of a lesson, a file, or a folder of files
    #[arg(value_name = "LESSON")]
    lesson: Option<PathBuf>,

    /// List the lessons and show which are done
    #[arg(long, conflicts_with_all = ["check", "reset"])]
    list: bool,

    /// Prove that each lesson's solution, and nothing less, solves it
    #[arg(long, conflicts_with = "reset")]
    check: bool,

    /// Forget which lessons of this course are done
    #[arg(long)]
    reset: bool,

    #[command(flatten)]
    folder: LogFolderArgs,

    #[command(flatten)]
    no_log: NoLogArgs,

    #[command(flatten)]
    screen: ScreenArgs,
}

/// Teaches, lists or proves.
///
/// Errors: there is no such lesson, no one is there to learn, or a file can't be written.
pub(crate) fn run(args: LearnArgs) -> Result<Exit, Error> {
    let mut progress = Progress::read();
    let found = find(args.lesson.as_deref())?;
    // A broken file does not affect the others.
    for error in found.wrong.iter().filter(|_| !args.reset) {
        error.say();
    }
    let exit = match found.wrong.is_empty() {
        true => Exit::Well,
        false => Exit::Usage,
    };
    if args.reset {
        return reset(&found, &mut progress);
    }
    if args.list {
        return Ok(say::written(&list(&found.lessons, &progress), exit));
    }
    if args.check {
        let proved = check(match found.at {
            Some(at) => found.lessons.get(at..=at).unwrap_or_default(),
            None => &found.lessons,
        });
        return Ok(match exit {
            Exit::Well => proved,
            wrong => wrong,
        });
    }
    let Found {
        lessons, at, call, ..
    } = found;
    if lessons.is_empty() {
        return Ok(Exit::Usage);
    }
    if !io::stdin().is_terminal() {
        return Err(Error::usage("lessons need a terminal")
            .with_hint("`poptalk practice` runs a script on the same kind of server"));
    }
    let first_open = lessons.iter().position(|lesson| !progress.has(&lesson.key));
    let at = at.or(first_open).unwrap_or(0);
    let Some(course) = Course::new(lessons, at, progress, call) else {
        return Ok(Exit::Usage);
    };
    args.folder.made()?;
    let version = env!("CARGO_PKG_VERSION");
    let args = SessionArgs {
        log: args.folder.log,
        no_log: args.no_log,
        screen: args.screen,
        ..SessionArgs::default()
    };
    // Each lesson has a server of its own.
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: 0,
        is_tls: false,
    };
    let plan = Plan {
        server: "learn".to_owned(),
        file_name: "learn".to_owned(),
        welcome: Some(format!(
            "poptalk {version}: lessons, on a server inside this program\nWhat you type goes to the server; a line that begins with `:` is for poptalk."
        )),
        args,
        ..Plan::to(target)
    };
    Ok(console::run(plan, Some(course)))
}

#[derive(Default)]
struct Found {
    lessons: Vec<Lesson>,
    at: Option<usize>,
    wrong: Vec<Error>,
    /// The folder, as progress knows it.
    folder: Option<PathBuf>,
    /// The command line that continues with these.
    call: String,
}

fn find(wanted: Option<&Path>) -> Result<Found, Error> {
    let mut found = Found {
        call: "poptalk learn".to_owned(),
        ..Found::default()
    };
    let Some(wanted) = wanted else {
        found.lessons = built_in()?;
        return Ok(found);
    };
    if wanted.is_dir() || wanted.is_file() {
        let path = say::shown(&wanted.display().to_string());
        found.call = match path.contains(char::is_whitespace) {
            true => format!("poptalk learn \"{path}\""),
            false => format!("poptalk learn {path}"),
        };
    }
    if wanted.is_dir() {
        let failed = |error: io::Error| {
            Error::about(wanted.display(), &error).with_hint("give a folder that can be read")
        };
        let folder = std::fs::canonicalize(wanted).map_err(failed)?;
        found.folder = Some(PathBuf::from(say::shown(&folder.to_string_lossy())));
        for file in files(wanted).map_err(failed)? {
            match read(&file) {
                Ok(lesson) => found.lessons.push(lesson),
                Err(failure) => found.wrong.push(failure),
            }
        }
        return match found.lessons.is_empty() && found.wrong.is_empty() {
            true => Err(
                Error::usage(format!("{}: contains no lesson", wanted.display()))
                    .with_hint("lessons are files whose names end in .pop3"),
            ),
            false => Ok(found),
        };
    }
    if wanted.is_file() {
        found.lessons.push(read(wanted)?);
        found.at = Some(0);
        return Ok(found);
    }
    found.lessons = built_in()?;
    found.at = Some(named(&wanted.to_string_lossy(), &found.lessons)?);
    Ok(found)
}

/// The name of a lesson without its number.
fn bare(lesson: &Lesson) -> &str {
    lesson.name.split_once('-').map_or("", |(_, bare)| bare)
}

/// The lesson of a number, a name or a title, in any case.
fn named(name: &str, lessons: &[Lesson]) -> Result<usize, Error> {
    let by_number = name.parse::<usize>().ok().and_then(|number| {
        let at = number.checked_sub(1)?;
        (at < lessons.len()).then_some(at)
    });
    let wanted = name.to_lowercase();
    let names =
        |lesson: &Lesson| [&lesson.name, bare(lesson), &lesson.title].map(str::to_lowercase);
    let by_name = lessons.iter().position(|one| names(one).contains(&wanted));
    if let Some(at) = by_number.or(by_name) {
        return Ok(at);
    }
    let mut near = meant(name, lessons.iter().map(bare));
    if near.is_empty() {
        let mut like = lessons
            .iter()
            .filter(|one| names(one).iter().any(|own| own.contains(&wanted)));
        near = like.next().map_or(String::new(), |one| {
            format!("did you mean `{}`? ", bare(one))
        });
    }
    let hint = format!("{near}`poptalk learn --list` lists them; a file or a folder also works");
    Err(Error::usage(format!("unknown lesson `{name}`")).with_hint(hint))
}

fn built_in() -> Result<Vec<Lesson>, Error> {
    let lessons = LESSONS.iter().map(|(name, text)| Lesson::parse(name, text));
    let lessons: Result<_, _> = lessons.collect();
    lessons.map_err(|error| Error::usage(error.to_string()).with_hint("this is a bug in poptalk"))
}

/// Forgets what is done of the lessons that are meant, and reports what that was.
fn reset(found: &Found, progress: &mut Progress) -> Result<Exit, Error> {
    let one = found.at.and_then(|at| found.lessons.get(at));
    let is_meant = |key: &str| match (one, &found.folder) {
        (Some(lesson), _) => key == lesson.key,
        (None, Some(folder)) => Path::new(key).parent() == Some(folder),
        (None, None) => !Path::new(key).is_absolute(),
    };
    let forgotten = progress
        .forget(is_meant)
        .map_err(|error| Error::about("can't write the progress", &error))?;
    let names = forgotten
        .iter()
        .filter_map(|key| Path::new(key).file_name());
    let names = names.map(|name| say::shown(&name.to_string_lossy()));
    let names: Vec<String> = names.collect();
    let text = match names.as_slice() {
        [] => "nothing to forget: none of these lessons was done".to_owned(),
        [name] => format!("no longer done: {name}"),
        names => format!("no longer done ({}): {}", names.len(), names.join(", ")),
    };
    let printed = writeln!(stdio::output(), "{text}");
    Ok(say::written(&printed, Exit::Well))
}

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

fn read(path: &Path) -> Result<Lesson, Error> {
    let hint = "transcripts/lessons/README.md explains how to write a lesson";
    let failed = |what: String| Error::usage(what).with_hint(hint);
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("{}: {}", path.display(), plain(&error))))?;
    let stem = path.file_stem().unwrap_or_default();
    let mut lesson = Lesson::parse(&stem.to_string_lossy(), &text).map_err(|mut error| {
        error.name = path.display().to_string();
        failed(error.to_string())
    })?;
    // Lessons of different folders may have one name.
    if let Ok(whole) = std::fs::canonicalize(path) {
        let folder = whole.parent().unwrap_or(Path::new("/"));
        lesson.key = say::shown(&folder.join(stem).to_string_lossy());
    }
    Ok(lesson)
}

/// The widest name for which the titles are moved, in characters.
const NAME_MAX: usize = 30;

fn list(lessons: &[Lesson], progress: &Progress) -> io::Result<()> {
    let mut out = stdio::output();
    let widths = lessons.iter().map(|lesson| lesson.name.chars().count());
    let width = widths.max().unwrap_or(0).min(NAME_MAX);
    for (number, lesson) in (1..).zip(lessons) {
        let mark = match progress.has(&lesson.key) {
            true => "done",
            false => "    ",
        };
        let (name, title) = (say::shown(&lesson.name), &lesson.title);
        writeln!(out, "{number:>3} {mark} {name:<width$} {title}")?;
    }
    let done = lessons.iter().filter(|one| progress.has(&one.key)).count();
    writeln!(out, "{done} of {} done", lessons.len())
}

fn check(lessons: &[Lesson]) -> Exit {
    let mut out = stdio::output();
    let mut exit = Exit::Well;
    let mut printed = Ok(());
    for lesson in lessons {
        let complaints = proof::complaints(lesson);
        let verdict = match complaints.is_empty() {
            true => "proved",
            false => "NOT PROVED",
        };
        printed = printed.and_then(|()| writeln!(out, "{}: {verdict}", lesson.name));
        for complaint in complaints {
            exit = Exit::Refused;
            let complaint = say::for_output(&format!("  {complaint}"));
            printed = printed.and_then(|()| writeln!(out, "{complaint}"));
        }
    }
    if exit != Exit::Well {
        let hint = "hint: `poptalk learn FILE` plays a lesson by hand; fix the goal, or the rows of the solution, and check again";
        printed = printed.and_then(|()| writeln!(out, "{}", say::for_output(hint)));
    }
    say::written(&printed, exit)
}
