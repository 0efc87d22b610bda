//! `[AccountN]` as one of `accounts`.

use super::convert::{Source, address, id};
use super::features;
use super::yaml::Node;
use carillon_schemas::Secret;
use carillon_schemas::config::Contact;
use carillon_schemas::sip_address::{is_host, split_port};

/// The account of that section; `None` when it cannot be one.
pub(super) fn convert(
    source: &mut Source<'_>,
    section: &str,
    contacts: &mut Vec<Node>,
) -> Option<Node> {
    let ini = source.ini;
    let value = |key: &str| ini.value(section, key);
    let server = value("server").filter(|server| is_server(server));
    if server.is_none() && value("server").is_some() {
        source.leave(section, "server", "it is no host or host:port");
    }
    let domain = value("domain").or_else(|| server.and_then(split_port).map(|(host, _)| host));
    let (Some(user), Some(domain)) = (value("username"), domain) else {
        source.leave(
            section,
            "username",
            "without a user and a domain there is no account; it is left out",
        );
        return None;
    };
    let host = split_port(domain).map_or(domain, |(host, _)| host);
    let Some(address) = address(user, host) else {
        source.leave(
            section,
            "username",
            "user and domain make no SIP address; the account is left out",
        );
        return None;
    };
    let mut enabled = true;
    if let Some("mandatory" | "dtls") = value("SRTP") {
        enabled = false;
        let why = "it demands encrypted sound, which this version does not speak: the account comes disabled ('enabled: true' lets it talk unencrypted)";
        source.leave(section, "SRTP", why);
    }
    if let Some(number) = value("voicemailNumber") {
        let contact = Contact {
            name: format!("Voicemail {user}"),
            number: number.to_owned(),
        };
        if contact.validate("contact").is_ok() {
            contacts.push(Node::Map(vec![
                ("name", Node::text(contact.name)),
                ("number", Node::text(contact.number)),
            ]));
        } else {
            source.leave(section, "voicemailNumber", "it is no number");
        }
    }
    let registrar = server.filter(|server| *server != host);
    let without_port = registrar.or_else(|| {
        let with_port = split_port(domain).is_some_and(|(_, port)| port.is_some());
        (with_port && is_server(domain)).then_some(domain)
    });
    let proxy = value("proxy").map(|proxy| {
        let proxy = proxy.trim_start_matches("sip:").trim_start_matches("sips:");
        proxy.split(';').next().unwrap_or_default().to_owned()
    });
    let proxy = proxy.filter(|proxy| {
        let good = is_server(proxy);
        if !good {
            source.leave(section, "proxy", "it is no host or host:port");
        }
        good
    });
    let transport = match value("transport") {
        None if source.is_on("dnsSrv") => "auto",
        // Both: a PBX that only takes one of them takes UDP.
        None | Some("udp") => "udp",
        Some("tcp") => "tcp",
        Some("tls") => "tls",
        Some(_) => {
            source.leave(
                section,
                "transport",
                "it is none of udp, tcp and tls; UDP is used",
            );
            "udp"
        }
    };
    let expires = number(source, section, "registerRefresh", 30..=86_400);
    let keep_alive = match value("keepAlive") {
        Some("0") => Some(("keep_alive", Node::word("off"))),
        _ => number(source, section, "keepAlive", 1..=3_600)
            .map(|seconds| ("keep_alive_interval", Node::word(seconds))),
    };
    let deny = source.setting("denyIncoming");
    let accept_from = matches!(
        deny,
        Some("user" | "domain" | "userdomain" | "remotedomain")
    )
    .then(|| Node::word("proxy"));
    let password = password(source, section, user, host);
    let max_calls = source
        .setting("maxConcurrentCalls")
        .and_then(|n| n.parse::<u32>().ok());
    let max_calls = max_calls
        .filter(|calls| *calls > 0)
        .map(|calls| calls.min(100));
    Some(Node::some(vec![
        ("id", Some(Node::text(id(section).as_str()))),
        (
            "label",
            value("label").and_then(|text| shown(source, section, "label", text)),
        ),
        ("address", Some(Node::text(address.as_str()))),
        (
            "display_name",
            value("displayName").and_then(|text| shown(source, section, "displayName", text)),
        ),
        (
            "username",
            value("authID")
                .filter(|id| *id != user)
                .and_then(|text| shown(source, section, "authID", text)),
        ),
        ("password", password),
        ("registrar", without_port.map(Node::text)),
        ("outbound_proxy", proxy.map(Node::text)),
        ("transport", Some(Node::word(transport))),
        ("connection", keep_alive.map(|entry| Node::Map(vec![entry]))),
        ("accept_from", accept_from),
        ("register_expires", expires.map(Node::word)),
        ("max_calls", max_calls.map(Node::word)),
        ("features", Some(features::of_account(source, section))),
        ("enabled", (!enabled).then(|| Node::word("false"))),
    ]))
}

/// The account that calls peers without a registrar.
pub(super) fn local() -> Node {
    Node::Map(vec![
        ("id", Node::text("local")),
        ("label", Node::text("Local")),
        ("address", Node::text("sip:local@localhost")),
        ("register", Node::word("false")),
    ])
}

fn password(source: &mut Source<'_>, section: &str, user: &str, host: &str) -> Option<Node> {
    if let Some(password) = source.passwords.of(source.desk, user, host) {
        return Some(Node::text(password.expose()));
    }
    let stored = source.ini.value(section, "password")?;
    if source.plain_passwords && Secret::new(stored.to_owned()).is_ok() {
        return Some(Node::text(stored));
    }
    if source.plain_passwords {
        let why = "it holds control characters or is too long";
        source.leave(section, "password", why);
        return None;
    }
    let why = "it is obfuscated in a way that is not documented; give it by --password-file, or say --plain-passwords where the file holds it in the clear";
    source.leave(section, "password", why);
    None
}

/// `host` or `host:port`.
fn is_server(text: &str) -> bool {
    split_port(text).is_some_and(|(host, port)| is_host(host) && port != Some(0))
}

/// A number within bounds; the nearest bound of one that is not.
fn number(
    source: &mut Source<'_>,
    section: &str,
    key: &str,
    bounds: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    let text = source.ini.value(section, key)?;
    let Ok(number) = text.parse::<u32>() else {
        source.leave(section, key, "it is no number; the usual value is used");
        return None;
    };
    let within = number.clamp(*bounds.start(), *bounds.end());
    if within != number {
        source.leave(
            section,
            key,
            format!("{number} is out of bounds; {within} is used"),
        );
    }
    Some(within)
}

/// A text that people see.
fn shown(source: &mut Source<'_>, section: &str, key: &str, text: &str) -> Option<Node> {
    if text.len() > 128 || text.chars().any(char::is_control) {
        source.leave(
            section,
            key,
            "it is longer than 128 bytes or holds control characters",
        );
        return None;
    }
    Some(Node::text(text))
}
