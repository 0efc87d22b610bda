//! Where a request goes next (RFC 3261 §8.1.2, RFC 3263 §4): host, port and transport of the first hop, taken from a URI.
//! Never asks a name server; an endpoint asks its driver.

mod hop;

pub(crate) use hop::NextHop;
