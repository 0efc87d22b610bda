//! Which hooks run: the desk's own as they are, the server's where `agent.yaml` lets them.
//!
//! Owns `hooks_allow` and `webhook_keys`. Whoever can sign a configuration must not thereby be able to run programs on
//! the desk (threat A17), so what the server may have run is written down on the desk, by whoever installed it.

use std::path::PathBuf;

use carillon_schemas::Secret;
use carillon_schemas::config::{ConfigError, Hook, MAX_HOOKS};
use carillon_schemas::hook::{check_scheme, is_full_path, is_name};
use carillon_schemas::sip_address::{is_host, split_port};
use serde::Deserialize;

use super::AgentFile;
use crate::running::{Origin, RunningHook};

/// The most programs, schemes or keys that a file lists.
const MAX_LISTED: usize = 64;
/// The shortest key of a webhook, in bytes.
const MIN_KEY: usize = 16;

/// What the server's hooks may do on this desk, beyond opening web addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HooksAllow {
    /// Programs by their full path, exactly as the server's hooks write them.
    #[serde(default)]
    pub run: Vec<String>,
    /// Schemes of addresses beside `http` and `https`, for the server's hooks and the desk's own.
    #[serde(default)]
    pub open: Vec<String>,
}

/// A key that signs what is posted to one host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WebhookKey {
    /// What hooks call it.
    pub name: String,
    /// `host` or `host:port`, the only one it signs for.
    pub host: String,
    /// The key of the HMAC; at least 16 bytes.
    pub secret: Secret,
    /// PEM certificates of the authorities that may vouch for the host, in place of the platform's; relative to the
    /// file's folder.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl HooksAllow {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first entry that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |path: String, why: String| Err(ConfigError { path, why });
        for (key, list) in [("run", &self.run), ("open", &self.open)] {
            if list.len() > MAX_LISTED {
                return fail(
                    format!("hooks_allow.{key}"),
                    format!("lists at most {MAX_LISTED}"),
                );
            }
        }
        for (index, program) in self.run.iter().enumerate() {
            if !is_full_path(program) {
                return fail(
                    format!("hooks_allow.run[{index}]"),
                    "must be the full path of a program, without ..".to_owned(),
                );
            }
        }
        for (index, scheme) in self.open.iter().enumerate() {
            if let Err(why) = check_scheme(scheme) {
                return fail(format!("hooks_allow.open[{index}]"), why);
            }
        }
        Ok(())
    }
}

/// Checks the keys of a file.
///
/// # Errors
/// The first that cannot be; never with the key itself.
pub(super) fn validate_keys(keys: &[WebhookKey]) -> Result<(), ConfigError> {
    let fail = |path: String, why: &str| {
        Err(ConfigError {
            path,
            why: why.to_owned(),
        })
    };
    if keys.len() > MAX_LISTED {
        return fail("webhook_keys".to_owned(), "lists at most 64");
    }
    for (index, key) in keys.iter().enumerate() {
        let at = format!("webhook_keys[{index}]");
        if !is_name(&key.name) {
            return fail(
                format!("{at}.name"),
                "must be 1 to 64 letters, digits, '-', '_' or '.'",
            );
        }
        if keys[..index].iter().any(|other| other.name == key.name) {
            return fail(format!("{at}.name"), "is the name of another key already");
        }
        if !split_port(&key.host).is_some_and(|(host, port)| is_host(host) && port != Some(0)) {
            return fail(format!("{at}.host"), "is no host or host:port");
        }
        if key.secret.expose().len() < MIN_KEY {
            return fail(
                format!("{at}.secret"),
                "must have at least 16 bytes (openssl rand -hex 32 makes one)",
            );
        }
    }
    Ok(())
}

/// The hooks to run: the server's first, then the desk's own; what may not run is told in `warnings`.
pub(super) fn admit(
    server: &[Hook],
    local: &AgentFile,
    warnings: &mut Vec<String>,
) -> Vec<RunningHook> {
    let mut admitted = Vec::new();
    let of_server = server.iter().map(|hook| (Origin::Server, hook));
    let own = local.hooks.iter().map(|hook| (Origin::Local, hook));
    for (index, (origin, hook)) in of_server.enumerate().chain(own.enumerate()) {
        let whose = match origin {
            Origin::Server => "the server's configuration",
            Origin::Local => "agent.yaml",
        };
        let name = format!("hooks[{index}] of {whose}, on {}", hook.on.as_str());
        if admitted.len() == MAX_HOOKS {
            warnings.push(format!(
                "{name}: left out, since a desk has at most {MAX_HOOKS} hooks"
            ));
            continue;
        }
        match check(origin, hook, local) {
            Ok(key) => admitted.push(RunningHook {
                name,
                hook: hook.clone(),
                key,
            }),
            Err(why) => warnings.push(format!("{name}: left out, since {why}")),
        }
    }
    admitted
}

