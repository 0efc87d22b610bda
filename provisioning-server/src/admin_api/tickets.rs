//! `/v1/admin/tickets`.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::authorization::{reader, writer};
use super::bodies::{self, TicketAnswer, TicketWanted};
use crate::problem_answer::ProblemAnswer;
use crate::service::{NewTicket, Service};

type Answer = Result<HttpResponse, ProblemAnswer>;

pub(super) async fn list(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    Ok(HttpResponse::Ok().json(service.tickets().await?))
}

pub(super) async fn make(request: HttpRequest, payload: Payload, service: Data<Service>) -> Answer {
    let actor = writer(&request, &service).await?;
    let wanted: TicketWanted = bodies::read(payload).await?;
    let made = service
        .new_ticket(
            &actor,
            NewTicket {
                desk: wanted.desk,
                life: Duration::from_secs(wanted.expires_in),
                uses: wanted.uses,
            },
        )
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(TicketAnswer {
            id: made.id,
            ticket: made.ticket.to_string(),
            expires: made.expires,
        }))
}
