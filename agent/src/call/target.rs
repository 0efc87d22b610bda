//! Who is called: what a person types, made into a SIP URI (RFC 3261 §19.1, RFC 3966).
//!
//! Owns the reading of a target. Resolves nothing and calls nobody.

use std::net::IpAddr;

use carillon_schemas::SipAddress;
use carillon_schemas::sip_address::{is_host, split_port};
use carillon_sip::Uri;

/// Longest target, in bytes.
pub const MAX_TARGET: usize = 256;

/// Makes a SIP URI of a target typed on an account.
///
/// A number or name is taken in the account's domain; `user@host`, `host:port`, an IP address, `sip:` and
/// `tel:` URIs are taken as they are. Spaces, dashes, dots and parentheses inside a number are dropped.
///
/// # Errors
/// What is wrong with the target, and what to write.
pub fn target_uri(target: &str, account: &SipAddress) -> Result<String, TargetError> {
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
    let scheme = target
        .split_once(':')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if scheme == "sip" || scheme == "sips" => {
            checked(format!("{scheme}:{rest}"))
        }
        Some((scheme, rest)) if scheme == "tel" => {
            // Parameters such as phone-context say where a local number belongs: here, the account's domain.
            let number = rest.split(';').next().unwrap_or_default();
            match number_of(number) {
                Some(number) => checked(in_domain(&number, account)),
                None => Err(TargetError::Number),
            }
        }
        _ if target.contains('@') => checked(format!("sip:{target}")),
        _ if is_address(target) => checked(format!("sip:{}", bracketed(target))),
        _ => match number_of(target) {
            Some(number) => checked(in_domain(&number, account)),
            None if target.contains([':', '/', ' ', '<', '>', '"']) => {
                Err(TargetError::Unreadable {
                    why: "it is neither a number, a name nor a SIP address".to_owned(),
                })
            }
            None => checked(in_domain(target, account)),
        },
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

fn checked(uri: String) -> Result<String, TargetError> {
    match uri.parse::<Uri>() {
        Ok(_) => Ok(uri),
        Err(error) => Err(TargetError::Unreadable {
            why: error.to_string(),
        }),
    }
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

/// The digits of a telephone number without what people put between them; `None` when it is no number.
pub(crate) fn number_of(text: &str) -> Option<String> {
    let number: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')'))
        .collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let good = !digits.is_empty()
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'*' || b == b'#');
    let service = !digits.is_empty() && digits.bytes().all(|b| b == b'*' || b == b'#');
    (good || service).then_some(number)
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
        assert_eq!(uri("tel:hello"), Err(TargetError::Number));
        for bad in [
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
}
