//! Who is called: what a person types, made into a SIP URI (RFC 3261 §19.1, RFC 3966).
//!
//! Owns the reading of a target. Resolves nothing and calls nobody.

use std::net::IpAddr;

use carillon_schemas::SipAddress;
use carillon_schemas::sip_address::{is_host, split_port};
use carillon_sip::Uri;

mod escapes;
mod number;
mod token;

pub(crate) use escapes::unescaped;
pub(crate) use number::number_of;
pub(crate) use token::placeholder;

/// Longest target, in bytes.
pub const MAX_TARGET: usize = 256;

/// Makes a SIP URI of a target typed on an account.
///
/// A number or name is taken in the account's domain, also behind `tel:`, `callto:`, `dial:` or `dialpad:`;
/// `user@host`, `host:port`, an IP address and `sip:` URIs are taken as they are, without the headers, the
/// password and the method that a URI may carry. Numbers may be written as people write them.
///
/// # Errors
/// What is wrong with the target, and what to write.
pub fn target_uri(target: &str, account: &SipAddress) -> Result<String, TargetError> {
    match read(target)? {
        Reading::Number(user) | Reading::Name(user) => checked(&in_domain(&user, account)),
        Reading::Address(uri) => Ok(uri),
    }
}

/// The target in its shortest form, which reads the same again: a number, a name or a SIP URI.
///
/// # Errors
/// What is wrong with the target.
pub(crate) fn plain_target(target: &str) -> Result<String, TargetError> {
    read(target).map(|reading| match reading {
        Reading::Number(text) | Reading::Name(text) | Reading::Address(text) => text,
    })
}

/// The number that is dialled, when the target is one.
pub(crate) fn dialled_number(target: &str) -> Option<String> {
    match read(target) {
        Ok(Reading::Number(number)) => Some(number),
        _ => None,
    }
}

/// The address and port of a target that is an IP address: somebody who is called without a registrar.
pub(crate) fn peer_address(target: &str) -> Option<(IpAddr, Option<u16>)> {
    match read(target) {
        Ok(Reading::Address(uri)) => literal_address(&uri),
        _ => None,
    }
}

/// A target that cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing there.
    #[error("the target is empty; write a number, a name, user@host or a sip: URI")]
    Empty,
    /// Above [`MAX_TARGET`].
    #[error("the target is longer than {MAX_TARGET} bytes")]
    TooLong,
    /// A line end, NUL or the like.
    #[error("the target holds a control character; remove it")]
    ControlCharacter,
    /// `%number%`, which the caller's program should have replaced.
    #[error(
        "{token} was not replaced by a number: the program that dials does not know this token"
    )]
    Placeholder {
        /// The token.
        token: String,
    },
    /// `tel:` without a number.
    #[error("there is no telephone number after tel:; write it as tel:+4312345")]
    Number,
    /// No SIP URI.
    #[error("{why}; write a number, a name, user@host or a sip: URI")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
}

/// The address and port of a URI whose host is an IP address.
pub(crate) fn literal_address(uri: &str) -> Option<(IpAddr, Option<u16>)> {
    let uri: Uri = uri.parse().ok()?;
    Some((uri.host.ip()?, uri.port))
}

/// What a target is.
enum Reading {
    Number(String),
    Name(String),
    /// A SIP URI that parses.
    Address(String),
}

