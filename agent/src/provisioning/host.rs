//! What the desk says of the machine it runs on.

use carillon_schemas::enrolment::HostInfo;

/// The longest name, in characters.
const MAX_NAME: usize = 128;

/// Name, operating system and version of the agent.
pub fn info() -> HostInfo {
    HostInfo {
        name: name(),
        os: os(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn name() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    bounded(&told).unwrap_or_else(|| "unknown".into())
}

#[cfg(windows)]
fn os() -> String {
    crate::windows::version::name()
}

#[cfg(not(windows))]
fn os() -> String {
    std::fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            bounded(value.trim_matches('"'))
        })
        .unwrap_or_else(|| std::env::consts::OS.to_owned())
}

fn bounded(text: &str) -> Option<String> {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_never_empty() {
        let host = info();
        assert!(!host.name.is_empty() && !host.os.is_empty());
        assert_eq!(bounded(&"x".repeat(500)).unwrap().len(), MAX_NAME);
        assert_eq!(bounded(" \n"), None);
    }
}
