//! From what a person types to a URI: `sip:user@host`, `user@host`, or a number or name in the account's own domain.

use super::config::EndpointConfig;
use crate::call::CallError;
use crate::message::uri::escape_user;
use crate::message::{Params, Uri};

/// The longest target taken.
const MAX_TARGET: usize = 512;

/// Makes the URI to call.
pub(super) fn read(text: &str, config: &EndpointConfig) -> Result<Uri, CallError> {
    let bad = |why: &str| CallError::Target {
        target: text.chars().take(80).collect(),
        why: why.to_owned(),
    };
    let target = text.trim();
    if target.is_empty() {
        return Err(bad("it is empty"));
    }
    if target.len() > MAX_TARGET {
        return Err(bad("it is longer than 512 bytes"));
    }
    if target
        .chars()
        .any(|character| character.is_control() || character.is_whitespace())
    {
        return Err(bad("it holds a space or a control character"));
    }
    let scheme = target
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    let uri: Uri = match scheme.as_deref() {
        Some("sip") => target
            .parse()
            .map_err(|why: crate::message::SyntaxError| bad(&why.to_string()))?,
        Some("sips") if !config.offered().iter().any(|t| t.is_secure()) => {
            return Err(bad(
                "a sips target needs TLS, which this account does not use",
            ));
        }
        Some("sips") => target
            .parse()
            .map_err(|why: crate::message::SyntaxError| bad(&why.to_string()))?,
        _ if target.contains('@') => format!("sip:{target}")
            .parse()
            .map_err(|why: crate::message::SyntaxError| bad(&why.to_string()))?,
        Some(_) => return Err(bad("its scheme is not sip")),
        None => Uri {
            user: Some(escape_user(target)),
            params: Params::new(),
            headers: None,
            ..config.aor.clone()
        },
    };
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<String, CallError> {
        let config = EndpointConfig::new("sip:1001@example.org:5070".parse().unwrap());
        read(text, &config).map(|uri| uri.to_string())
    }

    #[test]
    fn completes_what_a_person_types() {
        assert_eq!(target("1002").unwrap(), "sip:1002@example.org:5070");
        assert_eq!(target(" +49 ".trim()).unwrap(), "sip:+49@example.org:5070");
        assert_eq!(target("*97#").unwrap(), "sip:*97%23@example.org:5070");
        assert_eq!(target("bob@other.net").unwrap(), "sip:bob@other.net");
        assert_eq!(
            target("SIP:bob@[::1]:5062;transport=udp").unwrap(),
            "sip:bob@[::1]:5062;transport=udp"
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for bad in [
            "",
            "  ",
            "sip:",
            "sip:@x",
            "sip:a b@c",
            "sips:a@b",
            "http://x",
            "a\r\nVia: x",
            "sip:a@b@c",
            &"9".repeat(600),
        ] {
            assert!(
                matches!(target(bad), Err(CallError::Target { .. })),
                "{bad:?}"
            );
        }
    }
}
