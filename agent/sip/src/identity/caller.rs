//! Who calls, as far as an INVITE says, and who vouches for it.

use super::auto_answer::AutoAnswer;
use super::diversion::{self, Diverted};
use crate::message::{AddrSpec, HeaderName, NameAddr, Request};

/// What an INVITE says of its caller. What only a trusted proxy may say is empty when it came from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerFacts {
    /// Whom to show: the asserted identity, else the remote party, else From.
    pub shown: NameAddr,
    /// Whether our own proxy vouches for `shown`.
    pub asserted: bool,
    /// The caller hides who they are.
    pub anonymous: bool,
    /// What a proxy found of the caller's signature.
    pub verification: Option<Verification>,
    /// By whom the call was sent on before, the last first.
    pub diverted: Vec<Diverted>,
    /// The caller wants to be answered without a hand.
    pub auto_answer: Option<AutoAnswer>,
    /// Whether it came from our own registrar or proxy.
    pub from_proxy: bool,
}

/// The verdict of STIR on a caller's number, as the `verstat` parameter carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The signature is good.
    Passed,
    /// There is one, and it is not.
    Failed,
    /// There is none.
    Absent,
}

impl CallerFacts {
    /// Reads an INVITE. `trusted`: it came from our own registrar or proxy.
    #[must_use]
    pub fn read(request: &Request, trusted: bool) -> Self {
        let headers = &request.headers;
        let address = |name: HeaderName| {
            let values = headers.values(name).ok()?;
            let mut all = values.iter().filter_map(|value| value.parse().ok());
            // A telephone number is shown rather than the SIP address beside it.
            all.next().map(|first: NameAddr| {
                match all.find(|other: &NameAddr| is_tel(other) && !is_tel(&first)) {
                    Some(tel) if first.display_name.is_none() => tel,
                    _ => first,
                }
            })
        };
        let from = headers
            .text(HeaderName::From)
            .and_then(|from| from.parse::<NameAddr>().ok())
            .unwrap_or_else(|| NameAddr::new(AddrSpec::Other(String::new())));
        let asserted = trusted
            .then(|| address(HeaderName::PAssertedIdentity))
            .flatten();
        let remote_party = trusted
            .then(|| address(HeaderName::RemotePartyId))
            .flatten();
        let hidden = is_anonymous(&from) && asserted.is_none() && remote_party.is_none();
        let private = asks_privacy(headers)
            || remote_party.as_ref().is_some_and(|party| {
                party
                    .params
                    .unquoted("privacy")
                    .is_some_and(|privacy| privacy.split([',', '-']).any(|word| word != "off"))
            });
        let anonymous = hidden || private;
        let verification = trusted
            .then(|| {
                asserted
                    .iter()
                    .chain([&from])
                    .find_map(|address| verification(&address.to_string()))
            })
            .flatten();
        let vouched = asserted.or(remote_party);
        Self {
            asserted: vouched.is_some() && !anonymous,
            shown: if anonymous && !is_anonymous(&from) {
                NameAddr {
                    display_name: Some("Anonymous".to_owned()),
                    ..NameAddr::new(AddrSpec::Other("anonymous".to_owned()))
                }
            } else {
                vouched.filter(|_| !anonymous).unwrap_or(from)
            },
            anonymous,
            verification,
            diverted: if trusted {
                diversion::read(headers)
            } else {
                Vec::new()
            },
            auto_answer: AutoAnswer::read(headers),
            from_proxy: trusted,
        }
    }
}

fn is_tel(address: &NameAddr) -> bool {
    matches!(&address.uri, AddrSpec::Other(text) if text.starts_with("tel:"))
}

/// `sip:anonymous@anonymous.invalid`, or as others write it.
fn is_anonymous(address: &NameAddr) -> bool {
    let Some(uri) = address.sip() else {
        return false;
    };
    let user = uri.decoded_user().unwrap_or_default();
    uri.host
        .to_string()
        .eq_ignore_ascii_case("anonymous.invalid")
        || ["anonymous", "restricted", "unavailable"]
            .iter()
            .any(|word| user.eq_ignore_ascii_case(word))
}

