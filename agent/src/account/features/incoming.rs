//! What becomes of a call that comes in.

use std::time::Duration;

use carillon_schemas::SipAddress;
use carillon_schemas::features::Features;
use carillon_sip::CallerFacts;

/// Busy, to a caller.
const BUSY: u16 = 486;
/// Anonymity disallowed (RFC 5079).
const ANONYMITY_DISALLOWED: u16 = 433;
/// An answer without a hand was demanded of whom does not grant it.
const FORBIDDEN: u16 = 403;

/// A call that comes in, and how the account stands.
pub(crate) struct Arrival<'a> {
    pub(crate) facts: &'a CallerFacts,
    /// Calls that stand or ring besides.
    pub(crate) others: usize,
    /// It takes the place of a call of ours: a pickup, or a transfer that was attended.
    pub(crate) takes_place: bool,
    /// An emergency call went out a short while ago: this may be its call-back.
    pub(crate) awaits_rescue: bool,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It rings.
    Ring {
        /// Answered without a hand after this long.
        answer_after: Option<Duration>,
        /// Sent on after this long.
        send_on_after: Option<(Duration, String)>,
    },
    /// It is refused with that status, for that reason.
    Reject(u16, &'static str),
    /// It goes elsewhere.
    SendOn(String),
}

/// Decides. The order is the rule: what is earlier counts more.
pub(crate) fn decide(features: &Features, address: &SipAddress, arrival: &Arrival<'_>) -> Decision {
    const RING: Decision = Decision::Ring {
        answer_after: None,
        send_on_after: None,
    };
    if arrival.takes_place || arrival.awaits_rescue {
        return RING;
    }
    if features.reject_anonymous() && arrival.facts.anonymous {
        return Decision::Reject(ANONYMITY_DISALLOWED, "it hides who calls");
    }
    let forward = features.forward.clone().unwrap_or_default();
    if let Some(target) = forward.always {
        return Decision::SendOn(target);
    }
    let busy = |why| match forward.busy.clone() {
        Some(target) => Decision::SendOn(target),
        None => Decision::Reject(BUSY, why),
    };
    if features.do_not_disturb() {
        return busy("do not disturb");
    }
    if arrival.others > 0 && !features.call_waiting() {
        return busy("another call stands");
    }
    let answer_after = match arrival.facts.auto_answer {
        Some(wish) if may_open(features, address, arrival.facts) => {
            // Nobody is heard in the middle of another call.
            (arrival.others == 0).then_some(wish.after)
        }
        Some(wish) if wish.required => {
            return Decision::Reject(FORBIDDEN, "it demands an answer without a hand");
        }
        _ => None,
    };
    let after = Duration::from_secs(u64::from(
        features
            .forward
            .as_ref()
            .map_or(0, carillon_schemas::features::Forward::no_answer_after),
    ));
    Decision::Ring {
        answer_after,
        send_on_after: forward
            .no_answer
            .filter(|_| answer_after.is_none())
            .map(|target| (after, target)),
    }
}

/// Whether the caller may open the microphone: one of the list, whom our own proxy brought.
fn may_open(features: &Features, address: &SipAddress, facts: &CallerFacts) -> bool {
    let Some(list) = &features.auto_answer else {
        return false;
    };
    let Some(uri) = facts
        .shown
        .sip()
        .filter(|_| !facts.anonymous && facts.from_proxy)
    else {
        return false;
    };
    let user = uri.decoded_user().unwrap_or_default();
    let host = uri.host.to_string();
    list.from.iter().any(|allowed| {
        let allowed = allowed.strip_prefix("sip:").unwrap_or(allowed);
        match allowed.split_once('@') {
            Some((name, domain)) => name == user && domain.eq_ignore_ascii_case(&host),
            None => allowed == user && address.host().eq_ignore_ascii_case(&host),
        }
    })
}

#[cfg(test)]
mod tests {
    use carillon_sip::message::{HeaderName, Method, Request, Uri};

    use super::*;

    fn facts(from: &str, extra: &[(HeaderName, &str)], from_proxy: bool) -> CallerFacts {
        let mut request = Request::new(Method::Invite, "sip:1001@pbx".parse::<Uri>().unwrap());
        request.headers.push(HeaderName::From, from);
        for (name, value) in extra {
            request.headers.push(*name, value);
        }
        CallerFacts::read(&request, from_proxy)
    }

    fn decided(features: serde_json::Value, facts: &CallerFacts, others: usize) -> Decision {
        let features: Features = serde_json::from_value(features).unwrap();
        let arrival = Arrival {
            facts,
            others,
            takes_place: false,
            awaits_rescue: false,
        };
        decide(&features, &"sip:1001@pbx".parse().unwrap(), &arrival)
    }

