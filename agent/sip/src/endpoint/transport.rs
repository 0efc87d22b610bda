//! The transports a message can take (RFC 3261 §18, RFC 7118): their names, default ports, and which timers they need.

use std::fmt;

/// Transport protocol of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// UDP; one flow serves all peers of an address family.
    Udp,
    /// TCP; one flow for each peer.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// The name in a Via header.
    #[must_use]
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Wss => "WSS",
        }
    }

    /// The value of a URI's `transport` parameter (RFC 3261 §19.1.1, RFC 7118 §5.2.3); it names no `wss`.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Wss => "ws",
        }
    }

    /// Whether the transport itself repeats what gets lost. Decides which timers run.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Whether messages must be cut out of a stream of bytes; a WebSocket carries each in a message of its own.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Whether the peer's identity is proven and nobody on the way reads along.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The port used when none is written.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.via_name())
    }
}
