//! Who calls and who is shown to call: asserted identities (RFC 3325), Remote-Party-ID, hidden callers (RFC 3323, RFC 5079), the
//! verdict of STIR (RFC 8224) as a proxy carries it, diversions (RFC 5806, RFC 7044), wishes to be answered at once (RFC 5373 and
//! its forerunners), and where an emergency caller is (RFC 6442). Pure reading and writing; never decides what becomes of a call.

mod announced;
mod auto_answer;
mod caller;
mod diversion;
mod location;

pub use announced::CallOptions;
pub use auto_answer::AutoAnswer;
pub use caller::{CallerFacts, Verification};
pub use diversion::Diverted;
pub use location::Whereabouts;
