//! From rows to steps and exchanges; what changes a transcript or makes one from other logs.

pub mod dialogue;
pub mod import;
pub mod redact;
pub mod server_leg;
pub mod steps;