    const BOSS: &str = "<sip:boss@pbx>;tag=a";
    const OPEN: (HeaderName, &str) = (HeaderName::CallInfo, "<sip:x>;answer-after=0");

    #[test]
    fn each_feature_does_what_it_says() {
        let boss = facts(BOSS, &[], true);
        let hidden = facts("<sip:anonymous@anonymous.invalid>;tag=a", &[], true);
        let json = |text: &str| serde_json::from_str(text).unwrap();
        let ring = Decision::Ring {
            answer_after: None,
            send_on_after: None,
        };
        for (features, caller, others, wanted) in [
            ("{}", &boss, 3, ring.clone()),
            ("{\"call_waiting\":false}", &boss, 0, ring.clone()),
            (
                "{\"call_waiting\":false}",
                &boss,
                1,
                Decision::Reject(486, "another call stands"),
            ),
            (
                "{\"do_not_disturb\":true}",
                &boss,
                0,
                Decision::Reject(486, "do not disturb"),
            ),
            (
                "{\"do_not_disturb\":true,\"forward\":{\"busy\":\"2\"}}",
                &boss,
                0,
                Decision::SendOn("2".into()),
            ),
            (
                "{\"forward\":{\"always\":\"1\",\"busy\":\"2\"}}",
                &boss,
                1,
                Decision::SendOn("1".into()),
            ),
            (
                "{\"reject_anonymous\":true}",
                &hidden,
                0,
                Decision::Reject(433, "it hides who calls"),
            ),
            (
                "{\"reject_anonymous\":true,\"forward\":{\"always\":\"1\"}}",
                &hidden,
                0,
                Decision::Reject(433, "it hides who calls"),
            ),
            ("{}", &hidden, 0, ring.clone()),
            (
                "{\"forward\":{\"no_answer\":\"9\",\"no_answer_after\":7}}",
                &boss,
                0,
                Decision::Ring {
                    answer_after: None,
                    send_on_after: Some((Duration::from_secs(7), "9".into())),
                },
            ),
        ] {
            assert_eq!(
                decided(json(features), caller, others),
                wanted,
                "{features}"
            );
        }
    }

    #[test]
    fn only_the_list_through_the_proxy_opens_the_microphone() {
        let list = serde_json::json!({ "auto_answer": { "from": ["boss", "door@gate.example"] } });
        let opened = |from: &str, from_proxy: bool, others: usize| {
            let facts = facts(from, &[OPEN], from_proxy);
            matches!(
                decided(list.clone(), &facts, others),
                Decision::Ring {
                    answer_after: Some(_),
                    ..
                }
            )
        };
        assert!(opened(BOSS, true, 0));
        assert!(opened("<sip:door@gate.example>;tag=a", true, 0));
        assert!(!opened(BOSS, true, 1), "not into another call");
        assert!(!opened(BOSS, false, 0), "not past the proxy");
        assert!(!opened("<sip:eve@pbx>;tag=a", true, 0));
        assert!(!opened("<sip:boss@evil.example>;tag=a", true, 0));
        let asserted = facts(
            "<sip:boss@pbx>;tag=a",
            &[OPEN, (HeaderName::PAssertedIdentity, "<sip:eve@pbx>")],
            true,
        );
        assert!(matches!(
            decided(list.clone(), &asserted, 0),
            Decision::Ring {
                answer_after: None,
                ..
            }
        ));
        let required = facts(
            "<sip:eve@pbx>",
            &[(HeaderName::AnswerMode, "Auto;require")],
            true,
        );
        assert!(matches!(
            decided(list, &required, 0),
            Decision::Reject(403, _)
        ));
        let silent = facts(BOSS, &[OPEN], true);
        assert!(matches!(
            decided(serde_json::json!({}), &silent, 0),
            Decision::Ring {
                answer_after: None,
                ..
            }
        ));
    }

    #[test]
    fn call_back_of_an_emergency_call_always_rings() {
        let features: Features = serde_json::from_value(serde_json::json!({
            "do_not_disturb": true, "reject_anonymous": true, "call_waiting": false, "forward": {"always": "1"},
        }))
        .unwrap();
        let hidden = facts("<sip:anonymous@anonymous.invalid>;tag=a", &[], true);
        let arrival = Arrival {
            facts: &hidden,
            others: 4,
            takes_place: false,
            awaits_rescue: true,
        };
        assert!(matches!(
            decide(&features, &"sip:1001@pbx".parse().unwrap(), &arrival),
            Decision::Ring { .. }
        ));
    }
}
