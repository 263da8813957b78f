//! From rows to steps and exchanges; what changes a transcript or makes one from other logs.

pub mod dialogue;
pub mod import;
pub(crate) mod redact;
pub(crate) mod server_leg;
pub(crate) mod steps;
