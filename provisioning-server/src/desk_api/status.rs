//! `PUT /v1/desk/status`.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::status::{MAX_STATUS_BYTES, StatusReport};

use super::authorization::desk_of;
use crate::metrics::{Metrics, Outcome};
use crate::problem_answer::ProblemAnswer;
use crate::request_body;
use crate::service::Service;

/// Answers once the report is stored.
pub(super) async fn status(
    request: HttpRequest,
    payload: Payload,
    service: Data<Service>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, ProblemAnswer> {
    let done = answer(&request, payload, &service).await;
    metrics.reported(match &done {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::of_status(error.problem().status),
    });
    done
}

async fn answer(
    request: &HttpRequest,
    payload: Payload,
    service: &Service,
) -> Result<HttpResponse, ProblemAnswer> {
    let desk = desk_of(request, service).await?;
    let report: StatusReport = request_body::read_json(payload, MAX_STATUS_BYTES).await?;
    let answer = service.report(&desk.id, report).await?;
    Ok(HttpResponse::Ok().json(answer))
}
