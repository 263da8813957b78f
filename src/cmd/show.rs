//! `poptalk show FILE`: a transcript for people.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use owo_colors::Stream;

use crate::console;
use crate::dialogue::{Dialogue, Exchange, Part, Place};
use crate::exit::Exit;
use crate::lint::{self, Lint};
use crate::log;
use crate::net::dial::plain;
use crate::report;
use crate::show::Statuses;
use crate::show::html::Page;
use crate::show::messages::{Messages, Shelf};
use crate::show::screen::Screen;
use crate::show::svg::Drawing;
use crate::show::timeline::Timeline;
use crate::style::{ColorChoice, Style};
use crate::text::{ParseError, Reader};
use crate::transcript::Item;

/// The arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The transcript
    file: PathBuf,

    /// Also the milliseconds before each row
    #[arg(long)]
    times: bool,

    /// Take the messages out: each RETR, un-stuffed, into a file in this folder
    #[arg(long, value_name = "FOLDER", group = "what")]
    messages: Option<PathBuf>,

    /// Draw where the time went
    #[arg(long, group = "what")]
    timeline: bool,

    /// Write a page of its own into this file, with what the rules find
    #[arg(long, value_name = "FILE", group = "what")]
    html: Option<PathBuf>,

    /// Write a picture of the session into this file
    #[arg(long, value_name = "FILE", group = "what")]
    svg: Option<PathBuf>,

    /// With --svg: how many lines it has
    #[arg(long, value_name = "COUNT", default_value_t = 40, requires = "svg")]
    rows: usize,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
}

