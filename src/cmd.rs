//! One file a subcommand: build, run, report.

pub mod connect;
pub mod explain;
pub mod import;
pub mod practice;
pub mod redact;
pub mod serve;
