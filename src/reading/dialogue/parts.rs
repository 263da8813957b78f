//! The parts of a file, one by one.

use std::collections::VecDeque;
use std::io::BufRead;

use super::{Dialogue, Part, Place};
use crate::transcript::text::{ParseError, Reader};

/// Reads the parts of a transcript from a file that may be larger than memory. It ends after the
/// first error: the line that can't be read.
#[derive(Debug)]
pub struct Parts<R> {
    items: Reader<R>,
    dialogue: Dialogue,
    ready: VecDeque<Part>,
    has_ended: bool,
}

impl<R: BufRead> Parts<R> {
    /// Of a file that is read from its start.
    pub fn new(file: R) -> Self {
        Self {
            items: Reader::new(file),
            dialogue: Dialogue::new(),
            ready: VecDeque::new(),
            has_ended: false,
        }
    }
}

impl<R: BufRead> Iterator for Parts<R> {
    type Item = Result<Part, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self {
            items,
            dialogue,
            ready,
            has_ended,
        } = self;
        while ready.is_empty() && !*has_ended {
            let offset = items.offset();
            match items.next() {
                Some(Ok(item)) => {
                    let row = items.row();
                    dialogue.feed(Place { row, offset }, &item, &mut |part| {
                        ready.push_back(part);
                    });
                }
                Some(Err(error)) => {
                    *has_ended = true;
                    return Some(Err(error));
                }
                None => {
                    *has_ended = true;
                    dialogue.finish(&mut |part| ready.push_back(part));
                }
            }
        }
        ready.pop_front().map(Ok)
    }
}