/// What goes wrong.
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
#[must_use]
pub fn run(args: &ShowArgs) -> Exit {
    let shown = match (&args.messages, &args.html, &args.svg) {
        (Some(folder), ..) => messages(args, folder),
        (_, Some(path), _) => html(args, path),
        (_, _, Some(path)) => svg(args, path),
        _ if args.timeline => timeline(args),
        _ => screen(args),
    };
    let file = args.file.display();
    match shown {
        Ok(exit) => exit,
        Err(Trouble::Stdout(error)) => report::written(&Err(error), Exit::Well),
        Err(Trouble::Read(error)) => {
            let what = format!("{file}: {}", plain(&error));
            report::error(&what, Some("name a transcript, a file that ends in .pop3"));
            Exit::Usage
        }
        Err(Trouble::Parse(error)) => {
            let (row, column) = (error.row, error.column);
            let what = format!("row {row} column {column} of {file}: {error}");
            report::error(&what, None);
            Exit::Usage
        }
        Err(Trouble::Write(path, error)) => {
            let what = format!("{}: {}", path.display(), plain(&error));
            report::error(&what, Some("nothing is overwritten; name another one"));
            Exit::Usage
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Trouble> {
    let file = log::read(path).map_err(Trouble::Read)?;
    Ok(BufReader::with_capacity(256 * 1024, file))
}

fn screen(args: &ShowArgs) -> Result<Exit, Trouble> {
    let is_terminal = io::stdout().is_terminal();
    if is_terminal {
        // In the pager all is text of the file; colours would be octets of it.
        let style = Style::new(ColorChoice::Never, Stream::Stdout);
        let mut screen = Screen::new(style, args.times);
        let mut reader = Reader::new(open(&args.file)?);
        let title = args.file.display().to_string();
        let mut next = || match reader.next() {
            Some(Ok(item)) => Some(Ok(screen.line(&item).unwrap_or_default())),
            Some(Err(error)) => Some(Err(error)),
            None => None,
        };
        if console::page_lines(&mut next, &title).map_err(Trouble::Stdout)? {
            return Ok(Exit::Well);
        }
    }
    let style = Style::new(args.color, Stream::Stdout);
    let mut screen = Screen::new(style, args.times);
    let mut out = BufWriter::new(io::stdout().lock());
    for item in Reader::new(open(&args.file)?) {
        if let Some(line) = screen.line(&item?) {
            out.write_all(line.as_bytes()).map_err(Trouble::Stdout)?;
        }
    }
    out.flush().map_err(Trouble::Stdout)?;
    Ok(Exit::Well)
}

/// Hands on each exchange with the milliseconds from its status line to its end.
fn exchanges(
    path: &Path,
    tell: &mut dyn FnMut(&Exchange, u64) -> io::Result<()>,
) -> Result<(), Trouble> {
    let mut reader = Reader::new(open(path)?);
    let mut dialogue = Dialogue::without_digests();
    let mut statuses = Statuses::default();
    // The status lines whose replies have not ended, with their times.
    let mut begun: VecDeque<(usize, u64)> = VecDeque::new();
    let mut now_ms = 0;
    let mut result = Ok(());
    loop {
        let offset = reader.offset();
        let item = reader.next().transpose()?;
        let row = reader.row();
        match &item {
            Some(Item::Row(line)) => {
                now_ms += line.after_ms;
                if statuses.row(line).is_some() {
                    begun.push_back((row, now_ms));
                }
            }
            Some(Item::Event(event)) => statuses.event(event),
            _ => {}
        }
        let mut told = |part: Part| {
            if let Part::Exchange(exchange) = part
                && result.is_ok()
            {
                let row = exchange
                    .status_line
                    .as_ref()
                    .map_or(0, |line| line.place.row);
                while begun.front().is_some_and(|(first, _)| *first < row) {
                    begun.pop_front();
                }
                let start = begun.front().filter(|(first, _)| *first == row);
                let transfer = start.map_or(0, |(_, start)| now_ms - start);
                result = tell(&exchange, transfer);
            }
        };
        match item {
            Some(item) => dialogue.feed(Place { row, offset }, &item, &mut told),
            None => {
                dialogue.finish(&mut told);
                return result.map_err(Trouble::Stdout);
            }
        }
    }
}

fn timeline(args: &ShowArgs) -> Result<Exit, Trouble> {
    let mut longest = 0;
    exchanges(&args.file, &mut |exchange, transfer| {
        longest = longest.max(exchange.reply_ms.unwrap_or(0) + transfer);
        Ok(())
    })?;
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    let style = Style::new(args.color, Stream::Stdout);
    let mut drawing = Timeline::new(style, columns, longest);
    let mut out = BufWriter::new(io::stdout().lock());
    exchanges(&args.file, &mut |exchange, transfer| {
        out.write_all(drawing.line(exchange, transfer).as_bytes())
    })?;
    out.write_all(drawing.totals().as_bytes())
        .and_then(|()| out.flush())
        .map_err(Trouble::Stdout)?;
    Ok(Exit::Well)
}

fn new_file(path: &Path) -> Result<BufWriter<File>, Trouble> {
    let file = log::create(path).map_err(|error| Trouble::Write(path.to_owned(), error))?;
    Ok(BufWriter::new(file))
}

fn html(args: &ShowArgs, path: &Path) -> Result<Exit, Trouble> {
    let findings = lint::judge(&mut Reader::new(open(&args.file)?), Lint::new())?;
    let mut out = new_file(path)?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let failed = |error| Trouble::Write(path.to_owned(), error);
    let mut page = Page::new(&mut out, &name, &findings).map_err(failed)?;
    for item in Reader::new(open(&args.file)?) {
        page.item(&item?).map_err(failed)?;
    }
    page.finish().and_then(|()| out.flush()).map_err(failed)?;
    Ok(Exit::Well)
}

fn svg(args: &ShowArgs, path: &Path) -> Result<Exit, Trouble> {
    let mut drawing = Drawing::new(args.rows);
    for item in Reader::new(open(&args.file)?) {
        drawing.item(&item?);
    }
    let mut out = new_file(path)?;
    out.write_all(drawing.finish().as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Trouble::Write(path.to_owned(), error))?;
    Ok(Exit::Well)
}

/// A folder of messages.
struct Folder<'a> {
    path: &'a Path,
    /// How often each number was fetched.
    counts: HashMap<u64, u32>,
    open: Option<(BufWriter<File>, PathBuf)>,
    whole: usize,
    cut: usize,
}

impl Shelf for Folder<'_> {
    fn begin(&mut self, number: u64) -> io::Result<()> {
        let count = self.counts.entry(number).or_default();
        *count += 1;
        let tail = match *count {
            1 => String::new(),
            count => format!("-{count}"),
        };
        let path = self.path.join(format!("{number:04}{tail}.eml"));
        self.open = Some((BufWriter::new(log::create(&path)?), path));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some((file, _)) => file.write_all(octets),
            None => Ok(()),
        }
    }

    fn end(&mut self, is_whole: bool) -> io::Result<()> {
        let Some((mut file, path)) = self.open.take() else {
            return Ok(());
        };
        file.flush()?;
        if is_whole {
            self.whole += 1;
            return Ok(());
        }
        self.cut += 1;
        std::fs::rename(&path, path.with_extension("cut.eml"))
    }
}

fn messages(args: &ShowArgs, path: &Path) -> Result<Exit, Trouble> {
    let failed = |error| Trouble::Write(path.to_owned(), error);
    log::make_folder(path).map_err(failed)?;
    let mut folder = Folder {
        path,
        counts: HashMap::new(),
        open: None,
        whole: 0,
        cut: 0,
    };
    let reader = Reader::new(open(&args.file)?);
    let mut messages = Messages::new(&mut folder);
    for item in reader {
        messages.feed(&item?).map_err(failed)?;
    }
    messages.finish().map_err(failed)?;
    let count = crate::script::messages(folder.whole);
    report::note(&format!("{count} in {}", path.display()));
    if folder.cut > 0 {
        let count = crate::script::messages(folder.cut);
        report::warning(&format!("{count} cut or with parts left out: *.cut.eml"));
    }
    Ok(Exit::Well)
}
