//! Aligns two sequences, window by window, with bounded memory and time.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

pub(super) trait Alike {
    /// Items with equal keys are the same.
    fn key(&self) -> &[u8];
    /// The approximate memory use, in octets.
    fn weight(&self) -> usize;
    /// Whether two items are the same: by key, or because a hole in one matches the other.
    fn fits(&self, new: &Self) -> bool;
}

#[derive(Debug)]
pub(super) enum AlignedRun<T> {
    Both(T, T),
    /// These items of the first sequence are in the place of those of the second.
    Gap(Vec<T>, Vec<T>),
}

/// How much of each sequence is examined as a whole. What moved farther is not recognised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) items: usize,
    pub(super) octets: usize,
}

/// How far ahead an item with holes looks for its match inside a gap.
const LOOK_AHEAD: usize = 64;

/// Emits items in pairs, until both sequences end. `deadline` returns the time limit of one window;
/// after it, the result is coarser.
pub(super) fn align<T: Alike, E>(
    old: &mut dyn FnMut() -> Result<Option<T>, E>,
    new: &mut dyn FnMut() -> Result<Option<T>, E>,
    window: Window,
    deadline: fn() -> Option<Instant>,
    emit: &mut dyn FnMut(AlignedRun<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut old = SequencePart::new(old);
    let mut new = SequencePart::new(new);
    loop {
        old.fill(Window { items: 1, ..window })?;
        new.fill(Window { items: 1, ..window })?;
        match (old.items.front(), new.items.front()) {
            (None, None) => return Ok(()),
            (Some(first), Some(second)) if first.fits(second) => {
                if let (Some(first), Some(second)) = (old.pop(), new.pop()) {
                    emit(AlignedRun::Both(first, second))?;
                }
                continue;
            }
            _ => {}
        }
        old.fill(window)?;
        new.fill(window)?;
        let is_last = old.has_ended && new.has_ended;
        for op in ops(&old.items, &new.items, is_last, deadline()) {
            match op {
                DiffOp::Equal { len, .. } => {
                    for _ in 0..len {
                        if let (Some(first), Some(second)) = (old.pop(), new.pop()) {
                            emit(AlignedRun::Both(first, second))?;
                        }
                    }
                }
                op => {
                    let olds = old.take(op.old_range().len());
                    let news = new.take(op.new_range().len());
                    gap(olds, news, emit)?;
                }
            }
        }
    }
}

/// The steps for a window. Except in the last window, only those up to the last equal run count, so
/// that matches in the next window can still be found, unless that is less than half.
fn ops<T: Alike>(
    old: &VecDeque<T>,
    new: &VecDeque<T>,
    is_last: bool,
    deadline: Option<Instant>,
) -> Vec<DiffOp> {
    let mut known = HashMap::new();
    let mut number = |items: &mut dyn Iterator<Item = Vec<u8>>| -> Vec<usize> {
        items
            .map(|key| {
                let next = known.len();
                *known.entry(key).or_insert(next)
            })
            .collect()
    };
    let old_ids = number(&mut old.iter().map(|item| item.key().to_vec()));
    let new_ids = number(&mut new.iter().map(|item| item.key().to_vec()));
    drop(known);
    let mut ops = capture_diff_slices_deadline(Algorithm::Myers, &old_ids, &new_ids, deadline);
    if !is_last
        && let Some(last) = ops
            .iter()
            .rposition(|op| matches!(op, DiffOp::Equal { .. }))
        && let Some(op) = ops.get(last)
        && op.old_range().end >= old.len() / 2
        && op.new_range().end >= new.len() / 2
    {
        ops.truncate(last + 1);
    }
    ops
}

/// Lets items with holes match others, in order.
fn gap<T: Alike, E>(
    olds: Vec<T>,
    news: Vec<T>,
    emit: &mut dyn FnMut(AlignedRun<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut news = VecDeque::from(news);
    let mut waiting = Vec::new();
    for old in olds {
        let found = news.iter().take(LOOK_AHEAD).position(|new| old.fits(new));
        let Some(found) = found else {
            waiting.push(old);
            continue;
        };
        let passed: Vec<T> = news.drain(..found).collect();
        if !waiting.is_empty() || !passed.is_empty() {
            emit(AlignedRun::Gap(std::mem::take(&mut waiting), passed))?;
        }
        if let Some(new) = news.pop_front() {
            emit(AlignedRun::Both(old, new))?;
        }
    }
    if waiting.is_empty() && news.is_empty() {
        return Ok(());
    }
    emit(AlignedRun::Gap(waiting, news.into()))
}

struct SequencePart<'a, T, E> {
    next: &'a mut dyn FnMut() -> Result<Option<T>, E>,
    items: VecDeque<T>,
    octets: usize,
    has_ended: bool,
}

impl<'a, T: Alike, E> SequencePart<'a, T, E> {
    fn new(next: &'a mut dyn FnMut() -> Result<Option<T>, E>) -> Self {
        Self {
            next,
            items: VecDeque::new(),
            octets: 0,
            has_ended: false,
        }
    }

    fn fill(&mut self, window: Window) -> Result<(), E> {
        while !self.has_ended && self.items.len() < window.items && self.octets < window.octets {
            match (self.next)()? {
                Some(item) => {
                    self.octets += item.weight();
                    self.items.push_back(item);
                }
                None => self.has_ended = true,
            }
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.octets = self.octets.saturating_sub(item.weight());
        Some(item)
    }

    fn take(&mut self, count: usize) -> Vec<T> {
        (0..count).map_while(|_| self.pop()).collect()
    }
}
