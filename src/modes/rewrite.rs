//! Brings a transcript up to date with a newer one of the same client rows: what the server says is
//! taken over; holes, prose, heads, blank lines and the client's rows stay.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::iter::Peekable;
use std::path::Path;

use crate::base::io_error::plain;
use crate::pop3::tracker::{LineEnd, Side};
use crate::reading::dialogue::Matcher;
use crate::transcript::event::EventKind;
use crate::transcript::text::{self, ParseError, Reader};
use crate::transcript::{Hole, Item, Piece, Row};

/// Brings a file up to date; false when it is so already. It is replaced as a whole, or not at all.
pub(crate) fn file(old: &Path, new: &Path) -> Result<bool, String> {
    let failed = |error: io::Error| plain(&error);
    // Where it is a link, the file that it means is replaced.
    let old = &old
        .canonicalize()
        .map_err(|error| format!("{}: {}", old.display(), plain(&error)))?;
    let open = |path: &Path| -> Result<_, String> {
        let file =
            File::open(path).map_err(|error| format!("{}: {}", path.display(), plain(&error)))?;
        Ok(Reader::new(BufReader::new(file)))
    };
    let folder = old.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = tempfile::Builder::new()
        .prefix(".poptalk-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    let mut out = BufWriter::new(written);
    transcript(open(old)?, open(new)?, &mut out).map_err(|error| match error {
        UpdateError::Parse(error) => format!("row {}: {error}", error.row),
        UpdateError::Write(error) => failed(error),
    })?;
    let written = out.into_inner().map_err(|error| plain(error.error()))?;
    if is_same(old, written.path()).map_err(failed)? {
        return Ok(false);
    }
    let permissions = std::fs::metadata(old).map_err(failed)?.permissions();
    std::fs::set_permissions(written.path(), permissions).map_err(failed)?;
    written.as_file().sync_all().map_err(failed)?;
    written.persist(old).map_err(|error| plain(&error.error))?;
    Ok(true)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    use io::BufRead;
    if std::fs::metadata(one)?.len() != std::fs::metadata(other)?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (
        BufReader::new(File::open(one)?),
        BufReader::new(File::open(other)?),
    );
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let count = a.len().min(b.len());
        if a.get(..count) != b.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        one.consume(count);
        other.consume(count);
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    #[error("{0}")]
    Parse(#[from] ParseError),
    #[error("{}", plain(.0))]
    Write(#[from] io::Error),
}

/// Writes `old` with what the server says in `new`. Both are read as streams.
///
/// Errors: one of them breaks the format, or `out` can't be written.
pub(crate) fn transcript(
    old: impl Iterator<Item = Result<Item, ParseError>>,
    new: impl Iterator<Item = Result<Item, ParseError>>,
    out: &mut dyn Write,
) -> Result<(), UpdateError> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    let mut line = Vec::new();
    let mut put = |item: &Item, out: &mut dyn Write| {
        line.clear();
        text::print_item(&mut line, item);
        out.write_all(&line)
    };
    // The new head is about the replay, not about the recording.
    while new
        .next_if(|item| !matches!(item, Ok(Item::Row(_) | Item::Event(_)) | Err(_)))
        .is_some()
    {}
    while let Some(item) = old.next().transpose()? {
        match item {
            Item::Row(row) if row.side == Side::Client => {
                // What the server said beyond the recording comes before the client's row.
                let has_more = flush(&mut new, &mut |item| put(item, out))?;
                if !has_more {
                    put(&Item::Row(row), out)?;
                    break;
                }
                new.next();
                put(&Item::Row(row), out)?;
            }
            Item::Row(row) if row.pieces == [Piece::Hole(Hole::Rows)] => {
                put(&Item::Row(row), out)?;
                skip(&mut old, &mut new)?;
            }
            Item::Row(row) => {
                // What happened now, and is not in the old one.
                while let Some(event) = next_of(&mut new, |item| matches!(item, Item::Event(_)))? {
                    put(&event, out)?;
                }
                let Some(Item::Row(now)) = next_of(
                    &mut new,
                    |item| matches!(item, Item::Row(now) if now.side == Side::Server),
                )?
                else {
                    // The server says less now.
                    continue;
                };
                put(&Item::Row(merged(row, now)), out)?;
            }
            Item::Event(event) => match next_of(&mut new, |item| matches!(item, Item::Event(_)))? {
                Some(now) => put(&now, out)?,
                None if EventKind::of(&event) == EventKind::Closed => {}
                None => continue,
            },
            item => put(&item, out)?,
        }
    }
    flush(&mut new, &mut |item| put(item, out))?;
    // Where the replay ended early, the rest of the recording stays.
    for item in old {
        put(&item?, out)?;
    }
    out.flush()?;
    Ok(())
}

fn next_of<I: Iterator<Item = Result<Item, ParseError>>>(
    new: &mut Peekable<I>,
    is_wanted: impl Fn(&Item) -> bool,
) -> Result<Option<Item>, ParseError> {
    new.next_if(|item| match item {
        Ok(item) => is_wanted(item),
        Err(_) => true,
    })
    .transpose()
}

/// Hands on all that comes before the next row of the client; says whether there is one.
fn flush<I: Iterator<Item = Result<Item, ParseError>>>(
    new: &mut Peekable<I>,
    put: &mut dyn FnMut(&Item) -> io::Result<()>,
) -> Result<bool, UpdateError> {
    let is_client = |item: &Item| matches!(item, Item::Row(row) if row.side == Side::Client);
    while let Some(item) = next_of(new, |item| !is_client(item))? {
        put(&item)?;
    }
    Ok(new.peek().is_some())
}

/// Leaves out what a `{{...}}` represents: all rows of the server up to the one that the old
/// transcript has after it, or up to the client's next row.
fn skip<O, N>(old: &mut Peekable<O>, new: &mut Peekable<N>) -> Result<(), UpdateError>
where
    O: Iterator<Item = Result<Item, ParseError>>,
    N: Iterator<Item = Result<Item, ParseError>>,
{
    let after = match old.peek() {
        Some(Ok(Item::Row(after))) if after.side == Side::Server => Some(after),
        _ => None,
    };
    let is_left_out = |item: &Item| match item {
        Item::Row(row) => row.side == Side::Server && !after.is_some_and(|after| fits(after, row)),
        _ => false,
    };
    while next_of(new, is_left_out)?.is_some() {}
    Ok(())
}

fn fits(old: &Row, new: &Row) -> bool {
    let octets = |row: &Row| match row.pieces.as_slice() {
        [] => Some(Vec::new()),
        [Piece::Octets(octets)] => Some(octets.clone()),
        _ => None,
    };
    octets(new).is_some_and(|octets| Matcher::new(&old.pieces).fits(&octets))
}

/// The old row where its holes fit what came now, else the new one. Times are those of now.
fn merged(old: Row, new: Row) -> Row {
    let is_same = old.pieces == new.pieces || (has_hole(&old) && fits(&old, &new));
    match is_same && old.end == new.end {
        true => Row {
            after_ms: new.after_ms,
            ..old
        },
        false => new,
    }
}

fn has_hole(row: &Row) -> bool {
    row.end != LineEnd::None
        && row
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Hole(_)))
}
