//! Documents, help, schemas, and the shape of the sources.

pub(crate) mod coverage; // how each way to misbehave is seen
pub(crate) mod documents; // README.md and GUIDE.md
#[cfg(target_os = "linux")]
pub(crate) mod errors; // what wrong command lines and files are answered
pub(crate) mod events; // the events of a transcript
pub(crate) mod help; // what each command says about itself
pub(crate) mod layers; // rooms, circles, sizes
pub(crate) mod names; // each type has a name of its own
pub(crate) mod options; // each option is declared once
pub(crate) mod schemas; // what programs read
pub(crate) mod words; // words to avoid in texts for people
