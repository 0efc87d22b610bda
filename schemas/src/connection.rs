//! How an account reaches its servers beside the transport: other proxies, certificates, the path of a WebSocket, keep-alives.
//! Every setting is optional; the accessors give the value in force.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::sip_address::{is_host, split_port};

/// The most backup proxies.
pub const MAX_BACKUP_PROXIES: usize = 8;
/// The longest list of authorities, in bytes.
pub const MAX_CA: usize = 64 << 10;
/// The longest path, in bytes.
pub const MAX_PATH: usize = 256;

/// How an account reaches its servers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// `host` or `host:port` of other outbound proxies, tried in this order when `outbound_proxy` does not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backup_proxies: Vec<String>,
    /// Authorities in PEM that alone may vouch for the servers; the platform's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A file on the desk with the account's own certificate, its chain and its key in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// The path of the WebSocket [/].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket_path: Option<String>,
    /// How the way to the account is kept open; `auto` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// The longest wait between two keep-alives, 1 to 3,600 seconds; what RFC 5626 says of the transport when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_interval: Option<u32>,
}

/// How the way to an account is kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeepAlive {
    /// Line ends on connections; over UDP only behind a NAT.
    #[default]
    Auto,
    /// Line ends on every transport.
    LineEnds,
    /// STUN over UDP, line ends on connections. The registrar must answer STUN on its SIP port.
    Stun,
    /// Nothing.
    Off,
}

impl Connection {
    /// The path of the WebSocket.
    pub fn websocket_path(&self) -> &str {
        self.websocket_path.as_deref().unwrap_or("/")
    }

    /// How the way is kept open.
    pub fn keep_alive(&self) -> KeepAlive {
        self.keep_alive.unwrap_or_default()
    }

    pub(crate) fn validate(&self, at: &str, has_proxy: bool) -> Result<(), ConfigError> {
        let fail = |key: &str, why: String| {
            Err(ConfigError {
                path: format!("{at}.connection.{key}"),
                why,
            })
        };
        if self.backup_proxies.len() > MAX_BACKUP_PROXIES {
            return fail(
                "backup_proxies",
                format!("holds more than {MAX_BACKUP_PROXIES}"),
            );
        }
        if !has_proxy && !self.backup_proxies.is_empty() {
            return fail("backup_proxies", "needs an outbound_proxy before it".into());
        }
        for text in &self.backup_proxies {
            let good =
                split_port(text).is_some_and(|(host, port)| is_host(host) && port != Some(0));
            if !good {
                return fail(
                    "backup_proxies",
                    format!("{text:?} is no host or host:port"),
                );
            }
        }
        if let Some(ca) = &self.ca
            && (ca.len() > MAX_CA || !ca.contains("-----BEGIN CERTIFICATE-----"))
        {
            return fail(
                "ca",
                format!("must be certificates in PEM, at most {MAX_CA} bytes"),
            );
        }
        if let Some(path) = &self.client_certificate
            && (!path.starts_with('/') && !path.contains(":\\")
                || path.len() > 1024
                || path.chars().any(char::is_control))
        {
            return fail(
                "client_certificate",
                "must be a whole path of a file".into(),
            );
        }
        if let Some(path) = &self.websocket_path
            && (!path.starts_with('/')
                || path.len() > MAX_PATH
                || !path.bytes().all(|byte| {
                    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'#')
                }))
        {
            return fail(
                "websocket_path",
                format!("must begin with a slash and be a path of at most {MAX_PATH} bytes"),
            );
        }
        if let Some(seconds) = self.keep_alive_interval
            && !(1..=3600).contains(&seconds)
        {
            return fail(
                "keep_alive_interval",
                format!("{seconds} is not between 1 and 3600 seconds"),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_named() {
        let broken = [
            (r#"{"backup_proxies": ["a b"]}"#, "backup_proxies"),
            (r#"{"ca": "nonsense"}"#, "ca"),
            (
                r#"{"client_certificate": "desk.pem"}"#,
                "client_certificate",
            ),
            (r#"{"websocket_path": "ws"}"#, "websocket_path"),
            (r#"{"websocket_path": "/a b"}"#, "websocket_path"),
            (r#"{"keep_alive_interval": 0}"#, "keep_alive_interval"),
        ];
        for (json, key) in broken {
            let connection: Connection = serde_json::from_str(json).unwrap();
            let error = connection.validate("accounts[0]", true).unwrap_err();
            assert_eq!(error.path, format!("accounts[0].connection.{key}"));
        }
        let good: Connection = serde_json::from_str(
            r#"{"backup_proxies": ["b.example:5070"], "keep_alive": "line-ends", "websocket_path": "/ws"}"#,
        )
        .unwrap();
        good.validate("a", true).unwrap();
        assert!(good.validate("a", false).is_err());
    }
}
