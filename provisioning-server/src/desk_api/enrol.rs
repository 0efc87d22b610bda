//! `POST /v1/enrol`.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::enrolment::{EnrolRequest, MAX_ENROL_BYTES};

use crate::metrics::{Metrics, Outcome};
use crate::problem_answer::ProblemAnswer;
use crate::request_body;
use crate::service::Service;

/// 201 for a desk that enrols, 200 when the same enrolment was answered before.
pub(super) async fn enrol(
    request: HttpRequest,
    payload: Payload,
    service: Data<Service>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, ProblemAnswer> {
    let done = answer(&request, payload, &service).await;
    metrics.enrolled(match &done {
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
    let wanted: EnrolRequest = request_body::read_json(payload, MAX_ENROL_BYTES).await?;
    let from = request.peer_addr().map(|address| address.ip());
    let enrolled = service.enrol(&wanted, from).await?;
    let mut answer = match enrolled.again {
        false => HttpResponse::Created(),
        true => HttpResponse::Ok(),
    };
    Ok(answer.json(&enrolled.answer))
}
