//! Pages lines that are no reply: a transcript from a file.

use owo_colors::Stream;

use super::spool::Spool;
use super::{external_pager, pager, terminal};
use crate::style::{ColorChoice, Style};

/// Shows lines in the pager, as they come: in `$PAGER`, or the built-in one. False when they fit on the screen, or the
/// terminal can't page: nothing was shown then.
///
/// Errors: the lines can't be had, or the pager fails.
pub fn page_lines<E: std::fmt::Display>(
    next: &mut dyn FnMut() -> Option<Result<String, E>>,
    title: &str,
) -> std::io::Result<bool> {
    if !terminal::can_edit() {
        return Ok(false);
    }
    let spool = Spool::new()?;
    let mut count = 0;
    while let Some(line) = next() {
        // What the file breaks is told when it is printed.
        let Ok(line) = line else {
            return Ok(false);
        };
        count += line.matches('\n').count();
        if let Some(error) = spool.append(line.replace('\n', "\r\n").as_bytes()) {
            return Err(error);
        }
    }
    spool.finish();
    if count < terminal::size().1 {
        return Ok(false);
    }
    let program = std::env::var("PAGER").ok();
    let program = program.filter(|pager| !pager.trim().is_empty());
    if program.is_some_and(|program| external_pager::page(&program, &spool).is_ok()) {
        return Ok(true);
    }
    let has_colour = Style::new(ColorChoice::Auto, Stream::Stdout);
    pager::page(&spool, title, has_colour.has_colour(), &|| false).map(|_| true)
}
