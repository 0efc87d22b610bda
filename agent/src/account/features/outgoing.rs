//! How a call goes out: emergency numbers first, then the dial plan, then what was dialled as it is.

use carillon_schemas::SipAddress;
use carillon_schemas::features::Features;
use carillon_schemas::location::{CIVIC_PARTS, Location};
use carillon_sip::CallOptions;
use carillon_sip::identity::Whereabouts;

use crate::call::{TargetError, dialled_number, number_of, target_uri};

/// A call to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Whom to call.
    pub(crate) uri: String,
    pub(crate) options: CallOptions,
    /// No limit may stop it.
    pub(crate) emergency: bool,
}

/// Plans a call to what was dialled.
///
/// # Errors
/// Why it is not placed, for a person. Never for an emergency number.
pub(crate) fn plan(
    dialled: &str,
    features: &Features,
    address: &SipAddress,
) -> Result<Outgoing, String> {
    if let Some(number) = emergency_number(dialled, features, address) {
        let location = features
            .emergency
            .as_ref()
            .and_then(|emergency| emergency.location.as_ref());
        let options = CallOptions {
            location: location.and_then(whereabouts),
            ..CallOptions::default()
        };
        let uri = target_uri(&number, address).map_err(|error: TargetError| error.to_string())?;
        return Ok(Outgoing {
            uri,
            options,
            emergency: true,
        });
    }
    let number = dialled_number(dialled);
    let ruled = number.as_deref().and_then(|number| {
        features
            .dial_plan
            .iter()
            .find_map(|rule| rule.apply(number))
    });
    let target = match ruled {
        Some(Ok(target)) => target,
        Some(Err(why)) => return Err(format!("a rule of the dial plan forbids it: {why}")),
        None => dialled.to_owned(),
    };
    Ok(Outgoing {
        uri: target_uri(&target, address).map_err(|error| error.to_string())?,
        options: CallOptions {
            hide_caller: features.hide_caller_id(),
            ..CallOptions::default()
        },
        emergency: false,
    })
}

/// Whether a number is one that no rule and no limit stops.
pub(crate) fn is_emergency(dialled: &str, features: &Features, address: &SipAddress) -> bool {
    emergency_number(dialled, features, address).is_some()
}

/// The number, when what was dialled is one of them: alone, as `tel:`, or as an address in the account's own domain.
fn emergency_number(dialled: &str, features: &Features, address: &SipAddress) -> Option<String> {
    let number = dialled_number(dialled).or_else(|| own_number(dialled, address))?;
    features
        .emergency_numbers()
        .contains(&number.as_str())
        .then_some(number)
}

/// The number before the `@` of an address in the account's own domain.
fn own_number(dialled: &str, address: &SipAddress) -> Option<String> {
    let lower = dialled.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix("sip:").unwrap_or(&lower);
    let (user, domain) = rest.split_once('@')?;
    let domain = domain.split([';', '?']).next().unwrap_or("");
    let own = address.as_str().rsplit('@').next().unwrap_or("");
    let is_own = domain.eq_ignore_ascii_case(own) || domain.eq_ignore_ascii_case(address.host());
    is_own.then(|| number_of(user)).flatten()
}

fn whereabouts(location: &Location) -> Option<Whereabouts> {
    if let Some(uri) = &location.uri {
        return Some(Whereabouts::Reference(uri.clone()));
    }
    if let Some(point) = &location.point {
        return Some(Whereabouts::Point {
            latitude: point.latitude.to_string(),
            longitude: point.longitude.to_string(),
            radius: point.radius_m.map(|radius| radius.to_string()),
        });
    }
    let civic = location.civic.as_ref()?;
    let parts = CIVIC_PARTS.iter().filter_map(|part| {
        let text = civic.get(*part)?;
        Some(((*part).to_owned(), text.clone()))
    });
    Some(Whereabouts::Civic(parts.collect()))
}

#[cfg(test)]
mod tests {
    use carillon_schemas::dial_rule::DialRule;
    use proptest::prelude::*;

    use super::*;

    fn address() -> SipAddress {
        "sip:1001@pbx.example.org:5070".parse().unwrap()
    }

    fn features(json: serde_json::Value) -> Features {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn rules_are_tried_in_order_on_numbers_alone() {
        let features = features(serde_json::json!({
            "hide_caller_id": true,
            "dial_plan": [
                {"match": "00(x.)", "to": "+$1"},
                {"match": "0(zx.)", "to": "sip:+43$1@gw.example"},
                {"match": "09x.", "block": "premium"},
                {"match": "1x.", "block": "no"},
            ],
        }));
        let planned = |dialled: &str| plan(dialled, &features, &address()).map(|call| call.uri);
        assert_eq!(
            planned("00 49-301").unwrap(),
            "sip:+49301@pbx.example.org:5070"
        );
        assert_eq!(planned("01234").unwrap(), "sip:+431234@gw.example");
        assert_eq!(planned("alice").unwrap(), "sip:alice@pbx.example.org:5070");
        assert!(planned("1002").unwrap_err().contains("no"));
        assert!(
            plan("01234", &features, &address())
                .unwrap()
                .options
                .hide_caller
        );
    }

    #[test]
    fn emergency_calls_say_who_and_where() {
        let features = features(serde_json::json!({
            "hide_caller_id": true,
            "dial_plan": [{"match": "x.", "block": "nothing at all"}],
            "emergency": {"numbers": ["112"], "location": {"civic": {"country": "AT", "RD": "Graben"}}},
        }));
        for dialled in [
            "112",
            " 1-1-2 ",
            "tel:112",
            "sip:112@pbx.example.org",
            "112@PBX.example.org:5070",
        ] {
            let call = plan(dialled, &features, &address()).unwrap();
            assert_eq!(call.uri, "sip:112@pbx.example.org:5070", "{dialled}");
            assert!(call.emergency && !call.options.hide_caller);
            assert_eq!(
                call.options.location,
                Some(Whereabouts::Civic(vec![
                    ("country".into(), "AT".into()),
                    ("RD".into(), "Graben".into())
                ]))
            );
        }
        assert!(!is_emergency(
            "sip:112@elsewhere.example",
            &features,
            &address()
        ));
        assert!(!is_emergency("1122", &features, &address()));
        assert!(
            is_emergency("911", &Features::default(), &address()),
            "without a word in the configuration"
        );
    }

    proptest! {
        /// Whatever the plan says, an emergency number goes out as it is.
        #[test]
        fn no_rule_stops_an_emergency_call(
            patterns in proptest::collection::vec("[0-9xz.()\\[\\]*#-]{1,12}", 0..20),
            blocks in proptest::collection::vec(any::<bool>(), 20),
            number in "(112|133|911)",
        ) {
            let rules = patterns.into_iter().zip(blocks).map(|(pattern, block)| DialRule {
                pattern,
                to: (!block).then(|| "000".to_owned()),
                block: block.then(|| "no".to_owned()),
            });
            let mut features = features(serde_json::json!({"emergency": {"numbers": ["112", "133", "911"]}}));
            features.dial_plan = rules.collect();
            features.do_not_disturb = Some(true);
            let call = plan(&number, &features, &address()).unwrap();
            prop_assert!(call.emergency);
            prop_assert_eq!(call.uri, format!("sip:{number}@pbx.example.org:5070"));
        }
    }
}
