//! How far a session has come, as types: each of them says which of several things holds, so that no two can.

/// The phases of a session whose CAPA replies differ (RFC 2449 §5, RFC 2595 §4), in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    First,
    Tls,
    Login,
}

impl Phase {
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Tls, Self::Login];
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tls {
    #[default]
    Off,
    /// Off; STLS was answered with `+OK`, and the handshake has not been done.
    Agreed,
    /// On since the connection was made, as on port 995.
    Direct,
    /// On since the handshake after STLS.
    ByStls,
}

impl Tls {
    pub(crate) fn is_on(self) -> bool {
        matches!(self, Self::Direct | Self::ByStls)
    }

    /// Whether STLS was answered with `+OK`.
    pub(crate) fn is_by_stls(self) -> bool {
        matches!(self, Self::Agreed | Self::ByStls)
    }
}

/// Whether a USER was answered with `+OK` and waits for its PASS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// No, or the login after it was tried.
    #[default]
    No,
    Yes,
    /// Before STLS, and not since: it is void (RFC 2595 §4).
    BeforeTls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The verb that brought it, in upper case.
    pub(crate) verb: String,
    /// The name that USER or APOP gave; None for AUTH, where the mechanism carries it.
    pub(crate) user: Option<String>,
}
