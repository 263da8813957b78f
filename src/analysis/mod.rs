//! A transcript in, an opinion or a picture out.

pub mod console_input;
pub mod diff;
pub mod explain;
pub mod finding;
pub(crate) mod goal;
pub(crate) mod help;
pub mod lint;
pub mod mail;
pub mod show;
