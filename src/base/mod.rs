//! What has no POP3 in it: escaping for the screen, exit codes, colours, files, poptalk's own
//! words.

pub(crate) mod edit_distance;
pub mod error;
pub mod escape;
pub mod exit;
pub(crate) mod figures;
pub mod files;
pub(crate) mod interrupts;
pub(crate) mod io_error;
pub(crate) mod lock;
pub(crate) mod loopback;
pub(crate) mod percent;
pub(crate) mod plural;
pub(crate) mod regular;
pub(crate) mod reread;
pub(crate) mod say;
pub(crate) mod service;
pub(crate) mod stdio;
pub(crate) mod style;
pub(crate) mod temporary;
pub mod tls_fault;
pub(crate) mod wrap;
