//! A folder of messages: a new file for each, for its owner alone.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::analysis::show::messages::{Completeness, MessageSink};
use crate::base::plural::counted;

pub(super) struct MessageFolder<'a> {
    path: &'a Path,
    out: &'a mut dyn Write,
    counts: HashMap<Option<u64>, u32>,
    open: Option<OpenMessageFile>,
    /// The file that an error is about; None when it is about standard output.
    pub(super) failed: Option<PathBuf>,
    pub(super) whole: usize,
    pub(super) cut: usize,
}

/// A message that is coming. Its name is known when it has ended.
struct OpenMessageFile {
    file: BufWriter<NamedTempFile>,
    stem: String,
    octets: u64,
}

impl<'a> MessageFolder<'a> {
    pub(super) fn new(path: &'a Path, out: &'a mut dyn Write) -> Self {
        Self {
            path,
            out,
            counts: HashMap::new(),
            open: None,
            failed: None,
            whole: 0,
            cut: 0,
        }
    }

    fn keep(&mut self, open: OpenMessageFile, state: Completeness) -> io::Result<()> {
        let OpenMessageFile { file, stem, octets } = open;
        let ending = match state {
            Completeness::Whole => "eml",
            Completeness::Elided | Completeness::Cut => "cut.eml",
        };
        let name = format!("{stem}.{ending}");
        let path = self.path.join(&name);
        self.failed = Some(path.clone());
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.persist_noclobber(&path)?;
        self.failed = None;
        match state {
            Completeness::Whole => self.whole += 1,
            Completeness::Elided | Completeness::Cut => self.cut += 1,
        }
        let why = match state.reason() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        // The files are what was asked for: no one needs to read their names.
        match writeln!(self.out, "{name}  {}{why}", counted(octets, "octet")) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

impl MessageSink for MessageFolder<'_> {
    fn begin(&mut self, number: Option<u64>) -> io::Result<()> {
        let count = self.counts.entry(number).or_default();
        *count += 1;
        let number = match number {
            Some(number) => format!("{number:04}"),
            None => "message".to_owned(),
        };
        let stem = match *count {
            1 => number,
            count => format!("{number}-{count}"),
        };
        self.failed = Some(self.path.to_owned());
        // Only its owner can read it.
        let file = tempfile::Builder::new()
            .prefix(".poptalk-")
            .tempfile_in(self.path)?;
        self.failed = None;
        self.open = Some(OpenMessageFile {
            file: BufWriter::with_capacity(super::BLOCK, file),
            stem,
            octets: 0,
        });
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.octets += octets.len() as u64;
        let written = open.file.write_all(octets);
        if written.is_err() {
            self.failed = Some(self.path.to_owned());
        }
        written
    }

    fn end(&mut self, state: Completeness) -> io::Result<()> {
        match self.open.take() {
            Some(open) => self.keep(open, state),
            None => Ok(()),
        }
    }
}
