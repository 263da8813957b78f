//! What a person runs, and what these share: the session plan, the login, the report.

pub(crate) mod answers;
pub mod check;
pub mod console;
pub mod learn;
pub(crate) mod login;
pub mod options;
pub(crate) mod plan;
pub mod proxy;
pub mod replay;
pub(crate) mod report;
pub(crate) mod rewrite;
pub(crate) mod script;
pub mod serve;
pub(crate) mod server;
