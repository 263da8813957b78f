//! One file a subcommand: build, run, report.

pub mod connect;
pub mod diff;
pub mod explain;
mod find;
pub mod import;
pub mod practice;
pub mod proxy;
pub mod redact;
pub mod replay;
pub mod serve;
