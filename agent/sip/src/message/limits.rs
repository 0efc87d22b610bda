//! How much a message may ask of us. Each bound is checked before anything of that size is allocated.

/// The largest message read, in bytes. A UDP datagram cannot be larger.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// The most bytes of start line and header together.
pub const MAX_HEAD: usize = 32 * 1024;
/// The most header fields in one message; a folded field counts once.
pub const MAX_HEADERS: usize = 256;
/// The longest start line or header field, folds included, in bytes.
pub const MAX_LINE: usize = 8 * 1024;
/// The most comma-separated values read from all fields of one name.
pub const MAX_VALUES: usize = 64;
/// The most parameters read from one URI or one header value.
pub const MAX_PARAMS: usize = 64;
