//! `/v1/admin/tokens`.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::authorization::{reader, writer};
use super::bodies::{self, TokenAnswer, TokenWanted};
use crate::problem_answer::ProblemAnswer;
use crate::service::Service;

type Answer = Result<HttpResponse, ProblemAnswer>;

pub(super) async fn list(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    Ok(HttpResponse::Ok().json(service.admin_tokens().await?))
}

pub(super) async fn make(request: HttpRequest, payload: Payload, service: Data<Service>) -> Answer {
    let actor = writer(&request, &service).await?;
    let wanted: TokenWanted = bodies::read(payload).await?;
    let life = wanted.expires_in.map(Duration::from_secs);
    let made = service
        .new_admin_token(&actor, &wanted.name, wanted.scope, life)
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(TokenAnswer {
            record: made.record,
            token: made.token.to_string(),
        }))
}

pub(super) async fn remove(
    request: HttpRequest,
    id: Path<String>,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    service.remove_admin_token(&actor, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
