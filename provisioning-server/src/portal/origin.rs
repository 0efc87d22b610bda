//! Whether a request that changes something came from our own page (OWASP: cross-site request forgery).
//!
//! First what the browser says of itself (`Sec-Fetch-Site`, else `Origin`), then the token of the session, which
//! `session` checks.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};

/// Whether the browser says that one of our own pages sent this. One that says nothing is not believed.
pub(super) fn is_our_page(request: &HttpRequest) -> bool {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or(""))
    };
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin";
    }
    // An HTTP/2 request has its host in the address.
    let host = header(HOST.as_str()).or_else(|| {
        request
            .uri()
            .authority()
            .map(|authority| authority.as_str())
    });
    match (header(ORIGIN.as_str()), host) {
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, of)| of.eq_ignore_ascii_case(host)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn asked(headers: &[(&'static str, &'static str)]) -> bool {
        let mut request = TestRequest::post();
        for header in headers {
            request = request.insert_header(*header);
        }
        is_our_page(&request.to_http_request())
    }

    #[test]
    fn our_own_page_is_believed() {
        assert!(asked(&[("sec-fetch-site", "same-origin"), ("host", "a:1")]));
        assert!(asked(&[("origin", "https://a:1"), ("host", "a:1")]));
    }

    #[test]
    fn another_site_is_not() {
        assert!(!asked(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://a:1"),
            ("host", "a:1")
        ]));
        assert!(!asked(&[("sec-fetch-site", "same-site"), ("host", "a:1")]));
        assert!(!asked(&[("origin", "https://b:1"), ("host", "a:1")]));
        assert!(!asked(&[("origin", "null"), ("host", "a:1")]));
        assert!(!asked(&[("host", "a:1")]));
        assert!(!asked(&[]));
    }
}
