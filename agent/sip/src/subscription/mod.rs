//! Watching something by SUBSCRIBE and NOTIFY (RFC 6665), the subscriber's side: message waiting (RFC 3842), dialogs (RFC 4235),
//! presence (RFC 3856, RFC 3863) and registrations (RFC 3680). `machine` is the life of one subscription, `table` holds them all,
//! the rest reads what notifiers write.
//!
//! XML is read by `quick-xml`: it is kept well, is fuzzed, knows no entity but the five of XML itself and pulls in nothing but
//! `memchr`. `xml` puts bounds of depth and count around it and refuses a document type.

mod dialog_info;
mod machine;
mod message_summary;
mod notice;
mod package;
mod presence;
mod registration_info;
mod standing;
mod table;
mod xml;

pub use dialog_info::{DialogInfo, DialogPhase, Party, WatchedDialog};
pub use message_summary::{MessageCount, MessageSummary};
pub use notice::{BadNotice, Notice};
pub use package::Package;
pub use presence::Presence;
pub use registration_info::{RegistrationInfo, WatchedContact};
pub use standing::SubscriptionState;
pub(crate) use table::Subscriptions;
pub use table::{MAX_SUBSCRIPTIONS, SubscribeError};