/// Privacy asks that the caller be not shown (RFC 3323 §4.2, RFC 3325 §9.3).
fn asks_privacy(headers: &crate::message::Headers) -> bool {
    headers.all(HeaderName::Privacy).any(|value| {
        String::from_utf8_lossy(value)
            .split([';', ','])
            .any(|word| matches!(word.trim(), "id" | "user" | "header"))
    })
}

/// `verstat` stands in the user part, the URI or the header, by who wrote it (3GPP TS 24.229 §7.2A.20).
fn verification(address: &str) -> Option<Verification> {
    let at = address.find("verstat=")?;
    let value = &address[at + "verstat=".len()..];
    let end = value
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .unwrap_or(value.len());
    match &value[..end] {
        value if value.starts_with("TN-Validation-Passed") => Some(Verification::Passed),
        value if value.starts_with("TN-Validation-Failed") => Some(Verification::Failed),
        value if value.starts_with("No-TN-Validation") => Some(Verification::Absent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Method, Uri};

    fn facts(from: &str, lines: &[(HeaderName, &str)], trusted: bool) -> CallerFacts {
        let mut request = Request::new(Method::Invite, "sip:a@x".parse::<Uri>().unwrap());
        request.headers.push(HeaderName::From, from);
        for (name, value) in lines {
            request.headers.push(*name, value);
        }
        CallerFacts::read(&request, trusted)
    }

    const PAI: (HeaderName, &str) = (
        HeaderName::PAssertedIdentity,
        "\"Boss\" <sip:boss@example.org;verstat=TN-Validation-Passed>",
    );

    #[test]
    fn only_a_trusted_proxy_may_vouch() {
        let shown = |trusted| facts("<sip:1@x>;tag=a", &[PAI], trusted);
        assert_eq!(shown(true).shown.label(), "Boss");
        assert!(shown(true).asserted);
        assert_eq!(shown(true).verification, Some(Verification::Passed));
        assert_eq!(shown(false).shown.label(), "1");
        assert!(!shown(false).asserted);
        assert_eq!(shown(false).verification, None);
        let party = (
            HeaderName::RemotePartyId,
            "\"Desk\" <sip:2@x>;party=calling;privacy=off",
        );
        assert_eq!(facts("<sip:1@x>", &[party], true).shown.label(), "Desk");
        assert_eq!(facts("<sip:1@x>", &[party], false).shown.label(), "1");
    }

    #[test]
    fn hidden_callers_are_hidden_also_from_us() {
        let hidden = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a";
        assert!(facts(hidden, &[], true).anonymous);
        assert!(
            !facts(hidden, &[PAI], true).anonymous,
            "the proxy says who it is"
        );
        let private = facts(
            "<sip:1@x>",
            &[PAI, (HeaderName::Privacy, "id; critical")],
            true,
        );
        assert!(private.anonymous);
        assert_eq!(private.shown.label(), "Anonymous");
        let party = (HeaderName::RemotePartyId, "<sip:2@x>;privacy=full");
        assert!(facts("<sip:1@x>", &[party], true).anonymous);
        assert!(!facts("<sip:1@x>", &[(HeaderName::Privacy, "none")], true).anonymous);
    }

    #[test]
    fn verdicts_are_read_wherever_they_stand() {
        for (address, wanted) in [
            (
                "<sip:+1215;verstat=TN-Validation-Failed@x;user=phone>",
                Some(Verification::Failed),
            ),
            (
                "<tel:+1215;verstat=No-TN-Validation>",
                Some(Verification::Absent),
            ),
            (
                "<tel:+1215>;verstat=TN-Validation-Passed-A",
                Some(Verification::Passed),
            ),
            ("<tel:+1215>;verstat=odd", None),
            ("<tel:+1215>", None),
        ] {
            let line = (HeaderName::PAssertedIdentity, address);
            assert_eq!(
                facts("<sip:1@x>", &[line], true).verification,
                wanted,
                "{address}"
            );
        }
    }
}
