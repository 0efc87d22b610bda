//! Host names to addresses by the system's resolver: A and AAAA records, hosts file and all.

use std::net::SocketAddr;
use std::time::Duration;

/// The longest a question may take; the system's own limit can be half a minute.
const LIMIT: Duration = Duration::from_secs(10);
/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a host in the system's order of preference, with this port.
///
/// # Errors
/// Why there is none, for a person.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let question = tokio::net::lookup_host((host, port));
    match tokio::time::timeout(LIMIT, question).await {
        Err(_) => Err(format!(
            "no answer about {host} within {} s; check the name servers",
            LIMIT.as_secs()
        )),
        Ok(Err(error)) => Err(format!("{host} cannot be resolved: {error}")),
        Ok(Ok(found)) => {
            let mut addresses = Vec::new();
            for address in found {
                if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() {
                Err(format!("{host} has no address"))
            } else {
                Ok(addresses)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_the_hosts_file_resolves_and_nonsense_does_not() {
        let found = resolve("localhost", 5070).await.unwrap();
        assert!(
            found
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 5070)
        );
        let error = resolve("no such host", 5060).await.unwrap_err();
        assert!(error.contains("no such host"), "{error}");
    }
}
