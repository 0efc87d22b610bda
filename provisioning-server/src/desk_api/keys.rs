//! `POST /v1/desk/keys`: the desk, known by its present key, takes new ones.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::enrolment::{MAX_ENROL_BYTES, RotateKeys};

use super::authorization::desk_of;
use crate::problem_answer::ProblemAnswer;
use crate::request_body;
use crate::service::Service;

/// 204: from now on only the new keys count, and the next generation is sealed to them.
pub(super) async fn keys(
    request: HttpRequest,
    payload: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, ProblemAnswer> {
    let desk = desk_of(&request, &service).await?;
    let wanted: RotateKeys = request_body::read_json(payload, MAX_ENROL_BYTES).await?;
    service.rotate_keys(&desk.id, &wanted).await?;
    Ok(HttpResponse::NoContent().finish())
}
