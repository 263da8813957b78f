//! The certificate that a server of ours shows: made at the start, or given.

use std::fmt;

/// Where the certificate comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum ServerCertificate {
    /// Made at the start and signed by itself, for these names and addresses.
    SelfSigned(Vec<String>),
    /// Given in PEM form: the certificate, perhaps followed by others of its chain, and its key.
    Given {
        /// The certificates, the server's own first.
        certificate: Vec<u8>,
        /// The key of the first one.
        key: Vec<u8>,
    },
}

impl Default for ServerCertificate {
    fn default() -> Self {
        Self::SelfSigned(["localhost", "127.0.0.1", "::1"].map(str::to_owned).into())
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned(names) => f.debug_tuple("SelfSigned").field(names).finish(),
            Self::Given { .. } => f.write_str("Given { key: (hidden), .. }"),
        }
    }
}
