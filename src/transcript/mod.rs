//! What happened, as rows of a file: the model, its text, events, secrets, and the recorder that
//! writes it.

pub(crate) mod elide;
pub mod event;
pub mod file;
mod model;
pub mod recorder;
pub mod secret;
pub mod text;

pub use model::*;
