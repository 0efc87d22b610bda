//! The document of this API, as it is served: `agent/openapi.json`, part of the program and copied nowhere.
//!
//! A suite (`tests/tests/local_api.rs`) holds document, routes and answers equal.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};

const DOCUMENT: &str = include_str!("../../openapi.json");

pub(super) fn document() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(DOCUMENT.as_bytes())));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
