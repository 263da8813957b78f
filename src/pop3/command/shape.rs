//! The shape of a reply.

/// How a positive reply continues after its status line. A negative reply is always one line (RFC
/// 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One status line.
    Single,
    /// A status line, data lines, and a line with a single dot.
    Multi,
    /// Challenges and responses (RFC 5034 §4), then one status line.
    Sasl,
    /// One status line, then the client sends a message that ends with a dot, then one more status
    /// line.
    Upload,
    /// Unknown: taken as one line; nothing waits for more.
    Unknown,
}
