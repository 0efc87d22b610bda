//! What a transaction machine wants done after one input.

/// Wanted by a client transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClientStep {
    /// Send the request again.
    pub(crate) resend: bool,
    /// Send the ACK of a failed INVITE.
    pub(crate) acknowledge: bool,
    /// Hand the response up.
    pub(crate) deliver: bool,
    /// Nobody answered.
    pub(crate) timed_out: bool,
}

impl ClientStep {
    pub(super) fn deliver() -> Self {
        Self {
            deliver: true,
            ..Self::default()
        }
    }
}

/// Wanted by a server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerStep {
    /// Send the last response.
    pub(crate) send: bool,
}
