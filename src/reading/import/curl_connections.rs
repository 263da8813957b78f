//! The connections that curl reports, from its lines or its traces.

use super::builder::TranscriptBuilder;
use super::lines::{TlsLog, host_port, text, text_after, word};
use super::{ImportedTranscript, Options};
use crate::pop3::tracker::{LineEnd, Side};
use crate::transcript::event::{Event, Party};

pub(super) struct Talks<'a> {
    options: &'a Options,
    imported: &'a str,
    talk: Option<TranscriptBuilder>,
    tls: TlsLog,
    tls_us: Option<u64>,
    made: Vec<ImportedTranscript>,
    us: Option<u64>,
}

impl<'a> Talks<'a> {
    pub(super) fn new(options: &'a Options, imported: &'a str) -> Self {
        Self {
            options,
            imported,
            talk: None,
            tls: TlsLog::default(),
            tls_us: None,
            made: Vec::new(),
            us: None,
        }
    }

    /// What comes next was logged at this time of day, in microseconds. A time that is less is of
    /// the next day.
    pub(super) fn at(&mut self, us: u64) {
        const DAY: u64 = 24 * 60 * 60 * 1_000_000;
        let last = self.us.unwrap_or(us);
        let us = last - last % DAY + us;
        self.us = Some(if us < last { us + DAY } else { us });
    }

    fn talk(&mut self) -> &mut TranscriptBuilder {
        let talk = self
            .talk
            .get_or_insert_with(|| TranscriptBuilder::new(self.options, &[], self.imported));
        if let Some(us) = self.us {
            talk.at(us);
        }
        talk
    }

    pub(super) fn line(&mut self, side: Side, line: &[u8], end: LineEnd) {
        let event = self.tls.take_event();
        let tls_us = self.tls_us;
        let talk = self.talk();
        match (event, tls_us) {
            (Some(event), Some(us)) => talk.event_at(&event, us),
            (event, _) => talk.tls(event),
        }
        talk.line(side, line, end);
    }

    pub(super) fn info(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.starts_with(b"SSL ") || line.starts_with(b"subject: ") {
            self.tls_us = self.us;
        }
        if let Some(to) = line.strip_prefix(b"Connected to ") {
            // `mail.example.org (192.0.2.1) port 110 (#0)`
            self.end_talk();
            let port = text_after(to, " port ")
                .map(|port| word(port, b","))
                .unwrap_or_default();
            let host = word(to, b"");
            let address = text_after(to, "(")
                .map(|to| word(to, b")"))
                .unwrap_or_default();
            let head = [("server", host_port(&host, &port))];
            self.talk = Some(TranscriptBuilder::new(self.options, &head, self.imported));
            let address = if address.is_empty() { &host } else { &address };
            let place = host_port(address, &port);
            self.talk().event(&Event::connected(place));
        } else if let Some(with) = line.strip_prefix(b"SSL connection using ") {
            // `TLSv1.3 / TLS_AES_256_GCM_SHA384 / X25519 / RSASSA-PSS`
            self.tls.version = Some(word(with, b""));
            self.tls.cipher = text_after(with, " / ")
                .map(|rest| word(rest, b""))
                .unwrap_or_default();
        } else if let Some(subject) = line.strip_prefix(b"subject: ") {
            self.tls.subject = text(subject);
        } else if line.starts_with(b"SSL certificate verify ok") {
            self.tls.doubt = Some(String::new());
        } else if let Some(why) = line.strip_prefix(b"SSL certificate verify result: ") {
            self.tls.doubt = Some(text(why));
        } else if (line.starts_with(b"Closing connection")
            || line.starts_with(b"closing connection"))
            && let Some(talk) = &mut self.talk
        {
            talk.data_left_out();
            talk.event(&Event::closed_by(Party::Client));
        } else if let Some(talk) = &mut self.talk
            && line.starts_with(b"Connection #")
        {
            talk.client_speaks();
        }
    }

    /// The transcripts; None if neither side sent anything.
    pub(super) fn finish(mut self) -> Option<Vec<ImportedTranscript>> {
        self.end_talk();
        (!self.made.is_empty()).then_some(self.made)
    }

    fn end_talk(&mut self) {
        if let Some(mut talk) = self.talk.take().filter(|talk| !talk.is_empty()) {
            talk.data_left_out();
            self.made.push(talk.finish());
        }
    }
}
