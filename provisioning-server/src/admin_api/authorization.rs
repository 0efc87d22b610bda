//! Who asks, and what they may.

use actix_web::HttpRequest;
use carillon_schemas::Problem;

use crate::desk_api::authorization::bearer;
use crate::fleet::Actor;
use crate::problem_answer::ProblemAnswer;
use crate::service::Service;
use crate::store::Scope;

/// Someone who may look.
pub(super) async fn reader(
    request: &HttpRequest,
    service: &Service,
) -> Result<Actor, ProblemAnswer> {
    holder(request, service, Scope::Read).await
}

/// Someone who may change.
pub(super) async fn writer(
    request: &HttpRequest,
    service: &Service,
) -> Result<Actor, ProblemAnswer> {
    holder(request, service, Scope::Write).await
}

async fn holder(
    request: &HttpRequest,
    service: &Service,
    needed: Scope,
) -> Result<Actor, ProblemAnswer> {
    let known = match bearer(request) {
        Some(token) => service.admin_token(token).await?,
        None => None,
    };
    let Some(token) = known else {
        return Err(Problem::new(
            401,
            "admin-token-bad",
            "The admin token is refused",
            match bearer(request) {
                Some(_) => "no such admin token is in force: it is mistyped, expired or withdrawn",
                None => "the request carries no admin token (Authorization: Bearer)",
            },
        )
        .advise("use the one in the data folder's admin.token, or make one with 'carillon-server admin token new'")
        .into());
    };
    if needed == Scope::Write && token.scope != Scope::Write {
        return Err(Problem::new(
            403,
            "admin-token-scope",
            "The admin token may only look",
            format!("token {} ({:?}) has scope 'read'", token.id, token.name),
        )
        .advise("use a token of scope 'write'")
        .into());
    }
    Ok(Actor {
        name: format!("token:{}", token.name),
        address: request.peer_addr().map(|a| a.ip().to_string()),
    })
}
