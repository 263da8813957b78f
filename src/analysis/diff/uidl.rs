//! Message numbers of one recording as those of another, by unique-id (RFC 1939 §7).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{Read, Seek};

use super::recording::Again;
use super::{Unreadable, unreadable};
use crate::pop3::command::Words;
use crate::pop3::tracker::Status;
use crate::reading::dialogue::{Measures, Part};
use crate::transcript::Piece;
use crate::transcript::text::ParseError;

/// The most messages of a recording whose unique-ids are remembered.
pub(crate) const NUMBERS_MAX: usize = 200_000;

const LISTINGS_MAX: usize = 1000;

/// Message numbers of the first recording, as those of the second.
#[derive(Debug)]
pub(super) struct Numbers {
    /// None: the second recording has no such message.
    new_of_old: HashMap<u64, Option<u64>>,
}

impl Numbers {
    /// Reads the UIDL replies of both; None when one of them has none.
    pub(super) fn read<R: Read + Seek>(
        old: &mut Again<R>,
        new: &mut Again<R>,
    ) -> Result<Option<Self>, Unreadable> {
        let old = unique_ids(old).map_err(|error| unreadable(false, error))?;
        let new = unique_ids(new).map_err(|error| unreadable(true, error))?;
        if old.is_empty() || new.is_empty() {
            return Ok(None);
        }
        // A server may give one unique-id to several messages, although it must not (RFC 1939 §7): they are taken in order.
        let mut by_id: HashMap<&[u8], VecDeque<u64>> = HashMap::new();
        for (number, id) in &new {
            by_id.entry(id).or_default().push_back(*number);
        }
        let mut next = |id: &[u8]| by_id.get_mut(id)?.pop_front();
        let new_of_old = old.iter().map(|(number, id)| (*number, next(id))).collect();
        Ok(Some(Self { new_of_old }))
    }

    pub(super) fn len(&self) -> usize {
        self.new_of_old.values().flatten().count()
    }

    /// A number of the first recording as the second has it. A message that it has not stays apart from all that it has.
    pub(super) fn mapped<'a>(numbers: Option<&Self>, word: &'a [u8]) -> Cow<'a, [u8]> {
        let number = std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse::<u64>().ok());
        let mapped = number
            .zip(numbers)
            .and_then(|(number, numbers)| numbers.new_of_old.get(&number));
        match mapped {
            None => word.into(),
            // As it is written: `001` is told as a difference where the other has `1`, and nowhere else.
            Some(new) if *new == number => word.into(),
            Some(Some(new)) => new.to_string().into_bytes().into(),
            Some(None) => [b"gone ", word].concat().into(),
        }
    }
}

/// The unique-ids of a recording by message number; what was told last counts.
fn unique_ids<R: Read + Seek>(
    recording: &mut Again<R>,
) -> Result<BTreeMap<u64, Vec<u8>>, ParseError> {
    let mut ids = BTreeMap::new();
    let mut listings: Vec<Measures> = Vec::new();
    for part in recording.parts()? {
        let Part::Exchange(exchange) = part? else {
            continue;
        };
        let verb = exchange.sent.as_ref().and_then(|sent| sent.command());
        if verb.is_none_or(|row| row.verb != "UIDL") || exchange.status != Some(Status::Positive) {
            continue;
        }
        match (exchange.data, exchange.status_line) {
            (Some(data), _) if listings.len() < LISTINGS_MAX => listings.push(data),
            (None, Some(line)) => {
                remember(&mut ids, Words::of(&Piece::named(&line.pieces)).skip(1))
            }
            _ => {}
        }
    }
    for data in listings {
        let mut lines = recording.lines(&data)?;
        while let Some(line) = lines.next()? {
            remember(&mut ids, Words::of(&Piece::named(&line.pieces)));
        }
    }
    Ok(ids)
}

fn remember<'a>(ids: &mut BTreeMap<u64, Vec<u8>>, mut words: impl Iterator<Item = &'a [u8]>) {
    let number = words
        .next()
        .and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    if let (Some(number), Some(id)) = (number, words.next())
        && (ids.len() < NUMBERS_MAX || ids.contains_key(&number))
    {
        ids.insert(number, id.to_vec());
    }
}
