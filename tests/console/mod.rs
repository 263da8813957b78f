//! The console as a person uses it, in a pseudo-terminal, and its lessons.

#[cfg(target_os = "linux")]
pub(crate) mod certificates; // what is said of wrong certificates and old TLS versions
pub(crate) mod learn; // lessons
pub(crate) mod pty; // what is on the screen, and which octets the terminal got
pub(crate) mod trust; // a certificate that cannot be verified
pub(crate) mod typing; // keys and lines: where they go, and what they open
