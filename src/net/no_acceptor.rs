//! Replaces TLS on platforms whose own TLS library can't serve TLS 1.3: there is no TLS, and STLS
//! is not announced.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

use super::server_certificate::ServerCertificate;

pub(crate) enum Acceptor {}

impl Acceptor {
    /// None: there is no TLS.
    pub(crate) fn new(
        _: &ServerCertificate,
        _: Option<&[u8]>,
    ) -> Result<Option<(Self, String)>, String> {
        Ok(None)
    }

    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn accept<S>(&self, _: S) -> Result<Inside<S>, String> {
        match *self {}
    }

    pub(crate) fn begin<S>(&self, _: S) -> Handshake<S> {
        match *self {}
    }
}

#[allow(dead_code, reason = "the variants of the platforms that have TLS")]
pub(crate) enum Handshake<S> {
    Done(Inside<S>),
    Waiting(Half<S>),
    Failed(String),
}

pub(crate) struct Half<S>(Infallible, PhantomData<S>);

impl<S> Half<S> {
    pub(crate) fn go_on(self) -> Handshake<S> {
        match self.0 {}
    }
}

pub(crate) struct Inside<S>(Infallible, PhantomData<S>);

impl<S> Inside<S> {
    pub(crate) fn wire(&mut self) -> &mut S {
        match self.0 {}
    }

    pub(crate) fn client_names(&self) -> Vec<String> {
        match self.0 {}
    }

    pub(crate) fn facts(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn notify(&mut self) {
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
