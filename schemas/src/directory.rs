//! An LDAP directory that a desk asks for people: for what somebody types, and for who is calling.

use serde::{Deserialize, Serialize};

use crate::AccountId;
use crate::config::ConfigError;
use crate::connection::MAX_CA;
use crate::ldap_filter::{LdapFilter, is_attribute};
use crate::sip_address::{is_host, split_port};

/// The most directories of one desk.
pub const MAX_DIRECTORIES: usize = 8;
/// The most people of one answer that may be asked for.
pub const MAX_SIZE_LIMIT: u16 = 500;
/// The longest that one question may be let take, in seconds.
pub const MAX_TIME_LIMIT: u16 = 30;
/// The most attributes of one kind.
const MAX_ATTRIBUTES: usize = 16;
/// The longest distinguished name, in bytes.
const MAX_NAME: usize = 512;

/// What stands for the typed text in `search_filter`.
pub const TEXT: &str = "{text}";
/// What stands for a caller's number in `number_filter`: whole, or `*` and its last digits.
pub const NUMBER: &str = "{number}";
/// The same with anything between its digits, for directories that keep numbers as people write them.
pub const DIGITS: &str = "{digits}";

/// One directory. `S` is how its password is held, as in [`Account`](crate::Account).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Directory<S> {
    /// Unique among the accounts and directories of a desk.
    pub id: AccountId,
    /// The name shown with its people; the id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `ldap://host`, `ldaps://host`, each with a port or without; 389 and 636 when absent.
    pub url: String,
    /// Encrypt an `ldap:` connection before anything is said (RFC 4511 §4.14).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start_tls: bool,
    /// Authorities in PEM that alone may vouch for the server; the platform's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Below which entry people are looked for: `ou=people,dc=example,dc=org`.
    pub base: String,
    /// Who asks; nobody in particular when absent. Needs a password, and TLS for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_dn: Option<String>,
    /// The password of `bind_dn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<S>,
    /// Finds people by what somebody types, `{text}`; a part of a name or number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_filter: Option<String>,
    /// Finds a caller by `{number}` or `{digits}`; those of `number_attributes` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_filter: Option<String>,
    /// Where a person's name stands, the best first; `displayName`, `cn` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_attributes: Option<Vec<String>>,
    /// Where numbers stand, in the order shown; `telephoneNumber`, `mobile`, `homePhone` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_attributes: Option<Vec<String>>,
    /// The most people of one answer, 1 to 500; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<u16>,
    /// The most seconds for one question, from the connection to the last answer, 1 to 30; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<u16>,
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryServer {
    /// The host, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub security: DirectorySecurity,
}

/// How a connection to a directory is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectorySecurity {
    /// Not at all.
    Clear,
    /// TLS once the server agrees.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

impl<S> Directory<S> {
    /// The name shown with its people.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// Where names stand.
    pub fn name_attributes(&self) -> Vec<&str> {
        or(&self.name_attributes, &["displayName", "cn"])
    }

    /// Where numbers stand.
    pub fn number_attributes(&self) -> Vec<&str> {
        or(
            &self.number_attributes,
            &["telephoneNumber", "mobile", "homePhone"],
        )
    }

    /// The template that finds people by a text.
    pub fn search_filter(&self) -> String {
        self.search_filter.clone().unwrap_or_else(|| {
            let names = self.name_attributes().into_iter();
            any_of(names.chain(self.number_attributes()), "*{text}*")
        })
    }

    /// The template that finds a caller.
    pub fn number_filter(&self) -> String {
        let usual = || any_of(self.number_attributes().into_iter(), NUMBER);
        self.number_filter.clone().unwrap_or_else(usual)
    }

    /// The most people of one answer.
    pub fn size_limit(&self) -> u16 {
        self.size_limit.unwrap_or(50)
    }

    /// The most seconds for one question.
    pub fn time_limit(&self) -> u16 {
        self.time_limit.unwrap_or(5)
    }

