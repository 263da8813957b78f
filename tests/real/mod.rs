//! Programs that others wrote. Those that need one are ignored in a normal run.

pub(crate) mod clients; // clients
pub(crate) mod dovecot; // Dovecot
pub(crate) mod inetd; // servers started by a connection
pub(crate) mod recorded; // recordings of real servers
#[cfg(target_os = "linux")]
pub(crate) mod soak; // random sessions against a model
