//! Who may use the local API: pure.
//!
//! Loopback alone keeps nobody out: a web page in the user's browser can send requests there (CSRF), a name
//! it controls can point there (DNS rebinding), and other users share the machine. So three things are asked
//! for: a `Host` that is loopback, no sign of a foreign page, and the token of the 0600 file. The one page that
//! may is the panel's own, with the cookie and the key of its session in place of the token.

use std::time::Instant;

use carillon_schemas::Problem;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use sha2::{Digest as _, Sha256};

use crate::panel::{Presence, Sessions};

/// The header in which the panel's page shows the key of its session.
pub(super) const PANEL_KEY: &str = "carillon-panel";

/// Who sent a request, as far as the browser tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// No page.
    Program,
    /// The panel's own page, or one that was served from the same address.
    OwnPage,
}

/// Lets a request in, or says why not. A page's session counts as used for as long as what this gives is kept.
///
/// # Errors
/// The problem document of the refusal.
pub(super) fn admit(
    headers: &HeaderMap,
    token: &str,
    sessions: &Sessions,
    cookie: &str,
) -> Result<Option<Presence>, Problem> {
    if sender(headers)? == Sender::OwnPage {
        let cookie = cookie_of(headers, cookie).unwrap_or_default();
        let key = text(headers, PANEL_KEY).unwrap_or_default();
        let present = sessions.present(cookie, key, Instant::now());
        return present.map(Some).ok_or_else(|| {
            Problem::new(
                401,
                "signed-out",
                "Not signed in",
                "this page's session has ended, or the agent was started anew",
            )
            .advise("open the panel again with 'carillon open'")
        });
    }
    let given = text(headers, AUTHORIZATION.as_str()).and_then(|v| v.strip_prefix("Bearer "));
    if !given.is_some_and(|given| same(given, token)) {
        return Err(Problem::new(
            401,
            "wrong-token",
            "Token missing or wrong",
            "the request's bearer token is not the one of this agent",
        )
        .advise("read it anew from control.json in the state folder: it changes with each start"));
    }
    Ok(None)
}

/// Who sent a request, when it is addressed to this machine and comes from no foreign page.
///
/// # Errors
/// The problem document of the refusal.
pub(super) fn sender(headers: &HeaderMap) -> Result<Sender, Problem> {
    let host = local_host(headers)?;
    let site = text(headers, "sec-fetch-site");
    let origin = text(headers, ORIGIN.as_str());
    let own_origin = origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    match site {
        None | Some("none") if origin.is_none() => Ok(Sender::Program),
        None | Some("same-origin") if own_origin => Ok(Sender::OwnPage),
        _ => Err(Problem::new(
            403,
            "foreign-origin",
            "Sent by a web page",
            "the request comes from a page in a browser, which may not use this API",
        )),
    }
}

/// The request's `Host`, when it is this machine's loopback.
///
/// # Errors
/// The problem document of the refusal.
pub(super) fn local_host(headers: &HeaderMap) -> Result<&str, Problem> {
    text(headers, HOST.as_str())
        .filter(|host| is_loopback(host))
        .ok_or_else(|| {
            Problem::new(
                403,
                "host-not-local",
                "Not addressed to this machine",
                "the request's Host is not 127.0.0.1, [::1] or localhost",
            )
            .advise("use the address in control.json")
        })
}

/// The value of a cookie.
pub(super) fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split("; "))
        .filter_map(|pair| pair.split_once('='))
        .find(|(given, _)| *given == name)
        .map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|v| v.to_str().unwrap_or_default())
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
    const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4711");
    const SAME_SITE_OK: (&str, &str) = ("sec-fetch-site", "same-origin");

    fn admitted(list: &[(&'static str, &str)], sessions: &Sessions) -> Result<bool, Problem> {
        admit(&headers(list), "secret", sessions, "panel-4711").map(|present| present.is_some())
    }

    #[test]
    fn the_owner_gets_in() {
        let nobody = Sessions::default();
        for host in [
            "127.0.0.1:4711",
            "[::1]:4711",
            "localhost",
            "LOCALHOST:1",
            "[::1]",
        ] {
            let admitted = admitted(&[("host", host), TOKEN], &nobody);
            assert_eq!(admitted, Ok(false), "{host}");
        }
        let typed = [HOST_OK, TOKEN, ("sec-fetch-site", "none")];
        assert_eq!(admitted(&typed, &nobody), Ok(false));
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
            // A page that learned the token is a page all the same.
            (vec![HOST_OK, TOKEN, OWN], 401, "signed-out"),
            (vec![HOST_OK, TOKEN, SAME_SITE_OK], 401, "signed-out"),
        ] {
            let problem = admitted(&list, &Sessions::default()).unwrap_err();
            assert_eq!((problem.status, problem.word()), (status, word), "{list:?}");
        }
    }

    #[test]
    fn the_panels_own_page_gets_in_with_cookie_and_key_and_from_nowhere_else() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let code = sessions.invite(now).unwrap();
        let entry = sessions.enter(&code, now).unwrap().unwrap();
        let cookie = format!("other=1; panel-4711={}", entry.cookie.as_str());
        let cookie = ("cookie", cookie.as_str());
        let key = (PANEL_KEY, entry.key.as_str());
        for by in [vec![OWN], vec![SAME_SITE_OK], vec![OWN, SAME_SITE_OK]] {
            let mut list = vec![HOST_OK, cookie, key];
            list.extend(by);
            assert_eq!(admitted(&list, &sessions), Ok(true), "{list:?}");
        }
        let wrong_name = format!("panel-4712={}", entry.cookie.as_str());
        for (list, status, word) in [
            (vec![HOST_OK, key, OWN], 401, "signed-out"),
            (vec![HOST_OK, cookie, OWN], 401, "signed-out"),
            (
                vec![HOST_OK, ("cookie", wrong_name.as_str()), key, OWN],
                401,
                "signed-out",
            ),
            (
                vec![("host", "rebound.example:4711"), cookie, key, OWN],
                403,
                "host-not-local",
            ),
            // Another program's page on this very machine.
            (
                vec![HOST_OK, cookie, key, ("origin", "http://127.0.0.1:8080")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, cookie, key, ("origin", "https://127.0.0.1:4711")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, cookie, key, ("sec-fetch-site", "same-site")],
                403,
                "foreign-origin",
            ),
            (
                vec![HOST_OK, cookie, key, OWN, ("sec-fetch-site", "cross-site")],
                403,
                "foreign-origin",
            ),
            // Without a word of the browser on where it comes from, it is no page of ours.
            (vec![HOST_OK, cookie, key], 401, "wrong-token"),
        ] {
            let problem = admitted(&list, &sessions).unwrap_err();
            assert_eq!((problem.status, problem.word()), (status, word), "{list:?}");
        }
        sessions.leave(&entry.cookie, now);
        let problem = admitted(&[HOST_OK, cookie, key, OWN], &sessions).unwrap_err();
        assert_eq!(problem.word(), "signed-out");
    }
}
