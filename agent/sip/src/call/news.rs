//! What one call has to tell another of the same endpoint.

use crate::endpoint::CallId;

#[derive(Debug)]
pub(super) enum News {
    /// The call was answered in the place of another, which ends now.
    TakesPlace { of: CallId },
    /// The peers of both calls were put together; what is left of the other ends now.
    TransferredAway { of: CallId },
    /// The call was asked for by the peer of another, who is told how it goes.
    Progress {
        of: CallId,
        status: u16,
        reason: String,
    },
}
