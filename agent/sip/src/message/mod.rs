//! SIP messages (RFC 3261 §7, §20, §25).
mod error;
mod host;
mod limits;
mod name_addr;
mod params;
mod scan;
mod uri;
pub use error::{MessageError, SyntaxError};
pub use host::Host;
pub use limits::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE, MAX_PARAMS, MAX_VALUES};
pub use name_addr::NameAddr;
pub use params::Params;
pub use uri::{AddrSpec, Uri};