    /// Where it is; `None` when `url` is no address of one.
    pub fn server(&self) -> Option<DirectoryServer> {
        let (scheme, rest) = self.url.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ldap" => false,
            "ldaps" => true,
            _ => return None,
        };
        let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest))?;
        if !is_host(host) || port == Some(0) {
            return None;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Some(DirectoryServer {
            host: bare.to_owned(),
            port: port.unwrap_or(if tls { 636 } else { 389 }),
            security: match (tls, self.start_tls) {
                (true, _) => DirectorySecurity::Tls,
                (false, true) => DirectorySecurity::StartTls,
                (false, false) => DirectorySecurity::Clear,
            },
        })
    }

    /// The same directory with its password held another way.
    pub fn map_password<T>(self, with: impl FnOnce(Option<S>) -> Option<T>) -> Directory<T> {
        Directory {
            password: with(self.password),
            id: self.id,
            name: self.name,
            url: self.url,
            start_tls: self.start_tls,
            ca: self.ca,
            base: self.base,
            bind_dn: self.bind_dn,
            search_filter: self.search_filter,
            number_filter: self.number_filter,
            name_attributes: self.name_attributes,
            number_attributes: self.number_attributes,
            size_limit: self.size_limit,
            time_limit: self.time_limit,
        }
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        let fail = |key: &str, why: String| {
            Err(ConfigError {
                path: format!("{at}.{key}"),
                why,
            })
        };
        if let Some(name) = &self.name
            && !is_line(name, 64)
        {
            return fail("name", line_of(64));
        }
        let Some(server) = self.server() else {
            let why = "must be ldap://host or ldaps://host, with a port or without, and nothing behind it";
            return fail("url", why.into());
        };
        if self.start_tls && server.security == DirectorySecurity::Tls {
            let why = "is for ldap://; an ldaps:// connection is encrypted from its first byte";
            return fail("start_tls", why.into());
        }
        if let Some(ca) = &self.ca
            && (ca.len() > MAX_CA || !ca.contains("-----BEGIN CERTIFICATE-----"))
        {
            let why = format!("must be certificates in PEM, at most {MAX_CA} bytes");
            return fail("ca", why);
        }
        if !self.base.is_empty() && !is_line(&self.base, MAX_NAME) {
            return fail("base", line_of(MAX_NAME));
        }
        if let Some(name) = &self.bind_dn {
            if !is_line(name, MAX_NAME) {
                return fail("bind_dn", line_of(MAX_NAME));
            }
            if server.security == DirectorySecurity::Clear {
                let why = "its password would be in the clear on the network: use ldaps://, or start_tls: true";
                return fail("bind_dn", why.into());
            }
        } else if self.password.is_some() {
            return fail("password", "needs a bind_dn whose password it is".into());
        }
        for (key, list) in [
            ("name_attributes", &self.name_attributes),
            ("number_attributes", &self.number_attributes),
        ] {
            if let Some(list) = list
                && (list.is_empty()
                    || list.len() > MAX_ATTRIBUTES
                    || !list.iter().all(|name| is_attribute(name)))
            {
                let why = format!("must name 1 to {MAX_ATTRIBUTES} attributes");
                return fail(key, why);
            }
        }
        let search = LdapFilter::check(&self.search_filter(), &[TEXT]);
        let number = LdapFilter::check(&self.number_filter(), &[NUMBER, DIGITS]);
        for (key, checked) in [("search_filter", search), ("number_filter", number)] {
            if let Err(error) = checked {
                return fail(key, format!("is no LDAP filter (RFC 4515): {error}"));
            }
        }
        if !(1..=MAX_SIZE_LIMIT).contains(&self.size_limit()) {
            let why = format!("must be between 1 and {MAX_SIZE_LIMIT} people");
            return fail("size_limit", why);
        }
        if !(1..=MAX_TIME_LIMIT).contains(&self.time_limit()) {
            let why = format!("must be between 1 and {MAX_TIME_LIMIT} seconds");
            return fail("time_limit", why);
        }
        Ok(())
    }
}

/// Checks a list of directories beside the ids of the accounts.
///
/// # Errors
/// The first setting out of bounds.
pub fn validate_all<'a, S: 'a>(
    directories: impl IntoIterator<Item = &'a Directory<S>>,
    accounts: impl IntoIterator<Item = &'a AccountId>,
) -> Result<(), ConfigError> {
    let mut taken: std::collections::BTreeSet<_> = accounts.into_iter().collect();
    for (index, directory) in directories.into_iter().enumerate() {
        let at = format!("directories[{index}]");
        if index == MAX_DIRECTORIES {
            return Err(ConfigError {
                path: "directories".into(),
                why: format!("a desk has at most {MAX_DIRECTORIES} directories"),
            });
        }
        directory.validate(&at)?;
        // A password is sealed and kept under its id.
        if !taken.insert(&directory.id) {
            return Err(ConfigError {
                path: format!("{at}.id"),
                why: format!(
                    "{:?} is the id of an account or another directory already",
                    directory.id.as_str()
                ),
            });
        }
    }
    Ok(())
}

