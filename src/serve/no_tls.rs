//! In place of TLS on platforms whose own TLS library can't be a server of TLS 1.3: there is none, and STLS is not announced.

use std::io::{self, Read, Write};

use super::Certificate;

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

    pub(super) fn accept<S>(
        &self,
        _: S,
        _: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<Inside<S>, String> {
        match *self {}
    }
}

/// There is none.
pub(super) struct Inside<S>(std::convert::Infallible, std::marker::PhantomData<S>);

impl<S> Inside<S> {
    pub(super) fn under(&mut self) -> &mut S {
        match self.0 {}
    }

    pub(super) fn client_names(&self) -> Vec<String> {
        match self.0 {}
    }

    pub(super) fn facts(&self) -> String {
        match self.0 {}
    }

    pub(super) fn notify(&mut self) {
        match self.0 {}
    }
}

impl<S> Read for Inside<S> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl<S> Write for Inside<S> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
