//! What the system says of names: `resolv.conf` (on Windows the adapters) and the hosts file, read when a question is
//! asked, so that they are never old.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The most servers asked, as the system's own resolver has it.
const MAX_SERVERS: usize = 3;
/// The most suffixes tried.
const MAX_SEARCH: usize = 6;
/// The largest file read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Name servers, search list and hosts of the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NameServers {
    pub(super) addresses: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
    hosts: String,
}

impl NameServers {
    #[cfg(unix)]
    pub(super) fn of_system() -> Self {
        let folder = Path::new("/etc");
        Self::read(
            &text(&folder.join("resolv.conf")),
            text(&folder.join("hosts")),
        )
    }

    /// Without a server nobody is asked here: what Windows knows by other ways, its own resolver says.
    #[cfg(windows)]
    pub(super) fn of_system() -> Self {
        let told = crate::windows::name_servers::told();
        let windows = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
        let hosts = Path::new(&windows).join("System32\\drivers\\etc\\hosts");
        Self {
            addresses: told
                .servers
                .into_iter()
                .take(MAX_SERVERS)
                .map(|ip| SocketAddr::new(ip, 53))
                .collect(),
            search: told.search.into_iter().take(MAX_SEARCH).collect(),
            dots: 1,
            hosts: text(&hosts),
        }
    }

    #[cfg(any(unix, test))]
    fn read(configuration: &str, hosts: String) -> Self {
        let mut found = Self {
            dots: 1,
            hosts,
            ..Self::default()
        };
        for line in configuration.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| {
                        // A link-local server with its interface is left to the system's own resolver.
                        word.parse::<IpAddr>().ok()
                    });
                    if let Some(ip) = address.filter(|_| found.addresses.len() < MAX_SERVERS) {
                        found.addresses.push(SocketAddr::new(ip, 53));
                    }
                }
                Some("search" | "domain") => {
                    found.search = words.take(MAX_SEARCH).map(str::to_owned).collect();
                }
                Some("options") => {
                    for option in words {
                        if let Some(dots) = option.strip_prefix("ndots:") {
                            found.dots = dots.parse().unwrap_or(1).min(15);
                        }
                    }
                }
                _ => {}
            }
        }
        if found.addresses.is_empty() {
            // resolv.conf(5): without a server, the one on this host.
            found.addresses.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
        found
    }

    /// The addresses that the hosts file has for a name.
    pub(super) fn hosts(&self, name: &str) -> Vec<IpAddr> {
        let name = name.trim_end_matches('.');
        let of_line = |line: &str| {
            let line = line.split('#').next()?;
            let mut words = line.split_whitespace();
            let ip: IpAddr = words.next()?.parse().ok()?;
            words
                .any(|word| word.eq_ignore_ascii_case(name))
                .then_some(ip)
        };
        self.hosts.lines().filter_map(of_line).take(16).collect()
    }

    /// The names to ask for: as it is, and with the search list's suffixes where it is short.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let plain = name.trim_end_matches('.').to_owned();
        let is_whole = name.ends_with('.') || plain.starts_with('_');
        let dots = plain.matches('.').count();
        if is_whole || dots >= self.dots || self.search.is_empty() {
            return vec![plain];
        }
        let suffixed = self.search.iter().map(|suffix| format!("{plain}.{suffix}"));
        suffixed.chain([plain.clone()]).collect()
    }
}

fn text(path: &Path) -> String {
    match std::fs::metadata(path) {
        Ok(facts) if facts.len() <= MAX_FILE => std::fs::read_to_string(path).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_read() {
        let found = NameServers::read(
            "# x\nnameserver 192.0.2.1\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nsearch office.example example\noptions ndots:2 edns0\n",
            "127.0.0.1 localhost\n192.0.2.7 PBX pbx.example # ours\nnonsense pbx\n".to_owned(),
        );
        assert_eq!(found.addresses.len(), 3);
        assert_eq!(found.addresses[1], "[2001:db8::53]:53".parse().unwrap());
        assert_eq!(
            found.candidates("pbx.sales"),
            ["pbx.sales.office.example", "pbx.sales.example", "pbx.sales"]
        );
        assert_eq!(found.candidates("pbx."), ["pbx"]);
        assert_eq!(found.candidates("a.b.c"), ["a.b.c"]);
        assert_eq!(found.hosts("pbx"), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        assert!(found.hosts("ours").is_empty());
        let none = NameServers::read("", String::new());
        assert_eq!(none.addresses, ["127.0.0.1:53".parse().unwrap()]);
    }
}
