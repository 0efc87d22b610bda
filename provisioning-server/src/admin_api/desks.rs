//! `/v1/admin/desks`.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::authorization::{reader, writer};
use super::bodies::{self, NewDesk};
use crate::problem_answer::ProblemAnswer;
use crate::service::{Service, ServiceError};
use crate::store::DeskRef;

type Answer = Result<HttpResponse, ProblemAnswer>;

pub(super) async fn list(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    Ok(HttpResponse::Ok().json(service.desks().await?))
}

pub(super) async fn add(request: HttpRequest, payload: Payload, service: Data<Service>) -> Answer {
    let actor = writer(&request, &service).await?;
    let wanted: NewDesk = bodies::read(payload).await?;
    let row = service.add_desk(&actor, &wanted.name).await?;
    Ok(HttpResponse::Created().json(row))
}

pub(super) async fn show(
    request: HttpRequest,
    desk: Path<String>,
    service: Data<Service>,
) -> Answer {
    reader(&request, &service).await?;
    let unknown = || ServiceError::NoDesk(desk.chars().take(80).collect());
    let id = service.desk_id(&desk).await?.ok_or_else(unknown)?;
    let page = service.desk(&id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(page))
}

pub(super) async fn remove(
    request: HttpRequest,
    desk: Path<String>,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    service.remove_desk(&actor, DeskRef::Name(&desk)).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn revoke(
    request: HttpRequest,
    desk: Path<String>,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    let row = service.revoke_desk(&actor, DeskRef::Name(&desk)).await?;
    Ok(HttpResponse::Ok().json(row))
}
