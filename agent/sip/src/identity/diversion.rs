//! By whom a call was sent on: Diversion (RFC 5806), else History-Info (RFC 7044).

use crate::message::{HeaderName, Headers, NameAddr};

/// The most diversions kept.
const MAX_DIVERSIONS: usize = 10;

/// Somebody who sent a call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// Who.
    pub by: NameAddr,
    /// Why, such as `user-busy`, `no-answer`, `unconditional`, or a status.
    pub reason: Option<String>,
}

/// The last diversion first.
pub(super) fn read(headers: &Headers) -> Vec<Diverted> {
    let read = |name: HeaderName| headers.values(name).unwrap_or_default();
    let diversions: Vec<Diverted> = read(HeaderName::Diversion)
        .iter()
        .filter_map(|value| value.parse::<NameAddr>().ok())
        .take(MAX_DIVERSIONS)
        .map(|by| Diverted {
            reason: by.params.unquoted("reason").map(|text| short(&text)),
            by,
        })
        .collect();
    if !diversions.is_empty() {
        return diversions;
    }
    let history: Vec<NameAddr> = read(HeaderName::HistoryInfo)
        .iter()
        .filter_map(|value| value.parse().ok())
        .collect();
    // Each entry but the last was left for the one after it; the cause stands with the target it led to (§10.2), or, as
    // RFC 4244 had it, as a Reason in the one that was left.
    let mut left: Vec<Diverted> = history
        .windows(2)
        .filter_map(|pair| {
            let (from, to) = (&pair[0], &pair[1]);
            let cause = to
                .sip()
                .and_then(|uri| uri.params.get("cause"))
                .map(short)
                .or_else(|| reason_in(from));
            let moved = cause.is_some() || to.params.has("mp");
            moved.then(|| Diverted {
                by: from.clone(),
                reason: cause,
            })
        })
        .collect();
    left.reverse();
    left.truncate(MAX_DIVERSIONS);
    left
}

/// `?Reason=SIP%3Bcause%3D302`
fn reason_in(address: &NameAddr) -> Option<String> {
    let headers = address.sip()?.headers.as_deref()?;
    let reason = headers
        .split('&')
        .find_map(|header| header.strip_prefix("Reason="))?;
    let at = reason.to_ascii_lowercase().find("cause%3d")?;
    let digits: String = reason[at + "cause%3d".len()..]
        .chars()
        .take_while(char::is_ascii_digit)
        .take(3)
        .collect();
    (!digits.is_empty()).then_some(digits)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diverted(name: HeaderName, value: &str) -> Vec<(String, Option<String>)> {
        let mut headers = Headers::new();
        headers.push(name, value);
        read(&headers)
            .into_iter()
            .map(|diverted| (diverted.by.label(), diverted.reason))
            .collect()
    }

    #[test]
    fn reads_both_kinds() {
        let reason = |text: &str| Some(text.to_owned());
        assert_eq!(
            diverted(
                HeaderName::Diversion,
                "<sip:bob@x>;reason=user-busy;counter=1, \"Al\" <sip:al@x>;reason=no-answer"
            ),
            [
                ("bob".into(), reason("user-busy")),
                ("Al".into(), reason("no-answer"))
            ]
        );
        assert_eq!(
            diverted(
                HeaderName::HistoryInfo,
                "<sip:al@x>;index=1, <sip:bob@x?Reason=SIP%3Bcause%3D486>;index=1.1, <sip:eve@x;cause=302>;index=1.2;mp=1"
            ),
            [("bob".into(), reason("302"))]
        );
        assert_eq!(
            diverted(
                HeaderName::HistoryInfo,
                "<sip:bob@x?Reason=SIP%3Bcause%3D486>;index=1, <sip:eve@x>;index=2"
            ),
            [("bob".into(), reason("486"))]
        );
        assert_eq!(diverted(HeaderName::HistoryInfo, "<sip:bob@x>;index=1"), []);
        let many = ["<sip:bob@x>;reason=away"; 40].join(", ");
        assert_eq!(diverted(HeaderName::Diversion, &many).len(), MAX_DIVERSIONS);
    }
}
