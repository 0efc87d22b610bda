//! What is read from a link: a number or an address, and nothing else. Pure.
//!
//! A link can carry more: headers that pick up another's call (`Replaces`), a body, a way around the proxy
//! (`maddr`), a password, feature codes that forward the user's calls. None of it gets through.

use carillon_schemas::links::{LinkScheme, Links};
use carillon_sip::Uri;

use crate::call::{TargetError, plain_target};

/// The longest link, in bytes.
const MAX_LINK: usize = 1_024;

/// What a link offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whom to call: a number, a name, or a SIP URI without anything hidden.
    pub target: String,
    /// It looks like a feature code, so it is never dialled at once.
    pub always_asks: bool,
}

/// A link that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Of a scheme that is not allowed here.
    #[error("links of the scheme {scheme:?} are not taken; {}", taken(.allowed))]
    Scheme {
        /// Its scheme.
        scheme: String,
        /// Those that are.
        allowed: Vec<LinkScheme>,
    },
    /// Above the limit, or with control characters or marks that turn the direction of writing.
    #[error("the link has more than {MAX_LINK} bytes, or holds characters that are not shown")]
    Disguised,
    /// Nobody to call.
    #[error("nobody can be called by the link: {0}")]
    Target(#[from] TargetError),
}

/// Reads a link as far as the configuration allows.
///
/// # Errors
/// Why it is not taken.
pub fn read(link: &str, links: &Links) -> Result<Offer, LinkError> {
    let link = link.trim();
    if link.len() > MAX_LINK || link.chars().any(is_hidden) {
        return Err(LinkError::Disguised);
    }
    let allowed = links.schemes();
    let (scheme, _) = link.split_once(':').unwrap_or_default();
    let is_taken = allowed
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known.as_str()));
    if !is_taken {
        let scheme = scheme.chars().take(20).collect();
        let allowed = allowed.to_vec();
        return Err(LinkError::Scheme { scheme, allowed });
    }
    // Headers go before the length is looked at: they are not sent anyway.
    let target = plain_target(link.split('?').next().unwrap_or_default())?;
    let uri = target.parse::<Uri>().ok();
    let target = uri.as_ref().map_or(target, bare);
    if target.chars().any(is_hidden) {
        return Err(LinkError::Disguised);
    }
    let user = uri.and_then(|uri| uri.decoded_user());
    let dialled = user.as_deref().unwrap_or(&target);
    Ok(Offer {
        always_asks: dialled.contains(['*', '#']),
        target,
    })
}

/// The URI with what tells how to reach its host, and no more.
fn bare(uri: &Uri) -> String {
    let mut bare = uri.address_of_record();
    bare.port = uri.port;
    for name in ["transport", "user"] {
        if let Some(value) = uri.params.get(name) {
            bare.params.set(name, Some(value));
        }
    }
    bare.to_string()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn taken(allowed: &[LinkScheme]) -> String {
    if allowed.is_empty() {
        return "no links are (links.schemes in the configuration)".to_owned();
    }
    let names: Vec<&str> = allowed.iter().map(|scheme| scheme.as_str()).collect();
    format!(
        "taken are {} (links.schemes in the configuration)",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(link: &str) -> Result<Offer, LinkError> {
        read(link, &Links::default())
    }

    #[test]
    fn a_link_offers_a_number_or_an_address_and_no_more() {
        for (link, target) in [
            ("tel:+49-89-1234;ext=9", "+49891234"),
            ("TEL:%2B49%20(0)89%201234", "+49891234"),
            ("callto:1002", "1002"),
            ("callto:alice", "alice"),
            ("sip:1002", "1002"),
            (
                "sips:bob@pbx.example.org:5061",
                "sips:bob@pbx.example.org:5061",
            ),
            (
                "sip:bob@pbx.example.org;transport=tcp;maddr=192.0.2.9;lr;method=INVITE",
                "sip:bob@pbx.example.org;transport=tcp",
            ),
            (
                "sip:bob:hunter2@pbx.example.org?Replaces=1%3Bto-tag%3Da&Subject=hello&body=x",
                "sip:bob@pbx.example.org",
            ),
        ] {
            let wanted = Offer {
                target: target.to_owned(),
                always_asks: false,
            };
            assert_eq!(offer(link), Ok(wanted), "{link}");
        }
    }

    #[test]
    fn feature_codes_always_ask() {
        for link in [
            "tel:*21*0900123%23",
            "tel:%2A21",
            "sip:%2a21%2a1@pbx.example.org",
            "sip:*72@pbx.example.org",
            "callto:#31#1002",
        ] {
            assert!(offer(link).unwrap().always_asks, "{link}");
        }
    }

    #[test]
    fn what_hides_or_runs_is_not_taken() {
        for link in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "msip:hangupall",
            "dial:1002",
            "1002",
            "",
            "sip",
        ] {
            assert!(
                matches!(offer(link), Err(LinkError::Scheme { .. })),
                "{link}"
            );
        }
        for link in [
            "tel:1002\r\nX: y".to_owned(),
            "callto:\u{202e}ecila".to_owned(),
            format!("tel:{}", "1".repeat(2_000)),
        ] {
            assert_eq!(offer(&link), Err(LinkError::Disguised), "{link:?}");
        }
        for link in [
            "tel:",
            "tel:%0d%0a",
            "tel:1%00",
            "tel:%number%",
            "tel:alice",
            "sip:@",
            "sip:a b@pbx",
            "callto:sip:x@y",
        ] {
            assert!(matches!(offer(link), Err(LinkError::Target(_))), "{link}");
        }
        let only_tel = Links {
            schemes: Some(vec![LinkScheme::Tel]),
            ..Links::default()
        };
        let error = read("sip:bob@pbx", &only_tel).unwrap_err();
        assert!(error.to_string().contains("taken are tel"), "{error}");
        let none = Links {
            schemes: Some(Vec::new()),
            ..Links::default()
        };
        let error = read("tel:1", &none).unwrap_err();
        assert!(error.to_string().contains("no links"), "{error}");
    }

    proptest::proptest! {
        /// Whatever a page writes: no panic, and what is offered has no header, no password and nothing unseen.
        #[test]
        fn a_hostile_link_offers_nothing_hidden(
            scheme in "(sip|sips|tel|callto|SIP|data|javascript)",
            rest in "([ -~]|%[0-9a-f]{2}|\\PC|[;?&=@:*#]){0,80}",
        ) {
            if let Ok(offer) = offer(&format!("{scheme}:{rest}")) {
                proptest::prop_assert!(!offer.target.chars().any(is_hidden));
                if let Ok(uri) = offer.target.parse::<Uri>() {
                    proptest::prop_assert_eq!((uri.headers, uri.password), (None, None));
                    proptest::prop_assert!(!uri.params.has("maddr") && !uri.params.has("method"));
                }
            }
        }
    }
}
