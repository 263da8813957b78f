//! How far a session has come, as types in which no two contradictory things can hold at once.

/// The phases of a session in which CAPA replies differ (RFC 2449 §5, RFC 2595 §4), in order.
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
    /// On from the start of the connection, as on port 995.
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
    /// Only before STLS, so it is void (RFC 2595 §4).
    BeforeTls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The verb that completed the login, in upper case.
    pub(crate) verb: String,
    /// The name from USER or APOP; None for AUTH, where the mechanism carries it.
    pub(crate) user: Option<String>,
}
