//! What a person runs, and what these share: the session plan, the login, the report.

pub mod answers;
pub mod check;
pub mod console;
pub mod learn;
pub mod login;
pub mod options;
pub mod plan;
pub mod proxy;
pub mod replay;
pub mod report;
pub mod rewrite;
pub mod script;
pub mod serve;
pub mod server;
