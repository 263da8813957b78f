//! `poptalk show FILE`: a transcript for people.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use owo_colors::Stream;

use self::folder::MessageFolder;
use super::shared::{broken, not_a_transcript, unreadable};
use crate::analysis::lint::{self, Lint};
use crate::analysis::show::html::{Page, Survey};
use crate::analysis::show::messages::Messages;
use crate::analysis::show::screen::{ScreenView, ShowOptions};
use crate::analysis::show::svg::Drawing;
use crate::analysis::show::timeline::Timeline;
use crate::analysis::show::timing::Timing;
use crate::analysis::show::{Canvas, RowCounter, Terminal};
use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::files;
use crate::base::plural::counted;
use crate::base::reread::Twice;
use crate::base::say;
use crate::base::stdio;
use crate::base::style::Style;
use crate::modes::console::lines;
use crate::modes::options::ColorArgs;
use crate::reading::dialogue::{TapeReader, TapeStep};
use crate::transcript::text::{ParseError, Reader};

mod folder;

pub(crate) const EXAMPLES: &str = "\
Examples:
  poptalk show recording.pop3                   as on the screen
  poptalk show recording.pop3 --messages mails  one file per message
  poptalk show recording.pop3 --timeline        where the time went
  poptalk show recording.pop3 --html page.html  one page for a bug report";

/// As much of a file is read at once, in octets.
const BLOCK: usize = 256 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The transcript
    file: PathBuf,

    /// Show the milliseconds since the previous line
    #[arg(long)]
    times: bool,

    /// Save each fetched message, unstuffed, to a file in FOLDER
    #[arg(long, value_name = "FOLDER", group = "what")]
    messages: Option<PathBuf>,

    /// Draw the time of each exchange: bars for the wait and the transfer
    #[arg(long, group = "what")]
    timeline: bool,

    /// Write a page with the rules' findings to FILE (or a folder FILE/)
    #[arg(long, value_name = "FILE", group = "what")]
    html: Option<PathBuf>,

    /// Write a picture of the session's start to FILE (or a folder FILE/)
    #[arg(long, value_name = "FILE", group = "what")]
    svg: Option<PathBuf>,

    /// With --svg: draw at most COUNT rows
    #[arg(long, value_name = "COUNT", default_value_t = 40, requires = "svg")]
    rows: usize,

    #[command(flatten)]
    style: ColorArgs,
}

enum Trouble {
    Read(io::Error),
    Parse(ParseError),
    Write(PathBuf, io::Error),
    Stdout(io::Error),
}

impl From<ParseError> for Trouble {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

/// Shows a transcript.
///
/// Errors: the file can't be read, or one can't be written.
pub(crate) fn run(args: &ShowArgs) -> Result<Exit, Error> {
    let is_paged = stdio::is_output_terminal() && lines::can_page();
    let is_twice = match (&args.messages, &args.svg) {
        (None, None) => args.timeline || args.html.is_some() || is_paged,
        _ => false,
    };
    let shown = ShowInput::open(&args.file, is_twice)
        .map_err(Trouble::Read)
        .and_then(|mut source| {
            let shown = match (&args.messages, &args.html, &args.svg) {
                (Some(folder), ..) => messages(&mut source, folder),
                (_, Some(path), _) => html(args, &mut source, path),
                (_, _, Some(path)) => svg(args, &mut source, path),
                _ if args.timeline => timeline(args, &mut source),
                _ if is_paged => paged(args, &mut source),
                _ => screen(args, &mut source),
            };
            if shown.is_ok() && !source.is_transcript {
                say::warning(&not_a_transcript(&args.file));
            }
            shown
        });
    match shown {
        Ok(()) => Ok(Exit::Well),
        Err(Trouble::Stdout(error)) => Ok(say::written(&Err(error), Exit::Well)),
        Err(Trouble::Read(error)) => Err(unreadable(&args.file, &error)),
        Err(Trouble::Parse(error)) => Err(broken(&args.file, &error)),
        Err(Trouble::Write(path, error)) => {
            Err(Error::about(path.display(), &error).with_hint(files::other_place(&error)))
        }
    }
}

struct ShowInput {
    file: ShowFile,
    /// Something was read that shows that it is a transcript, and not any text file.
    is_transcript: bool,
}

enum ShowFile {
    Once(Option<File>),
    Twice(Twice),
}

impl ShowInput {
    fn open(path: &Path, is_twice: bool) -> io::Result<Self> {
        let file = match is_twice {
            true => Twice::open(path).map(ShowFile::Twice)?,
            false => ShowFile::Once(Some(files::read(path)?)),
        };
        Ok(Self {
            file,
            is_transcript: false,
        })
    }

