//! Our own servers, and `check` against them. The scripts for real servers and clients are here,
//! too.

pub(crate) mod check; // a server probed and judged
pub(crate) mod check_reports; // whole reports, as goldens
pub(crate) mod faults; // each fault over a socket
#[cfg(unix)]
pub(crate) mod mailbox; // Maildir and mbox files
pub(crate) mod matrix; // each trouble at each place for each client
pub(crate) mod practice; // the practice server, from the network
pub(crate) mod proxy; // between a client and a server
pub(crate) mod proxy_protocol; // headers that name the client
