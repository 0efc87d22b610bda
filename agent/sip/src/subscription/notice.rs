//! What a NOTIFY carries, as a type.

use super::dialog_info::{Applied, DialogInfo};
use super::message_summary::MessageSummary;
use super::package::Package;
use super::presence::Presence;
use super::registration_info::RegistrationInfo;
use crate::message::{HeaderName, Request};
use thiserror::Error;

/// News of something watched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What waits at a mailbox.
    MessageSummary(MessageSummary),
    /// The dialogs of another line.
    Dialogs(DialogInfo),
    /// Somebody's presence.
    Presence(Presence),
    /// What a registrar holds.
    Registrations(RegistrationInfo),
}

/// Why a NOTIFY's body was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadNotice {
    /// Another type than the package has.
    #[error("its body is not {wanted}")]
    Type {
        /// What is read.
        wanted: &'static str,
    },
    /// A body that cannot be read.
    #[error("its body cannot be read: {why}")]
    Body {
        /// What is wrong with it.
        why: String,
    },
}

/// What was read of a NOTIFY.
pub(super) enum Read {
    Nothing,
    News(Notice),
    /// Dialogs of which something is missing.
    Gap,
}

/// Reads the body for its package; `dialogs` is what is known of the line so far.
pub(super) fn read(
    package: Package,
    request: &Request,
    dialogs: &mut DialogInfo,
) -> Result<Read, BadNotice> {
    if request.body.is_empty() {
        return Ok(Read::Nothing);
    }
    let wanted = package.content_type();
    let plain = request
        .headers
        .text(HeaderName::ContentEncoding)
        .is_none_or(|coding| coding.trim().eq_ignore_ascii_case("identity"));
    let fits = request
        .headers
        .text(HeaderName::ContentType)
        .is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or("").trim();
            kind.eq_ignore_ascii_case(wanted)
        });
    if !fits || !plain {
        return Err(BadNotice::Type { wanted });
    }
    let body = request.body.as_slice();
    let bad = |why: String| BadNotice::Body { why };
    Ok(Read::News(match package {
        Package::MessageSummary => Notice::MessageSummary(MessageSummary::read(body).map_err(bad)?),
        Package::Presence => Notice::Presence(Presence::read(body).map_err(bad)?),
        Package::Registration => Notice::Registrations(RegistrationInfo::read(body).map_err(bad)?),
        Package::Dialog => match dialogs.apply(body).map_err(bad)? {
            Applied::Yes => Notice::Dialogs(dialogs.clone()),
            Applied::Gap => return Ok(Read::Gap),
        },
    }))
}
