//! Whose calls an account takes.
//!
//! A desk that registers is called through its registrar and proxies, whose addresses it knows. Whoever else reaches its
//! SIP port is a scanner or a prankster, or a peer of an account that has no proxy.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::sip_address::split_port;

/// Why `proxy` cannot be had.
pub(crate) const NO_KNOWN_PROXY: &str = "an account that does not register knows its proxy only by an IP address: write \
                                         one as outbound_proxy or registrar, or say 'anyone'";

/// Who may call an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AcceptFrom {
    /// What comes from the addresses of the account's registrar and proxy; others get 403.
    Proxy,
    /// Whoever reaches the desk's SIP port: for peers that call each other without a proxy.
    Anyone,
}

impl AcceptFrom {
    /// What holds for an account that says nothing: one that registers nowhere is called by its peers themselves.
    pub(crate) fn usual(registers: bool) -> Self {
        if registers { Self::Proxy } else { Self::Anyone }
    }
}

/// Whether `host` or `host:port` is written as an address, and so known without asking for it.
pub(crate) fn is_known(home: &str) -> bool {
    split_port(home).is_some_and(|(host, _)| {
        let host = host.trim_matches(['[', ']']);
        host.parse::<IpAddr>().is_ok()
    })
}