/// The key that the hook signs with, or why it may not run.
fn check(origin: Origin, hook: &Hook, local: &AgentFile) -> Result<Option<WebhookKey>, String> {
    let allow = &local.hooks_allow;
    if let Some(program) = hook.run.first()
        && origin == Origin::Server
        && !allow.run.contains(program)
    {
        return Err(format!(
            "{program} is not among hooks_allow.run of this desk's agent.yaml"
        ));
    }
    if let Some(url) = &hook.open {
        let scheme = url.split(':').next().unwrap_or_default();
        let known = matches!(scheme, "http" | "https");
        if !known && !allow.open.iter().any(|allowed| allowed == scheme) {
            return Err(format!(
                "{scheme}: is not among hooks_allow.open of this desk's agent.yaml"
            ));
        }
    }
    let Some(post) = &hook.post else {
        return Ok(None);
    };
    let Some(key) = local.webhook_keys.iter().find(|key| key.name == post.key) else {
        return Err(format!(
            "there is no key {:?} in webhook_keys of this desk's agent.yaml",
            post.key
        ));
    };
    if !key.host.eq_ignore_ascii_case(post.host()) {
        return Err(format!(
            "key {:?} signs for {} only, not for {}",
            post.key,
            key.host,
            post.host()
        ));
    }
    Ok(Some(key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(yaml: &str) -> AgentFile {
        AgentFile::from_yaml(yaml).unwrap()
    }

    fn hooks(yaml: &str) -> Vec<Hook> {
        local(&format!("hooks: {yaml}")).hooks
    }

    const KEYS: &str = "webhook_keys: [{name: crm, host: crm.example, secret: 0123456789abcdef}]\n";

    #[test]
    fn attack_b_config_of_the_server_runs_nothing_that_the_desk_did_not_allow() {
        let server = hooks(
            "[{on: incoming, run: [/bin/rm, -rf, /]}, {on: incoming, run: [/usr/bin/pop]}, \
              {on: incoming, open: 'ms-msdt:x'}, {on: incoming, open: 'https://crm.example/'}, \
              {on: incoming, post: {url: 'https://crm.example/x', key: other}}, \
              {on: incoming, post: {url: 'https://evil.example/x', key: crm}}, \
              {on: incoming, post: {url: 'https://crm.example/x', key: crm}}]",
        );
        let desk = local(&format!("{KEYS}hooks_allow: {{run: [/usr/bin/pop]}}"));
        let mut warnings = Vec::new();
        let admitted = admit(&server, &desk, &mut warnings);
        let names: Vec<_> = admitted.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "hooks[1] of the server's configuration, on incoming",
                "hooks[3] of the server's configuration, on incoming",
                "hooks[6] of the server's configuration, on incoming",
            ]
        );
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings[0].contains("/bin/rm is not among hooks_allow.run"));
        assert!(warnings[1].contains("ms-msdt"));
        assert!(warnings[2].contains("no key \"other\""));
        assert!(warnings[3].contains("signs for crm.example only"));
    }

    #[test]
    fn the_desks_own_programs_need_no_leave() {
        let desk = local("hooks: [{on: ended, run: [/usr/bin/pop]}]");
        let mut warnings = Vec::new();
        let admitted = admit(&[], &desk, &mut warnings);
        assert_eq!((admitted.len(), warnings), (1, vec![]));
    }

    #[test]
    fn what_cannot_be_allowed_is_named_and_no_key_quoted() {
        for (yaml, why) in [
            ("hooks_allow: {run: [pop]}", "hooks_allow.run[0]"),
            ("hooks_allow: {open: [javascript]}", "hooks_allow.open[0]"),
            ("hooks_allow: {rum: []}", "did you mean \"run\""),
            (
                "webhook_keys: [{name: a, host: h, secret: shortest}]",
                "webhook_keys[0].secret",
            ),
            (
                "webhook_keys: [{name: a, host: 'h/', secret: 0123456789abcdef}]",
                "webhook_keys[0].host",
            ),
            (
                "hooks: [{on: incoming, run: [/a, '{password}']}]",
                "hooks[0].run[1]",
            ),
            ("hooks: [{on: incomming, run: [/a]}]", "incoming"),
        ] {
            let error = AgentFile::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(why), "{yaml}: {error}");
            assert!(!error.contains("shortest"), "{error}");
        }
    }
}
