//! Documents, help, schemas, and the shape of the sources.

pub(crate) mod documents; // README.md and GUIDE.md
pub(crate) mod help; // what each command says about itself
pub(crate) mod layers; // rooms, circles, sizes
pub(crate) mod schemas; // what programs read