fn or<'a>(given: &'a Option<Vec<String>>, usual: &[&'a str]) -> Vec<&'a str> {
    match given {
        Some(given) => given.iter().map(String::as_str).collect(),
        None => usual.to_vec(),
    }
}

fn any_of<'a>(attributes: impl Iterator<Item = &'a str>, value: &str) -> String {
    let each: String = attributes.map(|name| format!("({name}={value})")).collect();
    format!("(|{each})")
}

fn is_line(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

fn line_of(longest: usize) -> String {
    format!("must be 1 to {longest} bytes without control characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn directory(more: &str) -> Directory<Secret> {
        let yaml =
            format!("{{id: company, url: 'ldaps://ldap.example', base: 'dc=example'{more}}}");
        serde_yaml::from_str(&yaml).unwrap()
    }

    fn at(url: &str) -> Directory<Secret> {
        Directory {
            url: url.into(),
            ..directory("")
        }
    }

    #[test]
    fn the_usual_is_enough() {
        let usual = directory("");
        usual.validate("directories[0]").unwrap();
        assert_eq!(usual.name(), "company");
        assert_eq!(
            usual.search_filter(),
            "(|(displayName=*{text}*)(cn=*{text}*)(telephoneNumber=*{text}*)(mobile=*{text}*)(homePhone=*{text}*))"
        );
        assert_eq!(
            usual.number_filter(),
            "(|(telephoneNumber={number})(mobile={number})(homePhone={number}))"
        );
        let server = usual.server().unwrap();
        assert_eq!((server.host.as_str(), server.port), ("ldap.example", 636));
        let server = at("LDAP://[::1]:1389/").server().unwrap();
        assert_eq!((server.host.as_str(), server.port), ("::1", 1389));
        assert_eq!(server.security, DirectorySecurity::Clear);
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (more, key) in [
            (", name: ''", "name"),
            (", start_tls: true", "start_tls"),
            (", ca: nonsense", "ca"),
            (", password: secret", "password"),
            (", search_filter: '(cn=*)'", "search_filter"),
            (", search_filter: 'cn={text}'", "search_filter"),
            (", number_filter: '(cn={text})'", "number_filter"),
            (", name_attributes: []", "name_attributes"),
            (", number_attributes: ['a)(b']", "number_attributes"),
            (", size_limit: 0", "size_limit"),
            (", size_limit: 501", "size_limit"),
            (", time_limit: 31", "time_limit"),
        ] {
            let refused = directory(more).validate("directories[0]").unwrap_err();
            assert_eq!(refused.path, format!("directories[0].{key}"), "{more}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
        for url in [
            "http://x",
            "ldap://",
            "ldap://x/dc=example??sub",
            "ldap://user@x",
            "ldap://x:0",
        ] {
            let refused = at(url).validate("d").unwrap_err();
            assert_eq!(refused.path, "d.url", "{url}");
        }
    }

    #[test]
    fn attack_b_a_password_never_travels_in_the_clear() {
        let mut open = directory(", bind_dn: 'cn=reader', password: secret");
        open.validate("d").unwrap();
        open.url = "ldap://ldap.example".into();
        assert_eq!(open.validate("d").unwrap_err().path, "d.bind_dn");
        open.start_tls = true;
        open.validate("d").unwrap();
        assert!(!format!("{open:?}").contains("secret"));
    }

    #[test]
    fn ids_are_unique_beside_those_of_accounts() {
        let account: AccountId = "company".parse().unwrap();
        let one = [directory("")];
        validate_all(&one, []).unwrap();
        let taken = validate_all(&one, [&account]).unwrap_err();
        assert_eq!(taken.path, "directories[0].id");
        let twice = [directory(""), directory("")];
        assert_eq!(
            validate_all(&twice, []).unwrap_err().path,
            "directories[1].id"
        );
        let many: Vec<_> = (0..=MAX_DIRECTORIES)
            .map(|n| Directory {
                id: format!("d{n}").parse().unwrap(),
                ..directory("")
            })
            .collect();
        assert_eq!(validate_all(&many, []).unwrap_err().path, "directories");
    }
}
