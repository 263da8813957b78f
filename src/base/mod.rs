//! What has no POP3 in it: escaping for the screen, exit codes, colours, files, poptalk's own words.

pub mod edit_distance;
pub mod error;
pub mod escape;
pub mod exit;
pub mod figures;
pub mod files;
pub mod io_error;
pub mod loopback;
pub mod percent;
pub mod plural;
pub mod regular;
pub mod reread;
pub mod say;
pub mod service;
pub mod stdio;
pub mod style;
pub mod temporary;
