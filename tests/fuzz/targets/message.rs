//! Any octets as a mail, and the mails in any transcript: safe for the screen, and not much larger
//! than what came.

#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use poptalk::reading::dialogue::{TapeStep, TapeReader};
use poptalk::analysis::lint::{self, Lint};
use poptalk::analysis::mail;
use poptalk::analysis::show::html::{Page, Survey};
use poptalk::analysis::show::messages::{Messages, MessageSink, Completeness};
use poptalk::analysis::show::screen::{ShowOptions, ScreenView};
use poptalk::analysis::show::{Terminal, svg::Drawing};
use poptalk::transcript::text::Reader;
use poptalk_fuzz::{is_unsafe, items, print};

fuzz_target!(|octets: &[u8]| {
    mail_of(octets);
    let text = print(&items(octets));
    let mut messages = Messages::new();
    let mut shelf = Mails::default();
    let mut survey = Survey::new();
    walk(&text, &mut |told| {
        messages.emit(told, &mut shelf).unwrap();
        survey.emit(told);
    });
    assert_eq!(shelf.begun, shelf.ended);
    let taken: usize = shelf.mails.iter().map(Vec::len).sum();
    assert!(taken <= text.len() * 2);
    for mail in shelf.mails.iter().take(4) {
        mail_of(mail);
    }
    screens(&text, &survey);
});

fn mail_of(octets: &[u8]) {
    let shown = mail::readable(octets);
    assert!(!is_unsafe(&shown), "{shown:?}");
    assert!(
        shown.len() <= 4096 + octets.len() * 100,
        "{} of {}",
        shown.len(),
        octets.len()
    );
    for number in 0..5 {
        let _ = mail::part(octets, number);
    }
}

fn walk(text: &[u8], tell: &mut dyn FnMut(&TapeStep<'_>)) {
    let walked = TapeReader::read(text, &mut |told| {
        tell(&told);
        true
    });
    walked.unwrap();
}

/// The transcript on a screen, as a page and as a picture.
fn screens(text: &[u8], survey: &Survey) {
    let options = ShowOptions {
        has_times: true,
        has_notes: true,
    };
    let mut shown = Vec::new();
    let mut screen = ScreenView::new(Terminal::new(&mut shown, false), options);
    let mut drawing = ScreenView::new(Drawing::new(40), options);
    walk(text, &mut |told| {
        screen.emit(told).unwrap();
        drawing.emit(told).unwrap();
    });
    let shown = String::from_utf8(shown).unwrap();
    assert!(!is_unsafe(&shown), "{shown:?}");
    let drawn = drawing.into_canvas().finish("title");
    assert!(!is_unsafe(&drawn), "{drawn:?}");
    let findings = lint::judge(&mut Reader::new(text), Lint::new()).unwrap();
    let mut page_text = Vec::new();
    let mut page = Page::new(&mut page_text, "title", survey, &findings).unwrap();
    walk(text, &mut |told| page.emit(told).unwrap());
    page.finish().unwrap();
    let page_text = String::from_utf8(page_text).unwrap();
    assert!(!is_unsafe(&page_text), "{page_text:?}");
}

#[derive(Default)]
struct Mails {
    mails: Vec<Vec<u8>>,
    begun: usize,
    ended: usize,
}

impl MessageSink for Mails {
    fn begin(&mut self, _: Option<u64>) -> io::Result<()> {
        self.begun += 1;
        self.mails.push(Vec::new());
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.mails.last_mut().unwrap().extend_from_slice(octets);
        Ok(())
    }

    fn end(&mut self, _: Completeness) -> io::Result<()> {
        self.ended += 1;
        Ok(())
    }
}
