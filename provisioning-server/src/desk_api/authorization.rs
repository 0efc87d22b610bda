//! `Authorization: Bearer` of a desk's request.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use carillon_schemas::desk_token::TokenError;

use crate::problem_answer::ProblemAnswer;
use crate::service::{Service, ServiceError, VerifiedDesk};

/// The desk that a request is from.
pub(super) async fn desk_of(
    request: &HttpRequest,
    service: &Service,
) -> Result<VerifiedDesk, ProblemAnswer> {
    let token = bearer(request).ok_or(ServiceError::Token(TokenError::Malformed(
        "the request carries none (Authorization: Bearer)",
    )))?;
    Ok(service.verify_desk(token).await?)
}

/// The bearer token of a request (RFC 6750 §2.1).
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}
