//! What a call of ours says of its caller: nothing at all (RFC 3323), which identity it prefers (RFC 3325), where it is.

use super::location::Whereabouts;
use crate::message::{HeaderName, NameAddr, Request, Uri};

/// How a call is announced. The default says what the account is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// Neither name nor number is shown to the callee. The own proxy still learns them.
    pub hide_caller: bool,
    /// Which of the account's identities to show.
    pub preferred_identity: Option<NameAddr>,
    /// Where the caller is.
    pub location: Option<Whereabouts>,
}

impl CallOptions {
    /// Puts it into an INVITE that is otherwise complete. `mark` is a fresh token.
    pub(crate) fn dress(&self, request: &mut Request, aor: &Uri, mark: &str) {
        if let Some(location) = &self.location {
            location.dress(request, &aor.address_of_record().to_string(), mark);
        }
        let own = || NameAddr::new(aor.address_of_record());
        if !self.hide_caller {
            if let Some(identity) = &self.preferred_identity {
                request
                    .headers
                    .push(HeaderName::PPreferredIdentity, identity.to_string());
            }
            return;
        }
        let tag = request
            .headers
            .text(HeaderName::From)
            .and_then(|from| from.parse::<NameAddr>().ok())
            .and_then(|from| from.tag().map(str::to_owned))
            .unwrap_or_default();
        request.headers.set(
            HeaderName::From,
            format!("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag={tag}"),
        );
        let identity = self.preferred_identity.clone().unwrap_or_else(own);
        request
            .headers
            .push(HeaderName::PPreferredIdentity, identity.to_string());
        request.headers.push(HeaderName::Privacy, "id");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    #[test]
    fn hidden_call_keeps_its_tag_and_tells_only_the_proxy() {
        let aor: Uri = "sip:1001@example.org".parse().unwrap();
        let mut request = Request::new(Method::Invite, "sip:b@x".parse::<Uri>().unwrap());
        request
            .headers
            .push(HeaderName::From, "\"Alice\" <sip:1001@example.org>;tag=t1");
        let options = CallOptions {
            hide_caller: true,
            ..CallOptions::default()
        };
        options.dress(&mut request, &aor, "m");
        let from = request.headers.text(HeaderName::From).unwrap();
        assert_eq!(
            from,
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=t1"
        );
        assert_eq!(request.headers.text(HeaderName::Privacy).unwrap(), "id");
        assert_eq!(
            request
                .headers
                .text(HeaderName::PPreferredIdentity)
                .unwrap(),
            "<sip:1001@example.org>"
        );
    }
}
