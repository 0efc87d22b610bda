//! What a registrar says of our binding beside its lifetime: Service-Route (RFC 3608), P-Associated-URI (RFC 7315), GRUUs
//! (RFC 5627), outbound (RFC 5626). It reads and bounds; a hostile list is ignored whole, never followed in part.

use crate::message::{HeaderName, Headers, NameAddr, Response, Uri};
use std::time::Duration;

/// The longest Service-Route followed.
const MAX_SERVICE_ROUTE: usize = 8;
/// The most associated addresses kept.
const MAX_ASSOCIATED: usize = 32;
/// The longest GRUU or associated address kept, in bytes.
const MAX_ADDRESS: usize = 512;
/// The shortest and longest Flow-Timer obeyed, in seconds (RFC 5626 §4.4.1 has 120 for streams).
const FLOW_TIMER: std::ops::RangeInclusive<u64> = 10..=3_600;

/// What the registrar said of our binding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// Proxies that requests outside of a dialog pass after the configured ones.
    pub service_route: Vec<Uri>,
    /// Other addresses of the same user; the first is the default identity.
    pub associated: Vec<NameAddr>,
    /// The address of this very device, the same over registrations.
    pub public_gruu: Option<Uri>,
    /// An address of this device that tells nobody who it is.
    pub temporary_gruu: Option<Uri>,
    /// Whether registrar and edge proxy keep the flow as RFC 5626 has it.
    pub outbound: bool,
    /// How often the flow must show life.
    pub flow_timer: Option<Duration>,
    /// How many contacts the registrar holds for the address, ours among them.
    pub contacts: usize,
}

impl Binding {
    /// Reads a 2xx. `domain` is the host of our address of record: a GRUU of another is not ours.
    pub(crate) fn read(response: &Response, own: Option<&NameAddr>, aor: &Uri) -> Self {
        let headers = &response.headers;
        let gruu = |name: &str| {
            let text = own?.params.unquoted(name)?;
            let uri: Uri = (text.len() <= MAX_ADDRESS).then(|| text.parse().ok())??;
            (uri.host == aor.host && !uri.secure && uri.params.has("gr")).then_some(uri)
        };
        let flow_timer = headers
            .text(HeaderName::FlowTimer)
            .and_then(|text| text.trim().parse().ok())
            .filter(|seconds| FLOW_TIMER.contains(seconds))
            .map(Duration::from_secs);
        Self {
            service_route: service_route(headers),
            associated: associated(headers),
            public_gruu: gruu("pub-gruu"),
            temporary_gruu: gruu("temp-gruu"),
            outbound: headers.lists(HeaderName::Require, "outbound"),
            flow_timer,
            contacts: headers
                .values(HeaderName::Contact)
                .map_or(0, |all| all.len()),
        }
    }
}

/// The whole route or none: a part of it would lead elsewhere than the registrar meant.
fn service_route(headers: &Headers) -> Vec<Uri> {
    let Ok(values) = headers.values(HeaderName::ServiceRoute) else {
        return Vec::new();
    };
    if values.len() > MAX_SERVICE_ROUTE {
        return Vec::new();
    }
    let routes: Option<Vec<Uri>> = values
        .iter()
        .map(|value| {
            let address: NameAddr = value.parse().ok()?;
            let uri = address.sip()?;
            // A strict router would put itself in the place of whom we call.
            (uri.params.has("lr") && !uri.secure && value.len() <= MAX_ADDRESS).then(|| uri.clone())
        })
        .collect();
    routes.unwrap_or_default()
}

fn associated(headers: &Headers) -> Vec<NameAddr> {
    let Ok(values) = headers.values(HeaderName::PAssociatedUri) else {
        return Vec::new();
    };
    values
        .iter()
        .filter(|value| value.len() <= MAX_ADDRESS)
        .filter_map(|value| value.parse().ok())
        .take(MAX_ASSOCIATED)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Method, Request};

    fn binding(lines: &[(HeaderName, &str)]) -> Binding {
        let request = Request::new(Method::Register, "sip:x".parse::<Uri>().unwrap());
        let mut response = Response::to(&request, 200, None);
        for (name, value) in lines {
            response.headers.push(*name, value);
        }
        let own = response
            .headers
            .first_value(HeaderName::Contact)
            .and_then(|value| value.parse::<NameAddr>().ok());
        Binding::read(
            &response,
            own.as_ref(),
            &"sip:a@example.org".parse().unwrap(),
        )
    }

    #[test]
    fn reads_what_a_registrar_says() {
        let binding = binding(&[
            (
                HeaderName::Contact,
                "<sip:a@10.0.0.1>;pub-gruu=\"sip:a@example.org;gr=urn:uuid:1\";temp-gruu=\"sip:t7@example.org;gr\";expires=60, <sip:a@10.0.0.2>",
            ),
            (
                HeaderName::ServiceRoute,
                "<sip:p1.example.org;lr>, <sip:p2.example.org;lr>",
            ),
            (
                HeaderName::PAssociatedUri,
                "<sip:a@example.org>, \"A\" <tel:+431>",
            ),
            (HeaderName::Require, "outbound"),
            (HeaderName::FlowTimer, "25"),
        ]);
        assert_eq!(binding.service_route.len(), 2);
        assert_eq!(binding.associated.len(), 2);
        assert_eq!(
            binding.public_gruu.unwrap().to_string(),
            "sip:a@example.org;gr=urn:uuid:1"
        );
        assert_eq!(
            binding.temporary_gruu.unwrap().to_string(),
            "sip:t7@example.org;gr"
        );
        assert!(binding.outbound);
        assert_eq!(binding.flow_timer, Some(Duration::from_secs(25)));
        assert_eq!(binding.contacts, 2);
    }

    #[test]
    fn hostile_lists_are_ignored() {
        let many = ["<sip:p.example.org;lr>"; 9].join(", ");
        let giant = format!("<sip:{}@p.example.org;lr>", "a".repeat(600));
        for bad in [
            many.as_str(),
            giant.as_str(),
            "<sip:p1.example.org;lr>, <sip:strict.example.org>",
            "<tel:+1>",
            "<sip:p1.example.org;lr>, <",
            "<sips:p1.example.org;lr>",
        ] {
            assert_eq!(
                binding(&[(HeaderName::ServiceRoute, bad)]).service_route,
                Vec::new(),
                "{bad}"
            );
        }
        let many = ["<sip:a@example.org>"; 60].join(", ");
        assert_eq!(
            binding(&[(HeaderName::PAssociatedUri, &many)])
                .associated
                .len(),
            MAX_ASSOCIATED
        );
        for bad in [
            "sip:a@evil.example;gr=1",
            "sip:a@example.org",
            "x",
            "sips:a@example.org;gr",
        ] {
            let contact = format!("<sip:a@10.0.0.1>;pub-gruu=\"{bad}\"");
            assert_eq!(
                binding(&[(HeaderName::Contact, &contact)]).public_gruu,
                None,
                "{bad}"
            );
        }
        for bad in ["0", "4294967296", "-1", "x"] {
            assert_eq!(
                binding(&[(HeaderName::FlowTimer, bad)]).flow_timer,
                None,
                "{bad}"
            );
        }
    }
}
