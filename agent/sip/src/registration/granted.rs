//! How long a registrar holds our contact (RFC 3261 §10.2.4, §10.2.1.1), and when to refresh. Absurd numbers are bounded both ways.

use crate::message::{HeaderName, NameAddr, Response, Uri};
use std::time::Duration;

/// Never refresh more often than this, however short the lifetime.
const MIN_REFRESH: Duration = Duration::from_secs(5);
/// Never count on more than this, however long the lifetime.
const MAX_GRANTED: Duration = Duration::from_secs(86_400);

/// What a 2xx grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    /// This long.
    For(Duration),
    /// No time at all.
    Nothing,
}

/// Our own contact among those of a 2xx: by instance and reg-id when they came back, else by address.
pub(crate) fn own(response: &Response, contact: &Uri, instance: &str) -> Option<NameAddr> {
    let contacts: Vec<NameAddr> = response
        .headers
        .values(HeaderName::Contact)
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.parse().ok())
        .collect();
    let same_address = |other: &NameAddr| {
        other.sip().is_some_and(|uri| {
            uri.host == contact.host && uri.port == contact.port && uri.user == contact.user
        })
    };
    let instance = format!("<{instance}>");
    let same_instance = |other: &NameAddr| {
        other.params.unquoted("+sip.instance").as_deref() == Some(instance.as_str())
    };
    contacts
        .iter()
        .find(|other| same_instance(other) && same_address(other))
        .or_else(|| contacts.iter().find(|other| same_address(other)))
        .or_else(|| contacts.iter().find(|other| same_instance(other)))
        .cloned()
}

/// Reads the lifetime: of our own contact, else of the whole answer, else what was asked.
pub(crate) fn read(response: &Response, own: Option<&NameAddr>, asked: Duration) -> Granted {
    let seconds = |text: &str| {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let own = own
        .and_then(|contact| contact.params.get("expires"))
        .and_then(seconds);
    let whole = || {
        response
            .headers
            .text(HeaderName::Expires)
            .and_then(|text| seconds(&text))
    };
    let granted = own.or_else(whole).unwrap_or(asked.as_secs());
    if granted == 0 {
        Granted::Nothing
    } else {
        Granted::For(Duration::from_secs(granted).min(MAX_GRANTED))
    }
}

/// When to refresh: after three quarters to nine tenths of the lifetime. `share` is chance, from 0 to 1.
pub(crate) fn refresh_after(granted: Duration, share: f64) -> Duration {
    granted.mul_f64(0.75 + 0.15 * share).max(MIN_REFRESH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Method, Request};

    fn response(contact: Option<&str>, expires: Option<&str>) -> Response {
        let mut response = Response::to(
            &Request::new(Method::Register, "sip:x".parse::<Uri>().unwrap()),
            200,
            None,
        );
        if let Some(value) = contact {
            response.headers.push(HeaderName::Contact, value);
        }
        if let Some(value) = expires {
            response.headers.push(HeaderName::Expires, value);
        }
        response
    }

    fn granted(contact: Option<&str>, expires: Option<&str>) -> Granted {
        let response = response(contact, expires);
        let own = own(
            &response,
            &"sip:1001@10.0.0.1:5060".parse().unwrap(),
            "urn:uuid:1",
        );
        read(&response, own.as_ref(), Duration::from_secs(600))
    }

    #[test]
    fn takes_our_own_contact_first() {
        let list = "<sip:1001@10.0.0.9:5060>;expires=10, <sip:1001@10.0.0.1:5060>;expires=120";
        assert_eq!(
            granted(Some(list), Some("3600")),
            Granted::For(Duration::from_secs(120))
        );
        assert_eq!(
            granted(Some("<sip:other@10.0.0.9>;expires=10"), Some("300")),
            Granted::For(Duration::from_secs(300))
        );
        let device = "<sip:1001@10.0.0.7:5060>;expires=10;+sip.instance=\"<urn:uuid:1>\", <sip:1001@10.0.0.8:5060>;expires=20";
        assert_eq!(
            granted(Some(device), None),
            Granted::For(Duration::from_secs(10))
        );
        assert_eq!(granted(None, None), Granted::For(Duration::from_secs(600)));
    }

    #[test]
    fn bounds_absurd_numbers() {
        assert_eq!(
            granted(None, Some("99999999999999999999999")),
            Granted::For(MAX_GRANTED)
        );
        assert_eq!(granted(None, Some("4294967295")), Granted::For(MAX_GRANTED));
        assert_eq!(granted(None, Some("0")), Granted::Nothing);
        assert_eq!(
            granted(None, Some("-1")),
            Granted::For(Duration::from_secs(600))
        );
        assert_eq!(refresh_after(Duration::from_secs(1), 0.0), MIN_REFRESH);
    }
}
