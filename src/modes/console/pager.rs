//! The built-in pager: shows a reply on the alternate screen, also while it is still coming.

mod alternate;
mod entry;
mod frame;
mod keys;
mod rows;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

#[cfg(unix)]
pub(crate) use alternate::{lend, restore, take_back};

use super::spool::{Direction, SearchResult, SearchTerm, Spool, SpoolProgress};
use super::terminal;
use crate::analysis::show::Highlight;
use crate::base::say;
use alternate::Alternate;
use entry::{KeyEffect, PagerInput};
use keys::KeyAction;
use rows::{RowPlace, ScreenRow, ScreenRows};

/// How often the screen is looked after while more is coming.
const RECEIVING: Duration = Duration::from_millis(60);

/// And when all is there: only whether the pager is to end.
const IDLE: Duration = Duration::from_millis(250);

/// A search in more octets than this is announced.
const LONG: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leave {
    /// What was typed after the key that left, and read together with it: it was meant for the
    /// prompt. Enter is `\n`.
    pub(crate) typed_ahead: String,
}

/// Shows a spool until the person leaves, or `is_over` says so; it is asked some times a second.
/// `title` says what it is.
///
/// The terminal is as before in the end, also after an error or a panic. A thread that ends the
/// program in the meantime calls [`restore`] first. Nothing else may write to the terminal.
///
/// Errors: the terminal can't be used, or the spool not be read.
pub(crate) fn page(
    spool: &Spool,
    title: &str,
    has_colour: bool,
    is_over: &dyn Fn() -> bool,
) -> io::Result<Leave> {
    page_in_colour(spool, title, has_colour, &|_| Highlight::Plain, is_over)
}

/// The same for text in which each line has its highlight; `highlight` returns it for the number of
/// a line, from 0.
///
/// Errors: those of [`page`].
pub(crate) fn page_in_colour(
    spool: &Spool,
    title: &str,
    has_colour: bool,
    highlight: &dyn Fn(u64) -> Highlight,
    is_over: &dyn Fn() -> bool,
) -> io::Result<Leave> {
    terminal::watch();
    let mut alternate = Alternate::enter()?;
    let mut pager = Pager {
        spool,
        title,
        has_colour,
        highlight,
        is_over,
        size: (0, 0),
        top: RowPlace::default(),
        is_following: false,
        search: None,
        found: None,
        message: None,
        mode: PagerMode::Text,
        events: VecDeque::new(),
    };
    pager.resize()?;
    pager.run(&mut alternate)?;
    Ok(Leave {
        typed_ahead: pager.typed_ahead()?,
    })
}

struct Pager<'a> {
    spool: &'a Spool,
    title: &'a str,
    has_colour: bool,
    highlight: &'a dyn Fn(u64) -> Highlight,
    is_over: &'a dyn Fn() -> bool,
    /// Columns and rows of the screen; the last row is the status line.
    size: (usize, usize),
    top: RowPlace,
    is_following: bool,
    search: Option<(String, SearchTerm)>,
    found: Option<ScreenRow>,
    message: Option<String>,
    mode: PagerMode,
    /// What was read from the keyboard and not acted upon.
    events: VecDeque<Event>,
}

enum PagerMode {
    Text,
    Help,
    Entry(PagerInput),
}

#[derive(PartialEq, Eq)]
enum AfterKey {
    Go,
    Leave,
}

