//! An account of the configuration, as its SIP endpoint wants it.

use std::time::Duration;

use carillon_schemas::config::{AcceptFrom, Transfers, Transport as SchemaTransport};
use carillon_schemas::connection::KeepAlive as SchemaKeepAlive;
use carillon_schemas::sip_address::split_port;
use carillon_sip::{
    Credential, Endpoint, EndpointConfig, Host, KeepAlive, Password, TransferPolicy, Transport, Uri,
};
use sha2::{Digest, Sha256};

use crate::command::ApplyError;
use crate::running::RunningAccount;

/// What an endpoint is made from.
///
/// `instance` names this installation and never changes; it goes out hashed together with the account's id.
///
/// # Errors
/// [`ApplyError::Account`]: what cannot work, and what would.
pub(crate) fn endpoint_config(
    account: &RunningAccount,
    instance: &str,
) -> Result<EndpointConfig, ApplyError> {
    let refuse = |why: String| ApplyError::Account {
        account: account.id().clone(),
        why,
    };
    let config = &account.config;
    let aor: Uri = config
        .address
        .as_str()
        .parse()
        .map_err(|error| refuse(format!("address {}: {error}", config.address)))?;
    let host_uri = |key: &str, text: &str| {
        split_port(text)
            .and_then(|(host, port)| Some(Uri::of_host(Host::parse(host).ok()?, port)))
            .ok_or_else(|| refuse(format!("{key} {text:?} is no host or host:port")))
    };
    let registrar = config
        .registrar
        .as_deref()
        .map(|text| host_uri("registrar", text))
        .transpose()?;
    let proxies: Vec<Uri> = config
        .outbound_proxy
        .iter()
        .map(|text| host_uri("outbound_proxy", text))
        .chain(
            config
                .connection
                .backup_proxies
                .iter()
                .map(|text| host_uri("connection.backup_proxies", text)),
        )
        .map(|uri| {
            uri.map(|mut proxy| {
                // Without it the proxy would be a strict router (RFC 3261 §16.12).
                proxy.params.set("lr", None);
                proxy
            })
        })
        .collect::<Result<_, _>>()?;
    let first = proxies.len().min(1);
    let mut endpoint = EndpointConfig::new(aor);
    endpoint.display_name.clone_from(&config.display_name);
    endpoint.registrar = registrar;
    endpoint.route_set = proxies[..first].to_vec();
    endpoint.backup_proxies = proxies[first..].to_vec();
    endpoint.credentials = credentials(account);
    endpoint.register_expires = if config.register {
        Duration::from_secs(u64::from(config.register_expires))
    } else {
        Duration::ZERO
    };
    endpoint.instance_id = instance_urn(instance, account.id().as_str());
    endpoint.transport = match config.transport {
        SchemaTransport::Udp => Some(Transport::Udp),
        SchemaTransport::Tcp => Some(Transport::Tcp),
        SchemaTransport::Tls => Some(Transport::Tls),
        SchemaTransport::Wss => Some(Transport::Wss),
        SchemaTransport::Auto => None,
    };
    endpoint.transfers = match config.transfers {
        Transfers::Never => TransferPolicy::Never,
        Transfers::Proxy => TransferPolicy::FromProxy,
        Transfers::Always => TransferPolicy::Always,
    };
    endpoint.gruu = config.gruu;
    endpoint.only_from_proxy = config.accept_from() == AcceptFrom::Proxy;
    endpoint.keep_alive = match config.connection.keep_alive() {
        SchemaKeepAlive::Auto => KeepAlive::Auto,
        SchemaKeepAlive::LineEnds => KeepAlive::LineEnds,
        SchemaKeepAlive::Stun => KeepAlive::Stun,
        SchemaKeepAlive::Off => KeepAlive::Off,
    };
    endpoint.keep_alive_interval = config
        .connection
        .keep_alive_interval
        .map(|seconds| Duration::from_secs(seconds.into()));
    endpoint.max_calls = usize::from(config.max_calls);
    Endpoint::new(endpoint.clone(), 0).map_err(|error| refuse(error.to_string()))?;
    Ok(endpoint)
}

/// What answers challenges on the account.
pub(crate) fn credentials(account: &RunningAccount) -> Vec<Credential> {
    let config = &account.config;
    config
        .password
        .iter()
        .map(|password| Credential {
            username: config.digest_user().to_owned(),
            realm: config.realm.clone(),
            password: Password::new(password.expose()),
        })
        .collect()
}

/// A UUID of version 8 (RFC 9562) made from a hash: stable over restarts, and telling nobody what it is
/// made from.
fn instance_urn(instance: &str, account: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["carillon sip instance", instance, account] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes: Vec<u8> = hash.finalize().iter().copied().take(16).collect();
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = carillon_schemas::identifier::hex(&bytes);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::Origin;

    fn account(json: serde_json::Value) -> RunningAccount {
        RunningAccount {
            origin: Origin::Local,
            config: serde_json::from_value(json).unwrap(),
        }
    }

    #[test]
    fn the_endpoint_gets_what_the_account_says() {
        let account = account(serde_json::json!({
            "id": "main",
            "address": "sip:1001@pbx.example.org",
            "username": "auth1001",
            "password": "correct horse",
            "registrar": "192.0.2.7:5070",
            "outbound_proxy": "edge.example.org",
            "register_expires": 120,
        }));
        let config = endpoint_config(&account, "desk").unwrap();
        assert_eq!(config.registrar.unwrap().to_string(), "sip:192.0.2.7:5070");
        assert_eq!(config.route_set[0].to_string(), "sip:edge.example.org;lr");
        assert_eq!(config.credentials[0].username, "auth1001");
        assert_eq!(config.register_expires, Duration::from_secs(120));
        assert!(!format!("{:?}", config.credentials).contains("horse"));
    }

    #[test]
    fn strangers_are_kept_out_unless_the_account_has_no_proxy_or_says_otherwise() {
        for (register, accept_from, only_from_proxy) in [
            (true, None, true),
            (true, Some("anyone"), false),
            (false, None, false),
            (false, Some("proxy"), true),
        ] {
            let account = account(serde_json::json!({
                "id": "main",
                "address": "sip:1001@pbx.example.org",
                "outbound_proxy": "192.0.2.7",
                "register": register,
                "accept_from": accept_from,
            }));
            let config = endpoint_config(&account, "desk").unwrap();
            assert_eq!(config.only_from_proxy, only_from_proxy, "{account:?}");
        }
    }

    #[test]
    fn what_cannot_run_is_refused_with_the_account() {
        let account = account(serde_json::json!({
            "id": "main",
            "address": "sips:1001@pbx.example.org",
        }));
        let error = endpoint_config(&account, "desk").unwrap_err();
        assert!(
            error.to_string().starts_with("account main cannot run"),
            "{error}"
        );
    }

    #[test]
    fn the_instance_is_stable_and_differs_by_account() {
        let urn = instance_urn("desk", "main");
        assert_eq!(urn, instance_urn("desk", "main"));
        assert_ne!(urn, instance_urn("desk", "other"));
        assert_ne!(urn, instance_urn("desk2", "main"));
        assert_eq!(urn.len(), "urn:uuid:".len() + 36);
        assert_eq!(urn.as_bytes()["urn:uuid:".len() + 14], b'8');
    }
}