fn read(target: &str) -> Result<Reading, TargetError> {
    let target = target.trim();
    if target.is_empty() {
        return Err(TargetError::Empty);
    }
    if target.len() > MAX_TARGET {
        return Err(TargetError::TooLong);
    }
    if target.chars().any(char::is_control) {
        return Err(TargetError::ControlCharacter);
    }
    if let Some(token) = placeholder(target) {
        return Err(TargetError::Placeholder {
            token: token.to_owned(),
        });
    }
    let Some((scheme, rest)) = target.split_once(':') else {
        return bare(target);
    };
    // Some write `sip://`, as if it led to a page.
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    match scheme.to_ascii_lowercase().as_str() {
        "sip" => sip("sip", rest),
        "sips" => sip("sips", rest),
        "tel" => {
            // What follows a semicolon is for networks: an extension is dialled by keys, a context is the account's domain.
            let number = rest.split([';', '?']).next().unwrap_or_default();
            let number = unescaped(number.trim_end_matches('/')).ok_or(TargetError::Number)?;
            number_of(&number)
                .map(Reading::Number)
                .ok_or(TargetError::Number)
        }
        "callto" | "dial" | "dialpad" => {
            let rest = rest.split('?').next().unwrap_or_default();
            let rest = unescaped(rest.trim_end_matches('/')).ok_or_else(|| {
                unreadable("what follows a percent sign is not two hexadecimal digits of a text")
            })?;
            // Once, without a scheme again, and nothing that was hidden behind escapes.
            let nested = rest.contains(':') && !(is_address(&rest) && rest.contains(['.', '[']));
            if nested || rest.chars().any(char::is_control) {
                return Err(unreadable(
                    "there is no number or address behind the scheme",
                ));
            }
            bare(rest.trim())
        }
        _ => bare(target),
    }
}

/// What has no scheme.
fn bare(text: &str) -> Result<Reading, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if text.contains('@') {
        return sip("sip", text);
    }
    if is_address(text) {
        return checked(&format!("sip:{}", bracketed(text))).map(Reading::Address);
    }
    match number_of(text) {
        Some(number) => Ok(Reading::Number(number)),
        None if text.contains([':', '/', ' ', '<', '>', '"']) => Err(unreadable(
            "it is neither a number, a name nor a SIP address",
        )),
        None => Ok(Reading::Name(text.to_owned())),
    }
}

/// A SIP URI, or a number behind `sip:`.
fn sip(scheme: &str, rest: &str) -> Result<Reading, TargetError> {
    if scheme == "sip"
        && !rest.contains('@')
        && !is_address(rest)
        && let Some(number) = number_of(rest)
    {
        return Ok(Reading::Number(number));
    }
    let mut uri = parsed(&format!("{scheme}:{rest}"))?;
    // RFC 3261 §19.1.1: none of these stands in a Request-URI, and none is what a person means to send.
    uri.headers = None;
    uri.password = None;
    uri.params.remove("method");
    Ok(Reading::Address(uri.to_string()))
}

fn unreadable(why: &str) -> TargetError {
    TargetError::Unreadable {
        why: why.to_owned(),
    }
}

fn parsed(uri: &str) -> Result<Uri, TargetError> {
    uri.parse::<Uri>()
        .map_err(|error| unreadable(&error.to_string()))
}

fn checked(uri: &str) -> Result<String, TargetError> {
    parsed(uri).map(|_| uri.to_owned())
}

/// The user at the account's domain, with the port written there.
fn in_domain(user: &str, account: &SipAddress) -> String {
    let text = account.as_str();
    let domain = text.rfind('@').map_or(text, |at| &text[at + 1..]);
    let mut escaped = String::new();
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("sip:{escaped}@{domain}")
}

/// An IP address, or a host with a port.
fn is_address(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    match split_port(text) {
        Some((host, Some(port))) => port != 0 && is_host(host),
        Some((host, None)) => host.starts_with('[') && is_host(host),
        None => false,
    }
}

