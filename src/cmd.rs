//! One file a subcommand: build, run, report.

pub mod check;
pub mod completions;
pub mod connect;
pub mod diff;
pub mod explain;
mod find;
pub mod import;
pub mod learn;
pub mod lint;
pub mod man;
pub mod practice;
pub mod proxy;
pub mod redact;
pub mod replay;
pub mod serve;
mod serving;
pub mod show;
