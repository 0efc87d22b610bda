//! SIP extensions this side speaks: what Supported says, and which Require can be met.

use crate::message::{HeaderName, MessageError, Request};

/// Option tags in every Supported of a call: RFC 3262, RFC 4488, RFC 3891, RFC 4028.
pub(crate) const SUPPORTED: &str = "100rel, norefersub, replaces, timer";
/// Option tags within a call. Without `100rel`: a re-INVITE needs no provisional response.
pub(crate) const SUPPORTED_WITHIN: &str = "norefersub, replaces, timer";

/// Option tags a request requires that this side does not know.
///
/// # Errors
/// More tags than are read.
pub(super) fn unmet(request: &Request) -> Result<Vec<String>, MessageError> {
    let mut tags = request.headers.values(HeaderName::Require)?;
    tags.retain(|tag| {
        !SUPPORTED
            .split(", ")
            .any(|known| known.eq_ignore_ascii_case(tag))
    });
    Ok(tags)
}
