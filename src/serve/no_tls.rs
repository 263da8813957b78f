//! In place of TLS on platforms whose own TLS library can't be a server of TLS 1.3: there is none, and STLS is not announced.

use std::io::{self, Read, Write};

use super::Certificate;
use super::wire::Wire;

/// There is none.
pub(super) enum Acceptor {}

impl Acceptor {
    /// None: there is no TLS.
    ///
    /// Errors: never.
    pub(super) fn new(_: &Certificate, _: Option<&[u8]>) -> Result<Option<(Self, String)>, String> {
        Ok(None)
    }

    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(super) fn accept(&self, _: Wire) -> Result<Inside, String> {
        match *self {}
    }
}

/// There is none.
pub(super) enum Inside {}

impl Inside {
    pub(super) fn wire(&mut self) -> &mut Wire {
        match *self {}
    }

    pub(super) fn client_names(&self) -> Vec<String> {
        match *self {}
    }

    pub(super) fn facts(&self) -> String {
        match *self {}
    }

    pub(super) fn notify(&mut self) {
        match *self {}
    }
}

impl Read for Inside {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for Inside {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}