    fn file(&mut self) -> BufReader<Box<dyn Read>> {
        let file: Box<dyn Read> = match &mut self.file {
            ShowFile::Once(file) => match file.take() {
                Some(file) => Box::new(file),
                None => Box::new(io::empty()),
            },
            ShowFile::Twice(file) => Box::new(file.reader()),
        };
        BufReader::with_capacity(BLOCK, file)
    }

    /// Hands on what happens, until `take` has enough; `trouble` is what an error of it is.
    fn read(
        &mut self,
        trouble: impl FnOnce(io::Error) -> Trouble,
        take: &mut dyn FnMut(&TapeStep<'_>) -> io::Result<bool>,
    ) -> Result<(), Trouble> {
        let mut failure = None;
        let file = self.file();
        let read = TapeReader::read(file, &mut |step| {
            self.is_transcript |= match &step {
                TapeStep::Abandoned => false,
                TapeStep::Other(item) => item.is_proof(),
                _ => true,
            };
            take(&step).unwrap_or_else(|error| {
                failure = Some(error);
                false
            })
        });
        match failure {
            Some(failure) => Err(trouble(failure)),
            None => Ok(read?),
        }
    }
}

fn on_canvas<C: Canvas>(
    canvas: C,
    options: ShowOptions,
    source: &mut ShowInput,
) -> Result<C, Trouble> {
    let mut screen = ScreenView::new(canvas, options);
    source.read(Trouble::Stdout, &mut |step| screen.emit(step))?;
    Ok(screen.into_canvas())
}

fn options(args: &ShowArgs) -> ShowOptions {
    ShowOptions {
        has_times: args.times,
        has_notes: true,
    }
}

/// The name of the file, without the folder.
fn name(args: &ShowArgs) -> String {
    let name = args.file.file_name().unwrap_or(args.file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn screen(args: &ShowArgs, source: &mut ShowInput) -> Result<(), Trouble> {
    let style = Style::new(args.style.color, Stream::Stdout);
    let mut out = BufWriter::with_capacity(BLOCK, stdio::output());
    let canvas = Terminal::new(&mut out, style.has_colour);
    let shown = on_canvas(canvas, options(args), source).map(drop);
    // What comes before an error is shown, too.
    out.flush().map_err(Trouble::Stdout).and(shown)
}

/// In the pager, when it does not fit on the terminal.
fn paged(args: &ShowArgs, source: &mut ShowInput) -> Result<(), Trouble> {
    let (columns, rows) = lines::screen();
    let fits = on_canvas(
        RowCounter::new(columns, rows.saturating_sub(1)),
        options(args),
        source,
    )
    .is_ok_and(|rows| !rows.is_full());
    if fits {
        return screen(args, source);
    }
    let has_colour = Style::new(args.style.color, Stream::Stdout).has_colour;
    let title = name(args);
    let shown = lines::page(&title, has_colour, |lines| {
        on_canvas(lines, options(args), source).map(drop)
    });
    match shown.map_err(Trouble::Stdout)? {
        // The pager was left, or has reported that there is no room.
        Err(Trouble::Stdout(_)) | Ok(()) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

fn timeline(args: &ShowArgs, source: &mut ShowInput) -> Result<(), Trouble> {
    let mut meter = Timing::new();
    source.read(Trouble::Stdout, &mut |step| {
        meter.emit(step, &mut |_| {});
        Ok(true)
    })?;
    let columns = match stdio::is_output_terminal() {
        true => lines::screen().0,
        false => 80,
    };
    let style = Style::new(args.style.color, Stream::Stdout);
    let mut out = BufWriter::new(stdio::output());
    let canvas = Terminal::new(&mut out, style.has_colour);
    let mut drawing = Timeline::new(canvas, columns, meter.totals()).map_err(Trouble::Stdout)?;
    let mut again = Timing::new();
    source.read(Trouble::Stdout, &mut |step| {
        let mut drawn = Ok(());
        again.emit(step, &mut |lap| {
            if drawn.is_ok() {
                drawn = drawing.lap(&lap);
            }
        });
        drawn.map(|()| true)
    })?;
    drawing
        .finish(meter.totals())
        .map(drop)
        .and_then(|()| out.flush())
        .map_err(Trouble::Stdout)
}

/// The file for a page or a picture: one that was named, or in a folder one that is named after the
/// transcript.
fn file_for(args: &ShowArgs, path: &Path, extension: &str) -> PathBuf {
    let name = Path::new(&name(args)).with_extension(extension);
    files::file_at(path, name)
}

fn html(args: &ShowArgs, source: &mut ShowInput, path: &Path) -> Result<(), Trouble> {
    let path = &file_for(args, path, "html");
    let failed = |error| Trouble::Write(path.to_owned(), error);
    let file = source.file();
    let findings = lint::judge(&mut Reader::new(file), Lint::new())?;
    let mut survey = Survey::new();
    source.read(failed, &mut |step| {
        survey.emit(step);
        Ok(true)
    })?;
    let mut out = BufWriter::new(files::create(path).map_err(failed)?);
    let mut page = Page::new(&mut out, &name(args), &survey, &findings).map_err(failed)?;
    source.read(failed, &mut |step| page.emit(step).map(|()| true))?;
    page.finish().and_then(|()| out.flush()).map_err(failed)
}

fn svg(args: &ShowArgs, source: &mut ShowInput, path: &Path) -> Result<(), Trouble> {
    let path = &file_for(args, path, "svg");
    let failed = |error| Trouble::Write(path.to_owned(), error);
    let options = ShowOptions {
        has_times: args.times,
        has_notes: false,
    };
    let drawing = on_canvas(Drawing::new(args.rows), options, source)?;
    let svg = drawing.finish(&format!("{}: a POP3 session in poptalk", name(args)));
    files::create(path)
        .and_then(|mut file| file.write_all(svg.as_bytes()))
        .map_err(failed)
}

fn messages(source: &mut ShowInput, path: &Path) -> Result<(), Trouble> {
    files::make_folder(path).map_err(|error| Trouble::Write(path.to_owned(), error))?;
    let mut out = BufWriter::new(stdio::output());
    let mut folder = MessageFolder::new(path, &mut out);
    let mut messages = Messages::new();
    let failed = |path: Option<PathBuf>, error| match path {
        Some(path) => Trouble::Write(path, error),
        None => Trouble::Stdout(error),
    };
    let mut failure = None;
    let read = source.read(Trouble::Stdout, &mut |step| {
        let taken = messages.emit(step, &mut folder);
        Ok(taken.map_err(|error| failure = Some(error)).is_ok())
    });
    // What came of a message before a line that can't be read is kept.
    let ended = match failure {
        Some(failure) => Err(failure),
        None => messages.emit(&TapeStep::Abandoned, &mut folder),
    };
    ended.map_err(|error| failed(folder.failed.take(), error))?;
    let (whole, cut) = (folder.whole, folder.cut);
    out.flush().map_err(Trouble::Stdout)?;
    let mut said = format!("{} in {}", counted(whole, "message"), path.display());
    if cut > 0 {
        said.push_str(&format!(", and {cut} incomplete: *.cut.eml"));
    }
    say::note(&said);
    read
}