impl Pager<'_> {
    fn run(&mut self, alternate: &mut Alternate) -> io::Result<()> {
        let mut drawn = None;
        loop {
            if (self.is_over)() {
                return Ok(());
            }
            let progress = self.spool.progress();
            if drawn != Some(progress) {
                self.draw(alternate, progress)?;
                drawn = Some(progress);
            }
            let patience = if progress.is_finished {
                IDLE
            } else {
                RECEIVING
            };
            if self.events.is_empty() && !event::poll(patience)? {
                continue;
            }
            // All that was typed in the meantime, then one drawing: a key that is held down does
            // not lag.
            while let Some(event) = self.next_event()? {
                if self.handle(event, alternate)? == AfterKey::Leave {
                    return Ok(());
                }
                drawn = None;
            }
        }
    }

    fn next_event(&mut self) -> io::Result<Option<Event>> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        if event::poll(Duration::ZERO)? {
            return event::read().map(Some);
        }
        Ok(None)
    }

    fn handle(&mut self, event: Event, alternate: &mut Alternate) -> io::Result<AfterKey> {
        let key = match event {
            Event::Resize(..) => {
                self.resize()?;
                alternate.forget()?;
                return Ok(AfterKey::Go);
            }
            Event::Key(key) if key.kind != KeyEventKind::Release => key,
            _ => return Ok(AfterKey::Go),
        };
        self.message = None;
        match &mut self.mode {
            PagerMode::Text => match KeyAction::of(key) {
                Some(KeyAction::Leave) => return Ok(AfterKey::Leave),
                Some(action) => self.act(action, alternate)?,
                None => self.message = Some("h shows the keys".to_owned()),
            },
            PagerMode::Help => self.mode = PagerMode::Text,
            PagerMode::Entry(entry) => {
                let last = self.search.as_ref().map(|(text, _)| text.as_str());
                match entry.press(key, last) {
                    KeyEffect::More => {}
                    KeyEffect::Cancelled => self.mode = PagerMode::Text,
                    KeyEffect::Done(text) => {
                        self.mode = PagerMode::Text;
                        if let Some(needle) = SearchTerm::typed(&text) {
                            self.search = Some((text, needle));
                            self.found = None;
                        }
                        self.search(Direction::Down, alternate)?;
                    }
                }
            }
        }
        Ok(AfterKey::Go)
    }

    fn act(&mut self, action: KeyAction, alternate: &mut Alternate) -> io::Result<()> {
        let height = self.height();
        self.is_following = action == KeyAction::Bottom
            || self.is_following
                && matches!(
                    action,
                    KeyAction::Help | KeyAction::Redraw | KeyAction::Suspend | KeyAction::Unmark
                );
        match action {
            KeyAction::ScreenDown => self.down(height)?,
            KeyAction::ScreenUp => self.up(height)?,
            KeyAction::LineDown => self.down(1)?,
            KeyAction::LineUp => self.up(1)?,
            KeyAction::HalfDown => self.down(height.div_ceil(2))?,
            KeyAction::HalfUp => self.up(height.div_ceil(2))?,
            KeyAction::Top => self.top = RowPlace::default(),
            KeyAction::Bottom => self.top = self.rows().last_screen(height)?,
            KeyAction::Search => self.mode = PagerMode::Entry(PagerInput::default()),
            KeyAction::Next => self.search(Direction::Down, alternate)?,
            KeyAction::Previous => self.search(Direction::Up, alternate)?,
            KeyAction::Unmark => (self.search, self.found) = (None, None),
            KeyAction::Help => self.mode = PagerMode::Help,
            KeyAction::Redraw | KeyAction::Suspend => {
                if action == KeyAction::Suspend {
                    terminal::suspend();
                }
                self.resize()?;
                alternate.forget()?;
            }
            KeyAction::Leave => {}
        }
        Ok(())
    }

    fn down(&mut self, count: usize) -> io::Result<()> {
        self.top = self.rows().down(self.top, count, self.height())?;
        Ok(())
    }

    fn up(&mut self, count: usize) -> io::Result<()> {
        self.top = self.rows().up(self.top, count)?;
        Ok(())
    }

    /// Asks for the size of the screen, and stays where it was in the text.
    fn resize(&mut self) -> io::Result<()> {
        self.size = terminal::size();
        let last = self.rows().last_screen(self.height())?;
        self.top = self.rows().snap(self.top)?.min(last);
        Ok(())
    }

    fn search(&mut self, way: Direction, alternate: &mut Alternate) -> io::Result<()> {
        let Some((text, needle)) = self.search.clone() else {
            self.message = Some("no search yet: / searches".to_owned());
            return Ok(());
        };
        self.is_following = false;
        let progress = self.spool.progress();
        if progress.octets > LONG {
            self.message = Some("searching…  ^C stops".to_owned());
            self.draw(alternate, progress)?;
            self.message = None;
        }
        let shown = self.rows().at(self.top, self.height(), None)?;
        // From the match that was found last while it is on the screen, else from the screen.
        let last = self
            .found
            .as_ref()
            .filter(|found| shown.iter().any(|row| row.place == found.place));
        let (from, again) = match way {
            Direction::Down => {
                let first = shown.first().map_or(0, |row| row.place.start);
                (last.map_or(first, |last| last.place.end), 0)
            }
            Direction::Up => {
                let first = last.or(shown.first()).map_or(0, |row| row.place.start);
                (first, u64::MAX)
            }
        };
        let mut found = self.find(&needle, way, from)?;
        let mut note = None;
        if found == SearchResult::Nowhere {
            found = self.find(&needle, way, again)?;
            note = Some(match way {
                Direction::Down => "search continued at the start",
                Direction::Up => "search continued at the end",
            });
        }
        match found {
            SearchResult::At(offset) => {
                self.message = note.map(str::to_owned);
                self.show(offset, &shown)?;
            }
            SearchResult::GivenUp => self.message = Some("search stopped".to_owned()),
            SearchResult::Nowhere => {
                let so_far = if progress.is_finished { "" } else { " so far" };
                self.message = Some(format!("not found{so_far}: {}", say::shown(&text)));
            }
        }
        Ok(())
    }

    fn find(&mut self, needle: &SearchTerm, way: Direction, from: u64) -> io::Result<SearchResult> {
        self.spool.find(needle, way, from, &mut || {
            (self.is_over)() || is_stopped(&mut self.events)
        })
    }

    /// Shows the row of a match; `shown` is what is on the screen.
    fn show(&mut self, offset: u64, shown: &[ScreenRow]) -> io::Result<()> {
        let height = self.height();
        let place = self.rows().of(offset)?;
        if !shown.iter().any(|row| row.place.contains(&offset)) {
            self.top = place.min(self.rows().last_screen(height)?);
        }
        self.found = self.rows().at(place, 1, None)?.into_iter().next();
        Ok(())
    }

    fn draw(&mut self, alternate: &mut Alternate, progress: SpoolProgress) -> io::Result<()> {
        let (columns, height) = (self.size.0, self.height());
        if self.is_following {
            self.top = self.rows().last_screen(height)?;
        }
        let needle = self.search.as_ref().map(|(_, needle)| needle);
        let rows = self.rows().at(self.top, height, needle)?;
        let mut shown: Vec<String> = match &self.mode {
            PagerMode::Help => frame::help()
                .iter()
                .map(|row| frame::cut(row, columns))
                .collect(),
            _ => rows
                .iter()
                .map(|row| {
                    let margins = self.rows().margins(row.is_continuation);
                    let highlight = self.has_colour.then(|| (self.highlight)(row.whole));
                    frame::row(row, margins, highlight)
                })
                .collect(),
        };
        shown.resize(height, String::new());
        let mut cursor = None;
        if let PagerMode::Entry(entry) = &self.mode {
            let (text, at) = entry.shown(columns);
            shown.push(text);
            cursor = Some(at);
        } else {
            let failure = self.spool.failure();
            let failure = failure.map(|failure| format!("the rest could not be kept: {failure}"));
            let status = frame::StatusLine {
                title: self.title,
                progress,
                rows: &rows,
                is_following: self.is_following,
                message: self.message.as_deref().or(failure.as_deref()),
            };
            shown.push(frame::status(&status, columns));
        }
        alternate.draw(shown, cursor)
    }

    fn rows(&self) -> ScreenRows<'_> {
        ScreenRows {
            spool: self.spool,
            columns: self.size.0.max(1),
        }
    }

    fn height(&self) -> usize {
        self.size.1.saturating_sub(1).max(1)
    }

    fn typed_ahead(&mut self) -> io::Result<String> {
        let mut text = String::new();
        while let Some(event) = self.next_event()? {
            let Event::Key(key) = event else {
                continue;
            };
            match key.code {
                _ if key.kind == KeyEventKind::Release => {}
                KeyCode::Char(c) if (key.modifiers - KeyModifiers::SHIFT).is_empty() => {
                    text.push(c);
                }
                KeyCode::Enter => text.push('\n'),
                KeyCode::Tab => text.push('\t'),
                KeyCode::Backspace if !text.ends_with('\n') => _ = text.pop(),
                _ => {}
            }
        }
        Ok(text)
    }
}

/// Whether a key was pressed that stops a search; other keys wait in `events`.
fn is_stopped(events: &mut VecDeque<Event>) -> bool {
    // A keyboard that is gone is found out when the search is over.
    while let Ok(true) = event::poll(Duration::ZERO) {
        let Ok(event) = event::read() else {
            return true;
        };
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        if event == Event::Key(control_c) || event == Event::Key(KeyCode::Esc.into()) {
            return true;
        }
        events.push_back(event);
    }
    false
}