fn bracketed(text: &str) -> String {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(target: &str) -> Result<String, TargetError> {
        target_uri(target, &"sip:1001@pbx.example.org:5070".parse().unwrap())
    }

    #[test]
    fn reads_what_people_type() {
        for (typed, wanted) in [
            ("1002", "sip:1002@pbx.example.org:5070"),
            (
                " +43 (1) 234-56.78 ",
                "sip:+4312345678@pbx.example.org:5070",
            ),
            ("*97", "sip:*97@pbx.example.org:5070"),
            ("#31#1002", "sip:%2331%231002@pbx.example.org:5070"),
            ("alice", "sip:alice@pbx.example.org:5070"),
            ("alice@other.example", "sip:alice@other.example"),
            ("SIP:bob@192.0.2.7:5080", "sip:bob@192.0.2.7:5080"),
            (
                "tel:+43-1-234;phone-context=x",
                "sip:+431234@pbx.example.org:5070",
            ),
            (
                "tel:863-1234;phone-context=+1-914-555;ext=12;isub=9",
                "sip:8631234@pbx.example.org:5070",
            ),
            ("TEL:%2B49%20(0)89%2012", "sip:+498912@pbx.example.org:5070"),
            ("tel://1002/", "sip:1002@pbx.example.org:5070"),
            ("callto:+49 89 12", "sip:+498912@pbx.example.org:5070"),
            ("callto://1002/", "sip:1002@pbx.example.org:5070"),
            ("callto:bob@other.example?x=y", "sip:bob@other.example"),
            ("dial:1002", "sip:1002@pbx.example.org:5070"),
            ("dialpad:192.0.2.7:5080", "sip:192.0.2.7:5080"),
            ("sip:1002", "sip:1002@pbx.example.org:5070"),
            ("sip://bob@other.example", "sip:bob@other.example"),
            (
                "sip:bob:hunter2@other.example;transport=tcp;method=REFER?Replaces=x&subject=y",
                "sip:bob@other.example;transport=tcp",
            ),
            ("bob@[2001:db8::1]:5080", "sip:bob@[2001:db8::1]:5080"),
            ("192.0.2.7", "sip:192.0.2.7"),
            ("192.0.2.7:5080", "sip:192.0.2.7:5080"),
            ("2001:db8::1", "sip:[2001:db8::1]"),
            ("[2001:db8::1]:5080", "sip:[2001:db8::1]:5080"),
        ] {
            assert_eq!(uri(typed).as_deref(), Ok(wanted), "{typed}");
        }
    }

    #[test]
    fn refuses_the_rest_with_a_reason() {
        assert_eq!(uri(" "), Err(TargetError::Empty));
        assert_eq!(uri(&"1".repeat(300)), Err(TargetError::TooLong));
        assert_eq!(uri("1002\r\nX: y"), Err(TargetError::ControlCharacter));
        assert_eq!(uri("sips:a@b").unwrap(), "sips:a@b");
        for bad in ["tel:hello", "tel:", "tel:%zz", "tel:1%00", "tel:;ext=1"] {
            assert_eq!(uri(bad), Err(TargetError::Number), "{bad}");
        }
        for token in ["%number%", "{number}"] {
            let error = uri(&format!("sip:{token}@pbx")).unwrap_err();
            assert!(error.to_string().contains(token), "{error}");
        }
        for bad in [
            "callto:tel:1002",
            "callto:1002%0d%0aX",
            "callto:%ff",
            "callto:sip:bob@x",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "sip:",
            "http://x/",
            "a b@c d",
            "two words",
            "<sip:a@b>",
            "a@b:99999",
        ] {
            assert!(
                matches!(uri(bad), Err(TargetError::Unreadable { .. })),
                "{bad}: {:?}",
                uri(bad)
            );
        }
    }

    #[test]
    fn numbers_and_peers_are_told_apart() {
        for (target, number) in [
            ("+49 (0)89 1", Some("+49891")),
            ("tel:1-1-2", Some("112")),
            ("callto:112", Some("112")),
            ("sip:112", Some("112")),
            ("192.0.2.7", None),
            ("sip:112@pbx", None),
            ("alice", None),
        ] {
            assert_eq!(dialled_number(target).as_deref(), number, "{target}");
        }
        let peer = peer_address("dial:192.0.2.7:5080").unwrap();
        assert_eq!(peer, ("192.0.2.7".parse().unwrap(), Some(5080)));
        assert_eq!(peer_address("sip:x@[::1]").unwrap().1, None);
        assert_eq!(peer_address("1002"), None);
    }

    proptest::proptest! {
        /// Whatever is typed: no panic, and what comes out is one SIP URI without a line end, a header, a password.
        #[test]
        fn what_comes_out_is_a_plain_uri(
            scheme in "(sip:|sips:|tel:|callto:|dial:|SIP://|)",
            text in "([ -~]|\\PC|%[0-9a-f]{2}){0,40}",
        ) {
            if let Ok(text) = uri(&format!("{scheme}{text}")) {
                proptest::prop_assert!(!text.chars().any(|c| c.is_control() || c == ' '), "{text:?}");
                let uri: Uri = text.parse().unwrap();
                proptest::prop_assert_eq!((uri.headers, uri.password), (None, None));
                proptest::prop_assert!(!uri.params.has("method"));
            }
        }
    }
}
