//! What strangers and accidents do to poptalk.

#[cfg(target_os = "linux")]
pub(crate) mod crash; // an end at any moment
pub(crate) mod endings; // signals, FIFOs, links
pub(crate) mod hostile; // octets that would drive a terminal
#[cfg(target_os = "linux")]
pub(crate) mod hostile_clients; // slow, silent, endless and many clients
pub(crate) mod secrets; // a secret is nowhere
