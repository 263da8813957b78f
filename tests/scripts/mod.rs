//! Lines from a file or a pipe, and how the program gets to the server.

mod connect_to; // an address in place of the host
pub(crate) mod discover; // the servers of a mail domain
pub(crate) mod limits; // servers that send too slowly or too much
pub(crate) mod login; // every mechanism
pub(crate) mod no_starttls; // what is injected around STLS
pub(crate) mod not_a_yes; // other services, replies without an indicator, a refused STLS
pub(crate) mod output_paths; // where output goes
pub(crate) mod sessions; // what goes out, what comes out, how it ends
pub(crate) mod streams; // a reader of our output that goes away
pub(crate) mod tls; // certificates and handshakes that are wrong
pub(crate) mod upstream_proxy; // through a SOCKS or HTTP proxy
