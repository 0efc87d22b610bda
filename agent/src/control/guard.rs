//! Who may use the local API: pure.
//!
//! Loopback alone keeps nobody out: a web page in the user's browser can send requests there (CSRF), a name
//! it controls can point there (DNS rebinding), and other users share the machine. So three things are asked
//! for: a `Host` that is loopback, no sign of a foreign page, and the token of the 0600 file.

use carillon_schemas::Problem;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest as _, Sha256};

/// Lets a request in, or says why not.
///
/// # Errors
/// The problem document of the refusal.
pub(super) fn admit(headers: &HeaderMap, token: &str) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or_default());
    if !text(HOST.as_str()).is_some_and(is_loopback) {
        return Err(Problem::new(
            403,
            "host-not-local",
            "Not addressed to this machine",
            "the request's Host is not 127.0.0.1, [::1] or localhost",
        )
        .advise("use the address in control.json"));
    }
    let foreign_fetch =
        text("sec-fetch-site").is_some_and(|site| !matches!(site, "none" | "same-origin"));
    if headers.contains_key(ORIGIN) || foreign_fetch {
        return Err(Problem::new(
            403,
            "foreign-origin",
            "Sent by a web page",
            "the request comes from a page in a browser, which may not use this API",
        ));
    }
    let given = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    if !given.is_some_and(|given| same(given, token)) {
        return Err(Problem::new(
            401,
            "wrong-token",
            "Token missing or wrong",
            "the request's bearer token is not the one of this agent",
        )
        .advise("read it anew from control.json in the state folder: it changes with each start"));
    }
    Ok(())
}

/// Compares digests: where two of them differ says nothing about the token.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(token.as_bytes())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(hyper::header::HeaderName, hyper::header::HeaderValue)>>()
            .into_iter()
            .collect()
    }

    const HOST_OK: (&str, &str) = ("host", "127.0.0.1:4711");
    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn the_owner_gets_in() {
        for host in [
            "127.0.0.1:4711",
            "[::1]:4711",
            "localhost",
            "LOCALHOST:1",
            "[::1]",
        ] {
            assert_eq!(
                admit(&headers(&[("host", host), TOKEN]), "secret"),
                Ok(()),
                "{host}"
            );
        }
        let own_page = headers(&[HOST_OK, TOKEN, ("sec-fetch-site", "none")]);
        assert_eq!(admit(&own_page, "secret"), Ok(()));
    }

    #[test]
    fn everyone_else_stays_out() {
        for (list, status, word) in [
            (vec![HOST_OK], 401, "wrong-token"),
            (
                vec![HOST_OK, ("authorization", "Bearer Secret")],
                401,
                "wrong-token",
            ),
            (
                vec![HOST_OK, ("authorization", "Basic secret")],
                401,
                "wrong-token",
            ),
            (vec![TOKEN], 403, "host-not-local"),
            (
                vec![("host", "rebound.example:4711"), TOKEN],
                403,
                "host-not-local",
            ),
            (
                vec![("host", "127.0.0.1.evil.example"), TOKEN],
                403,
                "host-not-local",
            ),
            (
                vec![("host", "127.0.0.1@evil.example"), TOKEN],
                403,
                "host-not-local",
            ),
            (
                vec![HOST_OK, TOKEN, ("origin", "https://evil.example")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, TOKEN, ("origin", "null")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, TOKEN, ("sec-fetch-site", "cross-site")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, TOKEN, ("sec-fetch-site", "same-site")],
                403,
                "foreign-origin",
            ),
        ] {
            let problem = admit(&headers(&list), "secret").unwrap_err();
            assert_eq!((problem.status, problem.word()), (status, word), "{list:?}");
        }
    }
}
