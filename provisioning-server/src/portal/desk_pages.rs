//! `/desks/{id}`: the page of one desk, and what can be done on it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::{AccountId, DeskId, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::clock::Clock;
use super::desk_view::{DeskPageTemplate, DeskView, TicketView};
use super::frame::{Frame, Place};
use super::session::SignedIn;
use super::trouble::Trouble;
use super::{page, said_to_person, see_other};
use crate::service::{NewTicket, Service};
use crate::store::DeskRef;

/// How long a ticket made here may be used.
const TICKET_LIFE: Duration = Duration::from_secs(3 * 86_400);

/// The query of the page: what was just done, from a fixed list.
#[derive(Deserialize, Default)]
struct Asked {
    done: Option<String>,
}

/// The form of a new password. No `Debug`.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    csrf: String,
    account: String,
    password: Zeroizing<String>,
}

/// The form that makes a ticket.
#[derive(Deserialize)]
pub(super) struct MakeTicket {
    csrf: String,
}

/// `GET /desks/{id}`.
pub(super) async fn show(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Trouble> {
    let signed_in = SignedIn::for_page(&request, &service).await?;
    let asked = Query::<Asked>::from_query(request.query_string())
        .map(Query::into_inner)
        .unwrap_or_default();
    let done = match asked.done.as_deref() {
        Some("added") => Some("The desk is added. Next, make its ticket below."),
        Some("account") => Some("The account is added."),
        Some("password") => Some("The new password is on its way to the desk."),
        _ => None,
    };
    let id = read_id(&path)?;
    desk_page(
        &signed_in,
        &service,
        &id,
        StatusCode::OK,
        Extra {
            done,
            ..Extra::default()
        },
    )
    .await
}

/// `GET` where only forms are sent: the desk.
pub(super) async fn back(path: Path<(String, String)>) -> Result<HttpResponse, Trouble> {
    Ok(see_other(&format!("/desks/{}", read_id(&path.0)?)))
}

/// `POST /desks/{id}/password`.
pub(super) async fn set_password(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
    form: Result<Form<NewPassword>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    let form = form.map_err(|_| Trouble::Unreadable)?.into_inner();
    let signed_in = SignedIn::for_form(&request, &service, &form.csrf).await?;
    let id = read_id(&path)?;
    let account: AccountId = form.account.parse().map_err(|_| Trouble::Unreadable)?;
    let set = match Secret::new(form.password.to_string()) {
        Ok(secret) => {
            let done = service
                .set_password(
                    &signed_in.actor(&request),
                    DeskRef::Id(&id),
                    &account,
                    secret,
                )
                .await;
            said_to_person(done.map(|_| ()))?
        }
        Err(error) => Err(format!("Password: {error}")),
    };
    match set {
        Ok(()) => Ok(see_other(&format!("/desks/{id}?done=password"))),
        Err(problem) => {
            let extra = Extra {
                problem: Some(problem),
                ..Extra::default()
            };
            desk_page(
                &signed_in,
                &service,
                &id,
                StatusCode::UNPROCESSABLE_ENTITY,
                extra,
            )
            .await
        }
    }
}

/// `POST /desks/{id}/ticket`. The answer shows the ticket; nothing shows it again.
pub(super) async fn make_ticket(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
    form: Result<Form<MakeTicket>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    let form = form.map_err(|_| Trouble::Unreadable)?;
    let signed_in = SignedIn::for_form(&request, &service, &form.csrf).await?;
    let id = read_id(&path)?;
    let desk = service.desk_row(&id).await?.ok_or(Trouble::NotFound)?;
    let wanted = NewTicket {
        desk: Some(desk.name),
        life: TICKET_LIFE,
        uses: 1,
    };
    let made = service.new_ticket(&signed_in.actor(&request), wanted).await;
    let (status, extra) = match said_to_person(made)? {
        Ok(made) => {
            let ticket = TicketView {
                text: made.ticket,
                expires: made.expires,
            };
            (
                StatusCode::OK,
                Extra {
                    ticket: Some(ticket),
                    ..Extra::default()
                },
            )
        }
        Err(problem) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Extra {
                problem: Some(problem),
                ..Extra::default()
            },
        ),
    };
    desk_page(&signed_in, &service, &id, status, extra).await
}

/// What the page shows once, beside the desk.
#[derive(Default)]
struct Extra {
    done: Option<&'static str>,
    problem: Option<String>,
    ticket: Option<TicketView>,
}

async fn desk_page(
    signed_in: &SignedIn,
    service: &Service,
    id: &DeskId,
    status: StatusCode,
    extra: Extra,
) -> Result<HttpResponse, Trouble> {
    let desk = service.desk(id).await?.ok_or(Trouble::NotFound)?;
    let now = Clock::now();
    let desk = DeskView::of(&desk, now.time());
    let frame = Frame::new(signed_in.visitor(), Place::Elsewhere, now);
    let Extra {
        done,
        problem,
        ticket,
    } = extra;
    let template = DeskPageTemplate {
        frame: &frame,
        desk: &desk,
        done,
        problem: problem.as_deref(),
        ticket: ticket.as_ref(),
        now,
    };
    page(status, &template)
}

fn read_id(path: &str) -> Result<DeskId, Trouble> {
    path.parse().map_err(|_| Trouble::NotFound)
}
